"""The emergency stop of a live run, whatever its process and the exchange do. What the receipt claims is
checked against the exchange's truth, and nothing may be sent that makes a position larger after it.

A process that was killed leaves its state directory as it is: a copy of the directory of a run that goes
on is the same, and costs no process.
"""

from __future__ import annotations

import asyncio
import io
import json
import signal
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.fixtures.command import Answer, Running, journals, running, times_busier, tradectl
from tests.fixtures.documents import as_json
from tests.fixtures.live_harness import LiveHarness, live_harness
from tests.fixtures.live_trader import KEYS, QUICK, SPOT, Trader, remains_of, settings_for, trading
from tests.fixtures.run_inputs import Character, look, written
from tests.profiles import in_turn
from tradectl.control.client import ask
from tradectl.documents.operations import StopReport
from tradectl.domain.errors import JournalFailed
from tradectl.domain.states import TradingState
from tradectl.operations.emergency_stop import emergency_stop
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.replay.replay import Replay
from tradectl.runtime.in_process_reconcile import reconcile
from tradectl.storage.directory import StateDir
from tradectl.testkit import FOREVER, LoopbackExchange, loopback_thread

NOT_CONFIRMED, HALTED = 5, 6

PERPETUAL = msgspec.structs.replace(QUICK, market="perpetual", dead_man_seconds=30)
PLACING: dict[str, Any] = {"method": "POST", "path": "order"}
RESTING = ", order_type = 'limit', limit_offset_bps = 50"
PATIENT_S = 20.0
PATIENT = ("--timeout", str(PATIENT_S))
Receipt = dict[str, Any]

pytestmark = pytest.mark.usefixtures("key_environment")


@pytest.fixture
def exchange() -> Iterator[Any]:
    with loopback_thread(seed=1) as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


# --- what must hold -------------------------------------------------------------------------------


def is_safe(exchange: Any, receipt: Receipt, *, market: str = "spot") -> None:
    """No order of ours is open, no intent was accepted twice."""
    ours = [o for o in exchange.truth.open_orders(market=market) if not o.foreign]
    assert ours == []
    assert exchange.truth.duplicates() == []
    assert receipt["open_orders_left"] == []
    assert receipt["confirmed"], receipt


def stays_halted(folder: Path) -> None:
    status = look(folder).status()
    assert status.state == "HALTED"
    assert StateDir(folder).latch.read() is not None


async def finished(folder: Path) -> None:
    """The journal in which the job was finished is whole, and replays."""
    result = Replay(journals(folder)[-1]).run()
    assert (result.verified, result.clean) == (True, True), result.first_divergence


# --- a process that was killed, or has ended ------------------------------------------------------


async def killed(trader: Trader, folder: Path) -> Path:
    """What a kill -9 of the run would leave behind, now."""
    await trader.run.bus.dispatched()
    remains = remains_of(folder)
    await trader.end()
    return remains


async def stop(folder: Path, **how: Any) -> Receipt:
    asked: dict[str, Any] = {"flatten": True, "timeout": PATIENT_S, **how}
    stopped = await asyncio.to_thread(emergency_stop, StateDir(folder), "the test", **asked)
    receipt: Receipt = as_json(stopped)
    print({key: receipt.get(key) for key in ("latched_ms", "confirmed_ms", "error")})
    assert receipt["latched"]
    assert receipt["latched_ms"] < 1000 * times_busier()
    assert receipt["method"] == "direct"
    return receipt


async def test_killed_with_a_position_and_resting_orders_on_spot(
    exchange: Any, folder: Path
) -> None:
    """What was there before is not ours, and what is too small to be sold is told."""
    exchange.outside_trade("main", SPOT, "BUY", "0.5")
    async with trading(exchange, folder) as trader:
        await trader.orders_done(trader.buy("0.12345"))
        resting = trader.buy("0.1", "59900")
        await trader.in_status(resting, "accepted")
        remains = await killed(trader, folder)
    receipt = await stop(remains)
    is_safe(exchange, receipt)
    assert receipt["cancelled"] == [resting]
    assert (receipt["closed"], receipt["dust"]) == ([SPOT], [SPOT])
    assert receipt["positions_left"] == []
    assert receipt["confirmed_ms"] < 5000 * times_busier()
    assert Decimal("0.4995") <= exchange.balance("BTC") < Decimal("0.49951")
    await finished(remains)
    stays_halted(remains)


