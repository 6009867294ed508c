"""Inputs that lie in the future: timers, and answers that take their time."""

from __future__ import annotations

import heapq
from collections.abc import Callable

from tradectl.domain.events import Event, TimerFired

NEVER = 1 << 63
FIRST_TIME = 1

Idle = Callable[[int], bool]
"""At a moment (ns): that a timer would find nothing to do."""


class Scheduler:
    """Events by the moment (ns) they are due; of equal moments the one put first.

    `next_due` is kept as a plain number because the bus compares it with every tick. While `begins`,
    timers wait for time itself to begin, with the first event that has one.
    """

    def __init__(self) -> None:
        self.next_due = NEVER
        self.begins = False
        self._heap: list[tuple[int, int, Event]] = []
        self._put = 0
        self._timers: dict[str, tuple[int, TimerFired]] = {}
        """by name: how often, and the event that it is every time"""
        self._set: set[str] = set()
        """the timers that wait here; one that is due may be on its way"""
        self._idle: dict[str, Idle] = {}
        self._closed = False

    def close(self) -> None:
        """Nothing is due any more, now or later."""
        self._closed = True
        self.begins = False
        self._heap.clear()
        self._set.clear()
        self._look()

    def put(self, event: Event, due: int) -> None:
        if self._closed:
            return
        self._put += 1
        heapq.heappush(self._heap, (due, self._put, event))
        if due < self.next_due and not self.begins:
            self.next_due = due

    def pop(self) -> tuple[int, Event]:
        """The event due first, and when. IndexError when there is none."""
        due, _, event = heapq.heappop(self._heap)
        if isinstance(event, TimerFired):
            self._set.discard(event.name)
        self._look()
        return due, event

    def pass_over(self, name: str, idle: Idle) -> None:
        """The timer `name` is not taken at a moment when it would be `idle`."""
        self._idle[name] = idle

    def take(self, now: int) -> tuple[int, Event | None]:
        """The same; a timer comes again, at its next moment after `now`. None for one that is passed
        over."""
        due, _, event = self._heap[0]
        if not isinstance(event, TimerFired) or event.name not in self._timers:
            return self.pop()
        interval, _ = self._timers[event.name]
        self._put += 1
        heapq.heapreplace(self._heap, (_next_of(interval, now), self._put, event))
        self._look()
        idle = self._idle.get(event.name)
        return due, None if idle is not None and idle(due) else event

    def every(self, interval: int, name: str, now: int) -> None:
        """A timer; set at once, or when time begins (`now` is 0 until then). One of that name that is set
        comes by this interval from here on."""
        if name in self._set:
            self._set.discard(name)
            self._heap = [entry for entry in self._heap if not _is_of(entry[2], name)]
            heapq.heapify(self._heap)
            self._look()
        self._timers[name] = interval, TimerFired(source_component="timer", name=name)
        if now:
            self.set_timer(name, now)
        else:
            self.begins = True
            self._look()

    def has_timer(self, name: str) -> bool:
        return name in self._timers

    def begin(self, now: int) -> None:
        self.begins = False
        for name in self._timers:
            self.set_timer(name, now)
        self._look()

    def set_timer(self, name: str, now: int) -> None:
        """The next multiple of the timer's interval after `now`; those passed over are not made up.

        A name without an interval is a timer set for once.
        """
        known = self._timers.get(name)
        if known is not None and name not in self._set:
            self._set.add(name)
            interval, timer = known
            self.put(timer, _next_of(interval, now))

    def drop_timers(self) -> None:
        """Forget every timer; answers still come."""
        self.begins = False
        self._timers.clear()
        self._set.clear()
        self._heap = [entry for entry in self._heap if not isinstance(entry[2], TimerFired)]
        heapq.heapify(self._heap)
        self._look()

    def _look(self) -> None:
        first = self._heap[0][0] if self._heap else NEVER
        self.next_due = FIRST_TIME if self.begins else first


def _is_of(event: Event, name: str) -> bool:
    return isinstance(event, TimerFired) and event.name == name


def _next_of(interval: int, now: int) -> int:
    return now - now % interval + interval
