"""What became of signals and orders, counted: from it follows why nothing was traded.

Counted are recorded events, so a replay counts the same. Market data is not looked at: this costs
something only where a strategy has spoken.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from tradectl.bus.core import Core, Stage
from tradectl.documents.reasons import Untraded, by_importance
from tradectl.documents.run import DeniedBy
from tradectl.domain.allocation import Allocated
from tradectl.domain.event import Reason, ReasonCode
from tradectl.domain.events import (
    OrderCanceled,
    OrderDenied,
    OrderExpired,
    OrderFilled,
    OrderInitialized,
    OrderRejected,
    QuotesDenied,
    QuotesWanted,
    Record,
    SignalAction,
    StrategiesCrossed,
    StrategySignalEvent,
    TargetComputed,
)
from tradectl.domain.text import counted
from tradectl.risk.engine import reason_of
from tradectl.state.books import Books
from tradectl.strategy.configured import StrategyInstance, listings_of
from tradectl.strategy.engine import StrategyEngine

MOST_REASONS = 50
"""Of a symbol, kept apart: the texts of all others are counted as one."""
OTHER = "other reasons"

Ended = OrderRejected | OrderExpired | OrderCanceled
ENDED: dict[type[Ended], str] = {
    OrderRejected: "rejected",
    OrderExpired: "expired",
    OrderCanceled: "cancelled",
}
UNANSWERED: Reason = (ReasonCode.NOT_WANTED, "not answered")


class SymbolTally:
    """Of one symbol: orders and fills in number, the strategies that orders were for and that crossed
    with others, why targets were not followed, why orders were denied, how they ended without a fill."""

    __slots__ = (
        "crossed", "denied", "ended", "fills", "idle", "messages", "ordered", "orders",
    )  # fmt: skip

    def __init__(self) -> None:
        self.orders = self.fills = 0
        self.ordered: set[str] = set()
        self.crossed: set[str] = set()
        self.idle: Counter[Reason] = Counter()
        self.denied: Counter[str] = Counter()
        self.messages: dict[str, str] = {}
        self.ended: Counter[str] = Counter()


class OutcomeTally:
    """Of one run. `bind` has it hear of a core's events."""

    def __init__(self) -> None:
        self._symbols: defaultdict[str, SymbolTally] = defaultdict(SymbolTally)
        self._signals: defaultdict[tuple[str, str], Counter[SignalAction]] = defaultdict(Counter)

    @property
    def fills(self) -> int:
        return sum(tally.fills for tally in self._symbols.values())

    @property
    def signals(self) -> int:
        return sum(said.total() for said in self._signals.values())

    @property
    def not_worth_cost(self) -> int:
        """How often a position was not brought to its target because of what that costs."""
        return sum(
            count
            for tally in self._symbols.values()
            for (code, _), count in tally.idle.items()
            if code is ReasonCode.COST
        )

    def by_symbol(self) -> Mapping[str, SymbolTally]:
        return self._symbols

    def denied_by(self) -> list[DeniedBy]:
        """Over all symbols, the most frequent first."""
        counts: Counter[str] = Counter()
        first: dict[str, str] = {}
        for tally in self._symbols.values():
            counts.update(tally.denied)
            first = tally.messages | first
        return [
            DeniedBy(code=code, count=count, example=first[code])
            for code, count in counts.most_common()
        ]

    def bind(self, core: Core) -> None:
        core.attach(StrategySignalEvent, self._on_signal, Stage.STATE)
        core.attach(QuotesWanted, self._on_quotes, Stage.STATE)
        core.attach(QuotesDenied, self._on_quotes_denied, Stage.STATE)
        core.attach(TargetComputed, self._on_target, Stage.STATE)
        core.attach(OrderInitialized, self._on_order, Stage.STATE)
        core.attach(StrategiesCrossed, self._on_crossed, Stage.STATE)
        core.attach(OrderDenied, self._on_denied, Stage.STATE)
        core.attach(OrderFilled, self._on_fill, Stage.STATE)
        core.attach(OrderRejected, self._on_end, Stage.STATE)
        core.attach(OrderExpired, self._on_end, Stage.STATE)
        core.attach(OrderCanceled, self._on_end, Stage.STATE)

    def _on_signal(self, event: StrategySignalEvent, _record: Record) -> None:
        self._signals[event.strategy, event.symbol][event.action] += 1

    def _on_quotes(self, event: QuotesWanted, _record: Record) -> None:
        """Bids are there to buy by, and asks alone to sell."""
        if event.quotes:
            action = SignalAction.BUY if event.quotes.bids else SignalAction.SELL
            self._signals[event.strategy, event.symbol][action] += 1

    def _on_quotes_denied(self, event: QuotesDenied, _record: Record) -> None:
        self._idle(event.symbol, ReasonCode.DENIED, f"{event.code}: {event.message}")

    def _on_target(self, event: TargetComputed, _record: Record) -> None:
        if event.code is not None:
            self._idle(event.symbol, event.code, event.reason)

    def _idle(self, symbol: str, code: ReasonCode, reason: str) -> None:
        idle, why = self._symbols[symbol].idle, (code, reason)
        known = why in idle or len(idle) < MOST_REASONS
        idle[why if known else (code, OTHER)] += 1

    def _on_order(self, event: OrderInitialized, _record: Record) -> None:
        found = self._symbols[event.order.symbol]
        found.orders += 1
        found.ordered.update(event.order.owners)

    def _on_crossed(self, event: StrategiesCrossed, _record: Record) -> None:
        self._symbols[event.symbol].crossed.update(share.strategy for share in event.shares)

    def _on_denied(self, event: OrderDenied, _record: Record) -> None:
        found = self._symbols[event.symbol]
        found.denied[event.code] += 1
        found.messages.setdefault(event.code, event.message)

    def _on_fill(self, event: OrderFilled, _record: Record) -> None:
        self._symbols[event.symbol].fills += 1

    def _on_end(self, event: Ended, _record: Record) -> None:
        self._symbols[event.symbol].ended[ENDED[type(event)]] += 1

    # --- why nothing was traded ------------------------------------------------------------------------

    def untraded(
        self,
        instances: Iterable[StrategyInstance],
        engine: StrategyEngine,
        books: Books,
        symbols: tuple[str, ...],
    ) -> list[Untraded]:
        """A reason for each strategy and symbol without a fill, the most important first. `symbols` are
        those of the run; without any, those that there was data of."""
        return by_importance(
            Untraded(code=code, strategy=instance.name, symbol=symbol, text=text)
            for instance in instances
            for symbol in instance.symbols or symbols or tuple(books.last)
            for code, text in self._reasons(instance, symbol, engine, books)
        )

    def _reasons(
        self, instance: StrategyInstance, symbol: str, engine: StrategyEngine, books: Books
    ) -> list[Reason]:
        traded = instance.trades or symbol
        if instance.routed:
            traded = max(
                listings_of(symbol, (symbol, *books.last)),
                key=lambda s: self._signals.get(
                    (instance.name, s), Counter[SignalAction]()
                ).total(),
            )
        signals = self._signals.get((instance.name, traded))
        if not signals:
            return [engine.why_silent(instance.name, symbol, books.data_time(symbol))]
        tally, total = self._symbols[traded], counted(signals.total(), "signal")
        if instance.name in tally.crossed or (tally.fills and instance.name in tally.ordered):
            return []
        if instance.name in tally.ordered:
            return [_reason_not_filled(tally, total)]
        can_short = books.instruments[traded].can_short
        if not (signals[SignalAction.BUY] or (can_short and signals[SignalAction.SELL])):
            spot = ": spot cannot be sold short" if signals[SignalAction.SELL] else ""
            return [(ReasonCode.NOT_WANTED, f"{total}, none to buy{spot}")]
        is_alone = sum(symbol == traded for _, symbol in self._signals) == 1
        is_alone = is_alone and bool(instance.allocation)
        unweighted = _without_weights(books.account.allocation)
        return [_reason_not_ordered(tally, total, is_alone=is_alone, unweighted=unweighted)]


