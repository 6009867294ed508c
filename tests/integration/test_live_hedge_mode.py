"""Hedge mode that is switched on while we trade: it is noticed whichever way it shows, nothing enters,
and what protects and what exits go on, on the right side. Whoever uses the account has the other one.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.fixtures.live_trader import (
    QUICK,
    SPOT,
    Trader,
    protected,
    settings_for,
    subscribed,
    trading,
    verified,
)
from tradectl.domain.errors import VenueRefusal
from tradectl.domain.events import RestrictionKind
from tradectl.domain.states import AlertSeverity
from tradectl.runtime.run_options import RunOptions
from tradectl.runtime.trade import trade
from tradectl.storage.directory import StateDir
from tradectl.testkit import LoopbackExchange

FUTURES = "futures"
HEDGE_MODE = RestrictionKind.HEDGE_MODE
D = Decimal

pytestmark = [pytest.mark.usefixtures("key_environment"), pytest.mark.virtual_time]


def mode(trader: Trader, *, on: bool = True) -> Any:
    return lambda: (HEDGE_MODE in trader.restrictions()) is on


async def is_noticed(trader: Trader) -> None:
    await trader.until(mode(trader))
    alert = trader.alerts()["restricted_hedge_mode"]
    assert alert.severity is AlertSeverity.CRITICAL
    assert "set it to one-way mode" in alert.message
    assert "tradectl reconcile" in alert.message
    assert (await trader.orders_done(trader.buy("0.02"))).status == "denied"


def outside(exchange: LoopbackExchange, side: str, quantity: str, position_side: str) -> None:
    exchange.outside_order(
        "main", SPOT, side, quantity, market=FUTURES, position_side=position_side
    )


@pytest.mark.parametrize("cancels", [False, True])
async def test_a_position_keeps_its_stop_and_is_closed_on_its_side(
    cancels: bool, tmp_path: Path
) -> None:
    async with LoopbackExchange() as exchange:
        settings = protected(exchange, FUTURES)
        async with trading(exchange, tmp_path, settings=settings, market=FUTURES) as trader:
            held = await trader.in_position()
            await trader.until(lambda: trader.stops)
            exchange.set_hedge_mode(True, cancels=cancels)
            await is_noticed(trader)
            await trader.until(lambda: [o.quantity for o in trader.stops] == [held])
            assert [o.position_side for o in trader.stops] == ["LONG"]
            outside(exchange, "sell", "0.5", "SHORT")
            await trader.until(lambda: "external_changed" in trader.alerts())
            assert trader.held == held
            trader.signal("close")
            await trader.until(lambda: not trader.held and not trader.stops)
            assert exchange.position(SPOT) == 0
            assert exchange.accounts["main"].futures.beside[SPOT].amount == D("-0.5")
            [row] = [r for r in trader.run.status.now().external if r.symbol == SPOT]
            assert D(row.quantity) == D("-0.5")
            outside(exchange, "buy", "0.5", "SHORT")
            exchange.set_hedge_mode(False)
            await trader.until(mode(trader, on=False))
            await trader.clean()
            assert "restricted_hedge_mode" not in trader.alerts()
            assert await trader.in_position() == held


async def test_what_rests_to_enter_is_cancelled(tmp_path: Path) -> None:
    async with LoopbackExchange() as exchange:
        settings = settings_for(exchange, market=FUTURES)
        async with trading(exchange, tmp_path, settings=settings, market=FUTURES) as trader:
            order = trader.buy("0.02", "59000")
            await trader.in_status(order, "accepted")
            exchange.accounts["main"].hedge = True
            await is_noticed(trader)
            assert (await trader.orders_done(order)).status == "canceled"


@pytest.mark.parametrize("action", ["buy", "sell"])
async def test_a_turn_closes_and_does_not_open_the_other_side(action: str, tmp_path: Path) -> None:
    """The strategy wants the other side: what is held goes, and nothing comes."""
    other = "sell" if action == "buy" else "buy"
    async with LoopbackExchange() as exchange:
        settings = protected(exchange, FUTURES)
        async with trading(exchange, tmp_path, settings=settings, market=FUTURES) as trader:
            await trader.in_position(action)
            exchange.set_hedge_mode(True)
            trader.signal(other)
            await trader.until(lambda: not trader.held)
            await trader.until(mode(trader))
            trader.signal(other)
            await trader.compared()
            assert exchange.position(SPOT) == 0
            assert exchange.accounts["main"].futures.beside[SPOT].amount == 0


async def test_a_refused_entry_shows_it_at_once(tmp_path: Path) -> None:
    """Long before the next comparison."""
    async with LoopbackExchange() as exchange:
        at = msgspec.structs.replace(QUICK, reconcile_seconds=600)
        settings = settings_for(exchange, at=at, market=FUTURES)
        async with trading(exchange, tmp_path, settings=settings, market=FUTURES) as trader:
            await trader.first_entry()
            exchange.set_hedge_mode(True)
            order = await trader.orders_done(trader.buy("0.01"))
            assert order.status == "rejected"
            await is_noticed(trader)


async def test_a_refused_exit_shows_it_at_once(tmp_path: Path) -> None:
    """What only reduces is refused there for saying so: the next try names the side."""
    async with LoopbackExchange() as exchange:
        at = msgspec.structs.replace(QUICK, reconcile_seconds=600)
        settings = settings_for(exchange, at=at, market=FUTURES)
        async with trading(exchange, tmp_path, settings=settings, market=FUTURES) as trader:
            await trader.in_position()
            exchange.accounts["main"].hedge = True
            trader.signal("close")
            await trader.until(lambda: "exit_refused" in trader.alerts())
            assert "set it to one-way mode" in trader.alerts()["exit_refused"].message
            await trader.until(lambda: not trader.held)
            await is_noticed(trader)
            assert exchange.position(SPOT) == 0


async def test_somebody_elses_order_on_the_stream_shows_it(tmp_path: Path) -> None:
    async with LoopbackExchange() as exchange:
        at = msgspec.structs.replace(QUICK, reconcile_seconds=600)
        settings = settings_for(exchange, at=at, market=FUTURES)
        async with trading(exchange, tmp_path, settings=settings, market=FUTURES) as trader:
            exchange.set_hedge_mode(True)
            outside(exchange, "sell", "0.5", "SHORT")
            await is_noticed(trader)


async def test_what_others_trade_on_the_other_side_is_not_ours(tmp_path: Path) -> None:
    """It is larger than ours, is liquidated, and our stop and position stay."""
    async with LoopbackExchange() as exchange:
        settings = protected(exchange, FUTURES)
        async with trading(exchange, tmp_path, settings=settings, market=FUTURES) as trader:
            held = await trader.in_position()
            exchange.set_hedge_mode(True)
            await is_noticed(trader)
            for side, quantity in (("sell", "0.5"), ("buy", "0.2"), ("buy", "0.3")):
                outside(exchange, side, quantity, "SHORT")
                await trader.compared()
            await trader.until(lambda: not trader.run.status.now().external)
            assert trader.held == held
            assert [o.quantity for o in trader.stops] == [held]
            assert RestrictionKind.MISMATCH not in trader.held_for()
            outside(exchange, "sell", "0.005", "LONG")
            await trader.until(lambda: trader.held == held - D("0.005"))
            await trader.until(lambda: [o.quantity for o in trader.stops] == [trader.held])


async def test_a_run_is_refused_flat_and_sees_to_what_is_open(tmp_path: Path) -> None:
    async with LoopbackExchange() as exchange:
        settings = protected(exchange, FUTURES)
        exchange.set_hedge_mode(True)
        with pytest.raises(VenueRefusal, match="set it to one-way mode"):
            async with trading(exchange, tmp_path / "flat", settings=settings, market=FUTURES):
                pass
        exchange.set_hedge_mode(False)
        folder = tmp_path / "held"
        async with trading(exchange, folder, settings=settings, market=FUTURES) as trader:
            held = await trader.in_position()
        exchange.set_hedge_mode(True, cancels=True)
        trader = Trader(exchange, FUTURES)
        options = RunOptions(settings=settings, state_dir=StateDir(folder), duration=60)
        trader.task = asyncio.ensure_future(trade(options, trader))
        await trader.ready.wait()
        await subscribed(trader)
        await trader.price("60000")
        await trader.until(lambda: [o.quantity for o in trader.stops] == [held])
        await is_noticed(trader)
        await trader.end()
        await verified(folder)
