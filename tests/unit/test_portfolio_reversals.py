"""A reversal that risk denies: the part that reduces is asked for by itself, once, and passes."""

from __future__ import annotations

from decimal import Decimal
from itertools import count

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from tests.fixtures.fake_account import PERP, SPOT, FakeAccount
from tests.fixtures.rows import each_row
from tradectl.domain.commands import ApprovedOrder
from tradectl.domain.events import (
    CancelRequested,
    Event,
    OrderDenied,
    OrderInitialized,
    RestrictionKind,
    StrategySignalEvent,
    TargetComputed,
)
from tradectl.domain.money import Side
from tradectl.domain.orders import OrderSpec, OrderStatus, OrderType
from tradectl.domain.shares import Share
from tradectl.domain.states import TradingState
from tradectl.portfolio.engine import PortfolioEngine
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.risk.engine import RiskEngine
from tradectl.risk.limits import RiskLimits

D = Decimal
PERPETUAL = PERP.symbol
SECOND = 10**9
SIZE_PRICE_LOSS = {
    "ORDER_NOTIONAL", "POSITION_NOTIONAL", "GROSS_EXPOSURE", "LEVERAGE", "PRICE_COLLAR", "NO_PRICE",
    "MIN_NOTIONAL", "ORDER_RATE", "WORKING_ORDERS", "DAILY_LOSS", "DRAWDOWN", "BALANCE", "STALE_DATA",
    "PAUSED",
}  # fmt: skip


def engine(**settings: object) -> PortfolioEngine:
    ids = count(1)
    return PortfolioEngine(
        PortfolioSettings(**settings),  # type: ignore[arg-type]  # as a config gives them
        {},
        lambda: f"id-{next(ids)}",
    )


def signal(action: str, strategy: str = "ema", **fields: object) -> StrategySignalEvent:
    return StrategySignalEvent(symbol=PERPETUAL, action=action, strategy=strategy, **fields)  # type: ignore[arg-type]


def orders(events: list[Event]) -> list[OrderSpec]:
    return [event.order for event in events if isinstance(event, OrderInitialized)]


def reversal(engine: PortfolioEngine, view: FakeAccount, action: str = "sell") -> OrderSpec:
    (order,) = orders(view.take(engine.on_signal(signal(action), view, 0)))
    return order


def test_the_part_that_reduces_is_an_order_of_its_own_that_names_the_denial() -> None:
    portfolio, view = engine(), FakeAccount().price(PERPETUAL, "100").own(PERPETUAL, "10")
    whole = reversal(portfolio, view)
    assert whole.quantity > 10
    target, order = portfolio.on_denied(whole, "ORDER_NOTIONAL: too large", view, 0)
    assert isinstance(target, TargetComputed)
    assert (target.change, target.reason) == (
        D(-10),
        "the part that reduces passes: ORDER_NOTIONAL: too large",
    )
    assert isinstance(order, OrderInitialized)
    assert order.reason == target.reason
    spec = order.order
    assert (spec.side, spec.quantity, spec.reduce_only) == (Side.SELL, D(10), True)
    assert spec.order_id != whole.order_id
    assert portfolio.on_denied(spec, "whatever", view, 0) == []


@each_row(("held", "action"), [("0", "sell"), ("10", "buy"), ("-10", "sell"), ("0.0001", "sell")])
def test_where_nothing_would_be_reduced_nothing_is_said(held: str, action: str) -> None:
    portfolio, view = engine(), FakeAccount().price(PERPETUAL, "100").own(PERPETUAL, held)
    assert portfolio.on_denied(reversal(portfolio, view, action), "too large", view, 0) == []


def test_an_order_that_the_portfolio_does_not_want_is_not_answered() -> None:
    """One by hand, a thousand times too large, against a position that is on its target."""
    portfolio, view = engine(), FakeAccount().price(PERPETUAL, "100").own(PERPETUAL, "10")
    view.take(portfolio.on_signal(signal("buy", strength=1.0), view, 0))
    by_hand = OrderSpec("x", PERPETUAL, Side.SELL, D(10_000))
    assert portfolio.on_denied(by_hand, "ORDER_NOTIONAL: too large", view, 0) == []


