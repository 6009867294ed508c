"""What `self.quote(bids, asks)` says: checked, and in the steps of its symbol.

Bids are rounded down to a price step, asks up, quantities down: never more, and never nearer to the
market than was asked for. The same price and tag said twice is one level.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, InvalidOperation, localcontext
from decimal import Context as DecimalContext

from msgspec import Struct

from tradectl.domain.instruments import Instrument
from tradectl.domain.money import Side, is_sane
from tradectl.domain.quotes import Levels, QuoteLevel, QuoteSet
from tradectl.domain.text import counted, harmless

Number = Decimal | int | float | str
Level = tuple[Number, Number] | tuple[Number, Number, str]
"""A price, a quantity, and the strategy's own name for it, if it has one."""

MOST_LEVELS = 200
LONGEST_TAG = 24
DEFAULT_TAG = {Side.BUY: "bid", Side.SELL: "ask"}


class Quotes(Struct, frozen=True):
    """All that a strategy wants to rest in a symbol: of the one whose event it was given, unless it names
    another."""

    bids: tuple[Level, ...] = ()
    asks: tuple[Level, ...] = ()
    post_only: bool = True
    reason: str = ""
    symbol: str = ""


def quote_set(quotes: Quotes, instrument: Instrument) -> QuoteSet:
    """Raises ValueError for what cannot rest."""
    with localcontext(DecimalContext()):
        bids = _levels(Side.BUY, quotes.bids, instrument)
        asks = _levels(Side.SELL, quotes.asks, instrument)
    if bids and asks and bids[0].price >= asks[0].price:
        raise ValueError(
            f"a bid at {bids[0].price} is not below its own ask at {asks[0].price}: part them"
        )
    return QuoteSet(bids, asks, quotes.post_only is not False)


def _levels(side: Side, said: Iterable[object], instrument: Instrument) -> Levels:
    """Best price first; of one price in the order that they were said."""
    found: dict[tuple[Decimal, str], Decimal] = {}
    for each in said:
        price, quantity, tag = _level(side, each)
        step = instrument.tick_at(price)
        rounding = ROUND_FLOOR if side is Side.BUY else ROUND_CEILING
        at = (price / step).to_integral_value(rounding) * step, tag
        size = instrument.floor_quantity(quantity)
        if at[0] > 0 and size > 0:
            found[at] = found.get(at, Decimal(0)) + size
    if len(found) > MOST_LEVELS:
        raise ValueError(
            f"{counted(len(found), 'level')} on one side: expected {MOST_LEVELS} at most"
        )
    levels = [QuoteLevel(price, quantity, tag) for (price, tag), quantity in found.items()]
    return tuple(sorted(levels, key=lambda level: level.price, reverse=side is Side.BUY))


def _level(side: Side, said: object) -> tuple[Decimal, Decimal, str]:
    if not isinstance(said, tuple | list) or len(said) not in (2, 3):
        raise ValueError(
            f"expected (price, quantity) or (price, quantity, tag), got {harmless(repr(said), 60)}"
        )
    tag = said[2] if len(said) == 3 else DEFAULT_TAG[side]
    if not isinstance(tag, str) or not tag or harmless(tag, LONGEST_TAG) != tag:
        raise ValueError(
            f"tag {harmless(repr(tag), 40)}: expected 1 to {LONGEST_TAG} printable characters"
        )
    return _number("price", said[0]), _number("quantity", said[1]), tag


def _number(what: str, said: object) -> Decimal:
    try:
        number = said if isinstance(said, Decimal) else Decimal(str(said))
    except InvalidOperation:
        number = Decimal("NaN")
    if not is_sane(number) or number < 0 or isinstance(said, bool):
        raise ValueError(f"{what} {harmless(repr(said), 40)}: expected a number of 0 or more")
    return number


__all__ = ["Level", "Quotes", "quote_set"]
