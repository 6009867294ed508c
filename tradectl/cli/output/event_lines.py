"""Events of a journal, a line each: its number, the time, what happened, and what it followed from.

The words are those of the plain log, which has none for what there is most of; those are here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rich.console import RenderableType

from tradectl.cli.output import figures
from tradectl.cli.output.cells import BAD, DIM, GOOD, LOUD, PLAIN, WARN, Cell, Column
from tradectl.cli.output.listing import Listing
from tradectl.documents.explain import EventRow
from tradectl.domain.events import (
    AccountReported,
    AllocationRequested,
    BarEvent,
    BarOpened,
    BookEvent,
    Event,
    FillShared,
    InstrumentChanged,
    MarketDataEvent,
    OrderAccepted,
    OrderApproved,
    OrderDenied,
    OrderInitialized,
    OrderSubmitted,
    OrderTriggered,
    PositionChanged,
    QuoteEvent,
    QuotesApproved,
    QuotesDenied,
    QuotesWanted,
    SharesComputed,
    StrategiesCrossed,
    SuccessorShown,
    TargetComputed,
    TimerFired,
    WarmUpReceived,
    WeightsComputed,
)
from tradectl.domain.money import plain
from tradectl.domain.text import counted, harmless
from tradectl.explain.event_rows import event_of
from tradectl.logs.event_words import WORDS, spec_words

STYLES = {
    "order_filled": GOOD, "order_denied": WARN, "order_rejected": BAD, "limit_breached": LOUD,
    "position_liquidated": LOUD, "strategy_signal": PLAIN, "timer_fired": DIM,
}  # fmt: skip


def listing(rows: Sequence[EventRow]) -> RenderableType:
    return Listing(COLUMNS, rows, "no such events in this run")


def failed(rows: Sequence[EventRow]) -> RenderableType:
    return Listing((*COLUMNS, FAILED), rows, "no failed events: every handler took what it got")


def heading() -> str:
    """Of lines that come one by one, in the columns of a listing."""
    return _in_columns(*(column.name for column in COLUMNS))


def spelled(row: EventRow) -> str:
    """In one line under the heading."""
    return _in_columns(*(column.show(row).text for column in COLUMNS))


def _in_columns(seq: str, time: str, cause: str, event: str) -> str:
    return f"{seq:>8}  {time:<18}  {cause:>8}  {event}"


def words(row: EventRow) -> str:
    """What happened."""
    event = event_of(row)
    spell = WORDS.get(type(event)) or _WORDS.get(type(event))
    return spell(event) if spell is not None else harmless(row.type).replace("_", " ")


def _price(event: MarketDataEvent) -> str:
    said = f"{harmless(event.symbol)} {event.price:f}"
    return f"{said} x {plain(event.volume)}" if event.volume else said


def _quote(event: QuoteEvent) -> str:
    if event.bid is None or event.ask is None:
        return f"QUOTE {harmless(event.symbol)} {event.price:f}"
    return f"QUOTE {harmless(event.symbol)} {event.bid:f} / {event.ask:f}"


def _bar(event: BarEvent) -> str:
    ends = f"{event.open:f} {event.high:f} {event.low:f} {event.price:f}"
    return f"BAR {harmless(event.symbol)} {ends} x {plain(event.volume)}"


def _target(event: TargetComputed) -> str:
    held = f"{plain(event.current)} -> {plain(event.target)}"
    if event.change:
        held += f", by {plain(event.change)}"
    why = f": {harmless(event.reason)}" if event.reason else ""
    stays = f", stays ({event.code})" if event.code is not None else ""
    return f"TARGET {harmless(event.symbol)} {held}{stays}{why}"


def _intent(event: OrderInitialized) -> str:
    why = f": {harmless(event.reason)}" if event.reason else ""
    return f"ORDER wanted {spec_words(event.order)}{why} ({harmless(event.order.order_id)})"


def _denied(event: OrderDenied) -> str:
    why = f"{harmless(event.code)}: {harmless(event.message)}"
    return f"ORDER denied {harmless(event.symbol)} {why} ({harmless(event.order_id)})"


def _position(event: PositionChanged) -> str:
    return (
        f"POSITION {harmless(event.symbol)} {plain(event.quantity)}, realised "
        f"{figures.money(event.realized, signed=True)}, cash {figures.money(event.cash)}"
    )


def _shares(event: FillShared | StrategiesCrossed) -> str:
    shares = ", ".join(
        f"{harmless(share.strategy or 'nobody')} {plain(share.quantity)}" for share in event.shares
    )
    name = "CROSSED" if isinstance(event, StrategiesCrossed) else "SHARED"
    return f"{name} {harmless(event.symbol)} @ {event.price:f}: {shares}"


def _account(event: AccountReported) -> str:
    held = ", ".join(f"{harmless(s)} {plain(q)}" for s, q in event.positions.items() if q)
    cash = f", cash {plain(event.cash)}" if event.cash is not None else ""
    return f"ACCOUNT {harmless(event.exchange)} holds {held or 'nothing'}{cash}"


def _weights(event: WeightsComputed) -> str:
    if event.failure:
        return f"WEIGHTS none: {harmless(event.failure)}"
    return "WEIGHTS " + ", ".join(f"{harmless(s)} {plain(w)}" for s, w in event.weights.items())


def _quotes(event: QuotesWanted | QuotesApproved | QuotesDenied) -> str:
    what = {QuotesWanted: "QUOTES wanted", QuotesApproved: "QUOTES approved"}.get(
        type(event), "QUOTES denied"
    )
    why = f": {harmless(event.code)}" if isinstance(event, QuotesDenied) else ""
    sides = [
        " ".join(f"{plain(level.quantity)}@{plain(level.price)}" for level in levels)
        for levels in (event.quotes.bids, event.quotes.asks)
    ]
    told = " / ".join(harmless(side, 100) or "-" for side in sides)
    return f"{what}{why} {harmless(event.strategy, 60)}: {told}"


_WORDS: dict[type[Event], Callable[[Any], str]] = {
    MarketDataEvent: lambda event: f"TRADE {_price(event)}",
    BarOpened: lambda event: f"OPEN {_price(event)}",
    QuoteEvent: _quote,
    BookEvent: _quote,
    BarEvent: _bar,
    TargetComputed: _target,
    OrderInitialized: _intent,
    OrderDenied: _denied,
    OrderApproved: lambda event: f"ORDER approved ({harmless(event.order_id)})",
    OrderSubmitted: lambda event: f"ORDER submitted ({harmless(event.order_id)})",
    OrderAccepted: lambda event: f"ORDER accepted ({harmless(event.order_id)})",
    OrderTriggered: lambda event: f"ORDER triggered ({harmless(event.order_id)})",
    PositionChanged: _position,
    FillShared: _shares,
    StrategiesCrossed: _shares,
    AccountReported: _account,
    QuotesWanted: _quotes,
    QuotesApproved: _quotes,
    QuotesDenied: _quotes,
    AllocationRequested: lambda event: (
        f"WEIGHTS wanted of {harmless(', '.join(event.symbols))}: {harmless(event.reason)}"
    ),
    WeightsComputed: _weights,
    SharesComputed: lambda event: (
        "SHARES " + ", ".join(f"{harmless(s)} {plain(w)}" for s, w in event.shares.items())
    ),
    InstrumentChanged: lambda event: f"RULES {harmless(event.instrument.symbol)} are others now",
    TimerFired: lambda event: f"TIMER {harmless(event.name)}",
    SuccessorShown: lambda event: (
        f"WARM-UP {counted(len(event.events), 'event')} for another {harmless(event.strategy)}"
        f"{', which is not put in its place' if event.over else ''}"
    ),
    WarmUpReceived: lambda event: (
        f"WARM-UP {counted(len(event.events), 'event')} of run {harmless(event.run_id)}"
    ),
}

COLUMNS: tuple[Column[EventRow], ...] = (
    Column("seq", lambda row: Cell(str(row.seq)), keep=3, right=True),
    Column("time", lambda row: Cell(row.time[5:23].replace("T", " "), DIM), keep=2),
    Column("cause", lambda row: Cell(str(row.cause or ""), DIM), keep=1, right=True),
    Column(
        "event",
        lambda row: Cell(words(row), STYLES.get(row.type, PLAIN)),
        least=30,
        keep=4,
        flexible=True,
    ),
)
FAILED: Column[EventRow] = Column(
    "failed",
    lambda row: Cell(
        harmless(f"{row.failed.observer}: {row.failed.error}") if row.failed else "", BAD
    ),
    least=20,
    keep=4,
    flexible=True,
)

__all__ = ["failed", "heading", "listing", "spelled", "words"]
