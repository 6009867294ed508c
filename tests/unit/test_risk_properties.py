"""Whatever is asked for, and whatever of it fills: limits hold, and exits are open."""

from __future__ import annotations

import itertools
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures.fake_account import PERP, SPOT, FakeAccount
from tradectl.domain.commands import ApprovedOrder
from tradectl.domain.money import ZERO, Side, is_sane
from tradectl.domain.orders import Order, OrderSpec, OrderStatus, OrderType
from tradectl.domain.positions import widest
from tradectl.domain.working_orders import WorkingOrders
from tradectl.risk.engine import RiskEngine
from tradectl.risk.limits import RiskLimits

D = Decimal
MARK = D(100)
LIMITS = RiskLimits(
    max_order_notional=D(6_000),
    max_position_notional=D(8_000),
    max_gross_notional=D(12_000),
    max_leverage=D(1),
    max_orders_per_second=None,
    duplicate_window_ms=0,
    daily_loss_alert_pct=None,
    daily_loss_pause_pct=D(5),
    drawdown_alert_pct=None,
    drawdown_pause_pct=D(5),
)
EXPOSURE_CODES = {
    "ORDER_NOTIONAL", "POSITION_NOTIONAL", "GROSS_EXPOSURE", "LEVERAGE", "DAILY_LOSS", "DRAWDOWN",
    "NO_PRICE", "BALANCE", "PAUSED",
}  # fmt: skip

SYMBOLS = st.sampled_from([SPOT.symbol, PERP.symbol])
SIDES = st.sampled_from(Side)
LOTS = st.integers(1, 90_000).map(lambda n: D(n) / 1000)
ASKED = st.tuples(SYMBOLS, SIDES, LOTS, st.sampled_from(["wait", "fill", "part", "reject"]))


def approve(engine: RiskEngine, spec: OrderSpec, view: FakeAccount) -> bool:
    return isinstance(engine.judge(spec, view, 0), ApprovedOrder)


def handle(view: FakeAccount, spec: OrderSpec, fate: str) -> None:
    view.work(spec, OrderStatus.SUBMITTED)
    if fate == "fill":
        view.fill(spec.order_id, MARK)
    elif fate == "part" and spec.quantity > D("0.001"):
        view.fill(spec.order_id, MARK, spec.quantity - D("0.001"))
    elif fate == "reject":
        view.orders[spec.order_id].status = OrderStatus.REJECTED


@given(st.lists(ASKED, max_size=25), st.randoms(use_true_random=False))
def test_approved_orders_never_pass_a_limit_whichever_of_them_fill(
    asked: list[tuple[str, Side, D, str]], fates: object
) -> None:
    view = FakeAccount("10000").price(SPOT.symbol, MARK).price(PERP.symbol, MARK)
    engine = RiskEngine(LIMITS)
    for n, (symbol, side, quantity, fate) in enumerate(asked):
        spec = OrderSpec(f"id-{n}", symbol, side, quantity)
        if approve(engine, spec, view):
            handle(view, spec, fate)
        check_limits(view)
    waiting = list(view.working_orders())
    fates.shuffle(waiting)  # type: ignore[attr-defined]
    for order in waiting:
        view.fill(order.spec.order_id, MARK)
        check_limits(view)


def check_limits(view: FakeAccount) -> None:
    assert (
        view.equity() == 10_000
    )  # nothing but fees can change it at one price, and there are none
    assert view.exposure() <= 10_000
    assert view.cash >= 0
    for position in view.positions():
        assert abs(position.quantity) * MARK <= 8_000
    assert view.position(SPOT.symbol).quantity >= 0


