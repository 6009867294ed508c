"""After a halt nobody trades, and the process stays until somebody knows: what nobody acknowledges is
told on, step by step, as long as there are steps.

What waits is in the database, and the account is nobody's meanwhile, also while a step is sent: a channel
that hangs must keep no emergency stop waiting. Whoever has the account is waited for, since he tells by
himself; where he comes in that moment, a step may be told twice, with the same key. Whoever clears the
halt or acknowledges ends it, and so does a signal; what is left then the next run tells, also one that is
refused because of the halt. One process of an account does it, by a lock that `status` reads.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping

import msgspec

from tradectl.bus.clock import Clock, WallClock
from tradectl.config.settings import Settings
from tradectl.domain.errors import AlreadyRunning, StateError
from tradectl.domain.resilience import pauses
from tradectl.domain.time import SECOND
from tradectl.monitoring.service_manager import take_longer
from tradectl.notification.outbox import Letter
from tradectl.runtime.signals import ended_by_signals
from tradectl.runtime.telling import dispatcher_of
from tradectl.storage.directory import StateDir
from tradectl.storage.outbox_rows import OutboxRows

LOOK_EVERY_S = 1.0
SEND_WITHIN_S = 10.0
FIRST_REST_S, LONGEST_REST_S = 1.0, 300.0
"""After a step that no channel took."""
UNREADABLE = (StateError, msgspec.DecodeError)


class StandingBy:
    """Of the account in `state_dir`, by the channels of `settings`, whose addresses `environ` has."""

    def __init__(
        self,
        settings: Settings,
        state_dir: StateDir,
        environ: Mapping[str, str] | None,
        *,
        clock: Clock | None = None,
        manager: str = "",
    ) -> None:
        self._settings, self._dir, self._environ = settings, state_dir, environ
        self._clock = clock or WallClock()
        self._manager = manager
        self._over = asyncio.Event()

    def next_step(self) -> int | None:
        """When the next is due (ns UTC); None where there is none, or nothing is halted."""
        if not self._settings.alert_channels or self._dir.latch.read() is None:
            return None
        return min((letter.due for letter in self._steps()), default=None)

    async def see_through(self, tell: Callable[[int], None] = lambda due: None) -> None:
        """`tell` when the next step is due (ns UTC), and go on until there is none any more. Raises
        ConfigError."""
        with ended_by_signals(self._end):
            if (due := self.next_step()) is not None:
                tell(due)
            rests, not_before = pauses(FIRST_REST_S, LONGEST_REST_S), 0
            while not self._over.is_set():
                due = self.next_step()
                if due is None:
                    return
                now = self._clock.wall()
                wait = (max(due, not_before) - now) / SECOND
                if wait > 0:
                    await self._wait(min(wait, LOOK_EVERY_S))
                    continue
                before = {letter.id for letter in self._steps()}
                if self._dir.owner() is not None:
                    await self._wait(LOOK_EVERY_S)
                    continue
                await asyncio.to_thread(self._send)
                if before <= {letter.id for letter in self._steps()}:
                    not_before = now + int(next(rests) * SECOND)

    def _end(self, reason: str) -> None:
        self._over.set()

    async def _wait(self, seconds: float) -> None:
        take_longer(self._manager, "halted: told on until somebody acknowledges")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._over.wait()

    def _steps(self) -> list[Letter]:
        """Those that nobody has made needless. Of a database that cannot be read there are none."""
        from tradectl.notification.dispatcher import letter_of

        with contextlib.closing(OutboxRows(self._dir.db)) as rows, contextlib.suppress(*UNREADABLE):
            letters = [letter_of(row) for row in rows.all() if row.step]
            return [letter for letter in letters if not rows.is_in_hand(letter.notice.id)]
        return []

    def _send(self) -> None:
        """What is due, as far as it can be."""
        dispatcher = dispatcher_of(self._settings, self._dir, self._environ)
        if dispatcher is not None:
            dispatcher.start()
            dispatcher.stop(SEND_WITHIN_S)


def stand_by(
    settings: Settings,
    state_dir: StateDir,
    environ: Mapping[str, str] | None,
    tell: Callable[[int], None],
    manager: str = "",
) -> None:
    """Where there are steps that no other process sees to: `tell` when the next is due (ns UTC), then see
    them through. `manager` is the address of the one who waits for the process to end, if any. Raises
    ConfigError, StateError."""

    async def stood_by() -> None:
        await StandingBy(settings, state_dir, environ, manager=manager).see_through(tell)

    with contextlib.suppress(AlreadyRunning), state_dir.standing_by.acquire():
        asyncio.run(stood_by())


__all__ = ["StandingBy", "stand_by"]
