"""What a strategy can ask for beside trades: its own fills and orders, its position, its timer, bars of
several lengths, the top of the book, all its symbols at once. What it does by it is decided again."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import ClassVar

import pytest

from tests.fixtures.driven import (
    PERPETUAL,
    SPOT,
    START,
    Driven,
    bar,
    settings_with,
    trade,
    trades,
)
from tradectl.domain.errors import UsageError
from tradectl.domain.events import (
    BarEvent,
    BookEvent,
    MarketDataEvent,
    OrderFilled,
    Record,
    StrategySignalEvent,
    SystemEvent,
    TimerFired,
)
from tradectl.domain.orders import OrderStatus
from tradectl.domain.time import SECOND
from tradectl.strategy import Answer, Fill, OrderUpdate, Signal, Sma, Strategy, Timer
from tradectl.strategy.configured import StrategyInstance
from tradectl.strategy.engine import StrategyEngine

D = Decimal
MINUTE = 60 * SECOND


class Own(Strategy):
    """Buys once, sells half of the way through, and tells what it hears in its reasons."""

    heard: ClassVar[list[str]] = []

    def start(self) -> None:
        self._seen = 0

    def on_trade(self, trade: MarketDataEvent) -> Answer:
        self._seen += 1
        if self._seen == 2:
            return self.long()
        if self._seen == 5:
            return self.flat()
        return None

    def on_fill(self, fill: Fill) -> Answer:
        assert self.position.quantity == (fill.quantity if fill.side == "buy" else 0)
        self.heard.append(f"{fill.side} {fill.symbol} {fill.signed.normalize()} fee {fill.fee > 0}")
        return None

    def on_order(self, order: OrderUpdate) -> Answer:
        self.heard.append(f"{order.status}{' over' if order.is_over else ''}")
        return None


class TurnedByFills(Strategy):
    """Turns around at each fill: its decisions follow from its fills alone."""

    def start(self) -> None:
        self._begun = False

    def on_trade(self, trade: MarketDataEvent) -> Answer:
        if self._begun:
            return None
        self._begun = True
        return self.long()

    def on_fill(self, fill: Fill) -> Answer:
        return self.short(reason="filled") if self.position.quantity > 0 else self.long()


class ByTimer(Strategy):
    every: str = "5m"

    def on_timer(self, timer: Timer) -> Answer:
        assert timer.ts % (5 * MINUTE) == 0
        return self.flat() if self.position.quantity else self.long()


class All(Strategy):
    """Long of the dearest symbol, out of the others: one object for all."""

    per_symbol: ClassVar[bool] = False
    every: str = "1m"

    def start(self) -> None:
        self._prices: dict[str, Decimal] = {}

    def on_trade(self, trade: MarketDataEvent) -> Answer:
        self._prices[trade.symbol] = trade.price
        return None

    def on_timer(self, timer: Timer) -> Sequence[Signal]:
        best = max(self._prices, key=self._prices.__getitem__)
        return [
            self.long(symbol=symbol) if symbol == best else self.flat(symbol=symbol)
            for symbol in self._prices
        ]


class Several(Strategy):
    """Bars of three lengths."""

    timeframe: str = "1m"

    def start(self) -> None:
        self._average = Sma(2)

    def timeframes(self) -> Sequence[str]:
        return (self.timeframe, "5m", "15m")

    def on_bar(self, bar: BarEvent) -> Answer:
        return self.flat(reason=f"{bar.interval // MINUTE} at {(bar.ts - START) // MINUTE}")


class Book(Strategy):
    def on_book(self, book: BookEvent) -> Answer:
        return self.flat(reason=f"{book.bids[0][0]} {book.asks[1][1]}")


class OnlyFills(Strategy):
    def on_fill(self, fill: Fill) -> Answer:
        return None


class Foreign(Strategy):
    def on_trade(self, trade: MarketDataEvent) -> Answer:
        return self.long(symbol="DOGEUSDT")


class NoSymbol(All):
    def on_timer(self, timer: Timer) -> Answer:  # type: ignore[override]  # wider, as a user's may be
        return self.long()


CLASSES: dict[str, type[Strategy]] = {
    c.__name__: c
    for c in (Own, TurnedByFills, ByTimer, All, Several, Book, OnlyFills, Foreign, NoSymbol)
}


def one(strategy: str, *symbols: str) -> StrategyInstance:
    return StrategyInstance(strategy.lower(), strategy, symbols=symbols)


def driven(*instances: StrategyInstance) -> Driven:
    return Driven(settings_with(*instances), CLASSES)


def test_a_strategy_hears_of_its_fills_and_orders_and_has_its_position_then() -> None:
    Own.heard.clear()
    run = driven(one("Own", SPOT))
    run.feed(*trades([100] * 8))
    sides = [each.split()[0] for each in Own.heard if "fee" in each]
    assert sides == ["buy", "sell"]
    assert OrderStatus.SUBMITTED.value in Own.heard
    assert Own.heard.count("filled over") == 2
    run.check()


def test_what_is_decided_at_a_fill_is_decided_again() -> None:
    run = driven(one("TurnedByFills", PERPETUAL))
    run.feed(*trades([3000 + n for n in range(12)], symbol=PERPETUAL))
    assert len(run.of(OrderFilled)) > 5
    run.check()


def test_a_fill_that_is_told_twice_is_heard_once() -> None:
    Own.heard.clear()
    run = driven(one("Own", SPOT))
    run.feed(*trades([100] * 4))
    (fill,) = run.of(OrderFilled)
    before = list(Own.heard)
    run.feed(fill)
    assert [each for each in Own.heard if "fee" in each] == [e for e in before if "fee" in e]
    run.check()


def test_of_a_shared_fill_each_hears_its_part() -> None:
    Own.heard.clear()
    two = (one("Own", SPOT), StrategyInstance("other", "Own", symbols=(SPOT,)))
    run = driven(
        *(StrategyInstance(i.name, i.strategy, i.symbols, allocation=D("0.25")) for i in two)
    )
    run.feed(*trades([100] * 4))
    (fill,) = run.of(OrderFilled)
    parts = [D(each.split()[2]) for each in Own.heard if "fee" in each]
    assert len(parts) == 2
    assert sum(parts) == fill.quantity
    Own.heard.clear()
    run.check()


def test_a_timer_comes_at_its_time_and_is_recorded() -> None:
    run = driven(one("ByTimer", SPOT))
    run.feed(*trades([100] * 40, every=30))
    assert [t.name for t in run.of(TimerFired) if "strategies" in t.name] == [
        "strategies, every 5m"
    ] * 3
    assert len(run.of(StrategySignalEvent)) == 3
    run.check()


def test_one_object_for_all_symbols_names_them() -> None:
    run = driven(one("All"))
    run.feed(trade(100), trade(3000, 1, PERPETUAL), trade(100, 61))
    run.feed(trade(3000, 62, PERPETUAL), trade(90, 63))
    said = [(s.symbol, s.action) for s in run.of(StrategySignalEvent)]
    assert said[:2] == [(SPOT, "close"), (PERPETUAL, "buy")]
    assert run.system.books.position(PERPETUAL).quantity > 0
    run.check()


def test_bars_of_several_lengths_come_in_the_order_that_was_asked_for() -> None:
    run = driven(one("Several", SPOT))
    run.feed(*(bar(100, minute) for minute in range(20)))
    said = [s.reason for s in run.of(StrategySignalEvent)]
    assert said[3:7] == ["1 at 4", "1 at 5", "5 at 5", "1 at 6"]
    assert said[-8:] == [
        "5 at 15", "15 at 15", "1 at 16", "1 at 17", "1 at 18", "1 at 19", "1 at 20", "5 at 20",
    ]  # fmt: skip
    run.check()


def test_it_is_warm_once_the_longest_bars_are() -> None:
    made = Several(SPOT)
    made.start()
    assert made.warm_up() == 2 * 15


def test_the_top_of_the_book_has_its_levels() -> None:
    engine = StrategyEngine([one("Book")], find=CLASSES.__getitem__)
    levels = ((D(99), D(1)), (D(98), D(2))), ((D(101), D(3)), (D(102), D(4)))
    book = BookEvent(
        symbol=SPOT, price=D(100), bid=D(99), ask=D(101), bids=levels[0], asks=levels[1], ts=START
    )
    (signal,) = engine.on_market(book, Record(1, START, book)) or []
    assert isinstance(signal, StrategySignalEvent)
    assert signal.reason == "99 4"


def test_who_hears_of_orders_alone_is_refused() -> None:
    with pytest.raises(UsageError, match="OnlyFills hears of its orders alone: give it on_trade"):
        StrategyEngine([one("OnlyFills")], find=CLASSES.__getitem__)


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        ("Foreign", "'DOGEUSDT' is not a symbol of foreign, or there was no data of it yet"),
        ("NoSymbol", "name the symbol of what it says"),
    ],
)
def test_a_signal_for_no_symbol_of_its_own_is_a_failure(strategy: str, message: str) -> None:
    run = driven(one(strategy))
    run.feed(trade(100), trade(101, 61))
    assert any(message in e.message for e in run.of(SystemEvent))
    assert not run.of(StrategySignalEvent)
    run.check()


def test_who_hears_nothing_of_its_own_costs_nothing() -> None:
    """What nobody hears is not attached."""
    run = driven(one("Foreign"))
    reports = run.system.strategy.engine.own_reports
    assert reports is not None
    assert reports.handlers() == []
    assert not run.system.bus.core.has(TimerFired, run.system.strategy.engine.on_timer)


def test_it_sees_its_own_position_alone_and_its_budget() -> None:
    quarter = StrategyInstance("mine", "Own", symbols=(SPOT,), allocation=D("0.25"))
    run = driven(quarter, StrategyInstance("other", "ByTimer", symbols=(SPOT,)))
    run.feed(*trades([100] * 4))
    made = run.system.strategy.engine._strategies["mine"].slots[SPOT].strategy
    other = run.system.strategy.engine._strategies["other"].slots[SPOT].strategy
    assert made.position.quantity > 0
    assert other.position.quantity == 0
    assert made.budget == run.system.books.equity() * D("0.25")