def _reason_not_filled(tally: SymbolTally, signals: str) -> Reason:
    orders, denied = counted(tally.orders, "order"), tally.denied.total()
    if denied < tally.orders:
        ends = {**tally.ended, "denied": denied}
        ends["working"] = tally.orders - sum(ends.values())
        how = ", ".join(f"{count} {word}" for word, count in ends.items() if count > 0)
        return ReasonCode.NOT_FILLED, f"{signals}, {orders}, none filled: {how}"
    code, count = tally.denied.most_common(1)[0]
    why = f"{code} x{count}: {tally.messages[code]}"
    return reason_of(code), f"{signals}, {orders}, all denied: {why}"


def _without_weights(known: Allocated | None) -> str:
    """Why symbols that share the equity by weights have none; empty where they have."""
    if known is None or not known.request or known.weights:
        return ""
    return known.failure or "none came"


def _reason_not_ordered(
    tally: SymbolTally, signals: str, *, is_alone: bool, unweighted: str
) -> Reason:
    """`is_alone`: it has a share of the equity, and no other strategy speaks of the symbol."""
    (code, why), count = tally.idle.most_common(1)[0] if tally.idle else (UNANSWERED, 1)
    match code:
        case ReasonCode.ON_TARGET if unweighted:
            return (
                ReasonCode.NO_WEIGHT,
                f"{signals}, and no weights to share the equity by: {unweighted}",
            )
        case ReasonCode.ON_TARGET if is_alone:
            return ReasonCode.TOO_SMALL, f"{signals}, and a target of less than one lot"
        case ReasonCode.ON_TARGET:
            offset = "no share of the equity, less than one lot, or offset by another strategy"
            return ReasonCode.NOT_WANTED, f"{signals}, and a target of 0: {offset}"
        case ReasonCode.NOT_FILLED:
            no_next = "with the last candle: there is no next one to open"
            return code, f"{signals}, {no_next}"
        case ReasonCode.TOO_SMALL:
            why = f"every order below the smallest one: {why}"
    return code, f"{signals}, {why} x{count}"
