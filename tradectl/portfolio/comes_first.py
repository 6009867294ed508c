"""What has to come first: remembered by symbol, until an execution, or the open, says that it is there.

    at_open      a candle opens
    waiting      a cancel: of the stop that binds the coins, of quotes, of an entry that is left behind
    turning      the order that closes is over, before the other side is entered
    in_parts     the part before is over: one order may have no more
    overtaken    the order of a side, in flight, of which what it still brings was not in the change

A restart forgets it: what strategies want is in the books, and steered to anew.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from tradectl.domain.money import Side
from tradectl.domain.orders import OrderSpec, OrderStatus
from tradectl.domain.views import AccountView

PENDING_CANCEL = OrderStatus.PENDING_CANCEL


class Waiting(NamedTuple):
    """Why the symbol is traded as soon as it may be, the strategies whose targets are sized `afresh`
    then, and whether no more than what reduces the position is meant."""

    reason: str
    afresh: Collection[str] = ()
    only_reduce: bool = False


class ComesFirst:
    """By symbol: the reason of what is put off, and the targets that are sized afresh then."""

    def __init__(self) -> None:
        self.at_open: dict[str, Waiting] = {}
        self.waiting: dict[str, Waiting] = {}
        self.turning: dict[str, Waiting] = {}
        self.in_parts: dict[str, Waiting] = {}
        self.overtaken: dict[str, Side] = {}
        """what an order of that side, in flight, may still bring was not in the change"""

    def waits(self) -> bool:
        """Something becomes of an order first."""
        return bool(self.waiting or self.turning or self.in_parts or self.overtaken)

    def makes_room(self, symbol: str, view: AccountView) -> bool:
        """An exit waits for the coins of stops that are being cancelled: none is placed meanwhile."""
        return symbol in self.waiting and any(
            stop.status is PENDING_CANCEL for stop in view.working_in(symbol).stops.values()
        )

    def forget(self) -> None:
        """Nothing goes on."""
        for by_symbol in (self.waiting, self.at_open, self.turning, self.in_parts):
            by_symbol.clear()
        self.overtaken.clear()

    def denied(self, order: OrderSpec) -> None:
        """What would have followed it does not come about: the other side, or the next part."""
        followed = self.turning if order.reduce_only else self.in_parts
        followed.pop(order.symbol, None)


__all__ = ["ComesFirst", "Waiting"]
