"""Cross-exchange spread: the same at two exchanges, sold where it is dear, bought where it is cheap."""

from __future__ import annotations

from decimal import Decimal

from tradectl.domain.events import MarketDataEvent, QuoteEvent
from tradectl.domain.money import BPS
from tradectl.domain.time import SECOND
from tradectl.strategy.base import Answer
from tradectl.strategy.parameters import param
from tradectl.strategy.two_legs import TwoLegs

Prices = tuple[Decimal, Decimal]
"""Bid and ask."""


class CrossExchangeSpread(TwoLegs):
    """When the first one's bid is `enter_bps` above the second one's ask it sells the first and buys the
    second, coin for coin; it turns both back once that costs `leave_bps` at most (the first one's ask
    above the second one's bid). Where the second can be sold short as well, the other way round, too.

    What is earned of each coin is `enter_bps` less `leave_bps`, less four fees and what moves between
    the legs: set `enter_bps` well above four taker's fees, 20 bps and more. The legs are no single order:
    the second follows the first one's fills, no more than `max_unhedged` is ever without its other leg,
    and for no longer than `max_seconds`, and that much is at risk each time. Money and margin stay where
    they are: what one exchange wins the other loses, and bringing it back is yours to do. That a spread
    will close is no promise; perpetuals pay funding at both.
    """

    first: str = param("BTCUSDT_PERP", meaning="the leg that leads and is sold", names="perpetual")
    second: str = param(
        "other:BTCUSDT_PERP",
        meaning="the same at the other exchange, spot or perpetual",
        names="symbol",
    )
    hedge: float = param(1.0, 0.1, 10, "coins in the second leg for each in the first")
    enter_bps: float = param(30.0, 0.1, 5_000, "spread at which it is traded, in bps of the price")
    leave_bps: float = param(
        0.0, -5_000, 5_000, "what turning it back may cost, in bps of the price"
    )
    size: float = param(0.2, 0.001, 1, "share of its budget in the first leg")
    max_age_seconds: float = param(
        2.0, 0.01, 86_400, "a price of the one that is so much older than the other's is no basis"
    )

    def check(self) -> None:
        super().check()
        if self.leave_bps >= self.enter_bps:
            raise ValueError(
                f"leave_bps, {self.leave_bps:g}, must be below enter_bps, {self.enter_bps:g}"
            )

    def start(self) -> None:
        super().start()
        self._quotes: dict[str, Prices] = {}
        self._times: dict[str, int] = {}
        self._quoted: set[str] = set()
        self._side = 0

    def coins_against(self, prices: tuple[Decimal, Decimal]) -> Decimal:
        return Decimal(str(self.hedge))

    def on_quote(self, quote: QuoteEvent) -> Answer:
        self._quoted.add(quote.symbol)
        if not quote.bid or not quote.ask:
            self._quotes.pop(quote.symbol, None)  # nobody bids, or asks: there is no spread
            return None
        return self._heard(quote, (quote.bid, quote.ask))

    def on_trade(self, trade: MarketDataEvent) -> Answer:
        """Where no quotes are told a trade's price stands for both."""
        if trade.symbol in self._quoted:
            return None
        return self._heard(trade, (trade.price, trade.price))

    def _heard(self, event: MarketDataEvent, prices: Prices) -> Answer:
        super().on_trade(event)
        self._quotes[event.symbol], self._times[event.symbol] = prices, event.ts
        return self._judge(*self._known()) if self._known() else None

    def _known(self) -> tuple[Prices, ...]:
        """What both are quoted at; empty where that is no basis."""
        if self.first not in self._quotes or self.second not in self._quotes:
            return ()
        if abs(self._times[self.first] - self._times[self.second]) > self.max_age_seconds * SECOND:
            return ()
        return self._quotes[self.first], self._quotes[self.second]

    def enters(self) -> bool:
        """As long as the spread is what it was begun for."""
        if not (known := self._known()):
            return False
        dear, cheap = known if self._side < 0 else known[::-1]
        return above(dear[0], cheap[1]) >= Decimal(str(self.enter_bps)) * BPS

    def _judge(self, first: Prices, second: Prices) -> Answer:
        enter, leave = (Decimal(str(bps)) * BPS for bps in (self.enter_bps, self.leave_bps))
        held = self.position_in(self.first).quantity
        side = self._side or (held > 0) - (held < 0)  # of a run before: what is held
        if side < 0:
            return self._turn(0, "turned back") if above(first[1], second[0]) <= leave else None
        if side > 0:
            return self._turn(0, "turned back") if above(second[1], first[0]) <= leave else None
        if above(first[0], second[1]) >= enter and self.can_short(self.first):
            return self._turn(-1, "the first is dear")
        if above(second[0], first[1]) >= enter and self.can_short(self.second):
            return self._turn(1, "the second is dear")
        return None

    def _turn(self, side: int, why: str) -> Answer:
        before, self._side = self._side, side
        words = self.aim(side * self.budget * Decimal(str(self.size)))
        if words is None:
            self._side = before
        else:
            self.note(spread=why)
        return words


def above(dear: Decimal, cheap: Decimal) -> Decimal:
    """How much higher the one is, as a part of the other."""
    return dear / cheap - 1
