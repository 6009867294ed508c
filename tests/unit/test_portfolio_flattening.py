"""Positions are closed again and again until they are, and keep their stops until then."""

from __future__ import annotations

from decimal import Decimal
from itertools import count
from typing import Any

import pytest

from tests.fixtures.fake_account import PERP, SPOT, FakeAccount
from tradectl.domain.events import CancelRequested, Event, OrderInitialized, TargetComputed
from tradectl.domain.money import Side
from tradectl.domain.orders import OrderSpec, OrderStatus, OrderType
from tradectl.domain.states import TradingState
from tradectl.domain.time import SECOND
from tradectl.portfolio.engine import PortfolioEngine
from tradectl.portfolio.portfolio_settings import PortfolioSettings

D = Decimal
BTC, PERPETUAL = SPOT.symbol, PERP.symbol
STOP: dict[str, Any] = {
    "type": OrderType.STOP_MARKET,
    "stop_price": D(95),
    "reduce_only": True,
}


def engine(stop_loss_pct: str | None = None) -> PortfolioEngine:
    ids = count(1)
    away = D(stop_loss_pct) if stop_loss_pct else None
    return PortfolioEngine(PortfolioSettings(stop_loss_pct=away), {}, lambda: f"id-{next(ids)}")


def account(symbol: str = BTC, held: str = "3") -> FakeAccount:
    view = FakeAccount().price(symbol, "100").own(symbol, held, "100")
    view.trading_state = TradingState.FLATTENING
    return view


def steps(
    chosen: PortfolioEngine, view: FakeAccount, at: int = 0, symbol: str = BTC
) -> list[Event]:
    return chosen.flattening.steps(symbol, view, at, "fire")


def brief(events: list[Event]) -> list[tuple[str, D, bool]]:
    return [
        (e.order.side.value, e.order.quantity, e.order.reduce_only)
        for e in events
        if isinstance(e, OrderInitialized)
    ]


def cancelled(events: list[Event]) -> list[str]:
    return [e.order_id for e in events if isinstance(e, CancelRequested)]


def work(
    view: FakeAccount, side: Side, quantity: str, symbol: str = BTC, **fields: Any
) -> OrderSpec:
    status = fields.pop("status", OrderStatus.ACCEPTED)
    spec = OrderSpec(f"w-{len(view.orders)}", symbol, side, D(quantity), **fields)
    view.work(spec, status)
    return spec


def sent(view: FakeAccount, events: list[Event], status: OrderStatus) -> None:
    for event in events:
        if isinstance(event, OrderInitialized):
            view.work(event.order, status)


@pytest.mark.parametrize(
    ("symbol", "held", "expected"),
    [(BTC, "3", ("sell", D(3), True)), (PERPETUAL, "-2", ("buy", D(2), True))],
)
def test_a_position_is_closed_at_market(symbol: str, held: str, expected: Any) -> None:
    events = steps(engine(), account(symbol, held), symbol=symbol)
    assert isinstance(events[0], TargetComputed)
    assert (events[0].target, events[0].reason) == (D(0), "fire")
    assert brief(events) == [expected]


def test_what_is_on_its_way_is_not_sent_twice() -> None:
    view, chosen = account(), engine()
    sent(view, steps(chosen, view), OrderStatus.SUBMITTED)
    assert steps(chosen, view, 99 * SECOND) == []


