"""What a live run must survive, fault by fault: each is made by the loopback exchange, and what must hold
is checked against its truth. The numbers are those of the list of faults.

Every run here is also replayed at its end, and no order may have been accepted twice (see `trading`).
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.fixtures.live_trader import (
    QUICK,
    SPOT,
    Trader,
    settings_for,
    trading,
)
from tests.fixtures.network_line import Line
from tests.profiles import in_turn
from tests.simulated_os.virtual_time import simulated_system
from tradectl.domain.errors import ConfigError, UsageError
from tradectl.domain.events import Acceptance, RestrictionKind
from tradectl.domain.money import ZERO
from tradectl.domain.time import SECOND
from tradectl.exchange.base import Accepted
from tradectl.risk.limits import RiskLimits
from tradectl.testkit import FOREVER, LoopbackExchange

pytestmark = [pytest.mark.usefixtures("key_environment"), pytest.mark.virtual_time]

PLACING: dict[str, Any] = {"method": "POST", "path": "order"}
PERPETUAL = msgspec.structs.replace(QUICK, market="perpetual", dead_man_seconds=1.0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
async def exchange() -> AsyncIterator[LoopbackExchange]:
    async with LoopbackExchange(seed=1) as made:
        yield made


@pytest.fixture
async def trader(exchange: LoopbackExchange, folder: Path) -> AsyncIterator[Trader]:
    """A run on spot that is ready to trade."""
    async with trading(exchange, folder) as made:
        yield made


def sends(exchange: LoopbackExchange) -> int:
    """How often an order was sent, whatever became of it."""
    return len(exchange.truth.requests("POST", "/order"))


def accepted(trader: Trader, order_id: str) -> int:
    return trader.exchange.truth.accepted(trader.client_id(order_id))


def trades_booked_once(trader: Trader) -> None:
    """The books have every trade of the exchange, and each of them once."""
    theirs = [str(fill.id) for fill in trader.exchange.truth.fills(foreign=False)]
    of_orders = [t for order in trader.orders() for t in order.trades]
    assert sorted(of_orders) == sorted(theirs)
    assert len({*of_orders}) == len(of_orders)


# --- 24 to 27: no answer, or none that can be believed --------------------------------------------


def seldom(exchange: LoopbackExchange) -> Any:
    """Settings of a run in which no comparison finds anything out before the order's own questions do."""
    return settings_for(exchange, at=msgspec.structs.replace(QUICK, reconcile_seconds=60))


@pytest.mark.parametrize("price", [None, "59900"], ids=["market", "limit"])
async def test_accepted_and_never_answered_is_asked_for_and_not_sent_again(
    price: str | None, exchange: LoopbackExchange, folder: Path
) -> None:
    async with trading(exchange, folder, settings=seldom(exchange)) as trader:
        exchange.misbehave("drop", stream="user", count=FOREVER)
        exchange.misbehave("no-reply", **PLACING)
        order = trader.buy("0.1", price)
        await trader.until(lambda: trader.said("order_unknown"))
        await trader.in_status(order, "filled" if price is None else "accepted")
        assert (sends(exchange), accepted(trader, order)) == (1, 1)
        if price is not None:
            trader.cancel(order)
        await trader.quiet()


@pytest.mark.parametrize("told_by", ["the stream", "the comparison"])
async def test_what_was_reported_in_another_way_is_not_unknown_when_the_answer_fails(
    told_by: str, trader: Trader, exchange: LoopbackExchange
) -> None:
    if told_by == "the comparison":
        exchange.misbehave("drop", stream="user", count=FOREVER)
    exchange.misbehave("no-reply", **PLACING)
    order = trader.buy("0.1", "59900")
    if told_by == "the comparison":
        await trader.until(lambda: sends(exchange) == 1)
        await trader.live.reconcile()
    await trader.in_status(order, "accepted")
    asked = len(exchange.truth.requests("GET", "/order"))
    await trader.until(lambda: len(exchange.truth.requests("GET", "/order")) > asked)
    await trader.run.bus.dispatched()
    assert trader.status(order) == "accepted"
    assert (sends(exchange), accepted(trader, order)) == (1, 1)
    trader.cancel(order)
    await trader.quiet()


