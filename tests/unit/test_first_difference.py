"""Why two runs decided otherwise: what each heard is held against the other's, whenever it came in."""

from __future__ import annotations

import tracemalloc
from decimal import Decimal
from typing import Any

import msgspec

from tests.fixtures.journal import HEADER
from tradectl.documents.compare import DifferenceCause, FirstDifference
from tradectl.domain.events import (
    AnyEvent,
    BarEvent,
    MarketDataEvent,
    Record,
    SignalAction,
    StrategySignalEvent,
    TimerFired,
    WarmUpReceived,
)
from tradectl.domain.time import SECOND
from tradectl.explain.compared_run import ComparedRun, decision
from tradectl.explain.first_difference import Decisions, first_difference
from tradectl.state.account import Account

START = 1_720_886_400 * SECOND
EVERY = SECOND // 20
LATENCY = 3 * EVERY
C = DifferenceCause


def trade(n: int, **fields: Any) -> MarketDataEvent:
    plain: dict[str, Any] = {"price": Decimal(100 + n), "ts": START + n * EVERY}
    return MarketDataEvent(symbol="A", volume=Decimal(1), **plain | fields)


def bar(high: int) -> BarEvent:
    price = Decimal(100)
    return BarEvent(
        symbol="A", price=price, volume=Decimal(1), open=price, high=Decimal(high), low=price,
        interval=EVERY, ts=START + EVERY,
    )  # fmt: skip


def run(
    heard: list[MarketDataEvent],
    *,
    late: int = 0,
    says: str = "",
    after: int = 0,
    warmed: tuple[MarketDataEvent, ...] = (),
) -> list[Record]:
    """Each is heard so late (ns), with a timer before every third; `after` so many it gives a signal."""
    events: list[tuple[int, AnyEvent]] = []
    if warmed:
        events.append((START, WarmUpReceived(run_id="r", events=warmed)))
    for n, event in enumerate(heard, 1):
        at = event.ts + late
        if late and n % 3 == 0:
            events.append((at - 1, TimerFired(name="risk")))
        events.append((at, event))
        if n == after:
            said = StrategySignalEvent(symbol="A", action=SignalAction.BUY, strategy=says)
            events.append((at, said))
    return [Record(seq, at, event) for seq, (at, event) in enumerate(events, 1)]


def difference(a: list[Record], b: list[Record]) -> FirstDifference:
    decisions = Decisions()
    for of_b, records in enumerate((a, b)):
        data_at = START
        for record in records:
            data_at = getattr(record.event, "ts", data_at)
            decisions.take(bool(of_b), decision(record, data_at))
    decisions.end()
    found = first_difference(decisions, (HEADER, lambda: a), (HEADER, lambda: b))
    assert found is not None
    return found


def test_what_came_in_later_is_the_same_data() -> None:
    """Live market data is older than the timers that fire beside it, by its latency."""
    heard = [trade(n) for n in range(10)]
    found = difference(run(heard, late=LATENCY, says="x", after=8), run(heard, says="y", after=8))
    assert found.cause is C.CLOCK, found.evidence


def test_data_that_came_after_the_first_of_the_decisions_had_no_part_in_it() -> None:
    heard = [trade(n) for n in range(10)]
    otherwise = [*heard[:9], trade(9, price=Decimal(1))]
    found = difference(run(heard, says="x", after=8), run(otherwise, says="y", after=10))
    assert found.cause is C.CLOCK, found.evidence
    found = difference(run(heard, says="x", after=10), run(otherwise, says="y", after=10))
    assert found.cause is C.DATA


def test_one_that_was_not_heard_is_named() -> None:
    heard = [trade(n) for n in range(8)]
    live = run(heard, late=LATENCY, says="x", after=8)
    found = difference(live, run(heard[:4] + heard[5:], says="y", after=7))
    assert found.cause is C.DATA
    assert found.evidence[0].startswith("market event 5: A has trade of A at ")


def test_all_that_strategies_go_by_is_data() -> None:
    """A bar's extremes, the taker's side, what they were warmed up by; not who brought it."""
    found = difference(run([bar(101)], says="x", after=1), run([bar(102)], says="y", after=1))
    assert found.cause is C.DATA
    assert found.evidence[0].endswith("100 x 1, high 102")
    warm, warmer = (
        run([trade(9)], says=f"s{n}", after=1, warmed=(trade(n),)) for n in (1, 2)
    )  # fmt: skip
    assert difference(warm, warmer).cause is C.DATA
    named = trade(1, source_component="feed", trade_id="7")
    found = difference(run([trade(1)], says="x", after=1), run([named], says="y", after=1))
    assert found.cause is C.CLOCK


def test_signals_that_lead_to_nothing_are_not_kept() -> None:
    account = Account.open("a", "USDT", Decimal(1)).dump()
    compared = ComparedRun(msgspec.structs.replace(HEADER, config={}, state=account))

    def grown_by(seqs: range) -> int:
        before, _ = tracemalloc.get_traced_memory()
        for seq in seqs:
            said = StrategySignalEvent(symbol="A", action=SignalAction.BUY, strategy="s")
            compared.take(Record(seq, START + seq, said))
        return tracemalloc.get_traced_memory()[0] - before

    tracemalloc.start()
    try:
        grown_by(range(1, 1_000))
        assert grown_by(range(1_000, 6_000)) < 20_000  # bytes
    finally:
        tracemalloc.stop()
