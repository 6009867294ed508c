from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from itertools import count
from typing import Any

import pytest

from tests.fixtures.fake_account import PERP, SPOT, FakeAccount
from tests.fixtures.rows import each_row
from tradectl.domain.events import (
    CancelRequested,
    Event,
    OrderInitialized,
    StrategySignalEvent,
    TargetComputed,
)
from tradectl.domain.money import Side
from tradectl.domain.orders import OrderSpec, OrderStatus, OrderType
from tradectl.domain.plans import Algorithm, ExecutionPlan
from tradectl.domain.shares import Share, StrategyTarget
from tradectl.domain.states import TradingState
from tradectl.domain.time import SECOND
from tradectl.portfolio.engine import PortfolioEngine
from tradectl.portfolio.portfolio_settings import PortfolioSettings

D = Decimal
BTC, PERPETUAL = SPOT.symbol, PERP.symbol


def engine(allocations: Mapping[str, D] | None = None, **settings: Any) -> PortfolioEngine:
    ids = count(1)
    return PortfolioEngine(
        PortfolioSettings(**settings), allocations or {}, lambda: f"id-{next(ids)}"
    )


def account(symbol: str = BTC, mark: str = "100", held: str = "0") -> FakeAccount:
    return FakeAccount().price(symbol, mark).own(symbol, held, mark)


def signal(
    action: Any, symbol: str = BTC, strategy: str = "ema", **fields: Any
) -> StrategySignalEvent:
    return StrategySignalEvent(symbol=symbol, action=action, strategy=strategy, **fields)


def answer(events: list[Event]) -> TargetComputed:
    assert isinstance(events[0], TargetComputed)
    return events[0]


def reason(events: list[Event]) -> str:
    """Why nothing is done: there is one answer, and no change in it."""
    assert len(events) == 1
    assert answer(events).change == 0
    return answer(events).reason


def orders(events: list[Event]) -> list[OrderSpec]:
    return [event.order for event in events if isinstance(event, OrderInitialized)]


def brief(events: list[Event]) -> list[tuple[str, D, bool]]:
    return [(order.side.value, order.quantity, order.reduce_only) for order in orders(events)]


def work(view: FakeAccount, side: Side, quantity: str, **fields: Any) -> None:
    status = fields.pop("status", OrderStatus.ACCEPTED)
    spec = OrderSpec(
        f"w-{len(view.orders)}", fields.pop("symbol", BTC), side, D(quantity), **fields
    )
    view.work(spec, status)


LIMIT = {"type": OrderType.LIMIT, "price": D(99)}


# --- from a signal to an order --------------------------------------------------------------------


def test_a_signal_becomes_a_target_and_an_order() -> None:
    events = engine().on_signal(signal("BUY", reason="fast over slow"), account(), 0)
    assert events == [
        TargetComputed(
            source_component="portfolio",
            symbol=BTC,
            target=D(20),
            current=D(0),
            change=D(20),
            reason="fast over slow",
            strategies=(StrategyTarget("ema", D(1), D(1), D(20)),),
        ),
        OrderInitialized(
            source_component="portfolio",
            order=OrderSpec("id-1", BTC, Side.BUY, D(20), strategy="ema"),
            reason="fast over slow",
        ),
    ]


@each_row(
    ("symbol", "held", "action", "expected"),
    [
        (BTC, "0", "buy", [("buy", D(20), False)]),
        (BTC, "5", "buy", [("buy", D(15), False)]),
        (BTC, "60", "buy", [("sell", D(40), True)]),
        (BTC, "5", "sell", [("sell", D(5), True)]),
        (BTC, "5", "close", [("sell", D(5), True)]),
        (PERPETUAL, "0", "sell", [("sell", D(20), False)]),
        (PERPETUAL, "20", "sell", [("sell", D(40), False)]),
        (PERPETUAL, "-20", "buy", [("buy", D(40), False)]),
        (PERPETUAL, "-20", "close", [("buy", D(20), True)]),
        (PERPETUAL, "-60", "sell", [("buy", D(40), True)]),
    ],
)
def test_the_change_is_one_order(
    symbol: str, held: str, action: str, expected: list[tuple[str, D, bool]]
) -> None:
    assert (
        brief(engine().on_signal(signal(action, symbol), account(symbol, held=held), 0)) == expected
    )


