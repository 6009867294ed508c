"""Two legs: one is entered in slices, and the other follows what of it was filled.

    first       a slice at a time, no larger than what may still be unhedged
    second      as much as what is held of the first asks for, opposite
    overdue     after `max_seconds` the second is hedged at any price within `WIDE_BPS` of the last, or
                the first is unwound to what is hedged; a hedge that does not come about is unwound, too

So between any two fills no more than `max_unhedged` is without its other leg, and not for long: an order
of the second that is on its way counts as filled and as not, whichever is worse. All of it goes by what
the strategy holds, which is folded: a restart goes on where the books are. Both legs are orders at a
limit that take what is there; risk judges them as quotes (`Strategy.quote`).
"""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from tradectl.domain.events import MarketDataEvent
from tradectl.domain.money import BPS, ZERO
from tradectl.domain.time import SECOND
from tradectl.strategy.base import Answer, Strategy
from tradectl.strategy.own_events import Fill, Timer
from tradectl.strategy.parameters import param
from tradectl.strategy.quote_words import Quotes

WIDE_BPS = 100
SETTLED = Decimal("0.02")
"""Of `max_unhedged`: less than that is not worth an order."""


class TwoLegs(Strategy):
    """A base for strategies that hold two symbols against each other: they say `self.aim(...)`."""

    per_symbol: ClassVar[bool] = False
    every: str = "1s"
    first: str = param("BTCUSDT_PERP", meaning="the symbol of the leg that leads", names="symbol")
    second: str = param(
        "ETHUSDT_PERP", meaning="the symbol of the leg that follows", names="symbol"
    )
    hedge: float = param(1.0, 0.01, 100, "money in the second leg for each in the first")
    max_unhedged: float = param(
        2_000.0, 1, 1e9, "of the first leg that may lack its second, in money"
    )
    max_seconds: float = param(10.0, 1, 86_400, "for how long it may")
    otherwise: str = param("hedge", meaning="what is done then", choices=("hedge", "unwind"))
    within_bps: float = param(5.0, 0, 500, "how far through the last price its orders go, in bps")

    def check(self) -> None:
        if self.first == self.second:
            raise ValueError("first and second are one symbol: name two")

    def start(self) -> None:
        self._prices: dict[str, Decimal] = {}
        self._wanted: Decimal | None = None
        """coins of the first leg, signed; None before it said, to keep what is held"""
        self._ratio: Decimal | None = None
        """coins of the second leg for one of the first"""
        self._unhedged_since: int | None = None
        self._now = 0

    def aim(self, notional: Decimal) -> Answer:
        """Hold so much of the first leg, in money and signed, and the second against it."""
        prices = self._both()
        if prices is None:
            return None
        self._wanted = notional / prices[0]
        self._ratio = self.coins_against(prices)
        return self._words()

    def coins_against(self, prices: tuple[Decimal, Decimal]) -> Decimal:
        """Of the second leg, for one coin of the first."""
        return prices[0] / prices[1] * Decimal(str(self.hedge))

    def enters(self) -> bool:
        """Whether another slice is entered just now; what is held is hedged and left whatever it says."""
        return True

    def on_trade(self, trade: MarketDataEvent) -> Answer:
        self._prices[trade.symbol] = trade.price
        self._now = trade.ts
        return None

    def on_timer(self, timer: Timer) -> Answer:
        self._now = timer.ts
        return self._words()

    def on_fill(self, fill: Fill) -> Answer:
        """The second leg follows at once, and the next slice of the first."""
        self._now = max(self._now, fill.ts)
        return self._words()

    def _words(self) -> Answer:
        prices = self._both()
        if prices is None:
            return None
        first, second = (self.position_in(each).quantity for each in (self.first, self.second))
        if not (first or second or self._wanted):
            return [self.quote(symbol=each) for each in (self.first, self.second)]
        if self._ratio is None:  # of a run before: by the prices of now
            self._ratio = self.coins_against(prices)
        wanted = first if self._wanted is None else self._wanted
        lacking = -first * self._ratio - second
        most, unhedged = Decimal(str(self.max_unhedged)), abs(lacking) * prices[1]
        settled = unhedged <= most * SETTLED
        buys, sells = self.under_way(self.second)
        across = max(abs(lacking - buys), abs(lacking + sells)) * prices[1]
        if settled:
            self._unhedged_since = None
        elif self._unhedged_since is None:
            self._unhedged_since = self._now
        overdue = self._overdue()
        if overdue and (self.otherwise == "unwind" or overdue > 1):
            self._wanted = -second / self._ratio
            is_hedging = buys or sells  # that is withdrawn first, or both could fill
            return [
                self._leg(0, ZERO if is_hedging else self._wanted - first, prices, wide=True),
                self._leg(1, ZERO, prices),
            ]
        slice_ = max(most - max(unhedged, across), ZERO) / prices[0]
        step = max(min(wanted - first, slice_), -slice_)
        if abs(step) * prices[0] <= most * SETTLED and abs(wanted - first) > abs(step):
            step = ZERO  # the rest of it once there is room
        if abs(first + step) > abs(first) and not self.enters():
            step = ZERO
        return [
            self._leg(0, step, prices),
            self._leg(1, ZERO if settled else lacking, prices, wide=overdue > 0),
        ]

    def _overdue(self) -> int:
        """0 while it is not, 1 once it is, 2 where that did not help either."""
        since = self._unhedged_since
        if since is None:
            return 0
        return min((self._now - since) // int(self.max_seconds * SECOND), 2)

    def _leg(
        self, number: int, quantity: Decimal, prices: tuple[Decimal, Decimal], *, wide: bool = False
    ) -> Quotes:
        """What takes the market for so much, signed."""
        symbol, price = (self.first, self.second)[number], prices[number]
        through = (WIDE_BPS if wide else Decimal(str(self.within_bps))) * BPS
        if quantity > 0:
            return self.quote(
                [(price * (1 + through), quantity, "leg")], post_only=False, symbol=symbol
            )
        if quantity < 0:
            asks = [(price * (1 - through), -quantity, "leg")]
            return self.quote(asks=asks, post_only=False, symbol=symbol)
        return self.quote(symbol=symbol)

    def _both(self) -> tuple[Decimal, Decimal] | None:
        first, second = self._prices.get(self.first), self._prices.get(self.second)
        return None if first is None or second is None else (first, second)


__all__ = ["TwoLegs"]
