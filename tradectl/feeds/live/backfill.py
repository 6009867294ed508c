"""Asking an exchange for the trades that a stream left out, page by page, within a bounded time.

A symbol's trades are held meanwhile, so the time is short: trades that do not come within it are given
up, and what was held goes on. One question at a time for a symbol, a few at a time for an exchange.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tradectl.bus.clock import Sleep
from tradectl.domain.errors import ExchangeError, NotExecuted
from tradectl.domain.events import MarketDataEvent
from tradectl.domain.resilience import pauses
from tradectl.domain.time import SECOND
from tradectl.exchange.venue import Venue
from tradectl.feeds.live.trade_sequencer import TradeSequencer

PATIENCE_S = 10.0
PAUSE_S = 0.2
QUIET_S = 2.0
"""How long after a lost connection the first trade of a symbol is waited for."""
MOST_QUESTIONS = 4
"""under way at once"""
FRUITLESS_PAGES = 2
OVERLAP = SECOND
"""How far before the last trade the question begins: exchanges date trades in milliseconds or worse."""

Trades = list[MarketDataEvent]


class Backfill:
    """`valid` leaves out of an answer what cannot be used; `hand_on` takes trades that may go on. Times
    are in seconds but for `now`, ns UTC."""

    def __init__(
        self,
        *,
        valid: Callable[[str, Trades], Trades],
        hand_on: Callable[[Trades], None],
        now: Callable[[], int],
        sleep: Sleep,
        patience: float = PATIENCE_S,
    ) -> None:
        self._valid = valid
        self._hand_on = hand_on
        self._now = now
        self._sleep = sleep
        self._patience = patience
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._later: dict[str, asyncio.Task[None]] = {}
        self._slots = asyncio.Semaphore(MOST_QUESTIONS)

    def ask(self, symbol: str, venue: Venue, trades: TradeSequencer) -> None:
        """Begin to fill the gap of `trades`, unless that is under way."""
        if symbol not in self._tasks:
            self._tasks[symbol] = asyncio.ensure_future(self._fill(symbol, venue, trades))

    def ask_if_quiet(self, symbol: str, venue: Venue, trades: TradeSequencer) -> None:
        """Ask if no trade has come, and none was asked for, in a while."""
        if symbol not in self._later:
            self._later[symbol] = asyncio.ensure_future(self._wait_and_ask(symbol, venue, trades))

    async def stop(self) -> None:
        """What is under way ends, and the held trades go on without what is missing."""
        tasks = [*self._tasks.values(), *self._later.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.clear()
        self._later.clear()

    async def _wait_and_ask(self, symbol: str, venue: Venue, trades: TradeSequencer) -> None:
        await self._sleep(QUIET_S)
        del self._later[symbol]
        if trades.awaits_backfill:
            self.ask(symbol, venue, trades)

    async def _fill(self, symbol: str, venue: Venue, trades: TradeSequencer) -> None:
        answered = False
        try:
            async with asyncio.timeout(self._patience), self._slots:
                answered = await self._pages(symbol, venue, trades)
        except TimeoutError:
            pass  # they were held for long enough: what is missing stays so, and is counted
        finally:
            self._tasks.pop(symbol, None)  # first: a gap noticed from here on is another question
            self._hand_on(trades.release(answered=answered))

    async def _pages(self, symbol: str, venue: Venue, trades: TradeSequencer) -> bool:
        """Ask until the answers meet what was streamed, or bring nothing new. False: no answer."""
        since = max(0, min(trades.last_ts, self._now()) - OVERLAP)
        fruitless, waits = 0, pauses(PAUSE_S)
        while True:
            try:
                answer = await venue.recent_trades(symbol, since)
            except NotExecuted as error:
                await self._sleep(max(next(waits), error.retry_after))
                continue
            except ExchangeError:
                return False
            ready, new = trades.backfill(self._valid(symbol, answer))
            self._hand_on(ready)
            if trades.has_joined or not (new or (trades.held and not trades.lacks_stream)):
                return True
            fruitless = 0 if new else fruitless + 1
            if fruitless >= FRUITLESS_PAGES:
                return True
            if not new:  # what was streamed a moment ago may not be in an answer yet
                await self._sleep(PAUSE_S)
            since = max(since, min(trades.last_ts, self._now()))


__all__ = ["PATIENCE_S", "Backfill"]
