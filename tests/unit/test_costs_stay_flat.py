"""What a thing costs does not grow with what is not concerned: counted in instructions, at two sizes."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from tests.fixtures.work import work_of
from tradectl.domain.events import EmergencyStopReceived, MarketDataEvent, Record
from tradectl.domain.instruments import InstrumentKind
from tradectl.operations.bench.sized_system import PRICE, START, SizedSystem, resting_buys
from tradectl.strategy.base import Signal, Strategy
from tradectl.strategy.configured import StrategyInstance
from tradectl.strategy.engine import StrategyEngine

PERPETUAL = InstrumentKind.PERPETUAL
FEW, MANY = 20, 120
FLAT = 1.1

Prepared = tuple[Callable[[], object], int]
"""What is to be done, and how many things that is."""


def stop_with_resting_orders(count: int) -> Prepared:
    resting = resting_buys(["C0USDT"], count, below=PRICE / 2)
    made = SizedSystem(1, kind=PERPETUAL, held=Decimal(1), resting=resting)
    stop = EmergencyStopReceived(source_component="test", reason="test")
    return lambda: made.system.apply(stop), count


def tick_while_words_wait(count: int) -> Prepared:
    """Of so many symbols a strategy has said too much."""
    engine = StrategyEngine([StrategyInstance("fast", "")], max_signals_per_second=1, find=found)
    for symbol in [f"C{n}USDT" for n in range(count)] * 2:
        tick(engine, symbol, at=1)
    assert engine.deferred("fast", "C0USDT")
    return lambda: tick(engine, "C0USDT", at=2), 1


class SaysSoAlways(Strategy):
    def on_trade(self, trade: MarketDataEvent) -> Signal | None:
        return self.long()


def found(_name: str) -> type[Strategy]:
    return SaysSoAlways


def tick(engine: StrategyEngine, symbol: str, at: int) -> None:
    trade = MarketDataEvent(symbol=symbol, price=PRICE, volume=PRICE, ts=START + at)
    engine.on_market(trade, Record(at, START + at, trade))


@pytest.mark.parametrize(
    "prepare",
    [
        stop_with_resting_orders,
        tick_while_words_wait,
    ],
)
def test_it_costs_the_same_beside_many(prepare: Callable[[int], Prepared]) -> None:
    costs = []
    for count in (FEW, MANY):
        act, things = prepare(count)
        costs.append(work_of(act) / things)
    assert costs[1] <= FLAT * costs[0]
