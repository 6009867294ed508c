"""What happened, in words: a line for each event that is worth one, for people and for the log.

    FILL buy 0.01 BTCUSDT @ 60000.00 fee 0.6 (7f3a-123-1)

Market data, targets and timers are not worth a line. An order's intent is kept until risk has judged it,
and then shown in one line with what it said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Context
from typing import Any

from tradectl.domain.events import (
    CancelRejected,
    CancelRequested,
    CashMoved,
    CloseCause,
    CommandReceived,
    EmergencyStopReceived,
    Event,
    ExecutionEvent,
    FundingPaid,
    HaltContinued,
    LimitBreached,
    OrderApproved,
    OrderCanceled,
    OrderCommandReceived,
    OrderDenied,
    OrderExpired,
    OrderFilled,
    OrderInitialized,
    OrderOutcomeLost,
    OrderRejected,
    PauseEnded,
    PositionLiquidated,
    QuotesDenied,
    SettingsChanged,
    SizeChanged,
    StrategySignalEvent,
    SymbolRestricted,
    SystemEvent,
    TradingConcluded,
)
from tradectl.domain.money import number, plain
from tradectl.domain.notes import NoteValue
from tradectl.domain.orders import OrderSpec
from tradectl.domain.text import harmless

MOST_INTENTS = 1_000
CLOSED_BY = {
    CloseCause.LIQUIDATION: "LIQUIDATED",
    CloseCause.ADL: "DELEVERAGED",
    CloseCause.SETTLEMENT: "SETTLED",
    CloseCause.MANUAL: "MANUAL",
}
MOST_DIGITS = 12


class EventWords:
    """Spells events that are worth a line, an order's intent with what risk said of it."""

    def __init__(self) -> None:
        self._intents: dict[str, OrderSpec] = {}
        self._spellings: dict[type[Event], Callable[[Any], str | None]] = {
            **WORDS,
            OrderInitialized: self._intent,
            OrderApproved: self._approved,
            OrderDenied: self._denied,
        }

    def of(self, event: Event) -> str | None:
        """Its words, or None when it is not worth a line."""
        spell = self._spellings.get(type(event))
        return None if spell is None else spell(event)

    def _intent(self, event: OrderInitialized) -> None:
        self._intents[event.order.order_id] = event.order
        if len(self._intents) > MOST_INTENTS:
            del self._intents[next(iter(self._intents))]

    def _approved(self, event: OrderApproved) -> str:
        order = self._intents.pop(event.order_id, None)
        asked = f" {spec_words(order)}" if order else ""
        return f"ORDER approved{asked} ({harmless(event.order_id)})"

    def _denied(self, event: OrderDenied) -> str:
        order = self._intents.pop(event.order_id, None)
        asked = spec_words(order) if order else harmless(event.symbol)
        why = f"{harmless(event.code)}: {harmless(event.message)}{_against(event)}"
        return f"ORDER denied {asked} {why} ({harmless(event.order_id)})"


def spec_words(order: OrderSpec) -> str:
    parts = [f"{order.side} {plain(order.quantity)} {harmless(order.symbol)} {order.type}"]
    if order.stop_price is not None:
        parts.append(f"stop {order.stop_price:f}")
    if order.price is not None:
        parts.append(f"@ {order.price:f}")
    return " ".join(parts)


def _signal(event: StrategySignalEvent) -> str:
    reason = f": {harmless(event.reason)}" if event.reason else ""
    notes = f" [{note_words(event.notes)}]" if event.notes else ""
    return (
        f"SIGNAL {event.action} {harmless(event.symbol)} strength {event.strength:g} "
        f"by {harmless(event.strategy)}{reason}{notes}"
    )


def note_words(notes: Mapping[str, NoteValue]) -> str:
    """`fast 60012.5, slow 59998.1`."""
    return ", ".join(f"{harmless(name)} {_note(value)}" for name, value in notes.items())


def _note(value: NoteValue) -> str:
    if value is None:
        return "-"
    return f"{value:.8g}" if isinstance(value, float) else harmless(value)


def _fill(event: OrderFilled) -> str:
    return (
        f"FILL {event.side} {plain(event.quantity)} {harmless(event.symbol)} @ {event.price:f} "
        f"fee {plain(event.fee)} ({harmless(event.order_id)})"
    )


def _liquidated(event: PositionLiquidated) -> str:
    insurance = f" insurance {plain(event.insurance)}" if event.insurance else ""
    return (
        f"{CLOSED_BY[event.cause]} {event.side} {plain(event.quantity)} {harmless(event.symbol)} "
        f"@ {event.price:f} fee {plain(event.fee)}{insurance}"
    )


def _funding(event: FundingPaid) -> str:
    how = f": {plain(event.rate)} on {plain(event.quantity)} @ {event.price:f}"
    return f"FUNDING {harmless(event.symbol)} {plain(event.payment)}{'' if event.exchange else how}"