def test_what_brought_nothing_is_sent_again_each_time_later() -> None:
    view, chosen, gaps, at = account(PERPETUAL), engine(), list[int](), 0
    for _ in range(8):
        events = steps(chosen, view, at, PERPETUAL)
        sent(view, events, OrderStatus.REJECTED)
        assert brief(events) == [("sell", D(3), True)]
        again = chosen.flattening.next_try(PERPETUAL)
        assert again is not None
        assert steps(chosen, view, again - 1, PERPETUAL) == []
        gaps.append((again - at) // SECOND)
        at = again
    assert gaps == [1, 2, 4, 8, 16, 30, 30, 30]


def test_what_closed_a_part_is_followed_by_the_rest_at_once() -> None:
    view, chosen = account(PERPETUAL), engine()
    sent(view, steps(chosen, view, 0, PERPETUAL), OrderStatus.EXPIRED)
    view.own(PERPETUAL, "2", "100")
    assert brief(steps(chosen, view, 1, PERPETUAL)) == [("sell", D(2), True)]


def test_on_spot_the_stop_makes_room_and_comes_back_while_the_sale_is_refused() -> None:
    view, chosen = account(), engine("5")
    stop = work(view, Side.SELL, "3", **STOP)
    assert cancelled(steps(chosen, view)) == [stop.order_id]
    view.orders[stop.order_id].status = OrderStatus.PENDING_CANCEL
    assert steps(chosen, view) == []
    view.orders[stop.order_id].status = OrderStatus.CANCELED
    sale = steps(chosen, view)
    assert brief(sale) == [("sell", D(3), True)]
    sent(view, sale, OrderStatus.REJECTED)
    back = [e.order for e in steps(chosen, view, 1) if isinstance(e, OrderInitialized)]
    assert [(o.type, o.stop_price, o.quantity) for o in back] == [
        (OrderType.STOP_MARKET, D(95), D(3))
    ]
    view.work(back[0], OrderStatus.ACCEPTED)
    assert steps(chosen, view, 2) == []
    assert cancelled(steps(chosen, view, 2 * SECOND)) == [back[0].order_id]


def test_on_a_perpetual_the_stop_stays_until_the_position_is_closed() -> None:
    view, chosen = account(PERPETUAL), engine("5")
    stop = work(view, Side.SELL, "3", PERPETUAL, **STOP)
    events = steps(chosen, view, 0, PERPETUAL)
    assert (brief(events), cancelled(events)) == ([("sell", D(3), True)], [])
    sent(view, events, OrderStatus.FILLED)
    view.own(PERPETUAL, "0", "100")
    assert cancelled(steps(chosen, view, 0, PERPETUAL)) == [stop.order_id]


@pytest.mark.parametrize(
    ("status", "expected"),
    [(OrderStatus.PENDING_CANCEL, []), (OrderStatus.UNKNOWN, [("sell", D(3), True)])],
)
def test_on_spot_a_sale_that_is_being_cancelled_is_waited_for(
    status: OrderStatus, expected: list[Any]
) -> None:
    view = account()
    work(view, Side.SELL, "3", type=OrderType.LIMIT, price=D(99), status=status)
    assert brief(steps(engine(), view)) == expected


def test_the_rest_of_a_close_in_flight_is_closed() -> None:
    view = account(PERPETUAL)
    work(view, Side.SELL, "1", PERPETUAL, reduce_only=True, status=OrderStatus.UNKNOWN)
    assert brief(steps(engine(), view, 0, PERPETUAL)) == [("sell", D(2), True)]


def test_closing_needs_no_price() -> None:
    view = FakeAccount().own(BTC, "3")
    assert brief(steps(engine(), view)) == [("sell", D(3), True)]


def test_dust_is_reported_and_left_without_a_stop() -> None:
    view = account(held="0.04")
    stop = work(view, Side.SELL, "0.04", **STOP)
    events = steps(engine(), view)
    assert isinstance(events[0], TargetComputed)
    assert events[0].reason == "dust: below the exchange's minimum"
    assert (brief(events), cancelled(events)) == ([], [stop.order_id])


def test_no_more_is_closed_than_the_exchange_still_holds() -> None:
    view = account(PERPETUAL)
    view.gone[PERPETUAL] = D(2)
    assert brief(steps(engine(), view, symbol=PERPETUAL)) == [("sell", D(2), True)]


@pytest.mark.parametrize("symbol", [BTC, PERPETUAL])
def test_what_the_exchange_holds_no_more_needs_no_closing_and_no_stop(symbol: str) -> None:
    view = account(symbol)
    chosen = engine()
    stop = work(view, Side.SELL, "3", symbol, **STOP)
    view.gone[symbol] = D(0)
    assert not chosen.halt_word.is_over(view)
    events = steps(chosen, view, symbol=symbol)
    assert isinstance(events[0], TargetComputed)
    assert events[0].reason == "its exchange does not hold it"
    assert (brief(events), cancelled(events)) == ([], [stop.order_id])
    del view.orders[stop.order_id]
    assert chosen.halt_word.is_over(view)


def test_what_cannot_be_closed_says_why() -> None:
    view = FakeAccount(known=False).own("DELISTED", "1")
    view.instruments = FakeAccount().instruments
    (event,) = steps(engine(), view, symbol="DELISTED")
    assert isinstance(event, TargetComputed)
    assert event.reason.startswith("cannot be closed: unknown symbol 'DELISTED'")
