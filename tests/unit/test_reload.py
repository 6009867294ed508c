"""Settings that change while a system trades: from that record on they hold, and every later reader of
the journal finds them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as tried
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.fixtures.driven import SPOT, START, Driven, settings_with
from tests.fixtures.journalled import journalled
from tests.profiles import examples
from tests.unit.test_untraded import candles, settings, system
from tradectl.bus.clock import DataClock
from tradectl.config.reload import change_of, differences
from tradectl.config.settings import Settings
from tradectl.domain.events import (
    BarEvent,
    Command,
    CommandReceived,
    Event,
    LimitBreached,
    MarketDataEvent,
    OrderDenied,
    OrderFilled,
    OrderInitialized,
    StrategySignalEvent,
    SuccessorShown,
    SystemEvent,
    SystemEventKind,
)
from tradectl.domain.states import TradingState
from tradectl.domain.time import SECOND
from tradectl.explain.order_trail import OrderTrail
from tradectl.feeds.whole_log import read_log
from tradectl.journal.reader import read_header
from tradectl.recovery import own_history
from tradectl.recovery.own_history import as_bars
from tradectl.recovery.recovery import recover_from
from tradectl.state.account import Account
from tradectl.storage.reader import StateReader
from tradectl.strategy.base import Signal, Strategy
from tradectl.strategy.configured import StrategyInstance
from tradectl.strategy.indicators import Sma
from tradectl.strategy.parameters import param
from tradectl.system.trading_system import BookkeepingSystem

D = Decimal
DONCHIAN: dict[str, Any] = {"timeframe": "1s", "entry": 2, "exit": 2}


class Mover(Strategy):
    """In while the newest close is above its average."""

    timeframe = "1s"
    length: int = param(3, 2, 1_000, "bars of the average")

    def start(self) -> None:
        self.average = Sma(self.length)

    def on_bar(self, bar: BarEvent) -> Signal | None:
        average = self.average.update(float(bar.price))
        if average is None:
            return None
        return self.long() if bar.price > average else self.flat()


def a_run(**more: Any) -> Driven:
    instance = StrategyInstance("mover", "mover", symbols=(SPOT,), parameters={"length": 3})
    return Driven(settings_with(instance, symbols=(SPOT,), **more), {"mover": Mover})


def ticks(first: int, *prices: int) -> list[Event]:
    return [
        MarketDataEvent(symbol=SPOT, price=D(price), volume=D(1), ts=START + (first + i) * SECOND)
        for i, price in enumerate(prices)
    ]


def with_limits(run: Driven, **limits: Any) -> Settings:
    now = run.system.settings
    return replace(now, risk=replace(now.risk, **limits))


def with_length(run: Driven, length: int) -> Settings:
    now = run.system.settings
    (one,) = now.strategies
    return replace(now, strategies=(replace(one, parameters={"length": length}),))


def bars(*closes: int) -> tuple[BarEvent, ...]:
    return tuple(
        BarEvent(
            symbol=SPOT, price=D(close), volume=D(1), ts=START - (len(closes) - 1 - i) * SECOND,
            open=D(close), high=D(close), low=D(close), interval=SECOND,
        )
        for i, close in enumerate(closes)
    )  # fmt: skip


def apply(run: Driven, wanted: Settings, **history: Any) -> list[Event]:
    change = change_of(run.system.settings, differences(run.system.settings, wanted), history)
    return [record.event for record in run.feed(change)]


def succeeded(run: Driven, length: int, at: int, seen: tuple[BarEvent, ...]) -> list[int]:
    """Shown in parts, between which the market goes on; what it went to."""
    between: list[Event] = ticks(at, 90)
    for n, event in enumerate(seen):
        shown = SuccessorShown(
            strategy="mover", parameters={"length": length}, events=(event,), begins=not n
        )
        run.feed(shown, *between[:n])
    now, wanted = run.system.settings, with_length(run, length)
    rest = {"mover": tuple(e for e in between if isinstance(e, MarketDataEvent))}
    run.feed(change_of(now, differences(now, wanted), rest, shown={"mover": len(seen)}))
    return [90]


def test_a_tighter_limit_holds_from_its_record_on_and_exits_pass() -> None:
    run = a_run()
    run.feed(*ticks(-1, 100, 100, 100, 110, 111, 111))
    assert run.of(OrderFilled)
    apply(run, with_limits(run, max_order_notional=D(10), max_position_notional=D(10)))
    run.feed(*ticks(5, 100, 90, 80, 80))  # out
    assert not run.system.books.positions()
    run.feed(*ticks(9, 80, 120, 130, 140))  # in again
    assert {each.code for each in run.of(OrderDenied)} == {"ORDER_NOTIONAL"}
    assert not run.system.books.positions()
    apply(run, with_limits(run, max_order_notional=None, max_position_notional=None))
    run.feed(*ticks(13, 100, 90, 120, 121, 122))
    assert run.system.books.positions()
    run.check()


def test_a_loss_beyond_the_new_limit_acts_at_the_next_review_and_looser_ones_lift_nothing() -> None:
    run = a_run()
    run.feed(*ticks(0, 100, 100, 100, 110, 111, 111), *ticks(6, 108))
    apply(
        run,
        with_limits(
            run,
            daily_loss_alert_pct=D("0.01"), daily_loss_pause_pct=D("0.02"), daily_loss_halt_pct=D(50),
        ),
    )  # fmt: skip
    run.feed(*ticks(7, 108, 108), *ticks(60, 108))
    assert [each.code for each in run.of(LimitBreached)] == ["DAILY_LOSS"]
    assert run.system.books.trading_state is TradingState.PAUSED
    apply(run, with_limits(run, daily_loss_alert_pct=None, daily_loss_pause_pct=None))
    run.feed(*ticks(70, 100), *ticks(90, 100))
    assert run.system.books.trading_state is TradingState.PAUSED
    run.check()


def test_limits_that_look_at_prices_and_fills_begin_to_when_they_are_set() -> None:
    run = a_run()
    run.feed(*ticks(0, 100, 100, 100))
    apply(run, with_limits(run, breaker_move_pct=D(5), max_repeated_executions=1))
    run.feed(*ticks(3, 104, 120, 121))
    assert run.system.books.risk.volatile
    apply(run, with_limits(run, breaker_move_pct=None, max_repeated_executions=None))
    run.feed(*ticks(8, 90, 150))
    run.check()


def test_other_parameters_make_a_new_instance_that_is_warm_and_keeps_its_position() -> None:
    run = a_run()
    run.feed(*ticks(-1, 100, 100, 100, 110, 111, 111))
    held = run.system.books.holdings(SPOT)["mover"]
    assert held.quantity > 0
    events = apply(run, with_length(run, 5), mover=bars(100, 100, 110, 111, 111))
    kinds = [each.kind for each in events if isinstance(each, SystemEvent)]
    assert kinds == [SystemEventKind.STRATEGY_RENEWED]
    assert not any(isinstance(each, OrderInitialized) for each in events)
    assert run.system.books.holdings(SPOT)["mover"] == held
    (told,) = run.system.strategy.engine.statistics()
    assert told.warm
    assert run.system.strategy.engine.instance("mover").config.parameters == {"length": 5}
    said = len(run.of(StrategySignalEvent))
    run.feed(*ticks(5, 90, 90, 90))  # the very next bar is heard
    assert len(run.of(StrategySignalEvent)) > said
    assert not run.system.books.holdings(SPOT).get("mover", held).quantity
    run.check()


def test_a_position_that_is_not_what_the_new_parameters_want_is_named_and_stays() -> None:
    run = a_run()
    run.feed(*ticks(-1, 100, 100, 100, 110, 111, 111))
    (event,) = [
        each
        for each in apply(run, with_length(run, 5), mover=bars(100, 140, 140, 120, 111))
        if isinstance(each, SystemEvent)
    ]
    assert f"would not hold {SPOT} as it does" in event.message
    assert run.system.books.holdings(SPOT)["mover"].quantity
    run.check()


def test_a_denial_is_explained_by_the_limit_that_held_then(tmp_path: Path) -> None:
    inputs: list[Event] = ticks(-1, 100, 100, 100)
    run = a_run()
    wanted = with_limits(run, max_order_notional=D(10))
    inputs += [
        change_of(run.settings, differences(run.settings, wanted)), *ticks(2, 110, 111, 111)
    ]  # fmt: skip
    builtin = StrategyInstance("d", "donchian-breakout", parameters=DONCHIAN)
    settings = settings_with(builtin, symbols=(SPOT,))
    path = journalled(tmp_path, settings, inputs)
    with read_log(path) as log:
        (denied,) = [r.event for r in log.records() if isinstance(r.event, OrderDenied)]
    trail = OrderTrail(read_header(path), denied.order_id)
    with read_log(path) as log:
        for record in log.records():
            trail.take(record)
    last = trail.weighed[-1]
    assert (last.code, last.denial and last.denial.limit) == ("ORDER_NOTIONAL", "10")


class Listener(Strategy):
    """Notes the bars that it hears."""

    timeframe = "5s"

    def on_bar(self, bar: BarEvent) -> Signal:
        self.note(open=float(bar.open), volume=float(bar.volume), until=(bar.ts - START) / SECOND)
        return self.long()


def test_the_bar_that_is_open_is_whole_where_bars_become_longer() -> None:
    one = StrategyInstance("one", "listener", symbols=(SPOT,), parameters={"timeframe": "5s"})
    run = Driven(settings_with(one, symbols=(SPOT,)), {"listener": Listener})
    run.feed(*ticks(0, *range(100, 113)))
    now = run.system.settings
    longer = replace(now, strategies=(replace(one, parameters={"timeframe": "10s"}),))
    heard = [(e, False) for e in ticks(0, *range(100, 113)) if isinstance(e, MarketDataEvent)]
    bars, rest = as_bars(heard, 10 * SECOND)
    assert [bar.volume for bar in bars] == [10]
    assert len(rest) == 3
    apply(run, longer, one=(*bars, *(event for event, _ in rest)))
    run.feed(*ticks(13, *range(113, 122)))
    (*_, told) = [each.notes for each in run.of(StrategySignalEvent)]
    assert told == {"open": 110.0, "volume": 10.0, "until": 20.0}
    run.check()


class Choosy(Strategy):
    """Does not start by some parameters."""

    starts: bool = True

    def start(self) -> None:
        if not self.starts:
            raise ValueError("not so")

    def on_trade(self, trade: MarketDataEvent) -> Signal:
        return self.long()


def test_one_that_does_not_start_where_the_old_one_is_is_not_put_in() -> None:
    one = StrategyInstance("one", "choosy", symbols=(SPOT,))
    run = Driven(settings_with(one, symbols=(SPOT,)), {"choosy": Choosy})
    run.feed(*ticks(0, 100, 101))
    now = run.system.settings
    made = apply(run, replace(now, strategies=(replace(one, parameters={"starts": False}),)))
    (event,) = [each for each in made if isinstance(each, SystemEvent)]
    assert event.kind == SystemEventKind.STRATEGY_FAILED
    assert event.message.startswith("goes on as before: by these parameters it fails: could not")
    assert run.system.strategy.engine.quarantined() == {}
    run.check()


def test_one_that_cannot_be_warmed_goes_on_as_it_was_and_says_why() -> None:
    run = a_run()
    run.feed(*ticks(0, 100, 100, 100, 110, 111))
    (event,) = [
        each
        for each in apply(run, with_length(run, 50), mover=bars(100, 100))
        if isinstance(each, SystemEvent)
    ]
    assert event.kind == SystemEventKind.STRATEGY_FAILED
    assert "cannot be warmed" in event.message
    assert run.system.strategy.engine.instance("mover").config.parameters == {"length": 3}
    run.check()


def test_what_sizes_positions_holds_from_there_on() -> None:
    run = a_run()
    now = run.system.settings
    apply(run, replace(now, portfolio=replace(now.portfolio, fraction=D("0.05"))))
    run.feed(*ticks(0, 100, 100, 100, 110, 110, 110))
    (position,) = run.system.books.positions()
    assert D(4_500) < position.quantity * 110 < D(5_500)
    run.check()


class Chatty(Strategy):
    """Changes its mind with each trade."""

    def start(self) -> None:
        self.last = 0

    def on_trade(self, trade: MarketDataEvent) -> Signal:
        self.last = 1 - self.last
        return self.long() if self.last else self.flat()


def test_other_bounds_hold_who_runs_already() -> None:
    chatty = StrategyInstance("chatty", "chatty", symbols=(SPOT,))
    run = Driven(settings_with(chatty, symbols=(SPOT,)), {"chatty": Chatty})
    said: list[int] = []
    for second, limit in ((0, None), (2, 2), (4, 50)):
        if limit is not None:
            now = run.system.settings
            bounds = replace(now.engine, max_signals_per_second=limit)
            apply(run, replace(now, engine=bounds))
        before = len(run.of(StrategySignalEvent))
        for n in range(10):
            ts = START + second * SECOND + n * SECOND // 20
            run.feed(MarketDataEvent(symbol=SPOT, price=D(100), volume=D(1), ts=ts))
        said.append(len(run.of(StrategySignalEvent)) - before)
    assert (said[0], said[1] < 5, said[2]) == (10, True, 11)  # with what waited
    run.check()


@pytest.mark.parametrize("command", [Command.PAUSE, Command.EMERGENCY_STOP])
def test_one_that_is_paused_or_halted_may_be_changed_and_stays_so(command: Command) -> None:
    run = a_run()
    run.feed(*ticks(0, 100, 100, 100), CommandReceived(command=command, reason="why"))
    before = run.system.books.trading_state
    apply(run, with_limits(run, max_leverage=None, daily_loss_halt_pct=None))
    assert run.system.books.trading_state is before is not TradingState.RUNNING
    assert run.system.books.limits.max_leverage is None
    run.check()


def test_from_a_snapshot_what_was_applied_goes_on_to_hold() -> None:
    run = a_run()
    run.feed(*ticks(0, 100, 100, 100, 110))
    apply(run, with_limits(run, max_leverage=D(1), max_same_direction=1))
    kept = Account.load(run.system.books.snapshot().dump())
    there = BookkeepingSystem(run.settings, kept, run.run_id, DataClock())
    assert there.books.limits == run.system.books.limits
    assert there.settings.risk == run.system.settings.risk
    first = len(run.records)
    run.feed(*ticks(4, 112, 113, 90, 80))
    there.fold(*run.records[first:])
    assert there.state_hash() == run.system.state_hash()


@pytest.mark.parametrize("seals", [True, False])
def test_a_recovery_looks_at_each_price_from_where_a_breaker_was_set(
    seals: bool, tmp_path: Path
) -> None:
    made = settings("donchian-breakout")
    wanted = replace(made, risk=replace(made.risk, breaker_move_pct=D(10)))
    change = change_of(made, differences(made, wanted))
    inputs = [*ticks(0, 100, 90, 100), change, *ticks(3, 100, 130, 80, 100, 101)]
    path = journalled(tmp_path, made, inputs, seals=seals)
    recovered = recover_from(path, StateReader(tmp_path / "none.db"))
    assert recovered.clean  # and its hash is that of the footer
    assert [high for _, high, _ in recovered.account.risk.ranges[SPOT]] == [D(130)]


REPEATED = st.lists(
    st.one_of(
        st.integers(60, 140).map(lambda price: ("tick", price)),
        st.sampled_from([3, 4, 5]).map(lambda length: ("length", length)),
        st.sampled_from(
            [
                {"max_order_notional": D(100)},
                {"max_order_notional": None},
                {"max_leverage": D("0.1")},
                {"breaker_move_pct": D(10)},
                {"breaker_move_pct": None},
                {"max_same_direction": 1},
                {"max_messages_per_second": 1, "rate_window_seconds": 5},
                {"cooldown_losses": 1},
                {"daily_loss_pause_pct": D("8.5"), "drawdown_pause_pct": None},
                {"volatility_target_pct": D(20)},
                {"restricted_symbols": (SPOT,)},
                {"restricted_symbols": ()},
            ]
        ).map(lambda limits: ("limits", limits)),
        st.sampled_from([Command.PAUSE, Command.RESUME]).map(lambda what: ("command", what)),
    ),
    min_size=8,
    max_size=40,
)


@tried(max_examples=examples(10))
@given(REPEATED, st.integers(0, 1_000))
def test_changes_at_any_record_are_decided_folded_and_recovered_the_same(
    steps: list[tuple[str, Any]], killed_after: int
) -> None:
    run, closes = a_run(), [100] * 5
    run.feed(*ticks(0, *closes))
    snapshots: list[tuple[int, dict[str, Any]]] = []
    for i, (what, value) in enumerate(steps):
        match what:
            case "tick":
                closes.append(value)
                run.feed(*ticks(5 + i, value))
            case "length" if i % 2:
                apply(run, with_length(run, value), mover=bars(*closes[-5:]))
            case "length":
                closes += succeeded(run, value, 5 + i, bars(*closes[-5:]))
            case "limits":
                apply(run, with_limits(run, **value))
            case _:
                run.feed(CommandReceived(command=value, reason="tried"))
        snapshots.append((len(run.records), run.system.books.snapshot().dump()))
    run.check()
    for kept, dumped in _some(snapshots, killed_after):
        there = BookkeepingSystem(run.settings, Account.load(dumped), run.run_id, DataClock())
        there.fold(*run.records[kept:])
        assert there.state_hash() == run.system.state_hash()


def _some(found: list[Any], choice: int) -> Iterator[Any]:
    yield found[choice % len(found)]


def test_what_came_since_the_first_look_is_read_however_much_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_history, "MOST_BYTES", 2_000)
    made = settings("donchian-breakout")
    path = journalled(tmp_path, made, candles(range(100, 160)))
    engine = system(made).strategy.engine
    (running,) = engine.instances().values()
    history = own_history.OwnHistory(running, ["BTCUSDT"], path)
    history.read(2)
    with read_log(path) as log:
        bars = [r for r in log.records() if isinstance(r.event, BarEvent)]
    assert [*history.read_on(bars[-1].seq)] == [r.event for r in bars if r.seq > 2]
