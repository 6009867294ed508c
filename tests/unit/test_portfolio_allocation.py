"""Weights in a run: asked for at a rebalancing, answered by an input, traded, replayed, gone on with."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tradectl.bus.clock import DataClock
from tradectl.config.settings import HistorySettings, Settings
from tradectl.domain.event import ReasonCode
from tradectl.domain.events import (
    AllocationRequested,
    Event,
    MarketDataEvent,
    OrderFilled,
    Record,
    SignalAction,
    StrategySignalEvent,
    SystemEvent,
    TargetComputed,
    WeightsComputed,
)
from tradectl.domain.time import HOUR, SECOND
from tradectl.exchange.exchange_settings import PaperSettings
from tradectl.portfolio.allocation_settings import AllocationSettings
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.replay.weights_check import WeightsCheck
from tradectl.state.account import Account
from tradectl.system.follower import Deciding
from tradectl.system.trading_system import TradingSystem, on_paper

RUN = "20240808T235415342-0a1b"
CASH = Decimal(50_000)
START = 1_723_161_600 * SECOND
SYMBOLS = ("AUSDT", "BUSDT", "CUSDT")


def settings(**allocation: Any) -> Settings:
    portfolio = PortfolioSettings(
        sizing="allocation",
        max_weight=Decimal("0.6"),
        drift=allocation.pop("drift", Decimal("0.1")),
    )
    usual: dict[str, Any] = {"method": "inverse_volatility", "min_history": 5, "every_hours": 12}
    return Settings(
        symbols=SYMBOLS,
        strategies=(),
        portfolio=portfolio,
        allocation=AllocationSettings(**usual | allocation),
        history=HistorySettings(period_hours=1, length=30),
        paper=PaperSettings(latency_ms=0, latency_jitter_ms=0),
    )


def made(of: Settings, account: Account | None = None, run: str = RUN) -> TradingSystem:
    before = account or Account.open(RUN, "USDT", CASH)
    system = TradingSystem(of, before, run, DataClock(), gateway=on_paper(of))
    system.open()
    return system


def hour(system: TradingSystem, number: int) -> list[Record]:
    """Two prices of each symbol: A moves a little, B twice and C four times as much."""
    records: list[Record] = []
    for half in (0, 1):
        for place, symbol in enumerate(SYMBOLS):
            size = 0.002 * 2**place * ((number * (place + 2)) % 5 - 2)
            price, ts = Decimal(f"{100 * (1 + size):.4f}"), START + number * HOUR + half * HOUR // 2
            tick = MarketDataEvent(symbol=symbol, price=price, volume=Decimal(10_000), ts=ts)
            records += system.apply(tick)
    return records


def wants(
    system: TradingSystem, *symbols: str, action: SignalAction = SignalAction.BUY
) -> list[Record]:
    at = system.bus.clock.now()
    signals = [StrategySignalEvent(symbol=s, action=action, strategy="one") for s in symbols]
    return [record for signal in signals for record in system.apply(signal, at=at)]


def of(kind: type[Event], records: list[Record]) -> list[Any]:
    return [record.event for record in records if isinstance(record.event, kind)]


def run(of_these: Settings, hours: int, since: int = 8) -> tuple[TradingSystem, list[Record]]:
    system = made(of_these)
    records = [record for number in range(since) for record in hour(system, number)]
    records += wants(system, *SYMBOLS)
    for number in range(since, hours):
        records += hour(system, number)
    return system, records


def test_weights_are_asked_for_once_for_all_symbols_and_orders_follow_the_answer() -> None:
    system, records = run(settings(), 12)
    (asked,) = of(AllocationRequested, records)
    assert asked.symbols == SYMBOLS
    assert asked.reason == "the first weights"
    (answer,) = of(WeightsComputed, records)
    assert [record.cause for record in records if record.event is answer] == [0]
    assert answer.weights["AUSDT"] > answer.weights["BUSDT"] > answer.weights["CUSDT"] > 0
    equity = system.books.equity()
    for symbol, weight in answer.weights.items():
        worth = system.books.position(symbol).quantity * system.books.price_of(symbol)
        assert worth / equity == pytest.approx(weight, rel=Decimal("0.1"))
    waits = [e for e in of(TargetComputed, records) if e.code is ReasonCode.NO_WEIGHT]
    assert "no weight yet" in waits[0].reason


def test_a_replay_decides_the_same_and_takes_the_recorded_answer() -> None:
    _, records = run(settings(), 24)
    again = TradingSystem(settings(), Account.open(RUN, "USDT", CASH), RUN, DataClock())
    differences: list[tuple[Record | None, Record | None]] = []
    follower = Deciding(again, lambda one, other: differences.append((one, other)))
    for record in records:
        follower.take(record)
    follower.end()
    assert not differences
    assert follower.compared > 10


def test_weights_are_asked_for_anew_when_the_time_has_come_and_when_others_are_wanted() -> None:
    system, records = run(settings(), 24)
    assert [e.reason for e in of(AllocationRequested, records)][1:] == ["the time has come"]
    wants(system, "CUSDT", action=SignalAction.CLOSE)
    records = hour(system, 24)
    (asked,) = of(AllocationRequested, records)
    assert (asked.symbols, asked.reason) == (SYMBOLS[:2], "other symbols are wanted")
    assert not system.books.position("CUSDT").quantity


def test_a_killed_computation_is_asked_for_again_and_nothing_is_bought_twice() -> None:
    """What was killed in the middle: the question is in the journal, and no answer."""
    system = made(settings())
    system.bus.compute_by(lambda command: None)
    for number in range(8):
        hour(system, number)
    wants(system, *SYMBOLS)
    assert of(AllocationRequested, hour(system, 8))
    left = Account.load(system.books.snapshot().dump())
    goes_on = made(settings(), left, "20240809T000000000-0a1b")
    records = hour(goes_on, 9) + wants(goes_on, *SYMBOLS) + hour(goes_on, 10)
    assert [e.reason for e in of(AllocationRequested, records)] == ["no answer came"]
    assert sorted(fill.symbol for fill in of(OrderFilled, records)) == [*SYMBOLS]


def test_without_enough_history_it_says_so_once_and_begins_when_there_is_enough() -> None:
    system, records = run(settings(), 5, since=1)
    said = [e for e in of(SystemEvent, records) if e.kind.startswith("allocation")]
    assert [e.kind for e in said] == ["allocation_failed"]
    assert "too little history" in said[0].message
    assert not of(OrderFilled, records)
    (why, *_) = system.portfolio.engine.answer("AUSDT", system.books, system.bus.clock.now())
    assert isinstance(why, TargetComputed)
    assert "no weights: too little history" in why.reason
    records = [record for number in range(5, 9) for record in hour(system, number)]
    kinds = [e.kind for e in of(SystemEvent, records) if e.kind.startswith("allocation")]
    assert kinds == ["allocation_failed_over"]
    assert of(OrderFilled, records)


def test_an_answer_to_what_is_not_asked_any_more_changes_nothing() -> None:
    system, _ = run(settings(), 12)
    before = system.books.allocation
    late = WeightsComputed(request=1, weights={"AUSDT": Decimal("0.5")})
    records = system.apply(late, at=system.bus.clock.now())
    assert [record.event for record in records] == [late]
    assert system.books.allocation == before


def test_a_drift_that_is_not_worth_its_cost_is_held_back_and_told_once() -> None:
    system, records = run(settings(drift=Decimal("0.01")), 12)
    held_back = [e for e in of(TargetComputed, records) if e.code is ReasonCode.COST]
    assert held_back
    assert "it would cost" in held_back[0].reason
    assert len({e.symbol for e in held_back}) == len(held_back)
    assert system.books.allocation is not None
    assert {*system.books.allocation.held_back} == {e.symbol for e in held_back}


def test_who_dislikes_risk_enough_rebalances_the_same_drift() -> None:
    eager = settings(drift=Decimal("0.01"), risk_aversion=CASH)
    _, records = run(eager, 12)
    assert not [e for e in of(TargetComputed, records) if e.code is ReasonCode.COST]
    assert len(of(OrderFilled, records)) > 3


@pytest.mark.parametrize(
    ("off", "notes"),
    [("0.000005", 0), ("0.00002", 1)],
)
def test_a_replay_works_weights_out_again_and_says_where_they_differ(off: str, notes: int) -> None:
    _, records = run(settings(), 12)
    again = TradingSystem(settings(), Account.open(RUN, "USDT", CASH), RUN, DataClock())
    check, follower = WeightsCheck(again), Deciding(again)
    for record in records:
        if isinstance(record.event, WeightsComputed):
            weights = {s: w + Decimal(off) for s, w in record.event.weights.items()}
            other = msgspec.structs.replace(record.event, weights=weights)
            check.compare(msgspec.structs.replace(record, event=other))
        follower.take(record)
    assert len(check.notes()) == notes
    for note in check.notes():
        assert "1 of 1 answer with weights come out otherwise here" in note
        assert f"by {off}" in note
