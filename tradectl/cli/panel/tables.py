"""The lists of the panel, from the shape of `status --json`.

Newest or most urgent rows come first, because the first rows are those that a small terminal shows.
"""

from __future__ import annotations

from collections.abc import Sequence

from tradectl.cli.output import cells, figures
from tradectl.cli.output.cells import BOLD, DIM, SEVERITIES, Column, Row
from tradectl.cli.panel.header import View
from tradectl.cli.panel.table import Table

MOST_ROWS = 100

POSITIONS = (
    Column("", cells.text("symbol", BOLD), 12, keep=9),
    Column("side", cells.side("side"), 5, keep=8),
    Column("size", cells.figure("size", figures.short_quantity), 8, keep=7, right=True),
    Column("entry", cells.figure("entry_price", figures.price), 10, keep=5, right=True),
    Column("price", cells.figure("current_price", figures.price), 10, keep=4, right=True),
    Column("P&L", cells.profit_of("unrealized_pnl"), 9, keep=6, right=True),
    Column("realised", cells.profit_of("realized_pnl"), 9, keep=1, right=True),
)
ORDERS = (
    Column("", cells.text("symbol", BOLD), 12, keep=9),
    Column("side", cells.side("side"), 5, keep=8),
    Column("type", cells.order_type, 6, keep=5),
    Column("filled", cells.figure("filled", figures.short_quantity), 6, keep=4, right=True),
    Column("of", cells.figure("quantity", figures.short_quantity), 8, keep=7, right=True),
    Column("price", cells.order_price, 10, keep=6, right=True),
    Column("status", cells.order_status, 8, keep=3),
    Column("order", cells.text("order_id", DIM), 8, keep=1, flexible=True),
)
FILLS = (
    Column("", cells.clock("time"), 8, keep=9),
    Column("symbol", cells.text("symbol", BOLD), 12, keep=8),
    Column("side", cells.side("side"), 5, keep=7),
    Column("quantity", cells.figure("quantity", figures.short_quantity), 8, keep=6, right=True),
    Column("price", cells.figure("price", figures.price), 10, keep=5, right=True),
    Column("fee", cells.figure("fee", figures.money), 7, keep=2, right=True),
)
SIGNALS = (
    Column("", cells.clock("time"), 8, keep=9),
    Column("symbol", cells.text("symbol", BOLD), 12, keep=8),
    Column("wants", cells.side("action"), 5, keep=7),
    Column("strength", cells.figure("strength", figures.money), 8, keep=3, right=True),
    Column("strategy", cells.text("strategy"), 10, keep=5, flexible=True),
)
ALERTS = (
    Column("", cells.clock("created_at"), 8, keep=8),
    Column("severity", cells.severity, 8, keep=9),
    Column("from", cells.text("component", DIM), 4, keep=2),
    Column("what", cells.message, 24, keep=7, flexible=True),
)
COMPONENTS = (
    Column("", cells.text("name"), 14, keep=9),
    Column("status", cells.status, 8, keep=8),
    Column("heartbeat", cells.clock("last_heartbeat"), 9, keep=3),
    Column("errors", cells.errors, 6, keep=5, right=True),
    Column("message", cells.text("message"), 8, keep=4, flexible=True),
)


def positions(view: View) -> Table:
    rows = _rows(view, "positions")
    return Table("Positions", POSITIONS, rows, "none: the account is flat", rank=1)


def orders(view: View) -> Table:
    return Table("Orders", ORDERS, _rows(view, "open_orders"), "none working", rank=2)


def fills(view: View) -> Table:
    rows = _rows(view, "fills")[::-1]
    return Table("Fills", FILLS, rows, "none yet", rank=3, counted=False)


def signals(view: View) -> Table:
    rows = _rows(view, "signals")[::-1]
    return Table("Signals", SIGNALS, rows, "none yet", rank=5, counted=False)


def alerts(view: View) -> Table:
    """Urgent ones give the table the first claim on the screen's lines."""
    rows = sorted(_rows(view, "alerts"), key=_created_at, reverse=True)
    rows.sort(key=cells.urgency)
    urgent = bool(rows) and cells.urgency(rows[0]) <= SEVERITIES.index("error")
    return Table("Alerts", ALERTS, rows, "none", rank=0 if urgent else 4)


def components(view: View) -> Table:
    rows = [{"name": name, **row} for name, row in (view.get("components") or {}).items()]
    return Table("Components", COMPONENTS, rows, "none yet", rank=6)


def _rows(view: View, key: str) -> Sequence[Row]:
    return (view.get(key) or [])[-MOST_ROWS:]


def _created_at(row: Row) -> str:
    return str(row.get("created_at") or "")
