"""Halts at a real exchange: what protects a position rests there after each of them."""

from __future__ import annotations

import asyncio
import errno
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec
import pytest

from tests.fixtures.documents import as_json
from tests.fixtures.live_trader import QUICK, SPOT, Trader, protected, settings_for, trading
from tests.profiles import in_turn
from tradectl.domain.errors import Halted, JournalFailed
from tradectl.domain.events import LimitBreached, RiskAction, TradingConcluded
from tradectl.domain.orders import OrderType
from tradectl.domain.states import TradingState
from tradectl.exchange.base import Proof
from tradectl.runtime.in_process_stop import Stop, stop_session
from tradectl.storage.directory import StateDir
from tradectl.storage.latch import HaltLatch
from tradectl.testkit import LoopbackExchange
from tradectl.testkit.orders import STOPS, Order

D = Decimal
MARKETS = ("spot", "futures")
EVERYTHING, DROPPED = Stop(flatten=True, everything=True), Stop(drop_protection=True)
TAKING_OFF = [
    (EVERYTHING, "spot"), (EVERYTHING, "futures"), (DROPPED, "futures"), (DROPPED, "spot"),
]  # fmt: skip
FOREVER = -1

pytestmark = pytest.mark.usefixtures("key_environment")


def open_there(exchange: LoopbackExchange, market: str) -> list[Order]:
    return [o for o in exchange.truth.open_orders(market=market) if not o.foreign]


async def with_a_stop(trader: Trader) -> Order:
    await trader.orders_done(trader.buy("0.02"))
    await trader.until(lambda: open_there(trader.exchange, trader.market))
    (stop,) = open_there(trader.exchange, trader.market)
    assert stop.type in STOPS
    await trader.until(lambda: [o.status.value for o in working(trader)] == ["accepted"])
    return stop


def working(trader: Trader) -> list[Any]:
    return list(trader.run.books.working_orders())


def breach(action: RiskAction) -> LimitBreached:
    return LimitBreached(source_component="test", code="DRAWDOWN", message="down", action=action)


async def stopped(trader: Trader, stop: Stop, seconds: float = 5.0) -> Any:
    deadline = trader.run.bus.clock.monotonic() + seconds
    told = as_json(await stop_session(trader.run, "the test", stop, deadline))
    trader.run.end("halted")
    return told


@pytest.mark.parametrize("market", MARKETS)
async def test_reducing_entries_go_the_stop_stays_and_exits_pass(
    market: str, exchange: LoopbackExchange, tmp_path: Path
) -> None:
    settings = protected(exchange, market)
    async with trading(exchange, tmp_path, settings=settings, market=market) as trader:
        stop = await with_a_stop(trader)
        entry = trader.buy("0.01", "59000")
        await trader.in_status(entry, "accepted")
        trader.run.bus.post(breach(RiskAction.REDUCE))
        await trader.in_status(entry, "canceled")
        assert open_there(exchange, market) == [stop]
        assert StateDir(tmp_path).latch.state() is TradingState.REDUCING
        late = trader.buy("0.01")
        await trader.until(lambda: trader.denied(late))
        assert trader.denied(late) == "REDUCING"
        if market == "futures":  # on spot the stop has the coins
            await trader.orders_done(trader.sell("0.02", reduce_only=True))
            summary = await trader.task
            assert (summary.exit_code, summary.reason) == (6, "halted")
            assert trader.events(TradingConcluded)
            assert not open_there(exchange, market)


@pytest.mark.parametrize("market", MARKETS)
async def test_flattening_closes_and_takes_the_stop_along(
    market: str, exchange: LoopbackExchange, tmp_path: Path
) -> None:
    settings = protected(exchange, market)
    async with trading(exchange, tmp_path, settings=settings, market=market) as trader:
        await with_a_stop(trader)
        trader.run.bus.post(breach(RiskAction.FLATTEN))
        summary = await trader.task
        assert summary.exit_code == 6
        assert not open_there(exchange, market)
        assert abs(trader.true_position) < D("0.0001")
    assert StateDir(tmp_path).latch.state() is TradingState.HALTED


