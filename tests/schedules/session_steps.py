"""What the steps of `session_plans` do."""

from __future__ import annotations

import asyncio

from tests.schedules.plans import Plan
from tests.simulated_os.system import SimulatedOS
from tradectl.testkit import LoopbackExchange


class SessionSteps:
    plan: Plan
    system: SimulatedOS
    exchange: LoopbackExchange

    def _ban(self, seconds: float) -> None:
        self.exchange.ban(seconds)

    def _refuse_access(self, seconds: float) -> None:
        self.exchange.refuse_access(seconds)

    def _maintenance(self, seconds: float) -> None:
        self.exchange.maintain(502 if seconds < 1 else 503)
        asyncio.get_running_loop().call_later(seconds, self.exchange.maintain, 0)

    def _listen_key_ends(self, told: bool) -> None:
        if self.plan.market != "spot":
            self.exchange.expire_listen_key(told=told)

    def _goodbye(self) -> None:
        self.exchange.end_connections()

    def _symbol_closes(self, symbol: str, seconds: float) -> None:
        market = self.plan.market
        self.exchange.close_symbol(symbol, market=market)
        loop = asyncio.get_running_loop()
        loop.call_later(seconds, lambda: self.exchange.reopen_symbol(symbol, market=market))

    def _sleep(self, seconds: float) -> None:
        """Timers stand still meanwhile, and connections do not live through it."""
        self.system.clock.sleep(seconds)
        self.exchange.count_on(seconds)
        self.exchange.restart_streams()


__all__ = ["SessionSteps"]
