"""What a strategy wants to rest in the market: prices with quantities, on both sides.

It is the strategy's wish as a whole, and what may trade until it says something else: what is filled is
taken from it, so that between two words of the strategy no more than it named can be traded, whatever
cancels and fills cross on their way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from tradectl.domain.money import ZERO, Side


class QuoteLevel(Struct, frozen=True, gc=False):
    """So much at a price; the `tag` is the strategy's own name for it, and is kept on its orders."""

    price: Decimal
    quantity: Decimal
    tag: str

    @property
    def place(self) -> tuple[Decimal, str]:
        """By which its orders are known."""
        return self.price, self.tag


Levels = tuple[QuoteLevel, ...]


class QuoteSet(Struct, frozen=True, omit_defaults=True):
    """All that a strategy wants to rest in a symbol, best price first on both sides. `post_only` orders
    are refused by the exchange where they would take."""

    bids: Levels = ()
    asks: Levels = ()
    post_only: bool = True

    def __bool__(self) -> bool:
        return bool(self.bids or self.asks)

    def on(self, side: Side) -> Levels:
        return self.bids if side is Side.BUY else self.asks

    def total(self, side: Side) -> Decimal:
        return total(self.on(side))

    def with_side(self, side: Side, levels: Levels) -> QuoteSet:
        if side is Side.BUY:
            return replace(self, bids=levels)
        return replace(self, asks=levels)

    def filled(self, side: Side, price: Decimal, tag: str, quantity: Decimal) -> QuoteSet:
        """Less a fill of an order at that level. Where the level is not wanted any more, or not so much
        of it, the others of its side have it, the best first."""
        levels, left = _taken(self.on(side), quantity, lambda at: at == (price, tag))
        if left:
            levels, _ = _taken(levels, left, lambda _at: True)
        return self.with_side(side, levels)

    def dropped(self, side: Side, price: Decimal, tag: str, quantity: Decimal) -> QuoteSet:
        """Less so much of one level: it could not rest there."""
        levels, _ = _taken(self.on(side), quantity, lambda at: at == (price, tag))
        return self.with_side(side, levels)


NO_QUOTES = QuoteSet()


def total(levels: Iterable[QuoteLevel]) -> Decimal:
    return sum((level.quantity for level in levels), ZERO)


def within(levels: Levels, most: Decimal) -> Levels:
    """No more than `most` of them together, the best first."""
    kept: list[QuoteLevel] = []
    for level in levels:
        quantity = min(level.quantity, most)
        if quantity <= 0:
            break
        kept.append(level if quantity == level.quantity else replace(level, quantity=quantity))
        most -= quantity
    return tuple(kept)


def _taken(
    levels: Levels, quantity: Decimal, meant: Callable[[tuple[Decimal, str]], bool]
) -> tuple[Levels, Decimal]:
    """The levels with as much of the `quantity` taken from those that are `meant`, and what is left."""
    kept: list[QuoteLevel] = []
    for level in levels:
        part = min(level.quantity, quantity) if meant((level.price, level.tag)) else ZERO
        quantity -= part
        if part == level.quantity:
            continue
        kept.append(replace(level, quantity=level.quantity - part) if part else level)
    return tuple(kept), quantity


__all__ = ["NO_QUOTES", "QuoteLevel", "QuoteSet", "total", "within"]