def test_what_is_on_its_way_out_already_is_not_closed_twice() -> None:
    portfolio, view = engine(), FakeAccount().price(PERPETUAL, "100").own(PERPETUAL, "10")
    whole = reversal(portfolio, view)
    view.work(OrderSpec("out", PERPETUAL, Side.SELL, D(4), reduce_only=True))
    (order,) = orders(portfolio.on_denied(whole, "too large", view, 0))
    assert order.quantity == 6


def test_a_resting_entry_is_cancelled_with_it() -> None:
    portfolio, view = engine(), FakeAccount().price(PERPETUAL, "100").own(PERPETUAL, "10")
    view.work(OrderSpec("in", PERPETUAL, Side.BUY, D(3), OrderType.LIMIT, D(95)))
    whole = reversal(portfolio, view)
    events = portfolio.on_denied(whole, "too large", view, 0)
    assert [event.order_id for event in events if isinstance(event, CancelRequested)] == ["in"]
    assert orders(events)[0].quantity == 10


def test_several_strategies_share_one_reversal() -> None:
    portfolio, view = engine(), FakeAccount().price(PERPETUAL, "100").own(PERPETUAL, "-10")
    view.hold(PERPETUAL, a="-10")
    view.take(portfolio.on_signal(signal("sell", "a", strength=0.2), view, 0))
    (whole,) = orders(view.take(portfolio.on_signal(signal("buy", "b"), view, 0)))
    assert whole.shares == (Share("a", D(8)), Share("b", D(10)))
    (order,) = orders(portfolio.on_denied(whole, "too large", view, 0))
    assert (order.side, order.quantity, order.strategy) == (Side.BUY, D(8), "a")


def test_two_equal_steps_out_within_the_window_are_no_repetition_once_the_first_has_filled() -> (
    None
):
    risk, view = (
        RiskEngine(RiskLimits()),
        FakeAccount().price(PERPETUAL, "100").own(PERPETUAL, "20"),
    )
    first = OrderSpec("1", PERPETUAL, Side.SELL, D(10), reduce_only=True)
    second = OrderSpec("2", PERPETUAL, Side.SELL, D(10), reduce_only=True)
    assert isinstance(risk.judge(first, view, SECOND), ApprovedOrder)
    view.work(first)
    denied = risk.judge(second, view, SECOND + 1)
    assert isinstance(denied, OrderDenied)
    assert denied.code == "DUPLICATE"
    view.fill("1", "100")
    assert isinstance(risk.judge(second, view, SECOND + 1), ApprovedOrder)


def test_a_stop_may_be_further_away_than_the_collar() -> None:
    risk, view = (
        RiskEngine(RiskLimits()),
        FakeAccount().price(PERPETUAL, "100").own(PERPETUAL, "20"),
    )
    stop = OrderSpec(
        "1", PERPETUAL, Side.SELL, D(20), OrderType.STOP_MARKET, stop_price=D(85), reduce_only=True
    )
    assert isinstance(risk.judge(stop, view, SECOND), ApprovedOrder)


# --- whatever the limits, whatever the account ------------------------------------------------------

amounts = st.integers(1, 10**6).map(lambda n: D(n) / 1000)
limit = st.none() | st.integers(1, 1000).map(D)


@st.composite
def limits(draw: st.DrawFn) -> RiskLimits:
    return RiskLimits(
        max_order_notional=draw(limit),
        max_position_notional=draw(limit),
        max_gross_notional=draw(limit),
        max_leverage=draw(limit),
        price_collar_pct=draw(limit),
        max_orders_per_second=draw(st.none() | st.integers(1, 2)),
        rate_window_seconds=1,
        max_working_orders=draw(st.none() | st.integers(1, 3)),
        max_data_age_seconds=draw(limit),
        duplicate_window_ms=draw(st.sampled_from([0, 500])),
    )


