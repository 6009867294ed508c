"""`orders --tca`: what each order cost, worked out again by hand."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from msgspec.structs import replace

from tests.fixtures.journalled import RUN, journalled
from tests.fixtures.worked import BEGIN, SYMBOL, execution, settings_of
from tradectl.bus.clock import DataClock
from tradectl.cli.output.figures import rough
from tradectl.domain.events import Event, MarketDataEvent, SignalAction, StrategySignalEvent
from tradectl.domain.time import SECOND
from tradectl.explain.tca import trading_costs
from tradectl.state.account import Account
from tradectl.system.trading_system import TradingSystem, on_paper

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


def test_a_resting_limit_is_measured_against_the_price_when_it_was_asked_for(
    tmp_path: Path,
) -> None:
    """It asks for 99.9 at a price of 100, or is filled at that at once: not against itself."""
    settings = settings_of(execution("none"))
    how = replace(settings.portfolio, order_type="limit", limit_offset_bps=Decimal(-300))
    path = journalled(tmp_path, replace(settings, portfolio=how), inputs())
    (order,) = trading_costs(path).orders
    assert (order.arrival, order.filled) == ("100", "10")
    average = Decimal(order.average_price or 0)
    assert Decimal(order.slippage or 0) == (average - 100) * 10


def test_an_order_that_an_earlier_run_began_is_told_whole(tmp_path: Path) -> None:
    settings, events = settings_of(execution("twap")), inputs()
    first = journalled(tmp_path, settings, events[:6], ends=False)
    system = TradingSystem(
        settings, Account.open(RUN, "USDT", settings.account.cash), RUN, DataClock(),
        gateway=on_paper(settings),
    )  # fmt: skip
    system.open()
    for event in events[:6]:
        system.apply(event)
    account = Account.load(system.books.snapshot().dump())
    later = journalled(
        tmp_path, settings, events[6:], run_id="20240101T000001000-0002", after=(RUN, account)
    )
    (before,), (after,) = trading_costs(first).orders, trading_costs(later).orders
    assert 0 < Decimal(before.filled) < 10
    assert (after.order_id, after.arrival, after.filled) == (before.order_id, "100", "10")
    assert Decimal(after.slippage or 0) > Decimal(before.slippage or 0)


def test_next_to_nothing_is_shown_without_a_sign() -> None:
    assert [rough(each) for each in ("-0.04", "-0.4", "0.01")] == ["0", "-0.4", "0"]
