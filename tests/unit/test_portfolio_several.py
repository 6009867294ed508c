"""Several strategies in one symbol: one order for all, crosses, and what each of them keeps."""

from __future__ import annotations

from decimal import Decimal
from itertools import count

import pytest
from msgspec.structs import replace

from tests.fixtures.fake_account import PERP, SPOT, FakeAccount
from tests.fixtures.rows import each_row
from tests.unit.test_portfolio_engine import answer, brief, orders, reason, signal
from tradectl.domain.events import Event, OrderInitialized, StrategiesCrossed
from tradectl.domain.money import Side
from tradectl.domain.orders import OrderSpec, OrderStatus, OrderType
from tradectl.domain.shares import Share
from tradectl.domain.states import TradingState
from tradectl.portfolio.decisions import crossed_out
from tradectl.portfolio.engine import PortfolioEngine
from tradectl.portfolio.portfolio_settings import PortfolioSettings

D = Decimal
COIN, PERPETUAL = SPOT.symbol, PERP.symbol


class Two:
    """Strategies a and b with half of the portfolio each: a full position is 10 for one of them."""

    def __init__(self, symbol: str, **held: str) -> None:
        ids = count(1)
        shares = {"a": D("0.5"), "b": D("0.5")}
        self.engine = PortfolioEngine(PortfolioSettings(), shares, lambda: f"id-{next(ids)}")
        self.symbol = symbol
        self.view = FakeAccount().price(symbol, "100")
        self.now(**held)
        for name, quantity in held.items():
            if name in shares and D(quantity):
                self.say(f"{name} {'buy' if D(quantity) > 0 else 'sell'}")

    def now(self, **held: str) -> Two:
        """The virtual positions."""
        self.view.own(self.symbol, sum((D(quantity) for quantity in held.values()), D(0)))
        self.view.hold(self.symbol, **held)
        return self

    def say(self, *said: str) -> list[Event]:
        """At one moment: "a buy", "b close 0.5"."""
        answers: list[Event] = []
        for n, word in enumerate(said, 1):
            strategy, action, *strength = word.split()
            asked = signal(
                action,
                self.symbol,
                strategy,
                strength=float(strength[0]) if strength else 1.0,
                followed=n < len(said),
            )
            answers += self.view.take(self.engine.on_signal(asked, self.view, 0))
        return answers


def shares(events: list[Event]) -> list[tuple[str, D]]:
    """Of the one order: whose it is."""
    (order,) = orders(events)
    if order.strategy:
        return [(order.strategy, order.side.signed(order.quantity))]
    assert sum(share.quantity for share in order.shares) == order.side.signed(order.quantity)
    return [(share.strategy, share.quantity) for share in order.shares]


def crossed(events: list[Event]) -> list[tuple[str, D]]:
    found = [event for event in events if isinstance(event, StrategiesCrossed)]
    return [(share.strategy, share.quantity) for event in found for share in event.shares]


def test_signals_at_one_moment_are_one_order() -> None:
    events = Two(COIN).say("a buy", "b buy 0.5")
    assert answer(events).reason == "netted with the signal that follows"
    assert shares(events) == [("a", D(10)), ("b", D(5))]


def test_those_who_want_the_opposite_cross_at_the_mark_where_no_order_is_needed() -> None:
    events = Two(PERPETUAL).say("a buy", "b sell")
    assert orders(events) == []
    assert crossed(events) == [("a", D(10)), ("b", D(-10))]
    (cross,) = (event for event in events if isinstance(event, StrategiesCrossed))
    assert cross.price == 100


def test_where_an_order_is_needed_they_cross_with_its_fill() -> None:
    events = Two(PERPETUAL).say("a buy", "b sell 0.5")
    assert shares(events) == [("a", D(10)), ("b", D(-5))]
    assert crossed(events) == []


def test_on_spot_to_sell_is_to_be_out_and_takes_nothing_from_the_others() -> None:
    both = Two(COIN, a="10")
    assert reason(both.say("b sell")) == "on target"
    both.now(a="10", b="10").say("b buy")
    assert shares(both.say("b sell")) == [("b", D(-10))]


@pytest.mark.parametrize("price", ["60", "140"])
def test_a_silent_strategy_keeps_its_position_whatever_the_price_is_now(price: str) -> None:
    both = Two(COIN, a="10")
    both.view.price(COIN, price)
    ((name, quantity),) = shares(both.say("b buy"))
    assert name == "b"
    assert quantity == SPOT.floor_quantity(both.view.equity() / 10 / D(price))


def test_where_all_together_would_be_too_large_only_what_is_added_is_cut() -> None:
    both = Two(COIN, a="10")
    both.engine = PortfolioEngine(
        PortfolioSettings(fraction=D("0.3")), {"a": D("0.5"), "b": D("0.5")}, lambda: "id"
    )
    both.view.price(COIN, "200")
    ((name, quantity),) = shares(both.say("b buy"))
    assert (name, quantity) == ("b", D("6.5"))  # 30 % of 11,000 is 16.5 coins, and a has 10
    assert brief(Two(COIN, a="10", b="10").say("b buy")) == []


