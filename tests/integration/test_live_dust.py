"""Dust at a real exchange: a fee taken in the coin leaves less than can be sold, and that is no position.

A stop-out is remembered in the books: what a strategy wanted before it does not enter again, be it said
anew with every bar, by a run that was started again, or after the stop fired while nobody watched.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.fixtures.command import wait_until
from tests.fixtures.live_harness import live_harness
from tests.fixtures.live_trader import SPOT, Trader, protected, trading
from tests.fixtures.run_inputs import Character
from tradectl.domain.events import StrategySignalEvent
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.testkit import LoopbackExchange
from tradectl.testkit.orders import STOPS

D = Decimal
ODD = D("0.02345")
"""Its fee is no whole number of lots: 0.00000655 cannot be sold."""

pytestmark = pytest.mark.usefixtures("key_environment")


def settings(exchange: LoopbackExchange, market: str) -> Any:
    portfolio = PortfolioSettings(stop_loss_pct=D(3), sizing="fixed_quantity", quantity=ODD)
    return msgspec.structs.replace(protected(exchange, market), portfolio=portfolio)


def says(trader: Trader, action: Any, **more: Any) -> None:
    trader.run.bus.post(StrategySignalEvent(symbol=SPOT, action=action, strategy="test", **more))


def bought(exchange: Any) -> int:
    return sum(o.side == "BUY" and o.filled > 0 for o in exchange.truth.orders)


async def stopped_out(trader: Trader) -> None:
    await trader.until(trader.run.books.working_orders)
    await trader.quiet_but_for_stops()
    await trader.price("57000")
    await trader.until(lambda: not trader.run.books.open_quantity(SPOT))
    await trader.price("60000")


async def test_a_stop_out_that_leaves_dust_is_not_bought_back_also_after_a_restart(
    tmp_path: Path,
) -> None:
    async with LoopbackExchange() as exchange:
        async with trading(exchange, tmp_path, settings=settings(exchange, "spot")) as trader:
            trader.signal("buy")
            await stopped_out(trader)
            assert trader.held == D("0.00000655")
            for _ in range(5):
                trader.signal("buy")
                await trader.price("60010")
                await trader.price("60000")
            (row,) = trader.run.status.now().positions
            assert (row.dust, row.size) == (True, "0.00000655")
            assert not trader.run.books.working_orders()
        async with trading(exchange, tmp_path, settings=settings(exchange, "spot")) as trader:
            for _ in range(5):
                trader.signal("buy")
                await trader.price("60010")
                await trader.price("60000")
            assert bought(exchange) == 1
            trader.signal("close")
            trader.signal("buy")
            await stopped_out(trader)
            trader.signal("buy")
            await trader.quiet()
            assert bought(exchange) == 2


def test_a_stop_that_fires_while_nobody_watches_is_not_bought_back(tmp_path: Path) -> None:
    portfolio = ', stop_loss_pct = 3, sizing = "fixed_quantity", quantity = 0.02345'
    with live_harness(tmp_path, Character.KEEN, portfolio=portfolio) as live:
        with live.running() as run:
            wait_until(lambda: any(o.type in STOPS for o in live.exchange.truth.open_orders()), 20)
            run.kill()
        live.exchange.stop_walking()
        live.exchange.move(SPOT, "50000")
        assert not live.exchange.truth.open_orders()
        with live.running("--duration", "3", sigma="0") as run:
            assert run.end().code == 0
        assert bought(live.exchange) == 1
        (row,) = live.tradectl("positions", "--json").document()
        assert row["dust"], row
        assert live.replayed().verified
