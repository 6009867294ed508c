from __future__ import annotations

import random
from decimal import Decimal
from typing import Any, ClassVar

import msgspec
import pytest

from tests.fixtures.rows import each_row
from tradectl.domain.errors import UsageError
from tradectl.domain.events import (
    BarEvent,
    Event,
    MarketDataEvent,
    QuoteEvent,
    Record,
    SignalAction,
    StrategySignalEvent,
    SystemEvent,
)
from tradectl.domain.time import DAY, SECOND
from tradectl.strategy.base import Signal, Strategy
from tradectl.strategy.configured import StrategyInstance
from tradectl.strategy.engine import StrategyEngine
from tradectl.strategy.parameters import Value

MINUTE = 60 * SECOND
HERE, RAISED, NOT_STARTED = "test_strategy_engine.py", 77, 88
"""This file, and the lines in which its strategies fail."""
START = 1_723_161_240 * SECOND


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


class Hearing(Strategy):
    """Says what it hears, in the reason."""

    def start(self) -> None:
        self._heard = 0

    def on_trade(self, trade: MarketDataEvent) -> Signal | None:
        self._heard += 1
        return self.long(reason=f"{self.symbol or 'all'} trade {trade.price} #{self._heard}")

    def on_quote(self, quote: QuoteEvent) -> Signal | None:
        return self.long(reason=f"quote {quote.price}")

    def on_bar(self, bar: BarEvent) -> Signal | None:
        return self.long(reason=f"bar {bar.interval // SECOND}s {bar.price}")


class HearingAll(Hearing):
    per_symbol: ClassVar[bool] = False


class OnBars(Strategy):
    def on_bar(self, bar: BarEvent) -> Signal | None:
        return self.long(reason=f"bar {bar.interval // SECOND}s {bar.price}")


class OnTrades(Strategy):
    def on_trade(self, trade: MarketDataEvent) -> Signal | None:
        return self.long(reason=f"trade {trade.price}")


class Failing(Strategy):
    """Fails at prices above 100."""

    text: str = "no"

    def on_trade(self, trade: MarketDataEvent) -> Signal | None:
        if trade.price > 100:
            raise ValueError(self.text)
        return None


class FailingOnBars(OnTrades):
    def on_bar(self, bar: BarEvent) -> Signal | None:
        raise Unspeakable


class NeverStarting(OnTrades):
    def start(self) -> None:
        raise KeyError("a")


class Saying(Strategy):
    """Returns whatever the test put here."""

    said: ClassVar[object] = None

    def on_trade(self, trade: MarketDataEvent) -> Signal | None:
        return self.said  # type: ignore[return-value]  # that is what is tested


class Idle(Strategy):
    pass


class Unbuildable(OnTrades):
    def check(self) -> None:
        raise TypeError("not even this")


CLASSES: dict[str, type[Strategy]] = {
    cls.__name__: cls
    for cls in (
        Hearing, HearingAll, OnBars, OnTrades, Failing, FailingOnBars, NeverStarting, Saying, Idle,
        Unbuildable,
    )
}  # fmt: skip


def instance(strategy: str, name: str = "", **parameters: object) -> StrategyInstance:
    return StrategyInstance(name=name or strategy, strategy=strategy, parameters=parameters)  # type: ignore[arg-type]


def engine(*instances: StrategyInstance | str, **settings: Any) -> StrategyEngine:
    chosen = [instance(i) if isinstance(i, str) else i for i in instances]
    return StrategyEngine(chosen, find=CLASSES.__getitem__, **settings)


def trade(price: int = 100, seconds: float = 0, symbol: str = "BTC") -> MarketDataEvent:
    ts = START + int(seconds * SECOND)
    return MarketDataEvent(symbol=symbol, price=Decimal(price), volume=Decimal(1), ts=ts)


def quote(price: int = 100) -> QuoteEvent:
    return QuoteEvent(symbol="BTC", price=Decimal(price), volume=Decimal(0), ts=START)


def bar(price: int = 100, minute: int = 0, interval: int = MINUTE) -> BarEvent:
    """The bar that begins at `minute`."""
    p, ts = Decimal(price), START + minute * MINUTE + interval
    return BarEvent(
        symbol="BTC", price=p, volume=p, open=p, high=p, low=p, interval=interval, ts=ts
    )


def feed(engine: StrategyEngine, *events: MarketDataEvent) -> list[Event]:
    return [
        out for event in events for out in engine.on_market(event, Record(0, event.ts, event)) or ()
    ]


