"""Brackets at a real exchange: what rests there, what is watched, and what a kill -9 leaves of it."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.fixtures.command import wait_until
from tests.fixtures.live_harness import live_harness
from tests.fixtures.live_trader import SPOT, Trader, protected, remains_of, trading
from tests.fixtures.run_inputs import Character
from tests.integration.test_live_protection import FOREVER, FUTURES, never_naked, nothing, stops
from tradectl.config.settings import OrchestratorConfig, Settings
from tradectl.domain.brackets import Bracket
from tradectl.domain.events import BracketTriggered, StrategySignalEvent
from tradectl.testkit import LoopbackExchange
from tradectl.testkit.orders import Order

D = Decimal
STOP_AND_TARGET = Bracket(stop_loss_pct=D(3), take_profit_pct=D(2))

pytestmark = pytest.mark.usefixtures("key_environment")


def settings_for(exchange: LoopbackExchange, market: str) -> Settings:
    """Without a stop for all: what rests is the strategy's."""
    settings = protected(exchange, market, stop_loss_pct=None)
    often = OrchestratorConfig(
        risk_check_interval_seconds=0.2,
        health_check_interval_seconds=1.0,
        portfolio_rebalance_interval_seconds=0.5,
    )
    return replace(settings, orchestrator=often)


def enter(trader: Trader, bracket: Bracket, action: Any = "buy") -> None:
    trader.run.bus.post(
        StrategySignalEvent(symbol=SPOT, action=action, strategy="test", bracket=bracket)
    )


def targets(exchange: Any, market: str) -> list[Order]:
    """Those of ours that are open there."""
    found = exchange.truth.open_orders(market=market)
    return [order for order in found if order.type == "LIMIT" and not order.foreign]


async def test_on_a_perpetual_both_rest_and_what_fills_ends_the_other(
    exchange: LoopbackExchange, tmp_path: Path
) -> None:
    settings = settings_for(exchange, FUTURES)
    async with trading(exchange, tmp_path, settings=settings, market=FUTURES) as trader:
        enter(trader, STOP_AND_TARGET)
        await trader.until(lambda: targets(exchange, FUTURES))
        (stop,), (target,) = stops(exchange, FUTURES), targets(exchange, FUTURES)
        assert (stop.quantity, target.quantity) == (D("0.02"), D("0.02"))
        assert stop.stop_price == pytest.approx(D("58200"), abs=30)
        assert target.price == pytest.approx(D("61200"), abs=30)
        assert target.reduce_only
        placed = [e.detail["type"] for e in exchange.truth.entries("accepted")]
        assert placed.index(stop.type) < placed.index("LIMIT")  # the stop first
        exchange.move(SPOT, "61300", market=FUTURES)
        await trader.until(lambda: not trader.held)
        await trader.until(lambda: not stops(exchange, FUTURES))
        never_naked(exchange, FUTURES)
        assert exchange.position(SPOT) == 0
        assert "stop_late" not in trader.alerts()


async def test_a_part_that_is_filled_makes_the_other_leg_smaller(
    exchange: LoopbackExchange, tmp_path: Path
) -> None:
    settings = settings_for(exchange, FUTURES)
    async with trading(exchange, tmp_path, settings=settings, market=FUTURES) as trader:
        enter(trader, STOP_AND_TARGET)
        await trader.until(lambda: targets(exchange, FUTURES))
        (target,) = targets(exchange, FUTURES)
        assert target.price is not None
        exchange.print_trade(SPOT, target.price + 1, "0.008", market=FUTURES)
        await trader.until(lambda: trader.held == D("0.012"))
        await trader.until(lambda: [s.quantity for s in stops(exchange, FUTURES)] == [D("0.012")])
        assert [t.quantity - t.filled for t in targets(exchange, FUTURES)] == [D("0.012")]
        never_naked(exchange, FUTURES)


async def test_on_spot_the_target_is_watched_and_the_stop_is_gone_before_the_sale(
    exchange: LoopbackExchange, tmp_path: Path
) -> None:
    settings = settings_for(exchange, "spot")
    async with trading(exchange, tmp_path, settings=settings) as trader:
        enter(trader, STOP_AND_TARGET)
        await trader.until(lambda: stops(exchange, "spot"))
        assert targets(exchange, "spot") == []
        (stop,) = stops(exchange, "spot")
        await trader.price("61300")
        await trader.until(lambda: not trader.held)
        (triggered,) = trader.events(BracketTriggered)
        assert triggered.leg == "take_profit"
        kinds = [
            entry.kind if entry.detail.get("client_id") == stop.client_id else entry.detail["side"]
            for entry in exchange.truth.entries("accepted", "canceled")
        ]
        assert kinds[-2:] == ["canceled", "SELL"]
        await trader.quiet()
        assert stops(exchange, "spot") == []