@given(
    limits(),
    amounts,
    st.sampled_from([1, -1]),
    st.sampled_from(["1", "0.001", "40000"]),
    st.integers(100_000, 10_000_000),
    st.lists(st.tuples(st.sampled_from(list(Side)), amounts, st.booleans()), max_size=2),
    st.sampled_from([TradingState.RUNNING, TradingState.PAUSED]),
    st.sampled_from([None] * 6 + [*RestrictionKind]),
    st.integers(0, 3),
    st.sampled_from([1, 10**12]),
)
def test_the_reducing_part_of_a_denied_reversal_passes_every_check_of_size_price_and_loss(
    limits: RiskLimits,
    quantity: D,
    side: int,
    mark: str,
    cash: int,
    working: list[tuple[Side, D, bool]],
    state: TradingState,
    restriction: RestrictionKind | None,
    before: int,
    age: int,
) -> None:
    risk, portfolio = RiskEngine(limits), engine(fraction=D(1), max_weight=D(1))
    view = FakeAccount(str(cash)).price(PERPETUAL, mark).price(SPOT.symbol, mark)
    view.own(PERPETUAL, quantity * side, mark)
    view.peak_equity = view.day_start_equity = D(200_000)
    view.data_times[PERPETUAL] = age
    for n, (way, size, closes) in enumerate(working):
        view.work(
            OrderSpec(f"w{n}", PERPETUAL, way, size, OrderType.LIMIT, D(mark), reduce_only=closes)
        )
    for n in range(before):
        risk.judge(OrderSpec(f"b{n}", SPOT.symbol, Side.BUY, D(1) + n), view, 10**12)
    view.trading_state = state
    if restriction is not None:
        view.held[PERPETUAL] = {restriction: "test"}
    asked = orders(view.take(portfolio.on_signal(signal("sell" if side > 0 else "buy"), view, 0)))
    for whole in asked:
        denied = risk.judge(whole, view, 10**12)
        if isinstance(denied, OrderDenied):
            for part in orders(portfolio.on_denied(whole, denied.message, view, 0)):
                assert part.quantity <= quantity
                judged = risk.judge(part, view, 10**12)
                event(f"{denied.code} answered: {type(judged).__name__}")
                if isinstance(judged, OrderDenied):
                    assert judged.code not in SIZE_PRICE_LOSS
                    assert restriction is not None
                    assert restriction.blocks_exits


def test_statuses_of_the_working_orders_do_not_matter() -> None:
    portfolio, view = engine(), FakeAccount().price(PERPETUAL, "100").own(PERPETUAL, "10")
    whole = reversal(portfolio, view)
    view.work(
        OrderSpec("gone", PERPETUAL, Side.SELL, D(10), reduce_only=True), OrderStatus.PENDING_CANCEL
    )
    (order,) = orders(portfolio.on_denied(whole, "too large", view, 0))
    assert order.quantity == 10


@pytest.mark.parametrize(("turn", "asked"), [("two_orders", []), ("one_order", [(D(20), False)])])
def test_a_position_that_is_on_its_way_out_is_not_closed_twice(
    turn: str, asked: list[tuple[D, bool]]
) -> None:
    """By an order of the run before, say: nobody here remembers that it turns."""
    portfolio = engine(sizing="fixed_quantity", quantity=D(20), turn=turn)
    view = FakeAccount(cash="100000").price(PERPETUAL, "100").own(PERPETUAL, "-10")
    view.work(
        OrderSpec("exit", PERPETUAL, Side.BUY, D(10), reduce_only=True, strategy="ema"),
        OrderStatus.SUBMITTED,
    )
    found = orders(portfolio.on_signal(signal("buy"), view, 0))
    assert [(order.quantity, order.reduce_only) for order in found] == asked
