"""`why --none RUN`: the reasons for all that a run did not trade, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from tradectl.analysis.availability import Availability
from tradectl.analysis.run_analysis import CHANGES_STATE
from tradectl.documents.why import NotTraded, ReasonCount
from tradectl.domain.events import Record
from tradectl.explain.decided_again import Judge, decide_to, only_ours
from tradectl.system.tally import SymbolTally
from tradectl.system.trading_system import TradingSystem

Count = tuple[str, str, int]
"""Code, text, how often."""


class _HeldBack:
    """How much of the time entries could not leave, and why."""

    def __init__(self) -> None:
        self._availability: Availability | None = None

    def look(self, system: TradingSystem, record: Record) -> None:
        if self._availability is None or record.seq == 1:
            self._availability = Availability(system.books.account, record.at)
        elif record.event.__class__ in CHANGES_STATE:
            self._availability.look(record.at, max(len(system.books.last), 1))

    def causes(self, at: int, symbols: int) -> dict[str, float]:
        if self._availability is None:
            return {}
        return dict(self._availability.end(at, max(symbols, 1)).causes)


def not_traded(path: Path, judge: Judge = only_ours) -> NotTraded:
    """Of the run of the journal `path`, so far. Raises JournalError."""
    held_back = _HeldBack()
    found = decide_to(path, None, judge, held_back.look)
    system = found.system
    tallies = system.tally.by_symbol()
    symbols = () if found.header.source == "recorded" else system.settings.symbols
    return NotTraded(
        run_id=found.header.run_id,
        journal=str(path),
        signals=system.tally.signals,
        orders=sum(tally.orders for tally in tallies.values()),
        fills=system.tally.fills,
        targets=_counted(tallies.items(), _targets),
        denied=_counted(tallies.items(), _denied),
        unfilled=_counted(tallies.items(), _unfilled),
        untraded=system.untraded(symbols),
        held_back=held_back.causes(found.at, len(system.books.last)),
        note=found.note,
    )


def _targets(tally: SymbolTally) -> Iterable[Count]:
    return ((code, text, count) for (code, text), count in tally.idle.items())


def _denied(tally: SymbolTally) -> Iterable[Count]:
    return ((code, tally.messages[code], count) for code, count in tally.denied.items())


def _unfilled(tally: SymbolTally) -> Iterable[Count]:
    return ((word, f"orders that were {word}", count) for word, count in tally.ended.items())


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


__all__ = ["not_traded"]
