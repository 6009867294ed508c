"""Where a step's time goes: how long the handlers of each stage took of it.

To time every handler would make each step dearer by a tenth, so the first step of each turn stands for
all: that is every step of a quiet live market, and one in hundreds of a busy one or of recorded data. It
runs through the same handlers with a look at the time around each; what they say, and what is said of one
that fails, is the same. Whatever else a step takes is its dispatch.
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


class StageTimes:
    """Of a sample of the steps of `core`; `ticks` gives nanoseconds. `durations` are those of a
    stage in each step in which it had something to do, by its name."""

    def __init__(self, core: Core, ticks: Callable[[], int]) -> None:
        self._core, self._ticks = core, ticks
        self._names = [*(stage.name.lower() for stage in Stage), DISPATCH]
        self.durations = {name: Durations() for name in self._names}
        self._newest = {name: deque[int](maxlen=SAMPLES) for name in self._names}
        self._step = [0] * len(Stage)
        self._seq = self._in_stages = 0
        self.is_timed = False
        core.time_by(self._timed)

    def begin(self) -> None:
        """Time what comes, until the end."""
        self.is_timed = self._core.is_timed = True

    def end(self, started: int, steps: int) -> None:
        """So many steps have been taken since `started`."""
        took = self._ticks() - started
        self.is_timed = self._core.is_timed = False
        self._end_of_step()
        each = max(0, took - self._in_stages) // max(1, steps)
        for _ in range(steps):
            self._note(DISPATCH, each)
        self._in_stages = 0

    def figures(self) -> dict[str, StageFigures]:
        """Of those that had something to do."""
        whole = sum(taken.total_ns for taken in self.durations.values())
        found = {}
        for name, taken in self.durations.items():
            if taken.total_ns:
                p50, p99 = percentiles_us(self._newest[name], 0.50, 0.99)
                found[name] = StageFigures(p50, p99, round(100 * taken.total_ns / whole, 1))
        return found

    def _timed(self, stage: Stage, handler: AnyHandler) -> AnyHandler:
        return TimedHandler(stage, handler, self._ticks, self._took)

    def _took(self, stage: Stage, record: Record, took: int) -> None:
        if not record.cause and record.seq != self._seq:
            self._end_of_step()
            self._seq = record.seq
        self._step[stage] += took

    def _end_of_step(self) -> None:
        for stage, took in enumerate(self._step):
            if took:
                self._note(self._names[stage], took)
                self._in_stages += took
                self._step[stage] = 0

    def _note(self, name: str, took: int) -> None:
        self.durations[name].note(took)
        self._newest[name].append(took)


class TimedHandler:
    """`handler`, with a look at the time before and after; what is called by its name has it."""

    def __init__(
        self,
        stage: Stage,
        handler: AnyHandler,
        ticks: Callable[[], int],
        took: Callable[[Stage, Record, int], None],
    ) -> None:
        self._stage, self._handler, self._ticks, self._took = stage, handler, ticks, took
        self.__qualname__ = getattr(handler, "__qualname__", repr(handler))
        self.__self__ = getattr(handler, "__self__", None)

    def __call__(self, event: Event, record: Record) -> Emitted:
        started = self._ticks()
        try:
            return self._handler(event, record)
        finally:
            self._took(self._stage, record, self._ticks() - started)


__all__ = ["DISPATCH", "StageTimes", "TimedHandler"]