def reasons(events: list[Event]) -> list[str]:
    return [e.reason if isinstance(e, StrategySignalEvent) else e.kind for e in events]  # type: ignore[attr-defined]


def systems(events: list[Event]) -> list[tuple[str, str]]:
    return [(e.kind, e.message) for e in events if isinstance(e, SystemEvent)]


# --- who hears what ----------------------------------------------------------------------------------


def test_a_signal_names_its_instance_and_the_symbol_of_the_event() -> None:
    (event,) = feed(engine(instance("OnTrades", "mine")), trade(7))
    assert event == StrategySignalEvent(
        source_component="strategy",
        symbol="BTC",
        action=SignalAction.BUY,
        strategy="mine",
        reason="trade 7",
    )


def test_nothing_said_is_none() -> None:
    quiet = engine("Failing")
    assert quiet.on_market(trade(), Record(0, START, trade())) is None
    assert StrategyEngine([]).on_market(trade(), Record(0, START, trade())) is None


def test_each_symbol_has_an_object_of_its_own_unless_the_strategy_wants_one_for_all() -> None:
    events = [trade(1), trade(2, symbol="ETH"), trade(3)]
    assert reasons(feed(engine("Hearing"), *events)) == [
        "BTC trade 1 #1", "ETH trade 2 #1", "BTC trade 3 #2",
    ]  # fmt: skip
    assert reasons(feed(engine("HearingAll"), *events)) == [
        "all trade 1 #1", "all trade 2 #2", "all trade 3 #3",
    ]  # fmt: skip
    assert [e.symbol for e in feed(engine("HearingAll"), *events)] == ["BTC", "ETH", "BTC"]  # type: ignore[attr-defined]


def test_an_instance_hears_only_its_symbols() -> None:
    only = StrategyInstance(name="a", strategy="OnTrades", symbols=("ETH",))
    assert reasons(feed(engine(only), trade(1), trade(2, symbol="ETH"))) == ["trade 2"]


def test_instances_of_one_strategy_speak_in_the_order_of_the_configuration() -> None:
    both = engine(instance("OnTrades", "z"), instance("OnTrades", "a"))
    assert [e.strategy for e in feed(both, trade())] == ["z", "a"]  # type: ignore[attr-defined]


def test_a_quote_is_heard_by_on_quote_and_not_by_on_trade() -> None:
    assert reasons(feed(engine("Hearing", "OnTrades"), quote(5))) == ["quote 5"]


def test_bars_are_built_from_trades_and_come_before_the_trade_that_finishes_them() -> None:
    said = feed(engine(instance("Hearing", timeframe="5s")), trade(1), trade(2, 1), trade(3, 5))
    assert reasons(said)[2:] == ["bar 5s 2", "BTC trade 3 #3"]


def test_instances_share_the_bars_of_a_symbol_and_timeframe() -> None:
    shared = engine(
        instance("OnBars", "a"), instance("OnBars", "b"), instance("OnBars", timeframe="5s")
    )
    said = feed(shared, trade(1), trade(2, 60))
    assert reasons(said).count("bar 60s 1") == 2
    assert reasons(said).count("bar 5s 1") == 12
    assert len(shared._routes._builders) == 2


def test_a_candle_is_heard_as_a_bar_of_its_timeframe_and_as_a_trade() -> None:
    assert reasons(feed(engine("OnBars", "OnTrades"), bar(5))) == ["bar 60s 5", "trade 5"]


def test_longer_bars_are_made_from_candles_without_waiting_for_the_next() -> None:
    two = engine(instance("OnBars", timeframe="2m"))
    assert reasons(feed(two, bar(1), bar(2, 1), bar(3, 2))) == ["bar 120s 2"]


def test_a_strategy_whose_bars_cannot_be_made_is_told_of_once() -> None:
    wants_1m = engine(instance("OnBars", timeframe="1m"))
    said = feed(wants_1m, bar(1, interval=5 * MINUTE), bar(2, 5, interval=5 * MINUTE))
    why = (
        "the data has bars of 5m, the strategy wants 1m: set its timeframe to 5m, or to a multiple"
    )
    assert systems(said) == [("strategy_idle", f"BTC: {why}")]


def test_no_timeframe_is_asked_for_that_would_be_refused() -> None:
    (_, why) = systems(feed(engine(instance("OnBars", timeframe="1h")), bar(interval=7 * DAY)))[0]
    assert why.endswith(
        "has bars of 7d, the strategy wants 1h: leave its timeframe out to get those"
    )


