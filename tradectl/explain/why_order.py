"""`why ORDER_ID`: the way of an order, as a document of steps with the time between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from tradectl.documents.why import CheckRow, FillCost, Happened, OrderWhy, Step
from tradectl.domain.events import (
    BarEvent,
    CancelRequested,
    Event,
    ExecutionEvent,
    MarketDataEvent,
    OrderAccepted,
    OrderApproved,
    OrderDenied,
    OrderFilled,
    OrderInitialized,
    OrderSubmitted,
    OrderTriggered,
    Record,
    StrategySignalEvent,
    TargetComputed,
)
from tradectl.domain.money import ZERO, decimal_text, plain
from tradectl.domain.time import SECOND, iso
from tradectl.explain.order_trail import OrderTrail, Traded
from tradectl.explain.read_trail import trail_of
from tradectl.explain.words import (
    bar_words,
    cause_words,
    late_words,
    market_words,
    signal_words,
    wanted_words,
)
from tradectl.report.builder import trip_row
from tradectl.risk.engine import Weighed
from tradectl.state.status import order_row
from tradectl.storage.directory import StateDir

BPS = 10_000
EXECUTION = "execution"
WORDS: dict[type[Event], tuple[Happened, str]] = {
    OrderSubmitted: (Happened.SUBMITTED, "released to the exchange"),
    OrderAccepted: (Happened.ACCEPTED, "works there"),
    OrderTriggered: (Happened.TRIGGERED, "its stop price was reached"),
    CancelRequested: (Happened.CANCEL, "asked to be cancelled"),
}


class _Step(NamedTuple):
    """At `at`, ns."""

    what: Happened
    record: Record
    at: int
    text: str
    figures: Mapping[str, Any] = MappingProxyType({})


def why_order(path: Path, order_id: str, stored_in: StateDir | None = None) -> OrderWhy:
    """Of an order that the run of the journal `path` made; `stored_in` may have snapshots of the run.
    Raises UsageError, JournalError."""
    return told(trail_of(path, order_id, stored_in), path)


def told(trail: OrderTrail, path: Path) -> OrderWhy:
    """The way of an order, from the journal `path`."""
    assert trail.order is not None
    assert trail.made is not None
    fills = _fills(trail)
    against = [Decimal(fill.slippage) for fill in fills if fill.slippage is not None]
    mids = [Decimal(fill.slippage_mid) for fill in fills if fill.slippage_mid is not None]
    slippage = sum(against, ZERO) if against else None
    traded = sum((t.fill.quantity * t.fill.price for t in trail.fills), ZERO)
    return OrderWhy(
        run_id=trail.header.run_id,
        journal=str(path),
        order=order_row(trail.order, trail.books.account.account_id),
        steps=_timed(sorted(_steps(trail), key=lambda step: step.at)),
        is_exit=trail.is_exit,
        checks=[check_row(weighed) for weighed in trail.weighed],
        fills=fills,
        arrival=None if trail.arrival is None else decimal_text(trail.arrival),
        slippage=None if slippage is None else decimal_text(slippage),
        slippage_bps=decimal_text(slippage / traded * BPS) if slippage is not None else None,
        slippage_mid=decimal_text(sum(mids, ZERO)) if mids else None,
        trips=[trip_row(trip) for trip in trail.trips],
    )


# --- steps ----------------------------------------------------------------------------------------


def _timed(steps: list[_Step]) -> list[Step]:
    timed, before = [], steps[0].at
    for step in steps:
        timed.append(
            Step(
                what=step.what,
                seq=step.record.seq,
                time=iso(step.at),
                after_s=round((step.at - before) / SECOND, 6),
                text=step.text,
                figures=dict(step.figures),
            )
        )
        before = step.at
    return timed


def _steps(trail: OrderTrail) -> Iterator[_Step]:
    yield from _decided(trail)
    planned = trail.spec is not None and trail.spec.plan is not None
    for record in trail.events:
        if planned and isinstance(record.event, OrderSubmitted):
            continue  # it does not leave
        step = _became(record)
        if step is not None:
            yield step
    for trip in trail.trips:
        closed = not trip.is_open
        words = "ended" if closed else "is still open, at the last price"
        text = f"the round trip {words}: {decimal_text(trip.pnl)} net"
        last = trail.events[-1]
        yield _Step(
            Happened.ROUND_TRIP, _at_seq(last, trip.exit_seq or last.seq), trip.closed_at, text
        )


def _at_seq(record: Record, seq: int) -> Record:
    return msgspec.structs.replace(record, seq=seq)


def _decided(trail: OrderTrail) -> Iterator[_Step]:
    """From the market data to the order; an order that no strategy asked for has its own cause."""
    made = trail.made
    assert made is not None
    told: set[int] = set()
    for signal, given, bar in trail.signals:
        if given.seq not in told and given.seq != signal.seq:
            told.add(given.seq)
            yield _cause(given)
        if bar is not None and not isinstance(given.event, BarEvent):
            yield _Step(Happened.BAR, given, given.at, bar_words(bar), _fields(bar))
        event: Any = signal.event
        yield _Step(Happened.SIGNAL, signal, signal.at, signal_words(event), _fields(event))
        told.add(signal.seq)
    yield from (_cause(r) for r in trail.led_to if r.seq not in told and r is not trail.target)
    if len(trail.wanted) > 1:
        wanted = {name: _fields(target) for name, target in trail.wanted.items()}
        yield _Step(Happened.NETTING, made, made.at, wanted_words(trail.wanted), wanted)
    if trail.target is not None:
        yield _target(trail.target)
    order: Any = made.event
    yield _Step(Happened.ORDER, made, made.at, order.reason, _fields(order.order))


def _cause(record: Record) -> _Step:
    event = record.event
    if isinstance(event, MarketDataEvent):
        what, text = Happened.MARKET_DATA, market_words(event, record.at)
    elif isinstance(event, StrategySignalEvent):
        what, text = Happened.SIGNAL, signal_words(event)
    else:
        what, text = Happened.CAUSE, cause_words(event)
    return _Step(what, record, record.at, text, _fields(event))


def _target(record: Record) -> _Step:
    event = record.event
    assert isinstance(event, TargetComputed)
    text = f"{plain(event.current)} is held, {plain(event.target)} is wanted: {plain(event.change)}"
    return _Step(Happened.TARGET, record, record.at, text, _fields(event))


def _became(record: Record) -> _Step | None:
    event = record.event
    if isinstance(event, OrderApproved):
        return _Step(Happened.RISK, record, record.at, "every check let it pass")
    if isinstance(event, OrderInitialized):
        child = event.order
        at = "at market" if child.price is None else f"at {plain(child.price)}"
        text = f"{child.side} {plain(child.quantity)} {at}: order {child.order_id}"
        return _Step(Happened.CHILD, record, record.at, text, _fields(child))
    if isinstance(event, OrderDenied):
        text = f"denied by {event.code}: {event.message}"
        return _Step(Happened.RISK, record, record.at, text, _fields(event))
    if isinstance(event, OrderFilled):
        late = late_words(event.ts, record.at, "traded")
        text = f"{plain(event.quantity)} at {plain(event.price)}, fee {plain(event.fee)}{late}"
        return _Step(Happened.FILL, record, record.at, text, _fields(event))
    what, text = WORDS.get(type(event), (Happened.ENDED, ""))
    if what is Happened.ACCEPTED and event.source_component == EXECUTION:
        text = "worked here by child orders"
    reason = getattr(event, "reason", "")
    if what is Happened.ENDED and isinstance(event, ExecutionEvent):
        text = event.trigger.replace("_", " ")
    return _Step(what, record, record.at, f"{text}: {reason}" if reason else text, _fields(event))


def _fields(event: Any) -> dict[str, Any]:
    """Of an event, without what every one has."""
    fields: dict[str, Any] = msgspec.to_builtins(event)
    for name in ("type", "by", "order_id", "symbol"):
        fields.pop(name, None)
    return fields


# --- figures --------------------------------------------------------------------------------------


def check_row(weighed: Weighed) -> CheckRow:
    denial, figures = weighed.denial, weighed.figures
    if denial is not None:
        return CheckRow(
            code=denial.code,
            passed=False,
            limit=denial.limit or None,
            actual=denial.actual or None,
            message=denial.message,
        )
    return CheckRow(
        code=weighed.code,
        passed=True,
        limit=None if figures is None else decimal_text(figures.limit),
        actual=None if figures is None else decimal_text(figures.actual),
        message="",
    )


def _fills(trail: OrderTrail) -> list[FillCost]:
    before = trail.made.at if trail.made is not None else 0
    found = []
    for traded in trail.fills:
        fill, at = traded.fill, traded.record.at
        found.append(
            FillCost(
                seq=traded.record.seq,
                time=iso(at),
                after_s=round((at - before) / SECOND, 6),
                quantity=plain(fill.quantity),
                price=plain(fill.price),
                fee=plain(fill.fee),
                liquidity=fill.liquidity,
                mid=None if traded.mid is None else decimal_text(traded.mid),
                slippage=_cost(traded, trail.arrival),
                slippage_mid=_cost(traded, traded.mid),
            )
        )
        before = at
    return found


def _cost(traded: Traded, against: Decimal | None) -> str | None:
    """What the fill cost against a price, above zero where it was worse."""
    if against is None:
        return None
    fill = traded.fill
    return decimal_text(fill.side.signed(fill.quantity) * (fill.price - against))


__all__ = ["check_row", "why_order"]
