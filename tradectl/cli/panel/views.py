"""What stands on the sheet in each view, and what the keys say below it."""

from __future__ import annotations

from typing import Any

from rich.console import Console, RenderableType
from rich.segment import Segment

from tradectl.cli.output import cells, figures
from tradectl.cli.output.cells import BOLD, DIM, PLAIN, WARN, Cell
from tradectl.cli.panel import header, tables
from tradectl.cli.panel.grid import (
    SPACE,
    Columns,
    Filler,
    Line,
    Part,
    Ready,
    drawn,
    left_out,
    stacked,
)
from tradectl.cli.panel.look import ENDS, HELP, KEYS, LEAVES, STOP_WORD, VIEWS, Look
from tradectl.cli.panel.table import Table
from tradectl.documents.account import FillRow
from tradectl.documents.run import AlertRow, LiveStatus, SignalRow
from tradectl.domain.text import harmless

WIDE, WIDEST = 120, 180
TALL = 34
STOPS = "e emergency stop"
"""Is said however little room there is."""
NOT_FETCHED = "asked for; shown in a moment"


def lines_of(
    status: LiveStatus, width: int, height: int, look: Look | None, risk: RenderableType | None
) -> list[Line]:
    """The sheet in exactly `height` lines; without a look nobody can type, and it is the overview."""
    if look is None:
        return stacked(_overview(status, width, height), width, height)
    parts = _parts(status, width, height, look, risk)
    hidden = left_out(parts, width, height - 1)
    return [*stacked(parts, width, height - 1), _footer(look, hidden, width)]


def _parts(
    status: LiveStatus, width: int, height: int, look: Look, risk: RenderableType | None
) -> list[Part]:
    if look.view == VIEWS[0]:
        return _overview(status, width, height - 1, look)
    top = [
        *_part(header.banner(status, width), rank=-9),
        *_part(header.halt(status, width), rank=-8),
        *_part(header.restrictions(status, width), rank=-6),
        Ready(header.equity(status, width), rank=-7),
    ]
    if look.view == HELP:
        return [*top, Ready(_help(look, width), rank=1, scrolls=True), Filler()]
    if look.view == "risk":
        return [
            *top,
            Ready(_rendered(risk, width)[look.skip :] or [[]], rank=1, scrolls=True),
            Filler(),
        ]
    if look.view == "log":
        wanted = [line for line in log_of(status) if look.only.lower() in line.text.lower()]
        shown = [drawn([SPACE, line], width) for line in wanted[look.skip :]]
        nothing = [drawn([Cell(" nothing yet", DIM)], width)]
        return [*top, Ready(shown or nothing, rank=1, scrolls=True), Filler()]
    tables_of_view = [each.narrowed(look.only, look.skip) for each in _tables(status, look)]
    if look.view != "components":
        return [*top, *tables_of_view, Filler()]
    return [
        *top,
        *tables_of_view,
        *_part(header.stages(status, width), rank=2, name="Step"),
        *_part(header.lags(status, width), rank=3, name="Data lag"),
        Filler(),
    ]


def _tables(status: LiveStatus, look: Look) -> list[Table[Any]]:
    found: dict[str, list[Table[Any]]] = {
        "positions": [tables.positions(status)],
        "orders": [tables.orders(status), tables.fills(status)],
        "strategies": [tables.strategies(status), tables.signals(status)],
        "alerts": [tables.alerts(status)],
        "components": [tables.components(status)],
    }
    return found[look.view]


def _overview(status: LiveStatus, width: int, height: int, look: Look | None = None) -> list[Part]:
    parts: list[Part] = [
        *_part(header.banner(status, width), rank=-9),
        *_part(header.halt(status, width), rank=-8),
        *_part(header.restrictions(status, width), rank=-6),
        _equity(status, width, height),
        *_part(header.account(status, width), rank=3, name="Cash"),
        *_part(header.external(status, width), rank=1, name="External"),
        *_part(header.progress(status, width), rank=2, name="Progress"),
        *_part(header.market(status, width), rank=5, name="Market"),
        *_body(status, width, height, look.only if look is not None else ""),
        *_part(header.bus(status, width), rank=6, name="Bus"),
        *_part(header.health(status, width), rank=4, name="Health"),
    ]
    if height >= TALL:
        parts += _part(header.hints(status, width), rank=8)
    return parts


def _part(lines: list[Line], rank: int, name: str = "") -> list[Part]:
    return [Ready(lines, rank, name=name)] if lines else []


