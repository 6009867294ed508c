"""Budgets, and positions on one side: at each limit, a hair above it, and kept as it is worked out."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from tests.fixtures.fake_account import PERP, SPOT, FakeAccount
from tests.fixtures.risk_system import BTC, ETH, RiskSystem
from tests.fixtures.rows import each_row
from tests.profiles import in_turn
from tradectl.domain.events import OrderDenied
from tradectl.domain.exposure_tally import LONG, OF_GROUP, SHORT, ExposureTally, Group
from tradectl.domain.money import Side
from tradectl.domain.orders import Order, OrderSpec, OrderStatus, OrderType
from tradectl.domain.shares import Share
from tradectl.domain.working_orders import WorkingOrders
from tradectl.risk.engine import RiskEngine
from tradectl.risk.exposure_checks import tally_of
from tradectl.risk.limits import RiskLimits
from tradectl.risk.order_limits import Budget
from tradectl.state.books import Books

D = Decimal
PERPETUAL, COIN = PERP.symbol, SPOT.symbol
BUY, SELL = Side.BUY, Side.SELL
NEXT = [OrderStatus.PARTIALLY_FILLED, OrderStatus.PENDING_CANCEL, OrderStatus.CANCELED]


def account(**held: str) -> FakeAccount:
    """10,000 in all, at marks of 100."""
    view = FakeAccount("10000").price(PERPETUAL, "100").price(COIN, "100")
    for name, quantity in held.items():
        view.own({"perp": PERPETUAL, "coin": COIN}[name], quantity)
    return view


def order(
    side: Side, quantity: str, symbol: str = PERPETUAL, n: int = 0, **fields: Any
) -> OrderSpec:
    fields.setdefault("strategy", "a")
    return OrderSpec(f"id-{n}", symbol, side, D(quantity), **fields)


def said(limits: RiskLimits, spec: OrderSpec, view: FakeAccount) -> str:
    view.groups = tuple(
        Group(b.name, frozenset(b.symbols), frozenset(b.strategies)) for b in limits.budgets
    )
    judged = RiskEngine(limits).judge(spec, view, 0)
    return judged.code if isinstance(judged, OrderDenied) else ""


# --- one side ---------------------------------------------------------------------------------------


@each_row(
    ("held", "spec", "code"),
    [
        ({"coin": "1"}, order(BUY, "1"), "SAME_DIRECTION"),
        ({"coin": "1"}, order(SELL, "1"), ""),
        ({"coin": "1"}, order(BUY, "1", COIN), ""),
        ({"perp": "-1"}, order(BUY, "1", COIN), ""),
        ({"perp": "-1", "coin": "1"}, order(BUY, "2"), "SAME_DIRECTION"),
        ({"perp": "-1", "coin": "1"}, order(BUY, "1"), ""),
    ],
    ids=["a second", "the other side", "more of it", "one short", "a turn", "an exit"],
)
def test_not_too_many_positions_on_one_side(
    held: dict[str, str], spec: OrderSpec, code: str
) -> None:
    assert said(RiskLimits(max_same_direction=1), spec, account(**held)) == code


@pytest.mark.parametrize(
    ("quantity", "code"), [("2", ""), ("2.001", "SAME_DIRECTION")], ids=["at it", "above it"]
)
def test_nor_too_much_with_what_is_on_its_way(quantity: str, code: str) -> None:
    view = account(coin="1")
    view.work(order(BUY, "1", n=9))
    limits = RiskLimits(max_same_direction_notional=D(400))
    assert said(limits, order(BUY, quantity), view) == code
    assert said(limits, order(SELL, quantity), view) == ""


def test_an_order_that_waits_takes_its_place_on_a_side() -> None:
    view = account()
    view.work(order(BUY, "1", COIN, n=9))
    assert said(RiskLimits(max_same_direction=1), order(BUY, "1"), view) == "SAME_DIRECTION"


# --- budgets ----------------------------------------------------------------------------------------


def budget(pct: str, **of: tuple[str, ...]) -> RiskLimits:
    return RiskLimits(budgets=(Budget(name="b", max_pct=D(pct), **of),))


@each_row(
    ("held", "spec", "code"),
    [
        ({"coin": "1"}, order(BUY, "1"), ""),
        ({"coin": "1"}, order(BUY, "1.001"), "BUDGET"),
        ({"coin": "1"}, order(SELL, "1.001"), "BUDGET"),
        ({"perp": "-2"}, order(BUY, "0.1", COIN), "BUDGET"),
        ({"perp": "-3"}, order(BUY, "1"), ""),
        ({"perp": "-3"}, order(BUY, "5"), ""),
        ({"perp": "-3"}, order(BUY, "6.1"), "BUDGET"),
    ],
    ids=["at it", "above", "short counts", "of both", "an exit", "less than before", "a turn"],
)
def test_symbols_have_a_budget_together(held: dict[str, str], spec: OrderSpec, code: str) -> None:
    limits = budget("2", symbols=(PERPETUAL, COIN))
    assert said(limits, spec, account(**held)) == code


def test_a_symbol_that_is_in_no_budget_has_none() -> None:
    assert said(budget("0.1", symbols=(COIN,)), order(BUY, "5"), account()) == ""


@each_row(
    ("spec", "code"),
    [
        (order(BUY, "1"), ""),
        (order(BUY, "1.001"), "BUDGET"),
        (order(BUY, "5", strategy="b"), ""),
        (order(BUY, "3", shares=(Share("a", D(1)), Share("b", D(2)))), ""),
        (order(BUY, "3", shares=(Share("a", D("1.5")), Share("b", D("1.5")))), "BUDGET"),
        (order(SELL, "4", shares=(Share("a", D(-4)),)), "BUDGET"),
    ],
    ids=["at it", "above", "another's", "its part", "too large a part", "a turn"],
)
def test_a_strategy_s_own_positions_count_whatever_the_account_holds(
    spec: OrderSpec, code: str
) -> None:
    """Strategy a holds 1 of each; b holds the opposite of the perpetual: the account is flat there."""
    view = account(coin="1").hold(COIN, a="1").hold(PERPETUAL, a="1", b="-1")
    assert said(budget("3", strategies=("a",)), spec, view) == code


def test_a_denial_has_its_figures() -> None:
    limits = budget("2", symbols=(PERPETUAL,))
    view = account()
    view.groups = (Group("b", frozenset({PERPETUAL}), frozenset()),)
    judged = RiskEngine(limits).judge(order(BUY, "3"), view, 0)
    assert isinstance(judged, OrderDenied)
    assert judged.message == "the budget 'b' could come to 3.00% of equity: the limit is 2%"
    assert (judged.limit, judged.actual) == ("2", "3")


# --- in a whole system ------------------------------------------------------------------------------


def test_orders_of_one_moment_share_a_budget() -> None:
    run = RiskSystem(budgets=(Budget(name="all", symbols=(BTC, ETH), max_pct=D(30)),))
    run.tick(100).tick(50, ETH).says("buy").says("sell", ETH).tick(100).tick(50, ETH)
    assert run.denials() == ["BUDGET"]
    assert run.held() > 0
    assert run.held(ETH) == 0
    run.replays()


def test_the_side_cap_after_a_restart() -> None:
    run = RiskSystem(max_same_direction=1)
    run.tick(100).tick(50, ETH).says("buy").tick(100).restart()
    run.tick(100).tick(50, ETH).says("buy", ETH).tick(50, ETH)
    assert run.denials() == ["SAME_DIRECTION"]
    run.says("sell", ETH).tick(50, ETH)
    assert run.held(ETH) < 0
    run.replays()


@pytest.mark.parametrize("seed", in_turn(range(80), 80))
def test_what_is_kept_is_what_is_worked_out_anew(seed: int) -> None:
    random = Random(seed)
    budgets = (
        Budget(name="both", symbols=(BTC, ETH), max_pct=D(500)),
        Budget(name="s", strategies=("s", "t"), max_pct=D(500)),
    )
    run = RiskSystem(budgets=budgets, max_same_direction=5)
    run.tick(100).tick(50, ETH)
    for _ in range(60):
        symbol, price = random.choice([(BTC, 100), (ETH, 50)])
        run.tick(price + random.randint(-5, 5), symbol)
        run.says(
            random.choice(["buy", "sell", "close"]),
            symbol,
            strategy=random.choice("stu"),
            strength=random.choice([0.25, 0.5, 1.0]),
        )
        if random.random() < 0.5:
            assert kept(run.system.books) == anew(run.system.books)
    run.replays()


def figures(tally: ExposureTally) -> dict[str, tuple[Decimal, int]]:
    labels = (LONG, SHORT, OF_GROUP + "both", OF_GROUP + "s")
    return {label: (tally.total(label), tally.number(label)) for label in labels}


def kept(books: Books) -> dict[str, tuple[Decimal, int]]:
    return figures(books.at_stake())


def anew(books: Books) -> dict[str, tuple[Decimal, int]]:
    tally = tally_of(books.limits)
    assert tally is not None
    for symbol in (BTC, ETH):
        held, lot = books.position(symbol).quantity, books.instrument(symbol).lot_size
        orders, mark = books.working_in(symbol), books.mark(symbol)
        tally.count(symbol, held, orders, mark or D(0), books.holdings(symbol), lot)
    return figures(tally)


def test_a_take_profit_or_stop_that_rests_enlarges_nothing() -> None:
    view = account(perp="1")
    view.work(order(SELL, "1", n=9, type=OrderType.STOP_MARKET, stop_price=D(90), reduce_only=True))
    assert figures(view.at_stake())[SHORT] == (D(0), 0)


# --- the sums of strategies -------------------------------------------------------------------------


class Walked(WorkingOrders):
    """Counts how often all of them are gone through."""

    times = 0

    def __iter__(self) -> Iterator[Order]:
        self.times += 1
        return super().__iter__()


def asked_of_each(working: WorkingOrders, lot: Decimal) -> dict[tuple[Side, str], Decimal]:
    found = dict[tuple[Side, str], Decimal]()
    for each in WorkingOrders.__iter__(working):
        for name, coming in each.coming_for(lot).items() if not each.spec.reduce_only else ():
            key = BUY if coming > 0 else SELL, name
            found[key] = found.get(key, D(0)) + abs(coming)
    return {key: value for key, value in found.items() if value}


@pytest.mark.parametrize("seed", range(5))
def test_what_strategies_may_still_trade_is_kept_and_not_gone_through(seed: int) -> None:
    random, working, lot = Random(seed), Walked(), D("0.001")
    working.add(Order(order(BUY, "1", n=-1), 0, 0, OrderStatus.ACCEPTED))
    working.entering(lot)
    walked = working.times
    for n in range(200):
        side, quantity = random.choice([BUY, SELL]), D(random.randint(1, 9)) / 1000
        shares: tuple[Share, ...] = ()
        if random.random() < 0.2:
            shares = Share("a", side.signed(quantity)), Share("b", side.signed(quantity))
            quantity *= 2
        reduce_only, name = random.random() < 0.2, random.choice("abc")
        spec = order(
            side, str(quantity), n=n, reduce_only=reduce_only, strategy=name, shares=shares
        )
        working.add(Order(spec, 0, 0, OrderStatus.ACCEPTED))
        one = random.choice([*WorkingOrders.__iter__(working)][1:])
        filled = min(one.filled + lot, one.spec.quantity)
        is_whole = filled == one.spec.quantity
        working.change(one, OrderStatus.FILLED if is_whole else random.choice(NEXT), filled)
        kept = working.entering(lot)
        sums = {(side, name): size for side in kept for name, size in kept[side].items() if size}
        assert sums == asked_of_each(working, lot)
    assert working.times == walked
