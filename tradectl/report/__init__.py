"""A run's report: the document, and the page that it becomes.

builder     records -> `documents.report.Report`: begin here
prices      each symbol's price, its largest round trips and its stops, bounded
histogram   results of round trips, in columns
limits      how near the run came to its limits
page        the document -> one self-contained HTML page
result      its first parts: the result, equity, months
breakdown   where the money was made, what it cost, every round trip
risk        exposure, drawdowns, limits; what was not traded
charts      lines, bars and dots as inline SVG
markup      text becomes markup here and nowhere else
csv_files   round trips, days, equity and the rest as CSV
"""