@each_row(
    ("symbol", "held", "action"),
    [(BTC, "20", "buy"), (BTC, "0", "sell"), (BTC, "0", "close"), (PERPETUAL, "-20", "sell")],
)
def test_on_target_there_is_nothing_to_do(symbol: str, held: str, action: str) -> None:
    events = engine().on_signal(signal(action, symbol), account(symbol, held=held), 0)
    assert reason(events) == "on target"


def test_quantities_are_cut_to_the_lot() -> None:
    events = engine().on_signal(signal("buy", strength=0.333333333), account(mark="97.77"), 0)
    assert orders(events)[0].quantity == D("6.81872")
    assert answer(events).target == D("6.81872")


def test_a_fixed_quantity_needs_no_equity() -> None:
    view = FakeAccount("0").price(PERPETUAL, "100")
    chosen = engine(sizing="fixed_quantity", quantity=D("0.5"))
    assert brief(chosen.on_signal(signal("sell", PERPETUAL), view, 0)) == [
        ("sell", D("0.5"), False)
    ]


@pytest.mark.parametrize("mark", [None, "0", "-1"])
def test_a_symbol_without_a_price_waits(mark: str | None) -> None:
    view = FakeAccount().own(BTC, "3")
    if mark is not None:
        view.price(BTC, mark)
    events = engine().on_signal(signal("buy"), view, 0)
    assert reason(events) == "no price yet"
    assert answer(events).target == answer(events).current == 3


# --- what is refused ------------------------------------------------------------------------------


@each_row(
    ("asked", "why"),
    [
        (signal("hold"), "refused: action 'hold' is not one of buy, sell, close"),
        (signal("buy", strength=2), "refused: strength 2.0 is not a number from 0 to 1"),
        (signal("buy", confidence=-0.1), "refused: confidence -0.1 is not a number from 0 to 1"),
        (signal("buy", symbol="LUNA"), "refused: unknown symbol 'LUNA'"),
        (signal("buy", strategy="rsi"), "refused: strategy 'rsi' has no allocation"),
    ],
)
def test_a_signal_that_cannot_be_followed_is_answered_with_the_reason(
    asked: StrategySignalEvent, why: str
) -> None:
    view, chosen = account(held="3"), engine({"ema": D(1)})
    events = chosen.on_signal(asked, view, 0)
    assert reason(events).startswith(why)
    assert answer(events).target == answer(events).current == view.position(asked.symbol).quantity
    assert answer(events).strategies == ()


# --- what is not worth an order -------------------------------------------------------------------


@each_row(
    ("held", "action", "why"),
    [
        ("19.91", "buy", "below the minimum trade of 10 USDT"),
        ("19.99", "buy", "below the exchange's minimum of 5 USDT"),
        ("20.09", "buy", "below the minimum trade of 10 USDT"),
        ("0.04", "close", "dust: below the exchange's minimum of 5 USDT"),
        ("0.04", "sell", "dust: below the exchange's minimum of 5 USDT"),
        ("0.000004", "close", "dust: below the exchange's minimum of 5 USDT"),
    ],
)
def test_a_change_that_is_too_small_is_explained(held: str, action: str, why: str) -> None:
    assert reason(engine().on_signal(signal(action), account(held=held), 0)) == why


@pytest.mark.parametrize(
    ("held", "quantity"), [("19.9", "0.1"), ("19.89999", "0.10001"), ("20.1", "0.1")]
)
def test_a_change_of_the_minimum_is_made(held: str, quantity: str) -> None:
    events = engine().on_signal(signal("buy"), account(held=held), 0)
    assert orders(events)[0].quantity == D(quantity)


