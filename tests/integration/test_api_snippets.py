"""What a user types after reading the documentation, put together from its pieces as they are printed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.fixtures.hand_built import HandBuilt, config, publish
from tests.fixtures.monitoring import StillClock, until
from tests.fixtures.rows import each_row
from tradectl import (
    EventBus,
    MarketDataEvent,
    StateManager,
    TradingOrchestrator,
)
from tradectl.adapters import ExecutionAdapter, RiskAdapter
from tradectl.bus.components import ComponentRegistry
from tradectl.domain.errors import ConfigError, UsageError
from tradectl.domain.events import CommandReceived, OrderDenied
from tradectl.domain.money import Side
from tradectl.domain.orders import OrderSpec, OrderType
from tradectl.events import EventType, OrderInitialized
from tradectl.monitoring import (
    Alert,
    AlertSeverity,
    ComponentHealth,
    HealthStatus,
)
from tradectl.risk.engine import RiskEngine
from tradectl.risk.limits import RiskLimits

ALL = ["bus", "state", "strategy", "risk", "execution", "portfolio", "alerts", "monitor"]


@pytest.fixture
async def system() -> AsyncIterator[HandBuilt]:
    made = HandBuilt(TradingOrchestrator(config()))
    await made.start()
    yield made
    await made.stop()


def resting_order(symbol: str) -> OrderSpec:
    return OrderSpec(
        f"order-{symbol}", symbol, Side.BUY, Decimal(1), OrderType.LIMIT, price=Decimal(95)
    )


# --- components ---------------------------------------------------------------------------------------


async def test_parts_built_by_hand_are_in_status_and_health(system: HandBuilt) -> None:
    components = system.orchestrator.get_system_status()["components"]
    assert {name: component["status"] for name, component in components.items()} == dict.fromkeys(
        ALL, "RUNNING"
    )
    health = await system.monitor.get_system_health()
    assert health["status"] == "healthy"
    assert {*health["components"]} == {*ALL}
    for name in ALL:
        assert (await system.monitor.check_component_health(name)).status is HealthStatus.HEALTHY
    await system.adapters[0].stop()
    assert system.orchestrator.get_system_status()["components"]["strategy"]["status"] == "STOPPED"


async def test_a_component_registered_with_the_orchestrator_is_known_to_the_monitor(
    system: HandBuilt,
) -> None:
    system.orchestrator.register_component("market_data_feed")
    health = await system.monitor.check_component_health("market_data_feed")
    assert health.status is HealthStatus.HEALTHY
    assert health.last_heartbeat is not None
    for status, expected in [
        ("RUNNING", HealthStatus.HEALTHY),
        ("DEGRADED", HealthStatus.DEGRADED),
        ("FAILED", HealthStatus.UNHEALTHY),
    ]:
        system.orchestrator.update_component_status("market_data_feed", status)
        health = await system.monitor.check_component_health("market_data_feed")
        assert health.status is expected
    assert health.error_count == 1


class BrokenEngine(RiskEngine):
    def judge(self, *args: Any) -> Any:
        raise ZeroDivisionError("no equity")


async def test_a_handler_that_fails_is_an_error_of_its_component(system: HandBuilt) -> None:
    bus, state = system.orchestrator.event_bus, system.orchestrator.state_manager
    await system.adapters[1].stop()
    system.adapters[1] = RiskAdapter(bus, state, BrokenEngine(RiskLimits()))
    await system.adapters[1].start()
    await publish(bus, "BTCUSDT", range(100, 101))
    await bus.publish(OrderInitialized(order=resting_order("BTCUSDT")))
    await bus.join()
    risk = system.orchestrator.get_system_status()["components"]["risk"]
    assert (risk["status"], risk["error_count"]) == ("RUNNING", 1)
    assert risk["message"].endswith("ZeroDivisionError: no equity")
    assert [alert.component for alert in system.alerts.get_active_alerts()] == ["risk"]


async def test_a_component_that_falls_silent_turns_unhealthy_by_itself() -> None:
    clock = StillClock()
    bus = EventBus(components=ComponentRegistry(clock))
    orchestrator = TradingOrchestrator(config(), bus=bus)
    system = HandBuilt(orchestrator)
    await system.start()
    orchestrator.update_component_status("market_data_feed", "RUNNING")
    clock.pass_seconds(121)
    health = await system.monitor.check_component_health("market_data_feed")
    assert (health.status, health.message) == (HealthStatus.UNHEALTHY, "no heartbeat for 121.0 s")
    assert (await system.monitor.check_component_health("risk")).status is HealthStatus.HEALTHY
    system.monitor.heartbeat("market_data_feed")
    health = await system.monitor.check_component_health("market_data_feed")
    assert health.status is HealthStatus.HEALTHY
    await system.stop()


async def test_a_status_that_does_not_exist_is_refused_by_name(system: HandBuilt) -> None:
    with pytest.raises(
        UsageError, match=r"unknown component status 'RUNING': expected one of .*RUN"
    ):
        system.orchestrator.update_component_status("market_data_feed", "RUNING")


async def test_a_second_start_does_nothing_and_a_pause_before_the_first_holds_after_it() -> None:
    system = HandBuilt(TradingOrchestrator(config()))
    await asyncio.wait_for(system.orchestrator.pause(), timeout=5)
    await system.start()
    await system.orchestrator.start()
    bus = system.orchestrator.event_bus
    await bus.join()
    assert system.orchestrator.get_system_status()["state"] == "PAUSED"
    assert len([r for r in bus.history() if isinstance(r.event, CommandReceived)]) == 1
    await system.stop()


# --- what a user may get wrong --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["price", "volume", "bid", "ask"])
async def test_market_data_in_binary_floats_is_refused(system: HandBuilt, name: str) -> None:
    money: dict[str, Any] = {"price": Decimal(1), "volume": Decimal(1), name: 50_000.1}
    with pytest.raises(
        TypeError, match=rf"^{name}: expected a Decimal, got 50000.1: write Decimal"
    ):
        await system.orchestrator.event_bus.publish(MarketDataEvent(symbol="BTCUSDT", **money))


async def test_what_is_no_event_and_what_is_no_kind_of_one_is_refused(system: HandBuilt) -> None:
    bus = system.orchestrator.event_bus
    with pytest.raises(TypeError, match="expected one of tradectl's events, got str"):
        await bus.publish("hello")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="expected an EventType or a class of events, got 'RISK'"):
        bus.subscribe("RISK", print)  # type: ignore[arg-type]
    await publish(bus, "BTCUSDT", range(100, 102))
    assert system.orchestrator.get_system_status()["bus"]["processed"] == 2


# --- what the config says ------------------------------------------------------------------------------


async def test_no_more_orders_work_than_the_config_allows() -> None:
    system = HandBuilt(TradingOrchestrator(config(max_concurrent_orders=1)))
    await system.start()
    bus = system.orchestrator.event_bus
    for symbol in ("BTCUSDT", "ETHUSDT"):
        await publish(bus, symbol, range(100, 101))
        await bus.publish(OrderInitialized(order=resting_order(symbol)))
        await bus.join()
    told = [record.event for record in bus.history(EventType.RISK)]
    assert [type(event).__name__ for event in told] == ["OrderApproved", "OrderDenied"]
    assert [event.code for event in told if isinstance(event, OrderDenied)] == ["WORKING_ORDERS"]
    await system.stop()


def test_without_paper_trading_and_without_an_exchange_there_is_no_trading() -> None:
    orchestrator = TradingOrchestrator(config(enable_paper_trading=False))
    with pytest.raises(ConfigError, match=r"^enable_paper_trading is false and .* no exchange"):
        ExecutionAdapter(orchestrator.event_bus, orchestrator.state_manager)


# --- the database checker ------------------------------------------------------------------------------


async def test_the_database_checker_of_the_documentation(system: HandBuilt) -> None:
    reachable = True

    async def connect() -> None:
        if not reachable:
            raise ConnectionError("no route to the database")

    async def check_database() -> ComponentHealth:
        try:
            await connect()
            return ComponentHealth(
                component_name="database",
                status=HealthStatus.HEALTHY,
                last_heartbeat=datetime.now(),  # noqa: DTZ005  # as printed
                response_time_ms=10.0,
                error_count=0,
                error_rate_pct=0.0,
                message="Database connection healthy",
            )
        except Exception as e:  # as printed
            return ComponentHealth(
                component_name="database",
                status=HealthStatus.CRITICAL,
                last_heartbeat=datetime.now(),  # noqa: DTZ005  # as printed
                response_time_ms=0.0,
                error_count=1,
                error_rate_pct=100.0,
                message=f"Database error: {e}",
            )

    system.monitor.register_component_checker("database", check_database)
    health = await system.monitor.check_component_health("database")
    assert (health.status, health.message) == (HealthStatus.HEALTHY, "Database connection healthy")
    reachable = False
    health = await system.monitor.check_component_health("database")
    assert health.status is HealthStatus.CRITICAL
    assert health.message == "Database error: no route to the database"
    assert (await system.monitor.get_system_health())["status"] == "critical"
    await until(system.alerts.get_active_alerts)
    (alert,) = system.alerts.get_active_alerts()
    assert (alert.component, alert.severity) == ("database", AlertSeverity.CRITICAL)
    reachable = True
    await until(lambda: not system.alerts.get_active_alerts())


@pytest.mark.parametrize("naive", [True, False])
def test_a_time_without_a_zone_is_utc(naive: bool) -> None:
    moment = datetime(2024, 8, 8, 23, 54, 15, tzinfo=UTC)
    health = ComponentHealth(
        "database", HealthStatus.HEALTHY, moment.replace(tzinfo=None) if naive else moment
    )
    assert health.last_heartbeat == moment
    assert health.last_heartbeat.utcoffset() == timedelta(0)


# --- alerts -------------------------------------------------------------------------------------------


async def test_alerts_of_the_documentation(
    system: HandBuilt, capsys: pytest.CaptureFixture[str]
) -> None:
    reached = asyncio.Event()

    async def notify(alert: Alert) -> None:
        print(f"ALERT [{alert.severity.value}]: {alert.message}")
        reached.set()

    system.alerts.add_notification_handler(notify)
    alert = await system.alerts.create_alert(
        alert_type="system_health",
        message="High CPU usage detected",
        severity=AlertSeverity.WARNING,
        component="system_monitor",
    )
    await asyncio.wait_for(reached.wait(), timeout=60)
    assert capsys.readouterr().out == "ALERT [warning]: High CPU usage detected\n"
    assert system.alerts.get_active_alerts() == [alert]
    system.alerts.acknowledge(alert.id)
    system.alerts.resolve(alert.id)
    assert system.alerts.get_active_alerts() == []
    assert {s.name for s in AlertSeverity} == {"INFO", "WARNING", "ERROR", "CRITICAL"}


# --- the state ------------------------------------------------------------------------------------------


async def test_a_reported_equity_stands_beside_the_computed_one() -> None:
    state = StateManager()
    await state.start()
    await state.update_portfolio_state({"equity": 123_456.0, "cash": 50_000.0, "desk": "crypto"})
    portfolio = await state.get_portfolio_state()
    assert (portfolio["equity"], portfolio["cash"]) == ("50000", "50000")
    assert portfolio["reported"]["equity"]["value"] == 123_456.0
    at = datetime.fromisoformat(portfolio["reported"]["equity"]["at"])
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=1)
    assert portfolio["desk"] == "crypto"
    await state.update_position(
        "BTCUSDT", {"side": "long", "size": 1, "entry_price": 40_000, "current_price": 41_000}
    )
    whole = await state.get_system_state()
    assert whole["portfolio"] == await state.get_portfolio_state()
    assert whole["portfolio"]["equity"] == "91000"
    await state.stop()


async def test_what_is_set_by_hand_is_no_loss_and_no_profit(system: HandBuilt) -> None:
    state = system.orchestrator.state_manager
    await state.update_portfolio_state({"cash": Decimal(5_000)})
    await state.update_position("ETHUSDT", {"side": "long", "size": 2, "entry_price": 2_000})
    await publish(system.orchestrator.event_bus, "ETHUSDT", range(2_000, 2_002))
    portfolio = await state.get_portfolio_state()
    assert (portfolio["equity"], portfolio["unrealized_pnl"]) == ("9002", "2")
    assert portfolio["drawdown_pct"] == "0"
    assert state.check() == []
    assert system.orchestrator.get_system_status()["state"] == "RUNNING"


@each_row(
    ("values", "message"),
    [
        ({"size": "lots"}, "size: expected a finite number below 1e15, got 'lots'"),
        ({"size": -1}, "size: expected 0 or more, got -1"),
        ({"size": 1, "entry_price": float("nan")}, "entry_price: expected a finite number"),
        ({"size": 1, "current_price": None}, "current_price: expected a finite number"),
    ],
)
async def test_a_position_that_cannot_be_is_refused(values: dict[str, Any], message: str) -> None:
    state = StateManager()
    with pytest.raises(UsageError, match=message):
        await state.update_position("BTCUSDT", values)
    assert await state.get_position("BTCUSDT") is None


async def test_a_portfolio_that_cannot_be_is_refused() -> None:
    state = StateManager()
    with pytest.raises(UsageError, match="cash: expected a finite number below 1e15, got 'inf'"):
        await state.update_portfolio_state({"cash": float("inf")})
    with pytest.raises(UsageError, match="note: a object cannot be shown as JSON"):
        await state.update_portfolio_state({"note": object(), "cash": 1})
    assert (await state.get_portfolio_state())["cash"] == "100000"
