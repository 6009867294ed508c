"""A position larger than one order may be: entered, protected and closed by several orders, each an
intent of its own, one after the other, and never more than all of it.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.fixtures.live_trader import QUICK, SPOT, Trader, settings_for, trading
from tests.integration.test_live_emergency import by_the_socket, killed, stop
from tests.profiles import in_turn
from tradectl.domain.events import InstrumentChanged, OrderInitialized, OrderRejected
from tradectl.domain.orders import Order
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.testkit import LoopbackExchange, loopback_thread

FUTURES = "futures"
D = Decimal
MOST, WHOLE = D("0.02"), D("0.05")
BOTH = pytest.mark.parametrize("market", ["spot", FUTURES])

pytestmark = pytest.mark.usefixtures("key_environment")


def settings(exchange: LoopbackExchange, market: str, *, stop: D | None = None) -> Any:
    at = msgspec.structs.replace(QUICK, rules_seconds=1.0)
    portfolio = PortfolioSettings(stop_loss_pct=stop, sizing="fixed_quantity", quantity=WHOLE)
    return settings_for(exchange, at=at, market=market, portfolio=portfolio)


def limited(exchange: LoopbackExchange, market: str) -> None:
    exchange.change_rules(SPOT, market=market, max_market_quantity=str(MOST))


def sent(trader: Trader, *, exits: bool) -> list[Order]:
    return [
        order
        for order in trader.orders()
        if order.spec.reduce_only is exits and not order.spec.is_protective
    ]


async def flat(trader: Trader) -> None:
    await trader.until(lambda: not trader.run.books.open_quantity(SPOT))
    await trader.quiet()


@BOTH
async def test_it_is_entered_and_left_by_parts_of_the_largest_order(
    market: str, tmp_path: Path
) -> None:
    async with LoopbackExchange() as exchange:
        limited(exchange, market)
        chosen = settings(exchange, market)
        async with trading(exchange, tmp_path, settings=chosen, market=market) as trader:
            trader.signal("buy")
            await trader.until(lambda: len(sent(trader, exits=False)) == 3)
            await trader.quiet()
            *parts, last = [order.spec.quantity for order in sent(trader, exits=False)]
            assert parts == [MOST, MOST]
            assert D("0.01") <= last < D("0.0101"), "with what was paid as fees in the coin"
            trader.signal("close")
            await flat(trader)
            exits = sent(trader, exits=True)
            assert sum(order.filled for order in exits) <= WHOLE
            assert {order.spec.quantity <= MOST for order in exits} == {True}
            assert len(exits) == 3
            assert not trader.events(OrderRejected)
            first = trader.events(OrderInitialized)[0]
            assert "one order has 0.02 at most" in first.reason


@BOTH
async def test_its_stop_is_several_and_an_exit_comes_through(market: str, tmp_path: Path) -> None:
    async with LoopbackExchange() as exchange:
        limited(exchange, market)
        chosen = settings(exchange, market, stop=D(3))
        async with trading(exchange, tmp_path, settings=chosen, market=market) as trader:
            trader.signal("buy")
            await trader.until(lambda: trader.held > D("0.049"))
            await trader.until(lambda: sum(o.remaining for o in trader.stops) > D("0.0499"))
            await trader.quiet_but_for_stops()
            assert {order.remaining <= MOST for order in trader.stops} == {True}
            assert len(trader.stops) == 3
            assert not trader.events(OrderRejected)
            trader.signal("close")
            await flat(trader)
            await trader.until(lambda: not trader.stops)


@BOTH
async def test_a_limit_that_comes_while_we_run_is_learnt_from_the_first_refusal(
    market: str, tmp_path: Path
) -> None:
    async with LoopbackExchange() as exchange:
        chosen = settings(exchange, market)
        async with trading(exchange, tmp_path, settings=chosen, market=market) as trader:
            trader.signal("buy")
            await trader.until(lambda: trader.held > D("0.049"))
            await trader.quiet()
            limited(exchange, market)
            trader.signal("close")
            await flat(trader)
            assert len(trader.events(OrderRejected)) <= 1
            assert trader.events(InstrumentChanged)
            await trader.until(lambda: "exit_refused" not in trader.alerts())


@BOTH
async def test_a_run_that_goes_on_in_the_middle_of_it_ends_where_it_was_to_end(
    market: str, tmp_path: Path
) -> None:
    async with LoopbackExchange() as exchange:
        limited(exchange, market)
        chosen = settings(exchange, market)
        async with trading(exchange, tmp_path, settings=chosen, market=market) as trader:
            trader.signal("buy")
            await trader.until(lambda: trader.held > D("0.049"))
            await trader.quiet()
        async with trading(exchange, tmp_path, settings=chosen, market=market) as trader:
            await trader.until(lambda: trader.run.books.mark(SPOT))
            trader.signal("close")
            await flat(trader)
            assert len(sent(trader, exits=True)) >= 3


@pytest.mark.parametrize(
    ("market", "way"),
    in_turn(
        [("spot", "control"), ("spot", "direct"), (FUTURES, "direct"), (FUTURES, "control")], 2
    ),
)
async def test_flattening_goes_by_parts_too(market: str, way: str, tmp_path: Path) -> None:
    with loopback_thread(seed=1) as exchange:
        limited(exchange, market)
        chosen = settings(exchange, market, stop=D(3))
        async with trading(exchange, tmp_path / "s", settings=chosen, market=market) as trader:
            trader.signal("buy")
            await trader.until(lambda: sum(o.remaining for o in trader.stops) > D("0.0499"))
            await trader.quiet_but_for_stops()
            if way == "control":
                receipt = await by_the_socket(trader)
            else:
                remains = await killed(trader, tmp_path / "s")
        if way == "direct":
            receipt = await stop(remains)
        assert receipt["closed"] == [SPOT]
        assert not receipt["positions_left"]
        exits = [order for order in exchange.truth.ours(market=market) if order.side == "SELL"]
        assert {order.quantity <= MOST for order in exits} == {True}
