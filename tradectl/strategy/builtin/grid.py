"""A grid: buys rest at steps below the price, and each that was filled is sold a step higher."""

from __future__ import annotations

from decimal import Decimal

from tradectl.domain.events import MarketDataEvent
from tradectl.domain.money import Side
from tradectl.strategy.base import Answer, Strategy
from tradectl.strategy.own_events import Fill
from tradectl.strategy.parameters import param


class Grid(Strategy):
    """`levels` buys rest `step_bps` apart below the price at which it began; what is bought at one level
    rests for sale one step above it, and rests as a buy again once it is sold.

    It earns a step, less two fees, each time the price swings over a level, and holds what it bought for
    as long as the price stays below: in a market that falls it loses like a long position. When it is
    flat and the price has gone `levels` steps above its grid, the grid is laid anew. After a restart it
    lays its grid anew, too, and sells what it holds from the first step on. A level of a symbol is an
    order that works: more of them than `orchestrator.max_concurrent_orders` are denied.
    """

    levels: int = param(3, 1, 50, "buys below the price")
    step_bps: float = param(50.0, 1, 5_000, "from one level to the next, in bps of the price")
    size: float = param(0.1, 0.0001, 1, "share of its budget for all levels together")

    def start(self) -> None:
        self._base = Decimal(0)
        self._quantity = Decimal(0)
        self._bought: dict[int, Decimal] = {}
        """coins by level, 1 is the highest"""

    def on_trade(self, trade: MarketDataEvent) -> Answer:
        if self._base and (self._bought or trade.price < self._price(-self.levels)):
            return None
        if self._base == 0 and self.position.quantity > 0:
            self._bought = {1: self.position.quantity}
        self._base = trade.price
        each = self.budget * Decimal(str(self.size)) / self.levels
        self._quantity = each / trade.price
        return self._quotes("its grid is laid")

    def on_fill(self, fill: Fill) -> Answer:
        """A buy of a level makes its sale, and the other way round."""
        if not fill.tag:
            return None
        level = int(fill.tag[1:])
        held = self._bought.get(level, Decimal(0)) + fill.signed
        if held > 0:
            self._bought[level] = held
        else:
            self._bought.pop(level, None)
        what = "bought" if fill.side is Side.BUY else "sold"
        return self._quotes(f"level {level} was {what}")

    def _price(self, level: int) -> Decimal:
        """Of the level so many steps below the base."""
        return self._base * (1 - level * Decimal(str(self.step_bps)) / 10_000)

    def _quotes(self, reason: str) -> Answer:
        bids, asks = [], []
        for level in range(1, self.levels + 1):
            held = self._bought.get(level, Decimal(0))
            if held < self._quantity:
                bids.append((self._price(level), self._quantity - held, f"g{level}"))
            if held:
                asks.append((self._price(level - 1), held, f"g{level}"))
        if bids and asks:  # a level that was bought in part would meet its neighbour's sale
            lowest = min(price for price, _, _ in asks)
            bids = [each for each in bids if each[0] < lowest]
        return self.quote(bids, asks, reason=reason)
