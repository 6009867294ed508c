"""What the account's owner does to a position by hand at the exchange: it is noticed, nothing goes round
in circles, and what he closed is not bought back on a wish that is older than that.
"""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.fixtures.fake_venue import turns
from tests.fixtures.live_trader import QUICK, SPOT, Trader, protected, settings_for, trading
from tests.profiles import in_turn
from tradectl.domain.events import OrderInitialized, TargetComputed
from tradectl.monitoring import Alert
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.testkit import LoopbackExchange
from tradectl.testkit.orders import STOPS

FUTURES = "futures"
D = Decimal

pytestmark = pytest.mark.usefixtures("key_environment")


async def insisting(trader: Trader, done: Any) -> None:
    """The strategy says that it wants to be long with every price, until something is `done`."""
    prices = iter(range(1_000_000))

    def tried() -> bool:
        if not next(prices) % 20:
            trader.signal("buy")
            trader.exchange.walk(symbols=(SPOT,), market=trader.market, sigma="0.00001")
        return bool(done())

    await trader.until(tried)


def ordered(trader: Trader) -> list[Any]:
    """Our orders but for stops."""
    return [e.order for e in trader.events(OrderInitialized) if not e.order.type.is_stop]


@pytest.mark.parametrize(
    ("market", "part"),
    in_turn([("spot", "1"), ("spot", "0.5"), (FUTURES, "0.5"), (FUTURES, "1")], 2),
)
async def test_what_the_owner_closes_is_not_bought_back_before_a_new_wish(
    market: str, part: str, tmp_path: Path
) -> None:
    async with LoopbackExchange() as exchange:
        settings = protected(exchange, market)
        async with trading(exchange, tmp_path, settings=settings, market=market) as trader:
            held = await trader.in_position()
            sold = (held * D(part)).quantize(
                D("0.00001") if market == "spot" else D("0.001"), "ROUND_DOWN"
            )
            if market == "spot":  # its stop binds the coins: he cancels that first
                for order in [*exchange.truth.open_orders(market=market)]:
                    exchange.engines[market].cancel(order)
            exchange.outside_trade("main", SPOT, "sell", sold, market=market)
            await insisting(trader, lambda: trader.held == held - sold)
            await trader.until(lambda: not trader.restrictions())
            bought = len(ordered(trader))
            for _ in range(3):
                await trader.compared()
                trader.signal("buy")
                await trader.price("60010")
            assert len(ordered(trader)) == bought == 1
            assert trader.held == trader.true_position == held - sold
            if trader.run.books.open_quantity(SPOT):
                await trader.until(
                    lambda: (
                        sum(stop.remaining for stop in trader.stops)
                        == trader.held // D("0.00001") * D("0.00001")
                    )
                )
            trader.signal("close")
            await trader.until(lambda: not trader.run.books.open_quantity(SPOT))
            await trader.quiet()
            trader.signal("buy")
            await trader.until(lambda: trader.held > D("0.019"))
            await trader.quiet_but_for_stops()


async def test_a_position_that_the_owner_reversed_is_not_traded_against(tmp_path: Path) -> None:
    async with LoopbackExchange() as exchange:
        settings = protected(exchange, FUTURES)
        async with trading(exchange, tmp_path, settings=settings, market=FUTURES) as trader:
            await trader.in_position()
            exchange.outside_trade("main", SPOT, "sell", "0.05", market=FUTURES)
            await insisting(trader, lambda: not trader.held)
            await trader.until(lambda: not trader.restrictions())
            for _ in range(3):
                await trader.compared()
                trader.signal("buy")
                await trader.price("60010")
            assert len(ordered(trader)) == 1
            assert exchange.position(SPOT) == D("-0.03")
            await trader.until(lambda: not trader.stops)


@pytest.mark.parametrize("market", in_turn(["spot", FUTURES], 2))
async def test_the_owners_own_stop_that_fires_is_not_bought_back(
    market: str, tmp_path: Path
) -> None:
    async with LoopbackExchange() as exchange:
        settings = protected(exchange, market, stop_loss_pct=None)
        async with trading(exchange, tmp_path, settings=settings, market=market) as trader:
            held = await trader.in_position()
            quantity = held.quantize(D("0.001"), rounding="ROUND_DOWN")
            exchange.outside_order(
                "main", SPOT, "sell", quantity, stop_price="59000", market=market,
                reduce_only=market == FUTURES,
            )  # fmt: skip
            await trader.price("58900")
            await insisting(trader, lambda: trader.held == held - quantity)
            await trader.until(lambda: not trader.restrictions())
            for _ in range(3):
                await trader.compared()
                trader.signal("buy")
                await trader.price("60010")
            assert len(ordered(trader)) == 1
            assert trader.held == trader.true_position == held - quantity


