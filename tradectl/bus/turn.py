"""A turn: waiting inputs go through the core, highest class first, for a few milliseconds.

Market data is taken in marches, as long as nothing else is to be done. On recorded data what is due comes
just before the first event that lies after it. What a step asks for leaves as soon as the step is as
durable as whoever gets it needs; the rest of the turn is written in one group at its end.
"""

from __future__ import annotations

from tradectl.bus.alarm import Alarm
from tradectl.bus.clock import Clock
from tradectl.bus.command_release import CommandRelease
from tradectl.bus.core import Core
from tradectl.bus.input_queue import InputQueue
from tradectl.bus.scheduler import NEVER, Scheduler
from tradectl.bus.stage_times import StageTimes
from tradectl.bus.step_times import StepTimes
from tradectl.domain.events import Event, Record, TimerFired

SLICE_NS = 5_000_000
RECORDED_SLICE_NS = 20_000_000
"""Of recorded data, where no market waits: larger groups cost less."""
_NOTHING_DUE = Scheduler()
"""A live clock calls by itself when something is."""


class Turn:
    """Takes what waits in `inputs`, and once the `data_ended` what is due of the `scheduler`, for about
    `slice_ns`. Of the records that it made so many are `written`: what comes after them never happened
    where it raises."""

    def __init__(
        self,
        core: Core,
        inputs: InputQueue,
        scheduler: Scheduler,
        alarm: Alarm,
        release: CommandRelease,
        *,
        clock: Clock,
        step_times: StepTimes,
        stage_times: StageTimes,
        slice_ns: int | None,
    ) -> None:
        self._core = core
        self._inputs = inputs
        self._scheduler = scheduler
        self._alarm = alarm
        self._release = release
        self._clock = clock
        self._step_times = step_times
        self._stage_times = stage_times
        if slice_ns is None:
            slice_ns = SLICE_NS if clock.live else RECORDED_SLICE_NS
        self._slice_ns = slice_ns
        self.data_ended = False
        self.written = 0

    @property
    def has_work(self) -> bool:
        answers_due = self.data_ended and self._scheduler.next_due != NEVER
        return bool(self._inputs) or answers_due

    def take(self, records: list[Record]) -> None:
        """Append every record made, all of them written at the end. Raises JournalFailed, and whatever a
        broken bus does."""
        self.written = 0
        core, inputs, scheduler, release = self._core, self._inputs, self._scheduler, self._release
        market = inputs.market
        stamp, ticks, note = self._clock.stamp, self._clock.ticks, self._step_times.note
        stages = self._stage_times
        on_recorded_time, most = not self._clock.live, 1
        due = scheduler if on_recorded_time else _NOTHING_DUE
        started = ticks()
        stages.begin(started)
        turn_end = started + self._slice_ns
        while True:
            steps = 1
            if inputs.urgent_waiting:
                core.step(self._take_urgent(), self._clock.now(), records)
            elif not market:
                if not self.data_ended or scheduler.next_due == NEVER:
                    break
                steps = core.meet(inputs, scheduler, stamp, records, self._clock.now())
            else:
                steps = 0
                if on_recorded_time and market[0].ts >= scheduler.next_due:
                    steps = core.meet(inputs, scheduler, stamp, records, market[0].ts)
                if not steps or (market and not core.outbox and not inputs.urgent_waiting):
                    steps += core.march(inputs, due, stamp, records, most)
            if stages.is_timed:
                stages.end(started, steps)
            if core.outbox:
                commands, core.outbox = core.outbox, []
                self.written = release.release(commands, records, self.written)
            now = ticks()
            most = note(now - started, steps, core.seq)
            if now > turn_end:
                break
            started = now
        release.write(records[self.written :])

    def _take_urgent(self) -> Event:
        event = self._inputs.take_urgent()
        if isinstance(event, TimerFired):
            self._scheduler.set_timer(event.name, self._clock.now())
            self._alarm.set()
        return event


__all__ = ["RECORDED_SLICE_NS", "SLICE_NS", "Turn"]
