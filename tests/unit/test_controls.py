"""The regulators' controls, each tripped; and the command that lists them.

`TRIPPED_BY` is the one table that says which test trips which control.
"""

from __future__ import annotations

import ast
import asyncio
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.fixtures.fake_account import PERP, SPOT, FakeAccount
from tests.fixtures.monitoring import Inbox
from tests.fixtures.risk_system import RiskSystem
from tests.fixtures.rows import each_row
from tradectl.bus.event_bus import EventBus
from tradectl.cli.app import app
from tradectl.config.settings import Settings
from tradectl.doctor.controls import CONTROLS, controls_of
from tradectl.domain.errors import ConfigError
from tradectl.domain.events import CancelRequested, Command, LimitBreached, OrderDenied, RiskAction
from tradectl.domain.money import Side
from tradectl.domain.orders import OrderSpec, OrderStatus, OrderType
from tradectl.domain.time import SECOND
from tradectl.monitoring.alert import Alert
from tradectl.monitoring.alert_manager import AlertManager
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.risk.engine import RiskEngine
from tradectl.risk.limits import RiskLimits

D = Decimal
BTC, PERPETUAL = SPOT.symbol, PERP.symbol
BUY, SELL = Side.BUY, Side.SELL

TRIPPED_BY = {
    1: "tests/unit/test_controls.py::test_a_price_beyond_the_collar",
    2: "tests/unit/test_controls.py::test_an_order_that_is_worth_too_much",
    3: "tests/unit/test_controls.py::test_an_order_of_too_many_coins",
    4: "tests/unit/test_controls.py::test_a_position_that_could_become_too_large",
    5: "tests/unit/test_controls.py::test_all_positions_that_could_become_too_large",
    6: "tests/unit/test_controls.py::test_an_account_below_its_threshold",
    7: "tests/unit/test_controls.py::test_an_order_that_repeats_the_last_one",
    8: "tests/unit/test_controls.py::test_the_same_thing_done_again_and_again_pauses_trading",
    9: "tests/unit/test_controls.py::test_cancels_count_as_messages",
    10: "tests/unit/test_controls.py::test_an_order_that_would_trade_with_our_own",
    11: "tests/unit/test_gate.py::"
    "test_a_latch_that_is_set_by_somebody_else_counts_for_the_very_next_send",
    12: "tests/unit/test_loopback_futures.py::test_the_dead_man_switch_cancels",
    13: "tests/unit/test_controls.py::test_data_that_is_too_old",
    14: "tests/unit/test_controls.py::test_a_person_hears_within_five_seconds_beside_a_dead_pager",
    15: "tests/unit/test_state_reconciliation.py::"
    "test_a_difference_stated_once_may_be_a_fill_under_way_twice_it_holds_the_symbol",
    16: "tests/unit/test_bus_durability.py::test_observers_hear_of_an_event_after_it_is_written",
    17: "tests/unit/test_controls.py::test_a_symbol_that_is_not_to_be_traded",
}


def account(symbol: str = PERPETUAL, held: str = "0") -> FakeAccount:
    """10,000 in cash, at a mark of 100."""
    return FakeAccount("10000").price(symbol, "100").own(symbol, held, "100")


def order(side: Side = BUY, quantity: str = "1", n: int = 0, **fields: Any) -> OrderSpec:
    symbol = fields.pop("symbol", PERPETUAL)
    return OrderSpec(f"id-{n}", symbol, side, D(quantity), **fields)


def limit(price: str, side: Side = BUY, n: int = 0, **fields: Any) -> OrderSpec:
    return order(side, n=n, type=OrderType.LIMIT, price=D(price), **fields)


def denied(engine: RiskEngine, spec: OrderSpec, view: FakeAccount, at: int = SECOND) -> str:
    """The code of the denial; empty for an order that passes."""
    judged = engine.judge(spec, view, at)
    return judged.code if isinstance(judged, OrderDenied) else ""


def engine(**limits: Any) -> RiskEngine:
    return RiskEngine(RiskLimits(**limits))