@pytest.mark.parametrize("market", MARKETS)
async def test_an_emergency_stop_names_the_stop_that_stays(
    market: str, exchange: LoopbackExchange, tmp_path: Path
) -> None:
    settings = protected(exchange, market)
    async with trading(exchange, tmp_path, settings=settings, market=market) as trader:
        stop = await with_a_stop(trader)
        entry = trader.buy("0.01", "59000")
        await trader.in_status(entry, "accepted")
        told = await stopped(trader, Stop())
        assert (told["confirmed"], told["open_orders_left"]) == (True, [])
        assert told["cancelled"] == [entry]
        (protection,) = told["protection"]
        assert trader.client_id(protection["order_id"]) == stop.client_id
        assert (D(protection["quantity"]), told["unprotected"]) == (stop.quantity, [])
        assert open_there(exchange, market) == [stop]


@pytest.mark.parametrize("market", MARKETS)
async def test_an_emergency_stop_may_drop_it(
    market: str, exchange: LoopbackExchange, tmp_path: Path
) -> None:
    settings = protected(exchange, market)
    async with trading(exchange, tmp_path, settings=settings, market=market) as trader:
        await with_a_stop(trader)
        told = await stopped(trader, Stop(drop_protection=True))
        assert (told["confirmed"], told["protection"]) == (True, [])
        assert told["unprotected"] == [SPOT]
        assert not open_there(exchange, market)


@pytest.mark.virtual_time
async def test_a_run_does_not_end_while_an_emergency_stop_is_under_way(
    exchange: LoopbackExchange, tmp_path: Path
) -> None:
    """It is halted at once, and has nothing left to do but to answer."""
    settings = protected(exchange, "spot")
    async with trading(exchange, tmp_path, settings=settings) as trader:
        stop = await with_a_stop(trader)
        exchange.misbehave("late", method="GET", path="account", seconds=0.3, count=3)
        told = await stopped(trader, Stop())
        assert told["confirmed"], told
        assert open_there(exchange, "spot") == [stop]


@pytest.mark.virtual_time
@pytest.mark.parametrize(("patience", "closed"), [(5.0, False), (12.0, True)])
async def test_a_run_takes_as_long_for_an_emergency_stop_as_its_asker_waits(
    patience: float, closed: bool, exchange: LoopbackExchange, tmp_path: Path
) -> None:
    """The exchange takes six seconds to sell; who waits for five is told in time that it is not done."""
    settings = protected(exchange, "spot", timeout_seconds=9.0)
    async with trading(exchange, tmp_path, settings=settings) as trader:
        await with_a_stop(trader)
        exchange.misbehave(
            "late", method="POST", path="*rder", params={"type": "MARKET", "side": "SELL"},
            placed=False, seconds=6.0,
        )  # fmt: skip
        clock = trader.run.bus.clock
        deadline = clock.monotonic() + patience
        handlers = trader.run._handlers()
        told = await handlers.emergency_stop("the test", flatten=True, deadline=deadline)
        assert clock.monotonic() < deadline
        assert told.confirmed is closed, told


@pytest.mark.parametrize("market", MARKETS)
async def test_a_halt_that_can_be_latched_nowhere_holds_and_is_refused_after_a_kill(
    market: str, exchange: LoopbackExchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_path: Path, _halt: Any) -> None:
        raise OSError(errno.EROFS, "read-only")

    settings = protected(exchange, market)
    async with trading(exchange, tmp_path / "s", settings=settings, market=market) as trader:
        stop = await with_a_stop(trader)
        with monkeypatch.context() as broken:
            broken.setattr(HaltLatch, "_write", staticmethod(fails))
            told = as_json(
                await stop_session(trader.run, "the test", Stop(), trader.run.bus.clock.monotonic())
            )
        assert (told["open_orders_left"], told["unprotected"]) == ([], [])
        assert open_there(exchange, market) == [stop]
        assert trader.run.books.trading_state is TradingState.HALTED
        assert trader.run.latch.state() is TradingState.HALTED
        ignored = shutil.ignore_patterns("*.sock", "halt")
        remains = shutil.copytree(tmp_path / "s", tmp_path / "remains", ignore=ignored)
    with pytest.raises(Halted, match="the test"):
        async with trading(exchange, remains, settings=settings, market=market):
            pass
    assert StateDir(remains).latch.state() is TradingState.HALTED
    assert stop.open


