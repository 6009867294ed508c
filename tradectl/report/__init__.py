"""A run's report: the document, and the page that it becomes.

builder     records -> `documents.report.Report`: begin here
prices      each symbol's price, its largest round trips and its stops, bounded
page        the document -> one self-contained HTML page
sections    the page's parts           charts    lines, bars and dots as inline SVG
markup      text becomes markup here and nowhere else
csv_files   round trips, days, equity and the rest as CSV
"""
