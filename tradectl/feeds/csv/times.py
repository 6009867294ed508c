"""Times as files spell them: whole or broken seconds, ms, us, ns since 1970, ISO 8601, or a date as
people write it, with a clock of 24 or 12 hours.

A header may say the unit (`ts_ms`); otherwise the same digits are a moment of this century in one unit
only. Whether 01/02 is in January or February is told by the file's other dates, or not at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from enum import Enum

from tradectl.domain.time import DAY, MILLISECOND, SECOND, iso

UNITS = {"s": SECOND, "ms": MILLISECOND, "us": 1_000, "ns": 1}
ISO_8601, YEAR_FIRST, DAY_FIRST, MONTH_FIRST = 0, -1, -2, -3
DATES = {"dmy": DAY_FIRST, "mdy": MONTH_FIRST}
FIRST_BITCOIN = 1_231_006_505 * SECOND
"""No crypto market is older than 2009-01-03."""
MOST_DIGITS = 20

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_CLOCK_TEXT = (
    r"(?P<hour>\d{1,2})(?::(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.](?P<fraction>\d{1,9}))?)?)?"
    r"(?:[ -]?(?P<half>[AP])M)?"
)
_CLOCK = re.compile(rf"(?=.*[:ap]){_CLOCK_TEXT}|\d{{5,6}}", re.ASCII | re.IGNORECASE)
_DATE_TEXT = r"(?P<a>\d{1,4})(?P<by>[-./])(?P<b>\d{1,2})(?P=by)(?P<c>\d{1,4})"
_DATE = re.compile(rf"{_DATE_TEXT}|\d{{8}}", re.ASCII)
_WRITTEN = re.compile(
    rf"{_DATE_TEXT}(?:(?:T|,? ){_CLOCK_TEXT} ?(?:Z|UTC|GMT)?(?P<zone>[+-]\d{{2}}:?\d{{2}})?)?",
    re.ASCII | re.IGNORECASE,
)
_ZONE = re.compile(r"(Z|UTC|GMT|[+-]\d{2}(:?\d{2})?)$", re.IGNORECASE)


def unit_of(text: str, latest: int, dates: int = YEAR_FIRST) -> int:
    """The unit of `text`, in ns, such that it lies between 2009 and `latest` (ns UTC).

    ISO_8601 when it is a calendar date, or the order of `dates` for one as people write it. Raises
    ValueError when it makes sense in no way.
    """
    for unit in (*UNITS.values(), ISO_8601, dates):
        try:
            if FIRST_BITCOIN <= to_ns(text, unit) <= latest:
                return unit
        except ValueError:
            continue
    raise ValueError(
        f"no time between 2009 and {iso(latest)} in any unit (s, ms, us, ns, ISO 8601)"
    )


class Spelling(Enum):
    """What a time says."""

    MOMENT = 1
    DAY = 2
    CLOCK = 3


def spelling_of(text: str) -> Spelling | None:
    """Of a number or a written text; None for what is no time."""
    if _DATE.fullmatch(text):
        return Spelling.DAY
    if _CLOCK.fullmatch(text):
        return Spelling.CLOCK
    for unit in (1, ISO_8601, DAY_FIRST, MONTH_FIRST):
        try:
            to_ns(text, unit)
        except ValueError:
            continue
        return Spelling.MOMENT
    return None


def dates_of(texts: Iterable[str]) -> int | None:
    """Which comes first in dates that end with the year; None where they do not tell. Dates with dots
    begin with the day."""
    told: set[int] = set()
    for text in texts:
        match = _WRITTEN.fullmatch(text.strip())
        if match is None or len(match["a"]) == 4:
            continue
        if match["by"] == "." or int(match["a"]) > 12:
            told.add(DAY_FIRST)
        elif int(match["b"]) > 12:
            told.add(MONTH_FIRST)
    return told.pop() if len(told) == 1 else None


def ends_with_year(text: str) -> bool:
    """It is a date of which the order of day and month has to be known."""
    match = _WRITTEN.fullmatch(text.strip())
    return match is not None and len(match["a"]) < 4


def names_a_zone(text: str) -> bool:
    """A written time that says its zone."""
    return ":" in text and _ZONE.search(text.strip()) is not None


def to_ns(text: str, unit: int) -> int:
    """The moment `text`, counted in units of `unit` ns or written (UTC where it has no zone).

    Raises ValueError when it is none.
    """
    if unit > 0:
        try:
            return int(text) * unit
        except ValueError:
            return _fraction(text, unit)
    if unit == ISO_8601:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return (moment - _EPOCH) // _MICROSECOND * 1_000
    return _written(text, unit)


def all_to_ns(texts: list[str], unit: int) -> list[int]:
    """As `to_ns`, for a whole column."""
    if unit > 0:
        try:
            return [int(text) * unit for text in texts]
        except ValueError:
            pass
    return [to_ns(text, unit) for text in texts]


def joined(day: str, clock: str) -> str:
    """A date and a time of day as one text."""
    clock = clock.strip()
    return f"{day.strip()}T{clock.zfill(6) if clock.isdecimal() else clock}"


def are_midnights(moments: list[int]) -> bool:
    """All of them, of several days or more than a second has trades: what they say is a day."""
    return (
        len(moments) > 1
        and not any(moment % DAY for moment in moments)
        and (len(set(moments)) > 1 or len(moments) >= 50)
    )


def _written(text: str, order: int) -> int:
    match = _WRITTEN.fullmatch(text.strip())
    if match is None:
        raise ValueError("not a time")
    a, b, c = match["a"], match["b"], match["c"]
    if len(a) == 4:
        year, month, day = a, b, c
    elif len(c) == 4 and order != YEAR_FIRST:
        year, month, day = (c, b, a) if order == DAY_FIRST else (c, a, b)
    else:
        raise ValueError("not a time")
    hour = int(match["hour"] or 0)
    if match["half"]:
        if not 1 <= hour <= 12:
            raise ValueError("not a time")
        hour = hour % 12 + (12 if match["half"] in "pP" else 0)
    zone = match["zone"]
    moment = datetime(
        int(year), int(month), int(day), hour, int(match["minute"] or 0), int(match["second"] or 0),
        tzinfo=UTC if zone is None else _offset(zone),
    )  # fmt: skip
    nanoseconds = int((match["fraction"] or "").ljust(9, "0"))
    return (moment - _EPOCH) // _MICROSECOND * 1_000 + nanoseconds


def _offset(text: str) -> timezone:
    hours, minutes = int(text[1:3]), int(text[-2:])
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)


def _fraction(text: str, unit: int) -> int:
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValueError("not a time") from None
    if not value.is_finite() or value.adjusted() > MOST_DIGITS:
        raise ValueError("not a time")
    return int(value * unit)
