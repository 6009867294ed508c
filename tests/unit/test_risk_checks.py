"""Each check at its limit, a hair below it and a hair above."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.fixtures.fake_account import PERP, SPOT, FakeAccount
from tests.fixtures.rows import each_row
from tradectl.domain.money import Side
from tradectl.domain.orders import PROTECTOR, OrderSpec, OrderStatus, OrderType
from tradectl.domain.states import TradingState
from tradectl.domain.time import MILLISECOND, SECOND
from tradectl.risk.account_checks import (
    BalanceCheck,
    DailyLossCheck,
    DrawdownCheck,
    GrossExposureCheck,
    LeverageCheck,
    OrderNotionalCheck,
    PositionNotionalCheck,
)
from tradectl.risk.base import Check, Denial
from tradectl.risk.context import RiskContext
from tradectl.risk.order_validation import (
    CurrencyCheck,
    HaltCheck,
    MinNotionalCheck,
    NumberCheck,
    OrderShapeCheck,
    PauseCheck,
    PriceCollarCheck,
    PriceKnownCheck,
    ReduceOnlyCheck,
    ReducingCheck,
    UnknownSymbolCheck,
)
from tradectl.risk.rate_limits import IDS_KEPT, DuplicateCheck, OrderRateCheck, WorkingOrdersCheck

D = Decimal
BTC, PERPETUAL = SPOT.symbol, PERP.symbol
BUY, SELL = Side.BUY, Side.SELL


def account(symbol: str = BTC, held: str = "0", cash: str = "10000") -> FakeAccount:
    """At a mark of 100, so that a quantity times 100 is its notional."""
    return FakeAccount(cash).price(symbol, "100").own(symbol, held, "100")


def order(side: Side = BUY, quantity: Any = "1", symbol: str = BTC, **fields: Any) -> OrderSpec:
    size = D(quantity) if isinstance(quantity, str) else quantity
    return OrderSpec(fields.pop("order_id", "id"), symbol, side, size, **fields)


def limit(price: str, side: Side = BUY, quantity: str = "1", **fields: Any) -> OrderSpec:
    return order(side, quantity, type=OrderType.LIMIT, price=D(price), **fields)


def stop(price: str, side: Side = SELL, quantity: str = "1", **fields: Any) -> OrderSpec:
    return order(side, quantity, type=OrderType.STOP_MARKET, stop_price=D(price), **fields)


def ask(check: Check, spec: OrderSpec, view: FakeAccount, at: int = 0) -> Denial | None:
    return check.check(RiskContext(spec, view, at))


def passes(check: Check, spec: OrderSpec, view: FakeAccount, at: int = 0) -> bool:
    refusal = ask(check, spec, view, at)
    assert refusal is None or refusal.code == check.code
    return refusal is None


@each_row(
    ("side", "quantity", "symbol", "held", "may"),
    [
        (SELL, "1", BTC, "1", True),
        (SELL, "1.001", BTC, "1", False),
        (SELL, "1", BTC, "0", False),
        (BUY, "1", BTC, "1", False),
        (BUY, "1", BTC, "0", False),
        (BUY, "1", PERPETUAL, "0", True),  # there the exchange sees to it
    ],
)
def test_on_spot_we_see_to_it_that_an_order_only_reduces(
    side: Side, quantity: str, symbol: str, held: str, may: bool
) -> None:
    view = account(symbol, held)
    assert passes(ReduceOnlyCheck(), order(side, quantity, symbol, reduce_only=True), view) == may
    assert passes(ReduceOnlyCheck(), order(side, quantity, symbol), view)


# --- may orders leave -----------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [TradingState.RUNNING, TradingState.PAUSED])
def test_what_is_not_halted_may_trade(mode: TradingState) -> None:
    view = account()
    view.trading_state = mode
    assert passes(HaltCheck(), order(), view)


@each_row(
    ("state", "spec", "allowed"),
    [
        (TradingState.HALTED, order(SELL, "3", reduce_only=True), False),
        (TradingState.HALTED, stop("90", SELL, "3", reduce_only=True), True),
        (TradingState.HALTED, stop("90", SELL, "4", reduce_only=True), False),
        (TradingState.HALTED, stop("110", BUY, "3", reduce_only=True), False),
        (TradingState.HALTED, stop("90", SELL, "3"), False),
        (TradingState.FLATTENING, order(SELL, "3", reduce_only=True), True),
        (TradingState.FLATTENING, order(SELL, "1", reduce_only=True), True),
        (TradingState.FLATTENING, order(SELL, "4", reduce_only=True), False),
        (TradingState.FLATTENING, order(SELL, "3"), False),
        (TradingState.FLATTENING, order(BUY, "3", reduce_only=True), False),
        (TradingState.FLATTENING, stop("90", SELL, "3", reduce_only=True), True),
    ],
)
def test_on_the_way_out_nothing_leaves_but_what_closes_and_halted_but_what_protects(
    state: TradingState, spec: OrderSpec, allowed: bool
) -> None:
    view = account(held="3")
    view.trading_state = state
    assert passes(HaltCheck(), spec, view) == allowed


def test_no_stop_leaves_where_protection_was_dropped() -> None:
    view = account(held="3")
    view.trading_state, view.protection_dropped = TradingState.HALTED, True
    assert not passes(HaltCheck(), stop("90", SELL, "3", reduce_only=True), view)


@each_row(
    ("held", "spec", "allowed"),
    [
        ("0", order(BUY), False),
        ("0", order(SELL, reduce_only=True), False),
        ("3", order(BUY, "1"), False),
        ("3", order(SELL, "2.999"), True),
        ("3", order(SELL, "3"), True),
        ("3", order(SELL, "3.001"), False),
        ("-3", order(BUY, "3"), True),
        ("-3", order(BUY, "3.001"), False),
        ("-3", order(SELL, "1"), False),
        ("3", order(SELL, D("NaN")), False),
        ("3", order(SELL, D("Infinity")), False),
    ],
)
def test_paused_and_reducing_only_what_reduces_leaves(
    held: str, spec: OrderSpec, allowed: bool
) -> None:
    view = account(held=held)
    for state, check in (
        (TradingState.PAUSED, PauseCheck()),
        (TradingState.REDUCING, ReducingCheck()),
    ):
        view.trading_state = state
        assert passes(check, spec, view) == allowed


@pytest.mark.parametrize(
    ("spec", "allowed"),
    [
        (order(SELL, "1"), True),
        (order(SELL, "1.00001"), False),
        (order(SELL, "3", reduce_only=True), True),
    ],
)
def test_what_else_may_sell_counts_unless_the_exchange_sees_to_it(
    spec: OrderSpec, allowed: bool
) -> None:
    view = account(held="3")
    view.trading_state = TradingState.PAUSED
    view.work(limit("110", SELL, "2", order_id="resting"))
    view.work(limit("90", BUY, "5", order_id="other side"))
    assert passes(PauseCheck(), spec, view) == allowed


# --- is it an order -------------------------------------------------------------------------------


def test_an_unknown_symbol_is_refused() -> None:
    assert passes(UnknownSymbolCheck(), order(), account())
    assert not passes(UnknownSymbolCheck(), order(symbol="LUNAUSDT"), account())


@each_row(
    ("spec", "allowed"),
    [
        (order(), True),
        (limit("100"), True),
        (stop("90"), True),
        (order(type=OrderType.STOP_LIMIT, price=D(89), stop_price=D(90)), True),
        (order(side="buy"), False),  # type: ignore[arg-type]
        (order(side="BUY"), False),  # type: ignore[arg-type]
        (order(type="market"), False),
        (order(order_id=""), False),
        (order(price=D(100)), False),
        (order(stop_price=D(100)), False),
        (order(type=OrderType.LIMIT), False),
        (order(type=OrderType.LIMIT, price=D(100), stop_price=D(90)), False),
        (order(type=OrderType.STOP_MARKET), False),
        (order(type=OrderType.STOP_LIMIT, price=D(100)), False),
    ],
)
def test_an_order_is_well_formed(spec: OrderSpec, allowed: bool) -> None:
    assert passes(OrderShapeCheck(), spec, account()) == allowed


BAD_VALUES = [
    D("NaN"), D("sNaN"), D("Infinity"), D("-Infinity"), D(0), D(-1), D("1e15"), D("1e400"), 1.5,
    None,
]  # fmt: skip


@each_row("value", BAD_VALUES)
def test_a_quantity_that_is_none_is_refused(value: Any) -> None:
    assert not passes(NumberCheck(), order(quantity=value), account())


@each_row("value", [v for v in BAD_VALUES if v is not None])
@each_row("name", ["price", "stop_price"])
def test_a_price_that_is_none_is_refused(name: str, value: Any) -> None:
    spec = order(type=OrderType.STOP_LIMIT, **{"price": D(1), "stop_price": D(1), name: value})
    assert not passes(NumberCheck(), spec, account())


def test_a_good_price_does_not_make_up_for_a_bad_quantity() -> None:
    assert not passes(NumberCheck(), limit("100", quantity="0.000011"), account())


@each_row(
    ("spec", "allowed"),
    [
        (order(quantity="0.00001"), True),
        (order(quantity="0.000011"), False),
        (order(quantity="999999999999999"), True),
        (limit("100.01"), True),
        (limit("100.011"), False),
        (stop("99.99"), True),
        (stop("99.991"), False),
    ],
)
def test_numbers_are_multiples_of_their_steps(spec: OrderSpec, allowed: bool) -> None:
    assert passes(NumberCheck(), spec, account()) == allowed


@each_row(
    ("spec", "allowed"),
    [
        (order(quantity="0.04999"), False),
        (order(quantity="0.05"), True),
        (order(quantity="0.05001"), True),
        (limit("99.99", quantity="0.05"), False),
        (limit("100", quantity="0.05"), True),
        (order(SELL, "0.01", reduce_only=True), True),
    ],
)
def test_an_order_is_worth_the_exchanges_minimum(spec: OrderSpec, allowed: bool) -> None:
    assert passes(MinNotionalCheck(), spec, account(held="1")) == allowed


@each_row(
    ("spec", "allowed"),
    [
        (order(), True),
        (limit("110"), True),
        (limit("110.01"), False),
        (limit("90"), True),
        (limit("89.99"), False),
        (limit("10000", SELL), False),
        (stop("90"), True),
        (stop("89.99"), False),
        (order(type=OrderType.STOP_LIMIT, stop_price=D(95), price=D(80)), False),
    ],
)
def test_a_price_stays_near_the_mark(spec: OrderSpec, allowed: bool) -> None:
    assert passes(PriceCollarCheck(D(10)), spec, account()) == allowed


@each_row(
    ("mark", "held", "spec", "allowed"),
    [
        ("100", "0", order(), True),
        (None, "0", order(), False),
        ("0", "0", order(), False),
        ("-5", "0", order(), False),
        (None, "0", limit("100"), False),
        (None, "1", order(SELL), True),
        (None, "1", order(SELL, "2"), False),
    ],
)
def test_without_a_price_only_exits_leave(
    mark: str | None, held: str, spec: OrderSpec, allowed: bool
) -> None:
    view = FakeAccount().own(BTC, held)
    if mark is not None:
        view.price(BTC, mark)
    assert passes(PriceKnownCheck(), spec, view) == allowed


# --- how much may be at stake ---------------------------------------------------------------------


@each_row(
    ("held", "spec", "allowed"),
    [
        ("0", order(quantity="9.99999"), True),
        ("0", order(quantity="10"), True),
        ("0", order(quantity="10.00001"), False),
        ("0", limit("99", quantity="10.1"), True),
        ("0", limit("101", quantity="9.95"), False),
        ("50", order(SELL, "50"), True),
        ("50", order(SELL, "50.00001"), False),
    ],
)
def test_an_order_has_a_largest_notional(held: str, spec: OrderSpec, allowed: bool) -> None:
    assert passes(OrderNotionalCheck(D(1000)), spec, account(held=held)) == allowed


def test_a_refusal_is_in_plain_words_with_the_limit_and_the_actual_value() -> None:
    assert ask(OrderNotionalCheck(D(10_000)), order(quantity="120"), account()) == Denial(
        "ORDER_NOTIONAL",
        "order notional 12,000.00 USDT is over the limit of 10,000.00",
        "10000",
        "12000",
    )


@each_row(
    ("held", "working", "spec", "allowed"),
    [
        ("0", [], order(quantity="10"), True),
        ("0", [], order(quantity="10.001"), False),
        ("4", [], order(quantity="6"), True),
        ("4", [], order(quantity="6.001"), False),
        ("0", [], order(SELL, "10"), True),
        ("0", [], order(SELL, "10.001"), False),
        # over the limit as the market moved: less is fine, more is not, a turn is judged by its end
        ("20", [], order(SELL, "1"), True),
        ("20", [], order(BUY, "1"), False),
        ("20", [], order(SELL, "30"), True),
        ("20", [], order(SELL, "30.001"), False),
        # working orders count as filled, on whichever side that is worse
        ("0", [limit("99", BUY, "4")], order(quantity="6"), True),
        ("0", [limit("99", BUY, "4")], order(quantity="6.001"), False),
        ("0", [limit("101", SELL, "4")], order(quantity="10"), True),
        ("0", [limit("101", SELL, "4")], order(quantity="10.001"), False),
        ("-8", [limit("101", SELL, "2")], order(SELL, "0.001"), False),
        ("8", [limit("101", SELL, "8", reduce_only=True)], order(BUY, "2"), True),
    ],
)
def test_a_position_has_a_largest_notional(
    held: str, working: list[OrderSpec], spec: OrderSpec, allowed: bool
) -> None:
    view = account(held=held)
    for resting in working:
        view.work(resting)
    assert passes(PositionNotionalCheck(D(1000)), spec, view) == allowed


def test_an_order_of_unknown_fate_is_reserved() -> None:
    view = account()
    view.work(order(BUY, "4", order_id="lost"), OrderStatus.UNKNOWN)
    assert passes(PositionNotionalCheck(D(1000)), order(quantity="6"), view)
    assert not passes(PositionNotionalCheck(D(1000)), order(quantity="6.001"), view)


@each_row(
    ("held", "spec", "allowed"),
    [
        ("2", order(quantity="5", symbol=PERPETUAL), True),
        ("2", order(quantity="5.001", symbol=PERPETUAL), False),
        ("-2", order(quantity="9.001", symbol=PERPETUAL), False),
        ("-2", order(quantity="9", symbol=PERPETUAL), True),
        ("-2", order(SELL, "5", symbol=PERPETUAL), True),
        ("9", order(SELL, "1", symbol=PERPETUAL), True),
        ("9", order(SELL, "16", symbol=PERPETUAL), True),
        ("9", order(SELL, "16.001", symbol=PERPETUAL), False),
    ],
)
def test_all_positions_together_have_a_largest_notional(
    held: str, spec: OrderSpec, allowed: bool
) -> None:
    view = account(held="3").price(PERPETUAL, "100").own(PERPETUAL, held, "100")
    assert passes(GrossExposureCheck(D(1000)), spec, view) == allowed


@each_row(
    ("working", "largest"),
    [
        (limit("90", BUY, "4"), "6"),
        (limit("110", SELL, "4"), "10"),
        (limit("110", SELL, "9"), "9"),
        (order(SELL, "4", reduce_only=True), "10"),
    ],
)
def test_working_orders_of_other_symbols_count_for_what_they_may_add(
    working: OrderSpec, largest: str
) -> None:
    """4 BTC are held, at 100; at most 14 x 100 may be."""
    view = account(held="4").price(PERPETUAL, "100")
    view.work(working)
    check = GrossExposureCheck(D(1400))
    assert passes(check, order(quantity=largest, symbol=PERPETUAL), view)
    assert not passes(check, order(quantity=f"{largest}.001", symbol=PERPETUAL), view)


def test_a_working_order_without_a_mark_counts_at_its_own_price() -> None:
    view = account()
    view.work(limit("50", BUY, "2", symbol=PERPETUAL))
    assert passes(GrossExposureCheck(D(1000)), order(quantity="9"), view)
    assert not passes(GrossExposureCheck(D(1000)), order(quantity="9.001"), view)


@each_row(
    ("held", "spec", "allowed"),
    [
        ("0", order(quantity="200", symbol=PERPETUAL), True),
        ("0", order(SELL, "200", symbol=PERPETUAL), True),
        ("0", order(quantity="200.001", symbol=PERPETUAL), False),
        ("150", order(quantity="50", symbol=PERPETUAL), True),
        ("150", order(quantity="50.001", symbol=PERPETUAL), False),
        ("300", order(SELL, "1", symbol=PERPETUAL), True),
    ],
)
def test_leverage_has_a_limit(held: str, spec: OrderSpec, allowed: bool) -> None:
    assert passes(LeverageCheck(D(2)), spec, account(PERPETUAL, held)) == allowed


def test_a_perpetual_has_its_own_limit_of_leverage() -> None:
    view = account(PERPETUAL)
    assert passes(LeverageCheck(D(100)), order(quantity="1000", symbol=PERPETUAL), view)
    assert not passes(LeverageCheck(D(100)), order(quantity="1000.001", symbol=PERPETUAL), view)


@pytest.mark.parametrize("cash", ["0", "-100"])
def test_without_equity_only_exits_leave(cash: str) -> None:
    view = account(PERPETUAL, "1", cash)
    assert not passes(LeverageCheck(D(2)), order(quantity="1", symbol=PERPETUAL), view)
    assert passes(LeverageCheck(D(2)), order(SELL, "1", symbol=PERPETUAL), view)


# --- how fast -------------------------------------------------------------------------------------


def test_orders_have_a_rate() -> None:
    check, view = OrderRateCheck(2, 3), account()
    for n in range(6):
        at = n * SECOND // 2
        assert passes(check, order(), view, at)
        check.remember(order(), at)
    assert not passes(check, order(), view, 3 * SECOND - 1)
    assert passes(check, order(), view, 3 * SECOND)
    check.remember(order(), 3 * SECOND)
    assert not passes(check, order(), view, 3 * SECOND)


@each_row(("working", "allowed"), [(0, True), (1, True), (2, False), (3, False)])
def test_so_many_orders_may_work_at_a_time(working: int, allowed: bool) -> None:
    view = account()
    for n in range(working):
        view.work(limit("99", order_id=f"w-{n}"))
    view.work(limit("99", order_id="over"), OrderStatus.FILLED)
    assert passes(WorkingOrdersCheck(2), order(), view) == allowed


def test_an_emergency_is_not_slowed_down() -> None:
    view, rate, twice = account(held="1"), OrderRateCheck(1, 1), DuplicateCheck(500)
    closing = order(SELL, order_id="again", reduce_only=True)
    rate.remember(order(), 0)
    twice.remember(order(SELL, order_id="rejected", reduce_only=True), 0)
    view.work(limit("110", SELL))
    view.trading_state = TradingState.FLATTENING
    assert passes(rate, closing, view)
    assert passes(WorkingOrdersCheck(1), closing, view)
    assert passes(twice, closing, view)
    assert not passes(twice, order(SELL, order_id="rejected", reduce_only=True), view)


# --- never twice ----------------------------------------------------------------------------------


@each_row("status", list(OrderStatus))
def test_an_id_in_the_books_is_refused(status: OrderStatus) -> None:
    view = account()
    view.work(order(order_id="one"), status)
    allowed = status is OrderStatus.INITIALIZED
    assert passes(DuplicateCheck(0), order(order_id="one"), view) == allowed


def test_an_id_is_remembered_without_the_books_and_the_memory_is_bounded() -> None:
    check, view = DuplicateCheck(0), account()
    for n in range(IDS_KEPT):
        check.remember(order(order_id=f"id-{n}"), 0)
    assert not passes(check, order(order_id="id-0"), view)
    check.remember(order(order_id="new"), 0)
    assert passes(check, order(order_id="id-0"), view)
    assert not passes(check, order(order_id="id-1"), view)


@each_row(
    ("after_ms", "spec", "allowed"),
    [
        (0, order(order_id="b"), False),
        (499.999999, order(order_id="b"), False),
        (500, order(order_id="b"), True),
        (0, order(SELL, order_id="b"), True),
        (0, order(quantity="2", order_id="b"), True),
        (0, limit("100", order_id="b"), True),
        (0, order(symbol=PERPETUAL, order_id="b"), True),
    ],
)
def test_the_same_order_again_within_the_window_is_refused(
    after_ms: float, spec: OrderSpec, allowed: bool
) -> None:
    check = DuplicateCheck(500)
    check.remember(order(order_id="a"), SECOND)
    assert passes(check, spec, account(), SECOND + round(after_ms * MILLISECOND)) == allowed


def test_limit_orders_at_two_prices_are_not_the_same() -> None:
    check = DuplicateCheck(500)
    check.remember(limit("100", order_id="a"), 0)
    assert passes(check, limit("99", order_id="b"), account())
    assert not passes(check, limit("100", order_id="b"), account())


@pytest.mark.parametrize(("status", "allowed"), [("filled", True), ("accepted", False)])
def test_another_slice_of_what_is_quoted_follows_one_that_has_filled(
    status: str, allowed: bool
) -> None:
    check, view, first = DuplicateCheck(500), account(), limit("100", order_id="a", tag="leg")
    view.work(first, OrderStatus(status))
    check.remember(first, 0)
    assert passes(check, limit("100", order_id="b", tag="leg"), view) == allowed
    assert passes(check, limit("100", order_id="c", tag="other"), view), "another level"


def test_buying_selling_and_buying_again_is_no_repetition() -> None:
    check = DuplicateCheck(500)
    check.remember(order(BUY, order_id="a"), 0)
    check.remember(order(SELL, order_id="b"), 1)
    assert passes(check, order(BUY, order_id="c"), account(), 2)


@pytest.mark.parametrize(
    ("status", "allowed"), [("canceled", True), ("rejected", True), ("accepted", False)]
)
def test_a_stop_comes_back_where_it_was_once_it_is_gone(status: str, allowed: bool) -> None:
    check, view = DuplicateCheck(500), account(held="1")
    kept: dict[str, Any] = {"reduce_only": True, "strategy": PROTECTOR}
    first = stop("97", order_id="a", **kept)
    view.work(first, OrderStatus(status))
    check.remember(first, 0)
    assert passes(check, stop("97", order_id="b", **kept), view, 1) == allowed


def test_a_window_of_zero_is_off() -> None:
    check = DuplicateCheck(0)
    check.remember(order(order_id="a"), 7)
    assert passes(check, order(order_id="b"), account(), 7)


# --- losses ---------------------------------------------------------------------------------------


@each_row(
    ("cash", "side", "allowed"),
    [
        ("9000.01", BUY, True),
        ("9000", BUY, False),
        ("8999.99", BUY, False),
        ("12000", BUY, True),
        ("1", SELL, True),
    ],
)
@each_row("check", [DailyLossCheck(D(10)), DrawdownCheck(D(10))])
def test_after_a_loss_nothing_is_begun(check: Check, cash: str, side: Side, allowed: bool) -> None:
    view = account(PERPETUAL, "1", cash)
    view.day_start_equity = view.peak_equity = D(10_000)
    assert passes(check, order(side, symbol=PERPETUAL), view) == allowed


@pytest.mark.parametrize("check", [DailyLossCheck(D(10)), DrawdownCheck(D(10))])
def test_before_the_first_risk_check_nothing_is_lost(check: Check) -> None:
    assert passes(check, order(), account(cash="0"))


def test_each_loss_is_measured_from_its_own_start() -> None:
    view = account(cash="9000")
    view.day_start_equity, view.peak_equity = D(9_500), D(10_000)
    assert passes(DailyLossCheck(D(10)), order(), view)
    assert not passes(DrawdownCheck(D(10)), order(), view)


# --- can it be paid for ---------------------------------------------------------------------------


@each_row(
    ("cash", "working", "spec", "allowed"),
    [
        ("100.2", [], order(), True),
        ("100.19", [], order(), False),
        ("90.18", [], limit("90"), True),
        ("90.17", [], limit("90"), False),
        ("190.38", [limit("90")], order(), True),
        ("190.37", [limit("90")], order(), False),
        ("200.4", [order(order_id="lost")], order(), True),
        ("200.39", [order(order_id="lost")], order(), False),
        ("100.2", [limit("110", SELL)], order(), True),
        ("100.2", [limit("90", symbol=PERPETUAL)], order(), True),
        ("0", [], order(symbol=PERPETUAL), True),
    ],
)
def test_cash_covers_buys_with_their_fees(
    cash: str, working: list[OrderSpec], spec: OrderSpec, allowed: bool
) -> None:
    view = account(cash=cash).price(PERPETUAL, "100")
    for resting in working:
        view.work(resting, OrderStatus.UNKNOWN)
    assert passes(BalanceCheck(D("0.2")), spec, view) == allowed


@each_row(
    ("held", "working", "spec", "allowed"),
    [
        ("2", [], order(SELL, "1.99999"), True),
        ("2", [], order(SELL, "2"), True),
        ("2", [], order(SELL, "2.00001"), False),
        ("0", [], order(SELL, "1"), False),
        ("2", [limit("110", SELL, "1")], order(SELL, "1"), True),
        ("2", [limit("110", SELL, "1")], order(SELL, "1.00001"), False),
        ("2", [stop("90", SELL, "2")], order(SELL, "2", reduce_only=True), True),
        ("0", [], order(SELL, "1", symbol=PERPETUAL), True),
    ],
)
def test_spot_sells_what_is_held_and_not_already_being_sold(
    held: str, working: list[OrderSpec], spec: OrderSpec, allowed: bool
) -> None:
    view = account(held=held).price(PERPETUAL, "100")
    for resting in working:
        view.work(resting)
    assert passes(BalanceCheck(D("0.2")), spec, view) == allowed


@each_row(
    ("check", "spec", "limit", "actual"),
    [
        (OrderNotionalCheck(D(100)), order(quantity="1.5"), "100", "150"),
        (PositionNotionalCheck(D(400)), order(quantity="1.5"), "400", "450"),
        (GrossExposureCheck(D(400)), order(quantity="1.5"), "400", "450"),
        (LeverageCheck(D("0.04")), order(quantity="2"), "0.04", "0.05"),
        (PriceCollarCheck(D(10)), limit("120"), "10", "20"),
        (PriceCollarCheck(D(10)), limit("75"), "10", "25"),
        (MinNotionalCheck(), order(quantity="0.04"), "5", "4"),
        (WorkingOrdersCheck(1), order(), "1", "2"),
        (DailyLossCheck(D(10)), order(), "10", "20"),
        (DrawdownCheck(D(10)), order(), "10", "20"),
        (BalanceCheck(D("0.2")), order(quantity="100"), "9700", "10220.4"),
        (BalanceCheck(D("0.2")), order(SELL, "3.5"), "3", "3.5"),
    ],
)
def test_a_refusal_carries_its_figures(
    check: Check, spec: OrderSpec, limit: str, actual: str
) -> None:
    """Of an equity of 10,000, once 12,500, 300 are in 3 coins; a buy of 2 more is working."""
    view = account(held="3")
    view.work(order(quantity="2", order_id="w", type=OrderType.LIMIT, price=D(100)))
    view.peak_equity = view.day_start_equity = D(12_500)
    if not isinstance(check, BalanceCheck | WorkingOrdersCheck):
        view.orders.clear()
    refusal = ask(check, spec, view)
    assert refusal is not None
    assert (refusal.limit, refusal.actual) == (limit, actual)


def test_a_rate_refused_carries_its_figures() -> None:
    check = OrderRateCheck(1, 2)
    check.remember(order(), 0)
    check.remember(order(), 0)
    refusal = ask(check, order(), account(), SECOND)
    assert refusal is not None
    assert (refusal.limit, refusal.actual) == ("2", "3")


def test_small_amounts_keep_their_digits() -> None:
    refusal = ask(OrderNotionalCheck(D("0.0005")), order(quantity="0.00001"), account())
    assert refusal is not None
    assert refusal.message == "order notional 0.001 USDT is over the limit of 0.0005"


def test_a_symbol_quoted_in_another_currency_than_the_account_s_is_denied() -> None:
    account = FakeAccount(known=False).price("ETHBTC", "0.05")
    order = OrderSpec("o1", "ETHBTC", Side.BUY, Decimal(1))
    refusal = CurrencyCheck().check(RiskContext(order, account, 0))
    assert refusal is not None
    assert refusal.code == "OTHER_CURRENCY"
    assert refusal.message == "ETHBTC is quoted in BTC, and the account is in USDT"
