"""`orders --tca`: what each order cost, worked out again by hand."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from tests.fixtures.journalled import RUN, journalled
from tests.fixtures.worked import BEGIN, SYMBOL, execution, settings_of
from tradectl.domain.events import Event, MarketDataEvent, SignalAction, StrategySignalEvent
from tradectl.domain.time import SECOND
from tradectl.explain.tca import trading_costs

PRICES = ("100", "100", "101", "102", "103", "104", "105", "106", "107", "107", "107")


def inputs() -> list[Event]:
    """A second between them; bid and ask are a tenth apart."""
    events: list[Event] = []
    for n, price in enumerate(PRICES):
        last, half = Decimal(price), Decimal("0.05")
        events.append(
            MarketDataEvent(
                symbol=SYMBOL, price=last, volume=Decimal(50), bid=last - half, ask=last + half,
                ts=BEGIN + n * SECOND,
            )
        )  # fmt: skip
        if n == 0:
            events.append(StrategySignalEvent(symbol=SYMBOL, action=SignalAction.BUY, strategy="s"))
    return events


def test_an_order_is_measured_with_all_its_children(tmp_path: Path) -> None:
    path = journalled(tmp_path, settings_of(execution("twap")), inputs())
    costs = trading_costs(path)
    (order,) = costs.orders
    assert (costs.run_id, order.algorithm, order.children) == (RUN, "twap", 4)
    assert (order.arrival, order.filled) == ("100", "10")
    average = Decimal(order.average_price or 0)
    cost = (average - 100) * 10
    assert Decimal(order.slippage or 0) == cost == Decimal(costs.slippage) > 0
    assert Decimal(order.slippage_bps or 0) == cost / 1_000 * 10_000
    assert Decimal(order.fees) == Decimal(costs.fees) == average * 10 / 1_000
    assert Decimal(costs.notional) == average * 10
    assert order.duration_s is not None
    assert 7.5 <= order.duration_s <= 9
    assert Decimal(order.slippage_mid_bps or 0) < Decimal(order.slippage_bps or 0)


def test_an_order_that_leaves_whole_has_no_children(tmp_path: Path) -> None:
    path = journalled(tmp_path, settings_of(execution("none")), inputs())
    (order,) = trading_costs(path, newest=1).orders
    assert (order.algorithm, order.children, order.filled) == ("", 0, "10")