async def test_an_exit_of_what_the_owner_closed_is_refused_once_and_compared_at_once(
    tmp_path: Path,
) -> None:
    async with LoopbackExchange() as exchange:
        settings = protected(exchange, FUTURES)
        seldom = msgspec.structs.replace(settings.exchanges[0], reconcile_seconds=60.0)
        settings = msgspec.structs.replace(settings, exchanges=(seldom,))
        async with trading(exchange, tmp_path, settings=settings, market=FUTURES) as trader:
            await trader.in_position()
            exchange.misbehave("drop", stream="user", count=-1)
            exchange.outside_trade("main", SPOT, "sell", "0.02", market=FUTURES)
            trader.signal("close")
            await trader.until(lambda: not trader.held, 20)
            exchange.behave()
            await trader.until(lambda: "exit_refused" not in trader.alerts())
            assert not trader.run.status.now().refused
            assert len([order for order in ordered(trader) if order.reduce_only]) <= 2
            await trader.until(lambda: not trader.stops)


def resting(trader: Trader) -> list[Any]:
    """Our entries that wait for their price, as the exchange has them."""
    open_orders = trader.exchange.truth.open_orders(market=trader.market)
    return [order for order in open_orders if not order.foreign and order.type not in STOPS]


async def cancelled(trader: Trader) -> None:
    """The owner cancels the entry that rests, and the books have heard of it."""
    await trader.until(lambda: resting(trader))
    [order] = resting(trader)
    trader.exchange.engines[trader.market].cancel(order)
    await trader.until(lambda: not trader.run.books.working_orders(SPOT))


@pytest.mark.parametrize("market", in_turn(["spot", FUTURES], 2))
async def test_an_entry_that_the_owner_cancels_twice_is_held_until_its_target_changes(
    market: str, tmp_path: Path
) -> None:
    """Also over a restart; and what rests again for another wish may be cancelled anew."""
    async with LoopbackExchange() as exchange:
        waiting = PortfolioSettings(
            sizing="fixed_quantity", quantity=D("0.02"), order_type="limit",
            limit_offset_bps=D(100),
        )  # fmt: skip
        settings = settings_for(exchange, market=market, portfolio=waiting)
        async with trading(exchange, tmp_path, settings=settings, market=market) as trader:
            trader.signal("buy")
            await cancelled(trader)
            await cancelled(trader)  # it was placed again once
            await trader.until(lambda: "entry_refused" in trader.alerts())
            said = trader.alerts()["entry_refused"].message
            assert said == (
                "BTCUSDT: an entry, buy 0.02, was cancelled by hand at the exchange 2 times: "
                "it is held until its target changes"
            )
            await insisting(trader, lambda: len(trader.events(TargetComputed)) > 12)
            assert len(ordered(trader)) == 2
            assert trader.said_of_targets() == "cancelled by hand: held until its target changes"
            [row] = trader.run.status.now().refused
            assert (row.cause, row.next_try, row.count) == ("by_hand", None, 2)
        async with trading(exchange, tmp_path, settings=settings, market=market) as trader:
            await insisting(trader, lambda: len(trader.events(TargetComputed)) > 12)
            assert not ordered(trader)
            trader.signal("close")
            trader.signal("buy")
            await trader.until(lambda: resting(trader))
            await trader.until(lambda: not trader.run.status.now().refused)
            assert len(ordered(trader)) == 1
            assert "entry_refused" not in trader.alerts()


async def test_what_the_switch_of_a_run_before_cancelled_is_not_the_owners_word(
    tmp_path: Path,
) -> None:
    """However often: each run found its entry gone as it began, and placed it again."""
    async with LoopbackExchange() as exchange:
        waiting = PortfolioSettings(
            sizing="fixed_quantity", quantity=D("0.02"), order_type="limit",
            limit_offset_bps=D(100),
        )  # fmt: skip
        switched = msgspec.structs.replace(QUICK, dead_man_seconds=30)
        settings = settings_for(exchange, at=switched, market=FUTURES, portfolio=waiting)
        for _ in range(3):
            async with trading(exchange, tmp_path, settings=settings, market=FUTURES) as trader:
                await insisting(trader, lambda: resting(trader))
                causes = {row.cause for row in trader.run.status.now().refused}
                assert causes <= {"not_filled"}
            exchange.arm_countdown("main", SPOT, 30_000)  # as if that run had not come to its end
            exchange.count_on(30)
            await turns()
            assert not resting(trader)


@pytest.mark.parametrize("market", ["spot", FUTURES])
async def test_a_stop_that_the_owner_cancels_comes_back_however_often_and_is_critical(
    market: str, tmp_path: Path
) -> None:
    async with LoopbackExchange() as exchange:
        settings = protected(exchange, market)
        async with trading(exchange, tmp_path, settings=settings, market=market) as trader:
            told: list[Alert] = []

            async def notify(alert: Alert) -> None:
                told.append(alert)

            trader.run.alerts.add_notification_handler(notify)
            await trader.in_position()

            def more_than(said: int) -> bool:
                return len(trader.said("stop_refused")) > said

            for _ in range(3):
                await trader.until(lambda: trader.stops)
                said = len(trader.said("stop_refused"))
                exchange.engines[market].cancel(trader.stops[0])
                await trader.until(partial(more_than, said))
            await trader.until(lambda: trader.stops)
            assert "nothing limits its loss" in trader.said("stop_refused")[0]
            severities = {a.severity.value for a in told if a.type == "stop_refused"}
            assert severities == {"critical"}
