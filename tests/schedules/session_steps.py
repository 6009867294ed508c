"""What the steps of `session_plans` do."""

from __future__ import annotations

import asyncio

from tests.schedules.invariant_checker import InvariantChecker
from tests.schedules.plans import Plan
from tests.simulated_os.system import SimulatedOS
from tradectl.testkit import LoopbackExchange


class SessionSteps:
    plan: Plan
    system: SimulatedOS
    exchange: LoopbackExchange
    checker: InvariantChecker

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

    def _hedge_mode(self, on: bool, cancels: bool) -> None:
        """Who holds the other side closes it before the account is set back; by then, what is ours had
        its stop, if somebody saw to it for long enough."""
        if on:
            self.checker.hedge_mode_since = self.system.clock.now
        else:
            self.checker.protected_in_hedge_mode()
        held = self.exchange.accounts["main"].futures.beside
        for symbol, position in held.items() if not on else ():
            if position.amount:
                is_long = position.amount > 0
                self.exchange.outside_order(
                    "main",
                    symbol,
                    "SELL" if is_long else "BUY",
                    abs(position.amount),
                    market="futures",
                    position_side="LONG" if is_long else "SHORT",
                )
        if on or not any(position.amount for position in held.values()):
            self.exchange.set_hedge_mode(on, cancels=cancels)

    def _other_side(self, symbol: str, notional: int) -> None:
        """Somebody opens it, or more of it."""
        account, engine = self.exchange.accounts["main"], self.exchange.engines["futures"]
        if account.hedge:
            is_long = account.futures.positions[symbol].amount > 0
            lot = engine.rules[symbol].lot
            quantity = notional / engine.last[symbol] // lot * lot + lot
            self.exchange.outside_order(
                "main",
                symbol,
                "SELL" if is_long else "BUY",
                quantity,
                market="futures",
                position_side="SHORT" if is_long else "LONG",
            )

    def _sleep(self, seconds: float) -> None:
        """Timers stand still meanwhile, and connections do not live through it."""
        self.system.clock.sleep(seconds)
        self.exchange.count_on(seconds)
        self.exchange.restart_streams()


__all__ = ["SessionSteps"]
