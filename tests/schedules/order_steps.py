"""What the steps of `order_plans` do."""

from __future__ import annotations

import asyncio
import contextlib
from decimal import Decimal

from tests.schedules.plans import Plan
from tradectl.testkit import LoopbackExchange
from tradectl.testkit.errors import ApiError

THIN = "0.003"


class OrderSteps:
    plan: Plan
    exchange: LoopbackExchange
    prices: dict[str, Decimal]

    def _refusal(self, code: int, text: str, count: int, at_market: bool) -> None:
        params = {"type": "MARKET"} if at_market else {}
        self.exchange.misbehave(
            "error",
            method="POST",
            path="*rder",
            params=params,
            count=count,
            code=code,
            text=text,
            status=400,
        )

    def _rules_change(self, symbol: str, **rules: str) -> None:
        self.exchange.change_rules(symbol, market=self.plan.market, **rules)

    def _thin_book(self, symbol: str, seconds: float) -> None:
        """There is hardly anybody to trade with, for a while."""
        market = self.plan.market
        self.exchange.move(symbol, self.prices[symbol], THIN, market=market)
        asyncio.get_running_loop().call_later(
            seconds, lambda: self.exchange.move(symbol, self.prices[symbol], market=market)
        )

    def _own_order(self, symbol: str, seconds: float) -> None:
        """Somebody else rests at the best price, for a while, on this very account, which does not trade
        with itself. Not beside a dead-man switch, which would cancel it where nobody has heard of it
        yet."""
        if self.plan.dead_man:
            return
        market = self.plan.market
        engine = self.exchange.engines[market]
        engine.prevents_self_trades = True
        price = self.prices[symbol].quantize(Decimal(1))
        with contextlib.suppress(ApiError):  # it has no coins to sell, say
            order = self.exchange.outside_order(
                "main", symbol, "SELL", "0.05", price, market=market
            )
            loop = asyncio.get_running_loop()
            loop.call_later(seconds, lambda: engine.expire(order))


__all__ = ["OrderSteps"]
