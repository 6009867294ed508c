"""Notices that the event loop stands still, which nothing that runs in the loop can.

The loop beats every fraction of the limit; a thread checks how long ago. A strategy that sleeps stops the
beats but not the thread; where the thread stood still as well, and no processor was used, the process did
not run at all, and no strategy is to blame. Once the loop runs again, an event on the bus says how long
it stood, and which of the two it was.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable

from tradectl.bus.clock import ComputerClock
from tradectl.domain.events import SystemEvent, SystemEventKind
from tradectl.domain.resilience import StallDetector
from tradectl.domain.text import described

BEATS_PER_LIMIT = 10
TRIES_PER_LIMIT = 2
"""Of what is to be done about a stall that lasts, and fails."""

log = logging.getLogger("tradectl.watchdog")


class Watchdog:
    """`on_stall(seconds)` is called in the watchdog's thread, once for each time that something blocks
    the loop for longer than `limit` s; `on_lasting_stall(seconds)` the same after `lasting` s (0: never),
    and again where it raises. `processor` gives the seconds of a processor that were used.

    `post` gets a SystemEvent `loop_stalled` once the loop is back.
    """

    def __init__(
        self,
        post: Callable[[SystemEvent], object],
        *,
        limit: float = 2.0,
        on_stall: Callable[[float], object] | None = None,
        lasting: float = 0.0,
        on_lasting_stall: Callable[[float], object] | None = None,
        monotonic: Callable[[], float] = ComputerClock.monotonic,
        processor: Callable[[], float] = ComputerClock.processor,
    ) -> None:
        self._post = post
        self._limit = limit
        self._stalls = StallDetector(limit, monotonic)
        self._own_stalls = StallDetector(limit / 2, monotonic)
        self._stood = 0.0
        self._processor = processor
        self._used = processor()
        self._on_stall = on_stall
        self._lasting, self._on_lasting_stall = lasting, on_lasting_stall
        self._timer: asyncio.TimerHandle | None = None
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """From inside the loop to be watched; does nothing when already started."""
        if self._thread is not None:
            return
        self._stalls.beat()
        self._beat()
        self._stopped = threading.Event()
        self._thread = threading.Thread(
            target=self._watch, args=(self._stopped,), name="watchdog", daemon=True
        )
        self._thread.start()

    def limits(self, limit: float, lasting: float) -> None:
        """Others from here on, as the first ones were given; from inside the loop."""
        if (limit, lasting) == (self._limit, self._lasting):
            return
        is_watching = self._thread is not None
        if is_watching:  # the thread would look by the old limit once more, and beats come by it
            self.stop()
        self._limit, self._lasting = limit, lasting
        self._stalls.limit, self._own_stalls.limit = limit, limit / 2
        if is_watching:
            self.start()

    def stop(self) -> None:
        """Does not wait for the thread, which ends by itself within a fraction of the limit."""
        self._stopped.set()
        self._thread = None
        if self._timer is not None:
            self._timer.cancel()

    def _beat(self) -> None:
        silence = self._stalls.beat()
        if silence:
            self._post(_stalled_event(silence, blocked=not self._did_not_run(silence)))
        self._stood, self._used = 0.0, self._processor()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._limit / BEATS_PER_LIMIT, self._beat)

    def _watch(self, stopped: threading.Event) -> None:
        """The thread: reports once for each beat that grew too old."""
        reported = acted_on = 0.0
        self._own_stalls.beat()
        while not stopped.wait(self._limit / BEATS_PER_LIMIT):
            self._stood = max(self._stood, self._own_stalls.beat())
            beat = self._stalls.last_beat
            silence = self._stalls.stalled_for()
            if silence and beat != reported and not self._did_not_run(silence):
                reported = beat
                self._report(silence)
            if self._lasts(silence) and beat != acted_on and not self._did_not_run(silence):
                if self._call(self._on_lasting_stall, silence):
                    acted_on = beat
                else:
                    stopped.wait(self._limit / TRIES_PER_LIMIT)

    def _lasts(self, silence: float) -> bool:
        return 0 < self._lasting <= silence

    def _did_not_run(self, silence: float) -> bool:
        """The process itself stood, for most of the time in which the loop was silent."""
        stood = max(self._stood, self._own_stalls.stalled_for())
        return stood > silence / 2 and self._processor() - self._used < silence / 2

    def _report(self, silence: float) -> None:
        self._call(self._on_stall, silence)
        log.error(
            "the event loop has stood still for %.1f s: a strategy or handler blocks it", silence
        )

    def _call(self, callback: Callable[[float], object] | None, silence: float) -> bool:
        """Whether it could do it."""
        try:
            if callback is not None:
                callback(silence)
        except Exception as error:  # a bug in the callback must not end the watch
            log.error("the stall callback failed: %s", described(error))
            return False
        return True


def _stalled_event(silence: float, *, blocked: bool) -> SystemEvent:
    why = (
        "a strategy or handler blocked it"
        if blocked
        else ("the process did not run: it was stopped, or the computer slept or was busy")
    )
    return SystemEvent(
        source_component="watchdog",
        kind=SystemEventKind.LOOP_STALLED,
        component="loop",
        message=f"the event loop stood still for {silence:.1f} s: {why}",
    )
