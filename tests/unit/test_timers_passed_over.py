"""A timer that would find nothing to do does not come, and nothing else is another for it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.fixtures.run_inputs import waves
from tradectl.adapters.portfolio import REBALANCE_TIMER
from tradectl.bus.clock import DataClock
from tradectl.config.settings import Settings
from tradectl.domain.events import (
    BarEvent,
    Event,
    LimitBreached,
    MarketDataEvent,
    OrderDenied,
    OrderFilled,
    PauseEnded,
    TimerFired,
)
from tradectl.domain.instruments import Instrument, InstrumentKind
from tradectl.domain.time import DAY, SECOND
from tradectl.domain.timers import RISK_TIMER
from tradectl.exchange.exchange_settings import PaperSettings
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.risk.limits import RiskLimits
from tradectl.state.account import Account
from tradectl.strategy.configured import StrategyInstance
from tradectl.system.trading_system import TradingSystem, on_paper

SYMBOL, MINUTE = "BTCUSDT", 60 * SECOND
START = 19_000 * DAY - 200 * MINUTE
"""A day ends in what is played."""

STRATEGIES = (
    StrategyInstance("ema-cross", "ema-cross", parameters={"fast": 3, "slow": 8}),
    StrategyInstance("other", "ema-cross", parameters={"fast": 5, "slow": 21}),
)
PERPETUAL = Instrument(
    SYMBOL, "USDT", Decimal("0.01"), Decimal("0.00001"), Decimal(1), InstrumentKind.PERPETUAL
)
TIGHT = RiskLimits(
    daily_loss_alert_pct=Decimal("0.01"),
    daily_loss_pause_pct=Decimal("0.1"),
    daily_loss_halt_pct=None,
    drawdown_alert_pct=Decimal("0.02"),
    drawdown_pause_pct=None,
    drawdown_halt_pct=None,
)


def settings(sizing: str, count: int, *instruments: Instrument) -> Settings:
    return Settings(
        symbols=(SYMBOL,),
        strategies=STRATEGIES[:count],
        instruments=instruments,
        paper=PaperSettings(fill="close"),
        portfolio=PortfolioSettings(
            sizing=sizing,  # type: ignore[arg-type]  # one of its words
            quantity=Decimal("0.5"),
            drift=Decimal("0.001"),
        ),
        risk=TIGHT,
    )


CONFIGURED = {
    "coins": settings("fixed_fraction", 1),
    "coins of a fixed quantity": settings("fixed_quantity", 1),
    "two strategies": settings("equal_weight", 2),
    "a perpetual": settings("fixed_quantity", 1, PERPETUAL),
    "two strategies in a perpetual": settings("fixed_quantity", 2, PERPETUAL),
    "measured": settings("inverse_volatility", 1),
}


def minutes(count: int) -> list[MarketDataEvent]:
    return [
        BarEvent(
            symbol=SYMBOL, price=price, volume=Decimal(5), ts=START + n * MINUTE,
            open=price, high=price, low=price, interval=MINUTE,
        )
        for n, price in enumerate(map(Decimal, waves(count)))
    ]  # fmt: skip


class Played:
    """What came of it: the timers, and apart from them what was traded, denied and said of limits."""

    def __init__(self, configured: Settings, *, every_timer: bool) -> None:
        account = Account.open("run", "USDT", Decimal(100_000))
        made = TradingSystem(configured, account, "run", DataClock(), gateway=on_paper(configured))
        if every_timer:
            for name in (RISK_TIMER, REBALANCE_TIMER):
                made.bus.pass_over(name, lambda at: False)
        made.open()
        records = made.apply(*minutes(600)) + made.end_of_data()
        self.timers = [r.event.name for r in records if isinstance(r.event, TimerFired)]
        told = (OrderFilled, OrderDenied, LimitBreached, PauseEnded)
        self.told = [(r.at, plain(r.event)) for r in records if isinstance(r.event, told)]
        self.baselines = made.books.account.readings, [
            getattr(made.books.account, name)
            for name in (
                "cash", "day", "day_start_equity", "peak_equity", "high_water", "max_drawdown",
                "measured_equity", "trading_state",
            )
        ]  # fmt: skip


def plain(event: Event) -> dict[str, Any]:
    """Without the ids, which count every record before."""
    told: dict[str, Any] = msgspec.to_builtins(event)
    return {name: value for name, value in told.items() if not name.endswith("_id")}


@pytest.mark.parametrize("configured", CONFIGURED.values(), ids=CONFIGURED.keys())
def test_without_the_timers_that_do_nothing_all_comes_out_the_same(configured: Settings) -> None:
    fewer, every = Played(configured, every_timer=False), Played(configured, every_timer=True)
    assert (fewer.told, fewer.baselines) == (every.told, every.baselines)
    assert {each["type"] for _, each in every.told} > {"order_filled"}
    assert len(fewer.timers) < len(every.timers)


def test_a_flat_account_is_reviewed_once_a_day_and_never_rebalanced() -> None:
    configured = msgspec.structs.replace(CONFIGURED["coins"], strategies=())
    played = Played(configured, every_timer=False)
    assert played.timers == [RISK_TIMER, RISK_TIMER]
