"""Which gates are shut for a symbol: what the parts of the system themselves say, asked in their order.

    the account    halted, paused, and by which limit
    the data       none, old
    the symbol     restricted, refused by its exchange, an order of it works
    strategies     in quarantine, not warm, silent, wanting the opposite of each other
    the portfolio  asked what it would do now: too small, within the drift, denied by risk, on target

A reason is worded where it is decided (`portfolio.decisions`, `strategy.silence`, `risk`); here it gets
no more than its name and its figures.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from tradectl.documents.why import GateRow, ShutGate
from tradectl.domain.event import ReasonCode, RestrictionKind, SignalAction
from tradectl.domain.events import OrderInitialized, TargetComputed
from tradectl.domain.money import HUNDRED, ONE, decimal_text, plain
from tradectl.domain.risk_memory import DAILY_LOSS, DRAWDOWN, VOLATILITY
from tradectl.domain.text import counted
from tradectl.domain.time import SECOND, iso
from tradectl.explain.last_known import LastKnown
from tradectl.explain.words import wanted_words
from tradectl.portfolio.decisions import NETTED, NO_PRICE, STOPPED_OUT
from tradectl.risk.base import Denial
from tradectl.strategy.configured import StrategyInstance
from tradectl.system.trading_system import TradingSystem

BY_CODE = {
    ReasonCode.QUARANTINED: ShutGate.QUARANTINED,
    ReasonCode.NO_DATA: ShutGate.NO_DATA,
    ReasonCode.TIMEFRAME: ShutGate.TIMEFRAME,
    ReasonCode.HALTED: ShutGate.HALTED,
    ReasonCode.PAUSED: ShutGate.PAUSED,
    ReasonCode.RESTRICTED: ShutGate.RESTRICTED,
    ReasonCode.REFUSED: ShutGate.COOLING_DOWN,
    ReasonCode.DENIED: ShutGate.LIMIT,
    ReasonCode.TOO_SMALL: ShutGate.TOO_SMALL,
    ReasonCode.COST: ShutGate.COST,
    ReasonCode.NO_WEIGHT: ShutGate.NO_WEIGHT,
    ReasonCode.NOT_FILLED: ShutGate.WORKING_ORDER,
    ReasonCode.WARM_UP: ShutGate.WARMING_UP,
    ReasonCode.NO_SIGNAL: ShutGate.NO_SIGNAL,
    ReasonCode.NOT_WANTED: ShutGate.WORKING_ORDER,
    ReasonCode.ON_TARGET: ShutGate.ON_TARGET,
}
BY_REASON = {NETTED: ShutGate.NETTED, NO_PRICE: ShutGate.NO_DATA, STOPPED_OUT: ShutGate.STOPPED_OUT}
STRATEGY_GATES = (
    ReasonCode.QUARANTINED, ReasonCode.NO_DATA, ReasonCode.TIMEFRAME, ReasonCode.WARM_UP,
)  # fmt: skip
UNTIL_IT_SPEAKS = (ReasonCode.TIMEFRAME, ReasonCode.WARM_UP)
"""Of several lengths of bars it may have what it needs."""
WITHIN_DRIFT = "within the drift"
SPOT = ": spot cannot be sold short"

BESIDE = (ShutGate.NO_SIGNAL, ShutGate.SCALED)
"""They do not say by themselves why nothing is done."""


class Gates:
    """Of one symbol, in a system that decides nothing afterwards, `at` (ns UTC). `left_out` are the run's
    strategies where they are not run here: of those only the records tell."""

    def __init__(
        self,
        system: TradingSystem,
        last: LastKnown,
        symbol: str,
        at: int,
        left_out: Sequence[StrategyInstance] = (),
    ) -> None:
        self._left_out = left_out
        self._system, self._last, self._symbol, self._at = system, last, symbol, at
        self._books = system.books

    def shut(self) -> list[GateRow]:
        """The most important first; of a kind, by strategy."""
        found: dict[tuple[ShutGate, str], GateRow] = {}
        for row in (
            *self._account(),
            *self._data(),
            *self._of_symbol(),
            *self._portfolio(),
            *self._scaled(),
        ):
            found.setdefault((row.kind, row.strategy), row)
        for row in self._strategies():
            found.setdefault((row.kind, row.strategy), row)
        order = list(ShutGate)
        rows = sorted(found.values(), key=lambda row: order.index(row.kind))
        specific = [row for row in rows if row.kind is not ShutGate.ON_TARGET]
        return specific if any(r.kind not in BESIDE for r in specific) else rows

    # --- the account -----------------------------------------------------------------------------------

    def _account(self) -> Iterator[GateRow]:
        account = self._books.account
        if account.trading_state.is_halt:
            text = f"{account.trading_state}: {account.trading_state_reason}"
            yield self._row(ShutGate.HALTED, text, since=account.state_since)
        for cause, pause in account.pauses.items():
            limit = self._last.limit(cause)
            yield self._row(
                ShutGate.PAUSED,
                pause.reason or cause,
                since=pause.since,
                limit=limit.limit if limit else "",
                actual=limit.actual if limit else "",
            )

    # --- data ------------------------------------------------------------------------------------------

    def _data(self) -> Iterator[GateRow]:
        most = self._system.settings.risk.max_data_age_seconds
        made = self._books.data_time(self._symbol)
        if made is None:
            yield self._row(ShutGate.NO_DATA, f"no data of {self._symbol} in this run so far")
        elif most is not None and made and self._at - made > most * SECOND:
            age = Decimal(self._at - made) / SECOND
            text = f"the newest data is {age:,.1f} s old: the limit is {plain(most)} s"
            yield self._row(ShutGate.STALE, text, limit=plain(most), actual=decimal_text(age))

    # --- the symbol ------------------------------------------------------------------------------------

    def _of_symbol(self) -> Iterator[GateRow]:
        symbol, books = self._symbol, self._books
        for kind, message in books.restrictions(symbol).items():
            shut = ShutGate.STALE if kind is RestrictionKind.STALE else ShutGate.RESTRICTED
            yield self._row(shut, f"restricted ({kind}): {message}")
        for exits, what in ((True, "exit"), (False, "entry")):
            refusal = books.refusal(symbol, exits=exits)
            if refusal is None:
                continue
            if refusal.is_held:
                again = "held until its target changes"
            else:
                again = f"the next try is at {iso(refusal.due)}"
            text = (
                f"its {what} was refused {counted(refusal.count, 'time')} in a row "
                f"({refusal.reason or refusal.cause}): {again}"
            )
            yield self._row(ShutGate.COOLING_DOWN, text, since=refusal.since)
        for order in books.working_in(symbol):
            if not order.spec.waits_apart:
                left = f"{order.spec.side} {plain(order.remaining)} {order.spec.type}"
                text = f"an order works: {left}, {order.status} ({order.spec.order_id})"
                yield self._row(ShutGate.WORKING_ORDER, text, since=order.created_at)

    def _scaled(self) -> Iterator[GateRow]:
        memory, symbol = self._books.risk, self._symbol
        size = memory.size_of(symbol)
        causes = [
            f"{cause} {plain(by)}"
            for cause in (DAILY_LOSS, DRAWDOWN, VOLATILITY)
            if (by := memory.size_by(cause, symbol if cause == VOLATILITY else "")) != ONE
        ]
        if size < ONE:
            text = f"positions are scaled by {plain(size)} ({', '.join(causes)})"
            yield self._row(ShutGate.SCALED, text, limit=plain(size))

    # --- the portfolio ---------------------------------------------------------------------------------

    def _portfolio(self) -> Iterator[GateRow]:
        symbol, books = self._symbol, self._books
        targets = books.targets(symbol)
        wanting = {n: t for n, t in targets.items() if t.size and not t.stopped}
        if len({t.size > 0 for t in wanting.values()}) > 1:
            yield self._row(ShutGate.NETTED, wanted_words(wanting))
        if not targets or not books.knows(symbol):
            return
        spoken = [said[0] for n in targets if (said := self._last.signal(n, symbol))]
        answer = self._system.portfolio.engine.answer(symbol, books, self._at, spoken)
        for event in answer:
            if isinstance(event, TargetComputed) and event.code is not None:
                yield self._answered(event)
            elif isinstance(event, OrderInitialized):
                yield from self._risk(event)

    def _answered(self, event: TargetComputed) -> GateRow:
        assert event.code is not None
        kind = BY_REASON.get((event.code, event.reason)) or BY_CODE[event.code]
        limit = actual = ""
        missing, mark = abs(event.target - event.current), self._books.mark(self._symbol)
        if event.reason.startswith(WITHIN_DRIFT):
            kind = ShutGate.DRIFT
            limit = plain(self._system.settings.portfolio.drift * HUNDRED)
            actual = decimal_text(missing / abs(event.target) * HUNDRED) if event.target else ""
        elif kind is ShutGate.TOO_SMALL and mark is not None:
            missing = missing or abs(self._books.position(self._symbol).quantity)  # of dust
            actual, limit = decimal_text(missing * mark), self._smallest(missing, mark)
        elif kind is ShutGate.LIMIT:
            denied = self._last.denial(self._symbol)
            if denied is not None and denied[0].code in event.reason:
                limit, actual = denied[0].limit, denied[0].actual
                return self._row(
                    kind, denied[0].message, since=denied[1], limit=limit, actual=actual
                )
        return self._row(kind, event.reason, limit=limit, actual=actual)

    def _smallest(self, size: Decimal, mark: Decimal) -> str:
        """Of an order, in the quote currency: the exchange's floor, or else our own."""
        instrument = self._books.instrument(self._symbol)
        floor = max(instrument.min_notional, instrument.min_quantity * mark)
        ours = self._system.settings.portfolio.min_trade_notional
        return decimal_text(floor if size * mark < floor else ours)

    def _risk(self, event: OrderInitialized) -> Iterator[GateRow]:
        """What would be ordered now would be judged."""
        for weighed in self._system.risk.engine.weigh(event.order, self._books, self._at):
            if weighed.denial is not None:
                yield self._denied(weighed.denial)

    def _denied(self, denial: Denial) -> GateRow:
        from tradectl.risk.engine import reason_of

        kind = BY_CODE[reason_of(denial.code)]
        return self._row(kind, denial.message, limit=denial.limit, actual=denial.actual)

    # --- strategies ------------------------------------------------------------------------------------

    def _strategies(self) -> Iterator[GateRow]:
        instances, left_out = self._instances(), self._concerned(self._left_out)
        quarantined = self._last.quarantined()
        for name in (each.name for each in left_out if each.name in quarantined):
            why, since = quarantined[name]
            text = f"quarantined: {why}"
            yield self._row(ShutGate.QUARANTINED, text, strategy=name, since=since)
        if not (instances or left_out or self._books.targets(self._symbol)):
            yield self._row(ShutGate.NO_STRATEGY, f"no strategy of this run trades {self._symbol}")
        for instance in instances:
            yield from self._silence(instance)

    def _instances(self) -> list[StrategyInstance]:
        return self._concerned(self._system.settings.strategies)

    def _concerned(self, instances: Sequence[StrategyInstance]) -> list[StrategyInstance]:
        """Those whose signals may be about the symbol."""
        symbols = self._system.settings.symbols or tuple(self._books.last)
        return [s for s in instances if self._symbol in s.reach((*symbols, self._symbol))]

    def _silence(self, instance: StrategyInstance) -> Iterator[GateRow]:
        quoted = self._quotes(instance.name)
        if quoted is not None:
            yield quoted
            return
        engine, name = self._system.strategy.engine, instance.name
        hears = instance.hears(self._symbol)
        if any(engine.deferred(name, symbol) for symbol in hears):
            text = "signals came too fast: the last one waits"
            yield self._row(ShutGate.COOLING_DOWN, text, strategy=name)
        reasons = [engine.why_silent(name, s, self._books.data_time(s)) for s in hears]
        said = self._last.signal(name, self._symbol)
        for symbol, (code, text) in zip(hears, reasons, strict=True):
            if code in STRATEGY_GATES and not (said and code in UNTIL_IT_SPEAKS):
                warming = engine.warming(name, symbol) if code is ReasonCode.WARM_UP else None
                need, saw = warming or ("", "")
                yield self._row(
                    BY_CODE[code], text, strategy=name, limit=str(need), actual=str(saw)
                )
                return
        if said is None:
            yield self._row(ShutGate.NO_SIGNAL, reasons[0][1], strategy=name)
            return
        signal, at = said
        why = f" ({signal.reason})" if signal.reason else ""
        spot = "" if signal.action != SignalAction.SELL or self._can_short() else SPOT
        text = f"no signal since {iso(at)}, when it said {signal.action}{why}{spot}"
        yield self._row(ShutGate.NO_SIGNAL, text, strategy=name, since=at)

    def _quotes(self, name: str) -> GateRow | None:
        """What it wants to rest, or why that was refused; None for who said nothing of the kind."""
        wanted = self._books.quotes(self._symbol).get(name)
        if wanted:
            sides = [
                f"{counted(len(levels), what)} from {plain(levels[0].price)}"
                for levels, what in ((wanted.bids, "bid"), (wanted.asks, "ask"))
                if levels
            ]
            text = f"it wants {' and '.join(sides)} to rest"
            return self._row(ShutGate.WORKING_ORDER, text, strategy=name)
        refused = self._last.refused_quotes(name, self._symbol)
        if wanted is None or refused is None:
            return None
        event, at = refused
        text = f"what it wants to rest was refused: {event.code}: {event.message}"
        return self._row(
            ShutGate.LIMIT, text, strategy=name, since=at, limit=event.limit, actual=event.actual
        )

    def _can_short(self) -> bool:
        books = self._books
        return books.knows(self._symbol) and books.instrument(self._symbol).can_short

    def _row(
        self,
        kind: ShutGate,
        text: str,
        *,
        strategy: str = "",
        since: int = 0,
        limit: str = "",
        actual: str = "",
    ) -> GateRow:
        return GateRow(
            kind=kind,
            text=text,
            strategy=strategy,
            since=iso(since) if since else None,
            limit=limit or None,
            actual=actual or None,
        )


def first(rows: Iterable[GateRow]) -> ShutGate | None:
    return next((row.kind for row in rows), None)


__all__ = ["Gates", "first"]