@pytest.mark.parametrize("fault", in_turn(["empty", "truncated", "cut"], 3))
async def test_an_empty_or_truncated_answer_is_no_answer(
    fault: str, trader: Trader, exchange: LoopbackExchange
) -> None:
    exchange.misbehave("drop", stream="user", count=FOREVER)
    exchange.misbehave(fault, **PLACING)
    order = trader.buy("0.1")
    await trader.until(lambda: trader.said("order_unknown"))
    found = await trader.orders_done(order)
    assert (found.status, found.filled) == ("filled", Decimal("0.1"))
    assert (sends(exchange), accepted(trader, order)) == (1, 1)
    await trader.quiet()


@pytest.mark.parametrize(
    ("fault", "placed"),
    in_turn(
        [*product(("-1006", "-1007"), (True, False)), *product(("503", "html"), (False, True))], 4
    ),
)
async def test_an_unknown_outcome_is_found_out(
    fault: str, placed: bool, trader: Trader, exchange: LoopbackExchange
) -> None:
    if fault.startswith("-"):
        exchange.misbehave("error", code=int(fault), placed=placed, **PLACING)
    else:
        exchange.misbehave(fault, placed=placed, **PLACING)
    order = trader.buy("0.1", "59900")
    await trader.until(lambda: trader.said("order_unknown"))
    if placed:
        await trader.in_status(order, "accepted")
        trader.cancel(order)
    assert (await trader.orders_done(order)).status == ("canceled" if placed else "expired")
    assert (sends(exchange), accepted(trader, order)) == (1, int(placed))
    await trader.quiet()


@pytest.mark.parametrize(
    ("code", "sent", "told"),
    [(-1021, 2, "outside of the recvWindow"), (-2010, 1, "insufficient balance")],
)
async def test_a_definitive_no_is_one(
    code: int, sent: int, told: str, trader: Trader, exchange: LoopbackExchange
) -> None:
    """For a wrong time it is asked what time it is, and tried once more."""
    exchange.misbehave("error", code=code, count=FOREVER, **PLACING)
    order = trader.buy("0.1")
    assert (await trader.orders_done(order)).status == "rejected"
    assert told in trader.order(order).reason
    assert trader.said("order_unknown") == []
    assert (sends(exchange), accepted(trader, order)) == (sent, 0)
    await trader.quiet()


async def test_denied_for_a_while_it_stays_reserved_and_is_not_sent_again(
    exchange: LoopbackExchange, folder: Path
) -> None:
    limits = RiskLimits(max_position_notional=Decimal(9000), duplicate_window_ms=0)
    settings = msgspec.structs.replace(
        settings_for(exchange, at=msgspec.structs.replace(QUICK, not_found_seconds=30)),
        risk=limits,
    )
    async with trading(exchange, folder, settings=settings) as trader:
        exchange.misbehave("no-reply", **PLACING)
        exchange.misbehave("forget", seconds=1.0)
        exchange.misbehave("drop", stream="user", count=FOREVER)
        order = trader.buy("0.1", "60500")
        await trader.in_status(order, "unknown")
        asked = exchange.truth.requests
        await trader.until(lambda: len(asked("GET", "/order")) >= 3)
        assert trader.status(order) == "unknown"
        assert trader.run.books.working_in(SPOT).coming == Decimal("0.1")
        second = trader.buy("0.1", "60500")
        assert (await trader.orders_done(second)).status == "denied"
        assert trader.denied(second) == "POSITION_NOTIONAL"
        assert (await trader.orders_done(order)).status == "filled"
        assert (sends(exchange), accepted(trader, order)) == (1, 1)
        await trader.quiet()


@pytest.mark.parametrize("price", [None, "59900"], ids=["filled", "resting"])
async def test_denied_for_longer_than_we_believe_it_is_taken_back_when_it_shows(
    price: str | None, trader: Trader, exchange: LoopbackExchange
) -> None:
    """Its fill is booked all the same, and what rests is cancelled: nobody wants it any more."""
    exchange.misbehave("no-reply", **PLACING)
    exchange.misbehave("forget", seconds=1.6)
    exchange.misbehave("drop", stream="user", count=FOREVER)
    order = trader.buy("0.1", price)
    await trader.in_status(order, "expired")
    if price is None:
        assert (await trader.in_status(order, "filled")).filled == Decimal("0.1")
    else:
        await trader.until(lambda: trader.said("order_reopened"))
        await trader.until(lambda: exchange.truth.open_orders() == [])
    assert (sends(exchange), accepted(trader, order)) == (1, 1)
    await trader.quiet()


