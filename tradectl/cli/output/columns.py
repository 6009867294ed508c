"""The columns of the tables that commands print; those of the panel are shorter, and beside it."""

from __future__ import annotations

from tradectl.cli.output import cells, figures
from tradectl.cli.output.cells import BOLD, DIM, GOOD, LOUD, PLAIN, Cell, Column, Row
from tradectl.domain.text import harmless


def _mode(row: Row) -> Cell:
    return Cell(figures.mode_words(row).lower())


def _ending(row: Row) -> Cell:
    word = harmless(row.get("status") or figures.NOTHING, 24)
    return Cell(word, {"clean": GOOD, "crashed": LOUD}.get(word, PLAIN))


def _restricted(row: Row) -> Cell:
    return Cell(harmless(", ".join(row.get("restricted") or ()) or figures.NOTHING, 40))


def _whose(row: Row) -> Cell:
    if not row.get("ours"):
        return Cell("not ours: left alone", DIM)
    return Cell("", PLAIN) if row.get("ok") else Cell("differs", LOUD)


POSITIONS = (
    Column("symbol", cells.text("symbol", BOLD), keep=9),
    Column("side", cells.side("side"), keep=8),
    Column("size", cells.figure("size", figures.quantity), keep=7, right=True),
    Column("entry", cells.figure("entry_price", figures.price), keep=4, right=True),
    Column("price", cells.figure("current_price", figures.price), keep=5, right=True),
    Column("unrealised", cells.profit_of("unrealized_pnl"), keep=6, right=True),
    Column("realised", cells.profit_of("realized_pnl"), keep=3, right=True),
)
ORDERS = (
    Column("created", cells.moment("created_at"), keep=2),
    Column("symbol", cells.text("symbol", BOLD), keep=9),
    Column("side", cells.side("side"), keep=8),
    Column("type", cells.order_type, keep=3),
    Column("quantity", cells.figure("quantity", figures.quantity), keep=7, right=True),
    Column("filled", cells.figure("filled", figures.quantity), keep=4, right=True),
    Column("price", cells.order_price, keep=5, right=True),
    Column("status", cells.order_status, keep=6),
    Column("order", cells.text("order_id", DIM), 14, keep=8, flexible=True),
)
FILLS = (
    Column("time", cells.moment("time"), keep=6),
    Column("symbol", cells.text("symbol", BOLD), keep=9),
    Column("side", cells.side("side"), keep=8),
    Column("quantity", cells.figure("quantity", figures.quantity), keep=7, right=True),
    Column("price", cells.figure("price", figures.price), keep=7, right=True),
    Column("fee", cells.figure("fee", figures.quantity), keep=5, right=True),
    Column("in", cells.text("fee_currency"), keep=3),
    Column("liquidity", cells.text("liquidity", DIM), keep=2),
    Column("order", cells.text("order_id", DIM), keep=4),
)
ALERTS = (
    Column("id", cells.text("id", BOLD), keep=9),
    Column("created", cells.moment("created_at"), keep=4),
    Column("severity", cells.severity, keep=8),
    Column("from", cells.text("component"), keep=3),
    Column("status", cells.text("status", DIM), keep=5),
    Column("message", cells.message, 20, keep=9, flexible=True),
)
COMPONENTS = (
    Column("component", cells.text("name"), keep=9),
    Column("status", cells.status, keep=8),
    Column("heartbeat", cells.clock("last_heartbeat"), keep=3),
    Column("errors", cells.errors, keep=5, right=True),
    Column("message", cells.text("message"), 12, keep=4, flexible=True),
)
RECONCILED = (
    Column("symbol", cells.text("symbol", BOLD), keep=9),
    Column("exchange", cells.text("exchange"), keep=3),
    Column("journal", cells.figure("journal", figures.quantity), keep=8, right=True),
    Column("database", cells.figure("database", figures.quantity), keep=6, right=True),
    Column("at exchange", cells.figure("at_exchange", figures.quantity), keep=8, right=True),
    Column("difference", cells.figure("difference", figures.quantity), keep=8, right=True),
    Column("not ours", cells.figure("external", figures.quantity), keep=4, right=True),
    Column("restricted", _restricted, keep=5),
)
RECONCILED_ORDERS = (
    Column("order", cells.text("client_order_id", BOLD), 12, keep=9, flexible=True),
    Column("symbol", cells.text("symbol"), keep=7),
    Column("journal", cells.text("journal"), keep=8),
    Column("at exchange", cells.text("at_exchange"), keep=8),
    Column("", _whose, keep=6),
)
RUNS = (
    Column("run", cells.text("run_id", BOLD), keep=9),
    Column("mode", _mode, keep=4),
    Column("started", cells.moment("started_at"), keep=5),
    Column("ended", cells.moment("ended_at"), keep=2),
    Column("events", cells.figure("events", figures.count), keep=3, right=True),
    Column("P&L", cells.profit_of("pnl"), keep=6, right=True),
    Column("end", _ending, keep=7),
)
