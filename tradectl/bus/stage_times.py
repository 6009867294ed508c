"""Where a step's time goes: how long the handlers of each stage took of it.

To time every handler would make each step dearer by a tenth. So a step is timed when none has been for
some milliseconds, at the beginning of a turn: of a quiet live market that is every step, and whatever
comes it is a few thousandths of a core's time at most. It runs through the same handlers with a look at
the time around each; what they say, and what is said of one that fails, is the same. Whatever else a step
takes is its dispatch.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from tradectl.bus.core import AnyHandler, Core, Emitted, Stage
from tradectl.bus.step_times import SAMPLES, percentiles_us
from tradectl.documents.run import StageFigures
from tradectl.domain.events import Event, Record
from tradectl.domain.statistics import Durations

DISPATCH = "dispatch"
PAUSE_NS = 20_000_000


class NewestDurations(Durations):
    """With the `newest` of them."""

    __slots__ = ("newest",)

    def __init__(self) -> None:
        super().__init__()
        self.newest: deque[int] = deque(maxlen=SAMPLES)

    def note(self, took: int) -> None:
        super().note(took)
        self.newest.append(took)


class StageTimes:
    """Of a sample of the steps of `core`; `ticks` gives nanoseconds. `durations` are those of a stage in
    each step in which it had something to do, by its name."""

    def __init__(self, core: Core, ticks: Callable[[], int]) -> None:
        self._core, self._ticks = core, ticks
        names = [*(stage.name.lower() for stage in Stage), DISPATCH]
        self.durations = {name: NewestDurations() for name in names}
        self._stages = [*self.durations.values()]
        self._step = [0] * len(names)
        self._next = 0
        self.is_timed = False
        core.time_by(self._timed)

    def begin(self, at: int) -> None:
        """A turn begins: time what comes, until the end, where it is time for it."""
        if at < self._next:
            return
        self._next = at + PAUSE_NS
        self.is_timed = True
        self._core.time_handlers(True)

    def end(self, started: int, steps: int) -> None:
        """So many steps have been taken since `started`. Those of several timers that came together, as
        on recorded data they do, are not told apart, and left out."""
        took = self._ticks() - started
        self.is_timed = False
        self._core.time_handlers(False)
        step, stages = self._step, self._stages
        step[-1] = took - sum(step)
        for stage, ns in enumerate(step):
            if ns:
                step[stage] = 0
                if steps == 1:
                    stages[stage].note(ns)

    def figures(self) -> dict[str, StageFigures]:
        """Of those that had something to do."""
        whole = sum(taken.total_ns for taken in self.durations.values())
        found = {}
        for name, taken in self.durations.items():
            if taken.total_ns:
                p50, p99 = percentiles_us(taken.newest, 0.50, 0.99)
                found[name] = StageFigures(p50, p99, round(100 * taken.total_ns / whole, 1))
        return found

    def _timed(self, stage: Stage, handler: AnyHandler) -> AnyHandler:
        """The handler, with a look at the time before and after. What is called by its name has it."""
        ticks, step = self._ticks, self._step

        def timed(event: Event, record: Record) -> Emitted:
            started = ticks()
            try:
                return handler(event, record)
            finally:
                step[stage] += ticks() - started

        timed.__qualname__ = getattr(handler, "__qualname__", repr(handler))
        timed.__self__ = getattr(handler, "__self__", None)  # type: ignore[attr-defined]  # as a method
        return timed


__all__ = ["DISPATCH", "PAUSE_NS", "StageTimes"]