@given(SYMBOLS, LOTS, st.booleans(), st.booleans(), st.data())
def test_an_exit_is_never_refused_for_its_exposure(
    symbol: str, held: D, short: bool, flagged: bool, data: st.DataObject
) -> None:
    """After any loss, at any price or none, with other orders working."""
    view = FakeAccount("10000")
    held = -held if short and symbol == PERP.symbol else held
    view.own(symbol, held, MARK)
    view.cash = data.draw(st.decimals(-20_000, 10_000, places=2))
    view.peak_equity = view.day_start_equity = D(10_000)
    mark = data.draw(st.none() | st.decimals("0.01", "9999", places=2))
    if mark is not None:
        view.price(symbol, mark)
    for n in range(data.draw(st.integers(0, 3))):
        side, quantity = data.draw(SIDES), data.draw(LOTS)
        view.work(OrderSpec(f"w-{n}", PERP.symbol, side, quantity, OrderType.LIMIT, price=MARK))
    side = Side.SELL if held > 0 else Side.BUY
    ahead = ZERO
    if not flagged:
        here = view.working_orders(symbol)
        ahead = sum((o.remaining for o in here if o.spec.side is side), ZERO)
    if ahead >= abs(held):
        return
    quantity = data.draw(st.integers(1, int((abs(held) - ahead) * 1000))) / D(1000)
    verdict = RiskEngine(LIMITS).judge(
        OrderSpec("exit", symbol, side, quantity, reduce_only=flagged), view, 0
    )
    if not isinstance(verdict, ApprovedOrder):
        assert verdict.code not in EXPOSURE_CODES
        assert verdict.code == "MIN_NOTIONAL"


FILLS = st.tuples(SIDES, st.integers(1, 5), st.booleans())


@given(st.integers(-5, 5), st.lists(FILLS, max_size=4), st.integers(-5, 5))
def test_no_sequence_of_fills_makes_a_position_wider_than_was_reckoned(
    held: int, working: list[tuple[Side, int, bool]], coming: int
) -> None:
    """Reduce-only orders that fill first make room for the others."""
    orders = [
        Order(OrderSpec(f"w-{n}", PERP.symbol, side, D(size), reduce_only=flagged), 0, 0)
        for n, (side, size, flagged) in enumerate(working)
    ]
    limit = widest(D(held), WorkingOrders(orders), D(coming))
    new = (Side.BUY if coming > 0 else Side.SELL, abs(coming), False)
    for fills in itertools.permutations([*working, new]):
        position, has_come = held, False
        for fill in fills:
            position, has_come = filled(position, *fill), has_come or fill is new
            assert not has_come or abs(position) <= limit


def filled(position: int, side: Side, size: int, reduce_only: bool) -> int:
    sign = 1 if side is Side.BUY else -1
    return position + sign * (min(size, max(-sign * position, 0)) if reduce_only else size)


ANY_DECIMAL = st.decimals(allow_nan=True, allow_infinity=True) | st.sampled_from(
    [D("sNaN"), D("-0"), D("1e400"), D("1e-400"), D("-1e15"), D("1e15")]
)


@given(ANY_DECIMAL, st.none() | ANY_DECIMAL, st.none() | ANY_DECIMAL, SYMBOLS, SIDES)
def test_nothing_but_sane_multiples_of_the_steps_is_ever_approved(
    quantity: D, price: D | None, stop: D | None, symbol: str, side: Side
) -> None:
    view = FakeAccount("1e14").price(symbol, MARK)
    engine = RiskEngine(RiskLimits(max_order_notional=None, max_position_notional=None))
    for kind in OrderType:
        spec = OrderSpec(kind.value, symbol, side, quantity, kind, price=price, stop_price=stop)
        if approve(engine, spec, view):
            for value in (quantity, price, stop):
                assert value is None or (is_sane(value) and value > 0)
            assert quantity % view.instrument(symbol).lot_size == 0


@given(st.lists(st.tuples(SIDES, LOTS), max_size=20))
def test_judging_changes_nothing_in_the_account(asked: list[tuple[Side, D]]) -> None:
    view = FakeAccount().price(SPOT.symbol, MARK)
    engine = RiskEngine(LIMITS)
    before = (view.cash, view.positions(), view.working_orders(), view.trading_state)
    for n, (side, quantity) in enumerate(asked):
        engine.judge(OrderSpec(f"id-{n}", SPOT.symbol, side, quantity), view, n)
    assert (view.cash, view.positions(), view.working_orders(), view.trading_state) == before
