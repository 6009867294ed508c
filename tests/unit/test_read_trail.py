"""The way of an order is the same from wherever the run is followed."""

from __future__ import annotations

import math
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.fixtures.journalled import journalled
from tests.unit.test_untraded import START
from tests.unit.test_why_gates import two
from tradectl.domain.events import (
    MarketDataEvent,
    OrderInitialized,
    SignalAction,
    StrategySignalEvent,
)
from tradectl.domain.time import MINUTE
from tradectl.explain import read_trail
from tradectl.explain.read_trail import trail_of
from tradectl.explain.why_order import told
from tradectl.journal import groups
from tradectl.journal.reader import JournalReader


def spoken(seed: int, inputs: int) -> list[Any]:
    """Trades, some of them with a word of a strategy."""
    chance, events = Random(seed), list[Any]()
    for n in range(inputs):
        price = 100 + 10 * math.sin(n / 5)
        events.append(trade(f"{price:.2f}", n))
        if chance.random() < 0.3:
            events.append(
                StrategySignalEvent(
                    symbol="BTCUSDT",
                    action=chance.choice([*SignalAction]),
                    strategy=chance.choice(["it", "other"]),
                    reason=f"word {n}",
                )
            )
    return events


def trade(price: str, n: int) -> MarketDataEvent:
    return MarketDataEvent(
        symbol="BTCUSDT", price=Decimal(price), volume=Decimal(1), ts=START + n * 20 * MINUTE
    )


def orders_in(path: Path) -> list[str]:
    with JournalReader(path) as log:
        return [
            r.event.order.order_id for r in log.records() if isinstance(r.event, OrderInitialized)
        ]


@pytest.mark.parametrize("perpetual", [True, False])
def test_it_is_told_alike_wherever_the_run_is_followed_from(
    perpetual: bool, tmp_path: Path
) -> None:
    path = journalled(tmp_path, two(perpetual=perpetual), spoken(5, 60), seals=True)
    made, short = orders_in(path), 0
    for order_id in made:
        whole = told(trail_of(path, order_id, followed=()), path)
        for records in (10, 60, 150):
            trail = read_trail._nearby(path, order_id, records, None)
            if trail is not None:
                short += 1
                trail.end()
                assert told(trail, path) == whole
    assert 0 < short < 3 * len(made)


def test_a_step_that_is_read_in_parts_is_followed_as_a_whole_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = journalled(tmp_path, two(perpetual=False), spoken(5, 40))
    made = orders_in(path)
    whole = {order_id: told(trail_of(path, order_id, followed=()), path) for order_id in made}
    monkeypatch.setattr(groups, "PART", 1)
    for order_id in made[:4]:
        for records in range(-3, 30, 2):  # from the middle of its own step, or of an earlier one
            trail = read_trail._nearby(path, order_id, records, None)
            if trail is not None:
                trail.end()
                assert told(trail, path) == whole[order_id]
