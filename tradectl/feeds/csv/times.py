"""Times as files spell them: whole or broken seconds, ms, us, ns since 1970, or ISO 8601.

A header may say the unit (`ts_ms`); otherwise the first time that makes sense decides for its
file: the same digits are a moment of this century in one unit only.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import Enum

from tradectl.domain.time import MILLISECOND, SECOND, iso

UNITS = {"s": SECOND, "ms": MILLISECOND, "us": 1_000, "ns": 1}
ISO_8601 = 0
FIRST_BITCOIN = 1_231_006_505 * SECOND
"""No crypto market is older than 2009-01-03."""
MOST_DIGITS = 20

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_CLOCK = re.compile(r"\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?")


def unit_of(text: str, latest: int) -> int:
    """The unit of `text`, in ns, such that it lies between 2009 and `latest` (ns UTC).

    ISO_8601 when it is a calendar date. Raises ValueError when it makes sense in no way.
    """
    for unit in (*UNITS.values(), ISO_8601):
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
    """Of a number or an ISO 8601 text; None for what is no time."""
    if _CLOCK.fullmatch(text):
        return Spelling.CLOCK
    if _DAY.fullmatch(text):
        return Spelling.DAY
    try:
        to_ns(text, 1)
    except ValueError:
        try:
            to_ns(text, ISO_8601)
        except ValueError:
            return None
    return Spelling.MOMENT


def to_ns(text: str, unit: int) -> int:
    """The moment `text`, counted in units of `unit` ns or in ISO 8601 (UTC where it has no zone).

    Raises ValueError when it is none.
    """
    if unit == ISO_8601:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return (moment - _EPOCH) // _MICROSECOND * 1_000
    try:
        return int(text) * unit
    except ValueError:
        return _fraction(text, unit)


def all_to_ns(texts: list[str], unit: int) -> list[int]:
    """As `to_ns`, for a whole column."""
    if unit != ISO_8601:
        try:
            return [int(text) * unit for text in texts]
        except ValueError:
            pass
    return [to_ns(text, unit) for text in texts]


def _fraction(text: str, unit: int) -> int:
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValueError("not a time") from None
    if not value.is_finite() or value.adjusted() > MOST_DIGITS:
        raise ValueError("not a time")
    return int(value * unit)