async def test_on_spot_a_kill_between_the_cancel_and_the_sale_is_healed(
    exchange: LoopbackExchange, tmp_path: Path
) -> None:
    """The stop is back with the first price, and what was to be sold is sold once."""
    settings = settings_for(exchange, "spot")
    async with trading(exchange, tmp_path / "state", settings=settings) as trader:
        enter(trader, STOP_AND_TARGET)
        await trader.until(lambda: stops(exchange, "spot"))
        (stop,) = stops(exchange, "spot")
        refused: dict[str, Any] = {"method": "POST", "path": "*rder", "code": -2010, "status": 400}
        faults = exchange.misbehave("error", count=FOREVER, **refused)
        exchange.move(SPOT, "61300")
        await trader.until(lambda: not stop.open)
        await trader.run.bus.dispatched()
        remains = remains_of(tmp_path / "state")
        trader.run.orchestrator.settle = nothing
    sells = exchange.misbehave("error", params={"type": "MARKET"}, count=FOREVER, **refused)
    faults.remove()
    async with trading(exchange, remains, settings=settings) as trader:
        await trader.until(lambda: len(stops(exchange, "spot")) == 1)
        (back,) = stops(exchange, "spot")
        assert (back.quantity, back.stop_price) == (stop.quantity, stop.stop_price)
        sells.remove()
        await trader.until(lambda: not trader.held)
        await trader.quiet()
        sold = [f for f in exchange.truth.fills() if f.side == "SELL"]
        assert sum(fill.quantity for fill in sold) == stop.quantity


async def test_a_stop_that_trails_is_replaced_and_a_kill_in_between_leaves_one(
    exchange: LoopbackExchange, tmp_path: Path
) -> None:
    settings = settings_for(exchange, FUTURES)
    trailing = Bracket(trailing_pct=D(3), trail_step_bps=D(50))
    async with trading(exchange, tmp_path / "state", settings=settings, market=FUTURES) as trader:
        enter(trader, trailing)
        await trader.until(lambda: stops(exchange, FUTURES))
        (first,) = stops(exchange, FUTURES)
        assert first.stop_price == pytest.approx(D("58200"), abs=30)
        deaf = exchange.misbehave(
            "error", method="DELETE", path="algoOrder", code=-1001, status=400, count=FOREVER
        )
        await trader.price("60100")  # less than a step
        await trader.price("61000")
        await trader.until(lambda: len(stops(exchange, FUTURES)) == 2)
        await trader.run.bus.dispatched()
        remains = remains_of(tmp_path / "state")
        trader.run.orchestrator.settle = nothing
    deaf.remove()
    async with trading(exchange, remains, settings=settings, market=FUTURES) as trader:
        await trader.until(lambda: len(stops(exchange, FUTURES)) == 1)
        (second,) = stops(exchange, FUTURES)
        assert second.stop_price == pytest.approx(D("59170"), abs=30)
        assert second.quantity == first.quantity == trader.held
        never_naked(exchange, FUTURES)
        exchange.move(SPOT, "59000", market=FUTURES)
        await trader.until(lambda: not trader.held)


async def test_a_stop_that_takes_long_to_rest_is_a_critical_alert(
    exchange: LoopbackExchange, tmp_path: Path
) -> None:
    settings = settings_for(exchange, FUTURES)
    (at,) = settings.exchanges
    settings = replace(settings, exchanges=(replace(at, timeout_seconds=5),))
    async with trading(exchange, tmp_path, settings=settings, market=FUTURES) as trader:
        exchange.misbehave("late", method="POST", path="algoOrder", seconds=2.6, placed=False)
        enter(trader, STOP_AND_TARGET)
        await trader.until(lambda: "stop_late" in trader.alerts())
        assert trader.alerts()["stop_late"].severity.value == "critical"
        assert not stops(exchange, FUTURES)
        await trader.until(lambda: stops(exchange, FUTURES))
        await trader.until(lambda: "stop_late" not in trader.alerts())


@pytest.mark.slow
def test_stop_and_target_outlive_a_process_that_is_killed(tmp_path: Path) -> None:
    """In the midst of it, again and again: there is never a second one of either."""
    with live_harness(tmp_path, Character.KEEN, market=FUTURES) as live:
        text = live.config.read_text()
        live.config.write_text(text + "bracket = { stop_loss_pct = 20, take_profit_pct = 20 }\n")
        for _ in range(3):
            with live.running() as run:
                live.exchange.until(lambda: stops(live.exchange, FUTURES))
                run.kill()
        with live.running() as run:
            live.exchange.until(lambda: targets(live.exchange, FUTURES))
            wait_until(lambda: live.tradectl("reconcile").code == 0, every=0.5)
            (stop,), (target,) = stops(live.exchange, FUTURES), targets(live.exchange, FUTURES)
            assert stop.quantity == target.quantity - target.filled
            run.kill()
        assert live.exchange.truth.duplicates() == []
        assert len(stops(live.exchange, FUTURES)) == len(targets(live.exchange, FUTURES)) == 1
