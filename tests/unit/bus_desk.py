"""What the tests of the bus share: short words for events, a journal in memory, a list that listens."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal

from tradectl.bus.core import Core, Stage
from tradectl.domain.commands import ApprovedOrder, CancelOrder, OutboundCommand, SubmitOrder
from tradectl.domain.errors import JournalFailed
from tradectl.domain.events import (
    Command,
    CommandReceived,
    EmergencyStopReceived,
    Event,
    ExecutionEvent,
    LimitBreached,
    MarketDataEvent,
    Record,
    SystemEvent,
    TimerFired,
)
from tradectl.domain.money import Side
from tradectl.domain.orders import OrderSpec, Trigger


def tick(ts: int = 0, price: str = "100", symbol: str = "BTCUSDT") -> MarketDataEvent:
    return MarketDataEvent(symbol=symbol, price=Decimal(price), volume=Decimal(1), ts=ts)


def note(kind: str) -> SystemEvent:
    return SystemEvent(kind=kind)


def timer(name: str) -> TimerFired:
    return TimerFired(name=name)


def risk(code: str) -> LimitBreached:
    return LimitBreached(code=code, message="")


def report(order_id: str) -> ExecutionEvent:
    return ExecutionEvent(order_id=order_id, symbol="BTCUSDT", kind=Trigger.ACCEPT)


def command(reason: str) -> CommandReceived:
    return CommandReceived(command=Command.PAUSE, reason=reason)


def emergency(reason: str) -> EmergencyStopReceived:
    return EmergencyStopReceived(reason=reason)


def submit(order_id: str) -> SubmitOrder:
    spec = OrderSpec(order_id, "BTCUSDT", Side.BUY, Decimal(1))
    return SubmitOrder(ApprovedOrder(spec, 0))


def cancel(order_id: str) -> CancelOrder:
    return CancelOrder(order_id, "BTCUSDT")


def label(event: Event) -> str:
    """The one word that the events above carry."""
    for field in ("kind", "name", "code", "order_id", "reason", "price"):
        if field in event.__struct_fields__ and not isinstance(event, ExecutionEvent):
            return str(getattr(event, field))
    return str(getattr(event, "order_id", ""))


def labels(records: Iterable[Record]) -> list[str]:
    return [label(record.event) for record in records]


class MemoryJournal:
    """Keeps what it is given; fails from the write number `fails_at` on (0: never)."""

    def __init__(
        self, *, strict: bool = False, fails_at: int = 0, sync_fails: bool = False
    ) -> None:
        self.strict = strict
        self.log: list[str] = []
        self.groups: list[list[Record]] = []
        self._fails_at = fails_at
        self._sync_fails = sync_fails

    def write(self, records: list[Record]) -> None:
        if self._fails_at and len(self.groups) + 1 >= self._fails_at:
            raise JournalFailed("the disk is full")
        self.groups.append(list(records))
        self.log.append(f"write {records[0].seq}-{records[-1].seq}")

    def sync(self) -> None:
        if self._sync_fails:
            raise JournalFailed("the disk is gone")
        self.log.append("sync")

    def records(self) -> list[Record]:
        return [record for group in self.groups for record in group]


class Listener:
    """A core handler that writes down what it sees and answers from a table: label -> events."""

    def __init__(
        self, name: str = "", log: list[str] | None = None, **answers: list[Event]
    ) -> None:
        self.name = name
        self.log = [] if log is None else log
        self._answers = answers

    def __call__(self, record: Record) -> list[Event] | None:
        word = label(record.event)
        self.log.append(f"{self.name}:{word}" if self.name else word)
        return self._answers.get(word)


def run_step(core: Core, event: Event, at: int = 7) -> list[Record]:
    records: list[Record] = []
    core.step(event, at, records)
    return records


def core_with(*attached: tuple[Stage, type[Event], Callable[[Record], list[Event] | None]]) -> Core:
    core = Core("r")
    for stage, kind, handler in attached:
        core.attach(kind, handler, stage)
    return core


class SentCommands:
    """An exchange's door that only counts who passes."""

    def __init__(self, log: list[str] | None = None) -> None:
        self.ids: list[str] = []
        self.log = [] if log is None else log

    def __call__(self, command: OutboundCommand, at: int) -> None:
        told = command.order.spec.order_id if isinstance(command, SubmitOrder) else command.order_id
        self.ids.append(told)
        self.log.append(f"send {told}")


class FailsAtFirst:
    """Raises `times` times, then takes what it is given."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.calls = 0
        self.taken: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.calls += 1
        if self.calls <= self.times:
            raise ValueError("not \x1b[1mnow")
        self.taken.append(event)
