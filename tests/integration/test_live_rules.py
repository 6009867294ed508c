"""Rules that change while we run: an order that does not fit them any more goes out once more as one that
does, what cannot be sold by them is dust, and a symbol that is not traded is held back with the reason.
"""

from __future__ import annotations

import signal
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.fixtures.live_harness import live_harness
from tests.fixtures.live_trader import QUICK, SPOT, Trader, settings_for, trading
from tests.fixtures.run_inputs import Character
from tradectl.domain.events import (
    InstrumentChanged,
    OrderRejected,
    RestrictionKind,
)
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.testkit import LoopbackExchange

FUTURES = "futures"
D = Decimal
ODD = D("0.02345")

pytestmark = pytest.mark.usefixtures("key_environment")


def settings(
    exchange: LoopbackExchange, market: str = "spot", *, stop: D | None = None, quantity: D = ODD
) -> Any:
    at = msgspec.structs.replace(QUICK, rules_seconds=1.0)
    portfolio = PortfolioSettings(stop_loss_pct=stop, sizing="fixed_quantity", quantity=quantity)
    return settings_for(exchange, at=at, market=market, portfolio=portfolio)


def rejections(trader: Trader) -> int:
    return len(trader.events(OrderRejected))


@pytest.mark.parametrize("stop", [None, D(3)])
async def test_a_step_that_grows_closes_all_but_dust_with_one_more_order(
    stop: D | None, tmp_path: Path
) -> None:
    async with LoopbackExchange() as exchange:
        chosen = settings(exchange, stop=stop)
        async with trading(exchange, tmp_path, settings=chosen) as trader:
            await trader.in_position()
            exchange.change_rules(SPOT, lot="0.01")
            trader.signal("close")
            await trader.until(lambda: not trader.run.books.open_quantity(SPOT))
            await trader.quiet()
            assert rejections(trader) <= 1
            assert trader.held == D("0.00342655")
            assert len(trader.events(InstrumentChanged)) == 1
            (row,) = trader.run.status.now().positions
            assert row.dust
            trader.signal("close")
            await trader.until(lambda: "exit_refused" not in trader.alerts())
        async with trading(exchange, tmp_path, settings=chosen) as trader:
            assert trader.run.books.instrument(SPOT).lot_size == D("0.01")
            assert not trader.run.books.open_quantity(SPOT)


async def test_an_entry_is_rounded_by_the_rules_of_now_and_sent_once_more(
    tmp_path: Path,
) -> None:
    async with LoopbackExchange() as exchange:
        chosen = settings(exchange, FUTURES, quantity=D("0.023"))
        async with trading(exchange, tmp_path, settings=chosen, market=FUTURES) as trader:
            exchange.change_rules(SPOT, market=FUTURES, lot="0.01")
            trader.signal("buy")
            await trader.until(lambda: trader.held == D("0.02"))
            await trader.quiet()
            assert rejections(trader) <= 1
            assert "entry_refused" not in trader.alerts()


async def test_a_stop_moves_to_the_steps_of_now(tmp_path: Path) -> None:
    async with LoopbackExchange() as exchange:
        chosen = settings(exchange, FUTURES, stop=D("3.01"), quantity=D("0.02"))
        async with trading(exchange, tmp_path, settings=chosen, market=FUTURES) as trader:
            exchange.change_rules(SPOT, market=FUTURES, tick="10")
            await trader.in_position()
            (stop,) = trader.run.books.working_orders(SPOT)
            assert stop.spec.stop_price is not None
            assert not stop.spec.stop_price % 10
            await trader.until(lambda: "stop_refused" not in trader.alerts())


async def test_what_has_become_too_small_is_not_asked_for_again(tmp_path: Path) -> None:
    async with LoopbackExchange() as exchange:
        chosen = settings(exchange, quantity=D("0.02"))
        async with trading(exchange, tmp_path, settings=chosen) as trader:
            exchange.change_rules(SPOT, min_notional="2000")
            trader.signal("buy")
            await trader.until(lambda: trader.events(InstrumentChanged))
            await trader.quiet()
            for _ in range(20):
                trader.signal("buy")
            await trader.run.bus.dispatched()
            assert rejections(trader) <= 1
            assert "below the exchange's minimum of 2000 USDT" in trader.said_of_targets()


@pytest.mark.parametrize("market", ["spot", FUTURES])
async def test_a_symbol_that_stops_trading_is_held_back_until_it_trades_again(
    market: str, tmp_path: Path
) -> None:
    async with LoopbackExchange() as exchange:
        chosen = settings(exchange, market, quantity=D("0.02"))
        async with trading(exchange, tmp_path, settings=chosen, market=market) as trader:
            exchange.close_symbol(SPOT, market=market)
            await trader.until(lambda: RestrictionKind.NOT_TRADED in trader.restrictions())
            status = "BREAK" if market == "spot" else "CLOSE"
            (row,) = trader.run.status.now().restrictions
            assert f"takes no orders now, its status is {status}" in row.message
            trader.signal("buy")
            await trader.run.bus.dispatched()
            assert not rejections(trader)
            assert not trader.held
            exchange.reopen_symbol(SPOT, market=market)
            await trader.until(lambda: trader.held)
            await trader.quiet()


async def test_what_is_to_be_delisted_is_not_entered_and_may_be_left(tmp_path: Path) -> None:
    async with LoopbackExchange() as exchange:
        chosen = settings(exchange, FUTURES, quantity=D("0.02"))
        async with trading(exchange, tmp_path, settings=chosen, market=FUTURES) as trader:
            await trader.in_position()
            exchange.announce_delisting(SPOT, exchange.now_ms() + 86_400_000)
            await trader.until(lambda: RestrictionKind.NOT_TRADED in trader.restrictions())
            assert "is to be delisted" in trader.run.status.now().restrictions[0].message
            trader.signal("close")
            await trader.until(lambda: not trader.held)
            trader.signal("buy")
            await trader.until(lambda: not trader.run.books.working_orders())
            assert not trader.held


async def test_an_exit_of_a_closed_symbol_goes_out_as_soon_as_it_is_open(tmp_path: Path) -> None:
    async with LoopbackExchange() as exchange:
        chosen = settings(exchange, FUTURES, quantity=D("0.02"))
        async with trading(exchange, tmp_path, settings=chosen, market=FUTURES) as trader:
            await trader.in_position()
            exchange.close_symbol(SPOT, market=FUTURES)
            trader.signal("close")
            await trader.until(lambda: "exit_refused" in trader.alerts())
            await trader.until(lambda: RestrictionKind.NOT_TRADED in trader.restrictions())
            exchange.reopen_symbol(SPOT, market=FUTURES)
            await trader.until(lambda: not trader.held)
            await trader.until(lambda: "exit_refused" not in trader.alerts())
            await trader.quiet()


@pytest.mark.slow
def test_an_emergency_stop_without_a_process_goes_by_the_rules_of_now(tmp_path: Path) -> None:
    with live_harness(tmp_path, Character.KEEN) as live:
        with live.running() as run:
            run.line(" FILL ")
            run.send(signal.SIGTERM)
            run.end()
        live.exchange.change_rules(SPOT, lot="0.01")
        answer = live.tradectl("emergency-stop", "--flatten", "--json")
        assert answer.code == 0
        assert answer.document()["confirmed"]
        assert 0 < live.position < D("0.01")
