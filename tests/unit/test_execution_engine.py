"""From an approved order to a command, from a stop to its cancels, and what fills cost on the way."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures.fake_account import SPOT, FakeAccount
from tradectl.domain.commands import ApprovedOrder, CancelOrder, SubmitOrder
from tradectl.domain.errors import CoreError
from tradectl.domain.events import CancelRequested, OrderFilled
from tradectl.domain.money import Side
from tradectl.domain.orders import WORKING, OrderSpec, OrderStatus, OrderType
from tradectl.execution.engine import ExecutionEngine


@pytest.fixture
def engine() -> ExecutionEngine:
    return ExecutionEngine()


@pytest.fixture
def account() -> FakeAccount:
    return FakeAccount().price(SPOT.symbol, "100")


def spec(order_id: str = "o1", side: Side = Side.BUY, quantity: str = "2") -> OrderSpec:
    return OrderSpec(order_id, SPOT.symbol, side, Decimal(quantity))


def approved(order: OrderSpec | None = None) -> ApprovedOrder:
    return ApprovedOrder(order or spec(), 0)


def fill(price: str, quantity: str, order_id: str = "o1", side: Side = Side.BUY) -> OrderFilled:
    return OrderFilled(
        order_id=order_id,
        symbol=SPOT.symbol,
        trade_id="t",
        side=side,
        quantity=Decimal(quantity),
        price=Decimal(price),
    )


def sent(engine: ExecutionEngine, account: FakeAccount, *specs: OrderSpec) -> None:
    for each in specs:
        account.work(each, OrderStatus.APPROVED)
        engine.submit(approved(each), account)


# --- commands ----------------------------------------------------------------------------------------


def test_an_approved_order_becomes_the_command_to_submit_it(
    engine: ExecutionEngine, account: FakeAccount
) -> None:
    account.work(spec(), OrderStatus.APPROVED)
    assert engine.submit(approved(), account) == SubmitOrder(ApprovedOrder(spec(), 0))


@pytest.mark.parametrize("status", [s for s in OrderStatus if s is not OrderStatus.APPROVED])
def test_nothing_but_an_approved_order_is_ever_submitted(
    engine: ExecutionEngine, account: FakeAccount, status: OrderStatus
) -> None:
    account.work(spec(), status)
    with pytest.raises(CoreError, match=f"order o1 is {status}: only an approved one is sent"):
        engine.submit(approved(), account)


def test_what_is_submitted_is_what_was_asked_for_to_the_digit(
    engine: ExecutionEngine, account: FakeAccount
) -> None:
    account.work(spec(), OrderStatus.APPROVED)
    with pytest.raises(CoreError, match="the books hold another order o1"):
        engine.submit(approved(spec(quantity="3")), account)


def test_an_order_that_is_not_in_the_books_is_neither_submitted_nor_cancelled(
    engine: ExecutionEngine, account: FakeAccount
) -> None:
    with pytest.raises(CoreError, match="order o1 is not in the books"):
        engine.submit(approved(), account)
    with pytest.raises(CoreError, match="order o1 is not in the books"):
        engine.cancel(CancelRequested(order_id="o1", symbol=SPOT.symbol), account)


def test_a_cancel_names_the_order_as_the_exchange_knows_it(
    engine: ExecutionEngine, account: FakeAccount
) -> None:
    account.work(spec()).venue_order_id = "v1"
    asked = CancelRequested(order_id="o1", symbol=SPOT.symbol)
    assert engine.cancel(asked, account) == CancelOrder("o1", SPOT.symbol, "v1")


@pytest.mark.parametrize("status", list(OrderStatus))
def test_a_stop_cancels_whatever_works_and_is_not_being_cancelled_already(
    engine: ExecutionEngine, account: FakeAccount, status: OrderStatus
) -> None:
    account.work(spec(), status)
    expected = status in WORKING and status is not OrderStatus.PENDING_CANCEL
    cancels = engine.cancel_all(account, "fire")
    assert [(c.order_id, c.symbol, c.reason) for c in cancels] == (
        [("o1", SPOT.symbol, "fire")] if expected else []
    )


def test_a_stop_cancels_orders_of_every_symbol_in_the_order_of_the_books(
    engine: ExecutionEngine, account: FakeAccount
) -> None:
    for name in ("o3", "o1", "o2"):
        account.work(spec(name))
    assert [c.order_id for c in engine.cancel_all(account, "")] == ["o3", "o1", "o2"]


@pytest.mark.parametrize(("held", "gone"), [("2", ["entry"]), ("0", ["entry", "stop"])])
def test_cancelling_all_leaves_the_stop_of_a_position_and_no_stop_of_none(
    engine: ExecutionEngine, account: FakeAccount, held: str, gone: list[str]
) -> None:
    account.own(SPOT.symbol, held, "100")
    account.work(spec("entry"))
    account.work(
        OrderSpec(
            "stop", SPOT.symbol, Side.SELL, Decimal(2),
            OrderType.STOP_MARKET, stop_price=Decimal(95), reduce_only=True,
        )
    )  # fmt: skip
    assert [c.order_id for c in engine.cancel_all(account, "why")] == gone


# --- slippage ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("side", "price", "cost", "bps"),
    [
        (Side.BUY, "101", "2", "100.00"),
        (Side.BUY, "99.5", "-1", "-50.00"),
        (Side.SELL, "99", "2", "100.00"),
        (Side.SELL, "100.01", "-0.02", "-1.00"),
        (Side.BUY, "100", "0", "0.00"),
    ],
)
def test_slippage_is_what_a_fill_cost_against_the_price_at_submission(
    engine: ExecutionEngine, account: FakeAccount, side: Side, price: str, cost: str, bps: str
) -> None:
    sent(engine, account, spec(side=side))
    account.price(SPOT.symbol, "150")
    engine.on_fill(fill(price, "2", side=side))
    assert engine.slippage_cost == Decimal(cost)
    assert engine.slippage_notional == 200
    assert engine.slippage_bps() == Decimal(bps)


def test_slippage_is_weighted_by_what_was_traded(
    engine: ExecutionEngine, account: FakeAccount
) -> None:
    sent(engine, account, spec("o1"), spec("o2", Side.SELL))
    for filled in (
        fill("101", "1"),
        fill("102", "1"),
        fill("100", "2", "o2", Side.SELL),
    ):
        engine.on_fill(filled)
    assert engine.slippage_bps() == Decimal("75.00")


def test_before_the_first_fill_there_is_no_slippage(engine: ExecutionEngine) -> None:
    assert engine.slippage_bps() == 0


def test_an_order_sent_without_a_price_or_by_an_earlier_run_is_not_measured(
    engine: ExecutionEngine,
) -> None:
    blind = FakeAccount()
    sent(engine, blind, spec())
    engine.on_fill(fill("101", "1"))
    engine.on_fill(fill("101", "1", "of another run"))
    assert engine.slippage_cost == engine.slippage_notional == 0


def test_prices_at_submission_are_remembered_for_as_long_as_the_books_know_the_order() -> None:
    engine, account = ExecutionEngine(arrivals_kept=2), FakeAccount().price(SPOT.symbol, "100")
    for n in range(100):
        sent(engine, account, spec(f"o{n}"))
        if n % 10:
            del account.orders[f"o{n}"]
    assert len(engine._arrival) <= 2 * 10
    for n in range(0, 100, 10):
        engine.on_fill(fill("101", "1", f"o{n}"))
    assert engine.slippage_notional == 1_000


@given(st.lists(st.tuples(st.sampled_from(Side), st.integers(1, 9), st.integers(90, 110))))
def test_buying_and_selling_mirror_each_other(fills: list[tuple[Side, int, int]]) -> None:
    costs = []
    for mirrored in (False, True):
        engine, account = ExecutionEngine(), FakeAccount().price(SPOT.symbol, "100")
        for n, (side, quantity, price) in enumerate(fills):
            own = side.opposite if mirrored else side
            sent(engine, account, spec(f"o{n}", own, str(quantity)))
            at = 200 - price if mirrored else price
            engine.on_fill(fill(str(at), str(quantity), f"o{n}", own))
        costs.append((engine.slippage_cost, engine.slippage_notional))
    assert costs[0] == costs[1]
