"""The week itself: a market that moves now and then, funding every eight hours, what happens besides,
and a computer on which all that is lived through.

Time is that of the clock on the wall, in hours since the week began, which may be short ones. While the
computer sleeps the world goes on, and nothing of the program does.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable
from decimal import Decimal
from random import Random

from tests.simulated_os.system import SimulatedOS
from tradectl.testkit import LoopbackExchange

HOUR_S = 3600.0
SHORT_HOUR_S = 450.0
"""Of a week that is over sooner: all that happens in one does, closer together."""
HOURS = 7 * 24.0
QUIET_S = 240.0
"""How coarse timers are in hours in which nothing happens."""
LIVELY_S = 60.0
"""How long they are not, after something did."""
LATER_S = 0.01
"""A timer may come a rounding early, and that hour would never be quiet again."""
SETTLES_EVERY = 8.0
BPS = Decimal("0.0001")

Act = Callable[[], None]


class World:
    """`step` is how many hours pass from one price to the next, `hour_s` how many seconds make one."""

    def __init__(
        self,
        system: SimulatedOS,
        exchange: LoopbackExchange,
        market: str,
        symbols: tuple[str, ...],
        step: float,
        hour_s: float,
    ) -> None:
        self.system = system
        self.exchange = exchange
        self.market = market
        self.symbols = symbols
        self.hour_s = hour_s
        self._random = Random(f"week {exchange.seed}")
        self._numbers = itertools.count()
        self._lively_until = 0.0
        self._due: list[tuple[float, int, Act]] = []
        self._trend = dict.fromkeys(symbols, 0.0)
        for number in range(1, int(HOURS / step)):
            self.at(number * step, self._move)
        for number in range(1, int(HOURS / SETTLES_EVERY)):
            self.at(number * SETTLES_EVERY, self._settle)

    def at(self, hour: float, act: Act) -> None:
        heapq.heappush(self._due, (hour, next(self._numbers), act))

    def hour(self) -> float:
        clock = self.system.clock
        return (clock.now + clock.slept) / self.hour_s

    async def go_on(self) -> None:
        """To the end of the week."""
        while self._due:
            hour, _, act = heapq.heappop(self._due)
            left = (hour - self.hour()) * self.hour_s
            if left > 0:
                await asyncio.sleep(left)
            act()
        await asyncio.sleep(max(0.0, HOURS - self.hour()) * self.hour_s)

    def sleep(self, hours: float) -> None:
        """The computer: its connections do not live through it."""
        until = self.hour() + hours
        self.exchange.restart_streams()
        while self._due and self._due[0][0] < until:
            hour, _, act = heapq.heappop(self._due)
            self._slept_until(hour)
            act()
        self._slept_until(until)

    def _slept_until(self, hour: float) -> None:
        seconds = max(0.0, hour - self.hour()) * self.hour_s
        self.system.clock.slept += seconds
        self.exchange.count_on(seconds)

    def is_lively(self, seconds: float = LIVELY_S) -> None:
        """Something happens: for a while every timer counts."""
        self.system.coarse = 0.0
        self._lively_until = max(self._lively_until, self.system.clock.now + seconds)
        asyncio.get_running_loop().call_later(seconds + LATER_S, self._is_quiet)

    def _is_quiet(self) -> None:
        if self.system.clock.now >= self._lively_until:
            self.system.coarse = QUIET_S

    # --- the market -------------------------------------------------------------------------------

    def price(self, symbol: str) -> Decimal:
        return self.exchange.engines[self.market].last[symbol]

    def move(self, symbol: str, by: Decimal) -> None:
        """By a part of the price; never further than a tenth from where it began."""
        start = self.exchange.engines[self.market].rules[symbol].price
        wanted = self.price(symbol) * (1 + by)
        nearest = min(max(wanted, start * Decimal("0.9")), start * Decimal("1.1"))
        self.exchange.move(symbol, nearest, market=self.market)

    def _move(self) -> None:
        for symbol in self.symbols:
            drift = self._trend[symbol] * 0.85 + self._random.gauss(0, 12)
            self._trend[symbol] = drift
            self.move(symbol, Decimal(round(drift)) * BPS)

    def _settle(self) -> None:
        """Longs pay, or are paid."""
        if self.market != "futures":
            return
        rate = self._random.choice(("0.0001", "0.0001", "-0.00004", "0.0003"))
        for symbol in self.symbols:
            self.exchange.fund(symbol, rate)


__all__ = ["HOURS", "HOUR_S", "SHORT_HOUR_S", "World"]
