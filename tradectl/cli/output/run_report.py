"""A run's report in a terminal: the short form, with curves of a line."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.style import Style
from rich.text import Text

from tradectl.cli.output import figures
from tradectl.cli.output.cells import BAD, BOLD, DIM, GOOD, LOUD, PLAIN, WARN, Cell
from tradectl.cli.output.chart import sparkline
from tradectl.cli.output.listing import line, value
from tradectl.documents.report import Line, Refused, Report
from tradectl.domain.text import harmless

CURVE = 48
"""Cells of a curve."""
MOST_NAMED = 4
MEASURED, DOTS = "#", ".."
"""What stands in a reason for a number that was measured, and how it is shown."""


def report(found: Report) -> RenderableType:
    parts = [*_incomplete(found), _title(found), *_result(found)]
    if found.statistics.trips + found.statistics.open_trips:
        parts += [*_trips(found), *_made(found)]
    return Group(*parts, *_held_back(found))


def _incomplete(found: Report) -> list[RenderableType]:
    return [Text(harmless(found.incomplete), LOUD)] if found.incomplete else []


def _title(found: Report) -> RenderableType:
    many = len(found.symbols)
    traded = ", ".join(found.symbols) if many <= MOST_NAMED else f"{many} symbols"
    text = Text(harmless(f"{', '.join(found.strategies)} on {traded or 'nothing'}"), BOLD)
    lasted = figures.duration(found.statistics.days * 86_400)
    span = f"{figures.moment(found.started_at)} to {figures.moment(found.ended_at)}"
    return text + Text(f"   {span} ({lasted})", DIM)


def _tone(amount: str | float) -> Cell:
    text = figures.money(amount, signed=True)
    return Cell(text, GOOD if float(amount) > 0 else BAD if float(amount) < 0 else PLAIN)


def _share(percent: float | None) -> str:
    return figures.percent(percent, signed=True)


def _ratio(number: float | None) -> str:
    return figures.NOTHING if number is None else f"{number:.2f}"


def _result(found: Report) -> list[RenderableType]:
    n = found.statistics
    equity = [point.equity for point in found.curve]
    falls = [-point.drawdown_pct for point in found.curve]
    became = f"  {figures.money(found.start_equity)} became {figures.money(found.end_equity)}"
    deepest = f"  {figures.percent(n.max_drawdown_pct)} at most"
    if found.drawdowns:
        worst = found.drawdowns[0]
        deepest += f", {worst.peak_at[:10]} to {worst.trough_at[:10]}"
    return [
        line(
            "result",
            _tone(found.pnl),
            Cell(f" {found.currency} ({_share(n.return_pct)}); buy and hold {_share(n.hold_pct)}"),
        ),
        line("equity", Cell(sparkline(equity, CURVE).rstrip()), Cell(became, DIM)),
        line("drawdown", Cell(sparkline(falls, CURVE).rstrip(), BAD), Cell(deepest, DIM)),
        line(
            "ratios",
            Cell(
                f"Sharpe {_ratio(n.sharpe)}, Sortino {_ratio(n.sortino)}, CAGR {_share(n.cagr_pct)}, "
                f"volatility {figures.percent(n.volatility_pct)}, Calmar {_ratio(n.calmar)}"
            ),
        ),
        line(
            "exposure",
            Cell(
                f"{figures.percent(n.exposed_pct)} of the time, leverage {n.mean_leverage:.2f} on "
                f"average and {n.max_leverage:.2f} at most"
            ),
        ),
    ]  # fmt: skip


def _trips(found: Report) -> list[RenderableType]:
    n, costs = found.statistics, found.costs
    told = (
        f"{figures.count(n.trips)}, {figures.percent(n.win_rate_pct)} won, profit factor "
        f"{_ratio(n.profit_factor)}, each {figures.money(n.expectancy, signed=True)}, "
        f"SQN {_ratio(n.sqn)}, held {figures.duration(n.mean_duration_s)}"
    )
    if n.open_trips:
        told += f"; {n.open_trips} still open"
    return [
        line("round trips", Cell(told)),
        line(
            "costs",
            Cell("prices "), _tone(costs.gross),
            Cell(f", fees {figures.money(costs.fees)}, slippage {figures.money(costs.slippage)}"),
            Cell(", funding "),
            _tone(costs.funding),
        ),
    ]  # fmt: skip


def _made(found: Report) -> list[RenderableType]:
    ways = {"symbol": "by symbol", "strategy": "by strategy", "exit_reason": "by exit"}
    rows = [
        line(name, *_lines(found.attribution[way]))
        for way, name in ways.items()
        if len(found.attribution[way]) > 1
    ]
    months = found.months[-12:]
    if len(months) > 1:
        told = [Cell(f"{m.month} {_share(m.return_pct)}  ", _good(m.return_pct)) for m in months]
        rows.append(line("by month", *told))
    return rows


def _good(amount: float) -> Style:
    return GOOD if amount > 0 else BAD if amount < 0 else PLAIN


def _lines(lines: Sequence[Line]) -> list[Cell]:
    """The best and the worst."""
    shown = list(lines)
    if len(shown) > 2 * MOST_NAMED:
        shown = shown[:MOST_NAMED] + shown[-MOST_NAMED:]
    cells = []
    for each in shown:
        cells += [
            Cell(harmless(f"{each.name.replace(MEASURED, DOTS)} ", 60)),
            _tone(each.pnl),
            Cell("  "),
        ]
    left_out = len(lines) - len(shown)
    return cells + ([Cell(f"({left_out} in between)", DIM)] if left_out else [])


def _held_back(found: Report) -> list[RenderableType]:
    parts = []
    if found.refused:
        told = ", ".join(
            f"{figures.count(each.count)}x {_example(each)}" for each in found.refused[:MOST_NAMED]
        )
        parts.append(line("not traded", value(told)))
    if found.held_back:
        causes = ", ".join(f"{each.cause} {_of(each.share)}" for each in found.held_back)
        share = f"entries could leave {figures.percent(found.available_pct)} of the time"
        parts.append(line("available", value(f"{share}: {causes}", WARN)))
    if found.alerts:
        newest = found.alerts[-1]
        parts.append(
            line("alerts", value(f"{len(found.alerts)}, the newest: {newest.message}", WARN))
        )
    return parts


def _example(each: Refused) -> str:
    """What was measured differs: one of several stands for all."""
    alike = each.words == each.example or each.count == 1
    return (each.example or each.code) if alike else f"such as {each.example!r}"


def _of(share: float) -> str:
    return figures.percent(100 * share)


__all__ = ["report"]
