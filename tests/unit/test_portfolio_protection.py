"""Stops that rest at the exchange, and entries that are replaced: one at a time, whatever happens."""

from __future__ import annotations

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
    RestrictionKind,
    SystemEvent,
    TargetComputed,
)
from tradectl.domain.events import StrategySignalEvent as Signal
from tradectl.domain.money import Side
from tradectl.domain.orders import Order, OrderSpec, OrderStatus, OrderType
from tradectl.domain.states import TradingState
from tradectl.domain.time import SECOND
from tradectl.portfolio.engine import PortfolioEngine
from tradectl.portfolio.portfolio_settings import PortfolioSettings

D = Decimal
BTC, PERPETUAL = SPOT.symbol, PERP.symbol
BUY, SELL = Side.BUY, Side.SELL
MISMATCH = RestrictionKind.MISMATCH
PENDING_CANCEL = OrderStatus.PENDING_CANCEL


def refusals(events: list[Event]) -> list[str]:
    return [e.message for e in events if isinstance(e, SystemEvent) and e.kind == "stop_refused"]


class System:
    """An engine and the account that it acts on: its orders work, its cancels wait to be confirmed."""

    def __init__(self, **settings: Any) -> None:
        ids = count(1)
        chosen = PortfolioSettings(sizing="fixed_quantity", quantity=D(1), **settings)
        self.engine = PortfolioEngine(chosen, {}, lambda: f"id-{next(ids)}")
        self.at = 0
        self.view = FakeAccount(cash="1000000").price(BTC, "100").price(PERPETUAL, "100")

    def take(self, events: list[Event]) -> System:
        self.view.take(events)
        for event in events:
            if isinstance(event, OrderInitialized):
                self.view.work(event.order)
            elif isinstance(event, CancelRequested):
                self.view.orders[event.order_id].status = OrderStatus.PENDING_CANCEL
        return self

    def signal(self, action: Any, symbol: str = BTC) -> list[Event]:
        said = self.engine.on_signal(
            Signal(symbol=symbol, action=action, strategy="s"), self.view, 0
        )
        self.take(said)
        return said

    def fill(self, order: Order, price: str = "100") -> System:
        self.view.fill(order.spec.order_id, price)
        return self.heard(order.spec.symbol, order.spec.order_id)

    def heard(self, symbol: str = BTC, order_id: str = "") -> System:
        return self.take(self.engine.on_execution(symbol, self.view, self.at))

    def confirm_cancels(self, symbol: str = BTC) -> System:
        for order in self.view.working_orders(symbol):
            if order.status is OrderStatus.PENDING_CANCEL:
                order.status = OrderStatus.CANCELED
        return self.heard(symbol)

    def working(self, symbol: str = BTC) -> list[tuple[str, str, D, D | None]]:
        return [
            (o.spec.type.value, o.spec.side.value, o.remaining, o.spec.stop_price or o.spec.price)
            for o in self.view.working_orders(symbol)
            if o.status is not OrderStatus.PENDING_CANCEL
        ]

    def enter(self, symbol: str = BTC) -> System:
        self.signal("buy", symbol)
        (entry,) = self.view.working_orders(symbol)
        return self.fill(entry)


STOP = ("stop_market", "sell", D(1), D("97.00"))


@pytest.mark.parametrize("symbol", [BTC, PERPETUAL])
def test_a_position_gets_a_stop_of_its_size_below_its_entry(symbol: str) -> None:
    assert System(stop_loss_pct=D(3)).enter(symbol).working(symbol) == [STOP]


def test_a_short_position_gets_one_above() -> None:
    system = System(stop_loss_pct=D(3))
    system.signal("sell", PERPETUAL)
    (entry,) = system.view.working_orders(PERPETUAL)
    system.fill(entry)
    assert system.working(PERPETUAL) == [("stop_market", "buy", D(1), D("103.00"))]


def test_without_the_setting_there_is_none_and_orders_are_not_followed() -> None:
    system = System()
    assert not system.engine.follows_orders(system.view)
    assert system.enter().working() == []