@pytest.mark.parametrize("held", ["0.05", "0.06"])
def test_closing_is_worth_any_cost(held: str) -> None:
    events = engine().on_signal(signal("close"), account(held=held), 0)
    assert brief(events) == [("sell", D(held), True)]


def test_a_turn_closes_too() -> None:
    chosen = engine(sizing="fixed_quantity", quantity=D("0.06"))
    events = chosen.on_signal(signal("sell", PERPETUAL), account(PERPETUAL, held="0.06"), 0)
    assert brief(events) == [("sell", D("0.12"), False)]


def test_an_entry_counts_dust_in_and_is_not_taken_for_an_exit() -> None:
    chosen = engine(sizing="fixed_quantity", quantity=D("0.2"), turn="two_orders")
    events = chosen.on_signal(signal("sell", PERPETUAL), account(PERPETUAL, held="0.03"), 0)
    assert brief(events) == [("sell", D("0.23"), False)]


def test_a_repeated_signal_does_not_chase_small_drifts() -> None:
    chosen, view = engine(), account()
    view.take(chosen.on_signal(signal("buy"), view, 0))
    view.own(BTC, "17")
    assert (
        reason(chosen.on_signal(signal("buy"), view, 0)) == "within the drift of 25% of the target"
    )
    assert brief(chosen.on_signal(signal("buy", strength=0.9), view, 0)) == [("buy", D(1), False)]


# --- orders on their way --------------------------------------------------------------------------


def test_what_working_orders_bring_is_not_ordered_again() -> None:
    view = account()
    work(view, Side.BUY, "20", status=OrderStatus.SUBMITTED)
    assert reason(engine().on_signal(signal("buy"), view, 0)) == "working orders come first"


def test_a_resting_entry_that_brings_it_there_is_left_alone() -> None:
    view = account()
    work(view, Side.BUY, "20", **LIMIT)
    assert reason(engine().on_signal(signal("buy"), view, 0)) == "working orders come first"


@pytest.mark.parametrize("status", [OrderStatus.SUBMITTED, OrderStatus.UNKNOWN])
def test_only_the_rest_is_ordered(status: OrderStatus) -> None:
    view = account(held="5")
    work(view, Side.BUY, "10", status=status)
    assert brief(engine().on_signal(signal("buy"), view, 0)) == [("buy", D(5), False)]


@pytest.mark.parametrize("status", [OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED])
def test_one_at_market_that_the_market_does_not_fill_is_cancelled_when_the_target_turns(
    status: OrderStatus,
) -> None:
    for after, cancelled in ((SECOND, ["w-0"]), (SECOND - 1, [])):
        view = account(held="5")
        work(view, Side.BUY, "10", status=status)
        view.data_times[BTC] = after
        events = engine().on_signal(signal("close"), view, 0)
        assert [e.order_id for e in events if isinstance(e, CancelRequested)] == cancelled
        assert brief(events) == [("sell", D(5), True)]


def test_a_flip_counts_an_entry_in_flight() -> None:
    view = account(PERPETUAL)
    work(view, Side.BUY, "20", symbol=PERPETUAL, status=OrderStatus.SUBMITTED)
    events = engine().on_signal(signal("sell", PERPETUAL), view, 0)
    assert brief(events) == [("sell", D(40), False)]


@each_row(
    ("symbol", "held", "expected"),
    [
        (BTC, "0", []),
        (BTC, "8", [("sell", D(8), True)]),
        (PERPETUAL, "0", []),
        (PERPETUAL, "8", [("sell", D(8), True)]),
        (PERPETUAL, "-8", [("buy", D(8), True)]),
    ],
)
def test_what_has_not_arrived_is_not_closed(
    symbol: str, held: str, expected: list[tuple[str, D, bool]]
) -> None:
    view = account(symbol, held=held)
    side = Side.SELL if held.startswith("-") else Side.BUY
    work(view, side, "20", symbol=symbol, status=OrderStatus.SUBMITTED)
    assert brief(engine().on_signal(signal("close", symbol), view, 0)) == expected