@pytest.mark.virtual_time
@pytest.mark.parametrize(("taking_off", "market"), in_turn(TAKING_OFF, 2))
async def test_a_stop_beside_one_that_takes_protection_off_does_not_name_it(
    taking_off: Stop, market: str, exchange: LoopbackExchange, tmp_path: Path
) -> None:
    """It waits for what the other one is about to do, once the order of somebody else is gone."""
    settings = protected(exchange, market)
    async with trading(exchange, tmp_path, settings=settings, market=market) as trader:
        await with_a_stop(trader)
        exchange.outside_order("main", SPOT, "BUY", D("0.01"), D(59000), market=market)
        exchange.misbehave("late", method="DELETE", path="*rder", seconds=0.3, count=1)
        other = asyncio.ensure_future(stopped(trader, taking_off))
        await asyncio.sleep(0)  # it has begun
        told = await stopped(trader, Stop())
        assert (told["confirmed"], told["protection"]) == (True, [])
        assert told["unprotected"] == ([] if taking_off.flatten else [SPOT])
        assert not open_there(exchange, market)
        assert (await other)["confirmed"]


@pytest.mark.virtual_time
@pytest.mark.parametrize(
    ("seconds", "market"),
    in_turn([(5.0, "spot"), (5.0, "futures"), (0.0, "futures"), (0.0, "spot")], 2),
)
async def test_what_changes_while_a_receipt_is_written_down_is_asked_for_again(
    seconds: float, market: str, exchange: LoopbackExchange, tmp_path: Path
) -> None:
    """The owner cancels the stop that was proven; it is placed again, or there is no time for that."""
    settings = protected(exchange, market)
    async with trading(exchange, tmp_path, settings=settings, market=market) as trader:
        stop = await with_a_stop(trader)
        bus, gateway = trader.run.bus, trader.run.gateway
        written, proof, proofs = bus.written, gateway.proof, [0]

        async def proving(**how: Any) -> list[Proof]:
            proofs[0] += 1
            return await proof(**how)

        async def writing() -> None:
            if proofs[0] and stop.open:
                exchange.engines[market].expire(stop)
                await trader.until(lambda: not [o for o in working(trader) if is_(o)])
            await written()

        def is_(order: Any) -> bool:
            return trader.client_id(order.spec.order_id) == stop.client_id

        with mock.patch.multiple(bus, written=writing), mock.patch.multiple(gateway, proof=proving):
            told = await stopped(trader, Stop(), seconds)
        there = {o.client_id for o in open_there(exchange, market)}
        named = {trader.client_id(s["order_id"]) for s in told["protection"]}
        assert told["confirmed"] == bool(seconds)
        assert stop.client_id not in named
        assert proofs[0] > 1 if seconds else proofs[0] == 1
        if seconds:
            assert (named, len(there), told["unprotected"]) == (there, 1, [])


@pytest.mark.virtual_time
@pytest.mark.parametrize("market", MARKETS)
async def test_what_cannot_be_closed_in_time_has_its_stop_in_the_receipt(
    market: str, exchange: LoopbackExchange, tmp_path: Path
) -> None:
    """Every sale is refused: on spot the stop that made room for it is there again."""
    settings = protected(exchange, market)
    async with trading(exchange, tmp_path, settings=settings, market=market) as trader:
        await with_a_stop(trader)
        exchange.misbehave(
            "error", method="POST", path="*rder", params={"type": "MARKET", "side": "SELL"},
            placed=False, code=-2010, status=400, count=FOREVER,
        )  # fmt: skip
        told = await stopped(trader, Stop(flatten=True), seconds=4.0)
        assert not told["confirmed"]
        assert told["positions_left"] == [SPOT]
        assert told["unprotected"] == []
        (stop,) = open_there(exchange, market)
        (protection,) = told["protection"]
        assert trader.client_id(protection["order_id"]) == stop.client_id
        assert trader.run.books.trading_state is TradingState.HALTED