async def test_killed_without_flatten_the_position_stays_and_is_named(
    exchange: Any, folder: Path
) -> None:
    async with trading(exchange, folder) as trader:
        await trader.orders_done(trader.buy("0.1"))
        remains = await killed(trader, folder)
    receipt = await stop(remains, flatten=False)
    is_safe(exchange, receipt)
    assert (receipt["closed"], receipt["positions_left"]) == ([], [SPOT])
    assert exchange.balance("BTC") == Decimal("0.0999")
    second = await stop(remains)
    is_safe(exchange, second)
    assert second["closed"] == [SPOT]
    third = await stop(remains)
    is_safe(exchange, third)
    assert (third["closed"], third["cancelled"]) == ([], [])
    await finished(remains)
    stays_halted(remains)


async def test_where_nothing_can_be_journalled_entries_are_cancelled_and_protection_stays(
    exchange: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not done, and not said to be."""
    portfolio = PortfolioSettings(stop_loss_pct=Decimal(3))
    settings = settings_for(exchange, market="futures", portfolio=portfolio)
    async with trading(exchange, folder, settings=settings, market="futures") as trader:
        await trader.orders_done(trader.buy("0.1"))
        await trader.until(lambda: resting_types(exchange) == ["STOP_MARKET"])
        await trader.in_status(trader.buy("0.1", "59900"), "accepted")
        remains = await killed(trader, folder)

    def refused(path: Path, *_: Any, **__: Any) -> None:
        raise JournalFailed(f"cannot create the journal {path}: No space left on device")

    with monkeypatch.context() as full:
        full.setattr("tradectl.runtime.session.FileEventLog", refused)
        receipt = await stop(remains)
    assert not receipt["confirmed"]
    assert "No space left on device" in receipt["error"]
    assert receipt["positions_left"] == [SPOT]
    assert exchange.position(SPOT) == Decimal("0.1")
    assert resting_types(exchange) == ["STOP_MARKET"]
    is_safe(exchange, await stop(remains), market="futures")
    assert exchange.position(SPOT) == 0


def resting_types(exchange: Any) -> list[str]:
    return [o.type for o in exchange.truth.open_orders(market="futures") if not o.foreign]


@pytest.mark.parametrize("side", in_turn(["long", "short"], 2))
async def test_killed_on_futures_it_closes_by_reduce_only(
    side: str, exchange: Any, folder: Path
) -> None:
    settings = settings_for(exchange, at=PERPETUAL)
    async with trading(exchange, folder, settings=settings, market="futures") as trader:
        opened = trader.buy("0.1") if side == "long" else trader.sell("0.1")
        await trader.orders_done(opened)
        resting = trader.buy("0.1", "59900")
        await trader.in_status(resting, "accepted")
        remains = await killed(trader, folder)
    before = len(exchange.truth.ours())
    armed = len(exchange.truth.entries("dead-man-armed"))
    receipt = await stop(remains)
    is_safe(exchange, receipt, market="futures")
    assert exchange.position(SPOT) == 0
    closing = exchange.truth.ours()[before:]
    assert [order.reduce_only for order in closing] == [True]
    switched = [entry.detail["ms"] for entry in exchange.truth.entries("dead-man-armed")]
    assert switched[-1] == 0, "the run had ended by itself"
    assert len(switched) == armed, "the stop leaves the dead-man switch as it is"
    assert (receipt["closed"], receipt["cancelled"]) == ([SPOT], [resting])
    await finished(remains)


async def test_fills_that_nobody_had_heard_of_are_closed_as_well(
    exchange: Any, folder: Path
) -> None:
    async with trading(exchange, folder) as trader:
        resting = trader.buy("0.1", "59900")
        await trader.in_status(resting, "accepted")
        remains = await killed(trader, folder)
    exchange.print_trade(SPOT, "59900", "0.06")
    assert exchange.balance("BTC") > 0
    receipt = await stop(remains)
    is_safe(exchange, receipt)
    assert exchange.balance("BTC") < Decimal("0.00001")
    assert receipt["positions_left"] == []
    await finished(remains)


async def test_a_fill_that_races_the_cancel_is_closed_as_well(exchange: Any, folder: Path) -> None:
    settings = settings_for(exchange, at=PERPETUAL)
    async with trading(exchange, folder, settings=settings, market="futures") as trader:
        resting = trader.buy("0.1", "59900")
        await trader.in_status(resting, "accepted")
        remains = await killed(trader, folder)
    exchange.misbehave("fill-before-cancel", fraction="0.5")
    receipt = await stop(remains)
    is_safe(exchange, receipt, market="futures")
    assert exchange.position(SPOT) == 0
    await finished(remains)


@pytest.mark.slow
@pytest.mark.parametrize("there", [True, False], ids=["accepted", "lost"])
async def test_an_order_of_unknown_fate_is_cancelled_or_named(
    there: bool, exchange: Any, folder: Path
) -> None:
    settings = settings_for(exchange, at=msgspec.structs.replace(QUICK, not_found_seconds=60))
    async with trading(exchange, folder, settings=settings) as trader:
        exchange.misbehave("drop", stream="user", count=FOREVER)
        exchange.misbehave("reset", method="GET", path="order", count=FOREVER)
        exchange.misbehave("reset", method="GET", path="openOrders", count=FOREVER)
        exchange.misbehave("reset", placed=there, **PLACING)
        order = trader.buy("0.1", "59900")
        await trader.in_status(order, "unknown")
        client_id = trader.client_id(order)
        remains = await killed(trader, folder)
    exchange.behave()
    receipt = await stop(remains, timeout=PATIENT_S if there else 3.0)
    assert [o for o in exchange.truth.open_orders() if not o.foreign] == []
    assert exchange.truth.accepted(client_id) == int(there)
    if there:
        is_safe(exchange, receipt)
        assert receipt["cancelled"] == [order]
    else:
        assert not receipt["confirmed"]
        assert receipt["open_orders_left"] == [order]
    await finished(remains)
    stays_halted(remains)


async def test_with_an_order_of_unknown_fate_cash_is_compared_as_it_is_now(
    exchange: Any, folder: Path
) -> None:
    settings = settings_for(exchange, at=msgspec.structs.replace(QUICK, not_found_seconds=60))
    async with trading(exchange, folder, settings=settings) as trader:
        await trader.orders_done(trader.buy("0.1"))
        await trader.quiet()
        exchange.misbehave("reset", placed=False, **PLACING)
        await trader.in_status(trader.buy("0.1", "59900"), "unknown")
        remains = await killed(trader, folder)
    exchange.behave()
    assert (await stop(remains, timeout=2.0))["closed"] == [SPOT]
    found = await asyncio.to_thread(reconcile, StateDir(remains))
    assert not found.clean, "the order is not known to be gone"
    assert found.cash.at_exchange == found.cash.journal


@pytest.mark.parametrize("how", in_turn(["refuses", "is silent", "is broken"], 3))
async def test_with_the_exchange_down_it_latches_and_names_what_is_not_confirmed(
    how: str, exchange: Any, folder: Path
) -> None:
    async with trading(exchange, folder) as trader:
        await trader.orders_done(trader.buy("0.1"))
        resting = trader.buy("0.1", "59900")
        await trader.in_status(resting, "accepted")
        remains = await killed(trader, folder)
    fault = {"refuses": "reset", "is silent": "no-reply", "is broken": "503"}[how]
    exchange.misbehave(fault, count=FOREVER)
    started = time.monotonic()
    receipt = await stop(remains, timeout=2.0)
    assert time.monotonic() - started < 5.0 * times_busier()
    assert not receipt["confirmed"]
    assert receipt["error"]
    assert (receipt["open_orders_left"], receipt["positions_left"]) == ([resting], [SPOT])
    stays_halted(remains)
    exchange.behave()
    again = await stop(remains)
    is_safe(exchange, again)
    assert again["cancelled"] == [resting]
    stays_halted(remains)


async def test_all_cancels_the_orders_of_others_too_and_else_they_stay(
    exchange: Any, folder: Path
) -> None:
    exchange.outside_order("main", SPOT, "BUY", "0.1", "50000", client_order_id="web-1")
    exchange.outside_order("main", "ETHUSDT", "BUY", "1", "2000", client_order_id="web-2")
    async with trading(exchange, folder) as trader:
        remains = await killed(trader, folder)
    receipt = await stop(remains)
    is_safe(exchange, receipt)
    assert len(exchange.truth.open_orders()) == 2
    receipt = await stop(remains, everything=True)
    assert receipt["confirmed"]
    assert {*receipt["cancelled"]} == {"web-1", "web-2"}
    assert exchange.truth.open_orders() == []


async def test_without_keys_it_latches_and_says_what_it_lacks(
    exchange: Any, folder: Path, typed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a terminal in which they are not set. The command ends as it says it does."""
    for name, text in KEYS.items():
        monkeypatch.setenv(name, text)
    async with trading(exchange, folder) as trader:
        resting = trader.buy("0.1", "59900")
        await trader.in_status(resting, "accepted")
        remains = await killed(trader, folder)
    for name in KEYS:
        monkeypatch.delenv(name)
    words = f"emergency-stop --json --state-dir {remains}"
    answer = await asyncio.to_thread(typed, words)
    receipt = json.loads(answer.out)
    assert answer.code == NOT_CONFIRMED
    assert receipt["open_orders_left"] == [resting]
    assert "TRADECTL_BINANCE_API_KEY" in receipt["error"]
    stays_halted(remains)
    answer = await asyncio.to_thread(typed, words, **KEYS)
    assert answer.code == 0
    is_safe(exchange, json.loads(answer.out))


# --- a process that answers ------------------------------------------------------------------------


async def by_the_socket(trader: Trader, *, flatten: bool = True, within: float = 60.0) -> Receipt:
    """What the run answers to the command, its latch set as the command sets it."""
    trader.run.state_dir.latch.set(
        "the test", TradingState.FLATTENING if flatten else TradingState.HALTED
    )
    report = await asyncio.to_thread(
        ask, trader.run.state_dir.socket, "emergency_stop", StopReport,
        timeout=within, reason="the test", flatten=flatten,
    )  # fmt: skip
    receipt: Receipt = as_json(report)
    return receipt


async def answered(trader: Trader, *, within: float) -> Receipt:
    """The same, asked of it on its own loop."""
    trader.run.state_dir.latch.set("the test", TradingState.FLATTENING)
    deadline = trader.run.bus.clock.monotonic() + within
    handlers = trader.run._handlers()
    told = await handlers.emergency_stop("the test", flatten=True, deadline=deadline)
    receipt: Receipt = as_json(told)
    return receipt


@pytest.mark.parametrize("market", ["spot", "futures"])
async def test_a_run_stops_itself_and_ends_only_when_the_exchange_has_confirmed(
    market: str, exchange: Any, folder: Path
) -> None:
    settings = settings_for(exchange, market=market)
    exchange.misbehave("late", path="openOrders", seconds=0.1, count=FOREVER)
    async with trading(exchange, folder, settings=settings, market=market) as trader:
        await trader.orders_done(trader.buy("0.1"))
        resting = trader.buy("0.1", "59900")
        await trader.in_status(resting, "accepted")
        receipt = await by_the_socket(trader)
        is_safe(exchange, receipt, market=market)
        assert (receipt["closed"], receipt["cancelled"]) == ([SPOT], [resting])
        summary = await trader.task
        assert (summary.reason, summary.exit_code) == ("halted", HALTED)
    assert trader.true_position < Decimal("0.00001")
    stays_halted(folder)


@pytest.mark.virtual_time
async def test_a_run_names_what_it_cannot_find_out_and_ends(folder: Path) -> None:
    at = msgspec.structs.replace(QUICK, not_found_seconds=60)
    async with (
        LoopbackExchange(seed=1) as exchange,
        trading(exchange, folder, settings=settings_for(exchange, at=at)) as trader,
    ):
        exchange.misbehave("reset", placed=False, **PLACING)
        order = trader.buy("0.1", "59900")
        await trader.in_status(order, "unknown")
        receipt = await answered(trader, within=4.5)
        assert not receipt["confirmed"]
        assert receipt["open_orders_left"] == [order]
        assert (await trader.task).exit_code == HALTED
        assert exchange.truth.ours() == []
    stays_halted(folder)


@pytest.mark.slow
async def test_what_a_live_run_left_is_cancelled_though_a_paper_run_is_what_is_stopped(
    exchange: Any, folder: Path, tmp_path: Path
) -> None:
    async with trading(exchange, folder) as trader:
        resting = trader.buy("0.1", "59900")
        await trader.in_status(resting, "accepted")
    with running(folder, "-c", written(tmp_path, Character.KEEN)) as run:
        run.line(" FILL ")
        words = ("emergency-stop", "--json", *PATIENT)
        told: dict[str, Any] = dict(KEYS)
        answer = await asyncio.to_thread(tradectl, folder, *words, live=True, **told)
    receipt = answer.document()
    assert receipt["method"] == "control"
    assert receipt["cancelled"] == [resting]
    is_safe(exchange, receipt)


# --- real processes -------------------------------------------------------------------------------


def stopped(live: LiveHarness, *words: str, flatten: bool = True) -> tuple[Answer, Receipt]:
    """`emergency-stop`, within the promised times; a machine busy with other things has longer."""
    flags = ["--flatten"] if flatten else []
    answer = live.tradectl("emergency-stop", "--json", *flags, *words)
    receipt: Receipt = json.loads(answer.out)
    print({key: receipt[key] for key in ("latched_ms", "confirmed_ms", "method")})
    busy = times_busier()
    assert receipt["latched"]
    assert receipt["latched_ms"] < 1000 * busy
    assert receipt["confirmed_ms"] < 5000 * busy
    return answer, receipt


@pytest.mark.slow
def test_a_stopped_process_is_ended_and_its_orders_are_cancelled_by_a_connection_of_its_own(
    tmp_path: Path,
) -> None:
    with live_harness(tmp_path, Character.KEEN, portfolio=RESTING) as live:
        with live.running() as run:
            run.line("ORDER approved")
            live.exchange.until(live.exchange.truth.open_orders)
            run.send(signal.SIGSTOP)
            answer, receipt = stopped(live, *PATIENT)
            assert run.end().code == -signal.SIGKILL
        assert (answer.code, receipt["method"]) == (0, "direct")
        assert len(receipt["cancelled"]) == 1
        is_safe(live.exchange, receipt)
        assert live.replayed().verified
        refused = live.tradectl("run", "--live", "--yes", "--headless", "-c", live.config)
        assert refused.code == HALTED
        second, again = stopped(live, *PATIENT)
        assert (second.code, again["cancelled"]) == (0, [])


@pytest.mark.slow
def test_through_the_socket_a_future_is_closed_by_reduce_only_and_the_run_ends(
    tmp_path: Path,
) -> None:
    with live_harness(tmp_path, Character.BEARISH, market="futures", dead_man=5) as live:
        with live.running() as run:
            run.line(" FILL ")
            answer, receipt = stopped(live, *PATIENT)
            ended = run.end()
        assert (answer.code, receipt["method"]) == (0, "control")
        assert ended.code == HALTED
        is_safe(live.exchange, receipt, market="futures")
        assert live.position == 0
        assert [o.reduce_only for o in live.exchange.truth.ours()] == [False, True]
        assert live.exchange.truth.entries("dead-man-armed")[-1].detail["ms"] > 0
        assert live.replayed().verified


@pytest.mark.slow
def test_a_strategy_that_hangs_is_no_obstacle(tmp_path: Path) -> None:
    with live_harness(tmp_path, Character.SLEEPS, parameters="{ nap = 60.0 }") as live:
        with live.running() as run:
            run.line("asleep")
            answer, receipt = stopped(live)
            assert run.end().code == -signal.SIGKILL
        assert (answer.code, receipt["method"]) == (0, "direct")
        is_safe(live.exchange, receipt)
        assert live.position < Decimal("0.00001")


@pytest.mark.slow
def test_while_it_is_only_starting_nothing_is_ever_sent(tmp_path: Path) -> None:
    with live_harness(tmp_path, Character.KEEN, timeout=30) as live:
        live.exchange.start_walking(50)
        live.exchange.misbehave("late", path="exchangeInfo", seconds=30)
        words = ("--live", "--yes", "-c", live.config)
        credentials: dict[str, Any] = dict(live.env)
        with Running(live.folder, *words, live=True, **credentials) as run:
            live.exchange.until(lambda: live.exchange.truth.requests("GET", "exchangeInfo"))
            answer, receipt = stopped(live)
            assert run.end().code == -signal.SIGKILL
        assert (answer.code, receipt["confirmed"]) == (0, True)
        assert live.exchange.truth.ours() == []


def test_all_stops_ours_at_once_and_leaves_the_others_where_nobody_can_be_asked(
    folder: Path, typed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    answer = typed(f"emergency-stop --all --state-dir {folder}")
    assert answer.code == 0
    assert "the orders of others were left alone: add --yes" in answer.err
    assert StateDir(folder).latch.read() is not None


def test_a_live_account_with_something_open_is_not_forgotten(tmp_path: Path) -> None:
    with live_harness(tmp_path, Character.KEEN) as live:
        with live.running() as run:
            run.line(" FILL ")
            run.kill()
        words = ("run", "--live", "--yes", "--headless", "--fresh", "-c", live.config)
        answer = live.tradectl(*words)
        assert answer.code == 2
        assert "--fresh would forget what the live account has open in BTCUSDT" in answer.err
        assert live.tradectl("emergency-stop", "--flatten", "--timeout", "20").code == 0
        cleared = live.tradectl("clear-halt", "--confirm", "--json").document()
        assert cleared["open_orders"] == []
        assert live.tradectl("status", "--json").document()["mode"] == "live"
