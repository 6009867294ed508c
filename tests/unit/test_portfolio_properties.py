"""Whatever strategies say and in whatever state orders are, some things never happen."""

from __future__ import annotations

import copy
from decimal import Decimal
from itertools import count
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures.fake_account import PERP, SPOT, FakeAccount
from tradectl.domain.events import Event, OrderInitialized, StrategySignalEvent, TargetComputed
from tradectl.domain.instruments import Instrument
from tradectl.domain.money import Side
from tradectl.domain.orders import OrderSpec, OrderStatus, OrderType
from tradectl.domain.states import TradingState
from tradectl.portfolio.engine import PortfolioEngine
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.portfolio.steering import Steering

D = Decimal
INSTRUMENTS = st.sampled_from([SPOT, PERP])
ACTIONS = st.sampled_from(["buy", "sell", "close"])
MARKS = st.decimals("0.5", "500", places=2)
LOTS = st.integers(1, 40_000).map(lambda n: D(n) / 1000)


@st.composite
def accounts(draw: st.DrawFn, most: int = 4) -> tuple[FakeAccount, Instrument]:
    """One symbol with a price, a position, and up to `most` working orders, in a random mode."""
    instrument = draw(INSTRUMENTS)
    symbol = instrument.symbol
    view = FakeAccount("100000").price(symbol, draw(MARKS))
    held = draw(LOTS) * draw(st.sampled_from([0, 1, -1] if instrument.can_short else [0, 1]))
    view.own(symbol, held, view.marks[symbol])
    for n in range(draw(st.integers(0, most))):
        kind = draw(st.sampled_from([OrderType.MARKET, OrderType.LIMIT, OrderType.STOP_MARKET]))
        spec = OrderSpec(
            f"w-{n}",
            symbol,
            draw(st.sampled_from(Side)),
            draw(LOTS),
            kind,
            price=D(1) if kind.has_limit else None,
            stop_price=D(1) if kind.is_stop else None,
            reduce_only=draw(st.booleans()),
        )
        view.work(spec, draw(st.sampled_from([OrderStatus.SUBMITTED, OrderStatus.UNKNOWN])))
    view.trading_state = draw(st.sampled_from(TradingState))
    return view, instrument


def decide(view: FakeAccount, symbol: str, action: str, strength: float) -> list[Event]:
    ids = count(1)
    engine = PortfolioEngine(PortfolioSettings(), {}, lambda: f"id-{next(ids)}")
    return engine.on_signal(
        StrategySignalEvent(symbol=symbol, action=action, strategy="s", strength=strength),  # type: ignore[arg-type]
        view,
        0,
    )


def orders(events: list[Event]) -> list[OrderSpec]:
    return [event.order for event in events if isinstance(event, OrderInitialized)]


@given(accounts(), ACTIONS, st.floats(0, 1))
def test_every_signal_has_one_answer_and_at_most_one_order_that_matches_it(
    account: tuple[FakeAccount, Instrument], action: str, strength: float
) -> None:
    view, instrument = account
    events = decide(view, instrument.symbol, action, strength)
    answers = [event for event in events if isinstance(event, TargetComputed)]
    assert answers == events[:1]
    ordered = [order.side.signed(order.quantity) for order in orders(events)]
    assert sum(ordered, D(0)) == answers[0].change
    assert len(ordered) == bool(answers[0].change) == (answers[0].code is None)


@given(accounts(), ACTIONS, st.floats(0, 1))
def test_an_order_is_whole_lots_worth_sending(
    account: tuple[FakeAccount, Instrument], action: str, strength: float
) -> None:
    view, instrument = account
    for order in orders(decide(view, instrument.symbol, action, strength)):
        assert order.quantity > 0
        assert order.quantity % instrument.lot_size == 0
        assert order.quantity * view.marks[instrument.symbol] >= instrument.min_notional


@given(accounts(), ACTIONS, st.floats(0, 1))
def test_spot_never_sells_what_it_does_not_hold(
    account: tuple[FakeAccount, Instrument], action: str, strength: float
) -> None:
    view, instrument = account
    if instrument.can_short:
        return
    for order in orders(decide(view, instrument.symbol, action, strength)):
        if order.side is Side.SELL:
            assert order.quantity <= view.position(instrument.symbol).quantity


@given(accounts(), ACTIONS, st.floats(0, 1))
def test_not_running_nothing_is_opened(
    account: tuple[FakeAccount, Instrument], action: str, strength: float
) -> None:
    view, instrument = account
    made = orders(decide(view, instrument.symbol, action, strength))
    if view.trading_state is TradingState.HALTED:
        assert made == []
    if view.trading_state is TradingState.PAUSED:
        assert all(order.reduce_only for order in made)


@given(accounts(), ACTIONS, st.floats(0, 1))
def test_a_reduce_only_order_reduces(
    account: tuple[FakeAccount, Instrument], action: str, strength: float
) -> None:
    view, instrument = account
    held = view.position(instrument.symbol).quantity
    for order in orders(decide(view, instrument.symbol, action, strength)):
        after = held + order.side.signed(order.quantity)
        reduces = abs(after) < abs(held) and held * after >= 0
        assert reduces or not order.reduce_only
        # beside another exit that is on its way, one of the same size may go through zero
        assert order.reduce_only == reduces or view.working_orders(instrument.symbol)


