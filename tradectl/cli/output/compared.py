"""Two runs side by side, for people: where they part, and the ledger of their results."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from tradectl.cli.output import cells, figures
from tradectl.cli.output.cells import BOLD, DIM, GOOD, LOUD, TITLE, WARN, Cell, Column
from tradectl.cli.output.listing import Listing, line
from tradectl.documents.compare import (
    ComparedSide,
    ComparedTrip,
    Comparison,
    DecisionMade,
    DifferenceCause,
    FirstDifference,
    LedgerLine,
)
from tradectl.domain.text import harmless

CAUSES = {
    DifferenceCause.DATA: "market data",
    DifferenceCause.CONFIG: "configuration",
    DifferenceCause.INPUT: "a command, a restriction or a refusal",
    DifferenceCause.FILL: "a fill",
    DifferenceCause.LATENCY: "the time of a fill",
    DifferenceCause.CLOCK: "the clock",
}
LINES = {
    "size": "other size, at A's result a coin",
    "latency": "the market had moved until the order was asked for",
    "spread": "half the spread at each fill",
    "slippage": "fills against the price when asked for, but for the spread",
    "exit": "trips left by other signals",
    "fees": "",
    "funding": "",
    "only_a": "trips of A alone, which B did not make",
    "only_b": "trips of B alone",
    "outside": "outside of any trip",
}
NAMES = {"only_a": "only A", "only_b": "only B"}
UNSAID = ("strategy", "type", "symbol")


def comparison(found: Comparison) -> RenderableType:
    return Group(_headline(found), *parts(found))


def parts(found: Comparison) -> list[RenderableType]:
    """But for the headline."""
    shown: list[RenderableType] = [Text(), _side("A", found.a), _side("B", found.b)]
    if found.first_difference is not None:
        shown += [Text(), *_first(found.first_difference)]
    return [*shown, Text(), *_ledger(found)]


def _headline(found: Comparison) -> Text:
    if found.identical:
        count = figures.counted(found.a.decisions, "decision")
        return Text(f"IDENTICAL decisions: {count} in both runs", GOOD + BOLD)
    return Text("DIFFERENT decisions", WARN + BOLD)


def _side(name: str, side: ComparedSide) -> RenderableType:
    run = harmless(side.run_id) if side.journal else "simulated"
    said = (
        f"{run} {figures.mode_words(side.mode, side.source).lower()}  "
        f"P&L {figures.money(side.pnl, signed=True)}  fees {figures.money(side.fees)}  "
        f"{figures.counted(side.orders, 'order')}, {figures.counted(side.fills, 'fill')}, "
        f"{figures.counted(side.trips, 'round trip')}"
    )
    return line(name, Cell(said))


def _first(found: FirstDifference) -> list[RenderableType]:
    same = figures.counted(found.same_before, "decision")
    return [
        Text("The first decision that differs", TITLE),
        line("before it", Cell(f"{same} the same")),
        line("A", _decision(found.a)),
        line("B", _decision(found.b)),
        line("cause", Cell(CAUSES[found.cause], WARN + BOLD)),
        *(line("", Cell(harmless(each), DIM)) for each in found.evidence),
    ]


def _decision(made: DecisionMade | None) -> Cell:
    if made is None:
        return Cell("decides nothing any more", WARN)
    what = {k: v for k, v in made.decision.get("order", made.decision).items() if k not in UNSAID}
    said = "  ".join(f"{harmless(name)} {_value(value)}" for name, value in what.items())
    kind = made.type.replace("_", " ").replace("order initialized", "order")
    reason = f" ({harmless(made.reason)})" if made.reason else ""
    when = f"{figures.moment(made.data_time)}{made.data_time[19:23]}"
    return Cell(f"{when} UTC, record {made.seq}: {kind} {harmless(made.symbol)} {said}{reason}")


def _value(value: Any) -> str:
    return harmless(value if isinstance(value, str) else json.dumps(value))


def _ledger(found: Comparison) -> list[RenderableType]:
    total = LedgerLine(line="B - A", amount=found.difference, trips=0)
    shown = [row for row in found.ledger if row.trips or figures.is_something(row.amount)]
    sums = "adds up exactly" if found.adds_up else "DOES NOT ADD UP"
    head = Text("The difference of the results", TITLE)
    head.append(f"  {figures.counted(found.matched, 'round trip')} in both, ", DIM)
    head.append(f"{found.only_a} in A alone, {found.only_b} in B alone; it ", DIM)
    head.append(sums, DIM if found.adds_up else LOUD)
    lines: list[RenderableType] = [head, Listing(LEDGER, [*shown, total], "")]
    if found.trips:
        lines += [Text(), Text("Round trips that make most of it", TITLE)]
        lines.append(Listing(TRIPS, found.trips, ""))
    return lines


def _biggest(row: ComparedTrip) -> Cell:
    parts = sorted(row.lines.items(), key=lambda part: abs(Decimal(part[1])), reverse=True)
    said = (f"{NAMES.get(n, n)} {figures.money(amount, signed=True)}" for n, amount in parts[:3])
    return Cell(", ".join(said), DIM)


LEDGER: tuple[Column[LedgerLine], ...] = (
    Column("line", lambda row: Cell(NAMES.get(row.line, row.line)), keep=3),
    Column("amount", lambda row: cells.profit(row.amount), keep=3, right=True),
    Column("trips", lambda row: Cell(figures.count(row.trips) if row.trips else ""), right=True),
    Column("", lambda row: Cell(LINES.get(row.line, ""), DIM), least=20, flexible=True),
)
TRIPS: tuple[Column[ComparedTrip], ...] = (
    Column("signal", lambda row: cells.moment(row.signal_at), keep=2),
    Column("strategy", lambda row: cells.text(row.strategy), keep=1),
    Column("symbol", lambda row: cells.text(row.symbol), keep=3),
    Column("side", lambda row: cells.side(row.side), keep=2),
    Column("A", lambda row: cells.profit(row.pnl_a), keep=3, right=True),
    Column("B", lambda row: cells.profit(row.pnl_b), keep=3, right=True),
    Column("by", _biggest, least=16, keep=2, flexible=True),
)

__all__ = ["comparison", "parts"]
