"""A trading system is driven from outside: by applying inputs, by a live loop, or by a recorded log."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import msgspec

from tests.fixtures.bus import MemoryJournal
from tests.fixtures.journal import HEADER
from tests.fixtures.run_inputs import waves
from tradectl.bus.clock import DataClock
from tradectl.config.settings import Settings
from tradectl.domain.events import (
    Command,
    CommandReceived,
    Event,
    MarketDataEvent,
    OrderFilled,
    OrderInitialized,
    Record,
    SignalAction,
    StrategySignalEvent,
    TimerFired,
)
from tradectl.domain.positions import Position
from tradectl.domain.time import SECOND
from tradectl.exchange.exchange_settings import PaperSettings
from tradectl.feeds.whole_log import read_log
from tradectl.journal.event_log import FileEventLog
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.state.account import Account
from tradectl.strategy.configured import StrategyInstance
from tradectl.system.follower import Deciding, Folding
from tradectl.system.trading_system import BookkeepingSystem, TradingSystem, on_paper

RUN = "20240808T235415342-0a1b"
START = 1_723_161_255 * SECOND
SETTINGS = Settings(
    symbols=("BTCUSDT",),
    strategies=(StrategyInstance("ema-cross", "ema-cross", parameters={"fast": 3, "slow": 8}),),
    paper=PaperSettings(latency_ms=400, latency_jitter_ms=300),
)


def account() -> Account:
    return Account.open(RUN, "USDT", Decimal(100_000))


def system(settings: Settings = SETTINGS) -> TradingSystem:
    return TradingSystem(settings, account(), RUN, DataClock(), gateway=on_paper(settings))


def ticks(count: int) -> list[MarketDataEvent]:
    return [
        MarketDataEvent(
            symbol="BTCUSDT", price=Decimal(price), volume=Decimal(5), ts=START + n * SECOND // 4
        )
        for n, price in enumerate(waves(count))
    ]


def kinds(records: Iterable[Record]) -> set[type]:
    return {type(record.event) for record in records}


def applied(made: TradingSystem, inputs: Iterable[MarketDataEvent]) -> list[Record]:
    made.open()
    records = [record for tick in inputs for record in made.apply(tick)]
    return records + made.end_of_data()


def test_an_applied_input_gives_all_that_follows_from_it() -> None:
    records = applied(system(), ticks(600))
    assert [record.seq for record in records] == list(range(1, len(records) + 1))
    assert kinds(records) >= {OrderInitialized, OrderFilled, TimerFired}
    assert [record.at for record in records] == sorted(record.at for record in records)


def test_hundreds_of_systems_fit_into_one_process_and_none_knows_of_another() -> None:
    """No loop runs here, no folder is given, and whatever one does the others do not see."""
    made = [system() for _ in range(200)]
    for each in made:
        each.open()
    for tick in ticks(40):
        for each in made[::20]:
            each.apply(tick)
    assert len({each.state_hash() for each in made[::20]}) == 1
    assert {each.last_seq for each in made[1::20]} == {0}
    assert made[0].last_seq > 40


def test_a_position_that_was_there_before_is_protected_with_its_first_price() -> None:
    stops = msgspec.structs.replace(SETTINGS.portfolio, stop_loss_pct=Decimal(3))
    settings = msgspec.structs.replace(SETTINGS, strategies=(), portfolio=stops)
    before = account()
    before.positions["BTCUSDT"] = Position("BTCUSDT", Decimal(1), Decimal(100))
    before.holdings["BTCUSDT"] = {"a": Position("BTCUSDT", Decimal(1), Decimal(100))}
    made = TradingSystem(settings, before, RUN, DataClock(), gateway=on_paper(settings))
    made.open()
    tick = MarketDataEvent(symbol="BTCUSDT", price=Decimal(101), volume=Decimal(5), ts=START)
    records = made.apply(tick)
    assert records[0].event == tick
    assert isinstance(records[1].event, OrderInitialized)
    assert records[1].event.order.stop_price == 97
    assert not made.bus.core.has(MarketDataEvent, made.portfolio._on_first_price)


def test_what_was_stopped_out_is_not_bought_back_after_a_restart_until_another_word() -> None:
    portfolio = PortfolioSettings(
        sizing="fixed_quantity", quantity=Decimal(2), stop_loss_pct=Decimal(3)
    )
    settings = Settings(
        symbols=("BTCUSDT",), strategies=(), portfolio=portfolio, paper=PaperSettings(latency_ms=0)
    )
    before = account()

    def run(*inputs: Event) -> list[Record]:
        """A life of its own, that ends as a crash ends one."""
        nonlocal before
        made = TradingSystem(settings, before, RUN, DataClock(), gateway=on_paper(settings))
        made.open()
        records = [record for one in inputs for record in made.apply(one)]
        before = made.books.snapshot()
        return records

    def tick(price: int, second: int) -> MarketDataEvent:
        at = START + second * SECOND
        return MarketDataEvent(symbol="BTCUSDT", price=Decimal(price), volume=Decimal(5), ts=at)

    def says(action: SignalAction) -> StrategySignalEvent:
        return StrategySignalEvent(symbol="BTCUSDT", action=action, strategy="s")

    buy, close = says(SignalAction.BUY), says(SignalAction.CLOSE)
    assert OrderFilled in kinds(run(tick(100, 1), buy, tick(100, 2)))
    assert OrderFilled in kinds(run(tick(100, 3), tick(90, 4), tick(90, 5)))
    assert OrderInitialized not in kinds(run(tick(90, 6), buy, tick(90, 20), buy))
    assert OrderInitialized not in kinds(run(tick(90, 21), buy, close))
    assert OrderInitialized in kinds(run(tick(90, 22), buy))


async def driven_by_a_loop(inputs: list[MarketDataEvent], batch: int) -> list[Record]:
    made = system()
    journal = MemoryJournal()
    made.bus.command_release.journal = journal
    made.open()
    await made.bus.start()
    for first in range(0, len(inputs), batch):
        made.bus.post_market(inputs[first : first + batch])
        await made.bus.dispatched()
    made.bus.end_of_data()
    await made.bus.dispatched()
    await made.bus.stop()
    return journal.records()


def test_a_loop_and_applying_one_by_one_make_the_same_records() -> None:
    inputs = ticks(800)
    one_by_one = applied(system(), inputs)
    for batch in (1, 7, 800):
        assert asyncio.run(driven_by_a_loop(inputs, batch)) == one_by_one


def test_more_inputs_than_a_queue_holds_are_taken_all_the_same() -> None:
    inputs = ticks(12_000)
    made = system()
    made.open()
    records = made.apply(*inputs) + made.end_of_data()
    assert sum(isinstance(record.event, MarketDataEvent) for record in records) == len(inputs)
    assert records == applied(system(), inputs)


def test_commands_are_inputs_like_any_other() -> None:
    made = system()
    made.open()
    for tick in ticks(300):
        made.apply(tick)
    orders = made.books.account.orders_count
    made.apply(CommandReceived(command=Command.PAUSE, reason="lunch"), at=START + 200 * SECOND)
    assert made.books.trading_state.value == "PAUSED"
    assert made.books.account.orders_count == orders


# --- a recorded log --------------------------------------------------------------------------------


def logged(path: Path, records: list[Record], size: int) -> FileEventLog:
    header = msgspec.structs.replace(HEADER, run_id=RUN, config=SETTINGS.dump())
    log = FileEventLog(path, header)
    for first in range(0, len(records), size):
        log.append(records[first : first + size])
    return log


def test_a_log_is_folded_and_decided_again_by_the_same_path(tmp_path: Path) -> None:
    recorded = system()
    records = applied(recorded, ticks(600))
    logged(tmp_path / "r.jsonl", records, 50).close(None)
    folded = BookkeepingSystem(SETTINGS, account(), RUN, DataClock())
    decided = TradingSystem(SETTINGS, account(), RUN, DataClock())
    differences: list[tuple[Record | None, Record | None]] = []
    folding, deciding = Folding(folded), Deciding(decided, lambda *pair: differences.append(pair))
    with read_log(tmp_path / "r.jsonl") as log:
        for group in log.groups():
            for record in group:
                folding.take(record)
                deciding.take(record)
    deciding.end()
    assert differences == []
    assert folded.state_hash() == decided.state_hash() == recorded.state_hash()
    assert folding.records == deciding.inputs + deciding.compared == len(records)


def test_a_follower_of_a_log_that_is_still_written_can_go_on_in_its_place(tmp_path: Path) -> None:
    """A stand-by: it follows until the other one is gone, and then decides as that one would have."""
    inputs = ticks(700)
    first, standby = system(), system()
    first.open()
    log = logged(tmp_path / "r.jsonl", [], 1)
    following = Deciding(standby)
    with read_log(tmp_path / "r.jsonl") as reader:
        for tick in inputs[:400]:
            log.append(first.apply(tick))
            for group in reader.tail():
                for record in group:
                    following.take(record)
    assert standby.last_seq == first.last_seq
    assert standby.state_hash() == first.state_hash()
    standby.open()
    went_on = [r.event for tick in inputs[400:] for r in standby.apply(tick)]
    as_before = [r.event for tick in inputs[400:] for r in first.apply(tick)]
    for wanted in (went_on, as_before):
        assert any(isinstance(event, OrderInitialized) for event in wanted)
    first_order = [
        next(e for e in es if isinstance(e, OrderInitialized)) for es in (went_on, as_before)
    ]
    assert first_order[0].order.side is first_order[1].order.side
    assert first_order[0].order.quantity == first_order[1].order.quantity


def test_a_difference_is_told_with_both_sides(tmp_path: Path) -> None:
    records = applied(system(), ticks(600))
    other = msgspec.structs.replace(
        SETTINGS, strategies=(StrategyInstance("ema-cross", "ema-cross"),)
    )
    differences: list[tuple[Record | None, Record | None]] = []
    deciding = Deciding(
        TradingSystem(other, account(), RUN, DataClock()), lambda *pair: differences.append(pair)
    )
    for record in records:
        deciding.take(record)
    deciding.end()
    recorded, decided = differences[0]
    assert recorded is not None
    assert decided is None or decided.event != recorded.event