@given(INSTRUMENTS, MARKS, st.lists(st.tuples(ACTIONS, st.floats(0, 1)), max_size=8))
def test_when_orders_fill_the_position_is_on_target_and_a_repeat_changes_nothing(
    instrument: Instrument, mark: D, said: list[tuple[str, float]]
) -> None:
    view = FakeAccount("100000").price(instrument.symbol, mark)
    ids = count(1)
    engine = PortfolioEngine(PortfolioSettings(), {}, lambda: f"id-{next(ids)}")
    for action, strength in said:
        signal = StrategySignalEvent(
            symbol=instrument.symbol,
            action=action,  # type: ignore[arg-type]
            strategy="s",
            strength=strength,
        )
        events = engine.on_signal(signal, view, 0)
        for order in orders(events):
            view.work(order, OrderStatus.SUBMITTED)
            view.fill(order.order_id, mark)
            answer = events[0]
            assert isinstance(answer, TargetComputed)
            assert view.position(instrument.symbol).quantity == answer.target
        assert orders(engine.on_signal(signal, view, 0)) == []


OFF = st.sampled_from(["0", "0.1", "-0.1", "0.25", "-0.25", "0.26", "-0.3", "-1", "-2"]).map(D)
SIZINGS = st.sampled_from(["fixed_fraction", "fixed_quantity"])
DRIFTS = st.sampled_from(["0", "0.25", "1", "3"]).map(D)


@given(accounts(most=1), ACTIONS, st.floats(0.1, 1), OFF, SIZINGS, DRIFTS)
def test_what_a_rebalancing_sees_to_be_near_enough_takes_no_order_the_long_way_either(
    account: tuple[FakeAccount, Instrument],
    action: str,
    strength: float,
    off: D,
    sizing: str,
    drift: D,
) -> None:
    view, instrument = account
    symbol, ids = instrument.symbol, count(1)
    settings = PortfolioSettings(sizing=sizing, quantity=D(3), drift=drift)  # type: ignore[arg-type]
    engine = PortfolioEngine(settings, {}, lambda: f"id-{next(ids)}")
    said = StrategySignalEvent(symbol=symbol, action=action, strategy="s", strength=strength)  # type: ignore[arg-type]
    state, view.trading_state = view.trading_state, TradingState.RUNNING
    view.take(engine.on_signal(said, view, 0))
    view.trading_state = state
    aim = sum((target.quantity or D(0) for target in view.targets(symbol).values()), D(0))
    view.own(symbol, aim * (1 + off) if instrument.can_short else max(aim * (1 + off), D(0)))
    again = copy.deepcopy(engine)
    short = engine.rebalance(view, "schedule", 0)
    with mock.patch.object(Steering, "_is_near", return_value=False):
        whole = again.rebalance(view, "schedule", 0)
    assert [kind_of(event) for event in short] == [kind_of(event) for event in whole]


@given(accounts(most=0), st.lists(st.tuples(ACTIONS, OFF), min_size=2, max_size=2), SIZINGS, DRIFTS)
def test_nor_do_several_strategies_that_are_near_enough_trade_or_cross_the_long_way(
    account: tuple[FakeAccount, Instrument], said: list[tuple[str, D]], sizing: str, drift: D
) -> None:
    view, instrument = account
    symbol, ids = instrument.symbol, count(1)
    settings = PortfolioSettings(sizing=sizing, quantity=D(3), drift=drift)  # type: ignore[arg-type]
    engine = PortfolioEngine(settings, {}, lambda: f"id-{next(ids)}")
    state, view.trading_state = view.trading_state, TradingState.RUNNING
    for name, (action, _) in zip("st", said, strict=True):
        signal = StrategySignalEvent(symbol=symbol, action=action, strategy=name)  # type: ignore[arg-type]
        view.take(engine.on_signal(signal, view, 0))
    view.trading_state = state
    held = {
        name: (target.quantity or D(0)) * (1 + off)
        for (name, target), (_, off) in zip(view.targets(symbol).items(), said, strict=True)
    }
    view.own(symbol, sum(held.values(), D(0)))
    view.hold(symbol, **{name: str(quantity) for name, quantity in held.items()})
    again = copy.deepcopy(engine)
    short = engine.rebalance(view, "schedule", 0)
    with mock.patch.object(Steering, "_is_near", return_value=False):
        whole = again.rebalance(view, "schedule", 0)
    assert [kind_of(event) for event in short] == [kind_of(event) for event in whole]


def test_what_is_held_on_the_other_side_is_never_near_enough() -> None:
    """However far it may be off: while trading only reduces, it is closed."""
    view, ids = FakeAccount("100000").price(PERP.symbol, "100"), count(1)
    settings = PortfolioSettings(sizing="fixed_quantity", quantity=D(3), drift=D(3))
    engine = PortfolioEngine(settings, {}, lambda: f"id-{next(ids)}")
    signal = StrategySignalEvent(symbol=PERP.symbol, action="buy", strategy="s")  # type: ignore[arg-type]
    view.take(engine.on_signal(signal, view, 0))
    view.own(PERP.symbol, "-3")
    view.trading_state = TradingState.PAUSED
    (order,) = orders(engine.rebalance(view, "schedule", 0))
    assert (order.side, order.quantity, order.reduce_only) == (Side.BUY, D(3), True)


def kind_of(event: Event) -> tuple[object, ...]:
    """An event but for the id of its order, which is another one each time."""
    if isinstance(event, OrderInitialized):
        order = event.order
        return type(event), order.symbol, order.side, order.quantity, order.reduce_only
    return type(event), getattr(event, "order_id", ""), getattr(event, "reason", "")
