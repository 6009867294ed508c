"""One chain of causes through a journal: what led to a record, and all that followed from it.

A record names what it follows from within its own step. What goes from step to step is found here: what
an exchange says of an order follows from its submission, or from the request to cancel it; an order from
what its strategies said last; and a target that was put off, until the next open say, is where the later
one comes from.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tradectl.domain.events import (
    BracketTriggered,
    CancelRejected,
    CancelRequested,
    ExecutionEvent,
    OrderCanceled,
    OrderInitialized,
    OrderSubmitted,
    OrderTriggered,
    Record,
    StrategySignalEvent,
    TargetComputed,
)


class Chain(NamedTuple):
    """Numbers of the records of a chain; `last` is the journal's last one."""

    numbers: frozenset[int]
    last: int


def chain_of(records: Iterable[Record], seq: int) -> Chain:
    """That of record `seq`."""
    causes, before, after = _Causes(), dict[int, list[int]](), {seq}
    last = 0
    for record in records:
        last, found = record.seq, causes.of(record)
        if last <= seq:
            before[last] = found
        elif not after.isdisjoint(found):
            after.add(last)
    led, look = {seq}, [seq]
    while look:
        for cause in before.get(look.pop(), ()):
            if cause not in led:
                led.add(cause)
                look.append(cause)
    return Chain(frozenset(led | after), last)


class _Causes:
    """Takes a run's records in their order. What is kept grows with orders, not with market data."""

    def __init__(self) -> None:
        self._submitted: dict[str, int] = {}
        self._cancels: dict[str, int] = {}
        self._signals: dict[tuple[str, str], int] = {}
        self._put_off: dict[str, list[int]] = {}
        self._taken_up: dict[str, list[int]] = {}

    def of(self, record: Record) -> list[int]:
        """The numbers of those that it follows from."""
        event, seq = record.event, record.seq
        found = [record.cause] if record.cause else []
        if not found:
            self._taken_up.clear()
        if isinstance(event, StrategySignalEvent | BracketTriggered):
            self._signals[event.strategy, event.symbol] = seq
        elif isinstance(event, TargetComputed):
            return found + self._of_target(event, seq)
        elif isinstance(event, OrderInitialized):
            spec = event.order
            said = (self._signals.get((owner, spec.symbol)) for owner in spec.owners)
            found += [*filter(None, said), *self._taken_up.get(spec.symbol, ())]
        elif isinstance(event, OrderSubmitted):
            self._submitted[event.order_id] = seq
        elif isinstance(event, CancelRequested):
            self._cancels[event.order_id] = seq
            found += self._taken_up.get(event.symbol, ())
        elif isinstance(event, ExecutionEvent) and not found:
            found = self._of_execution(event)
            if isinstance(event, OrderTriggered):  # what comes of it follows from that
                self._submitted[event.order_id] = seq
        return found

    def _of_target(self, event: TargetComputed, seq: int) -> list[int]:
        before = self._put_off.pop(event.symbol, [])
        if before:
            self._taken_up[event.symbol] = before
        if event.code is not None and event.target != event.current:
            self._put_off[event.symbol] = [seq]
        return before

    def _of_execution(self, event: ExecutionEvent) -> list[int]:
        asked = self._submitted.get(event.order_id)
        if isinstance(event, OrderCanceled | CancelRejected):
            asked = self._cancels.get(event.order_id, asked)
        return [asked] if asked else []


__all__ = ["Chain", "chain_of"]
