"""What a thing costs does not grow with what is not concerned: counted in instructions, at two sizes."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from tests.fixtures.work import work_of
from tradectl.domain.events import (
    EmergencyStopReceived,
    MarketDataEvent,
    Record,
)
from tradectl.domain.instruments import InstrumentKind
from tradectl.domain.money import Side
from tradectl.domain.orders import Order, OrderStatus
from tradectl.domain.risk_memory import KEYS_KEPT, RiskMemory
from tradectl.domain.working_orders import WorkingOrders
from tradectl.operations.bench.growth_beside import bid, bought, talker
from tradectl.operations.bench.sized_system import PRICE, START, STEP, SizedSystem, resting_buys
from tradectl.strategy.configured import StrategyInstance
from tradectl.strategy.engine import StrategyEngine

PERPETUAL = InstrumentKind.PERPETUAL
FEW, MANY = 15, 80
FLAT = 1.1

Prepared = tuple[Callable[[], object], int]
"""What is to be done, and how many things that is."""


def stop_with_resting_orders(count: int) -> Prepared:
    resting = resting_buys(["C0USDT"], count, below=PRICE / 2)
    made = SizedSystem(1, kind=PERPETUAL, held=Decimal(1), resting=resting)
    stop = EmergencyStopReceived(source_component="test", reason="test")
    return lambda: made.system.apply(stop), count


def tick_while_signals_wait(count: int) -> Prepared:
    """Of so many symbols a strategy has said too much."""
    engine = StrategyEngine([StrategyInstance("fast", "")], max_signals_per_second=1, find=talker)
    for symbol in [f"C{n}USDT" for n in range(count)] * 2:
        tick(engine, symbol, at=1)
    assert engine.deferred("fast", "C0USDT")
    return lambda: tick(engine, "C0USDT", at=2), 1


def tick(engine: StrategyEngine, symbol: str, at: int) -> None:
    trade = MarketDataEvent(symbol=symbol, price=PRICE, volume=PRICE, ts=START + at)
    engine.on_market(trade, Record(at, START + at, trade))


def tick_of_many_brackets(count: int) -> Prepared:
    """So many strategies hold the symbol, each with a stop far away."""
    made = SizedSystem(1, kind=PERPETUAL)
    for n in range(count):
        made.system.apply(made.tick("C0USDT"), bought("C0USDT", f"s{n}"))
    made.system.apply(made.tick("C0USDT"))
    return lambda: made.system.apply(made.tick("C0USDT")), 1


def tick_of_coins_beside_perpetuals(count: int) -> Prepared:
    """Buys of coins rest, and the money may stand behind perpetuals by now."""
    resting = resting_buys(["C0USDT"], count, below=PRICE / 2)
    made = SizedSystem(count + 1, kind=PERPETUAL, coins=1, held=Decimal(1), resting=resting)
    made.system.apply(*made.ticks(3 * len(made.symbols)))
    return lambda: made.system.apply(made.tick("C0USDT")), 1


def liquidation_of_one(count: int) -> Prepared:
    made = SizedSystem(count, kind=PERPETUAL, isolated=True, held=Decimal(1))
    made.system.apply(*made.ticks(3 * count))
    made.system.books.equity()
    return lambda: made.system.apply(made.tick("C0USDT", PRICE / 2)), 1


def best_price_beside_cancels(count: int) -> Prepared:
    """So many that stand before it are being cancelled."""
    works = [
        Order(spec, 1, 1, OrderStatus.ACCEPTED) for spec in resting_buys(["C0USDT"], count + 1)
    ]
    orders = WorkingOrders(works)
    for order in works[:-1]:
        orders.change(order, OrderStatus.PENDING_CANCEL, order.filled)
    assert orders.best(Side.BUY) is works[-1]
    return lambda: orders.best(Side.BUY), 1


def fill_while_buys_wait_for_money(count: int) -> Prepared:
    """More is wanted of every other symbol than there is money for."""
    made = SizedSystem(count + 1, cash=Decimal(10_000))
    made.system.apply(*made.ticks(count + 1))
    for symbol in made.symbols[1:]:
        made.want(symbol, 1_000)
    assert made.want("C0USDT", 1)
    return lambda: made.want("C0USDT", 2), 1


def fill_beside_quotes_of_others(count: int) -> Prepared:
    """So many strategies have something to rest in the symbol."""
    made = SizedSystem(1, kind=PERPETUAL)
    for n in range(count):
        made.system.apply(made.tick("C0USDT"), bid(n, Decimal(1)))
    reach = [made.tick("C0USDT", PRICE - (n + Decimal("1.5")) * STEP) for n in range(3)]
    made.system.apply(*reach[:2])
    return lambda: made.system.apply(reach[2]), 1


def execution_of_another_kind(count: int) -> Prepared:
    """All those that are remembered are of the time that is looked at."""
    kinds = {f"{n}": [1] for n in range(KEYS_KEPT + count)}
    memory, window = RiskMemory(executions=kinds), (3, 1_000)
    (spec,) = resting_buys(["C0USDT"], 1)
    return lambda: memory.note_execution(spec, 2, window), 1


@pytest.mark.parametrize(
    "prepare",
    [
        stop_with_resting_orders,
        tick_while_signals_wait,
        tick_of_many_brackets,
        tick_of_coins_beside_perpetuals,
        liquidation_of_one,
        best_price_beside_cancels,
        execution_of_another_kind,
        fill_while_buys_wait_for_money,
        fill_beside_quotes_of_others,
    ],
)
def test_it_costs_the_same_beside_many(prepare: Callable[[int], Prepared]) -> None:
    def cost(count: int) -> float:
        act, things = prepare(count)
        return work_of(act) / things

    assert cost(MANY) <= FLAT * cost(FEW)