def _equity(status: LiveStatus, width: int, height: int) -> Part:
    """One line where lines are few, else a chart of up to a seventh of the height."""
    rows = min(height // 7, 8)
    if height < TALL or not status.equity_history:
        return Ready(header.equity(status, width), rank=-7)
    chart = header.equity_chart(status, width, rows)
    return Ready(chart, rank=-7, least=len(chart))


def _body(status: LiveStatus, width: int, height: int, only: str) -> list[Part]:
    """The tables: one above the other, or in two or three columns where there is width."""

    def some(*found: Table[Any]) -> list[Part]:
        return [table.narrowed(only, 0) if only else table for table in found]

    left = some(tables.positions(status), tables.orders(status))
    trades = some(tables.fills(status), tables.signals(status))
    alerts = some(tables.alerts(status))
    details = some(tables.components(status)) if height >= TALL else []
    if width < WIDE:
        return [*left, *trades, *alerts, *details, Filler()]
    if width < WIDEST:
        return [Columns([[*left, *details, Filler()], [*trades, *alerts, Filler()]])]
    more = some(tables.strategies(status))
    stacks = [[*left, Filler()], [*trades, Filler()], [*alerts, *more, *details, Filler()]]
    return [Columns(stacks)]


# --- the log ------------------------------------------------------------------------------------------


def log_of(status: LiveStatus) -> list[Cell]:
    """Signals, fills and alerts of late, newest first."""
    found = [(row.time, _signal(row), DIM) for row in status.signals]
    found += [(row.time, _fill(row), PLAIN) for row in status.fills]
    found += [(row.updated_at, _alert(row), cells.severity(row).style) for row in status.alerts]
    found.sort(key=lambda each: each[0] or "", reverse=True)
    return [Cell(f"{figures.moment(time)} {harmless(text)}", style) for time, text, style in found]


def _signal(row: SignalRow) -> str:
    return f"SIGNAL {row.action} {row.symbol} by {row.strategy}"


def _alert(row: AlertRow) -> str:
    return f"ALERT {row.severity} {row.message}"


def _fill(row: FillRow) -> str:
    price, fee = figures.price(row.price), figures.money(row.fee_value)
    return f"FILL {row.side} {row.quantity} {row.symbol} @ {price} fee {fee} ({row.order_id})"


# --- below it all -------------------------------------------------------------------------------------


def _footer(look: Look, hidden: list[str], width: int) -> Line:
    if look.prompt == "resume":
        asked = " Resume trading? y, or any other key (the limits' day and peak begin anew)"
        return drawn([Cell(asked, WARN)], width)
    if look.prompt == "stop":
        asked = f" Emergency stop, for good: type {STOP_WORD}, Enter: {look.typed}_"
        return drawn([Cell(asked, WARN)], width)
    if look.prompt == "filter":
        return drawn([Cell(f" Only rows with: {look.typed}_", BOLD)], width)
    if look.said:
        return drawn([Cell(f" {look.said}", WARN)], width)
    said = [Cell(" "), Cell("? keys", BOLD), Cell(f"  {look.view}", DIM)]
    if look.only:
        said.append(Cell(f"  only {look.only!r}", WARN))
    if hidden:
        said.append(Cell(f"  {STOPS}", DIM))
        more = f": 1-{len(VIEWS)} show more" if look.view == VIEWS[0] else ""
        said.append(Cell(f"  no room for {', '.join(hidden)}{more}", DIM))
    else:
        said.append(Cell(f"  1-8 views  / filter  p pause  r resume  {STOPS}", DIM))
    return drawn(said, width)


def _help(look: Look, width: int) -> list[Line]:
    keys = [*KEYS, LEAVES if look.attached else ENDS]
    size = max(len(key) for key, _ in keys) + 2
    return [drawn([Cell(f"  {key:<{size}}", BOLD), Cell(does)], width) for key, does in keys]


def _rendered(found: RenderableType | None, width: int) -> list[Line]:
    """A page for a terminal as lines of the sheet."""
    if found is None:
        return [drawn([Cell(f" {NOT_FETCHED}", DIM)], width)]
    console = Console(width=width, file=None, force_terminal=True, color_system="truecolor")
    lines = console.render_lines(found, console.options.update(width=width), pad=True)
    return [[Segment(text, style) for text, style, _ in line] for line in lines]


__all__ = ["lines_of", "log_of"]
