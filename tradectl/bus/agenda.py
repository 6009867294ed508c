"""Inputs that lie in the future: timers, and answers that take their time."""

from __future__ import annotations

import heapq

from tradectl.domain.events import Event, TimerEvent

NEVER = 1 << 63


class Agenda:
    """Events by the moment (ns) they are due; of equal moments the one put first.

    `next_due` is kept as a plain number because the bus compares it with every tick.
    """

    def __init__(self) -> None:
        self.next_due = NEVER
        self._heap: list[tuple[int, int, Event]] = []
        self._put = 0
        self._intervals: dict[str, int] = {}

    def put(self, event: Event, due: int) -> None:
        self._put += 1
        heapq.heappush(self._heap, (due, self._put, event))
        self.next_due = self._heap[0][0]

    def pop(self) -> tuple[int, Event]:
        """The event due first, and when. IndexError when there is none."""
        due, _, event = heapq.heappop(self._heap)
        self.next_due = self._heap[0][0] if self._heap else NEVER
        return due, event

    def every(self, interval: int, name: str) -> None:
        self._intervals[name] = interval

    def set_timers(self, now: int) -> None:
        for name in self._intervals:
            self.set_timer(name, now)

    def set_timer(self, name: str, now: int) -> None:
        """The next multiple of the timer's interval after `now`; those passed over are not made up.

        A name without an interval is a timer set for once.
        """
        interval = self._intervals.get(name)
        if interval is None:
            return
        timer = TimerEvent(source_component="timer", name=name)
        self.put(timer, now - now % interval + interval)

    def has_timers(self) -> bool:
        return bool(self._intervals)

    def answers(self) -> list[tuple[int, Event]]:
        """Empty the agenda; what was in it, but for the timers, in order."""
        entries = [(due, event) for due, _, event in sorted(self._heap, key=lambda e: e[:2])]
        self._heap.clear()
        self.next_due = NEVER
        return [(due, event) for due, event in entries if not isinstance(event, TimerEvent)]
