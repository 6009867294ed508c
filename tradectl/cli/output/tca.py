"""What orders cost to trade, for people."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from tradectl.cli.output import cells, figures
from tradectl.cli.output.cells import BOLD, DIM, Cell, Column
from tradectl.cli.output.listing import Listing, line
from tradectl.documents.tca import OrderCost, TradingCosts
from tradectl.domain.text import counted, harmless


def _by(row: OrderCost) -> Cell:
    return Cell(f"{harmless(row.algorithm)} x{row.children}" if row.algorithm else "")


def _basis_points(value: str | None) -> Cell:
    return Cell("" if value is None else figures.rough(value))


def _took(row: OrderCost) -> Cell:
    return Cell("" if row.duration_s is None else figures.took(row.duration_s))


COSTS: tuple[Column[OrderCost], ...] = (
    Column("created", lambda row: cells.moment(row.created_at), keep=2),
    Column("symbol", lambda row: cells.text(row.symbol, BOLD), keep=9),
    Column("side", lambda row: cells.side(row.side), keep=8),
    Column("by", _by, keep=6),
    Column("filled", lambda row: cells.quantity(row.filled), keep=7, right=True),
    Column("arrival", lambda row: cells.price(row.arrival), keep=6, right=True),
    Column("mid", lambda row: cells.price(row.mid), keep=3, right=True),
    Column("average", lambda row: cells.price(row.average_price), keep=7, right=True),
    Column("bps", lambda row: _basis_points(row.slippage_bps), keep=9, right=True),
    Column("bps of mid", lambda row: _basis_points(row.slippage_mid_bps), keep=4, right=True),
    Column("fees", lambda row: cells.money(row.fees), keep=5, right=True),
    Column("took", _took, keep=4, right=True),
    Column("order", lambda row: cells.text(row.order_id, DIM), keep=1),
)


def costs(found: TradingCosts) -> RenderableType:
    bps = "" if found.slippage_bps is None else f" ({figures.rough(found.slippage_bps)} bps)"
    middle = found.slippage_mid_bps
    of_mid = "" if middle is None else f", {figures.rough(middle)} bps against the middle"
    said = f"{figures.money(found.slippage, signed=True)}{bps} against arrival{of_mid}"
    return Group(
        Listing(COSTS, found.orders, "no order was made"),
        Text(),
        line("filled", Cell(f"{counted(found.filled, 'order')}, {figures.money(found.notional)}")),
        line("slippage", Cell(f"{said}; above zero it cost")),
        line("fees", Cell(figures.money(found.fees))),
        Text(f"run {harmless(found.run_id)}", DIM),
    )


__all__ = ["costs"]