def test_a_stop_that_serves_is_left_alone_however_often_it_is_looked_at() -> None:
    system = System(stop_loss_pct=D(3)).enter()
    for _ in range(3):
        assert system.engine.on_execution(BTC, system.view, system.at) == []
        assert system.engine.rebalance(system.view, "timer", system.at) == []


def test_on_spot_an_exit_waits_until_its_stop_is_gone() -> None:
    system = System(stop_loss_pct=D(3)).enter()
    said = system.signal("close")
    assert isinstance(said[0], TargetComputed)
    assert said[0].reason == "its stop is cancelled first"
    assert system.working() == []
    assert system.signal("close")[0].reason == "waiting for a cancel"  # type: ignore[attr-defined]
    system.confirm_cancels()
    assert system.working() == [("market", "sell", D(1), None)]
    (exit_order,) = system.view.working_orders(BTC)
    assert system.fill(exit_order).working() == []


def test_a_perpetual_is_closed_at_once_and_its_stop_cancelled_after() -> None:
    system = System(stop_loss_pct=D(3)).enter(PERPETUAL)
    system.signal("close", PERPETUAL)
    (exit_order,) = [o for o in system.view.working_orders(PERPETUAL) if not o.spec.stop_price]
    system.fill(exit_order)
    assert system.working(PERPETUAL) == []
    assert system.confirm_cancels(PERPETUAL).working(PERPETUAL) == []


def test_the_stop_goes_where_the_entry_that_was_to_follow_the_exit_is_denied() -> None:
    system = System(stop_loss_pct=D(3), turn="two_orders").enter(PERPETUAL)
    system.signal("sell", PERPETUAL)
    (exit_order,) = [o for o in system.view.working_orders(PERPETUAL) if not o.spec.stop_price]
    system.fill(exit_order)
    (entry,) = [o for o in system.view.working_orders(PERPETUAL) if not o.spec.stop_price]
    assert system.working(PERPETUAL)[0] == STOP
    entry.status = OrderStatus.DENIED
    system.take(system.engine.on_denied(entry.spec, "RESTRICTED", system.view, system.at))
    assert system.working(PERPETUAL) == []


def grown(symbol: str) -> System:
    """A position of 1 at 100, with its stop, to which 1 at 110 has come."""
    system = System(stop_loss_pct=D(3)).enter(symbol)
    system.view.price(symbol, "110").work(OrderSpec("more", symbol, BUY, D(1)))
    return system.fill(system.view.orders["more"], "110")


LARGER = ("stop_market", "sell", D(2), D("101.85"))


def test_on_spot_the_stop_comes_back_where_an_entry_takes_the_place_of_the_exit() -> None:
    system = System(stop_loss_pct=D(3)).enter()
    system.signal("close")
    system.engine.change_settings(
        PortfolioSettings(sizing="fixed_quantity", quantity=D(3), stop_loss_pct=D(3))
    )
    system.signal("buy")  # while the stop is being cancelled
    system.confirm_cancels()
    assert system.working() == [("market", "buy", D(2), None), STOP]


def test_on_spot_a_position_that_grew_gets_a_new_stop_once_the_old_one_is_gone() -> None:
    system = grown(BTC)
    assert system.working() == []
    assert system.confirm_cancels().working() == [LARGER]


def test_on_a_perpetual_the_new_stop_rests_before_the_old_one_is_cancelled() -> None:
    system = grown(PERPETUAL)
    assert system.working(PERPETUAL) == [STOP, LARGER]
    old, new = system.view.working_orders(PERPETUAL)
    new.status = OrderStatus.SUBMITTED
    assert system.heard(PERPETUAL).working(PERPETUAL) == [STOP, LARGER]
    new.status = OrderStatus.ACCEPTED
    assert system.heard(PERPETUAL).working(PERPETUAL) == [LARGER]
    assert old.status is OrderStatus.PENDING_CANCEL


