"""Whatever is traded, profit and open value add up to what was paid: exactly, not nearly."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures.rows import each_row
from tradectl.domain.money import ZERO, Side
from tradectl.domain.orders import Order, OrderSpec, OrderStatus, OrderType
from tradectl.domain.positions import Position, closable, leaving
from tradectl.domain.working_orders import WorkingOrders

Fill = tuple[Decimal, Decimal, Decimal]

QUANTITIES = st.decimals("-1000", "1000", places=8).filter(bool)
PRICES = st.decimals("0.00000001", "100000", places=8)
FEES = st.decimals("-10", "100", places=10)
FILLS = st.lists(st.tuples(QUANTITIES, PRICES, FEES), max_size=40)


def after(fills: list[Fill]) -> Position:
    position = Position("X")
    for quantity, price, fee in fills:
        position = position.after_fill(quantity, price, fee)
    return position


def traded(words: str) -> Position:
    """A position after fills in words: `+2@100 -1@110`."""
    fills = (word.split("@") for word in words.split())
    return after([(Decimal(quantity), Decimal(price), ZERO) for quantity, price in fills])


@given(FILLS, PRICES)
def test_profit_is_exactly_what_the_fills_paid_and_the_mark_is_worth(
    fills: list[Fill], mark: Decimal
) -> None:
    position = after(fills)
    held = sum((quantity for quantity, _, _ in fills), ZERO)
    received = sum((-quantity * price for quantity, price, _ in fills), ZERO)
    assert position.quantity == held
    assert position.realized + position.unrealized(mark) == received + held * mark


@given(FILLS)
def test_fees_add_up_and_touch_nothing_else(fills: list[Fill]) -> None:
    position = after(fills)
    free = after([(quantity, price, ZERO) for quantity, price, _ in fills])
    assert position.fees == sum((fee for _, _, fee in fills), ZERO)
    assert (position.quantity, position.cost, position.realized) == (
        free.quantity,
        free.cost,
        free.realized,
    )


@given(FILLS)
def test_short_is_the_mirror_image_of_long(fills: list[Fill]) -> None:
    position = after(fills)
    mirror = after([(-quantity, price, fee) for quantity, price, fee in fills])
    assert mirror.quantity == -position.quantity
    assert mirror.cost == -position.cost
    assert mirror.realized == -position.realized


@given(FILLS)
def test_a_flat_position_has_no_cost_left(fills: list[Fill]) -> None:
    position = after(fills)
    closed = position.after_fill(-position.quantity, Decimal(7), ZERO)
    assert (closed.quantity, closed.cost, closed.entry_price) == (ZERO, ZERO, ZERO)
    assert closed.side == "flat"


@given(FILLS.filter(bool))
def test_the_cost_of_an_open_position_lies_on_its_own_side(fills: list[Fill]) -> None:
    position = after(fills)
    assert position.cost * position.quantity >= -Decimal("1e-6") * len(fills)


@given(st.lists(st.tuples(QUANTITIES.map(abs), PRICES), min_size=1, max_size=10))
def test_the_entry_price_is_the_average_of_what_was_paid(
    bought: list[tuple[Decimal, Decimal]],
) -> None:
    position = after([(quantity, price, ZERO) for quantity, price in bought])
    lowest, highest = min(p for _, p in bought), max(p for _, p in bought)
    slack = Decimal("1e-20") * highest
    assert lowest - slack <= position.entry_price <= highest + slack


@given(QUANTITIES.map(abs), PRICES, PRICES, st.decimals("0.01", "0.99", places=2))
def test_closing_a_part_leaves_the_entry_price(
    quantity: Decimal, entry: Decimal, exit_price: Decimal, share: Decimal
) -> None:
    position = Position("X").after_fill(quantity, entry, ZERO)
    part = (quantity * share).quantize(Decimal("1e-8"))
    left = position.after_fill(-part, exit_price, ZERO)
    if left.quantity:
        assert abs(left.cost - left.quantity * entry) <= Decimal("1e-10")


@each_row(
    ("fills", "quantity", "entry", "realized"),
    [
        ("+2@100", "2", "100", "0"),
        ("+2@100 +2@110", "4", "105", "0"),
        ("+4@105 -1@115", "3", "105", "10"),
        ("+2@100 -2@90", "0", "0", "-20"),
        ("-2@100 +2@90", "0", "0", "20"),
        ("-2@100 +1@110", "-1", "100", "-10"),
        ("+2@100 -5@120", "-3", "120", "40"),
        ("-2@100 +5@80", "3", "80", "40"),
        ("+3@10 -1@10 -1@10 -1@10", "0", "0", "0"),
    ],
)
def test_positions_by_example(fills: str, quantity: str, entry: str, realized: str) -> None:
    position = traded(fills)
    assert position.quantity == Decimal(quantity)
    assert position.entry_price == Decimal(entry)
    assert position.realized == Decimal(realized)


NAUTILUS: dict[str, tuple[str, list[tuple[str, str, str, str]]]] = {
    "long and short interleaved": (
        "0.001",
        [
            ("+12@10000", "12", "10000", "-120"),
            ("+17@9999", "29", "9999.413793103447", "-289.98300000"),
            ("-9@10001", "20", "9999.413793103447", "-365.71613793"),
            ("+3@10003", "23", "9999.88155922039", "-395.72513793"),
            ("-4@10005", "19", "9999.88155922039", "-415.27137481"),
        ],
    ),
    "reduced twice and added to": (
        "0.0001",
        [
            ("+12@100", "12", "100", "-0.12000000"),
            ("+17@99", "29", "99.41379310344827", "-0.28830000"),
            ("-9@101", "20", "99.41379310344827", "13.89666207"),
            ("-4@105", "16", "99.41379310344827", "36.19948966"),
            ("+3@103", "19", "99.98003629764065", "36.16858966"),
        ],
    ),
}
"""What NautilusTrader's tests of positions expect, fill by fill: quantity, average price, and realised
profit less commissions at this rate."""


@pytest.mark.parametrize("name", NAUTILUS)
def test_a_sequence_of_nautilus_trader_is_the_same_to_its_last_digit(name: str) -> None:
    rate, fills = NAUTILUS[name]
    position = Position("X")
    for words, held, average, net in fills:
        quantity, price = map(Decimal, words.split("@"))
        position = position.after_fill(quantity, price, abs(quantity) * price * Decimal(rate))
        assert position.quantity == Decimal(held)
        assert float(position.entry_price) == pytest.approx(float(average), rel=1e-12)
        assert round(position.realized - position.fees, 8) == Decimal(net)


def test_crossing_zero_is_the_same_as_closing_and_then_opening() -> None:
    assert traded("+2@100 -5@120") == traded("+2@100 -2@120 -3@120")


def test_a_third_is_rounded_once_and_the_rest_makes_up_for_it() -> None:
    position = traded("+1@10 +2@10.01")
    closed = position.after_fill(Decimal(-1), Decimal(10), ZERO)
    assert closed.realized == Decimal(10) - Decimal("10.0066666667")
    assert closed.cost == Decimal("20.0133333333")


@pytest.mark.parametrize(("fills", "side"), [("", "flat"), ("+1@5", "long"), ("-1@5", "short")])
def test_a_position_names_its_side(fills: str, side: str) -> None:
    assert traded(fills).side == side


def test_a_position_is_never_changed_in_place() -> None:
    position = traded("+1@100")
    with pytest.raises(AttributeError):
        position.quantity = Decimal(5)  # type: ignore[misc]


# --- working orders ----------------------------------------------------------------------------------


def working(*orders: str) -> list[Order]:
    """`buy 2`: orders that may still trade so much."""
    made = []
    for n, words in enumerate(orders):
        side, quantity = words.split()
        spec = OrderSpec(f"o{n}", "X", Side(side), Decimal(quantity))
        made.append(Order(spec, 0, 0, OrderStatus.ACCEPTED))
    return made


def test_what_working_orders_bring_is_what_they_may_still_trade() -> None:
    orders = working("buy 5", "sell 2", "buy 1")
    orders[0].filled = Decimal(3)
    assert WorkingOrders(orders).coming == 1
    assert leaving(orders, Side.BUY) == WorkingOrders(orders).leaving(Side.BUY) == 3
    assert leaving(orders, Side.SELL) == WorkingOrders(orders).leaving(Side.SELL) == 2
    assert WorkingOrders().coming == leaving([], Side.BUY) == 0


def test_the_best_price_is_there_again_when_its_cancel_is_refused() -> None:
    specs = [
        OrderSpec(f"{n}", "X", Side.BUY, Decimal(1), OrderType.LIMIT, price=Decimal(n))
        for n in (1, 2, 3)
    ]
    orders = [Order(spec, 1, 1, OrderStatus.ACCEPTED) for spec in specs]
    works = WorkingOrders(orders)
    for order in orders:
        works.change(order, OrderStatus.PENDING_CANCEL, order.filled)
    assert works.best(Side.BUY) is None
    for order in (orders[0], orders[2]):
        works.change(order, OrderStatus.ACCEPTED, order.filled)
    assert works.best(Side.BUY) is orders[2]
    works.change(orders[2], OrderStatus.CANCELED, Decimal(0))
    assert works.best(Side.BUY) is orders[0]
    assert works.best(Side.SELL) is None


def test_a_child_that_outlives_its_order_still_has_its_price() -> None:
    parent, child = (
        Order(spec, 1, 1, OrderStatus.ACCEPTED)
        for spec in (
            OrderSpec("parent", "X", Side.BUY, Decimal(1)),
            OrderSpec(
                "child", "X", Side.BUY, Decimal(1), OrderType.LIMIT, Decimal(3), parent_id="parent"
            ),
        )
    )
    works = WorkingOrders([parent, child])
    works.change(parent, OrderStatus.FILLED, Decimal(1))
    assert works.best(Side.BUY) is child
    works.change(child, OrderStatus.CANCELED, Decimal(0))
    assert works.best(Side.BUY) is None


@each_row(
    ("held", "side", "orders", "left"),
    [
        ("3", "sell", [], "3"),
        ("3", "buy", [], "0"),
        ("0", "sell", [], "0"),
        ("-2", "buy", [], "2"),
        ("3", "sell", ["sell 1", "buy 9"], "2"),
        ("3", "sell", ["sell 2", "sell 2"], "0"),
        ("-2", "buy", ["buy 0.5", "sell 7"], "1.5"),
    ],
)
def test_one_more_order_closes_what_the_working_ones_do_not_close_already(
    held: str, side: str, orders: list[str], left: str
) -> None:
    assert closable(Decimal(held), Side(side), leaving(working(*orders), Side(side))) == Decimal(
        left
    )