@pytest.mark.virtual_time
@pytest.mark.parametrize(
    ("late", "seconds", "market"),
    in_turn([(*how, on) for how in ((0.7, 1.5), (1.2, 4.4), (1.7, 6.0)) for on in MARKETS], 2),
)
async def test_the_receipt_waits_for_the_stop_that_is_placed_again(
    late: float, seconds: float, market: str, exchange: LoopbackExchange, tmp_path: Path
) -> None:
    """However the sale ends, and as slowly as the stop is accepted: there is time kept for it."""
    settings = protected(exchange, market, timeout_seconds=5.0)
    async with trading(exchange, tmp_path, settings=settings, market=market) as trader:
        await with_a_stop(trader)
        exchange.misbehave(
            "error", method="POST", path="*rder", params={"type": "MARKET", "side": "SELL"},
            placed=False, code=-2010, status=400, count=FOREVER,
        )  # fmt: skip
        exchange.misbehave(
            "late", method="POST", path="*rder", params={"side": "SELL"},
            placed=False, seconds=late, count=FOREVER,
        )  # fmt: skip
        told = await stopped(trader, Stop(flatten=True), seconds)
        assert (told["positions_left"], told["unprotected"]) == ([SPOT], [])
        (stop,) = open_there(exchange, market)
        (protection,) = told["protection"]
        assert trader.client_id(protection["order_id"]) == stop.client_id


@pytest.mark.virtual_time
async def test_a_strategys_own_stop_that_made_room_is_in_the_receipt_again(
    exchange: LoopbackExchange, tmp_path: Path
) -> None:
    """No stop is asked for by the settings: it comes back as it was."""
    at = msgspec.structs.replace(QUICK, timeout_seconds=5.0)
    async with trading(exchange, tmp_path, settings=settings_for(exchange, at=at)) as trader:
        await trader.orders_done(trader.buy("0.02"))
        by_hand: dict[str, Any] = {
            "type": OrderType.STOP_MARKET,
            "stop_price": D(58000),
            "reduce_only": True,
        }
        held = trader.held  # the fee was paid in coins
        await trader.in_status(trader.sell(str(held), **by_hand), "accepted")
        selling: dict[str, Any] = {
            "method": "POST",
            "path": "order",
            "placed": False,
            "count": FOREVER,
        }
        exchange.misbehave(
            "error", params={"type": "MARKET", "side": "SELL"}, code=-2010, status=400, **selling
        )
        exchange.misbehave("late", params={"side": "SELL"}, seconds=1.2, **selling)
        told = await stopped(trader, Stop(flatten=True), seconds=4.4)
        assert (told["positions_left"], told["unprotected"]) == ([SPOT], [])
        (stop,) = open_there(exchange, "spot")
        assert (stop.stop_price, stop.quantity) == (D(58000), held)
        (protection,) = told["protection"]
        assert trader.client_id(protection["order_id"]) == stop.client_id


@pytest.mark.parametrize("market", MARKETS)
async def test_where_the_journal_fails_entries_go_and_the_stop_stays(
    market: str, exchange: LoopbackExchange, tmp_path: Path
) -> None:
    stops = []

    async def failing() -> None:
        settings = protected(exchange, market)
        async with trading(exchange, tmp_path, settings=settings, market=market) as trader:
            stops.append(await with_a_stop(trader))
            await trader.in_status(trader.buy("0.01", "59000"), "accepted")
            trader.run.bus._fail(JournalFailed("No space left on device"))
            await trader.task

    with pytest.raises(JournalFailed):
        await failing()
    assert open_there(exchange, market) == stops
    assert StateDir(tmp_path).latch.state() is TradingState.HALTED
