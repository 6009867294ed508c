"""What was told from a file's first lines, in words for who wants to know how it is read."""

from __future__ import annotations

from msgspec import Struct

from tradectl.domain.time import MILLISECOND, SECOND
from tradectl.feeds.csv.layout import Layout
from tradectl.feeds.csv.names import AMOUNTS, NUMBERS
from tradectl.feeds.csv.opening import NAMES, Opening
from tradectl.feeds.csv.times import DAY_FIRST, ISO_8601, MONTH_FIRST, YEAR_FIRST, names_a_zone

UNITS = {
    SECOND: "s", MILLISECOND: "ms", 1_000: "us", 1: "ns", ISO_8601: "ISO 8601", YEAR_FIRST: "year first",
    DAY_FIRST: "day first", MONTH_FIRST: "month first",
}  # fmt: skip


class About(Struct, frozen=True, kw_only=True):
    """`columns`: by what they are taken for, the names that they have in the file, or their numbers."""

    kind: str
    separator: str
    header: bool
    columns: dict[str, str]
    time_unit: str
    time_zone: str
    newest_first: bool


def about(opening: Opening, layout: Layout, unit: int | None, *, newest_first: bool) -> About:
    """`unit` is that of the file's times, as far as it is known."""
    roles = [*NUMBERS[layout.kind]]
    if layout.has_amount and layout.kind in AMOUNTS:
        roles.append(AMOUNTS[layout.kind][0])
    places = {
        "time": layout.time,
        "clock": layout.clock,
        "symbol": layout.symbol,
        **dict(zip(roles, layout.numbers, strict=True)),
        "buyer_maker" if layout.of_maker else "side": layout.side,
    }
    first = next((row for row in opening.rows if len(row) == layout.width), None)
    time = layout.time_in(first) if first else ""
    return About(
        kind=layout.kind,
        separator=NAMES.get(opening.separator, opening.separator),
        header=bool(opening.header),
        columns={
            role: opening.header[place] if opening.header else str(place + 1)
            for role, place in places.items()
            if place is not None
        },
        time_unit=UNITS.get(unit, "unknown") if unit is not None else "unknown",
        time_zone=_zone(time, unit),
        newest_first=newest_first,
    )


def _zone(time: str, unit: int | None) -> str:
    if unit is not None and unit > 0:
        return "UTC, as they count from 1970"
    return "as each of them says" if names_a_zone(time) else "taken as UTC, as none is written"


__all__ = ["About", "about"]
