"""Money is `Decimal`, from the parser to the ledger.

Every number that enters is finite and of sane size (`number`); every number that leaves for an
exchange is a multiple of a step (`floor_to`). Additions of such numbers are exact in decimal's 28
digits, which is what lets the books balance to the last digit. A running total is added to and taken from
for as long as a run lasts, quotients among it: it gets as many digits as it takes (`plus_exactly`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Context, Decimal
from enum import StrEnum

ZERO = Decimal(0)
ONE = Decimal(1)
HUNDRED = Decimal(100)
BPS = Decimal("0.0001")
LARGEST = Decimal("1e15")
CENT_OF_A_SATOSHI, DECIMALS_TOLD = Decimal("1e-10"), 10
MAX_TEXT = 40
_ALL_DIGITS = Context(prec=1_000)
plus_exactly, less_exactly = _ALL_DIGITS.add, _ALL_DIGITS.subtract
"""Of a running total, and of what joins or leaves it: nothing is rounded."""
SMALLEST_EXPONENT = -30
SPELLED = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"

    @property
    def opposite(self) -> Side:
        return _SELL if self is _BUY else _BUY

    def signed(self, quantity: Decimal) -> Decimal:
        """+quantity when buying, -quantity when selling."""
        return quantity if self is _BUY else -quantity


_BUY, _SELL = Side.BUY, Side.SELL


def summed(amounts: Iterable[Decimal]) -> Decimal:
    """All of them, and nothing is rounded."""
    total = ZERO
    for amount in amounts:
        total = plus_exactly(total, amount)
    return total


def side_of(signed_quantity: Decimal) -> Side:
    return _BUY if signed_quantity > 0 else _SELL


def number(text: str) -> Decimal:
    """The finite decimal that `text` spells, below 1e15 in size.

    Raises ValueError for anything else: words, NaN, infinities, absurd sizes and lengths.
    """
    if len(text) > MAX_TEXT:
        raise ValueError(f"a number of {len(text)} characters")
    if not SPELLED.fullmatch(text):
        raise ValueError(f"{text!r} is not a number")
    value = Decimal(text)
    if value and value.adjusted() < SMALLEST_EXPONENT:
        raise ValueError(f"{text!r} is too small to be a number of use")
    if not is_sane(value):
        raise ValueError(f"{text!r} is not a finite number below 1e15")
    return value


def is_sane(value: Decimal) -> bool:
    """Finite and below 1e15 in size (finiteness first: a NaN compares as false, or raises)."""
    return value.is_finite() and -LARGEST < value < LARGEST


def floor_to(value: Decimal, step: Decimal) -> Decimal:
    """`value` cut toward zero to a multiple of `step`."""
    return (value / step).to_integral_value(ROUND_DOWN) * step


def round_to(value: Decimal, step: Decimal) -> Decimal:
    """The multiple of `step` nearest to `value`."""
    return (value / step).to_integral_value(ROUND_HALF_EVEN) * step


def shortest(total: Decimal) -> Decimal:
    """A running total as it is told: in the same digits, however it came about."""
    if not total:
        return ZERO
    return _ALL_DIGITS.normalize(total) + ZERO  # 28 digits, and 100, which else were 1E+2


def is_multiple(value: Decimal, step: Decimal) -> bool:
    return value % step == 0


def money_text(value: Decimal, currency: str = "") -> str:
    """For people: `12,000.00 USDT`; all digits for less than one, where cents would hide them."""
    text = f"{value:,.2f}" if abs(value) >= ONE or not value else plain(value)
    return f"{text} {currency}" if currency else text


def decimal_text(value: Decimal) -> str:
    """For programs: `plain`, with quotients cut to ten decimals."""
    text = plain(value)
    _, _, decimals = text.partition(".")
    return text if len(decimals) <= DECIMALS_TOLD else plain(value.quantize(CENT_OF_A_SATOSHI))


def plain(value: Decimal) -> str:
    """`value` without exponent or trailing zeros: equal numbers give equal text."""
    text = str(value)
    if "E" in text:
        text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text
