"""The Python API, built by hand as the documentation has it: no command line, no files, no network."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

import tradectl
import tradectl.adapters
import tradectl.events
import tradectl.monitoring
from tests.fixtures.hand_built import HandBuilt
from tradectl import (
    EventBus,
    EventPriority,
    EventType,
    ExecutionEvent,
    StateManager,
    StrategySignalEvent,
    SystemEvent,
)
from tradectl.adapters import *  # noqa: F403  # as the documentation has it
from tradectl.domain.events import OrderAccepted
from tradectl.events import SignalAction
from tradectl.monitoring import (
    Alert,
    AlertSeverity,
    ComponentHealth,
    HealthStatus,
    MetricsCollector,
)

ADAPTERS = (StrategyAdapter, RiskAdapter, ExecutionAdapter, PortfolioAdapter)  # noqa: F405


@pytest.fixture
async def system() -> AsyncIterator[HandBuilt]:
    made = HandBuilt()
    await made.start()
    yield made
    await made.stop()


# --- names --------------------------------------------------------------------------------------------


def test_every_promised_name_is_there() -> None:
    assert {
        "TradingOrchestrator", "OrchestratorConfig", "EventBus", "EventType", "StateManager",
        "MarketDataEvent", "StrategySignalEvent", "PortfolioEvent", "OrderEvent", "ExecutionEvent",
        "RiskEvent", "SystemEvent",
    } <= {*tradectl.__all__}  # fmt: skip
    assert {
        "MarketDataEvent", "StrategySignalEvent", "PortfolioEvent", "OrderEvent", "ExecutionEvent",
        "RiskEvent", "SystemEvent", "EventType", "EventPriority",
    } <= {*tradectl.events.__all__}  # fmt: skip
    assert {*tradectl.adapters.__all__} == {adapter.__name__ for adapter in ADAPTERS}
    assert {*tradectl.monitoring.__all__} >= {
        "SystemMonitor", "AlertManager", "MetricsCollector", "ComponentHealth", "HealthStatus",
        "Alert", "AlertSeverity",
    }  # fmt: skip
    for module in (tradectl, tradectl.events, tradectl.adapters, tradectl.monitoring):
        assert all(hasattr(module, name) for name in module.__all__)
    with pytest.raises(AttributeError, match="no attribute 'InvalidResponse'"):
        _ = tradectl.InvalidResponse
    with pytest.raises(AttributeError, match="no attribute 'InvalidResponse'"):
        _ = tradectl.monitoring.InvalidResponse


def test_the_seven_families_and_the_priorities() -> None:
    assert [family.name for family in EventType] == [
        "MARKET_DATA", "STRATEGY_SIGNAL", "PORTFOLIO", "ORDER", "EXECUTION", "RISK", "SYSTEM",
    ]  # fmt: skip
    assert EventPriority.EMERGENCY < EventPriority.COMMAND < EventPriority.MARKET_DATA


# --- from a price to a fill ---------------------------------------------------------------------------


@pytest.mark.parametrize("orchestrator_first", [True, False])
async def test_a_rising_price_ends_in_a_fill_in_the_state(orchestrator_first: bool) -> None:
    system = HandBuilt()
    await system.start(orchestrator_first=orchestrator_first)
    await system.feed(range(60_000, 60_060))
    portfolio = await system.state.get_portfolio_state()
    state = await system.state.get_system_state()
    await system.stop()
    (fill,) = system.fills()
    (position,) = state["positions"]
    assert (position["symbol"], position["side"]) == ("BTCUSDT", "long")
    assert Decimal(position["size"]) == fill.quantity > 0
    assert Decimal(portfolio["cash"]) == 100_000 - fill.quantity * fill.price - fill.fee
    assert (state["halt"], state["open_orders"]) == (None, [])


async def test_every_family_is_heard_by_plain_and_by_async_functions(system: HandBuilt) -> None:
    plain: list[EventType] = []
    awaited: list[EventType] = []

    async def hears(event: Any) -> None:
        await asyncio.sleep(0)
        awaited.append(event.event_type)

    def notes(event: Any) -> None:
        plain.append(event.event_type)

    for family in EventType:
        system.bus.subscribe(family, notes)
        system.bus.subscribe(family, hears)
    await system.feed(range(60_000, 60_060))
    await system.bus.publish(SystemEvent(kind="hello"))
    await system.bus.join()
    assert {*plain} == {*awaited} == {*EventType}
    system.bus.unsubscribe(EventType.MARKET_DATA, notes)
    before = len(plain)
    await system.feed(range(60_060, 60_061))
    assert len(plain) == before


async def test_a_signal_of_ones_own_is_traded_like_any_other(system: HandBuilt) -> None:
    await system.feed(range(60_000, 60_003))
    assert system.fills() == []
    await system.bus.publish(
        StrategySignalEvent(
            source_component="mine", symbol="BTCUSDT", action=SignalAction.BUY, strategy="mine"
        )
    )
    await system.bus.join()
    assert len(system.fills()) == 1


# --- the orchestrator ---------------------------------------------------------------------------------


async def test_components_report_for_themselves(system: HandBuilt) -> None:
    orchestrator = system.orchestrator
    orchestrator.register_component("my-feed")
    assert orchestrator.get_system_status()["components"]["my-feed"]["status"] == "REGISTERED"
    orchestrator.update_component_status("my-feed", "RUNNING")
    status = orchestrator.get_system_status()
    assert status["state"] == "RUNNING"
    assert status["halt"] is None
    mine = status["components"]["my-feed"]
    assert (mine["status"], mine["error_count"]) == ("RUNNING", 0)
    orchestrator.update_component_status("my-feed", "FAILED", "cable out")
    await system.bus.join()
    assert orchestrator.get_system_status()["components"]["my-feed"]["error_count"] == 1
    assert [alert.message for alert in system.alerts.get_active_alerts()] == ["cable out"]


async def test_paused_it_buys_nothing_until_it_is_resumed(system: HandBuilt) -> None:
    await system.orchestrator.pause()
    assert system.orchestrator.get_system_status()["state"] == "PAUSED"
    await system.feed(range(60_000, 60_060))
    assert system.fills() == []
    await system.orchestrator.resume()
    assert system.orchestrator.get_system_status()["state"] == "RUNNING"
    await system.feed(range(60_060, 60_000, -1))
    await system.feed(range(60_000, 60_060))
    assert system.fills() != []


async def test_the_emergency_stop_is_for_good(system: HandBuilt) -> None:
    await system.orchestrator.emergency_stop("enough")
    await system.feed(range(60_000, 60_060))
    await system.orchestrator.resume()
    status = system.orchestrator.get_system_status()
    assert status["state"] == "HALTED"
    assert status["halt"]["reason"] == "enough"
    assert datetime.fromisoformat(status["halt"]["since"]).tzinfo == UTC
    assert system.fills() == []
    assert [alert.message for alert in system.alerts.get_active_alerts()] == ["enough"]


async def test_it_starts_once_and_stops_once(system: HandBuilt) -> None:
    await system.orchestrator.stop()
    await system.orchestrator.stop()
    assert system.orchestrator.get_system_status()["state"] == "STOPPED"


# --- the parts alone ----------------------------------------------------------------------------------


async def test_a_state_manager_works_on_its_own() -> None:
    state = StateManager()
    await state.start()
    await state.update_portfolio_state({"cash": Decimal("5000"), "note": "mine"})
    await state.update_position(
        "BTCUSDT",
        {"side": "long", "size": "0.1", "entry_price": "60000", "current_price": "61000"},
    )
    portfolio = await state.get_portfolio_state()
    whole = await state.get_system_state()
    await state.stop()
    assert (portfolio["cash"], portfolio["equity"], portfolio["note"]) == ("5000", "11100", "mine")
    (position,) = whole["positions"]
    assert position["unrealized_pnl"] == "100"


async def test_a_bus_works_on_its_own() -> None:
    bus = EventBus(max_queue_size=10_000)
    heard: list[ExecutionEvent] = []
    fails = [True]

    async def picky(event: ExecutionEvent) -> None:
        if fails[0]:
            raise ValueError("not now")
        heard.append(event)

    bus.subscribe(EventType.EXECUTION, picky)
    await bus.start()
    event = OrderAccepted(order_id="1", symbol="BTCUSDT")
    await bus.publish(event)
    await bus.join()
    (letter,) = bus.failed_events()
    assert (letter.record.event, letter.attempts) == (event, 3)
    assert "not now" in letter.error
    fails[0] = False
    assert bus.retry_failed() == 1
    await bus.join()
    metrics = bus.get_metrics()
    await bus.stop()
    assert heard == [event]
    assert [r.event for r in bus.history(EventType.EXECUTION)] == [event]
    assert {"published", "processed", "failed", "dropped", "queue_depth"} <= metrics.keys()
    assert (metrics["published"], metrics["processed"], metrics["dropped"]) == (1, 1, 0)


async def test_a_health_checker_of_ones_own(system: HandBuilt) -> None:
    async def check() -> ComponentHealth:
        return ComponentHealth(
            component_name="my-feed",
            status=HealthStatus.DEGRADED,
            last_heartbeat=datetime.now(UTC),
            response_time_ms=1.5,
            error_count=2,
            error_rate_pct=0.1,
            message="slow",
        )

    system.monitor.register_component_checker("my-feed", check)
    health = await system.monitor.check_component_health("my-feed")
    assert (health.status, health.message) == (HealthStatus.DEGRADED, "slow")
    assert (await system.monitor.get_system_health())["components"]["my-feed"][
        "status"
    ] == "degraded"
    assert (await system.monitor.check_component_health("x")).status is HealthStatus.UNKNOWN


async def test_alerts_reach_handlers_and_are_acknowledged_and_resolved(system: HandBuilt) -> None:
    told: list[str] = []
    reached = asyncio.Event()

    async def notify(alert: Alert) -> None:
        told.append(f"{alert.severity.value}: {alert.message}")
        reached.set()

    system.alerts.add_notification_handler(notify)
    alert = await system.alerts.create_alert("limit", "close to it", AlertSeverity.WARNING, "risk")
    async with asyncio.timeout(60):
        await reached.wait()
    assert told == ["warning: close to it"]
    assert [a.id for a in system.alerts.get_active_alerts()] == [alert.id]
    assert system.alerts.acknowledge(alert.id).status == "acknowledged"
    system.alerts.resolve(alert.id)
    assert system.alerts.get_active_alerts() == []


def test_metrics_are_counted_and_exported() -> None:
    metrics = MetricsCollector()
    metrics.inc("orders")
    metrics.gauge("depth", 3)
    metrics.observe("step", 0.001)
    assert metrics.snapshot()["counters"] == {"orders": 1}
    assert "tradectl_orders_total 1" in metrics.prometheus()
