"""Why an order was sent, why a symbol was not traded, and why all that was not, for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tradectl.cli.output import cells, figures
from tradectl.cli.output.cells import BAD, BOLD, DIM, GOOD, LOUD, PLAIN, TITLE, WARN, Cell, Column
from tradectl.cli.output.listing import Listing, line, styled, value
from tradectl.cli.output.render import untraded
from tradectl.documents.report import TripRow
from tradectl.documents.why import (
    CheckRow,
    FillCost,
    GateRow,
    Happened,
    NotTraded,
    OrderWhy,
    ReasonCount,
    ShutGate,
    Step,
    SymbolWhy,
    WantedRow,
)
from tradectl.domain.text import harmless
from tradectl.logs.event_words import note_words

STYLES = {Happened.FILL: GOOD, Happened.ENDED: WARN, Happened.ORDER: BOLD}
LOUD_GATES = (ShutGate.HALTED, ShutGate.QUARANTINED)
WARN_GATES = (
    ShutGate.PAUSED,
    ShutGate.NO_DATA,
    ShutGate.STALE,
    ShutGate.RESTRICTED,
    ShutGate.LIMIT,
    ShutGate.COOLING_DOWN,
)


# --- an order -------------------------------------------------------------------------------------


def order(why: OrderWhy) -> RenderableType:
    row = why.order
    price = f" at {figures.price(row.average_price)}" if row.average_price else ""
    asked = f"{row.side.upper()} {figures.quantity(row.quantity)} {harmless(row.symbol)}"
    kind = row.type.replace("_", "-")
    if row.algorithm:
        kind = f"{kind} by {harmless(row.algorithm)}"
    names = f"at its exchange {harmless(row.client_order_id)} {harmless(row.venue_order_id)}"
    if row.algorithm:
        names = "worked here, by the children that are below"
    elif row.parent_id:
        names += f", a child of order {harmless(row.parent_id)}"
    head = Text(f"{asked} {kind}: {row.status.replace('_', ' ')}{price}", BOLD)
    parts: list[RenderableType] = [
        head,
        Text(f"order {harmless(row.order_id)}", DIM),
        Text(names, DIM),
        Text(),
        _steps(why.steps),
        Text(),
        Text("Risk" + (": an exit, which limits do not hold back" if why.is_exit else ""), TITLE),
        Listing(CHECKS, why.checks, "it was not judged"),
    ]
    if why.fills:
        parts += [Text(), Text("Fills", TITLE), Listing(FILLS, why.fills, ""), *_slippage(why)]
    if why.trips:
        parts += [Text(), Text("Round trips that it had a part in", TITLE)]
        parts.append(Listing(TRIPS, why.trips, ""))
    return Group(*parts)


def _steps(steps: Sequence[Step]) -> RenderableType:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True, justify="right", style=DIM)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold", ratio=1)
    for n, step in enumerate(steps):
        text = styled(Cell(harmless(step.text), STYLES.get(step.what, PLAIN)))
        if notes := step.figures.get("notes"):
            text.append(f"\nsaw {note_words(notes)}", DIM)
        when = figures.moment(step.time) if n == 0 else f"+{after(step.after_s)}"
        grid.add_row(when, step.what.replace("_", " "), text)
    return grid


def after(passed: float) -> str:
    """`0.102 s`, `12.3 s`, `2:05`."""
    return f"{passed:.3f} s" if passed < 10 else figures.took(passed)


def _slippage(why: OrderWhy) -> list[RenderableType]:
    if why.slippage is None:
        return []
    bps = f" ({figures.rough(why.slippage_bps)} bps)" if why.slippage_bps is not None else ""
    said = f"{figures.money(why.slippage, signed=True)}{bps} against {figures.price(why.arrival)}"
    middle = f", {figures.money(why.slippage_mid, signed=True)} against the middle at the fill"
    known = middle if why.slippage_mid is not None else ""
    return [line("slippage", Cell(f"{said} when it was asked for{known}; above zero it cost"))]


def _limit(row: CheckRow) -> Cell:
    return Cell(figures.short_quantity(row.limit) if row.limit is not None else "")


def _actual(row: CheckRow) -> Cell:
    return Cell(figures.short_quantity(row.actual) if row.actual is not None else "")


CHECKS: tuple[Column[CheckRow], ...] = (
    Column("check", lambda row: Cell(harmless(row.code).lower().replace("_", " ")), keep=3),
    Column("actual", _actual, keep=2, right=True),
    Column("limit", _limit, keep=2, right=True),
    Column(
        "",
        lambda row: Cell("passed", GOOD) if row.passed else Cell(f"DENIED: {row.message}", BAD),
        least=20,
        keep=3,
        flexible=True,
    ),
)
FILLS: tuple[Column[FillCost], ...] = (
    Column("after", lambda row: Cell(after(row.after_s), DIM), keep=2, right=True),
    Column("quantity", lambda row: cells.quantity(row.quantity), keep=3, right=True),
    Column("price", lambda row: cells.price(row.price), keep=3, right=True),
    Column("middle", lambda row: cells.price(row.mid), keep=1, right=True),
    Column("slippage", lambda row: Cell(figures.money(row.slippage, signed=True)), right=True),
    Column("fee", lambda row: cells.money(row.fee), keep=2, right=True),
    Column("", lambda row: Cell(row.liquidity, DIM), keep=1),
)
TRIPS: tuple[Column[TripRow], ...] = (
    Column("strategy", lambda row: cells.text(row.strategy or "all"), keep=2),
    Column("side", lambda row: cells.side(row.side), keep=2),
    Column("quantity", lambda row: cells.quantity(row.quantity), keep=1, right=True),
    Column("entry", lambda row: cells.price(row.entry_price), keep=2, right=True),
    Column("exit", lambda row: cells.price(row.exit_price), keep=2, right=True),
    Column("fees", lambda row: cells.money(row.fees), keep=1, right=True),
    Column("P&L net", lambda row: cells.profit(row.pnl), keep=3, right=True),
    Column("", lambda row: Cell("open" if row.is_open else "", DIM), keep=1),
)


# --- a symbol -------------------------------------------------------------------------------------


def symbol(why: SymbolWhy) -> RenderableType:
    name = harmless(why.symbol)
    if why.held_by is None:
        head = Text(f"{name}: nothing holds it back", GOOD + BOLD)
    else:
        held = why.held_by.replace("_", " ")
        head = Text(f"{name}: {held}", _style(why.held_by) + BOLD)
    when = f", {figures.moment(why.time)} UTC" if why.time else ""
    head.append(f"  run {harmless(why.run_id)}, record {figures.count(why.seq)}{when}", DIM)
    price = f"{figures.price(why.price)}"
    aged = f", {figures.age(why.data_age_s)} old" if why.data_age_s is not None else ""
    parts: list[RenderableType] = [
        head,
        Text(),
        Listing(GATES, why.gates, "every gate is open: the next signal can be followed"),
        Text(),
        line("trading", Cell(why.state)),
        line("price", Cell(f"{price}{aged}")),
        line("position", Cell(figures.quantity(why.position, signed=True))),
    ]
    if why.wanted:
        parts += [Text(), Listing(WANTED, why.wanted, "")]
    if why.note:
        parts += [Text(), Text(harmless(why.note), WARN)]
    return Group(*parts)


def _style(kind: ShutGate) -> Any:
    return LOUD if kind in LOUD_GATES else WARN if kind in WARN_GATES else PLAIN


def _figures(row: GateRow) -> str:
    named = (("limit", row.limit), ("actual", row.actual))
    said = [f"{name} {figures.short_quantity(each)}" for name, each in named if each is not None]
    return f" [{', '.join(said)}]" if said else ""


def _gate_words(row: GateRow) -> Cell:
    whose = f"{harmless(row.strategy)}: " if row.strategy else ""
    since = (
        f", since {figures.moment(row.since)}"
        if row.since and row.since[:19] not in row.text
        else ""
    )
    return Cell(f"{whose}{harmless(row.text)}{_figures(row)}{since}")


GATES: tuple[Column[GateRow], ...] = (
    Column("held by", lambda row: Cell(row.kind.replace("_", " "), _style(row.kind)), keep=2),
    Column("why", _gate_words, least=30, keep=3, flexible=True),
)
WANTED: tuple[Column[WantedRow], ...] = (
    Column("strategy", lambda row: cells.text(row.strategy), keep=3),
    Column("wants", lambda row: cells.short_quantity(row.quantity), keep=3, right=True),
    Column("holds", lambda row: cells.short_quantity(row.held), keep=2, right=True),
    Column("since", lambda row: cells.moment(row.signal_at), keep=1),
    Column("it said", lambda row: cells.text(row.signal), least=16, keep=2, flexible=True),
)


# --- nothing --------------------------------------------------------------------------------------


def none(why: NotTraded) -> RenderableType:
    said = (
        f"{figures.counted(why.signals, 'signal')}, {figures.counted(why.orders, 'order')}, "
        f"{figures.counted(why.fills, 'fill')}"
    )
    head = Text(f"run {harmless(why.run_id)}: {said}", BOLD)
    parts: list[RenderableType] = [head]
    for title, rows in (
        ("Orders denied by risk", why.denied),
        ("Orders that ended without being filled", why.unfilled),
        ("Targets that were not followed", why.targets),
    ):
        if rows:
            parts += [Text(), Text(title, TITLE), Listing(COUNTS, rows, "")]
    if why.held_back:
        parts += [Text(), Text("Entries were held back", TITLE)]
        for cause, share in why.held_back.items():
            parts.append(line(harmless(cause)[:11], Cell(f"{share:.1%} of the time")))
    for name, failed in why.failed.items():
        parts.append(line("strategy", value(f"{name} {failed}", WARN)))
    if why.untraded:
        parts += [Text(), *untraded(why.untraded, everything=True)]
    if why.note:
        parts += [Text(), Text(harmless(why.note), WARN)]
    if len(parts) == 1:
        parts.append(Text("all that was wanted was traded", GOOD))
    return Group(*parts)


COUNTS: tuple[Column[ReasonCount], ...] = (
    Column("times", lambda row: cells.count(row.count), keep=3, right=True),
    Column("symbol", lambda row: cells.text(row.symbol), keep=2),
    Column("why", lambda row: cells.text(row.text), least=30, keep=3, flexible=True),
    Column("code", lambda row: Cell(harmless(row.code), DIM), keep=1),
)

__all__ = ["none", "order", "symbol"]