@pytest.mark.parametrize("symbol", [BTC, PERPETUAL])
def test_what_is_already_leaving_is_not_closed_again(symbol: str) -> None:
    view = account(symbol, held="8")
    work(view, Side.BUY, "10", symbol=symbol, status=OrderStatus.SUBMITTED)
    work(view, Side.SELL, "3", symbol=symbol, status=OrderStatus.SUBMITTED)
    events = engine().on_signal(signal("close", symbol), view, 0)
    assert brief(events) == [("sell", D(5), True)]


def test_spot_in_flight_is_not_sold_before_it_is_there() -> None:
    view = account()
    work(view, Side.BUY, "30", status=OrderStatus.SUBMITTED)
    assert reason(engine().on_signal(signal("buy"), view, 0)) == "working orders come first"


def test_a_closing_order_in_flight_is_not_repeated() -> None:
    view = account(held="8")
    work(view, Side.SELL, "8", reduce_only=True, status=OrderStatus.SUBMITTED)
    assert reason(engine().on_signal(signal("close"), view, 0)) == "working orders come first"


def test_a_resting_order_that_leads_away_is_cancelled() -> None:
    view = account(held="8")
    work(view, Side.BUY, "12", **LIMIT)
    events = engine().on_signal(signal("close", reason="stop"), view, 0)
    assert answer(events).change == -8
    assert events[1] == CancelRequested(
        source_component="portfolio", order_id="w-0", symbol=BTC, reason="stop"
    )
    assert brief(events) == [("sell", D(8), True)]


def test_what_stays_in_flight_still_counts_when_another_order_is_cancelled() -> None:
    view = account(PERPETUAL)
    work(view, Side.BUY, "5", symbol=PERPETUAL, status=OrderStatus.SUBMITTED)
    work(view, Side.BUY, "7", symbol=PERPETUAL, **LIMIT)
    events = engine().on_signal(signal("sell", PERPETUAL), view, 0)
    assert [e.order_id for e in events if isinstance(e, CancelRequested)] == ["w-1"]
    assert brief(events) == [("sell", D(25), False)]


def test_a_resting_entry_is_cancelled_though_nothing_is_held() -> None:
    view = account()
    work(view, Side.BUY, "20", **LIMIT)
    events = engine().on_signal(signal("close"), view, 0)
    assert [type(event) for event in events] == [TargetComputed, CancelRequested]


def test_an_order_asked_to_go_is_expected_to_go() -> None:
    view = account()
    work(view, Side.BUY, "20", status=OrderStatus.PENDING_CANCEL, **LIMIT)
    assert brief(engine().on_signal(signal("buy"), view, 0)) == [("buy", D(20), False)]


def test_a_protective_stop_is_no_step_toward_the_target() -> None:
    view = account(held="20", symbol=PERPETUAL)
    stop = {"type": OrderType.STOP_MARKET, "stop_price": D(90), "reduce_only": True}
    work(view, Side.SELL, "20", symbol=PERPETUAL, **stop)
    assert len(engine().on_signal(signal("buy", PERPETUAL), view, 0)) == 1
    close = signal("close", PERPETUAL)
    assert brief(engine().on_signal(close, view, 0)) == [("sell", D(20), True)]


# --- limit entries --------------------------------------------------------------------------------


@each_row(
    ("held", "action", "offset", "price"),
    [
        ("0", "buy", "10", "99.90"),
        ("0", "sell", "10", "100.10"),
        ("10", "buy", "-10", "100.10"),
        ("0", "buy", "0", "100"),
        ("20", "sell", "10", None),
        ("20", "close", "10", None),
        ("60", "buy", "10", None),
    ],
)
def test_only_entries_are_limit_orders(
    held: str, action: str, offset: str, price: str | None
) -> None:
    chosen = engine(order_type="limit", limit_offset_bps=D(offset))
    order = orders(chosen.on_signal(signal(action, PERPETUAL), account(PERPETUAL, held=held), 0))[0]
    assert order.type is (OrderType.MARKET if price is None else OrderType.LIMIT)
    assert order.price == (None if price is None else D(price))


