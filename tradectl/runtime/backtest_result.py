"""What `backtest` gives in code: the summary, equity, round trips and statistics of one run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from tradectl.analysis import statistics
from tradectl.analysis.equity import Point
from tradectl.analysis.round_trips import RoundTrip
from tradectl.analysis.run_analysis import RunFigures
from tradectl.documents.backtest import Backtest
from tradectl.domain.errors import UsageError
from tradectl.domain.time import DAY

if TYPE_CHECKING:
    import pyarrow

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class BacktestResult:
    """`summary` is what the command prints, `trades` the round trips, those still open at the end last,
    `figures` all that was worked out: days, drawdowns, attribution."""

    def __init__(self, summary: Backtest, figures: RunFigures, trades: Sequence[RoundTrip]) -> None:
        self.summary = summary
        self.figures = figures
        self.trades = list(trades)

    @property
    def equity(self) -> list[tuple[datetime, float]]:
        """Time (UTC) and worth of the account, at every mark or, of many, at the last of each part."""
        return [(_time(point.at), point.equity) for point in self._points]

    @property
    def _points(self) -> list[Point]:
        return self.figures.curve.points

    @property
    def statistics(self) -> dict[str, float | None]:
        """By name. Shares are 0.01 for 1 %; None where there is too little to say. Returns are daily at
        UTC midnight, the year has 365 days, the risk-free rate is 0, deviations have ddof 1."""
        figures, trips = self.figures, self.figures.trips
        curve, returns = figures.curve, figures.curve.returns
        days = curve.duration / DAY
        annual = statistics.cagr(1.0, curve.growth, days) if days > 0 else None
        drawdown = float(curve.max_drawdown)
        exposed = curve.exposed_ns / curve.duration if curve.duration else None
        return {
            "total_return": figures.total_return,
            "buy_and_hold_return": float(figures.hold_return),
            "cagr": annual,
            "volatility": statistics.volatility(returns),
            "sharpe": statistics.sharpe(returns),
            "sortino": statistics.sortino(returns),
            "calmar": statistics.calmar(annual, drawdown),
            "max_drawdown": drawdown,
            "exposure": exposed,
            "trades": float(trips.count),
            "win_rate": trips.win_rate,
            "profit_factor": trips.profit_factor,
            "sqn": trips.sqn,
        }

    def to_arrow(self) -> dict[str, pyarrow.Table]:
        """Tables `equity`, `trades` and `days`. Raises UsageError where pyarrow is missing."""
        try:
            import pyarrow as pa
        except ImportError:
            raise UsageError(
                "to_arrow needs pyarrow: pip install 'tradectl[arrow]'; .equity and .trades need nothing"
            ) from None
        days = self.figures.curve.days
        return {
            "equity": _table(pa, self._points, "at"),
            "trades": _table(pa, self.trades, "opened_at", "closed_at", "signal_at"),
            "days": _table(pa, days),
        }

    def __repr__(self) -> str:
        summary = self.summary
        return (
            f"<backtest {summary.run_id}: {summary.return_pct} %, {len(self.trades)} trades, "
            f"maximum drawdown {summary.max_drawdown_pct} %>"
        )


def _table(pa: Any, rows: Sequence[msgspec.Struct], *times: str) -> Any:
    """A column for each field; `times` are ns UTC."""
    if not rows:
        return pa.table({})
    names = rows[0].__struct_fields__
    columns = {name: [getattr(row, name) for row in rows] for name in names}
    for name in times:
        columns[name] = pa.array(columns[name], pa.timestamp("ns", tz="UTC"))
    return pa.table(columns)


def _time(ns: int) -> datetime:
    return _EPOCH + timedelta(microseconds=ns // 1000)


__all__ = ["BacktestResult"]
