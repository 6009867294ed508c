"""Dollar-cost averaging: the same amount of money, again and again, whatever the price."""

from __future__ import annotations

from decimal import Decimal

from tradectl.domain.events import MarketDataEvent
from tradectl.domain.money import BPS
from tradectl.strategy.base import Answer, Strategy
from tradectl.strategy.own_events import Timer
from tradectl.strategy.parameters import param


class DollarCostAverage(Strategy):
    """Every `every` it buys for `amount` of the quote currency, and never sells.

    It buys by a limit order `within_bps` above the last price, which takes what is there; what is not
    filled by the next time is not made up. It stops once its allocation is spent.

    It knows no exit: in a market that falls it goes on buying, and holds what it bought.
    """

    every: str = "1d"
    amount: float = param(100.0, 1, 1e9, "spent each time, in the quote currency")
    within_bps: float = param(20.0, 0, 1_000, "how much dearer than the last price, in bps")

    def start(self) -> None:
        self._price = Decimal(0)
        self._amount = Decimal(str(self.amount))
        self._dearer = 1 + Decimal(str(self.within_bps)) * BPS

    def on_trade(self, trade: MarketDataEvent) -> Answer:
        self._price = trade.price
        return None

    def on_timer(self, timer: Timer) -> Answer:
        if not self._price:
            return None
        spent = self.position.quantity * self._price + self._amount * self._dearer
        if spent > self.budget:
            return self.quote(reason="its allocation is spent")
        limit = self._price * self._dearer
        quantity = self._amount / self._price
        return self.quote([(limit, quantity, "buy")], post_only=False, reason="its time has come")