@pytest.mark.parametrize("status", [OrderStatus.REJECTED, OrderStatus.DENIED, OrderStatus.EXPIRED])
def test_on_a_perpetual_the_old_stop_stays_where_the_new_one_is_refused(
    status: OrderStatus,
) -> None:
    system = grown(PERPETUAL)
    _, new = system.view.working_orders(PERPETUAL)
    new.status = status
    told = system.engine.on_execution(PERPETUAL, system.view, system.at)
    assert "an older one rests" in refusals(told)[0]
    assert STOP in system.take(told).working(PERPETUAL)


def test_on_a_perpetual_only_one_new_stop_is_on_its_way_at_a_time() -> None:
    system = grown(PERPETUAL)
    _, new = system.view.working_orders(PERPETUAL)
    new.status = OrderStatus.SUBMITTED
    system.view.work(OrderSpec("again", PERPETUAL, BUY, D(1)))
    system.fill(system.view.orders["again"], "110")
    assert system.working(PERPETUAL) == [STOP, LARGER]
    new.status = OrderStatus.ACCEPTED
    whole = ("stop_market", "sell", D(3), D("103.47"))
    assert system.heard(PERPETUAL).working(PERPETUAL) == [STOP, LARGER, whole]
    assert system.heard(PERPETUAL).working(PERPETUAL) == [whole]


def test_on_a_perpetual_the_stop_stays_while_an_exit_is_on_its_way_and_where_it_is_refused() -> (
    None
):
    system = System(stop_loss_pct=D(3)).enter(PERPETUAL)
    system.signal("close", PERPETUAL)
    exit_order = system.view.orders["id-3"]
    for status in (OrderStatus.SUBMITTED, OrderStatus.ACCEPTED, OrderStatus.UNKNOWN):
        exit_order.status = status
        assert STOP in system.heard(PERPETUAL).working(PERPETUAL)
    system.view.fill("id-3", "100", D("0.4"))
    assert STOP in system.heard(PERPETUAL).working(PERPETUAL)
    exit_order.status = OrderStatus.REJECTED
    rest = ("stop_market", "sell", D("0.6"), D("97.00"))
    assert system.heard(PERPETUAL).working(PERPETUAL) == [STOP, rest]
    assert system.heard(PERPETUAL).working(PERPETUAL) == [rest]


@each_row("stop_loss_pct", [D(3), None])
@each_row("status", [OrderStatus.REJECTED, OrderStatus.DENIED])
def test_on_spot_the_stop_comes_back_where_the_exit_that_it_made_room_for_is_refused(
    stop_loss_pct: D | None, status: OrderStatus
) -> None:
    system = System(stop_loss_pct=stop_loss_pct).enter()
    if stop_loss_pct is None:
        by_hand = {"type": OrderType.STOP_MARKET, "stop_price": D("97.00"), "reduce_only": True}
        system.view.work(OrderSpec("by hand", BTC, SELL, D(1), **by_hand))  # type: ignore[arg-type]
    system.signal("close")
    assert system.working() == []
    assert system.engine.follows_orders(system.view)
    (exit_order,) = system.confirm_cancels().view.working_orders(BTC)
    exit_order.status = status
    if status is OrderStatus.DENIED:
        system.take(system.engine.on_denied(exit_order.spec, "why", system.view, system.at))
    assert system.heard().working() == [STOP]


def test_on_spot_the_stop_comes_back_where_risk_denies_the_exit_that_it_made_room_for() -> None:
    system = System(stop_loss_pct=D(3)).enter()
    system.signal("close")
    (exit_,) = system.confirm_cancels().view.working_orders(BTC)
    exit_.status = OrderStatus.DENIED
    told = system.engine.on_denied(exit_.spec, "denied", system.view, system.at)
    assert system.take(told).working() == [STOP]


