"""Whoever holds the state directory as an emergency stop comes for it.

A trading process that does not answer is ended, where it is known which one it is. Another emergency stop
is not: it is let finish, and what it has left to do is done after it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from tradectl.bus.clock import Clock
from tradectl.domain.errors import AlreadyRunning
from tradectl.storage.directory import StateDir
from tradectl.storage.lease import ASKING_S, GUEST, STOPS
from tradectl.storage.processes import NotEnded, end, is_stopped

DIES_WITHIN_S = 2.0
LOOK_EVERY_S = 0.01


class Predecessor:
    """Of the emergency stop that does not wait for another one after `patience` (monotonic s), and that
    sets its own latch again after one, by `latch`."""

    def __init__(
        self, state_dir: StateDir, clock: Clock, patience: float, latch: Callable[[], object]
    ) -> None:
        self._dir = state_dir
        self._clock = clock
        self._patience = patience
        self._latch = latch
        self.not_ended = ""
        """why the process that holds the lock was let live"""

    def end(self) -> int | None:
        """SIGKILL whoever holds the lock (a stopped process does not hear anything less), and wait."""
        owner = self._let_stops_finish()
        if owner is None:
            return None
        try:
            end(self._dir.lease.identity_of(owner))
        except NotEnded as error:
            self.not_ended = str(error)
            return None
        self.wait(self._clock.monotonic() + DIES_WITHIN_S)
        return owner

    def is_stopped(self, owner: int) -> bool:
        return is_stopped(self._dir.lease.identity_of(owner))

    def wait(self, deadline: float) -> None:
        while self._dir.owner() is not None and self._clock.monotonic() < deadline:
            time.sleep(LOOK_EVERY_S)

    @contextlib.contextmanager
    def owned(self) -> Iterator[None]:
        """Be the only process here, after other emergency stops. Raises AlreadyRunning, StateError."""
        with contextlib.ExitStack() as stack:
            while True:
                try:
                    stack.enter_context(self._dir.owned(stops=True))
                    break
                except AlreadyRunning:
                    if self._let_stops_finish() is not None:
                        raise
            yield

    def _let_stops_finish(self) -> int | None:
        """Whoever holds the lock once other emergency stops are done, or None. One that is stopped
        itself, or that does not get on, is not waited for."""
        known_at, waited = self._clock.monotonic(), False
        while (owner := self._dir.owner()) is not None and not self.is_stopped(owner):
            now, kind = self._clock.monotonic(), self._dir.lease.kind_of(owner)
            if kind is not None:
                known_at = now
            is_new = now < known_at + ASKING_S  # it notes what it is in a moment
            if now > self._patience or not (kind in (STOPS, GUEST) or (kind is None and is_new)):
                break
            waited = True
            time.sleep(LOOK_EVERY_S)
        if waited:
            self._latch()  # the other left it as it wanted it
        return owner


__all__ = ["Predecessor"]
