"""Which events the books are folded from, and by which of their methods; no other changes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from tradectl.domain.events import (
    AccountReported,
    AllocationRequested,
    BarEvent,
    BarOpened,
    BookEvent,
    BracketTriggered,
    CancelRejected,
    CancelRequested,
    CashMoved,
    CommandReceived,
    EmergencyStopReceived,
    Event,
    FundingPaid,
    HaltContinued,
    InstrumentChanged,
    LimitBreached,
    MarketDataEvent,
    OrderAccepted,
    OrderApproved,
    OrderCanceled,
    OrderCommandReceived,
    OrderDenied,
    OrderExpired,
    OrderFilled,
    OrderInitialized,
    OrderOutcomeLost,
    OrderRejected,
    OrderSubmitted,
    OrderTriggered,
    PauseEnded,
    PositionLiquidated,
    QuoteEvent,
    QuotesApproved,
    QuotesDenied,
    Record,
    SettingsChanged,
    SharesComputed,
    SizeChanged,
    StrategiesCrossed,
    StrategySignalEvent,
    SymbolRestricted,
    TargetComputed,
    TimerFired,
    TradingConcluded,
    TrailMoved,
    WarmUpReceived,
    WeightsComputed,
)
from tradectl.state.availability import counted
from tradectl.state.books import Books
from tradectl.state.bracket_books import on_signal, on_trail, on_triggered

E = TypeVar("E", bound=Event)

FOLD: dict[type[Event], Callable[[Books, Any, Record], Iterable[Event] | None]] = {}
"""What the books do with each kind of event: attached to the core live, looked up by the fold."""


def _folds(fold: Callable[[Books, E, Record], Iterable[Event] | None], *kinds: type[E]) -> None:
    FOLD.update(dict.fromkeys(kinds, fold))


_folds(Books.on_market, MarketDataEvent, QuoteEvent, BookEvent, BarEvent, BarOpened)
_folds(Books.on_order, OrderInitialized)
_folds(Books.on_approved, OrderApproved)
_folds(Books.on_submitted, OrderSubmitted)
_folds(Books.on_denied, OrderDenied)
_folds(Books.on_cancel, CancelRequested)
_folds(
    Books.on_execution,
    OrderAccepted, OrderRejected, OrderTriggered, OrderCanceled, OrderExpired, CancelRejected,
    OrderOutcomeLost,
)  # fmt: skip
_folds(Books.on_fill, OrderFilled)
_folds(Books.on_crossed, StrategiesCrossed)
_folds(Books.on_target, TargetComputed)
_folds(on_signal, StrategySignalEvent)
_folds(on_trail, TrailMoved)
_folds(on_triggered, BracketTriggered)
FOLD |= {QuotesApproved: Books.on_quotes, QuotesDenied: Books.on_quotes}
_folds(Books.on_liquidation, PositionLiquidated)
_folds(Books.on_funding, FundingPaid)
_folds(Books.on_cash_moved, CashMoved)
_folds(counted(Books.on_risk), LimitBreached)
_folds(counted(Books.on_pause_ended), PauseEnded)
_folds(Books.on_size_changed, SizeChanged)
_folds(counted(Books.on_restriction), SymbolRestricted)
_folds(Books.on_account_report, AccountReported)
_folds(Books.on_instrument, InstrumentChanged)
_folds(
    counted(Books.on_command),
    CommandReceived, EmergencyStopReceived, OrderCommandReceived, SettingsChanged,
)  # fmt: skip
_folds(counted(Books.on_halt_continued), HaltContinued)
_folds(counted(Books.on_concluded), TradingConcluded)
_folds(Books.on_timer, TimerFired)
_folds(Books.on_warm_up, WarmUpReceived)
_folds(Books.on_allocation_requested, AllocationRequested)
_folds(Books.on_weights, WeightsComputed)
_folds(Books.on_shares, SharesComputed)


__all__ = ["FOLD"]
