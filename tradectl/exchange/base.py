"""What the system asks of an exchange, whichever it is.

Orders go out by `send` and are forgotten by the caller: every answer comes back as a report, an
input like any other, so that the core never waits for one. A market's "no" (no such price, no such
order) is an answer too, not an exception.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Protocol

from tradectl.domain.commands import OutboundCommand
from tradectl.domain.events import ExecutionEvent
from tradectl.domain.orders import Order

AT_ONCE = 0

Report = Callable[[ExecutionEvent, int], None]
"""Takes a report and the moment (ns UTC) at which it becomes an input; one not in the future means
now. Reports are handed over in the order in which they must arrive, those of one moment too, and
whoever takes them keeps that order."""


class Exchange(Protocol):
    """A place that works our orders. Reports go to the `Report` given at construction."""

    name: str

    def send(self, command: OutboundCommand, at: int) -> None:
        """Submit or cancel an order; `at` is the moment of sending, ns UTC.

        Never raises for a reason of the market. A second submission of an order id does nothing.
        """
        ...

    def restore(self, orders: Iterable[Order], positions: Mapping[str, Decimal]) -> None:
        """Learn, at start, which orders the books hold to be working, and report what is not so;
        `positions` are the signed quantities that they hold.

        An order that is APPROVED or UNKNOWN in the books may never have been received. Where the
        exchange can tell that it was not, the order is reported expired; where it cannot, nothing
        is reported, and the order stays unknown.
        """
        ...


__all__ = ["AT_ONCE", "Exchange", "Report"]