async def test_a_fill_that_shows_after_the_run_is_booked_by_the_next_one(
    tmp_path: Path, exchange: LoopbackExchange
) -> None:
    async with trading(exchange, tmp_path / "late") as trader:
        exchange.misbehave("no-reply", **PLACING)
        exchange.misbehave("forget", seconds=3_600)
        exchange.misbehave("drop", stream="user", count=FOREVER)
        order = trader.buy("0.1")
        await trader.in_status(order, "expired")
    exchange.behave()
    (there,) = exchange.truth.orders
    exchange.forget(there.client_id, 0)
    async with trading(exchange, tmp_path / "late") as trader:
        assert (await trader.in_status(order, "filled")).filled == Decimal("0.1")
        await trader.quiet()
        assert not trader.said("external_changed")


# --- fills --------------------------------------------------------------------------------


def in_small_pieces(exchange: LoopbackExchange) -> None:
    """A book in which an order of 0.1 takes five trades."""
    exchange.quote(SPOT, "59990", "60010", "0.02", levels=8)


@pytest.mark.parametrize("fault", ["duplicate", "reorder", "delay", "drop"])
async def test_each_trade_is_booked_once_however_it_is_told(
    fault: str, trader: Trader, exchange: LoopbackExchange
) -> None:
    in_small_pieces(exchange)
    exchange.misbehave(fault, stream="user", count=FOREVER, seconds=0.3)
    exchange.misbehave("late", seconds=0.2, placed=True, **PLACING)
    first = trader.buy("0.1")
    await trader.orders_done(first)
    assert len(trader.order(first).trades) == 5
    second = trader.sell("0.05", reduce_only=True)
    await trader.orders_done(second)
    await trader.quiet()
    trades_booked_once(trader)


async def test_a_fill_before_its_acknowledgement_is_accepted(
    trader: Trader, exchange: LoopbackExchange
) -> None:
    exchange.misbehave("late", seconds=0.3, placed=True, **PLACING)
    exchange.misbehave("drop", stream="user", event="executionReport:NEW")
    order = trader.buy("0.1")
    started = time.monotonic()
    await trader.in_status(order, "filled")
    assert time.monotonic() - started < 0.25
    await trader.until(lambda: trader.order(order).venue_order_id)
    await trader.quiet()
    trades_booked_once(trader)


@pytest.mark.parametrize("stream", [True, False], ids=["told by the stream", "asked for"])
async def test_an_exchange_that_gives_its_ids_again_confuses_no_orders(
    stream: bool, trader: Trader, exchange: LoopbackExchange
) -> None:
    first = trader.buy("0.1")
    await trader.orders_done(first)
    exchange.number_anew()
    if not stream:
        exchange.misbehave("drop", stream="user", count=FOREVER)
        exchange.misbehave("no-reply", **PLACING)
    second = trader.buy("0.2")
    await trader.orders_done(second)
    assert trader.order(second).venue_order_id == trader.order(first).venue_order_id
    assert (trader.order(first).filled, trader.order(second).filled) == (
        Decimal("0.1"),
        Decimal("0.2"),
    )
    await trader.quiet()
    trades_booked_once(trader)


async def test_a_fill_after_the_cancel_is_booked(
    trader: Trader, exchange: LoopbackExchange
) -> None:
    exchange.misbehave("delay", stream="user", event="executionReport:TRADE", seconds=0.3)
    exchange.misbehave("fill-before-cancel", fraction="0.4")
    order = trader.buy("0.1", "59900")
    await trader.in_status(order, "accepted")
    trader.cancel(order)
    await trader.in_status(order, "canceled")
    await trader.until(lambda: trader.order(order).filled == Decimal("0.04"))
    await trader.quiet()
    trades_booked_once(trader)


@pytest.mark.parametrize("fraction", ["0.5", "1"])
async def test_what_was_filled_when_the_cancel_came_stays(
    fraction: str, trader: Trader, exchange: LoopbackExchange
) -> None:
    exchange.misbehave("fill-before-cancel", fraction=fraction)
    order = trader.buy("0.1", "59900")
    await trader.in_status(order, "accepted")
    trader.cancel(order)
    found = await trader.orders_done(order)
    wanted = Decimal("0.1") * Decimal(fraction)
    assert (found.status, found.filled) == ("filled" if fraction == "1" else "canceled", wanted)
    await trader.quiet()
    assert trader.held == wanted * Decimal("0.999")
    trades_booked_once(trader)


