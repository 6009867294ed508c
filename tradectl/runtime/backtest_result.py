"""What `backtest` gives in code: the summary, equity, round trips and statistics of one run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import asdict

from tradectl.analysis.round_trips import RoundTrip
from tradectl.documents.backtest import Backtest
from tradectl.documents.report import Report
from tradectl.domain.errors import UsageError
from tradectl.domain.text import counted

if TYPE_CHECKING:
    import pyarrow


class BacktestResult:
    """`summary` is what the command prints, `report` what `tradectl report --json` does, and `trades` the
    round trips, those still open at the end last: `opened` and `closed` of each are datetimes (UTC), its
    other times ns UTC, money and coins Decimals."""

    def __init__(self, summary: Backtest, report: Report, trades: Sequence[RoundTrip]) -> None:
        self.summary = summary
        self.report = report
        self.trades = list(trades)

    @property
    def equity(self) -> list[tuple[datetime, float]]:
        """Time (UTC) and worth of the account, at every mark or, of many, at the last of each part."""
        return [(datetime.fromisoformat(point.time), point.equity) for point in self.report.curve]

    @property
    def statistics(self) -> dict[str, Any]:
        """By name, as in the report: percentages are 1.0 for 1 %; None where there is too little to say.
        Returns are daily at UTC midnight, the year has 365 days, the risk-free rate is 0, deviations have
        ddof 1."""
        found = asdict(self.report.statistics)
        return {name: float(v) if isinstance(v, str) else v for name, v in found.items()}

    def html(self) -> str:
        """The report as a page of its own, as `tradectl report --html` writes it."""
        from tradectl.report.page import page

        return page(self.report)

    def to_arrow(self) -> dict[str, pyarrow.Table]:
        """Tables `equity`, `trades` and `days`. Raises UsageError where pyarrow is missing."""
        try:
            import pyarrow as pa
        except ImportError:
            raise UsageError(
                "to_arrow needs pyarrow: pip install 'tradectl[arrow]'; .equity and .trades need nothing"
            ) from None
        return {
            "equity": _table(pa, self.report.curve),
            "trades": _table(pa, self.trades, "opened_at", "closed_at", "signal_at"),
            "days": _table(pa, self.report.days),
        }

    def __repr__(self) -> str:
        summary = self.summary
        return (
            f"<backtest {summary.run_id}: {summary.return_pct} %, {counted(len(self.trades), 'trade')}, "
            f"maximum drawdown {summary.max_drawdown_pct} %>"
        )


def _table(pa: Any, rows: Sequence[msgspec.Struct], *times: str) -> Any:
    """A column for each field; `times` are ns UTC, `time` is ISO 8601."""
    if not rows:
        return pa.table({})
    columns: dict[str, Any] = {
        name: [getattr(row, name) for row in rows] for name in rows[0].__struct_fields__
    }
    if "time" in columns:
        columns["time"] = pa.array(
            map(datetime.fromisoformat, columns["time"]), pa.timestamp("us", tz="UTC")
        )
    for name in times:
        columns[name] = pa.array(columns[name], pa.timestamp("ns", tz="UTC"))
    return pa.table(columns)


__all__ = ["BacktestResult"]
