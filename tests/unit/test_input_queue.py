"""What waits to be dispatched: how much of each class, and for how long."""

from __future__ import annotations

import itertools
from decimal import Decimal

from tradectl.bus.input_queue import InputQueue
from tradectl.domain.events import (
    CommandReceived,
    EventPriority,
    MarketDataEvent,
    TimerFired,
)

MARKET, TIMER = EventPriority.MARKET_DATA, EventPriority.TIMER


def trade() -> MarketDataEvent:
    return MarketDataEvent(
        source_component="feed", symbol="BTCUSDT", price=Decimal(1), volume=Decimal(1)
    )


def timer() -> TimerFired:
    return TimerFired(source_component="bus", name="review")


def test_what_waits_is_told_by_class() -> None:
    queue = InputQueue(10)
    assert set(queue.depths().values()) == {0}
    queue.put(timer())
    queue.put(timer())
    queue.put(CommandReceived(source_component="operator", command="pause"))  # type: ignore[arg-type]
    queue.put_market([trade()] * 3)
    depths = {p: n for p, n in queue.depths().items() if n}
    assert depths == {EventPriority.COMMAND: 1, TIMER: 2, MARKET: 3}
    assert sum(queue.depths().values()) == len(queue)


def test_one_input_of_each_class_after_the_other_is_timed_until_it_is_taken() -> None:
    ticks = itertools.count(1_000, 1_000)
    queue = InputQueue(10, lambda: next(ticks))
    first, second = timer(), timer()
    queue.put(first)  # timed from 1,000
    queue.put(second)  # not looked at: there is one
    queue.put_market([trade(), trade()])  # the first is timed from 2,000
    assert queue.take_urgent() is first
    assert (queue.waits[TIMER].count, queue.waits[TIMER].total_ns) == (1, 2_000)
    assert queue.take_urgent() is second
    assert queue.waits[TIMER].count == 1
    queue.look(50_000)
    assert queue.waits[MARKET].count == 0
    queue.market.popleft()
    queue.look(52_000)
    assert (queue.waits[MARKET].count, queue.waits[MARKET].total_ns) == (1, 50_000)
    assert queue.looks_for == 0
    queue.put_market([trade()])  # the next is timed from 4,000
    queue.market.popleft()
    queue.look(4_006)
    assert queue.looks_for == 3  # the one before it is there still
    queue.market.popleft()
    queue.look(4_007)
    assert (queue.waits[MARKET].count, queue.waits[MARKET].total_ns) == (2, 50_007)


def test_market_data_that_is_shed_waits_no_more() -> None:
    queue = InputQueue(2, lambda: 0)
    queue.put_market([trade()])
    queue.put_market([trade(), trade()])
    queue.look(7)
    assert (queue.waits[MARKET].count, queue.dropped) == (1, 1)


def test_on_recorded_time_nothing_is_timed() -> None:
    queue = InputQueue(2)
    queue.put_market([trade()])
    queue.put(timer())
    queue.take_urgent()
    queue.market.clear()
    assert queue.looks_for == 0
    assert not any(waits.count for waits in queue.waits.values())
