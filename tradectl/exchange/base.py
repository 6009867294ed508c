"""What the system asks of an exchange, whichever it is.

Orders go out by `send` and are forgotten by the caller: every answer comes back as a report, an
input like any other, so that the core never waits for one. A market's "no" (no such price, no such
order) is an answer too, not an exception.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from tradectl.domain.commands import OutboundCommand, SubmitOrder
from tradectl.domain.events import Acceptance, Event
from tradectl.domain.money import ZERO, Side
from tradectl.domain.orders import Order, OrderStatus

AT_ONCE = 0

Report = Callable[[Event, int], None]
"""Takes a report and the moment (ns UTC) at which it becomes an input; one not in the future means
now. Reports are handed over in the order in which they must arrive, those of one moment too, and
whoever takes them keeps that order."""


PreSendCheck = Callable[[SubmitOrder], str]
"""Why an order must not leave after all, asked in the last moment; empty when it may."""


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

        An order that is SUBMITTED, APPROVED or UNKNOWN in the books may never have been received.
        Where the exchange can tell that it was not, the order is reported expired; where it cannot,
        nothing is reported, and the order stays unknown.
        """
        ...


class Accepted(Struct, frozen=True):
    """What the operator says that differences are, of `symbols` alone where some are named, and at what
    `price` they were traded."""

    kind: Acceptance
    symbols: tuple[str, ...] = ()
    price: Decimal | None = None


class Whose(StrEnum):
    """Which open orders at an exchange are meant."""

    OURS = "ours"
    """every one with our tag"""
    OURS_UNKNOWN = "ours_unknown"
    """those with our tag that the books do not know to be open"""
    ALL_UNKNOWN = "all_unknown"
    """all that the books do not know to be open, of anybody who uses the same account"""


class OpenOrder(Struct, frozen=True):
    """An order that an exchange reports to be open. `ours`: it carries our tag; `protects`: it is a
    reduce-only stop of ours. `quantity` is what it may still trade, in coins."""

    symbol: str
    client_order_id: str
    venue_order_id: str
    status: OrderStatus
    ours: bool = True
    protects: bool = False
    side: Side = Side.SELL
    quantity: Decimal = ZERO
    stop_price: Decimal | None = None

    @property
    def known_as(self) -> str:
        return self.client_order_id or self.venue_order_id


class Proof(Struct, frozen=True, kw_only=True):
    """What an exchange itself reports: what is open there, and what it holds (signed quantity) of each of
    our `symbols`, and of the quote currency; or why it could not be asked. `foreign` are the orders of
    others in our symbols."""

    exchange: str
    symbols: tuple[str, ...] = ()
    open_orders: tuple[OpenOrder, ...] = ()
    held: dict[str, Decimal] = {}
    cash: Decimal | None = None
    error: str = ""
    foreign: tuple[str, ...] = ()


class Cancelled(Struct, frozen=True, kw_only=True):
    """What an exchange has cancelled, by the client order ids; or why not all of it."""

    exchange: str
    orders: tuple[str, ...] = ()
    error: str = ""


MONEY = "money"


class Compared(Struct, frozen=True, kw_only=True):
    """That an exchange was compared with the books, and what of it was `left_out` since something of ours
    is on its way there: symbols, or `MONEY`; or why it was not, and the pause (s) it asks for first."""

    exchange: str
    left_out: tuple[str, ...] = ()
    error: str = ""
    pause: float = 0.0


__all__ = [
    "AT_ONCE",
    "MONEY",
    "Accepted",
    "Cancelled",
    "Compared",
    "Exchange",
    "OpenOrder",
    "PreSendCheck",
    "Proof",
    "Report",
    "Whose",
]
