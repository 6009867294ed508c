"""Which records of a journal are wanted: of a symbol, of a kind, or of one chain of causes."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from msgspec import Struct

from tradectl.domain.errors import UsageError
from tradectl.domain.event import EventType, wire_name
from tradectl.domain.events import (
    KINDS,
    AccountReported,
    AllocationRequested,
    BarOpened,
    Event,
    FillShared,
    FundingPaid,
    HaltContinued,
    InstrumentChanged,
    MarketDataEvent,
    OrderApproved,
    OrderFilled,
    OrderInitialized,
    PositionChanged,
    PositionLiquidated,
    QuotesApproved,
    QuotesDenied,
    QuotesWanted,
    Record,
    SharesComputed,
    StrategiesCrossed,
    StrategySignalEvent,
    SuccessorShown,
    SymbolRestricted,
    SystemEvent,
    TargetComputed,
    TimerFired,
    TradingConcluded,
    WarmUpReceived,
    WeightsComputed,
)
from tradectl.domain.text import harmless, suggest

BY_NAME = {wire_name(kind.__name__): kind for kind in KINDS}
BY_WORD: dict[str, tuple[type[Event], ...]] = {
    "account": (AccountReported,),
    "allocation": (AllocationRequested, WeightsComputed, SharesComputed),
    "crossed": (StrategiesCrossed,),
    "fill": (OrderFilled,),
    "funding": (FundingPaid,),
    "halt": (HaltContinued, TradingConcluded),
    "liquidated": (PositionLiquidated,),
    "open": (BarOpened,),
    "position": (PositionChanged,),
    "quotes": (QuotesWanted, QuotesApproved, QuotesDenied),
    "restriction": (SymbolRestricted,),
    "rules": (InstrumentChanged,),
    "shared": (FillShared,),
    "signal": (StrategySignalEvent,),
    "target": (TargetComputed,),
    "timer": (TimerFired,),
    "trade": (MarketDataEvent,),
    "warm_up": (WarmUpReceived, SuccessorShown),
}
"""What a listing calls them, where that is neither a family nor a kind."""


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
        case AllocationRequested():
            return event.symbols
        case WeightsComputed():
            return tuple(event.weights)
        case SystemEvent():
            kind, _, name = event.component.partition(":")
            return (name,) if kind == "symbol" else ()
    symbol = getattr(event, "symbol", "")
    return (symbol,) if symbol else ()


def kinds_named(names: Iterable[str]) -> frozenset[type[Event]]:
    """The classes of events of some families (`order`) or kinds (`order_filled`), or by the word that a
    listing has for them (`fill`). Raises UsageError."""
    found: set[type[Event]] = set()
    for name in names:
        word = name.strip().lower().replace("-", "_")
        kinds = [kind for kind in KINDS if kind.event_type == word]
        kinds += BY_WORD.get(word, ()) if not kinds else ()
        kinds += [BY_NAME[word]] if word in BY_NAME and not kinds else []
        if not kinds:
            known = sorted({*EventType} | {*BY_NAME} | {*BY_WORD})
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


__all__ = ["EventFilter", "kinds_named", "symbols_of"]