def test_a_price_beyond_the_collar() -> None:
    judge = engine(price_collar_pct=D(5))
    assert denied(judge, limit("94.99"), account()) == "PRICE_COLLAR"
    assert denied(judge, limit("95"), account()) == ""
    assert denied(judge, limit("80", SELL, 1, reduce_only=True), account(held="1")) == ""


def test_an_order_that_is_worth_too_much() -> None:
    judge = engine(max_order_notional=D(100))
    assert denied(judge, order(quantity="1.01"), account()) == "ORDER_NOTIONAL"
    assert denied(judge, order(), account()) == ""
    assert denied(judge, order(SELL, "9", n=1), account(held="9")) == ""


@each_row(
    ("table", "most"),
    [
        ({PERPETUAL: D(2)}, "2"),
        ({"*": D(3)}, "3"),
        ({PERPETUAL: D(2), "*": D(1)}, "2"),
        ({BTC: D(1)}, ""),
    ],
)
def test_an_order_of_too_many_coins(table: dict[str, Decimal], most: str) -> None:
    judge = engine(max_order_quantity=table)
    if not most:
        assert denied(judge, order(quantity="9"), account()) == ""
        return
    assert denied(judge, order(quantity=most), account()) == ""
    more = str(D(most) + D("0.001"))
    assert denied(judge, order(quantity=more, n=1), account()) == "ORDER_QUANTITY"
    assert denied(judge, order(SELL, "9", n=2), account(held="9")) == ""


def test_a_position_that_could_become_too_large() -> None:
    judge = engine(max_position_notional=D(300))
    assert denied(judge, order(), account(held="2.001")) == "POSITION_NOTIONAL"
    view = account(held="1")
    view.work(limit("99", n=9))
    assert denied(judge, order(quantity="1.001"), view) == "POSITION_NOTIONAL"
    assert denied(judge, order(), view) == ""


def test_all_positions_that_could_become_too_large() -> None:
    view = account(held="2").price(BTC, "100").own(BTC, "1")
    assert denied(engine(max_gross_notional=D(399)), order(), view) == "GROSS_EXPOSURE"
    assert denied(engine(max_gross_notional=D(400)), order(), view) == ""
    assert denied(engine(max_leverage=D("0.0399")), order(), view) == "LEVERAGE"
    assert denied(engine(max_leverage=D("0.04")), order(), view) == ""


def test_an_account_below_its_threshold() -> None:
    judge = engine(min_equity=D(10_001))
    assert denied(judge, order(), account()) == "CAPITAL"
    assert denied(engine(min_equity=D(10_000)), order(), account()) == ""
    assert denied(judge, order(SELL), account(held="1")) == ""
    spot = FakeAccount("99").price(BTC, "100")
    assert denied(engine(), order(symbol=BTC), spot) == "BALANCE"