# --- turned away ------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["429", "418"])
async def test_turned_away_everybody_waits_and_after_a_429_only_cancels_go(
    fault: str, trader: Trader, exchange: LoopbackExchange
) -> None:
    resting = trader.buy("0.1", "59900")
    await trader.in_status(resting, "accepted")
    exchange.misbehave(fault, method="GET", path="ticker/bookTicker", seconds=1)
    at = len(exchange.truth.log)
    with pytest.raises(Exception, match=fault):
        await trader.live.venue.quote(SPOT)
    turned_away = time.monotonic()
    new = trader.buy("0.1", "59800")
    trader.cancel(resting)
    assert (await trader.orders_done(new)).status == "rejected"
    assert "rate limit" in trader.order(new).reason
    await trader.orders_done(resting)
    waited = time.monotonic() - turned_away
    assert waited < 0.5 if fault == "429" else waited > 0.8
    asked = [e for e in exchange.truth.log[at:] if e.kind == "request"]
    early = {
        (e.detail["method"], e.detail["path"])
        for e in asked[1:]
        if e.at_ns < (turned_away + 0.8) * 1e9
    }
    assert ("POST", "/api/v3/order") not in early
    assert early == set() if fault == "418" else ("DELETE", "/api/v3/order") in early
    await trader.until(lambda: time.monotonic() - turned_away > 1.0)
    again = trader.buy("0.1")
    assert (await trader.orders_done(again)).status == "filled"
    await trader.quiet()


# --- 31 to 34: the line, and the clock ------------------------------------------------------------


@pytest.mark.slow
async def test_a_long_silence_ends_what_rests_and_a_comparison_comes_before_the_next_order(
    exchange: LoopbackExchange, folder: Path
) -> None:
    async with Line(exchange.port) as line:
        settings = settings_for(exchange, at=PERPETUAL, url=line.url, stale_after=1.0)
        async with trading(exchange, folder, settings=settings, market="futures") as trader:
            order = trader.buy("0.1", "59900")
            await trader.in_status(order, "accepted")
            line.cut()
            await trader.until(lambda: exchange.truth.entries("dead-man-fired"))
            assert exchange.truth.open_orders() == []
            assert trader.status(order) == "accepted"
            await trader.until(
                lambda: {"dead_man_failed", "reconcile_failed"} <= {*trader.alerts()}
            )
            assert trader.denied(await denied_entry(trader)) == "RESTRICTED"
            at = len(exchange.truth.log)
            line.mend()
            exchange.start_walking(50, sigma="0.00001")
            await trader.first_entry()
            asked = [
                (e.detail["method"], e.detail["path"].rpartition("/")[2])
                for e in exchange.truth.log[at:]
                if e.kind == "request"
            ]
            before = asked[: asked.index(("POST", "order"))]
            assert {("GET", "openOrders"), ("GET", "userTrades"), ("GET", "account")} <= {*before}
            assert (await trader.orders_done(order)).status == "canceled"
            await trader.until(lambda: "dead_man_failed" not in trader.alerts())
            await trader.quiet()


async def denied_entry(trader: Trader) -> str:
    order = trader.buy("0.01")
    assert (await trader.orders_done(order)).status == "denied"
    return order


@pytest.mark.slow
async def test_resets_in_the_middle_and_a_lossy_line_cost_no_order_and_no_fill(
    exchange: LoopbackExchange, folder: Path
) -> None:
    async with Line(exchange.port, seed=3) as line:
        settings = settings_for(exchange, url=line.url)
        async with trading(exchange, folder, settings=settings) as trader:
            bad = ["reset", "cut", "no-reply", "empty", "truncated"]
            for method in ("POST", "GET", "DELETE"):
                exchange.misbehave(
                    bad, method=method, path="/api/v3/*", probability=0.3, count=FOREVER, seconds=1
                )
            line.loss = 0.03
            orders = []
            for number in range(10):
                order = trader.buy("0.01", None if number % 2 else "59900")
                await trader.judged(order)
                orders.append(order)
            for order in orders[::2]:
                if trader.order(order).is_working:
                    trader.cancel(order)
            exchange.faults.clear()
            line.loss = 0.0
            await trader.until(lambda: not trader.run.books.working_orders(), 15)
            assert all(accepted(trader, order) <= 1 for order in orders)
            assert sends(exchange) <= len(orders)
            await trader.quiet()
            trades_booked_once(trader)