class OnHours(Strategy):
    """Bars of an hour by its own default; says how long it believes them to be."""

    timeframe = "1h"

    def start(self) -> None:
        self._told = self.timeframe

    def on_bar(self, bar: BarEvent) -> Signal | None:
        return self.long(reason=f"{self._told} {self.timeframe} {bar.interval // MINUTE}m")


CLASSES["OnHours"] = OnHours


@each_row(
    ("minutes", "parameters", "heard"),
    [
        (240, {}, "4h 4h 240m"),  # no hour can be made of four
        (60, {}, "1h 1h 60m"),
        (10_080, {}, "7d 7d 10080m"),  # whatever its length
        (30, {}, "1h 1h 60m"),  # finer candles make the strategy's own bars
        (40, {}, "40m 40m 40m"),  # of which no hour can be made
        (30, {"timeframe": "2h"}, "2h 2h 120m"),
        (240, {"timeframe": "1h"}, None),  # what was set is never changed
    ],
)
def test_candles_as_long_as_the_datas_are_the_default_timeframe(
    minutes: int, parameters: dict[str, Value], heard: str | None
) -> None:
    hours = engine(StrategyInstance(name="hours", strategy="OnHours", parameters=parameters))
    start = -(START // MINUTE) % 10_080  # minutes until an even time
    length = minutes * MINUTE
    bars = [bar(1, start + n * minutes, interval=length) for n in range(240 // minutes + 1)]
    said = {reason for reason in reasons(feed(hours, *bars)) if reason != "strategy_idle"}
    assert said == ({heard} if heard else set())


def test_each_symbol_has_the_timeframe_of_its_own_candles() -> None:
    hours = engine("OnHours")
    other = msgspec.structs.replace(bar(1, interval=120 * MINUTE), symbol="ETH")
    assert reasons(feed(hours, bar(1, interval=240 * MINUTE), other)) == [
        "4h 4h 240m",
        "2h 2h 120m",
    ]


def test_quotes_alone_give_no_bars_and_do_not_settle_their_length() -> None:
    hours = engine("OnHours")
    assert feed(hours, quote(), quote()) == []
    assert reasons(feed(hours, bar(1, interval=240 * MINUTE))) == ["4h 4h 240m"]


def test_the_finest_data_of_a_symbol_wins_and_nothing_is_heard_twice() -> None:
    hearing = engine("OnTrades", "OnBars")
    history = feed(hearing, bar(1), bar(2, 1))
    assert reasons(history) == ["bar 60s 1", "trade 1", "bar 60s 2", "trade 2"]
    live = feed(hearing, trade(3, 121), bar(4, 1), trade(5, 181), bar(6, 2))
    assert reasons(live) == ["trade 3", "data_ignored", "bar 60s 3", "trade 5"]


# --- what goes wrong ---------------------------------------------------------------------------------


def test_a_strategy_that_raises_does_not_disturb_the_others() -> None:
    said = feed(engine("Failing", "OnTrades"), trade(101))
    assert said[0] == SystemEvent(
        source_component="strategy",
        kind="strategy_failed",
        component="strategy:Failing",
        message=f"on_trade: ValueError: no ({HERE}, line {RAISED})",
    )
    assert reasons(said) == ["strategy_failed", "trade 101"]


def test_failures_in_a_row_end_in_quarantine() -> None:
    failing = engine("Failing", max_failures=3)
    said = feed(failing, *[trade(101, n) for n in range(9)])
    assert [kind for kind, _ in systems(said)] == ["strategy_failed"] * 3 + ["strategy_quarantined"]
    why = f"on_trade: ValueError: no ({HERE}, line {RAISED})"
    assert systems(said)[-1][1] == f"3 failures in a row of {why}"
    assert failing.failed() == {"Failing": f"failed 3 times, at last: {why}"}
    (record,) = failing.statistics()
    assert (record.failures, record.quarantined) == (3, True)


def test_failures_with_successes_between_them_do_not() -> None:
    failing = engine("Failing", max_failures=2)
    feed(failing, *[trade(100 + n % 2, n) for n in range(9)])
    assert [(r.failures, r.quarantined) for r in failing.statistics()] == [(4, False)]


def test_one_callback_that_always_fails_is_enough() -> None:
    failing = engine(instance("FailingOnBars", timeframe="1s"), max_failures=2)
    said = feed(failing, trade(1, 0), trade(2, 1), trade(3, 2), trade(4, 3))
    assert reasons(said) == [
        "trade 1", "strategy_failed", "trade 2", "strategy_failed", "strategy_quarantined",
    ]  # fmt: skip
    assert systems(said)[0][1].startswith(f"on_bar: Unspeakable ({HERE}, line ")


def test_a_strategy_that_cannot_start_is_quarantined() -> None:
    said = feed(engine("NeverStarting", "OnTrades"), trade(1), trade(2))
    assert systems(said) == [
        ("strategy_failed", f"start: KeyError: 'a' ({HERE}, line {NOT_STARTED})"),
        (
            "strategy_quarantined",
            f"could not start: KeyError: 'a' ({HERE}, line {NOT_STARTED})",
        ),
    ]
    assert reasons(said)[2:] == ["trade 1", "trade 2"]


def test_messages_are_one_bounded_line_without_control_characters() -> None:
    nasty = "a\n\tb\x1b[31m\u202e" + "x" * 500
    ((_, message),) = systems(feed(engine(instance("Failing", text=nasty)), trade(101)))
    assert 160 < len(message) <= 200
    assert message.isprintable()
    assert message.endswith(f"... ({HERE}, line {RAISED})")
    assert message.startswith("on_trade: ValueError: a  b?[31m?xx")


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("buy", "TypeError: expected a Signal or None, got 'buy'"),
        (Signal("buy"), "TypeError: expected a Signal or None"),  # type: ignore[arg-type]
        (Signal(SignalAction.BUY, 1.01), "ValueError: strength must be between 0 and 1, got 1.01"),
        (Signal(SignalAction.BUY, -0.1), "ValueError: strength must be"),
        (Signal(SignalAction.BUY, float("nan")), "ValueError: strength must be"),
        (Signal(SignalAction.BUY, 1, float("inf")), "ValueError: confidence must be"),
        (Signal(SignalAction.BUY, None), "TypeError: "),  # type: ignore[arg-type]
        (Signal(SignalAction.BUY, reason=3), "TypeError: "),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_good_signal_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, said: object, message: str
) -> None:
    monkeypatch.setattr(Saying, "said", said)
    ((kind, text),) = systems(feed(engine("Saying"), trade()))
    assert kind == "strategy_failed"
    assert text.startswith(f"on_trade: {message}")


def test_a_reason_is_made_harmless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Saying, "said", Signal(SignalAction.CLOSE, reason="up\x1b[2J\nand up"))
    assert reasons(feed(engine("Saying"), trade())) == ["up?[2J and up"]


# --- quarantine by hand ------------------------------------------------------------------------------


def test_a_quarantined_strategy_hears_nothing_until_it_is_released_and_starts_anew() -> None:
    one = engine("Hearing", "OnTrades")
    feed(one, trade(1))
    assert reasons(one.quarantine("Hearing")) == ["strategy_quarantined"]
    assert one.quarantine("Hearing") == []
    assert reasons(feed(one, trade(2))) == ["trade 2"]
    assert reasons(one.release("Hearing")) == ["strategy_released"]
    assert one.release("Hearing") == []
    assert reasons(feed(one, trade(3))) == ["BTC trade 3 #1", "trade 3"]


def test_bars_after_a_release_begin_with_it() -> None:
    one = engine(instance("OnBars", timeframe="1s"))
    feed(one, trade(1, 0))
    one.quarantine("OnBars")
    feed(one, trade(2, 1), trade(3, 2))
    one.release("OnBars")
    assert reasons(feed(one, trade(4, 9), trade(5, 10))) == ["bar 1s 4"]


def test_an_unknown_instance_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match=r"no strategy 'OnTrade': did you mean 'OnTrades'\?"):
        engine("OnTrades").quarantine("OnTrade")


