"""What goes wrong around trading stays there: strategies, observers, floods and files that misbehave."""

from __future__ import annotations

import asyncio
import re
import time
import tracemalloc
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.command import (
    events_of,
    journals,
    records_of,
    running,
    times_busier,
    tradectl,
    wait_until,
)
from tests.fixtures.documents import as_json
from tests.fixtures.run_inputs import Character, look, replayed, trades, waves, written
from tradectl import EventBus, EventType, MarketDataEvent, SystemEvent
from tradectl.bus.core import Stage
from tradectl.domain.events import (
    Command,
    CommandReceived,
    Event,
    OrderAccepted,
    OrderFilled,
    Record,
    StrategySignalEvent,
)
from tradectl.domain.time import SECOND
from tradectl.monitoring import AlertManager

CAPACITY = 10_000
PRICE = Decimal(100)

Rows = list[dict[str, Any]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


def alerts_of(rows: Rows, kind: str) -> dict[str, Any]:
    """Alerts of one type by component."""
    return {row["component"]: row for row in rows if row["type"] == kind}


# --- strategies --------------------------------------------------------------------------------------

MISFITS = (
    Character.RAISES,
    Character.RUBBISH,
    Character.NOT_A_NUMBER,
    Character.INFINITE,
    Character.NEVER_STARTS,
)


@pytest.fixture(scope="module")
def with_misfits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state of a run in which one good strategy trades among bad ones."""
    folder = tmp_path_factory.mktemp("misfits")
    config = written(folder, *MISFITS, Character.KEEN)
    with running(folder / "state", "-c", config) as run:
        run.line(" FILL ")
        told = look(folder / "state")
        wait_until(
            lambda: sum(a.type == "strategy_quarantined" for a in told.alerts()) == len(MISFITS)
        )
        assert tradectl(folder / "state", "stop").code == 0
        assert run.end().code == 0
    return folder / "state"


@pytest.mark.parametrize("misfit", MISFITS)
def test_a_strategy_that_misbehaves_is_quarantined_and_told_of(
    misfit: Character, with_misfits: Path
) -> None:
    component = f"strategy:{misfit.lower()}"
    rows = tradectl(with_misfits, "alerts", "--all", "--json").document()
    assert alerts_of(rows, "strategy_quarantined")[component]["severity"] == "error"
    failed = alerts_of(rows, "strategy_failed")[component]
    assert failed["message"].isprintable()
    assert len(failed["message"]) <= 500


def test_the_others_trade_on_and_the_run_replays(with_misfits: Path) -> None:
    fills = [*look(with_misfits).fills()]
    assert {fill.strategy for fill in fills} == {"keen"}
    assert {fill.symbol for fill in fills} >= {"BTCUSDT"}
    assert replayed(with_misfits).verified


def test_a_strategy_that_sleeps_is_told_of_and_does_not_keep_a_stop_waiting(
    tmp_path: Path, folder: Path
) -> None:
    naps = {"settings": "symbols = ['BTCUSDT']", "parameters": "{ nap = 2.5 }"}
    config = written(tmp_path, Character.SLEEPS, **naps)
    with running(folder, "-c", config) as run:
        run.line("asleep")
        started = time.monotonic()
        assert tradectl(folder, "stop").code == 0
        assert time.monotonic() - started < 5.0 * times_busier()
        assert run.end().code == 0
    rows = as_json(look(folder).alerts())
    message = alerts_of(rows, "loop_stalled")["loop"]["message"]
    stood = re.search(r"stood still for (\d+\.\d) s", message)
    assert stood is not None, message
    assert float(stood[1]) >= 2.5


def test_a_strategy_that_never_stops_talking_is_throttled(tmp_path: Path, folder: Path) -> None:
    config = written(tmp_path, Character.CHATTER, settings="symbols = ['BTCUSDT', 'ETHUSDT']")
    words = ("run", "--headless", "-c", config, "--duration", "1.5")
    assert tradectl(folder, *words, TRADECTL__FEED__TICKS_PER_SECOND="1000").code == 0
    throttled = alerts_of(as_json(look(folder).alerts()), "strategy_throttled")["strategy:chatter"]
    assert "over 20 signals in a second" in throttled["message"]
    signals = [r for r in records_of(journals(folder)[-1]) if type(r.event) is StrategySignalEvent]
    assert 20 <= most_in_a_second(signals, "BTCUSDT") <= 21
    assert replayed(folder).verified


def most_in_a_second(signals: list[Record], symbol: str) -> int:
    times = [r.at for r in signals if r.event.symbol == symbol]  # type: ignore[union-attr]
    return max(sum(start <= at < start + SECOND for at in times) for start in times)


# --- observers ---------------------------------------------------------------------------------------


def tick(price: Decimal = PRICE) -> MarketDataEvent:
    return MarketDataEvent(source_component="test", symbol="BTCUSDT", price=price, volume=PRICE)


async def test_an_observer_that_always_fails_hurts_nobody_and_is_told_of() -> None:
    bus = EventBus()
    alerts = AlertManager(bus)
    heard: list[MarketDataEvent] = []
    broken = True

    def fails(event: MarketDataEvent) -> None:
        if broken:
            raise RuntimeError("no more")
        mended.append(event)

    mended: list[MarketDataEvent] = []
    bus.subscribe(EventType.MARKET_DATA, fails, name="broken")
    bus.subscribe(EventType.MARKET_DATA, heard.append)
    await bus.start()
    await alerts.start()
    for _ in range(200):
        await bus.publish(tick())
    await bus.join()
    assert len(heard) == 200
    assert len(bus.failed_events()) == bus.get_metrics()["failed"] == 200
    assert {letter.observer for letter in bus.failed_events()} == {"broken"}
    (alert,) = [a for a in alerts.get_active_alerts() if a.type == "handler_failed"]
    assert "no more" in alert.message

    broken = False
    assert bus.retry_failed() == 200
    await bus.join()
    assert (len(mended), len(heard), bus.failed_events()) == (200, 200, [])
    await alerts.stop()
    await bus.stop()


async def test_an_observer_that_never_returns_is_left_behind_in_bounded_memory() -> None:
    bus = EventBus(max_queue_size=100)
    heard: list[SystemEvent] = []

    async def hangs(_: MarketDataEvent) -> None:
        await asyncio.Event().wait()

    def hears(event: SystemEvent) -> None:
        heard.append(event)

    bus.subscribe(EventType.MARKET_DATA, hangs, name="hangs")
    bus.subscribe(EventType.SYSTEM, hears)
    await bus.start()
    for number in range(1_000):
        await bus.publish(tick())
        await bus.publish(SystemEvent(kind="hello"))
        while len(heard) < number - 50:  # noqa: ASYNC110  so that it is never far behind
            await asyncio.sleep(0)
    while len(heard) < 1_000:  # noqa: ASYNC110  the bus has no event for it
        await asyncio.sleep(0)
    metrics = bus.get_metrics()
    figures = metrics["handlers"]["hangs"]
    assert figures["waiting"] <= 101
    assert metrics["dropped"] + figures["dropped"] + figures["waiting"] == 1_000
    started = time.monotonic()
    await bus.stop(drain_s=0.1)
    assert time.monotonic() - started < 1.0 * times_busier()


async def test_a_flood_of_ten_times_the_queue_costs_market_data_and_nothing_else() -> None:
    bus = EventBus(max_queue_size=CAPACITY)
    dispatched: Counter[type[Event]] = Counter()

    def count(event: Event, _record: Record) -> None:
        dispatched[event.__class__] += 1

    async def report(number: int) -> None:
        for n in range(number):
            await bus.publish(OrderAccepted(order_id=str(n), symbol="BTCUSDT"))

    bus.attach(Event, count, Stage.STATE)
    await bus.start()
    tracemalloc.start()
    try:
        for _ in range(100):
            bus.post_market([tick() for _ in range(CAPACITY // 10)])
            bus.post(CommandReceived(command=Command.PAUSE))
        reporters = [asyncio.ensure_future(report(5_000)) for _ in range(3)]
        await asyncio.gather(*reporters)
        await bus.join()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    metrics = bus.get_metrics()
    await bus.stop()
    assert dispatched[CommandReceived] == 100
    assert dispatched[OrderAccepted] == 15_000
    assert dispatched[MarketDataEvent] == 10 * CAPACITY - metrics["dropped"]
    assert metrics["dropped"] == 9 * CAPACITY
    assert peak < 32 * 2**20


# --- files ---------------------------------------------------------------------------------------------

BAD_ROWS = {
    "not_finite": ["{t},BTCUSDT,nan,1,buy", "{t},BTCUSDT,60000,Infinity,buy", "{t},BTCUSDT,1e400,1,buy"],
    "not_positive": ["{t},BTCUSDT,0,1,buy", "{t},BTCUSDT,-60000,1,buy", "{t},BTCUSDT,60000,0,sell"],
    "not_a_number": ["{t},BTCUSDT,cheap,1,buy"],
    "number_too_long": ["{t},BTCUSDT," + "9" * 5000 + ",1,buy"],
    "time_goes_back": ["1600000000000,BTCUSDT,1,1,buy"],
    "in_the_future": ["4102444800000,BTCUSDT,1,1,buy"],
    "not_a_time": ["yesterday,BTCUSDT,60000,1,buy"],
    "wrong_column_count": ["{t},BTCUSDT,60000"],
    "unknown_side": ["{t},BTCUSDT,60000,1,maybe"],
    "bad_symbol": ["{t},\x1b[2JBTC,60000,1,buy"],
    "price_spike": ["{t},BTCUSDT,6000000,1,buy"],
}  # fmt: skip


def spoiled(path: Path) -> Path:
    """A good recording with every kind of bad row in the middle."""
    lines = trades(path, {"BTCUSDT": waves(2_000)}).read_text().splitlines()
    middle = len(lines) // 2
    time_there = lines[middle].partition(",")[0]
    bad = [row.replace("{t}", time_there) for rows in BAD_ROWS.values() for row in rows]
    path.write_text("\n".join([*lines[:middle], *bad, *lines[middle:]]) + "\n")
    return path


def test_bad_rows_are_counted_shown_and_never_traded_on(tmp_path: Path, folder: Path) -> None:
    data = spoiled(tmp_path / "a.csv")
    summary = tradectl(folder, "run", "--headless", "--json", "--data", data).document()
    assert summary["bad"] == {flaw: len(rows) for flaw, rows in BAD_ROWS.items()}
    assert summary["bad_rows"] == sum(summary["bad"].values())
    assert summary["fills"] > 10
    assert summary["first_bad_rows"][0].startswith(f"{data}:1001: not_finite: ")
    assert all(row.isprintable() for row in summary["first_bad_rows"])
    journal = journals(folder)[-1]
    assert {event.price for event in events_of(journal, MarketDataEvent)} == {*waves(2_000)}
    assert all(59_000 < fill.price < 61_000 for fill in events_of(journal, OrderFilled))
    assert replayed(folder).verified


def test_too_many_bad_rows_end_the_run_in_one_line(tmp_path: Path, folder: Path) -> None:
    prices = [price if n % 20 else "nan" for n, price in enumerate(waves(2_000))]
    data = trades(tmp_path / "a.csv", {"BTCUSDT": prices})
    answer = tradectl(folder, "run", "--headless", "--data", data)
    assert answer.code == 1
    assert "rows are bad" in answer.complaint()
    assert "line 2, not_finite: 'nan'" in answer.complaint()
    words = ("run", "--headless", "--data", data)
    assert tradectl(folder, *words, TRADECTL__FEED__MAX_BAD_SHARE="0.1").code == 0