async def test_a_half_open_market_stream_stops_entries_and_not_exits(
    exchange: LoopbackExchange, folder: Path
) -> None:
    settings = settings_for(exchange, stale_after=0.6)
    async with trading(exchange, folder, settings=settings) as trader:
        held = trader.buy("0.1")
        await trader.orders_done(held)
        sockets = {*exchange.hub.sockets}
        stall = exchange.misbehave("stall", stream="btcusdt@*")
        await trader.until(lambda: RestrictionKind.STALE in trader.restrictions())
        assert {*exchange.hub.sockets} & sockets
        await trader.until(lambda: "restricted_stale" in trader.alerts())
        assert trader.denied(await denied_entry(trader)) == "RESTRICTED"
        out = trader.sell("0.05", reduce_only=True)
        assert (await trader.orders_done(out)).status == "filled"
        stall.remove()
        exchange.start_walking(50, sigma="0.00001")
        await trader.clean()
        assert (await trader.orders_done(trader.buy("0.01"))).status == "filled"
        exchange.stop_walking()
        await trader.quiet()


async def test_a_half_open_user_stream_hides_no_fill(
    trader: Trader, exchange: LoopbackExchange
) -> None:
    exchange.misbehave("stall", stream="user")
    order = trader.buy("0.1", "59900")
    await trader.in_status(order, "accepted")
    exchange.print_trade(SPOT, "59900", "0.1")
    assert (await trader.orders_done(order)).filled == Decimal("0.1")
    await trader.quiet()
    trades_booked_once(trader)


def jump(exchange: LoopbackExchange, ahead: int) -> None:
    """This machine's clock is so many seconds ahead of what it was; the exchange's stays right."""
    simulated_system().clock.off = ahead
    exchange.skew_clock(-ahead)


@pytest.mark.parametrize("hours", [1, -1])
async def test_a_clock_that_jumps_is_told_of_and_ends_no_order(
    hours: int, exchange: LoopbackExchange, folder: Path
) -> None:
    async with trading(exchange, folder) as trader:
        order = trader.buy("0.1", "59900")
        await trader.in_status(order, "accepted")
        records = len(trader.seen)
        jump(exchange, hours * 3600)
        await trader.until(lambda: "clock_skew" in trader.alerts())
        assert f"is {-hours * 3600:+d}." in trader.alerts()["clock_skew"].message
        entry = trader.buy("0.01")
        # it is signed by the exchange's time, and nothing has become old
        assert (await trader.orders_done(entry)).status == "filled"
        assert trader.status(order) == "accepted"
        assert len(exchange.truth.open_orders()) == 1
        assert len(trader.seen) - records < 40
        jump(exchange, 0)
        await trader.until(lambda: "clock_skew" not in trader.alerts())
        trader.cancel(order)
        assert (await trader.orders_done(order)).status == "canceled"
        times = [record.at for record in trader.seen]
        assert times == sorted(times)
        assert times[-1] - times[0] < 120 * SECOND


# --- 35 to 37: the account ------------------------------------------------------------------------


async def test_what_came_from_outside_is_external_and_never_traded(
    exchange: LoopbackExchange, folder: Path
) -> None:
    settings = settings_for(exchange, symbols=(SPOT, "ETHUSDT"))
    async with trading(exchange, folder, settings=settings) as trader:
        await trader.price("3000", "ETHUSDT")
        exchange.outside_trade("main", SPOT, "BUY", "0.2")
        exchange.outside_transfer("main", "USDT", "12002")
        known = trader.run.books.account
        await trader.until(lambda: known.at_exchange().external.get(SPOT) == Decimal("0.1998"))
        assert not trader.restrictions()
        told = trader.alerts()["external_changed"]
        assert told.severity.value == "info"
        out = trader.sell("0.01", reduce_only=True)
        assert (await trader.orders_done(out)).status == "denied"  # none of it is ours
        for order in (trader.buy("0.1", symbol="ETHUSDT"), trader.buy("0.01")):
            assert (await trader.orders_done(order)).status == "filled"
        assert sends(exchange) == 2
        assert exchange.balance("BTC") == Decimal("0.1998") + Decimal("0.00999")
        await trader.live.reconcile(Accepted(Acceptance.POSITION, (SPOT,)))
        await trader.until(lambda: trader.held == exchange.balance("BTC"))
        out = trader.sell("0.2097", reduce_only=True)
        assert (await trader.orders_done(out)).status == "filled"
        await trader.quiet()


