"""What is decided as a candle closes is ordered as the next one opens; a turn may be two orders."""

from __future__ import annotations

from decimal import Decimal
from itertools import count
from typing import Literal

from tests.fixtures.fake_account import PERP, FakeAccount
from tests.unit.test_portfolio_engine import answer, brief, orders, reason, signal
from tradectl.domain.orders import OrderStatus
from tradectl.portfolio.engine import PortfolioEngine
from tradectl.portfolio.portfolio_settings import PortfolioSettings

D = Decimal
SYMBOL = PERP.symbol


def engine(
    turn: Literal["one_order", "two_orders"] = "one_order", *, sized_at_open: bool = False
) -> PortfolioEngine:
    ids = count(1)
    settings = PortfolioSettings(fraction=D(1), max_weight=D(1), turn=turn)
    return PortfolioEngine(settings, {}, lambda: f"id-{next(ids)}", sized_at_open=sized_at_open)


def account(held: str = "0") -> FakeAccount:
    return FakeAccount("1000").price(SYMBOL, "100").own(SYMBOL, held)


def test_what_is_decided_at_a_close_is_sized_at_the_open() -> None:
    portfolio, view = engine(sized_at_open=True), account()
    view.closed.add(SYMBOL)
    told = view.take(portfolio.on_signal(signal("buy", SYMBOL, reason="up"), view, 0))
    assert reason(told) == "up (as the next candle opens)"
    view.closed.clear()
    view.price(SYMBOL, "125")
    assert brief(portfolio.on_open(SYMBOL, view, 0)) == [("buy", D(8), False)]
    assert portfolio.on_open(SYMBOL, view, 0) == []


def test_where_the_next_open_is_not_awaited_it_is_ordered_at_once() -> None:
    assert brief(engine(sized_at_open=True).on_signal(signal("buy", SYMBOL), account(), 0)) == [
        ("buy", D(10), False)
    ]
    view = account()
    view.closed.add(SYMBOL)
    assert brief(engine().on_signal(signal("buy", SYMBOL), view, 0)) == [("buy", D(10), False)]


def test_what_is_taken_back_before_the_open_is_not_ordered() -> None:
    portfolio, view = engine(sized_at_open=True), account()
    view.closed.add(SYMBOL)
    view.take(portfolio.on_signal(signal("buy", SYMBOL), view, 0))
    view.take(portfolio.on_signal(signal("close", SYMBOL), view, 0))
    view.closed.clear()
    assert reason(portfolio.on_open(SYMBOL, view, 0)) == "on target"


def test_at_the_end_of_data_no_open_is_waited_for() -> None:
    portfolio, view = engine(sized_at_open=True), account("3")
    view.closed.add(SYMBOL)
    view.take(portfolio.on_signal(signal("sell", SYMBOL), view, 0))
    assert brief(portfolio.end(view, "end of data")) == [("sell", D(3), True)]
    view.closed.clear()
    assert portfolio.on_open(SYMBOL, view, 0) == []


def test_a_turn_in_two_orders_closes_and_opens_with_what_is_left_then() -> None:
    portfolio, view = engine("two_orders"), account("4")
    first = view.take(portfolio.on_signal(signal("sell", SYMBOL), view, 0))
    assert brief(first) == [("sell", D(4), True)]
    view.work(orders(first)[0])
    assert reason(portfolio.on_signal(signal("sell", SYMBOL), view, 0)) == (
        "the position is closed first"
    )
    assert portfolio.on_execution(SYMBOL, view, 0) == []
    view.fill("id-1", "50")  # 200 of 1,000 are lost
    view.price(SYMBOL, "50")
    second = portfolio.on_execution(SYMBOL, view, 0)
    assert brief(second) == [("sell", D(16), False)]
    assert answer(second).current == 0


def test_a_turn_whose_first_order_comes_to_nothing_is_not_gone_on_with() -> None:
    portfolio, view = engine("two_orders"), account("4")
    first = orders(view.take(portfolio.on_signal(signal("sell", SYMBOL), view, 0)))[0]
    view.work(first, OrderStatus.REJECTED)
    assert portfolio.on_execution(SYMBOL, view, 0) == []
    assert brief(portfolio.on_signal(signal("sell", SYMBOL), view, 0)) == [("sell", D(4), True)]


def test_a_turn_whose_first_order_is_denied_is_not_gone_on_with() -> None:
    portfolio, view = engine("two_orders"), account("4")
    first = orders(view.take(portfolio.on_signal(signal("sell", SYMBOL), view, 0)))[0]
    assert portfolio.on_denied(first, "no", view, 0) == []
    assert brief(portfolio.on_signal(signal("sell", SYMBOL), view, 0)) == [("sell", D(4), True)]


def test_a_part_of_a_close_is_not_turned_over() -> None:
    portfolio, view = engine("two_orders"), account("4")
    first = orders(view.take(portfolio.on_signal(signal("sell", SYMBOL), view, 0)))[0]
    view.work(first)
    view.fill(first.order_id, "100", D(1))
    assert portfolio.on_execution(SYMBOL, view, 0) == []
    view.fill(first.order_id, "100")
    assert brief(portfolio.on_execution(SYMBOL, view, 0)) == [("sell", D(10), False)]


def test_at_the_end_what_works_is_cancelled_and_all_is_closed() -> None:
    portfolio, view = engine(), account("4")
    working = orders(portfolio.on_signal(signal("buy", SYMBOL), view, 0))[0]
    view.work(working)
    kinds = [type(event).__name__ for event in portfolio.end(view, "end of data")]
    assert kinds == ["CancelRequested", "TargetComputed", "OrderInitialized"]