# --- signals in a second -----------------------------------------------------------------------------


def test_signals_that_come_too_fast_are_counted_and_told_of_once_a_burst() -> None:
    fast = engine("OnTrades", max_signals_per_second=20)
    burst = [trade(n, n / 1000) for n in range(1000)]
    said = feed(fast, *burst)
    assert reasons(said) == [*[f"trade {n}" for n in range(20)], "strategy_throttled"]
    assert fast.statistics()[0].throttled == 980
    later = feed(fast, *[trade(n, 5 + n / 1000) for n in range(100)])
    assert reasons(later).count("strategy_throttled") == 1


def test_the_last_signal_of_a_burst_is_emitted_when_it_may_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fast = engine("Saying", max_signals_per_second=2)
    monkeypatch.setattr(Saying, "said", Signal(SignalAction.BUY))
    feed(fast, *[trade(n) for n in range(5)])
    monkeypatch.setattr(Saying, "said", Signal(SignalAction.CLOSE, reason="out"))
    feed(fast, trade(1, 0.5))
    monkeypatch.setattr(Saying, "said", None)
    assert reasons(feed(fast, trade(1, 0.9))) == []
    assert reasons(feed(fast, trade(1, 1))) == ["out"]
    assert reasons(feed(fast, trade(1, 3))) == []


