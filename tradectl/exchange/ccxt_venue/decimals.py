"""ccxt's numbers into exact decimals. It is set to hand over texts, and mostly does."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any

from tradectl.domain.money import ZERO, is_sane, number
from tradectl.domain.time import MILLISECOND

_WHOLE = re.compile(r"(-?[0-9]+)\.0*")
_PADDED = re.compile(r"(-?[0-9]+\.[0-9]*[1-9])0+")


class InvalidResponse(ValueError):
    """An answer that cannot be one: it lacks what every answer has, or its numbers are absurd."""


class ForeignMarket(InvalidResponse):
    """It is about a market that is none of ours."""


def exact(value: Any) -> Decimal:
    """The decimal that `value` spells. Raises InvalidResponse for what is no finite number below 1e15.

    A float is read as the shortest text that gives it back: the text it came from, up to 15 digits.
    """
    try:
        if isinstance(value, str):
            padded = _WHOLE.fullmatch(value) or _PADDED.fullmatch(value)
            return number(padded[1] if padded else value)
        if isinstance(value, Decimal) and is_sane(value):
            return value
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**15:
            return Decimal(value)
        if isinstance(value, float) and math.isfinite(value):
            return number(repr(value))
    except ValueError:
        pass
    raise InvalidResponse(f"{str(value)[:40]!r} is no number")


def maybe(value: Any) -> Decimal | None:
    return None if value is None or value == "" else exact(value)


def positive(value: Any) -> Decimal:
    found = exact(value)
    if found <= 0:
        raise InvalidResponse(f"{found} is not above zero")
    return found


def not_negative(value: Any) -> Decimal:
    found = ZERO if value is None else exact(value)
    if found < 0:
        raise InvalidResponse(f"{found} is below zero")
    return found


def above_zero(value: Any) -> Decimal | None:
    """The number, or None for none and for the zero that stands for none."""
    found = maybe(value)
    return found if found is not None and found > 0 else None


def nanoseconds(milliseconds: Any, otherwise: int) -> int:
    """ccxt's milliseconds as ns; `otherwise` where there are none."""
    if isinstance(milliseconds, int | float) and 0 < milliseconds < 1e13:
        return int(milliseconds) * MILLISECOND
    return otherwise


def listed(raws: Any) -> list[Any]:
    if not isinstance(raws, list):
        raise InvalidResponse("a list was asked for")
    return list(raws)


__all__ = [
    "ForeignMarket",
    "InvalidResponse",
    "above_zero",
    "exact",
    "listed",
    "maybe",
    "nanoseconds",
    "not_negative",
    "positive",
]
