"""Which records of a journal are wanted: of a symbol, of a kind, or of one chain of causes.

A chain is what led to a record and what followed from it. An input and all that follows from it stand
together in a journal, so no more than one such step is ever held.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from msgspec import Struct

from tradectl.domain.errors import UsageError
from tradectl.domain.event import EventType, wire_name
from tradectl.domain.events import (
    KINDS,
    AccountReported,
    Event,
    InstrumentChanged,
    OrderApproved,
    OrderInitialized,
    Record,
    SystemEvent,
)
from tradectl.domain.text import harmless, suggest

BY_NAME = {wire_name(kind.__name__): kind for kind in KINDS}


def symbols_of(event: Event) -> tuple[str, ...]:
    """Those that the event is about."""
    match event:
        case OrderInitialized():
            return (event.order.symbol,)
        case OrderApproved():
            return (event.order.spec.symbol,)
        case InstrumentChanged():
            return (event.instrument.symbol,)
        case AccountReported():
            return tuple(event.positions)
        case SystemEvent():
            kind, _, name = event.component.partition(":")
            return (name,) if kind == "symbol" else ()
    symbol = getattr(event, "symbol", "")
    return (symbol,) if symbol else ()


def kinds_named(names: Iterable[str]) -> frozenset[type[Event]]:
    """The classes of events of some families (`order`) or kinds (`order_filled`). Raises UsageError."""
    found: set[type[Event]] = set()
    for name in names:
        word = name.strip().lower().replace("-", "_")
        kinds = [kind for kind in KINDS if kind.event_type == word] or [
            kind for known, kind in BY_NAME.items() if known == word
        ]
        if not kinds:
            known = sorted({*EventType} | {*BY_NAME})
            raise UsageError(
                f"--type: no events of type {harmless(name, 40)!r}: {suggest(word, known)}"
            )
        found.update(kinds)
    return frozenset(found)


class EventFilter(Struct, frozen=True):
    """Empty: everything. `cause` is the number of a record whose chain is wanted, whole."""

    symbols: Collection[str] = ()
    kinds: Collection[type[Event]] = ()
    without: Collection[type[Event]] = ()
    cause: int = 0

    def takes(self, record: Record) -> bool:
        event = record.event
        kind = event.__class__
        if kind in self.without or (self.kinds and kind not in self.kinds):
            return False
        return not self.symbols or not {*self.symbols}.isdisjoint(symbols_of(event))

    def of(self, records: Iterable[Record]) -> Iterator[Record]:
        """Those of a journal's records that are wanted; nothing after a chain is looked at."""
        for record in chain(records, self.cause) if self.cause else records:
            if self.takes(record):
                yield record


def chain(records: Iterable[Record], seq: int) -> Iterator[Record]:
    """Record `seq`, what it follows from, back to the input, and all that followed from it."""
    step: list[Record] = []
    for record in records:
        if not record.cause:
            if record.seq > seq:
                break
            step.clear()
        step.append(record)
    cause = {record.seq: record.cause for record in step}
    if seq not in cause:
        return
    wanted = {seq}
    while before := cause[min(wanted)]:
        wanted.add(before)
    after = {seq}
    for record in step:
        if record.cause in after:
            after.add(record.seq)
    yield from (record for record in step if record.seq in wanted | after)


__all__ = ["EventFilter", "chain", "kinds_named", "symbols_of"]