def test_on_spot_what_stays_is_protected_while_the_other_part_is_sold() -> None:
    system = System(stop_loss_pct=D(3)).enter()
    signal = Signal(symbol=BTC, action="buy", strategy="s", strength=0.25)  # type: ignore[arg-type]
    system.take(system.engine.on_signal(signal, system.view, 0))
    sold = ("market", "sell", D("0.75"), None)
    assert system.confirm_cancels().working() == [sold]
    kept = ("stop_market", "sell", D("0.25"), D("97.00"))
    assert system.heard().working() == [sold, kept]
    (order, _) = system.view.working_orders(BTC)
    assert system.fill(order).working() == [kept]


def test_a_stop_is_left_where_it_is_when_the_position_has_become_too_small_for_a_new_one() -> None:
    for symbol in (BTC, PERPETUAL):
        system = System(stop_loss_pct=D(3)).enter(symbol)
        system.view.price(symbol, "4.99")
        assert system.heard(symbol).working(symbol) == [STOP]


@pytest.mark.parametrize("status", [OrderStatus.REJECTED, OrderStatus.DENIED])
def test_a_stop_that_was_refused_is_tried_again_each_time_later_and_it_is_said(
    status: OrderStatus,
) -> None:
    system = System(stop_loss_pct=D(3)).enter()
    waits: list[int] = []
    told: list[str] = []
    began = 0
    while len(waits) < 8:
        if stops := system.view.working_orders(BTC):
            waits.append((system.at - began) // SECOND)
            began = system.at
            next(iter(stops)).status = status
            heard = system.engine.on_execution(BTC, system.view, system.at)
            told += refusals(heard)
            assert system.take(heard).working() == []
            again = system.engine.looks_again_at(BTC)
            assert again is not None
            assert f"in {(again - system.at) // SECOND} s;" in told[-1]
        system.at += SECOND // 2
        system.take(system.engine.protect(system.view, system.at))
    assert waits == [0, 1, 2, 4, 8, 16, 32, 60]
    assert len(told) == 8
    assert "a position of 1" in told[0]
    assert "nothing limits its loss" in told[0]
    assert "tradectl emergency-stop --flatten" in told[0]


def test_that_it_is_protected_again_is_said_once() -> None:
    system = System(stop_loss_pct=D(3)).enter()
    (stop,) = system.view.working_orders(BTC)
    stop.status = OrderStatus.REJECTED
    system.heard()
    system.at += SECOND
    assert system.take(system.engine.protect(system.view, system.at)).working() == [STOP]
    told = [system.engine.on_execution(BTC, system.view, system.at) for _ in range(2)]
    assert [[e.kind for e in events] for events in told] == [["stop_refused_over"], []]  # type: ignore[attr-defined]


def test_a_stop_that_somebody_cancelled_is_placed_again_at_once_and_then_each_time_later() -> None:
    system = System(stop_loss_pct=D(3)).enter()
    for number in range(2):
        (stop,) = system.view.working_orders(BTC)
        stop.status = OrderStatus.CANCELED
        assert system.heard().working() == ([STOP] if not number else [])
    system.at += SECOND
    assert system.heard().working() == [STOP]


def test_a_stop_that_ended_with_a_position_that_turned_was_not_refused() -> None:
    system = System(stop_loss_pct=D(3)).enter(PERPETUAL)
    (stop,) = system.view.working_orders(PERPETUAL)
    system.view.work(OrderSpec("turn", PERPETUAL, SELL, D(2)))
    system.view.fill("turn", "100")
    stop.status = OrderStatus.EXPIRED
    told = system.engine.on_execution(PERPETUAL, system.view, system.at)
    assert refusals(told) == []
    assert system.take(told).working(PERPETUAL) == [("stop_market", "buy", D(1), D("103.00"))]


def test_a_position_that_turned_does_not_wait_for_what_was_refused_before_it() -> None:
    system = System(stop_loss_pct=D(3)).enter(PERPETUAL)
    for _ in range(5):
        (stop,) = system.view.working_orders(PERPETUAL)
        stop.status = OrderStatus.REJECTED
        system.heard(PERPETUAL)
        system.at = system.engine.looks_again_at(PERPETUAL) or 0
        system.take(system.engine.protect(system.view, system.at))
    (stop,) = system.view.working_orders(PERPETUAL)
    stop.status = OrderStatus.REJECTED
    assert system.heard(PERPETUAL).working(PERPETUAL) == []
    system.view.work(OrderSpec("turn", PERPETUAL, SELL, D(2)))
    system.view.fill("turn", "100")
    assert system.heard(PERPETUAL).working(PERPETUAL) == [("stop_market", "buy", D(1), D("103.00"))]


def test_what_was_stopped_out_is_not_bought_back_until_the_target_changes() -> None:
    system = System(stop_loss_pct=D(3)).enter()
    (stop,) = system.view.working_orders(BTC)
    system.view.price(BTC, "97")
    system.fill(stop, "97")
    assert system.take(system.engine.rebalance(system.view, "timer", system.at)).working() == []
    assert system.signal("buy")[0].reason.startswith("stopped out")  # type: ignore[attr-defined]
    assert system.working() == []
    system.signal("close")
    system.signal("buy")
    assert system.working() == [("market", "buy", D(1), None)]


def test_a_stop_of_an_earlier_run_is_known_for_one_when_it_fills() -> None:
    system = System(stop_loss_pct=D(3))
    system.view.own(BTC, "1").work(
        OrderSpec("old", BTC, SELL, D(1), OrderType.STOP_MARKET, stop_price=D(97), reduce_only=True)
    )
    system.signal("buy")
    system.take(system.engine.rebalance(system.view, "timer", system.at))
    system.fill(system.view.orders["old"], "97")
    assert system.take(system.engine.rebalance(system.view, "timer", system.at)).working() == []


@pytest.mark.parametrize(
    ("action", "mark", "side"), [("buy", "96.9", SELL), ("sell", "103.1", BUY)]
)
def test_a_position_whose_stop_is_passed_before_it_was_placed_is_closed(
    action: str, mark: str, side: Side
) -> None:
    system = System(stop_loss_pct=D(3))
    system.signal(action, PERPETUAL)
    (entry,) = system.view.working_orders(PERPETUAL)
    system.view.price(PERPETUAL, mark)
    system.fill(entry)
    assert system.working(PERPETUAL) == [("market", side.value, D(1), None)]
    assert system.heard(PERPETUAL).working(PERPETUAL) == [("market", side.value, D(1), None)]


@pytest.mark.parametrize(("at_once", "left"), [("", "1"), ("0.4", "0.6"), ("0.99", "")])
def test_so_is_what_waits_for_a_price_that_may_not_come_and_not_what_leaves_at_once(
    at_once: str, left: str
) -> None:
    system = System(stop_loss_pct=D(3)).enter(PERPETUAL)
    (stop,) = system.view.working_orders(PERPETUAL)
    stop.status = OrderStatus.CANCELED
    waits = OrderSpec("out", PERPETUAL, SELL, D(2), OrderType.LIMIT, price=D(105))
    system.view.work(waits).status = OrderStatus.ACCEPTED
    if at_once:
        system.view.work(OrderSpec("now", PERPETUAL, SELL, D(at_once), reduce_only=True))
    system.view.price(PERPETUAL, "96")
    ordered = system.heard(PERPETUAL).working(PERPETUAL)
    assert [o for o in ordered if o[0] == "market"] == [
        ("market", "sell", D(size), None) for size in (at_once, left) if size
    ]


UNRECONCILED = RestrictionKind.UNRECONCILED


@pytest.mark.parametrize(
    ("kind", "placed"), [(UNRECONCILED, []), (MISMATCH, [STOP]), (RestrictionKind.STALE, [STOP])]
)
def test_no_stop_is_placed_for_a_position_whose_size_is_in_question(
    kind: RestrictionKind, placed: list[object]
) -> None:
    system = System(stop_loss_pct=D(3))
    system.view.held[BTC] = {kind: "why"}
    assert system.enter().working() == placed


@pytest.mark.parametrize("symbol", [BTC, PERPETUAL])
def test_of_what_somebody_else_has_closed_a_part_the_rest_is_protected_and_closed(
    symbol: str,
) -> None:
    system = System(stop_loss_pct=D(3)).enter(symbol)
    system.view.gone[symbol] = D("0.4")
    system.view.held[symbol] = {MISMATCH: "why"}
    system.heard(symbol).confirm_cancels(symbol)
    left = ("stop_market", "sell", D("0.4"), D("97.00"))
    assert left in system.working(symbol)
    system.signal("close", symbol)
    system.confirm_cancels(symbol)
    assert ("market", "sell", D("0.4"), None) in system.working(symbol)


def test_of_what_is_gone_nothing_is_protected_or_closed() -> None:
    system = System(stop_loss_pct=D(3)).enter(PERPETUAL)
    system.view.gone[PERPETUAL] = D(0)
    system.heard(PERPETUAL).confirm_cancels(PERPETUAL)
    assert system.working(PERPETUAL) == []
    (said,) = system.signal("close", PERPETUAL)
    assert isinstance(said, TargetComputed)
    assert (said.code, said.reason) == ("restricted", "its exchange does not hold it")


def test_no_stop_is_placed_by_the_price_of_an_earlier_run() -> None:
    system = System(stop_loss_pct=D(3))
    system.view.data_times.clear()
    assert system.enter().working() == []
    system.view.price(BTC, "100")
    assert system.heard().working() == [STOP]


def test_a_limit_entry_left_behind_is_replaced_after_its_cancel_is_confirmed() -> None:
    system = System(order_type="limit", replace_bps=D(20))
    system.signal("buy")
    assert system.working() == [("limit", "buy", D(1), D("100.00"))]
    system.view.price(BTC, "100.10")
    assert system.engine.rebalance(system.view, "timer", system.at) == []
    system.view.price(BTC, "100.30")
    said = system.engine.rebalance(system.view, "timer", system.at)
    assert [type(e) for e in said] == [TargetComputed, CancelRequested]
    assert system.take(said).working() == []
    assert system.engine.rebalance(system.view, "timer", system.at) == []
    assert system.confirm_cancels().working() == [("limit", "buy", D(1), D("100.30"))]


def test_a_limit_entry_that_fills_before_its_cancel_is_not_replaced() -> None:
    system = System(order_type="limit", replace_bps=D(20))
    system.signal("buy")
    (entry,) = system.view.working_orders(BTC)
    system.view.price(BTC, "100.30")
    system.take(system.engine.rebalance(system.view, "timer", system.at))
    system.fill(entry)
    assert [o for o in system.view.orders.values() if o.is_working] == []


@each_row("name", ["replace_bps", "stop_loss_pct"])
@each_row("value", ["0", "-1", "10000"])
def test_impossible_settings_are_refused(name: str, value: str) -> None:
    from tradectl.domain.errors import ConfigError

    with pytest.raises(ConfigError, match=f"portfolio.{name}: expected a number above 0"):
        PortfolioSettings(**{name: D(value)})  # type: ignore[arg-type]


def test_what_was_denied_while_the_symbol_was_held_is_ordered_once_it_is_let_go() -> None:
    system = System()
    system.signal("buy")
    (entry,) = system.view.working_orders(BTC)
    entry.status = OrderStatus.DENIED
    said = system.engine.on_unrestricted(BTC, system.view, system.at)
    assert [type(e) for e in said] == [TargetComputed, OrderInitialized]
    assert system.engine.on_unrestricted(PERPETUAL, system.view, system.at) == []


def test_a_position_without_a_stop_gets_one_when_its_hold_is_over_and_at_every_look() -> None:
    for look in ("release", "protect"):
        system = System(stop_loss_pct=D(3)).enter()
        (stop,) = system.view.working_orders(BTC)
        stop.status = OrderStatus.DENIED
        system.heard()
        system.at += SECOND
        if look == "release":
            system.take(system.engine.on_unrestricted(BTC, system.view, system.at))
        else:
            system.take(system.engine.protect(system.view, system.at))
        assert system.working() == [STOP]


def test_on_spot_an_exit_that_was_held_back_goes_out_before_the_stop_that_would_bind_its_coins() -> (
    None
):
    system = System(stop_loss_pct=D(3)).enter()
    (stop,) = system.view.working_orders(BTC)
    stop.status = OrderStatus.DENIED
    system.heard().view.held[BTC] = {UNRECONCILED: "why"}
    system.signal("close")
    for order in system.view.working_orders(BTC):
        order.status = OrderStatus.DENIED
    system.view.held.clear()
    system.at += SECOND
    system.take(system.engine.on_unrestricted(BTC, system.view, system.at))
    assert system.working() == [("market", "sell", D(1), None)]
    (exit_order,) = system.view.working_orders(BTC)
    exit_order.status = OrderStatus.REJECTED
    assert system.heard().working() == [STOP]


def test_a_stop_out_that_leaves_dust_is_one_and_is_not_bought_back() -> None:
    system = System(stop_loss_pct=D(3)).enter()
    (stop,) = system.view.working_orders(BTC)
    system.view.own(BTC, "1.00001")
    system.view.price(BTC, "97")
    system.fill(stop, "97")
    assert system.view.position(BTC).quantity == D("0.00001")
    assert system.signal("buy")[0].reason.startswith("stopped out")  # type: ignore[attr-defined]
    assert system.working() == []


# --- while trading is halted ------------------------------------------------------------------------


def halted(system: System) -> System:
    system.view.trading_state = TradingState.HALTED
    return system


@pytest.mark.parametrize("symbol", [BTC, PERPETUAL])
def test_halted_what_a_late_fill_added_gets_a_stop_of_its_own_and_the_old_one_stays(
    symbol: str,
) -> None:
    system = System(stop_loss_pct=D(3)).enter(symbol)
    system.view.work(OrderSpec("late", symbol, BUY, D(1)))
    halted(system).fill(system.view.orders["late"], "100")
    assert system.working(symbol) == [STOP, STOP]
    assert system.heard(symbol).working(symbol) == [STOP, STOP]


def test_halted_amid_a_replacement_on_spot_the_stop_is_placed_once_the_old_one_is_gone() -> None:
    system = halted(grown(BTC))
    assert system.heard().working() == []
    assert system.confirm_cancels().working() == [LARGER]


def test_halted_amid_a_replacement_on_a_perpetual_the_old_stop_goes_when_the_new_one_rests() -> (
    None
):
    system = halted(grown(PERPETUAL))
    assert system.heard(PERPETUAL).working(PERPETUAL) == [LARGER]


def test_halted_an_exit_of_which_nobody_knows_does_not_count() -> None:
    system = System(stop_loss_pct=D(3)).enter()
    system.signal("close")
    (exit_order,) = system.confirm_cancels().view.working_orders(BTC)
    exit_order.status = OrderStatus.UNKNOWN
    assert STOP not in system.heard().working()
    assert STOP in halted(system).heard().working()


def test_halted_nothing_is_closed_where_the_market_is_beyond_the_stop() -> None:
    system = System(stop_loss_pct=D(3)).enter()
    (stop,) = system.view.working_orders(BTC)
    stop.status = OrderStatus.CANCELED
    system.view.price(BTC, "96")
    assert halted(system).heard().working() == []
    system.view.price(BTC, "98")
    system.at += SECOND
    assert system.heard().working() == [STOP]


def test_protection_that_was_dropped_does_not_come_back() -> None:
    system = System(stop_loss_pct=D(3)).enter()
    (stop,) = system.view.working_orders(BTC)
    stop.status = OrderStatus.CANCELED
    system.view.protection_dropped = True
    assert halted(system).heard().working() == []


def test_on_a_perpetual_no_stop_is_cancelled_for_another_one_while_an_exit_is_on_its_way() -> None:
    """Which of them fits is only known when it is through, or refused."""
    system = grown(PERPETUAL)
    system.view.work(OrderSpec("out", PERPETUAL, SELL, D(1), reduce_only=True))
    assert system.heard(PERPETUAL).working(PERPETUAL)[:2] == [STOP, LARGER]
    system.view.orders["out"].status = OrderStatus.REJECTED
    assert system.heard(PERPETUAL).working(PERPETUAL) == [LARGER]


def test_a_stop_whose_cancel_is_refused_is_not_asked_to_go_again_and_again() -> None:
    system = grown(BTC)
    (old,) = [o for o in system.view.orders.values() if o.spec.is_protective]
    old.status = OrderStatus.ACCEPTED
    assert system.engine.on_execution(BTC, system.view, system.at) == []
    system.at += SECOND
    assert system.heard().working() == []
    assert old.status is OrderStatus.PENDING_CANCEL


def test_what_is_ordered_in_this_very_step_is_not_protected_in_it() -> None:
    system = System(stop_loss_pct=D(3)).enter(PERPETUAL)
    system.signal("close", PERPETUAL)
    system.view.orders["id-3"].status = OrderStatus.REJECTED
    system.view.orders["id-2"].status = OrderStatus.CANCELED
    system.view.price(PERPETUAL, "96")
    said = system.engine.rebalance(system.view, "timer", system.at)
    assert [type(event) for event in said] == [TargetComputed, OrderInitialized]


def test_in_a_halt_what_was_refused_before_is_tried_at_once() -> None:
    system = System(stop_loss_pct=D(3)).enter()
    (stop,) = system.view.working_orders(BTC)
    stop.status = OrderStatus.REJECTED
    assert system.heard().working() == []
    assert halted(system).heard().working() == [STOP]


@pytest.mark.parametrize("status", [OrderStatus.SUBMITTED, OrderStatus.UNKNOWN, PENDING_CANCEL])
def test_on_a_perpetual_a_stop_stays_while_an_entry_to_its_side_may_be_filled(
    status: OrderStatus,
) -> None:
    system = System(stop_loss_pct=D(3)).enter(PERPETUAL)
    (stop,) = system.view.working_orders(PERPETUAL)
    entry = system.view.work(OrderSpec("entry", PERPETUAL, BUY, D(2)))
    entry.status = status
    system.fill(system.view.work(OrderSpec("exit", PERPETUAL, SELL, D(1), reduce_only=True)))
    assert not system.view.position(PERPETUAL).quantity
    assert stop.status is not PENDING_CANCEL
    entry.status = OrderStatus.CANCELED
    system.heard(PERPETUAL)
    assert stop.status is PENDING_CANCEL


@each_row(
    ("kind", "status", "symbol", "is_placed"),
    [
        (OrderType.LIMIT, OrderStatus.ACCEPTED, PERPETUAL, True),
        (OrderType.LIMIT, OrderStatus.SUBMITTED, PERPETUAL, False),
        (OrderType.LIMIT, OrderStatus.UNKNOWN, PERPETUAL, False),
        (OrderType.LIMIT, OrderStatus.PENDING_CANCEL, PERPETUAL, False),
        (OrderType.MARKET, OrderStatus.ACCEPTED, PERPETUAL, False),
        (OrderType.LIMIT, OrderStatus.ACCEPTED, BTC, False),
    ],
)
def test_on_a_perpetual_what_waits_for_its_price_protects_nothing(
    kind: OrderType, status: OrderStatus, symbol: str, is_placed: bool
) -> None:
    """On spot it has the coins."""
    system = System(stop_loss_pct=D(3)).enter(symbol)
    (stop,) = system.view.working_orders(symbol)
    price = D(105) if kind is OrderType.LIMIT else None
    system.view.work(OrderSpec("out", symbol, SELL, D(2), kind, price=price)).status = status
    stop.status = OrderStatus.CANCELED
    placed = STOP in system.heard(symbol).working(symbol)
    assert placed is is_placed
    assert len(system.heard(symbol).view.working_orders(symbol)) == 1 + is_placed