# --- modes ----------------------------------------------------------------------------------------


@each_row(
    ("held", "action", "expected"),
    [
        ("0", "buy", []),
        ("5", "buy", []),
        ("60", "buy", [("sell", D(40), True)]),
        ("20", "close", [("sell", D(20), True)]),
        ("20", "sell", [("sell", D(20), True)]),
        ("-20", "buy", [("buy", D(20), True)]),
    ],
)
def test_paused_only_what_reduces_is_done(
    held: str, action: str, expected: list[tuple[str, D, bool]]
) -> None:
    view = account(PERPETUAL, held=held)
    view.trading_state = TradingState.PAUSED
    events = engine().on_signal(signal(action, PERPETUAL), view, 0)
    assert brief(events) == expected
    if not expected:
        assert reason(events).startswith("paused")


def test_paused_a_resting_entry_is_cancelled() -> None:
    view = account()
    work(view, Side.BUY, "5", **LIMIT)
    view.trading_state = TradingState.PAUSED
    events = engine().on_signal(signal("buy"), view, 0)
    assert [type(event) for event in events] == [TargetComputed, CancelRequested]


def test_halted_nothing_is_done_but_the_target_is_kept() -> None:
    view, chosen = account(held="5"), engine()
    view.trading_state = TradingState.HALTED
    assert reason(view.take(chosen.on_signal(signal("close"), view, 0))) == "halted"
    assert chosen.rebalance(view, "schedule", 0) == []
    view.trading_state = TradingState.RUNNING
    assert brief(chosen.rebalance(view, "schedule", 0)) == [("sell", D(5), True)]


# --- several strategies ---------------------------------------------------------------------------


def test_strategies_are_netted_and_remembered() -> None:
    chosen, view = engine({"ema": D("0.5"), "rsi": D("0.5")}), account(PERPETUAL)
    first = view.take(chosen.on_signal(signal("buy", PERPETUAL), view, 0))
    assert brief(first) == [("buy", D(10), False)]
    view.own(PERPETUAL, "10").hold(PERPETUAL, ema="10")
    second = view.take(chosen.on_signal(signal("sell", PERPETUAL, "rsi"), view, 0))
    assert brief(second) == [("sell", D(10), True)]
    assert orders(second)[0].strategy == "rsi"
    assert [(t.strategy, t.quantity) for t in view.targets(PERPETUAL).values()] == [
        ("ema", D(10)),
        ("rsi", D(-10)),
    ]


# --- rebalancing ----------------------------------------------------------------------------------


@each_row(
    ("held", "expected"),
    [
        ("20", []),
        ("15", []),
        ("14.9", [("buy", D("5.1"), False)]),
        ("25", []),
        ("25.1", [("sell", D("5.1"), True)]),
        ("0", [("buy", D(20), False)]),
    ],
)
def test_rebalancing_acts_on_drift_only(held: str, expected: list[tuple[str, D, bool]]) -> None:
    chosen = engine(sizing="fixed_quantity", quantity=D(20))
    view = account(held=held)
    view.take(chosen.on_signal(signal("buy"), account(), 0))
    events = chosen.rebalance(view, "schedule", 0)
    assert brief(events) == expected
    assert all(e.reason == "schedule" for e in events if isinstance(e, TargetComputed))
    assert all(order.strategy == "ema" for order in orders(events))


