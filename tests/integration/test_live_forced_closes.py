"""Positions that the exchange closes by itself, on a live run: liquidation, auto-deleveraging, a market
that is delisted. The fill is booked to the position, with the fee as what it is, and nothing buys it
back.

Every run here is also replayed at its end (see `trading`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.fixtures.command import journals
from tests.fixtures.live_trader import QUICK, SPOT, Trader, settings_for, trading
from tradectl.domain.event import SignalAction
from tradectl.domain.events import (
    CloseCause,
    PositionLiquidated,
    RestrictionKind,
    StrategySignalEvent,
)
from tradectl.domain.states import TradingState
from tradectl.journal.reader import JournalReader
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.state.consistency import problems_of
from tradectl.testkit import LoopbackExchange

pytestmark = [pytest.mark.usefixtures("key_environment"), pytest.mark.virtual_time]

PERPETUAL = msgspec.structs.replace(QUICK, market="perpetual")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
async def exchange() -> AsyncIterator[LoopbackExchange]:
    async with LoopbackExchange(seed=1) as made:
        yield made


def on(exchange: LoopbackExchange, folder: Path, **more: Any) -> Any:
    settings = settings_for(exchange, at=PERPETUAL, **more)
    return trading(exchange, folder, settings=settings, market="futures")


def wants(trader: Trader, action: SignalAction, strategy: str = "a", strength: float = 1.0) -> None:
    trader.run.bus.post(
        StrategySignalEvent(
            source_component="test",
            symbol=SPOT,
            action=action,
            strategy=strategy,
            strength=strength,
        )
    )


async def entered(trader: Trader) -> Decimal:
    """A strategy goes long; what it holds."""
    wants(trader, SignalAction.BUY)

    def is_in() -> bool:
        working = trader.run.books.working_orders()
        return trader.held > 0 and all(order.spec.is_stop_loss for order in working)

    await trader.until(is_in)
    return trader.held


async def as_the_exchange_has_it(trader: Trader) -> None:
    """Position and money, to the last digit."""
    books = trader.run.books
    await trader.until(lambda: trader.held == trader.true_position)
    await trader.until(lambda: books.cash == trader.exchange.wallet())
    assert problems_of(books.snapshot(), books.instruments) == []
    assert RestrictionKind.MISMATCH not in trader.held_for()


def closed(folder: Path) -> list[PositionLiquidated]:
    found = []
    for path in journals(folder):
        with JournalReader(path) as journal:
            found += [r.event for r in journal.records() if type(r.event) is PositionLiquidated]
    return found


async def test_a_deleveraged_position_is_booked_and_not_bought_back(
    exchange: LoopbackExchange, folder: Path
) -> None:
    async with on(exchange, folder) as trader:
        held = await entered(trader)
        sent = len(exchange.truth.ours())
        order = exchange.deleverage(SPOT)
        assert order is not None
        await trader.until(lambda: trader.held == 0)
        await as_the_exchange_has_it(trader)
        alert = trader.alerts()["adl"]
        assert alert.severity.value == "critical"
        assert "auto-deleveraging" in alert.message
        wants(trader, SignalAction.BUY)  # its old word
        await trader.until(lambda: "stopped out" in trader.said_of_targets())
        assert len(exchange.truth.ours()) == sent
        wants(trader, SignalAction.SELL)  # a new one
        await trader.until(lambda: trader.held < 0)
    (event,) = closed(folder)
    assert (event.cause, event.quantity, event.fee) == (CloseCause.ADL, held, Decimal(0))


async def test_of_a_partly_deleveraged_position_the_rest_stays(
    exchange: LoopbackExchange, folder: Path
) -> None:
    portfolio = PortfolioSettings(stop_loss_pct=Decimal(3))
    async with on(exchange, folder, portfolio=portfolio) as trader:
        held = await entered(trader)
        exchange.deleverage(SPOT, fraction="0.5")
        await trader.until(lambda: 0 < trader.held < held)
        rest = trader.held
        await as_the_exchange_has_it(trader)
        wants(trader, SignalAction.BUY)
        await trader.price("60010")
        await trader.price("60020")
        await trader.until(lambda: [o.remaining for o in stops(trader)] == [rest])
        assert trader.held == rest == exchange.position(SPOT)


def stops(trader: Trader) -> list[Any]:
    return [o for o in trader.exchange.truth.open_orders(market="futures") if o.stop_price]


async def test_a_liquidation_is_booked_with_its_fees_and_halts_a_cross_account(
    exchange: LoopbackExchange, folder: Path
) -> None:
    async with on(exchange, folder) as trader:
        held = await entered(trader)
        exchange.liquidate(SPOT)
        await trader.until(lambda: trader.held == 0)
        await as_the_exchange_has_it(trader)
        books = trader.run.books
        assert books.account.insurance == exchange.accounts["main"].futures.income.total(
            "INSURANCE_CLEAR"
        )
        assert books.account.strategies["a"].insurance == books.account.insurance < 0
        assert books.trading_state is TradingState.HALTED
        assert trader.alerts()["liquidated"].severity.value == "critical"
    (event,) = closed(folder)
    assert (event.cause, event.quantity) == (CloseCause.LIQUIDATION, held)
    assert event.fee > 0


async def test_what_was_closed_while_nothing_ran_is_booked_once(
    exchange: LoopbackExchange, folder: Path
) -> None:
    async with on(exchange, folder) as trader:
        await entered(trader)
    exchange.deleverage(SPOT)
    for _ in range(2):
        async with on(exchange, folder) as trader:
            assert trader.held == 0
            await as_the_exchange_has_it(trader)
    assert len(closed(folder)) == 1


async def test_a_position_is_settled_where_its_market_is_delisted(
    exchange: LoopbackExchange, folder: Path
) -> None:
    async with on(exchange, folder) as trader:
        await entered(trader)
        exchange.settle_market(SPOT)
        await trader.until(lambda: trader.held == 0)
        await as_the_exchange_has_it(trader)
        assert "settlement" in trader.alerts()


async def test_somebody_elses_trade_is_none_of_the_exchanges_own(
    exchange: LoopbackExchange, folder: Path
) -> None:
    async with on(exchange, folder) as trader:
        held = await entered(trader)
        exchange.outside_trade("main", SPOT, "SELL", held, market="futures")
        await trader.until(lambda: trader.held == 0)
        await as_the_exchange_has_it(trader)
        assert "manual" in trader.alerts()
        assert not {"liquidated", "adl", "settlement"} & {*trader.alerts()}
    [(cause, quantity)] = [(event.cause, event.quantity) for event in closed(folder)]
    assert (cause, quantity) == (CloseCause.MANUAL, Decimal(held))


async def test_two_strategies_bear_it_by_what_they_held(
    exchange: LoopbackExchange, folder: Path
) -> None:
    async with on(exchange, folder) as trader:
        await entered(trader)
        wants(trader, SignalAction.BUY, "b")
        await trader.until(lambda: len(trader.run.books.holdings(SPOT)) == 2)
        await trader.until(lambda: not trader.run.books.working_orders())
        paid = exchange.fund(SPOT, "0.001")
        await as_the_exchange_has_it(trader)
        exchange.deleverage(SPOT)
        await trader.until(lambda: trader.held == 0)
        await as_the_exchange_has_it(trader)
        totals = trader.run.books.account.strategies
        assert totals["a"].funding + totals["b"].funding == paid
        assert all(own.quantity == 0 for own in trader.run.books.holdings(SPOT).values())