async def test_of_what_was_taken_out_in_part_the_rest_can_be_closed(
    exchange: LoopbackExchange, folder: Path
) -> None:
    async with trading(exchange, folder) as trader:
        entry = trader.buy("0.3")
        assert (await trader.orders_done(entry)).status == "filled"
        exchange.outside_transfer("main", "BTC", "-0.2")
        await trader.until(lambda: RestrictionKind.MISMATCH in trader.restrictions())
        told = trader.alerts()["restricted_mismatch"]
        assert told.severity.value == "critical"
        assert "`--accept external`, `position` or `fill`" in told.message
        too_much = trader.sell("0.2997", reduce_only=True)
        assert (await trader.orders_done(too_much)).status == "denied"
        assert (await trader.orders_done(trader.buy("0.1"))).status == "denied"
        out = trader.sell("0.0997", reduce_only=True)
        assert (await trader.orders_done(out)).status == "filled"
        assert exchange.balance("BTC") == 0


async def test_an_exit_that_the_exchange_makes_smaller_is_over_when_that_is_filled(
    exchange: LoopbackExchange, folder: Path
) -> None:
    exchange.engines["futures"].cuts_reduce_only = True
    settings = settings_for(exchange, market="futures")
    async with trading(exchange, folder, settings=settings, market="futures") as trader:
        entry = trader.buy("0.3")
        assert (await trader.orders_done(entry)).status == "filled"
        exchange.outside_trade("main", SPOT, "SELL", "0.2", market="futures")
        out = trader.sell("0.3", reduce_only=True)
        assert (await trader.orders_done(out)).status == "canceled"
        assert (trader.order(out).filled, exchange.position(SPOT)) == (Decimal("0.1"), ZERO)
        await trader.until(lambda: trader.held == ZERO)
        assert trader.alerts()["manual"].severity.value == "error"


async def test_money_that_goes_holds_entries_back(
    trader: Trader, exchange: LoopbackExchange
) -> None:
    exchange.outside_transfer("main", "USDT", "-5000")
    await trader.until(lambda: RestrictionKind.BALANCE in trader.restrictions())
    assert trader.denied(await denied_entry(trader)) == "RESTRICTED"
    exchange.outside_transfer("main", "USDT", "5000")
    await trader.clean()
    assert (await trader.orders_done(trader.buy("0.01"))).status == "filled"
    await trader.quiet()


async def test_a_dead_man_switch_that_cannot_be_armed_alerts(
    exchange: LoopbackExchange, folder: Path
) -> None:
    settings = settings_for(exchange, at=PERPETUAL)
    async with trading(exchange, folder, settings=settings, market="futures") as trader:
        await trader.until(lambda: exchange.truth.entries("dead-man-armed"))
        broken = exchange.misbehave(
            "error", method="POST", path="countdownCancelAll", code=-1000, status=500, count=FOREVER
        )
        await trader.until(lambda: "dead_man_failed" in trader.alerts())
        assert trader.alerts()["dead_man_failed"].severity.value == "error"
        broken.remove()
        await trader.until(lambda: "dead_man_failed" not in trader.alerts())
        with pytest.raises(UsageError):
            await trader.live.venue.arm_dead_man((SPOT,), 0.5)
    armed = [entry.detail["ms"] for entry in exchange.truth.entries("dead-man-armed")]
    assert {*armed} == {0, 1000}
    assert armed[-1] == 0


def test_a_setting_under_a_second_is_refused() -> None:
    with pytest.raises(ConfigError, match="dead_man_seconds"):
        msgspec.structs.replace(QUICK, dead_man_seconds=0.9)


@pytest.mark.parametrize(
    ("market", "symbol"), [("spot", "BTC/USDT:USDT"), ("perpetual", "SOLUSDT"), ("spot", "BTCUSD")]
)
async def test_a_symbol_of_the_other_market_is_refused_before_trading(
    market: Any, symbol: str, exchange: LoopbackExchange, folder: Path
) -> None:
    at = msgspec.structs.replace(QUICK, market=market)
    settings = settings_for(exchange, at=at, symbols=(symbol,))
    with pytest.raises(UsageError, match=symbol):
        async with trading(exchange, folder, settings=settings):
            raise AssertionError("it trades")
    assert sends(exchange) == 0


async def test_an_account_of_one_market_does_not_go_on_at_the_other(
    exchange: LoopbackExchange, folder: Path
) -> None:
    async with trading(exchange, folder) as trader:
        await trader.orders_done(trader.buy("0.1"))
        await trader.quiet()
        assert exchange.position(SPOT) == 0
    with pytest.raises(UsageError, match="perpetual"):
        async with trading(exchange, folder, settings=settings_for(exchange, at=PERPETUAL)):
            raise AssertionError("it trades")
    assert sends(exchange) == 1