def test_the_position_of_a_strategy_that_is_not_configured_is_nobodys_to_trade() -> None:
    both = Two(COIN, old="7", a="10")
    assert shares(both.say("a close")) == [("a", D(-10))]
    both.now(old="7")
    assert reason(both.say("a close")) == "on target"
    assert answer(both.say("a close")).target == 7
    assert both.engine.rebalance(both.view, "schedule", 0) == []


def test_an_entry_that_is_denied_does_not_hold_back_the_others_exit() -> None:
    both = Two(PERPETUAL, b="5")
    events = both.say("a buy", "b close")
    (order,) = orders(events)
    assert shares(events) == [("a", D(10)), ("b", D(-5))]
    answered = both.engine.on_denied(order, "POSITION_NOTIONAL: too large", both.view, 0)
    assert shares(answered) == [("b", D(-5))]
    assert orders(answered)[0].reduce_only
    assert crossed(answered) == []


def test_what_is_denied_crosses_nothing() -> None:
    both = Two(PERPETUAL)
    (order,) = orders(both.say("a buy", "b sell 0.5"))
    assert both.engine.on_denied(order, "too large", both.view, 0) == []


@pytest.mark.parametrize("state", [TradingState.PAUSED, TradingState.REDUCING])
def test_paused_each_strategy_goes_out_and_none_goes_in(state: TradingState) -> None:
    both = Two(PERPETUAL, a="10", b="5")
    both.view.trading_state = state
    assert shares(both.say("a sell", "b buy")) == [("a", D(-10))]
    both.now(a="10", b="-10")
    assert crossed(both.say("a close", "b close")) == [("a", D(-10)), ("b", D(10))]


def test_paused_the_account_is_not_taken_away_from_zero_by_an_exit() -> None:
    both = Two(PERPETUAL, a="10", b="-8")
    both.view.trading_state = TradingState.PAUSED
    assert shares(both.say("a close")) == [("a", D(-2))]
    assert reason(both.now(a="8", b="-8").say("a close")).startswith("paused")


def test_what_is_too_small_for_an_order_is_crossed_as_far_as_it_goes() -> None:
    events = Two(PERPETUAL).say("a buy", "b sell 0.999")
    assert answer(events[1:]).reason.startswith("below the exchange's minimum")
    assert crossed(events) == [("a", D("9.99")), ("b", D("-9.99"))]


def test_who_repeats_itself_crosses_nothing_for_small_drifts() -> None:
    both = Two(PERPETUAL, a="10", b="-10")
    both.view.price(PERPETUAL, "110")
    assert crossed(both.say("a buy")) == []
    assert both.engine.rebalance(both.view, "schedule", 0) == []
    both.view.price(PERPETUAL, "150")
    moved = crossed(both.engine.rebalance(both.view, "schedule", 0))
    assert moved == [("a", D("-3.334")), ("b", D("3.334"))]  # 1,000 is 6.666 coins


def test_an_order_on_its_way_is_whose_it_is() -> None:
    both = Two(PERPETUAL)
    (order,) = orders(both.say("a buy"))
    both.view.work(order, OrderStatus.SUBMITTED)
    assert shares(both.say("b buy")) == [("b", D(10))]


def test_on_spot_what_one_has_not_yet_got_is_not_sold_out_of_the_others_pocket() -> None:
    both = Two(COIN, b="10")
    (order,) = orders(both.say("a buy"))
    both.view.work(order, OrderStatus.SUBMITTED)
    assert reason(both.say("a sell")) == "working orders come first"


def test_a_resting_entry_is_taken_back_for_an_exit_of_its_own_strategy_only() -> None:
    both = Two(PERPETUAL, b="10")
    both.say("a buy")
    both.view.work(OrderSpec("r", PERPETUAL, Side.BUY, D(10), OrderType.LIMIT, D(99), strategy="a"))
    assert shares(both.say("b close")) == [("b", D(-10))]
    events = both.say("a close")
    assert [event.order_id for event in events if hasattr(event, "order_id")] == ["r"]


def test_closing_takes_what_is_on_its_way_out_for_all_into_account() -> None:
    both = Two(PERPETUAL, a="10", b="10")
    both.view.work(OrderSpec("c", PERPETUAL, Side.SELL, D(8), reduce_only=True))
    assert shares(both.say("a close", "b close")) == [("a", D(-6)), ("b", D(-6))]


def test_a_signal_that_is_refused_does_not_lose_the_one_it_followed() -> None:
    both = Two(COIN)
    asked = signal("buy", COIN, "a", followed=True)
    both.view.take(both.engine.on_signal(asked, both.view, 0))
    events = both.engine.on_signal(signal("hold", COIN, "b"), both.view, 0)
    assert answer(events).reason.startswith("refused")
    assert shares(events) == [("a", D(10))]


