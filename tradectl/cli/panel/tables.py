"""The lists of the panel.

Newest or most urgent rows come first, because the first rows are those that a small terminal shows.
"""

from __future__ import annotations

from tradectl.cli.output import cells, figures
from tradectl.cli.output.cells import BOLD, DIM, SEVERITIES, Column
from tradectl.cli.panel.table import Table
from tradectl.documents.account import FillRow, OrderRow, PositionRow, StrategyRow
from tradectl.documents.run import AlertRow, ComponentRow, LiveStatus, SignalRow
from tradectl.domain.states import AlertSeverity

MOST_ROWS = 1_000

POSITIONS: tuple[Column[PositionRow], ...] = (
    Column("", lambda row: cells.text(row.symbol, BOLD), 12, keep=9),
    Column("side", lambda row: cells.side(figures.side_held(row)), 5, keep=8),
    Column("size", lambda row: cells.short_quantity(row.size), 8, keep=7, right=True),
    Column("entry", lambda row: cells.price(row.entry_price), 10, keep=5, right=True),
    Column("price", lambda row: cells.price(row.current_price), 10, keep=4, right=True),
    Column("P&L", lambda row: cells.profit(row.unrealized_pnl), 9, keep=6, right=True),
    Column("realised", lambda row: cells.profit(row.realized_pnl), 9, keep=1, right=True),
)
PERPETUALS: tuple[Column[PositionRow], ...] = (
    *POSITIONS,
    Column("liquidated", lambda row: cells.price(row.liquidation_price), 10, keep=3, right=True),
)
ORDERS: tuple[Column[OrderRow], ...] = (
    Column("", lambda row: cells.text(row.symbol, BOLD), 12, keep=9),
    Column("side", lambda row: cells.side(row.side), 5, keep=8),
    Column("type", cells.order_type, 6, keep=5),
    Column("filled", lambda row: cells.short_quantity(row.filled), 6, keep=4, right=True),
    Column("of", lambda row: cells.short_quantity(row.quantity), 8, keep=7, right=True),
    Column("price", cells.order_price, 10, keep=6, right=True),
    Column("status", cells.order_status, 8, keep=3),
    Column("order", lambda row: cells.text(row.order_id, DIM), 8, keep=1, flexible=True),
)
FILLS: tuple[Column[FillRow], ...] = (
    Column("", lambda row: cells.clock(row.time), 8, keep=9),
    Column("symbol", lambda row: cells.text(row.symbol, BOLD), 12, keep=8),
    Column("side", lambda row: cells.side(row.side), 5, keep=7),
    Column("quantity", lambda row: cells.short_quantity(row.quantity), 8, keep=6, right=True),
    Column("price", lambda row: cells.price(row.price), 10, keep=5, right=True),
    Column("fee", lambda row: cells.money(row.fee_value), 7, keep=2, right=True),
)
SIGNALS: tuple[Column[SignalRow], ...] = (
    Column("", lambda row: cells.clock(row.time), 8, keep=9),
    Column("symbol", lambda row: cells.text(row.symbol, BOLD), 12, keep=8),
    Column("wants", lambda row: cells.side(row.action), 5, keep=7),
    Column("strength", lambda row: cells.money(row.strength), 8, keep=3, right=True),
    Column("strategy", lambda row: cells.text(row.strategy), 10, keep=5, flexible=True),
)
STRATEGIES: tuple[Column[StrategyRow], ...] = (
    Column("", lambda row: cells.text(row.name, BOLD), 12, keep=9),
    Column("positions", lambda row: cells.text(str(len(row.positions))), 9, keep=4, right=True),
    Column("orders", lambda row: cells.text(str(row.orders)), 6, keep=3, right=True),
    Column("fills", lambda row: cells.text(str(row.fills)), 5, keep=2, right=True),
    Column("P&L", lambda row: cells.profit(row.unrealized_pnl), 9, keep=6, right=True),
    Column("realised", lambda row: cells.profit(row.realized_pnl), 9, keep=5, right=True),
    Column("fees", lambda row: cells.money(row.fees), 7, keep=1, right=True),
    Column("total", lambda row: cells.profit(row.total_pnl), 9, keep=8, right=True),
)
ALERTS: tuple[Column[AlertRow], ...] = (
    Column("", lambda row: cells.clock(row.created_at), 8, keep=8),
    Column("severity", cells.severity, 8, keep=9),
    Column("from", lambda row: cells.text(row.component, DIM), 4, keep=2),
    Column("what", cells.message, 24, keep=7, flexible=True),
)
COMPONENTS: tuple[Column[tuple[str, ComponentRow]], ...] = (
    Column("", lambda named: cells.text(named[0]), 14, keep=9),
    Column("status", lambda named: cells.component_status(named[1]), 8, keep=8),
    Column("heartbeat", lambda named: cells.clock(named[1].last_heartbeat), 9, keep=3),
    Column("errors", lambda named: cells.errors(named[1]), 6, keep=5, right=True),
    Column("message", lambda named: cells.component_message(named[1]), 8, keep=4, flexible=True),
)


def positions(status: LiveStatus) -> Table[PositionRow]:
    rows = status.positions[-MOST_ROWS:]
    has_perpetual = any(row.liquidation_price is not None for row in rows)
    wanted = PERPETUALS if has_perpetual else POSITIONS
    return Table("Positions", wanted, rows, "none: the account is flat", rank=1)


def orders(status: LiveStatus) -> Table[OrderRow]:
    return Table("Orders", ORDERS, status.open_orders[-MOST_ROWS:], "none working", rank=2)


def fills(status: LiveStatus) -> Table[FillRow]:
    return Table("Fills", FILLS, status.fills[::-1], "none yet", rank=3, counted=False)


def signals(status: LiveStatus) -> Table[SignalRow]:
    return Table("Signals", SIGNALS, status.signals[::-1], "none yet", rank=5, counted=False)


def strategies(status: LiveStatus) -> Table[StrategyRow]:
    return Table("Strategies", STRATEGIES, status.strategies[:MOST_ROWS], "none", rank=5)


def alerts(status: LiveStatus) -> Table[AlertRow]:
    """Urgent ones give the table the first claim on the screen's lines."""
    rows = sorted(status.alerts[::-1][:MOST_ROWS], key=cells.urgency)
    urgent = bool(rows) and cells.urgency(rows[0]) <= SEVERITIES.index(AlertSeverity.ERROR)
    return Table("Alerts", ALERTS, rows, "none", rank=0 if urgent else 4)


def components(status: LiveStatus) -> Table[tuple[str, ComponentRow]]:
    rows = list(status.components.items())[:MOST_ROWS]
    return Table("Components", COMPONENTS, rows, "none yet", rank=6)
