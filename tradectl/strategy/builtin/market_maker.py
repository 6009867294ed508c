"""Market making: resting on both sides of the market, and leaning away from what one has too much of."""

from __future__ import annotations

from decimal import Decimal

from tradectl.domain.events import MarketDataEvent, QuoteEvent
from tradectl.domain.money import BPS
from tradectl.strategy.base import Answer, Strategy
from tradectl.strategy.own_events import Fill
from tradectl.strategy.parameters import param


class MarketMaker(Strategy):
    """A bid and an ask, each `spread_bps` / 2 from a middle that leans against its inventory.

    The middle is the market's, moved by `skew_bps` for a full inventory, down when it is long and up when
    it is short (the linear form of Avellaneda and Stoikov, High-frequency trading in a limit order book,
    2008). It quotes anew once the middle has moved by `requote_bps`, so that its orders keep their place.
    It earns the spread where prices come and go, and loses to those who know where they go: without a
    rebate, and slower than others, it mostly loses.
    """

    spread_bps: float = param(20.0, 0.1, 5_000, "from the bid to the ask, in bps")
    skew_bps: float = param(10.0, 0, 5_000, "how far the middle leans at a full inventory, in bps")
    requote_bps: float = param(
        3.0, 0, 1_000, "how far the middle moves before it quotes anew, in bps"
    )
    size: float = param(0.05, 0.0001, 1, "share of its budget for each order")
    inventory: float = param(0.25, 0.001, 1, "share of its budget that it holds at most")

    def start(self) -> None:
        self._half = Decimal(str(self.spread_bps)) * BPS / 2
        self._skew = Decimal(str(self.skew_bps)) * BPS
        self._tolerance = Decimal(str(self.requote_bps)) * BPS
        self._size, self._most = Decimal(str(self.size)), Decimal(str(self.inventory))
        self._market = self._quoted = Decimal(0)

    def on_trade(self, trade: MarketDataEvent) -> Answer:
        return self._look(trade.price)

    def on_quote(self, quote: QuoteEvent) -> Answer:
        return self._look(quote.price)

    def on_fill(self, fill: Fill) -> Answer:
        """What was filled rests again, from the middle that leans away from it."""
        return self._quote("after a fill") if self._market else None

    def _look(self, price: Decimal) -> Answer:
        self._market = price
        if self._quoted and abs(price - self._quoted) <= self._tolerance * self._quoted:
            return None
        return self._quote("the market moved")

    def _quote(self, reason: str) -> Answer:
        market, budget = self._market, self.budget
        if budget <= 0:
            return self.quote(reason="nothing is left to quote for")
        self._quoted = market
        most = self._most * budget / market
        held = self.position.quantity / most
        middle = market * (1 - self._skew * held)
        each = self._size * budget / market
        own = self.position.quantity
        bid, ask = min(each, most - own), min(each, most + own)
        bids = [(middle * (1 - self._half), bid, "bid")] if bid > 0 else []
        asks = [(middle * (1 + self._half), ask, "ask")] if ask > 0 else []
        self.note(inventory=float(held))
        return self.quote(bids, asks, reason=reason)
