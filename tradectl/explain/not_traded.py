"""`why --none RUN`: the reasons for all that a run did not trade, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path

from tradectl.analysis.attribution import reason_kind
from tradectl.documents.why import NotTraded, ReasonCount
from tradectl.domain.event import Reason, ReasonCode
from tradectl.domain.events import OrderCanceled, Record, TargetComputed
from tradectl.explain.decided_again import Judge, decide_to, only_ours
from tradectl.portfolio.decisions import STOPPED_OUT
from tradectl.state.availability import RunTime, held_until
from tradectl.system.tally import ENDED, MOST_REASONS, OTHER, SymbolTally
from tradectl.system.trading_system import TradingSystem

Count = tuple[str, str, int]
"""Code, text, how often."""
PUT_OFF = (ReasonCode.NOT_FILLED, ReasonCode.NOT_WANTED)
"""Something else comes first: the next open, a cancel, an order that works."""


class _HeldBack:
    """How much of the time entries could not leave, and why."""

    def __init__(self) -> None:
        self._run: RunTime | None = None

    def look(self, system: TradingSystem, record: Record) -> None:
        if self._run is None or record.seq == 1:
            self._run = RunTime.of(system.books.account, record.at)

    def causes(self, system: TradingSystem, at: int) -> dict[str, float]:
        if self._run is None:
            return {}
        return dict(self._run.available(held_until(system.books, at)).causes)


class Unfollowed:
    """Why targets were not followed, of each symbol. What is on target has nothing to follow, and what
    was put off counts only where the next answer was no order either."""

    def __init__(self) -> None:
        self._counts: dict[str, Counter[Reason]] = {}
        self._put_off: dict[str, Counter[Reason]] = {}
        self._wanted: dict[str, Decimal] = {}

    def look(self, record: Record) -> None:
        event = record.event
        if not isinstance(event, TargetComputed):
            return
        if event.code is None or self._is_reached(event):
            self._put_off.pop(event.symbol, None)
            return
        why = event.code, event.reason
        if event.code in PUT_OFF and why != STOPPED_OUT:
            if event.target == event.current:  # nothing is asked for that could be put off
                return
            self._wanted[event.symbol] = event.target
            _add(self._put_off.setdefault(event.symbol, Counter()), why)
            return
        self._never_followed(event.symbol)
        if event.code is not ReasonCode.ON_TARGET:
            _add(self._counts.setdefault(event.symbol, Counter()), why)

    def _is_reached(self, event: TargetComputed) -> bool:
        """By something else: a stop has closed what was to be closed."""
        reached = event.code is ReasonCode.ON_TARGET and event.symbol in self._put_off
        return reached and event.target == self._wanted[event.symbol]

    def end(self) -> list[ReasonCount]:
        """The most frequent first. Reasons that differ by what was measured are one, without it."""
        for symbol in [*self._put_off]:
            self._never_followed(symbol)
        alike: dict[tuple[str, str, str], list[tuple[str, int]]] = {}
        for symbol, counts in self._counts.items():
            for (code, text), count in counts.items():
                alike.setdefault((symbol, code, reason_kind(text)), []).append((text, count))
        found = (
            ReasonCount(
                code=code,
                symbol=symbol,
                text=told[0][0] if len(told) == 1 else kind,
                count=sum(count for _, count in told),
            )
            for (symbol, code, kind), told in alike.items()
        )
        return sorted(found, key=lambda row: -row.count)

    def _never_followed(self, symbol: str) -> None:
        for why, times in self._put_off.pop(symbol, Counter()).items():
            _add(self._counts.setdefault(symbol, Counter()), why, times)


def _add(counts: Counter[Reason], why: Reason, times: int = 1) -> None:
    """Of more reasons than are kept apart only the code."""
    known = why in counts or len(counts) < MOST_REASONS
    counts[why if known else (why[0], OTHER)] += times


def not_traded(path: Path, judge: Judge = only_ours) -> NotTraded:
    """Of the run of the journal `path`, so far. Raises JournalError."""
    held_back, unfollowed, stops = _HeldBack(), Unfollowed(), Counter[str]()

    def watch(system: TradingSystem, record: Record) -> None:
        nonlocal unfollowed
        if record.seq == 1:  # it may be read once more
            unfollowed = Unfollowed()
            stops.clear()
        held_back.look(system, record)
        unfollowed.look(record)
        event = record.event
        if isinstance(event, OrderCanceled) and _is_stop(system, event.order_id):
            stops[event.symbol] += 1

    found = decide_to(path, None, judge, watch)
    system = found.system
    tallies = system.tally.by_symbol()
    symbols = () if found.header.source == "recorded" else system.settings.symbols
    return NotTraded(
        run_id=found.header.run_id,
        journal=str(path),
        signals=system.tally.signals,
        orders=sum(tally.orders for tally in tallies.values()),
        fills=system.tally.fills,
        targets=unfollowed.end(),
        denied=_counted(tallies.items(), _denied),
        unfilled=_unfilled(tallies.items(), stops),
        untraded=system.untraded(symbols),
        failed=found.last.failed(),
        held_back=held_back.causes(system, found.at),
        note=found.note,
    )


def _denied(tally: SymbolTally) -> Iterable[Count]:
    return ((code, tally.messages[code], count) for code, count in tally.denied.items())


def _is_stop(system: TradingSystem, order_id: str) -> bool:
    """One that protected what is not held any more, or was replaced: nobody wanted it filled."""
    order = system.books.order(order_id)
    return order is not None and order.spec.is_stop_loss


def _unfilled(tallies: Iterable[tuple[str, SymbolTally]], stops: Counter[str]) -> list[ReasonCount]:
    """`stops` were cancelled, of each symbol, and are not among them."""
    ended = {symbol: Counter(tally.ended) for symbol, tally in tallies}
    for symbol, count in stops.items():
        ended[symbol][ENDED[OrderCanceled]] -= count
    found = (
        ReasonCount(code=word, symbol=symbol, text=f"orders that were {word}", count=count)
        for symbol, words in ended.items()
        for word, count in (+words).items()
    )
    return sorted(found, key=lambda row: -row.count)


def _counted(
    tallies: Iterable[tuple[str, SymbolTally]], reasons: Callable[[SymbolTally], Iterable[Count]]
) -> list[ReasonCount]:
    counts: Counter[tuple[str, str, str]] = Counter()
    for symbol, tally in tallies:
        for code, text, count in reasons(tally):
            counts[code, symbol, text] += count
    return [
        ReasonCount(code=code, symbol=symbol, text=text, count=count)
        for (code, symbol, text), count in counts.most_common()
    ]


__all__ = ["Unfollowed", "not_traded"]