def test_an_order_that_repeats_the_last_one() -> None:
    judge = engine(duplicate_window_ms=500)
    assert denied(judge, order(n=1), account(), SECOND) == ""
    assert denied(judge, order(n=2), account(), SECOND + SECOND // 4) == "DUPLICATE"
    assert denied(judge, order(n=1), account(), 9 * SECOND) == "DUPLICATE"
    assert denied(judge, order(n=3), account(), 2 * SECOND) == ""


# --- what is repeated -------------------------------------------------------------------------------


def test_the_same_thing_done_again_and_again_pauses_trading() -> None:
    """A strategy that runs in circles buys as often as it sells, and each of it alone is well."""
    run = RiskSystem(max_repeated_executions=3, repeated_window_seconds=60)
    for n in range(3):
        assert run.state() == "RUNNING"
        run.trade("buy", 100 + n).trade("close", 100 + n)
    (breach,) = run.limits("REPEATED_EXECUTION")
    assert (breach.action, breach.limit, breach.actual) == (RiskAction.PAUSE, "3", "3")
    assert breach.message.startswith("s had an order to buy BTCUSDT executed 3 times within 60 s")
    assert run.state() == "PAUSED"
    assert run.held() == 0, "what reduces goes on"
    run.tick(105, after=600).says("buy").tick(105)
    assert run.held() == 0, "no time ends it"
    run.command(Command.RESUME)
    assert run.state() == "RUNNING"
    run.trade("close", 105).trade("buy", 105)
    assert run.held() > 0
    assert len(run.limits("REPEATED_EXECUTION")) == 1, "a person has looked: it counts anew"
    run.replays()


def test_what_was_done_before_a_restart_counts() -> None:
    run = RiskSystem(max_repeated_executions=2)
    run.trade("buy", 100).trade("close", 100).restart().trade("buy", 100)
    assert run.state() == "PAUSED"
    run.replays()


@pytest.mark.parametrize(
    "other",
    [{"after": 61}, {"strategy": "t"}, {"symbol": "ETHUSDT"}],
    ids=["another minute", "another strategy", "another symbol"],
)
def test_what_differs_is_no_repetition(other: dict[str, Any]) -> None:
    run = RiskSystem(max_repeated_executions=2, repeated_window_seconds=60)
    run.trade("buy", 100).trade("close", 100)
    run.tick(100, after=other.pop("after", 1)).trade("buy", 100, **other)
    assert run.state() == "RUNNING"


def test_cancels_count_as_messages() -> None:
    """Four messages in a second: an entry, its cancel, another entry, its cancel. No entry more."""
    run = RiskSystem(
        max_messages_per_second=4,
        rate_window_seconds=1,
        portfolio=PortfolioSettings(order_type="limit", limit_offset_bps=D(100), replace_bps=D(1)),
    )
    run.tick(100).says("buy")
    for price in (101, 102, 103):
        run.tick(price, after=0.05).says("close", strength=0.5).says("buy")
    assert len(run.events(CancelRequested)) >= 2
    assert "MESSAGE_RATE" in run.denials()
    assert len(run.system.books.risk.messages) == 4
    run.tick(103, after=5).says("close").says("buy")
    assert run.denials()[-1] == "MESSAGE_RATE"
    assert run.system.books.working_count() == 1, "a window later entries go on"
    run.replays()


def test_messages_hold_back_no_exit_and_no_stop() -> None:
    judge = engine(max_messages_per_second=1, rate_window_seconds=1)
    view = account(held="1")
    view.risk.messages.append(SECOND)
    assert denied(judge, order(), view) == "MESSAGE_RATE"
    assert denied(judge, order(SELL, reduce_only=True), view) == ""
    stop = order(SELL, n=1, type=OrderType.STOP_MARKET, stop_price=D(95), reduce_only=True)
    assert denied(judge, stop, view) == ""
    assert denied(judge, order(n=2), view, 2 * SECOND) == ""


# --- our own orders ---------------------------------------------------------------------------------


@each_row(
    ("resting", "new", "meets"),
    [
        (limit("101", SELL, 9), limit("101", n=1), True),
        (limit("101", SELL, 9), limit("100.99", n=1), False),
        (limit("100", SELL, 9), order(BUY, n=1), True),
        (limit("100.01", SELL, 9), order(BUY, n=1), False),
        (limit("99", BUY, 9), limit("99", SELL, 1), True),
        (limit("99", BUY, 9), limit("99.01", SELL, 1), False),
        (limit("99", BUY, 9), limit("99", BUY, 1), False),
        (order(SELL, n=9, type=OrderType.STOP_MARKET, stop_price=D(99)), order(BUY, n=1), False),
    ],
    ids=[
        "at its price",
        "below it",
        "at the mark",
        "above the mark",
        "a sale",
        "above it",
        "same side",
        "a stop",
    ],
)  # fmt: skip
def test_an_order_that_would_trade_with_our_own(
    resting: OrderSpec, new: OrderSpec, meets: bool
) -> None:
    view = account()
    view.work(resting)
    assert denied(engine(), new, view) == ("SELF_MATCH" if meets else "")
    assert denied(engine(self_match_prevention=False), new, view) == ""


def test_what_is_being_cancelled_is_met_no_more_until_its_cancel_is_refused() -> None:
    view = account()
    theirs = view.work(limit("100", SELL, 9))
    theirs.status = OrderStatus.PENDING_CANCEL
    assert denied(engine(), order(n=1), view) == ""
    theirs.status = OrderStatus.ACCEPTED
    assert denied(engine(), order(n=1), view) == "SELF_MATCH"


def test_an_exit_passes_whatever_rests() -> None:
    view = account(held="1")
    view.work(limit("100", BUY, 9))
    assert denied(engine(), order(SELL, reduce_only=True, n=1), view) == ""


def test_data_that_is_too_old() -> None:
    view = account(held="1")
    view.data_times[PERPETUAL] = SECOND
    judge = engine(max_data_age_seconds=D(5))
    assert denied(judge, order(), view, 6 * SECOND) == ""
    assert denied(judge, order(n=1), view, 6 * SECOND + 1) == "STALE_DATA"
    assert denied(judge, order(SELL, n=2), view, 60 * SECOND) == ""


def test_a_symbol_that_is_not_to_be_traded() -> None:
    judge = engine(restricted_symbols=(PERPETUAL,))
    assert denied(judge, order(), account()) == "RESTRICTED_SYMBOL"
    assert denied(judge, order(SELL, n=1), account(held="1")) == ""
    assert denied(judge, order(symbol=BTC, n=2), account(BTC)) == ""


@pytest.mark.parametrize(
    ("name", "code"),
    [("{exchange}:{symbol}", "RESTRICTED_SYMBOL"), ("elsewhere:{symbol}", "")],
)
def test_a_symbol_that_is_not_to_be_traded_at_one_exchange(name: str, code: str) -> None:
    view = account()
    exchange = view.exchange_of(PERPETUAL)
    judge = engine(restricted_symbols=(name.format(exchange=exchange, symbol=PERPETUAL),))
    assert denied(judge, order(), view) == code


@pytest.fixture
def bus() -> EventBus:
    return EventBus()


async def test_a_person_hears_within_five_seconds_beside_a_dead_pager(bus: EventBus) -> None:
    async def dead(_alert: Alert) -> None:
        await asyncio.Event().wait()

    manager, inbox = AlertManager(bus), Inbox()
    await bus.start()
    await manager.start()
    manager.add_notification_handler(dead, name="pager")
    manager.add_notification_handler(inbox, name="screen")
    async with asyncio.timeout(5):
        await bus.publish(LimitBreached(code="DRAWDOWN", message="so far", action=RiskAction.HALT))
        alert = await inbox.next()
    assert (alert.severity.value, alert.message) == ("critical", "so far")
    await manager.stop()
    await bus.stop()


# --- the list ---------------------------------------------------------------------------------------


def test_each_control_has_a_test_that_trips_it() -> None:
    assert TRIPPED_BY.keys() == CONTROLS.keys() == set(range(1, 18))
    root = Path(__file__).parents[2]
    for place in TRIPPED_BY.values():
        path, name = place.split("::")
        functions = (ast.FunctionDef, ast.AsyncFunctionDef)
        tree = ast.parse((root / path).read_text())
        assert name in {node.name for node in tree.body if isinstance(node, functions)}, place


def test_each_control_shows_its_present_setting() -> None:
    risk = RiskLimits(max_order_quantity={"*": D(5)}, max_order_notional=None)
    rows = {row.number: row for row in controls_of(Settings(risk=risk)).controls}
    assert rows[3].settings == {"risk.max_order_quantity": "* 5"}
    assert rows[2].settings == {"risk.max_order_notional": "off"}
    assert [n for n, row in rows.items() if not row.on] == [2, 8, 17]
    assert all(row.does for row in rows.values())


def test_the_command_lists_them() -> None:
    shown = CliRunner().invoke(app, ["doctor", "--controls", "--json"])
    assert shown.exit_code == 0, shown.output
    assert [row["number"] for row in json.loads(shown.stdout)["controls"]] == [*range(1, 18)]
    plain = CliRunner().invoke(app, ["doctor", "--controls", "--set", "risk.min_equity=500"])
    assert "6  credit or capital threshold: risk.min_equity = 500" in plain.stdout
    assert len(plain.stdout.splitlines()) == 17


@pytest.mark.parametrize("coins", ["0", "-1", "NaN"])
def test_a_quantity_that_nothing_could_be_ordered_by_is_refused(coins: str) -> None:
    with pytest.raises(ConfigError, match=r"risk\.max_order_quantity\.\*: expected a number"):
        RiskLimits(max_order_quantity={"*": D(coins)})