def test_the_pace_is_kept_by_symbol() -> None:
    fast = engine("OnTrades", max_signals_per_second=1)
    said = feed(fast, trade(1), trade(2), trade(3, symbol="ETH"))
    assert reasons(said) == ["trade 1", "strategy_throttled", "trade 3"]


def test_a_quarantined_strategy_says_nothing_more_of_what_it_held_back() -> None:
    fast = engine("OnTrades", max_signals_per_second=1)
    feed(fast, trade(1), trade(2))
    fast.quarantine("OnTrades")
    assert feed(fast, trade(3, 10)) == []


def test_no_second_ever_holds_more_signals_than_allowed() -> None:
    rng, seconds = random.Random(3), 0.0
    fast = engine("OnTrades", max_signals_per_second=5)
    times: list[int] = []
    for _ in range(2_000):
        seconds += rng.choice([0, 0, 0.01, 0.3])
        event = trade(1, seconds)
        times += [event.ts for said in feed(fast, event) if isinstance(said, StrategySignalEvent)]
    assert all(b - a >= SECOND for a, b in zip(times, times[5:], strict=False))


# --- statistics and configuration -----------------------------------------------------------------------


def test_records_tell_how_each_instance_has_done() -> None:
    one = engine(instance("OnTrades", "mine"))
    feed(one, trade(1), trade(2, 1, symbol="ETH"))
    (record,) = one.statistics()
    assert (record.name, record.strategy, record.symbols) == ("mine", "OnTrades", ("BTC", "ETH"))
    assert (record.signals, record.failures, record.throttled) == (2, 0, 0)
    assert (record.last_signal, record.last_signal_at) == ("buy ETH: trade 2", START + SECOND)


@each_row(
    ("instances", "message"),
    [
        ([instance("Idle")], "strategy 'Idle': Idle has none of on_trade, on_quote and on_bar"),
        ([instance("OnTrades", fast=3)], "strategy 'OnTrades': OnTrades has no parameter 'fast'"),
        (
            [instance("OnBars", timeframe="7x")],
            "strategy 'OnBars': OnBars: '7x' is not a timeframe",
        ),
        ([instance("OnTrades")] * 2, "two strategies are named 'OnTrades': rename one"),
        ([instance("OnTrades", "a\nb")], "a name of 1 to 100 printable characters"),
        ([instance("Unbuildable")], "strategy 'Unbuildable': TypeError: not even this"),
        ([StrategyInstance("a", "OnTrades", allocation=Decimal("NaN"))], "allocation must not be"),
        ([StrategyInstance("a", "OnTrades", allocation=Decimal(-1))], "allocation must not be"),
    ],
)
def test_an_instance_that_cannot_be_is_refused(
    instances: list[StrategyInstance], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        engine(*instances)


@pytest.mark.parametrize("setting", ["max_failures", "max_signals_per_second"])
def test_limits_below_one_are_refused(setting: str) -> None:
    with pytest.raises(UsageError, match="must be at least 1"):
        engine("OnTrades", **{setting: 0})


def test_the_same_events_give_the_same_signals() -> None:
    rng = random.Random(11)
    events: list[MarketDataEvent] = [
        trade(rng.randint(90, 110), n / 10, rng.choice(["BTC", "ETH", "SOL"])) for n in range(2_000)
    ]

    def run() -> list[Event]:
        chosen = ["Hearing", "Failing", "OnBars", "OnTrades", "FailingOnBars"]
        return feed(engine(*chosen, max_signals_per_second=3), *events)

    assert run() == run()


def test_the_default_strategy_runs_under_its_catalog_name() -> None:
    real = StrategyEngine([StrategyInstance(name="default", strategy="ema-cross")])
    said = feed(real, *[trade(100 + n, n) for n in range(40)])
    assert reasons(said) == ["fast average above slow"]