def _cash_moved(event: CashMoved) -> str:
    about = f" {harmless(event.symbol)}" if event.symbol else ""
    return f"{event.kind.upper()}{about} {plain(event.amount)} ({harmless(event.exchange)})"


def _execution(event: ExecutionEvent) -> str:
    reason = f": {harmless(event.reason)}" if event.reason else ""
    kind = event.trigger.replace("_", " ")
    return f"ORDER {kind} {harmless(event.symbol)}{reason} ({harmless(event.order_id)})"


def _cancel(event: CancelRequested) -> str:
    reason = f": {harmless(event.reason)}" if event.reason else ""
    return f"ORDER cancel {harmless(event.symbol)}{reason} ({harmless(event.order_id)})"


def _risk(event: LimitBreached) -> str:
    where = f" {harmless(event.symbol)}" if event.symbol else ""
    what = f"{harmless(event.code)}{where}: {harmless(event.message)}{_against(event)}"
    return f"RISK {harmless(event.action)} {what}"


def _pause_ended(event: PauseEnded) -> str:
    return f"RISK pause ended {harmless(event.code)}: {harmless(event.message)}"


def _size(event: SizeChanged) -> str:
    return f"RISK size {plain(event.size)} {harmless(event.cause)}: {harmless(event.message)}"


def _halt_continued(event: HaltContinued) -> str:
    return f"HALT goes on {event.state}: {harmless(event.reason)}"


def _concluded(event: TradingConcluded) -> str:
    return f"HALT done {event.state}, nothing is left to do: {harmless(event.reason)}"


def _restriction(event: SymbolRestricted) -> str:
    symbol = harmless(event.symbol)
    if not event.restricted:
        return f"RESTRICTION {symbol} lifted: {event.kind} is over"
    return f"RESTRICTION {symbol} {event.kind}: {harmless(event.message)}"


def _command(event: CommandReceived) -> str:
    target = f" {harmless(event.target)}" if event.target else ""
    reason = f": {harmless(event.reason)}" if event.reason else ""
    flatten = ", closing positions" if event.flatten else ""
    drop = ", dropping protection" if event.drop_protection else ""
    return f"COMMAND {event.command.replace('_', '-')}{target}{flatten}{drop}{reason}"


def _order_command(event: OrderCommandReceived) -> str:
    at = "at market" if event.price is None else f"@ {event.price:f}"
    by = f" by {event.plan.algorithm}" if event.plan is not None else ""
    asked = f"{event.side} {plain(event.quantity)} {harmless(event.symbol)} {at}{by}"
    return f"COMMAND order {asked}: {harmless(event.reason)}"


def _settings(event: SettingsChanged) -> str:
    said = ", ".join(change.said() for change in event.changes)
    return f"COMMAND configure: {harmless(said)}"


def _system(event: SystemEvent) -> str:
    by = f" ({harmless(event.component)})" if event.component else ""
    message = f": {harmless(event.message)}" if event.message else ""
    return f"SYSTEM {harmless(event.kind)}{message}{by}"


def _quotes_denied(event: QuotesDenied) -> str:
    what = f"QUOTES denied {harmless(event.symbol)} by {harmless(event.strategy)}"
    return f"{what} {harmless(event.code)}: {harmless(event.message)}{_against(event)}"


def _against(event: LimitBreached | OrderDenied | QuotesDenied) -> str:
    if not event.limit and not event.actual:
        return ""
    return f" [limit {_figure(event.limit)}, actual {_figure(event.actual)}]"


def _figure(text: str) -> str:
    """As it was computed, but for digits that nobody reads."""
    if len(text) <= MOST_DIGITS:
        return harmless(text)
    try:
        return plain(Context(prec=MOST_DIGITS).plus(number(text)))
    except ValueError:
        return harmless(text)


WORDS: dict[type[Event], Callable[[Any], str]] = {
    StrategySignalEvent: _signal,
    QuotesDenied: _quotes_denied,
    OrderFilled: _fill,
    PositionLiquidated: _liquidated,
    FundingPaid: _funding,
    CashMoved: _cash_moved,
    OrderRejected: _execution,
    OrderCanceled: _execution,
    OrderExpired: _execution,
    CancelRejected: _execution,
    OrderOutcomeLost: _execution,
    CancelRequested: _cancel,
    LimitBreached: _risk,
    PauseEnded: _pause_ended,
    SizeChanged: _size,
    HaltContinued: _halt_continued,
    TradingConcluded: _concluded,
    SymbolRestricted: _restriction,
    CommandReceived: _command,
    EmergencyStopReceived: _command,
    OrderCommandReceived: _order_command,
    SettingsChanged: _settings,
    SystemEvent: _system,
}
"""What each kind of event comes to, where it says all by itself."""

GRAVE = (LimitBreached, PauseEnded, SymbolRestricted, SystemEvent, CommandReceived)
"""What is told of recorded data, which has thousands of fills a second."""

__all__ = ["GRAVE", "WORDS", "EventWords", "note_words", "spec_words"]
