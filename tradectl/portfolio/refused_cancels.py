"""A cancel that was refused is asked for again after a while, and not at once.

Whoever refuses it may know that the order is over, and its end is on the way. Asked for again with each
refusal it would be asked for as fast as answers come.
"""

from __future__ import annotations

from tradectl.domain.events import CancelRejected, CancelRequested, Event
from tradectl.domain.time import SECOND

PAUSE = SECOND
KEPT = 1_000


class RefusedCancels:
    """By order, when (ns) the next is due. The newest are kept."""

    def __init__(self) -> None:
        self._due: dict[str, int] = {}

    def after(self, report: Event, events: list[Event], at: int) -> list[Event]:
        """What follows from a report (`at`, ns), without the cancels that are not due: a regular look
        comes to what they are for."""
        if isinstance(report, CancelRejected):
            self._due.pop(report.order_id, None)
            self._due[report.order_id] = at + PAUSE
            if len(self._due) > KEPT:
                del self._due[next(iter(self._due))]
        return [each for each in events if self._is_due(each, at)] if self._due else events

    def _is_due(self, event: Event, at: int) -> bool:
        return not isinstance(event, CancelRequested) or at >= self._due.get(event.order_id, 0)


__all__ = ["RefusedCancels"]