def test_rebalancing_measures_what_moves() -> None:
    chosen = engine(sizing="inverse_volatility", max_weight=D(1))
    view = account().price(PERPETUAL, "100")
    view.instruments = FakeAccount(known=False).instruments
    for symbol in (BTC, PERPETUAL, "NO_PRICE_USDT"):
        view.take(chosen.on_signal(signal("buy", symbol), view, 0))
    for n in range(20):
        view.price(BTC, D(100 + n % 2)).price(PERPETUAL, D(100 + 4 * (n % 2)))
        chosen.rebalance(view, "schedule", 0)
    calm, wild = (
        answer(chosen.on_signal(signal("buy", symbol), view, 0)).target * view.marks[symbol]
        for symbol in (BTC, PERPETUAL)
    )
    assert calm > 3 * wild > 0


def test_a_position_that_no_strategy_spoke_of_is_left_alone() -> None:
    assert engine().rebalance(account(held="5"), "schedule", 0) == []


def test_what_could_not_be_closed_is_closed_at_the_next_rebalancing() -> None:
    chosen, view = engine(), account()
    work(view, Side.BUY, "20", status=OrderStatus.SUBMITTED)
    view.take(chosen.on_signal(signal("close"), view, 0))
    view.fill("w-0", "100")
    assert brief(chosen.rebalance(view, "schedule", 0)) == [("sell", D(20), True)]


# --- orders that are worked over time ---------------------------------------------------------------

WORKED = {"plan": ExecutionPlan(Algorithm.TWAP, 300 * SECOND, 30 * SECOND)}


def under_way(chosen: PortfolioEngine, *names: str) -> FakeAccount:
    """Twenty were wanted at 100: five are here, fifteen still on their way."""
    view = account()
    for name in names:
        view.take(chosen.on_signal(signal("buy", strategy=name), view, 0))
    view.own(BTC, "5", "100")
    shares = tuple(Share(name, D(15) / len(names)) for name in names)
    whose = {"shares": shares, "strategy": ""} if len(shares) > 1 else {"strategy": names[0]}
    if len(names) > 1:
        view.hold(BTC, **{name: str(D(5) / len(names)) for name in names})
    work(view, Side.BUY, "15", **WORKED, **whose)
    return view


@each_row("mark", ["85", "100.5", "103", "120"])
@each_row("drift", ["0", "0.05"])
@each_row("names", [("ema",), ("a", "b")])
def test_a_rebalance_counts_what_a_worked_order_still_brings(
    names: tuple[str, ...], drift: str, mark: str
) -> None:
    """The target follows the price; the order goes on to that of the moment it began at."""
    chosen = engine(dict.fromkeys(names, 1 / D(len(names))), drift=D(drift))
    view = under_way(chosen, *names).price(BTC, mark)
    events = chosen.rebalance(view, "schedule", 0)
    assert not [event for event in events if isinstance(event, CancelRequested)]
    assert [order.side for order in orders(events)] == ([Side.BUY] if mark == "85" else [])
    again = chosen.on_signal(signal("buy", strategy=names[0]), view, 0)
    assert not [event for event in again if isinstance(event, CancelRequested)]


@pytest.mark.parametrize("action", ["sell", "close"])
def test_the_opposite_ends_a_worked_order(action: str) -> None:
    chosen = engine()
    view = under_way(chosen, "ema").price(BTC, "103")
    events = chosen.on_signal(signal(action), view, 0)
    assert [e.order_id for e in events if isinstance(e, CancelRequested)] == ["w-0"]


def test_a_smaller_target_ends_a_worked_order() -> None:
    chosen = engine()
    view = under_way(chosen, "ema")
    events = chosen.on_signal(signal("buy", strength=0.5), view, 0)
    assert [e.order_id for e in events if isinstance(e, CancelRequested)] == ["w-0"]
    assert brief(events) == [("buy", D(5), False)]


def test_a_pause_ends_a_worked_order_at_the_next_rebalance_at_the_latest() -> None:
    chosen = engine()
    view = under_way(chosen, "ema")
    view.trading_state = TradingState.PAUSED
    events = chosen.rebalance(view, "schedule", 0)
    assert [e.order_id for e in events if isinstance(e, CancelRequested)] == ["w-0"]
