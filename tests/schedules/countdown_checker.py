"""The dead-man switch, watched at the exchange: its countdown cancels whatever rests in its symbol.

It is not begun beside an order of somebody else that any comparison has told of, a stop of ours is not
placed while it runs, and whoever ends a run on purpose leaves none running.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tradectl.testkit.exchange import LoopbackExchange
from tradectl.testkit.orders import STOPS, Order


class CountdownChecker:
    """`now` is seconds; `is_calm`: the exchange behaves."""

    def __init__(
        self, exchange: LoopbackExchange, say: Callable[[str], None], now: Callable[[], float]
    ) -> None:
        self._exchange = exchange
        self._say = say
        self._now = now
        self.is_calm = False
        self._begun = 0.0
        self._came: dict[str, float] = {}
        truth: Any = exchange.truth
        note, accept = truth.note, truth.order_accepted

        def noted(kind: str, **detail: Any) -> None:
            note(kind, **detail)
            if kind == "dead-man-armed" and detail["ms"]:
                self._armed(detail["symbol"])

        def accepted(order: Order) -> None:
            accept(order)
            self._accepted(order)

        truth.note, truth.order_accepted = noted, accepted

    def life_begins(self) -> None:
        self._begun = self._now()

    def _armed(self, symbol: str) -> None:
        """What rested before this run began is known to it: it does not arm before it has looked."""
        known = [
            order.client_id
            for order in self._resting(symbol)
            if order.foreign and self._came.get(order.client_id, 0.0) < self._begun
        ]
        if known and self.is_calm:
            self._say(f"the countdown of {symbol} was begun beside {known}")

    def _accepted(self, order: Order) -> None:
        self._came[order.client_id] = self._now()
        is_stop = order.type in STOPS and order.reduce_only and not order.foreign
        if is_stop and self.is_calm and self._exchange.counts_down(order.symbol):
            self._say(f"the stop {order.client_id} was placed while a countdown runs")

    def ended(self, symbols: list[str], *, may_stay: bool) -> None:
        """A run has ended on purpose; `may_stay`: it was stopped, and could not cancel everything."""
        for symbol in symbols if self.is_calm else ():
            has_to_stay = [o for o in self._resting(symbol) if o.foreign or o.type in STOPS]
            if self._exchange.counts_down(symbol) and (has_to_stay or not may_stay):
                self._say(f"the run has ended, and the countdown of {symbol} runs on")

    def _resting(self, symbol: str) -> list[Order]:
        return [o for o in self._exchange.truth.open_orders(market="futures") if o.symbol == symbol]


__all__ = ["CountdownChecker"]
