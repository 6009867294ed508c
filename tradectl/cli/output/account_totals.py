"""What the account has and has made, and each strategy's part of it, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import RenderableType

from tradectl.cli.output import cells, figures
from tradectl.cli.output.cells import BOLD, DIM, Cell
from tradectl.cli.output.listing import line, names
from tradectl.documents.account import PortfolioTotals, StrategyRow
from tradectl.domain.money import ZERO
from tradectl.domain.text import harmless

NOWHERE: Mapping[str, str] = {}


def totals(
    portfolio: PortfolioTotals | None, cash_at: Mapping[str, str] = NOWHERE
) -> list[RenderableType]:
    """What there is, and what it has made; blank where nothing is known of it."""
    if portfolio is None:
        return [line(name, Cell(figures.NOTHING)) for name in ("equity", "cash", "P&L net")]
    return [
        line("equity", Cell(figures.money(portfolio.equity), BOLD)),
        line("cash", Cell(f"{figures.money(portfolio.cash)}{_by_exchange(cash_at)}")),
        line(
            "P&L net",
            cells.profit(figures.net(portfolio)),
            Cell("  realised "),
            cells.profit(portfolio.realized_pnl),
            Cell("  unrealised "),
            cells.profit(portfolio.unrealized_pnl),
            Cell(f"  fees {figures.money(portfolio.fees)}"),
        ),
        *_perpetual(portfolio),
        line(
            "drawdown",
            Cell(figures.percent(portfolio.drawdown_pct)),
            Cell(f"  maximum {figures.percent(portfolio.max_drawdown_pct)}"),
        ),
    ]


def _by_exchange(cash_at: Mapping[str, str]) -> str:
    parts = [f"{name} {figures.money(cash)}" for name, cash in cash_at.items()]
    return f"  {', '.join(parts)}" if parts else ""


def by_strategy(rows: Sequence[StrategyRow] | None) -> list[RenderableType]:
    """What each has made of the account, where there are several."""
    traded = [row for row in rows or () if row.fills or row.positions]
    if len(traded) < 2:
        return []
    return [
        line(
            "strategy" if n == 0 else "",
            Cell(f"{harmless(row.name, 24) or figures.NOTHING}  P&L net "),
            cells.profit(row.total_pnl),
            Cell(f"  fees {figures.money(row.fees)}{_held_by(row)}"),
        )
        for n, row in enumerate(traded)
    ]


def _held_by(row: StrategyRow) -> str:
    held = [f"{figures.side_held(p)} {figures.quantity(p.size)} {p.symbol}" for p in row.positions]
    return f"  {names(held)}" if held else "  flat"


def _perpetual(portfolio: PortfolioTotals) -> list[RenderableType]:
    """What only perpetuals have, where they have it."""
    lines: list[RenderableType] = []
    if figures.is_something(portfolio.margin_used):
        used = f"{figures.money(portfolio.margin_used)} used"
        least = f"  maintenance {figures.money(portfolio.maintenance_margin)}"
        lines.append(line("margin", Cell(used), Cell(least)))
    if figures.is_something(portfolio.funding):
        lines.append(line("funding", cells.profit(portfolio.funding)))
    if figures.is_something(portfolio.insurance):
        borne = "  of liquidated positions' losses, borne by the exchange"
        if (figures.decimal(portfolio.insurance) or ZERO) < 0:
            borne = "  to the exchange's insurance fund, for liquidated positions"
        lines.append(line("insurance", cells.profit(portfolio.insurance), Cell(borne, DIM)))
    if figures.is_something(portfolio.interest):
        lines.append(line("interest", cells.profit(portfolio.interest)))
    if figures.is_something(portfolio.rebates):
        lines.append(line("rebates", cells.profit(portfolio.rebates)))
    if figures.is_something(portfolio.transferred):
        lines.append(line("transferred", Cell(figures.money(portfolio.transferred, signed=True))))
    return lines


__all__ = ["by_strategy", "totals"]
