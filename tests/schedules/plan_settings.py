"""The settings of a run that a plan asks for."""

from __future__ import annotations

from decimal import Decimal

from tests.schedules.limited_plans import settings_about
from tests.schedules.plans import LIMIT, Plan
from tests.schedules.worked_plans import execution_of
from tradectl.config.settings import OrchestratorConfig, Settings
from tradectl.exchange.exchange_settings import ExchangeSettings
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.risk.limits import RiskLimits


def settings_of(
    plan: Plan, url: str, exchange_id: str = "binance", allows: float | None = None
) -> Settings:
    """A live run by the plan, at the exchange that `url` leads to, with so many requests a second."""
    exchange = ExchangeSettings(
        id=exchange_id,
        market="spot" if plan.market == "spot" else "perpetual",
        url=url,
        channels=plan.channels,  # type: ignore[arg-type]
        timeout_seconds=plan.timeout,
        reconcile_seconds=plan.reconcile,
        not_found_seconds=plan.not_found,
        dead_man_seconds=plan.dead_man,
        silent_stream_seconds=4.0,
        requests_per_second=allows,
    )
    portfolio = PortfolioSettings(
        fraction=Decimal(str(plan.fraction)),
        order_type=plan.order_type,  # type: ignore[arg-type]
        limit_offset_bps=Decimal(plan.offset_bps),
        stop_loss_pct=None if plan.stop_loss is None else Decimal(str(plan.stop_loss)),
    )
    limits = RiskLimits(
        max_position_notional=Decimal(LIMIT),
        max_leverage=Decimal(10),
        daily_loss_pause_pct=None,
        daily_loss_halt_pct=None,
        drawdown_pause_pct=None,
        drawdown_halt_pct=None,
    )
    settings = Settings(
        mode="live",
        symbols=plan.symbols,
        strategies=(),
        exchanges=(exchange,),
        portfolio=portfolio,
        risk=limits,
        execution=execution_of(plan),
        orchestrator=OrchestratorConfig(
            portfolio_rebalance_interval_seconds=plan.rebalance,
            risk_check_interval_seconds=plan.review,
            store_interval_seconds=3.0,
        ),
    )
    return settings_about(plan, settings)


__all__ = ["settings_of"]
