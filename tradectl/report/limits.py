"""How near a run came to the limits of its risk settings."""

from __future__ import annotations

from decimal import Decimal

from tradectl.analysis.run_analysis import RunFigures
from tradectl.documents.report import LimitUse


def limits_used(run: RunFigures) -> list[LimitUse]:
    """The loss limits by what was lost at most, measured at every mark; leverage and exposure by what was
    held; and those that were reached without a figure of ours."""
    limits, curve = run.settings.risk, run.curve
    drawdown, daily = limits.no_entries_from("drawdown"), limits.no_entries_from("daily_loss")
    reached = run.limits
    rows = [
        _use("drawdown", 100 * float(curve.max_drawdown), drawdown, "%", reached["DRAWDOWN"]),
        _use("loss of a day", 100 * curve.worst_day, daily, "%", reached["DAILY_LOSS"]),
        _use("leverage", curve.max_leverage, limits.max_leverage, "x"),
        _use("exposure", curve.max_exposure, limits.max_gross_notional, run.currency),
    ]
    others = [code for code in reached if code not in ("DRAWDOWN", "DAILY_LOSS")]
    return rows + [_use(code, 0.0, None, "", reached[code]) for code in others]


def _use(name: str, used: float, limit: Decimal | None, unit: str, reached: int = 0) -> LimitUse:
    most = None if limit is None else float(limit)
    return LimitUse(name=name, used=used, limit=most, unit=unit, reached=reached)


__all__ = ["limits_used"]
