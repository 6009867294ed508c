"""The audit trail: records of a journal as rows, read in one pass and never held but for those shown.

A run that is still going on is read as far as its journal is complete, and followed from there.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from tradectl.bus.mailbox import DeadLetter
from tradectl.config.settings import Settings
from tradectl.documents.explain import EventRow, FailedHandling
from tradectl.domain.errors import JournalDamaged, UsageError
from tradectl.domain.event import wire_name
from tradectl.domain.events import AnyEvent, Record
from tradectl.domain.text import harmless, suggest
from tradectl.domain.time import iso
from tradectl.explain.event_chain import chain_of
from tradectl.explain.event_filter import EventFilter, symbols_of
from tradectl.feeds.whole_log import read_log
from tradectl.journal.run_lock import goes_on
from tradectl.journal.writer import Header
from tradectl.storage.reader import Page

LOOK_EVERY_S = 0.25


def row(record: Record) -> EventRow:
    event = record.event
    fields: dict[str, Any] = msgspec.to_builtins(event)
    fields.pop("type", None)
    return EventRow(
        seq=record.seq,
        time=iso(record.at),
        cause=record.cause,
        family=event.event_type,
        type=wire_name(type(event).__name__),
        symbols=list(symbols_of(event)),
        event=fields,
    )


def failed_row(letter: DeadLetter) -> EventRow:
    """One that a handler could not handle."""
    failed = FailedHandling(observer=letter.observer, error=letter.error, attempts=letter.attempts)
    return msgspec.structs.replace(row(letter.record), failed=failed)


def is_wanted(found: EventRow, wanted: EventFilter) -> bool:
    """A row out of a running system."""
    record = Record(found.seq, 0, event_of(found), found.cause)
    return wanted.takes(record) and (not wanted.cause or wanted.cause in (found.seq, found.cause))


def event_of(found: EventRow) -> AnyEvent:
    event: AnyEvent = msgspec.convert({**found.event, "type": found.type}, AnyEvent)
    return event


def events(path: Path, wanted: EventFilter, page: Page) -> Iterator[EventRow]:
    """Of the journal `path`, oldest first; the newest of a page are known at the end. Raises
    JournalError, and JournalDamaged after what is whole; UsageError for the chain of a record that it
    does not have, and for symbols that it has nothing to do with."""
    numbers = _chained(path, wanted.cause) if wanted.cause else None
    with read_log(path) as log:
        records = log.records()
        if numbers is not None:
            records = (record for record in records if record.seq in numbers)
        known = set[str]()
        if wanted.symbols:
            records = _noting(records, known)
        found = _since(filter(wanted.takes, records), page.since)
        kept: deque[Record] = deque(maxlen=page.limit and page.limit + page.skip)
        damage = None
        try:
            for record in found:
                kept.append(record)
                if page.limit is None and len(kept) > page.skip:
                    yield row(kept.popleft())
        except JournalDamaged as error:
            damage = error
        if wanted.symbols and known.isdisjoint(wanted.symbols):
            _refuse_unknown(wanted.symbols, known, log.header)
        if page.limit is not None:
            yield from map(row, list(kept)[: max(len(kept) - page.skip, 0)])
        if damage is not None:
            raise damage


def follow(
    path: Path,
    wanted: EventFilter,
    page: Page,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[EventRow]:
    """The newest of a page, then those that come, until the run has ended."""
    with read_log(path) as log:
        kept: deque[Record] = deque(maxlen=page.limit)
        kept.extend(_since(filter(wanted.takes, log.records()), page.since))
        yield from map(row, kept)
        kept.clear()
        while log.footer is None:
            runs = goes_on(path)  # asked first: what it wrote before it ended is read still
            yield from map(row, filter(wanted.takes, chain.from_iterable(log.tail())))
            if not runs:
                return
            sleep(LOOK_EVERY_S)


def _chained(path: Path, seq: int) -> frozenset[int]:
    """The numbers of the chain of record `seq`, of what is whole."""
    with read_log(path) as log:
        found = chain_of(_whole(log.records()), seq)
    if found.last < seq:
        raise UsageError(f"{path} has no record {seq} so far: its last one is {found.last}")
    return found.numbers


def _whole(records: Iterator[Record]) -> Iterator[Record]:
    """Whoever reads them once more is told of the damage."""
    with contextlib.suppress(JournalDamaged):
        yield from records


def _noting(records: Iterator[Record], known: set[str]) -> Iterator[Record]:
    """And their symbols."""
    for record in records:
        known.update(symbols_of(record.event))
        yield record


def _refuse_unknown(asked: Collection[str], known: set[str], header: Header) -> None:
    if {*Settings.load(header.config).symbols}.isdisjoint(asked):
        name = next(iter(asked))
        raise UsageError(
            f"run {header.run_id} has nothing of {harmless(name, 60)!r}: {suggest(name, sorted(known))}"
        )


def _since(records: Iterator[Record], since: str) -> Iterator[Record]:
    return (r for r in records if iso(r.at) >= since) if since else records


__all__ = ["event_of", "events", "failed_row", "follow", "is_wanted", "row"]
