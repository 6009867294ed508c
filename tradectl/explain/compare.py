"""`compare A B`: two journals side by side, read once each, and again up to where they part."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import zip_longest
from pathlib import Path

from tradectl.documents.compare import (
    ComparedSide,
    ComparedTrip,
    Comparison,
    LedgerLine,
)
from tradectl.domain.events import Record
from tradectl.domain.money import decimal_text, less_exactly, plain, shortest, summed
from tradectl.domain.time import iso
from tradectl.explain.compared_run import ComparedRun, Decision
from tradectl.explain.first_difference import Decisions, Records, first_difference
from tradectl.explain.ledger import Matched, Origin, Pair, SeenTrip, matched, totals
from tradectl.feeds.whole_log import read_log

MOST_TRIPS = 20
"""Those with the largest difference are told one by one."""


def compare(a: Path, b: Path) -> Comparison:
    """Raises JournalError."""
    with read_log(a) as log_a, read_log(b) as log_b:
        one, two = ComparedRun(log_a.header), ComparedRun(log_b.header)
        decisions = together((one, log_a.records()), (two, log_b.records()))
        one.end(log_a.footer)
        two.end(log_b.footer)
    return comparison(
        (one, str(a), lambda: records_of(a)), (two, str(b), lambda: records_of(b)), decisions
    )


def together(*runs: tuple[ComparedRun, Iterator[Record]]) -> Decisions:
    """Both runs to their end, decision by decision, so that few are held."""
    decisions = Decisions()
    made = [_decisions(run, records) for run, records in runs]
    for pair in zip_longest(*made):
        for of_b, found in enumerate(pair):
            decisions.take(bool(of_b), found)
    decisions.end()
    return decisions


def _decisions(run: ComparedRun, records: Iterator[Record]) -> Iterator[Decision]:
    for record in records:
        found = run.take(record)
        if found is not None:
            yield found


def records_of(path: Path) -> Iterator[Record]:
    with read_log(path) as log:
        yield from log.records()


Side = tuple[ComparedRun, str, Records]
"""A run that was taken to its end, what its journal is called, and its records once more."""


def comparison(a: Side, b: Side, decisions: Decisions) -> Comparison:
    one, two = a[0], b[0]
    found = matched(one.trips, two.trips)
    outside = less_exactly(_outside(two), _outside(one))
    lines = totals(found, outside)
    difference = less_exactly(_pnl(two), _pnl(one))
    return Comparison(
        a=_side(one, a[1]),
        b=_side(two, b[1]),
        identical=decisions.parted is None,
        first_difference=first_difference(decisions, (one.header, a[2]), (two.header, b[2])),
        difference=exact_text(difference),
        ledger=_ledger(lines, found),
        adds_up=summed(lines.values()) == difference,
        matched=len(found.pairs),
        only_a=len(found.only_a),
        only_b=len(found.only_b),
        trips=_trips(found),
    )


def exact_text(amount: Decimal) -> str:
    """All its digits: lines of a ledger add up."""
    return plain(shortest(amount))


def _pnl(run: ComparedRun) -> Decimal:
    assert run.figures is not None
    return run.figures.pnl


def _outside(run: ComparedRun) -> Decimal:
    return less_exactly(_pnl(run), summed(seen.trip.pnl for seen in run.trips))


def _side(run: ComparedRun, journal: str) -> ComparedSide:
    figures, header = run.figures, run.header
    assert figures is not None
    before = header.state.get("denied_count", 0)
    return ComparedSide(
        run_id=header.run_id,
        journal=journal,
        mode=header.mode,
        source=header.source,
        pnl=exact_text(figures.pnl),
        fees=decimal_text(summed(seen.trip.fees for seen in run.trips)),
        records=figures.records,
        decisions=run.decided,
        trips=len(run.trips),
        orders=figures.orders,
        denied=run.books.account.denied_count - before,
        fills=figures.fills,
    )


def _ledger(lines: dict[Origin, Decimal], found: Matched) -> list[LedgerLine]:
    of_one = {Origin.ONLY_A: len(found.only_a), Origin.ONLY_B: len(found.only_b), Origin.OUTSIDE: 0}
    return [
        LedgerLine(
            line=line,
            amount=exact_text(amount),
            trips=of_one.get(line, sum(bool(pair.lines.get(line)) for pair in found.pairs)),
        )
        for line, amount in lines.items()
    ]


def _trips(found: Matched) -> list[ComparedTrip]:
    rows = [
        *((pair.difference, _pair(pair)) for pair in found.pairs if pair.difference),
        *((-seen.trip.pnl, _alone(seen, of_a=True)) for seen in found.only_a),
        *((seen.trip.pnl, _alone(seen, of_a=False)) for seen in found.only_b),
    ]
    rows.sort(key=lambda row: -abs(row[0]))
    return [row for _, row in rows[:MOST_TRIPS]]


def _pair(pair: Pair) -> ComparedTrip:
    a, b = pair.a.trip, pair.b.trip
    return ComparedTrip(
        strategy=a.strategy,
        symbol=a.symbol,
        side=a.side,
        signal_at=iso(a.signal_data_at) if a.signal_data_at else None,
        pnl_a=exact_text(a.pnl),
        pnl_b=exact_text(b.pnl),
        difference=exact_text(pair.difference),
        quantity_a=decimal_text(a.entered),
        quantity_b=decimal_text(b.entered),
        lines={line: exact_text(amount) for line, amount in pair.lines.items() if amount},
    )


def _alone(seen: SeenTrip, *, of_a: bool) -> ComparedTrip:
    trip = seen.trip
    pnl, size = exact_text(trip.pnl), decimal_text(trip.entered)
    difference = exact_text(-trip.pnl if of_a else trip.pnl)
    line = Origin.ONLY_A if of_a else Origin.ONLY_B
    return ComparedTrip(
        strategy=trip.strategy,
        symbol=trip.symbol,
        side=trip.side,
        signal_at=iso(trip.signal_data_at) if trip.signal_data_at else None,
        pnl_a=pnl if of_a else None,
        pnl_b=None if of_a else pnl,
        difference=difference,
        quantity_a=size if of_a else None,
        quantity_b=None if of_a else size,
        lines={line: difference},
    )


__all__ = ["Side", "compare", "comparison", "exact_text", "records_of"]