def test_signals_without_a_price_are_kept_until_there_is_one() -> None:
    both = Two(COIN)
    del both.view.marks[COIN]
    both.say("a buy", "b buy")
    both.view.price(COIN, "100")
    assert shares(both.engine.rebalance(both.view, "schedule", 0)) == [("a", D(10)), ("b", D(10))]


def test_an_order_for_several_names_them_all() -> None:
    event = Two(COIN).say("a buy", "b buy")[-1]
    assert isinstance(event, OrderInitialized)
    assert event.order.shares == (Share("a", D(10)), Share("b", D(10)))
    assert event.order.entered_by == "a, b"


def test_what_a_stop_closed_for_all_is_entered_again_by_who_asks_for_something_else() -> None:
    both = Two(PERPETUAL, a="10", b="10")
    stop = OrderSpec("s", PERPETUAL, Side.SELL, D(20), OrderType.STOP_MARKET, stop_price=D(90))
    stop = replace(stop, reduce_only=True)
    both.view.work(stop)
    both.view.fill("s", "90")
    both.view.hold(PERPETUAL)
    for said in ("a buy", "b buy"):
        assert reason(both.say(said)) == "stopped out: another signal enters again"
    assert both.engine.rebalance(both.view, "schedule", 0) == []
    assert shares(both.say("b buy 0.5")) == [("b", D("4.9"))]
    both.now(b="4.9")
    assert orders(both.say("a buy")) == []


def restarted(both: Two) -> Two:
    """Another process with the same account."""
    portfolio = PortfolioSettings()
    both.engine = PortfolioEngine(portfolio, {"a": D("0.5"), "b": D("0.5")}, lambda: "new")
    return both


def test_who_is_silent_since_the_restart_keeps_its_position() -> None:
    both = restarted(Two(COIN, a="10"))
    both.view.price(COIN, "20")
    assert both.engine.rebalance(both.view, "schedule", 0) == []
    assert shares(both.say("b buy")) == [("b", D(46))]  # half of 20 % of 9,200 at 20
    assert shares(both.say("a buy")) == [("a", D(36)), ("b", D(46))]


@each_row(("held", "does"), [("10", []), ("4", []), ("0", []), ("-3", [("a", D(3))])])
def test_after_a_restart_nothing_is_bought_on_an_old_word(
    held: str, does: list[tuple[str, D]]
) -> None:
    both = Two(PERPETUAL, a="10")
    restarted(both.now(a=held))
    events = both.engine.rebalance(both.view, "schedule", 0)
    assert (shares(events) if events else []) == does


def test_after_a_restart_an_exit_that_was_not_made_is_made() -> None:
    both = Two(PERPETUAL, a="10")
    both.say("a close")
    restarted(both)
    assert shares(both.engine.rebalance(both.view, "schedule", 0)) == [("a", D(-10))]


def test_after_a_restart_what_orders_still_bring_stays() -> None:
    both = Two(PERPETUAL)
    (order,) = orders(both.say("a buy"))
    both.view.work(order)
    restarted(both)
    assert shares(both.say("b buy")) == [("b", D(10))]
    both.view.orders[order.order_id].status = OrderStatus.EXPIRED
    assert shares(both.say("b buy")) == [("b", D(10))]


def test_who_repeats_itself_after_the_restart_is_rebalanced_again() -> None:
    both = restarted(Two(COIN, a="10"))
    assert reason(both.say("a buy")) == "on target"
    both.view.price(COIN, "50")
    assert shares(both.engine.rebalance(both.view, "schedule", 0)) == [("a", D("9"))]


def test_where_nothing_is_left_to_close_those_who_hold_the_opposite_are_out_at_the_mark() -> None:
    both = Two(PERPETUAL, a="10", b="-10")
    assert crossed(crossed_out(both.view, "stop")) == [("a", D(-10)), ("b", D(10))]
    assert crossed(both.engine.end(both.view, "end of data")) == [("a", D(-10)), ("b", D(10))]
    both.now(a="10", b="-9")
    assert crossed_out(both.view, "stop") == []


def test_who_was_stopped_out_does_not_hide_that_another_is_on_target() -> None:
    both = Two(PERPETUAL, a="0", b="10")
    both.say("a buy", "b buy 1")
    targets = both.view.targets(PERPETUAL)
    assert isinstance(targets, dict)
    targets["a"] = targets["a"].stopped_out()
    both.now(a="0", b=str(targets["b"].quantity))
    assert reason(both.say("b buy 1")) == "on target"


def test_an_order_that_is_a_part_is_shared_by_what_each_wants() -> None:
    limited = replace(PERP, max_market_quantity=D(4))
    two = Two(PERPETUAL)
    two.view = FakeAccount(instruments=(SPOT, limited)).price(PERPETUAL, "100")
    asked = two.say("a buy", "b buy 0.5")
    (order,) = orders(asked)
    assert order.quantity == 4
    assert sum(share.quantity for share in order.shares) == 4
    assert {share.strategy for share in order.shares} == {"a", "b"}
