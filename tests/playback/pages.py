"""Rows by pages, as histories are told."""

from __future__ import annotations

from collections.abc import Mapping

from tests.playback.facts import Facts, Row, Traded

Numbered = tuple[int, Row]


def newest_first(
    facts: Facts, query: Mapping[str, str], start: str, end: str, unit: int = 1
) -> list[Numbered]:
    """Rows with their numbers, from 1 on, of the time asked for: both ends belong to it."""
    begin, until = int(query[start]) * unit, (int(query[end]) + 1) * unit
    numbered = [(n, row) for n, row in enumerate(facts.rows, 1) if begin <= row.ms < until]
    return sorted(numbered, key=lambda pair: (-pair[1].ms, -pair[0]))


def after(rows: list[Numbered], last: str | None) -> list[Numbered]:
    """What follows the row with the number `last`."""
    if not last:
        return rows
    at = next(i for i, (n, _) in enumerate(rows) if n == int(last))
    return rows[at + 1 :]


def page_of_fills(
    facts: Facts, query: Mapping[str, str], start: str, end: str, most: int, unit: int = 1
) -> list[Traded]:
    """The newest of the time asked for, as many as a page has."""
    begin = int(query.get(start, "0")) * unit
    until = (int(query[end]) + 1) * unit if end in query else 10**15
    found = [each for each in facts.traded if begin <= each.ms < until]
    return sorted(found, key=lambda each: (-each.ms, -each.number))[:most]
