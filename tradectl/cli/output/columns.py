"""The columns of the tables that commands print; those of the panel are shorter, and beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tradectl.cli.output import cells, figures
from tradectl.cli.output.cells import BOLD, DIM, GOOD, LOUD, PLAIN, WARN, Cell, Column
from tradectl.documents.account import FillRow, OrderRow, PositionRow
from tradectl.documents.run import AlertRow, ComponentRow, RunRow
from tradectl.domain.text import harmless

if TYPE_CHECKING:  # not for the tables that are printed most
    from tradectl.documents.market import ExchangeRow, MarketRow
    from tradectl.documents.operations import OrderComparison, SymbolComparison

POSITIONS: tuple[Column[PositionRow], ...] = (
    Column("symbol", lambda row: cells.text(row.symbol, BOLD), keep=9),
    Column("side", lambda row: cells.side(figures.side_held(row)), keep=8),
    Column("size", lambda row: cells.quantity(row.size), keep=7, right=True),
    Column("entry", lambda row: cells.price(row.entry_price), keep=4, right=True),
    Column("price", lambda row: cells.price(row.current_price), keep=5, right=True),
    Column("unrealised", lambda row: cells.profit(row.unrealized_pnl), keep=6, right=True),
    Column("realised", lambda row: cells.profit(row.realized_pnl), keep=3, right=True),
)
PERPETUALS: tuple[Column[PositionRow], ...] = (
    *POSITIONS,
    Column("liquidation", lambda row: cells.price(row.liquidation_price), keep=2, right=True),
)
"""Positions of which one could be liquidated."""
ORDERS: tuple[Column[OrderRow], ...] = (
    Column("created", lambda row: cells.moment(row.created_at), keep=2),
    Column("symbol", lambda row: cells.text(row.symbol, BOLD), keep=9),
    Column("side", lambda row: cells.side(row.side), keep=8),
    Column("type", cells.order_type, keep=3),
    Column("quantity", lambda row: cells.quantity(row.quantity), keep=7, right=True),
    Column("filled", lambda row: cells.quantity(row.filled), keep=4, right=True),
    Column("price", cells.order_price, keep=5, right=True),
    Column("status", cells.order_status, keep=6),
    Column("order", lambda row: cells.text(row.order_id, DIM), keep=9),
)
FILLS: tuple[Column[FillRow], ...] = (
    Column("time", lambda row: cells.moment(row.time), keep=6),
    Column("symbol", lambda row: cells.text(row.symbol, BOLD), keep=9),
    Column("side", lambda row: cells.side(row.side), keep=8),
    Column("quantity", lambda row: cells.quantity(row.quantity), keep=7, right=True),
    Column("price", lambda row: cells.price(row.price), keep=7, right=True),
    Column("fee", lambda row: cells.quantity(row.fee), keep=5, right=True),
    Column("in", lambda row: cells.text(row.fee_currency), keep=3),
    Column("liquidity", lambda row: cells.text(row.liquidity, DIM), keep=2),
    Column("order", lambda row: cells.text(row.order_id, DIM), keep=4),
)
ALERTS: tuple[Column[AlertRow], ...] = (
    Column("id", lambda row: cells.text(row.id, BOLD), keep=9),
    Column("created", lambda row: cells.moment(row.created_at), keep=4),
    Column("severity", cells.severity, keep=8),
    Column("from", lambda row: cells.text(row.component), keep=3),
    Column("status", lambda row: cells.text(row.status, DIM), keep=5),
    Column("message", cells.message, 20, keep=9, flexible=True),
)
COMPONENTS: tuple[Column[tuple[str, ComponentRow]], ...] = (
    Column("component", lambda named: cells.text(named[0]), keep=9),
    Column("status", lambda named: cells.component_status(named[1]), keep=8),
    Column("heartbeat", lambda named: cells.clock(named[1].last_heartbeat), keep=3),
    Column("errors", lambda named: cells.errors(named[1]), keep=5, right=True),
    Column("message", lambda named: cells.component_message(named[1]), 12, keep=4, flexible=True),
)


HALTED = "halted"
"""Why a run ended, where that is worth a word."""


def _ending(run: RunRow) -> Cell:
    halted = run.status == "clean" and run.end_reason == HALTED
    word = HALTED if halted else harmless(run.status or figures.NOTHING, 24)
    return Cell(word, {"clean": GOOD, "running": PLAIN, "interrupted": WARN}.get(word, LOUD))


RUNS: tuple[Column[RunRow], ...] = (
    Column("run", lambda row: cells.text(row.run_id, BOLD), keep=9),
    Column(
        "mode", lambda row: cells.text(figures.mode_words(row.mode, row.source).lower()), keep=4
    ),
    Column("started", lambda row: cells.moment(row.started_at), keep=5),
    Column("ended", lambda row: cells.moment(row.ended_at), keep=2),
    Column("events", lambda row: cells.count(row.events), keep=3, right=True),
    Column("orders", lambda row: cells.count(row.run_orders), keep=1, right=True),
    Column("fills", lambda row: cells.count(row.run_fills), keep=1, right=True),
    Column("run P&L", lambda row: cells.profit(row.run_pnl), keep=5, right=True),
    Column("account P&L", lambda row: cells.profit(row.pnl), keep=6, right=True),
    Column(
        "max drawdown", lambda row: Cell(figures.percent(row.max_drawdown_pct)), keep=3, right=True
    ),
    Column("end", _ending, keep=7),
)


def _restricted(row: SymbolComparison) -> Cell:
    return Cell(harmless(", ".join(row.restricted) or figures.NOTHING, 40))


def _whose(row: OrderComparison) -> Cell:
    if not row.ours:
        return Cell("not ours: left alone", DIM)
    return Cell("", PLAIN) if row.ok else Cell("differs", LOUD)


COMPARED_SYMBOLS: tuple[Column[SymbolComparison], ...] = (
    Column("symbol", lambda row: cells.text(row.symbol, BOLD), keep=9),
    Column("exchange", lambda row: cells.text(row.exchange), keep=3),
    Column("journal", lambda row: cells.quantity(row.journal), keep=8, right=True),
    Column("database", lambda row: cells.quantity(row.database), keep=6, right=True),
    Column("at exchange", lambda row: cells.quantity(row.at_exchange), keep=8, right=True),
    Column("difference", lambda row: cells.quantity(row.difference), keep=8, right=True),
    Column("not ours", lambda row: cells.quantity(row.external), keep=4, right=True),
    Column("restricted", _restricted, keep=5),
)
COMPARED_ORDERS: tuple[Column[OrderComparison], ...] = (
    Column("order", lambda row: cells.text(row.client_order_id, BOLD), keep=9),
    Column("symbol", lambda row: cells.text(row.symbol), keep=7),
    Column("journal", lambda row: cells.text(row.journal), keep=8),
    Column("at exchange", lambda row: cells.text(row.at_exchange), keep=8),
    Column("", _whose, keep=6),
)


def _yes(is_so: bool, word: str = "yes") -> Cell:
    return Cell(word if is_so else "", GOOD)


def _is_traded(market: MarketRow) -> Cell:
    if not market.supported:
        return Cell("no", DIM)
    return Cell("yes", GOOD) if market.active else Cell("closed", WARN)


def _count(found: Sequence[str]) -> Cell:
    return Cell(str(len(found)), GOOD) if found else Cell("none", DIM)


EXCHANGES: tuple[Column[ExchangeRow], ...] = (
    Column("id", lambda row: cells.text(row.id, BOLD), keep=9),
    Column("name", lambda row: cells.text(row.name), keep=3),
    Column("tests", lambda row: _count(row.tested_by), keep=8, right=True),
    Column("spot", lambda row: _yes(row.spot), keep=7),
    Column("perpetual", lambda row: _yes(row.perpetual), keep=7),
    Column("pushed", lambda row: _yes(row.user_stream), keep=5),
    Column("by our id", lambda row: _yes(row.lookup_by_client_id), keep=5),
    Column("stops", lambda row: cells.text(", ".join(row.stops), GOOD), keep=6),
    Column("dead man", lambda row: cells.text(", ".join(row.dead_man_switch), GOOD), keep=4),
    Column("funding", lambda row: _yes(row.funding_history), keep=4),
    Column("test network", lambda row: _yes(row.testnet), keep=3),
    Column("passphrase", lambda row: _yes(row.passphrase, "needed"), keep=2),
)
MARKETS: tuple[Column[MarketRow], ...] = (
    Column("symbol", lambda row: cells.text(row.symbol, BOLD), keep=9),
    Column("ccxt", lambda row: cells.text(row.unified, DIM), keep=3),
    Column("tick", lambda row: cells.quantity(row.tick_size), keep=7, right=True),
    Column("lot", lambda row: cells.quantity(row.lot_size), keep=7, right=True),
    Column("least", lambda row: cells.quantity(row.min_notional), keep=6, right=True),
    Column("in", lambda row: cells.text(row.quote), keep=5),
    Column("trades", _is_traded, keep=8),
    Column("note", lambda row: cells.text(row.note, DIM), 12, keep=4, flexible=True),
)
RECORDED: tuple[Column[tuple[str, int]], ...] = (
    Column("symbol", lambda counted: cells.text(counted[0], BOLD), keep=9),
    Column("events", lambda counted: cells.count(counted[1]), keep=8, right=True),
)
