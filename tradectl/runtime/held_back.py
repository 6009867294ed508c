"""How much of a run's data passed while trading was paused or halted: a run that did not trade for most
of its data has shown little of its strategies, and says so.

It looks on from within the steps, so that what it counts is exact, and counts only while there is
something to count: market data that nothing holds back pays nothing for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from msgspec import Struct

from tradectl.bus.core import Stage
from tradectl.bus.event_bus import EventBus
from tradectl.documents.reasons import Untraded
from tradectl.documents.run import HeldBack
from tradectl.domain.event import ReasonCode
from tradectl.domain.events import (
    BarOpened,
    CommandReceived,
    HaltContinued,
    LimitBreached,
    MarketDataEvent,
    PauseEnded,
    Record,
    TradingConcluded,
)
from tradectl.domain.money import decimal_text
from tradectl.domain.states import TradingState
from tradectl.domain.text import counted
from tradectl.domain.time import SECOND, iso
from tradectl.state.books_view import BooksView

CHANGES = (LimitBreached, PauseEnded, CommandReceived, HaltContinued, TradingConcluded)
"""What trading is paused, halted and let go on by."""


class _Passed(Struct):
    """Of one cause, over all its times: the data that passed (`events`, and `rows` without the opens of
    candles), and how long that took (ns). `begun` holds what the totals were when it last began."""

    reason: str
    since: int
    until: int = 0
    times: int = 0
    events: int = 0
    rows: int = 0
    span: int = 0
    begun: tuple[int, int, int] | None = None


class HeldBackData:
    """Counts on `bus`, for as long as the run lasts, what passes while the account may not trade."""

    def __init__(self, bus: EventBus, books: BooksView) -> None:
        self._bus = bus
        self._books = books
        self._by_cause: dict[str, _Passed] = {}
        self._events = self._rows = self._now = 0
        self._open: set[str] = set()
        for kind in CHANGES:
            bus.attach(kind, self._on_change, Stage.PORTFOLIO)
        self._look(0)

    def rows(self, of_events: int) -> list[HeldBack]:
        """By cause, the first to hold trading back first; `of_events` is how many the data had in all, 0
        where it has no end."""
        return [self._row(cause, of_events) for cause in self._by_cause]

    def share(self, of_events: int) -> Decimal:
        """Of the data, 0 to 1, whatever the causes were; 0 where it has no end."""
        return _share(self._events, of_events)

    def _row(self, cause: str, of_events: int) -> HeldBack:
        passed = self._by_cause[cause]
        events, rows, span = passed.events, passed.rows, passed.span
        if passed.begun is not None:
            began_events, began_rows, began = passed.begun
            events += self._events - began_events
            rows += self._rows - began_rows
            span += max(self._now - began, 0) if began else 0
        return HeldBack(
            cause=cause,
            reason=passed.reason,
            since=iso(passed.since),
            until=iso(passed.until) if passed.begun is None else None,
            times=passed.times,
            rows=rows,
            share=decimal_text(_share(events, of_events)) if of_events else None,
            span_s=round(span / SECOND, 3),
        )

    def _on_change(self, _: object, record: Record) -> None:
        self._look(record.at)

    def _look(self, at: int) -> None:
        """Begin and end what the account says by now; `at` is ns UTC, 0 before the first event."""
        causes = self._causes()
        for cause in [cause for cause in self._open if cause not in causes]:
            self._end(cause, at)
        for cause, (reason, since) in causes.items():
            if cause not in self._open:
                self._begin(cause, reason, since, at)
        counts = bool(self._open)
        if counts and not self._bus.core.has(MarketDataEvent, self._count):
            self._bus.attach(MarketDataEvent, self._count, Stage.STATE)
        elif not counts:
            self._bus.detach(self._count)

    def _causes(self) -> dict[str, tuple[str, int]]:
        account = self._books.account
        causes = {cause: (pause.reason, pause.since) for cause, pause in account.pauses.items()}
        if account.trading_state.is_halt:
            causes[account.trading_state] = (account.trading_state_reason, account.state_since)
        return causes

    def _begin(self, cause: str, reason: str, since: int, at: int) -> None:
        passed = self._by_cause.setdefault(cause, _Passed(reason, since))
        passed.reason, passed.times = reason, passed.times + 1
        passed.begun = (self._events, self._rows, at)
        self._open.add(cause)
        self._now = max(self._now, at)

    def _end(self, cause: str, at: int) -> None:
        passed = self._by_cause[cause]
        if passed.begun is not None:
            events, rows, began = passed.begun
            passed.events += self._events - events
            passed.rows += self._rows - rows
            passed.span += at - began if began else 0
        passed.begun, passed.until = None, at
        self._open.discard(cause)

    def _count(self, event: MarketDataEvent, record: Record) -> None:
        if not self._now:  # it was held back before the first event
            for cause in self._open:
                passed = self._by_cause[cause]
                passed.begun = (0, 0, record.at)
        self._events += 1
        self._now = record.at
        if event.__class__ is not BarOpened:
            self._rows += 1


def _share(events: int, of_events: int) -> Decimal:
    if not of_events:
        return Decimal(0)
    return round(Decimal(min(events, of_events)) / of_events, 4)


def as_reasons(rows: Iterable[HeldBack]) -> list[Untraded]:
    """For which nothing was traded: what held all of trading back while data passed."""
    found = []
    for row in rows:
        if row.rows:
            is_halt = row.cause in (*TradingState,)
            share = (
                f"{Decimal(row.share):.0%} of the data"
                if row.share
                else counted(round(row.span_s), "second")
            )
            why = f"{'halted' if is_halt else 'paused'} for {share}: {row.reason or row.cause}"
            code = ReasonCode.HALTED if is_halt else ReasonCode.PAUSED
            found.append(Untraded(code=code, strategy="", symbol="", text=why))
    return found


__all__ = ["HeldBackData", "as_reasons"]
