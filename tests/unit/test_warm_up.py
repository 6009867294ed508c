"""After a restart a strategy has seen the market of the run before, and says nothing about it."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.fixtures.journal import FOOTER, HEADER
from tests.fixtures.rows import each_row
from tests.fixtures.run_inputs import waves
from tradectl.bus.clock import DataClock
from tradectl.config.settings import Settings
from tradectl.domain.events import (
    BarEvent,
    Event,
    MarketDataEvent,
    OrderInitialized,
    QuoteEvent,
    Record,
    StrategySignalEvent,
    SystemEvent,
    WarmUpReceived,
)
from tradectl.domain.time import SECOND
from tradectl.journal.event_log import FileEventLog
from tradectl.recovery.warm_up import ALWAYS_NEW, IN_ONE_RECORD, recorded_market, warm_up
from tradectl.state.account import Account
from tradectl.strategy.bars import BarBuilder
from tradectl.strategy.base import Signal, Strategy
from tradectl.strategy.configured import StrategyInstance
from tradectl.strategy.engine import StrategyEngine
from tradectl.strategy.indicators import Donchian, Ema, EwmVolatility, Rsi
from tradectl.strategy.instances import WarmUpNeed
from tradectl.system.follower import Deciding
from tradectl.system.trading_system import TradingSystem, on_paper

RUN = "20240808T235415342-0a1b"
START = 1_723_161_240 * SECOND
MINUTE = 60 * SECOND
COIN = "BTCUSDT"


def trade(n: int, price: object, symbol: str = COIN, every: int = SECOND) -> MarketDataEvent:
    return MarketDataEvent(
        symbol=symbol, price=Decimal(str(price)), volume=Decimal(1), ts=START + n * every
    )


def ema_cross(**more: Any) -> StrategyInstance:
    return StrategyInstance("ema", "ema-cross", parameters={"fast": 3, "slow": 8, **more})


def said(events: list[Event] | None) -> list[tuple[str, str]]:
    return [(e.symbol, e.action.value) for e in events or () if isinstance(e, StrategySignalEvent)]


# --- how much it takes -----------------------------------------------------------------------------


@each_row(
    ("indicator", "needs"),
    [(Ema(10), 50), (Rsi(14), 141), (Donchian(20), 20), (EwmVolatility(10), 56)],
)
def test_an_indicator_says_how_much_it_must_see(indicator: Any, needs: int) -> None:
    assert indicator.warm_up == needs


@pytest.mark.parametrize("make", [lambda: Ema(7), lambda: Rsi(7), lambda: EwmVolatility(7)])
def test_after_that_it_no_longer_matters_where_it_began(make: Any) -> None:
    long_lived, new = make(), make()
    prices = [100 + (n * 37 % 11) / 10 for n in range(500)]
    for price in prices:
        long_lived.update(price)
    for price in prices[-new.warm_up :]:
        new.update(price)
    assert new.value == pytest.approx(long_lived.value, rel=1e-3)


class Counts(Strategy):
    """Keeps something that no indicator of ours keeps, and says how much of it."""

    seen: int = 0

    def start(self) -> None:
        self._prices: list[float] = []

    def warm_up(self) -> int:
        return 4

    def on_quote(self, quote: QuoteEvent) -> Signal | None:
        self._prices.append(float(quote.price))
        return None


class SaysNothing(Strategy):
    def on_trade(self, trade: MarketDataEvent) -> Signal | None:
        return self.long()


class SaysRubbish(SaysNothing):
    def warm_up(self) -> Any:
        return "a lot"


def engine(*instances: StrategyInstance, cls: type[Strategy] | None = None) -> StrategyEngine:
    if cls is None:
        return StrategyEngine(instances)
    return StrategyEngine(instances, find=lambda _: cls)


def test_built_in_strategies_know_their_need_from_their_parameters() -> None:
    needs = engine(
        ema_cross(),
        StrategyInstance("don", "donchian-breakout", parameters={"entry": 9, "exit": 4}),
        StrategyInstance("rsi", "rsi-reversion", parameters={"period": 5, "timeframe": "5m"}),
    ).warm_up_needs()
    assert [(n.callback, n.count, n.timeframe) for n in needs] == [
        ("on_trade", 40, MINUTE),
        ("on_bar", 9, MINUTE),
        ("on_bar", 51, 5 * MINUTE),
    ]


def test_a_users_strategy_may_declare_its_own_need() -> None:
    made = engine(StrategyInstance("mine", "mine", symbols=(COIN,)), cls=Counts)
    assert made.warm_up_needs() == [WarmUpNeed("on_quote", 4, MINUTE, (COIN,))]


def test_a_users_strategy_that_declares_nothing_is_warm_with_its_first_event() -> None:
    made = engine(StrategyInstance("mine", "mine"), cls=SaysNothing)
    assert made.warm_up_needs() == []
    assert [s.warm for s in made.statistics()] == [False]
    assert said(made.on_market(trade(0, 100), Record(0, 0, trade(0, 100)))) == [(COIN, "buy")]
    assert [s.warm for s in made.statistics()] == [True]


def test_a_need_that_is_no_number_is_a_failure_of_the_strategy_and_of_nobody_else() -> None:
    made = engine(StrategyInstance("mine", "mine"), cls=SaysRubbish)
    assert made.warm_up_needs() == []
    events = made.on_market(trade(0, 100), Record(0, 0, trade(0, 100))) or []
    assert any(
        "warm_up: expected a number" in e.message for e in events if isinstance(e, SystemEvent)
    )
    assert [s.quarantined for s in made.statistics()] == [True]


# --- being shown the past --------------------------------------------------------------------------


def test_the_first_decision_is_that_of_a_run_that_was_never_interrupted() -> None:
    ticks = [trade(n, price) for n, price in enumerate(waves(900))]
    whole, restarted = engine(ema_cross()), engine(ema_cross())
    for tick in ticks[:430]:
        whole.on_market(tick, Record(0, tick.ts, tick))
    assert restarted.warm_up(ticks[390:430], START) == []
    for tick in ticks[430:]:
        expected, got = (
            said(whole.on_market(tick, Record(0, tick.ts, tick))),
            said(restarted.on_market(tick, Record(0, tick.ts, tick))),
        )
        assert got == expected


def test_the_past_is_heard_in_silence_and_leaves_no_trace_in_the_figures() -> None:
    made = engine(StrategyInstance("mine", "mine"), cls=SaysNothing)
    assert made.warm_up([trade(n, 100) for n in range(100)], START) == []
    [statistics] = made.statistics()
    assert (statistics.signals, statistics.throttled, statistics.last_signal) == (0, 0, "")
    assert said(made.on_market(trade(101, 100), Record(0, START, trade(101, 100)))) == [
        (COIN, "buy")
    ]


def test_it_is_warm_when_it_has_seen_enough_in_the_past_and_the_present_together() -> None:
    made = engine(ema_cross())
    made.warm_up([trade(n, 100) for n in range(30)], START)
    for n in range(30, 40):
        assert [s.warm for s in made.statistics()] == [False]
        made.on_market(trade(n, 100), Record(0, START, trade(n, 100)))
    assert [s.warm for s in made.statistics()] == [True]


def test_every_symbol_must_be_warm() -> None:
    made = engine(ema_cross())
    made.warm_up([trade(n, 100) for n in range(50)], START)
    made.on_market(trade(50, 100, "ETHUSDT"), Record(0, START, trade(50, 100, "ETHUSDT")))
    assert [s.warm for s in made.statistics()] == [False]


def test_an_open_bar_goes_on_and_a_hole_is_not_filled_with_flat_bars() -> None:
    builder = BarBuilder(MINUTE)
    for n in range(70):
        builder.update(trade(n, 100 + n))
    builder.interrupt()
    assert [bar.open for bar in builder.update(trade(125, 300))] == [Decimal(160)]
    builder.interrupt()
    [bar] = builder.update(trade(125 + 600, 400))
    assert (bar.price, builder.skipped) == (Decimal(300), 9)
    assert len(builder.update(trade(125 + 900, 500))) == 5


# --- what the run before recorded ------------------------------------------------------------------


def journal(path: Path, events: list[Event], run_id: str = RUN) -> Path:
    log = FileEventLog(path, msgspec.structs.replace(HEADER, run_id=run_id))
    records = [Record(n, START + n, event) for n, event in enumerate(events, 1)]  # type: ignore[arg-type]
    for first in range(0, len(records), 7):
        log.append(records[first : first + 7])
    log.close(FOOTER)
    return path


def prices(events: list[MarketDataEvent]) -> list[int]:
    return [int(event.price) for event in events]


TRADES = WarmUpNeed("on_trade", 5, MINUTE)
BARS = WarmUpNeed("on_bar", 2, MINUTE)
NO_LIMIT = 1 << 63


def test_as_much_is_taken_as_is_needed_and_no_more(tmp_path: Path) -> None:
    path = journal(tmp_path / "r.jsonl", [trade(n, n + 1) for n in range(300)])
    assert prices(recorded_market(path, NO_LIMIT, [COIN], [TRADES])) == [296, 297, 298, 299, 300]
    assert prices(recorded_market(path, 100, [COIN], [TRADES])) == [96, 97, 98, 99, 100]
    assert prices(recorded_market(path, NO_LIMIT, [COIN], [BARS, TRADES])) == list(range(120, 301))
    assert recorded_market(path, NO_LIMIT, ["ETHUSDT"], [TRADES]) == []
    assert recorded_market(path, NO_LIMIT, [COIN], []) == []


def test_each_symbol_and_kind_has_its_own_need(tmp_path: Path) -> None:
    quotes = [
        QuoteEvent(symbol=COIN, price=Decimal(n), volume=Decimal(0), ts=START + n * SECOND)
        for n in range(1, 50)
    ]
    others = [trade(n, n + 1, "ETHUSDT") for n in range(3)]
    path = journal(tmp_path / "r.jsonl", [*others, *quotes, trade(60, 60)])
    needs = [TRADES, WarmUpNeed("on_quote", 3, MINUTE, (COIN,))]
    found = recorded_market(path, NO_LIMIT, [COIN, "ETHUSDT"], needs)
    assert prices(found) == [1, 2, 3, 47, 48, 49, 60]
    assert [type(event) for event in found[3:6]] == [QuoteEvent] * 3


def test_what_that_run_was_itself_shown_counts_as_well(tmp_path: Path) -> None:
    before = WarmUpReceived(run_id="r0", events=tuple(trade(n, n + 1) for n in range(10)))
    path = journal(tmp_path / "r.jsonl", [before, trade(11, 12), trade(12, 13)])
    assert prices(recorded_market(path, NO_LIMIT, [COIN], [TRADES])) == [8, 9, 10, 12, 13]


def test_a_torn_end_and_a_strange_line_are_passed_over(tmp_path: Path) -> None:
    path = journal(tmp_path / "r.jsonl", [trade(n, n + 1) for n in range(20)])
    with path.open("ab") as file:
        file.write(b'{"seq":99,"at":\n{"seq":21,"at":1,"event":{"type":"mark')
    assert prices(recorded_market(path, 20, [COIN], [TRADES])) == [16, 17, 18, 19, 20]


def test_what_is_older_than_the_time_it_covers_is_not_used() -> None:
    short, long = ([trade(n, 100) for n in range(count)] for count in (60, 600))
    assert warm_up(RUN, short, short[-1].ts + ALWAYS_NEW)
    assert warm_up(RUN, short, short[-1].ts + ALWAYS_NEW + 1) == []
    assert warm_up(RUN, long, long[-1].ts + 599 * SECOND)
    assert warm_up(RUN, long, long[-1].ts + 600 * SECOND) == []
    assert warm_up(RUN, [], START) == []
    assert [len(each.events) for each in warm_up(RUN, short, short[29].ts)] == [30]


def test_much_data_goes_into_several_records() -> None:
    events = [trade(n, 100) for n in range(2 * IN_ONE_RECORD + 1)]
    inputs = warm_up(RUN, events, events[-1].ts)
    assert [len(each.events) for each in inputs] == [IN_ONE_RECORD, IN_ONE_RECORD, 1]
    assert [event for each in inputs for event in each.events] == events


def test_a_bar_in_the_past_comes_back_as_it_was(tmp_path: Path) -> None:
    bar = BarEvent(
        symbol=COIN, price=Decimal(5), volume=Decimal(1), ts=START, open=Decimal(4),
        high=Decimal(6), low=Decimal(3), interval=MINUTE,
    )  # fmt: skip
    path = journal(tmp_path / "r.jsonl", [WarmUpReceived(run_id="r0", events=(bar,))])
    assert recorded_market(path, NO_LIMIT, [COIN], [BARS]) == [bar]


# --- in a system -----------------------------------------------------------------------------------


def test_the_past_moves_neither_prices_nor_books_and_replays_alone() -> None:
    settings = Settings(symbols=(COIN,), strategies=(ema_cross(),))
    account = Account.open(RUN, "USDT", Decimal(1000))

    def system() -> TradingSystem:
        return TradingSystem(settings, Account.load(account.dump()), RUN, DataClock())

    made, ticks = system(), [trade(n, price) for n, price in enumerate(waves(900))]
    before = made.state_hash()
    [past] = warm_up("r0", ticks[390:430], ticks[430].ts)
    records = made.apply(past, at=ticks[430].ts)
    assert [record.cause for record in records] == [0]
    assert (made.state_hash(), made.books.mark(COIN)) == (before, None)
    for tick in ticks[430:]:
        records += made.apply(tick)
    assert any(isinstance(record.event, StrategySignalEvent) for record in records)
    differences: list[object] = []
    replay = Deciding(system(), lambda *pair: differences.append(pair))
    for record in records:
        replay.take(record)
    replay.end()
    assert differences == []


def orders_in(records: list[Record]) -> list[tuple[Decimal, str, Decimal]]:
    return [
        (
            Decimal(record.at - START) / SECOND,
            record.event.order.side.value,
            record.event.order.quantity,
        )
        for record in records
        if isinstance(record.event, OrderInitialized)
    ]


def test_a_restarted_system_trades_on_as_if_it_had_never_stopped() -> None:
    """Position, target and strategy are as they were: no order on an old signal, the next as before."""
    settings = Settings(symbols=(COIN,), strategies=(ema_cross(),))
    ticks = [trade(n, price) for n, price in enumerate(waves(1200))]
    account = Account.open(RUN, "USDT", Decimal(100_000))
    gateway = on_paper(settings)
    whole = TradingSystem(settings, account, RUN, DataClock(), gateway=gateway)
    whole.open()
    cut = 400
    whole.apply(*ticks[:cut])
    while not whole.books.positions():
        whole.apply(ticks[cut])
        cut += 1
    left = Account.load(whole.books.snapshot().dump())
    restarted = TradingSystem(
        settings, left, "20240809T000000000-0000", DataClock(), gateway=gateway
    )
    [past] = warm_up(RUN, ticks[cut - 40 : cut], ticks[cut].ts)
    assert orders_in(restarted.apply(past, at=ticks[cut].ts)) == []
    restarted.open()
    known = [system.books.targets(COIN) for system in (whole, restarted)]
    assert known[0] == known[1] != {}
    expected, got = (orders_in(each.apply(*ticks[cut:])) for each in (whole, restarted))
    assert got == expected != []


def test_signals_of_the_past_that_strategies_are_shown_are_not_acted_upon() -> None:
    settings = Settings(symbols=(COIN,), strategies=(ema_cross(),))
    account = Account.open(RUN, "USDT", Decimal(100_000))
    made = TradingSystem(settings, account, RUN, DataClock(), gateway=on_paper(settings))
    ticks = [trade(n, 100 + n) for n in range(200)]
    [past] = warm_up(RUN, ticks[:40], ticks[40].ts)
    made.apply(past, at=ticks[40].ts)
    made.open()
    assert made.books.targets(COIN) == {}
    assert orders_in(made.apply(*ticks[40:])) == []
