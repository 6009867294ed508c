"""The exchange's dead-man switch: what it cancels when nothing was heard of us for a while.

Its countdown cancels every order of a symbol, ours and those of others, entries and protective stops. So
it is armed, symbol by symbol, only where nothing rests that has to stay: neither a stop of ours nor an
order of somebody else. It is off before a stop is placed, and as soon as a foreign order is seen. What is
open is asked for each time before it is armed: a stream may be late, or lost.

A run before this one may have armed it, and a request whose answer was lost may still arrive: what may
be running counts as running until the exchange has confirmed that it is off.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from tradectl.domain.errors import AccessLost, ExchangeError
from tradectl.domain.events import SystemEventKind
from tradectl.exchange.live.execution_reporter import ExecutionReporter
from tradectl.exchange.live.order_tracker import OrderTracker
from tradectl.exchange.live.tracked_order import TrackedOrder
from tradectl.exchange.venue import Venue

OFF_WITHIN_S = 3.0
"""A stop waits for so long, and the end of a run: it is better placed late than not at all."""
AGAIN_S = 0.5
"""Between two tries to disarm it."""
NOBODY_KNOWS = float("inf")
STOP_RESTS, FOREIGN_RESTS = "a stop of ours rests", "an order of others rests"
NOT_KNOWN = "what rests there is not known yet"
TOLD_WITHIN_S = 60.0
"""What a countdown that ran out has cancelled is told within."""


class DeadManSwitch:
    """Of the `symbols` at `venue`, for `seconds` each time; 0: it is never armed. `look` asks for what is
    open there, and has the tracker know it. `monotonic` gives seconds."""

    def __init__(
        self,
        venue: Venue,
        symbols: Sequence[str],
        tracker: OrderTracker,
        reporter: ExecutionReporter,
        seconds: float,
        *,
        look: Callable[[], Awaitable[None]],
        monotonic: Callable[[], float],
    ) -> None:
        self._venue = venue
        self._symbols = tuple(symbols)
        self._tracker = tracker
        self._reporter = reporter
        self._seconds = seconds
        self._look = look
        self._monotonic = monotonic
        self._compared = False
        self._until = dict.fromkeys(self._symbols, NOBODY_KNOWS)
        self._runs_out: dict[str, float] = {}
        """the one that the exchange has confirmed, in this run; 0: none runs"""
        self._ran_out: dict[str, float] = {}
        """when it was last seen to have run out, monotonic s"""
        self._unsure: set[str] = set()
        self._failed: set[str] = set()
        self._next_arming = 0.0
        self._arming: asyncio.Future[None] | None = None
        self._lock = asyncio.Lock()
        self._changed = asyncio.Event()

    # --- what is known --------------------------------------------------------------------------------

    def blocked(self) -> dict[str, str]:
        """The symbols where it must not be armed, and why."""
        return {symbol: why for symbol in self._symbols if (why := self._why_blocked(symbol))}

    def _why_blocked(self, symbol: str) -> str:
        """Empty where it may be armed."""
        if self._tracker.has_stop(symbol):
            return STOP_RESTS
        if self._tracker.has_foreign(symbol):
            return FOREIGN_RESTS
        return "" if self._compared else NOT_KNOWN

    def may_run(self, symbol: str) -> bool:
        """A countdown may be running there."""
        return self._until.get(symbol, 0.0) > self._monotonic()

    def may_have_cancelled(self, order: TrackedOrder) -> bool:
        """A countdown ran out there, now or lately: what it cancels is told later. That of a run before
        may have run out by now, and may at any time until the exchange has confirmed another."""
        symbol = order.spec.symbol
        if not self._seconds or not self._venue.abilities.dead_man:
            return False
        if order.since_before or symbol not in self._runs_out:
            return True
        self._note_whether_it_ran_out(symbol)
        at = self._ran_out.get(symbol)
        return at is not None and self._monotonic() - at < TOLD_WITHIN_S

    def _note_whether_it_ran_out(self, symbol: str) -> None:
        runs_out, now = self._runs_out.get(symbol, 0.0), self._monotonic()
        if 0 < runs_out <= now:
            self._ran_out[symbol] = now

    def status(self) -> dict[str, str]:
        """By symbol, in words; empty where there is no such switch."""
        if not self._venue.abilities.dead_man:
            return {}
        if not self._seconds:
            return dict.fromkeys(self._symbols, "off: exchanges.dead_man_seconds is 0")
        blocked = self.blocked()
        return {symbol: self._in_words(symbol, blocked.get(symbol)) for symbol in self._symbols}

    def _in_words(self, symbol: str, reason: str | None) -> str:
        runs = self.may_run(symbol)
        if reason is not None:
            return f"being disarmed: {reason}" if runs else f"off: {reason}"
        is_sure = runs and symbol not in self._unsure and self._until[symbol] != NOBODY_KNOWS
        return "armed" if is_sure else "off: it could not be armed"

    # --- what it hears --------------------------------------------------------------------------------

    def on_compared(self) -> None:
        """All that is open was told."""
        self._compared = True
        self._changed.set()

    def on_foreign_order(self, symbol: str) -> None:
        if self.may_run(symbol):
            self._changed.set()

    # --- what it does ---------------------------------------------------------------------------------

    async def keep(self) -> None:
        """Well within its time, for ever; what cannot be done is reported."""
        while True:
            self._changed.clear()
            await self._see_to_all()
            must_go = any(symbol in self._failed for symbol in self.blocked())
            wait = AGAIN_S if must_go else max(self._next_arming - self._monotonic(), 0.0)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._changed.wait()

    async def _see_to_all(self) -> None:
        arm = self._monotonic() >= self._next_arming
        if arm:
            self._next_arming = self._monotonic() + self._seconds / 4
            arm = await self._tried("", self._look_once())
            if not self._compared:
                return
        for symbol in self._symbols:
            await self._tried(symbol, self._see_to(symbol, arm=arm))
        if not self._failed:
            self._reporter.problem_over(SystemEventKind.DEAD_MAN_FAILED)

    async def _look_once(self) -> None:
        await self._look()
        self._compared = True

    async def _tried(
        self, what: str, work: Coroutine[Any, Any, None], within: float | None = None
    ) -> bool:
        """False where it failed, which is reported; `what` is a symbol. `within` in seconds."""
        try:
            async with asyncio.timeout(self._seconds / 2 if within is None else within):
                await work
        except AccessLost as error:
            self._reporter.access_refused(error)
        except (ExchangeError, TimeoutError) as error:
            why = f"{error or 'no answer in time'}"
            self._reporter.problem(SystemEventKind.DEAD_MAN_FAILED, why)
        else:
            self._failed.discard(what)
            return True
        finally:
            work.close()
        self._failed.add(what)
        return False

    async def _see_to(self, symbol: str, *, arm: bool) -> None:
        async with self._lock:
            if self._why_blocked(symbol):
                if self.may_run(symbol):
                    await self._disarm(symbol)
            elif arm:
                await self._arm(symbol)

    async def _off(self, symbol: str) -> None:
        async with self._lock:
            await self._disarm(symbol)

    async def make_safe(self, symbol: str) -> None:
        """A stop is about to be placed: nothing may be running that would cancel it. Where it cannot be
        disarmed the stop is better than none, and it is tried again."""
        if not self._venue.abilities.dead_man or not self.may_run(symbol):
            return
        if not await self._tried(symbol, self._off(symbol), OFF_WITHIN_S):
            self._changed.set()

    async def end(self, *, leave_armed: bool) -> None:
        """Off, everywhere: who ends a run on purpose leaves what rests on purpose. With `leave_armed`
        only where something rests that has to stay; elsewhere the exchange cancels what we could not."""
        if not self._venue.abilities.dead_man:
            return
        blocked = self.blocked()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(OFF_WITHIN_S):
                await self._armed()
                for symbol in self._symbols:
                    if self.may_run(symbol) and (symbol in blocked or not leave_armed):
                        await self._tried(symbol, self._off(symbol), OFF_WITHIN_S)

    async def _arm(self, symbol: str) -> None:
        self._note_whether_it_ran_out(symbol)
        if self._runs_out.get(symbol) == 0:  # by the time of this one, should its answer be lost
            self._runs_out[symbol] = self._monotonic() + self._seconds
        self._until[symbol] = NOBODY_KNOWS
        self._unsure.add(symbol)
        self._arming = asyncio.ensure_future(self._venue.arm_dead_man([symbol], self._seconds))
        self._arming.add_done_callback(_retrieve)
        await asyncio.shield(self._arming)
        self._until[symbol] = self._runs_out[symbol] = self._monotonic() + self._seconds
        self._unsure.discard(symbol)

    async def _armed(self) -> None:
        """The newest request to arm it is answered: sent after one that is still on its way, a request to
        disarm it may get there first."""
        if self._arming is not None:
            try:
                await asyncio.wait([self._arming])
            finally:
                self._arming.cancel()

    async def _disarm(self, symbol: str) -> None:
        self._note_whether_it_ran_out(symbol)
        await self._venue.arm_dead_man([symbol], 0)
        if symbol in self._unsure:  # a request whose answer was lost may still get there
            self._until[symbol] = self._monotonic() + self._seconds
            self._unsure.discard(symbol)
        else:
            self._until[symbol] = 0.0
        self._runs_out[symbol] = self._until[symbol]


def _retrieve(asked: asyncio.Future[None]) -> None:
    """Nobody may wait for it any more."""
    if not asked.cancelled():
        asked.exception()


__all__ = ["DeadManSwitch"]
