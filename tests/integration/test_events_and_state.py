"""What happened in a run, event by event, and the account after any of them."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from tests.fixtures.command import BUSY, Answer, environment, journals, running, tradectl
from tests.fixtures.journalled import journalled
from tests.fixtures.run_inputs import Typed, trades, waves
from tests.unit.test_untraded import PAUSE, RISING, candles, settings, with_opens
from tradectl.bus.event_bus import EventBus
from tradectl.documents.explain import EventRow
from tradectl.domain.events import (
    EventType,
    MarketDataEvent,
    OrderInitialized,
    Record,
    StrategySignalEvent,
)
from tradectl.explain.event_filter import EventFilter, kinds_named
from tradectl.explain.event_rows import event_of, events, follow
from tradectl.journal.reader import JournalReader
from tradectl.runtime.control_handlers import ControlHandlers
from tradectl.runtime.session import Session
from tradectl.storage.reader import Page

FAR = 10_000_000


@pytest.fixture
def recorded(typed: Typed, tmp_path: Path) -> Path:
    """The journal of a short run with orders."""
    config = tmp_path / "busy.toml"
    config.write_text(BUSY)
    file = trades(tmp_path / "trades.csv", {"BTCUSDT": waves(60, length=20)})
    typed(f"run --headless --json --data {file} -c {config}").document()
    return journals(tmp_path / "state")[0]


def test_every_record_is_told_with_its_cause(typed: Typed, recorded: Path) -> None:
    with JournalReader(recorded) as journal:
        records = list(journal.records())
    rows = typed("events --all --json").document()
    assert [(r["seq"], r["cause"]) for r in rows] == [(r.seq, r.cause) for r in records]
    events = [event_of(row) for row in msgspec.convert(rows, list[EventRow])]
    assert events == [r.event for r in records]
    assert typed("events --all -n 0").out.count("\n") == len(records) + 1


def test_a_chain_has_what_led_to_a_record_and_what_followed(typed: Typed, recorded: Path) -> None:
    rows = {r["seq"]: r for r in typed("events --all --json").document()}
    order = next(r for r in rows.values() if r["type"] == "order_initialized")
    chain = typed(f"events --cause {order['seq']} --json").document()
    assert [r["type"] for r in chain] == [
        "market_data", "strategy_signal", "order_initialized", "order_approved", "order_submitted",
        "order_filled", "position_changed",
    ]  # fmt: skip
    for row in chain[1:]:
        assert row["cause"] in {0, *(r["seq"] for r in chain)}
    assert typed(f"events --cause {chain[-1]['seq']} --json").document() == chain
    assert typed(f"events --cause {chain[0]['seq']} --json").document()[-3:] == chain[-3:]
    assert "its last one is" in typed(f"events --cause {FAR} --json").complaint()


def test_a_chain_goes_from_the_bar_over_the_next_open_to_the_position(tmp_path: Path) -> None:
    made = settings("donchian-breakout", "paper.fill=next-open")
    path = journalled(tmp_path, made, with_opens(candles([*RISING, *reversed(RISING)])))
    with JournalReader(path) as journal:
        records = list(journal.records())
    for order in [r for r in records if r.event.__class__ is OrderInitialized]:
        page, wanted = Page(limit=None), EventFilter(cause=order.seq)
        found = [row.type for row in events(path, wanted, page)]
        for kind in ("bar", "strategy_signal", "bar_opened", "order_filled", "position_changed"):
            assert kind in found
        signal = next(r for r in reversed(records[: order.seq]) if is_signal(r))
        numbers = {row.seq for row in events(path, EventFilter(cause=signal.seq), page)}
        assert {signal.cause, signal.seq, order.seq} < numbers
        assert len(numbers) < 15


def test_a_chain_goes_over_a_stop_that_is_cancelled_or_reached(tmp_path: Path) -> None:
    made = settings("donchian-breakout", "paper.fill=next-open", "portfolio.stop_loss_pct=9")
    bars = with_opens(candles([*RISING, *reversed(RISING[30:]), *RISING[30:50], 60, 50]))
    path = journalled(tmp_path, made, bars)
    page = Page(limit=None)

    def chain(kind: str) -> list[str]:
        (first, *_) = events(path, EventFilter(kinds=kinds_named([kind])), page)
        return [row.type for row in events(path, EventFilter(cause=first.seq), page)]

    for kind in ("strategy_signal", "order_canceled", "order_filled"):
        assert kind in chain("cancel_requested")
    after = chain("order_triggered")
    assert after.index("order_triggered") < len(after) - 1 - after[::-1].index("order_filled")


def is_signal(record: Record) -> bool:
    return isinstance(record.event, StrategySignalEvent)


def test_events_are_chosen_by_type_symbol_and_time(typed: Typed, recorded: Path) -> None:
    everything = typed("events --all --json").document()
    families = {r["family"] for r in everything}
    assert families >= {"order", "execution", "strategy_signal", "market_data"}
    shown = typed("events --json").document()
    assert {r["type"] for r in shown}.isdisjoint({"market_data", "timer_fired"})
    fills = typed("events --type order_filled --json").document()
    assert fills == [r for r in everything if r["type"] == "order_filled"] != []
    orders = typed("events --type order --type order_filled --symbol BTCUSDT --json").document()
    assert orders == [r for r in everything if r["family"] == "order" or r in fills]
    assert typed("events --symbol ETHUSDT --json").document() == []
    late = typed(f"events --since {fills[-1]['time']} --json").document()
    assert late == [r for r in shown if r["time"] >= fills[-1]["time"]]
    assert typed("events --json -n 3 --skip 2").document() == shown[-5:-2]
    assert typed("events --type fill --json").document() == fills
    assert typed("events --symbol nothing").complaint().endswith("'nothing': known: BTCUSDT")
    assert "did you mean 'BTCUSDT'" in typed("events --symbol btcusdt").complaint()
    assert "did you mean 'order_filled'" in typed("events --type order_fild").complaint()


def test_a_run_is_named_by_its_beginning_its_journal_or_as_the_latest(
    typed: Typed, recorded: Path
) -> None:
    rows = typed("events --json").document()
    for named in (recorded.stem, recorded.stem[:15], str(recorded), "latest"):
        assert typed(f"events {named} --json").document() == rows
    assert typed(f"events --run {recorded.stem} --json").document() == rows
    for of in ("orders", "fills", "status", "alerts"):
        of_run = typed(f"{of} --run {recorded.stem} --json").document()
        for named in ("latest", recorded.stem[:15], str(recorded)):
            assert typed(f"{of} --run {named} --json").document() == of_run
        assert "tradectl runs" in typed(f"{of} --run 1999").complaint()
    for named in (str(recorded), recorded.stem[:15], "latest"):
        assert typed(f"replay {named} --json").document()["run_id"] == recorded.stem
    assert "tradectl runs" in typed("replay 1999").complaint()
    assert "tradectl runs" in typed("events 1999").complaint()
    assert "no journal at" in typed("events nowhere.jsonl").complaint()
    assert "named twice" in typed("events latest --run latest").complaint()


def test_a_run_that_goes_on_is_followed_to_its_end(tmp_path: Path) -> None:
    config = tmp_path / "busy.toml"
    config.write_text(BUSY.replace("ticks_per_second = 1000", "ticks_per_second = 200"))
    words = ("-c", config, "--duration", 1)
    with running(tmp_path, *words) as run:
        seen = [r.seq for r in follow(journals(tmp_path)[0], EventFilter(), Page(limit=None))]
        run.end()
    with JournalReader(journals(tmp_path)[0]) as journal:
        assert seen == [r.seq for r in journal.records()]
    answer: Answer = tradectl(tmp_path, "events", "--failed")
    assert (answer.code, "nothing is running" in answer.err) == (4, True)


async def test_what_a_handler_failed_at_is_told_and_handed_over_again() -> None:
    bus, works, handled = EventBus(), False, list[MarketDataEvent]()

    def handler(event: MarketDataEvent) -> None:
        if not works:
            raise ValueError("not now")
        handled.append(event)

    bus.subscribe(EventType.MARKET_DATA, handler, name="mine")
    await bus.start()
    await bus.publish(MarketDataEvent(symbol="A", price=Decimal(1), volume=Decimal(1), ts=1))
    while not bus.failed_events():
        await bus.join()
    session = cast(Session, SimpleNamespace(bus=bus, books=None))
    handlers = ControlHandlers(
        session, cast(Any, None), cast(Any, None), lambda why: None, cast(Any, None)
    )
    (row,) = (await handlers.failed_events()).events
    assert row.failed is not None
    assert (row.failed.observer, row.symbols, row.type) == ("mine", ["A"], "market_data")
    assert "not now" in row.failed.error
    works = True
    assert (await handlers.failed_events(retry=True)).events == [row]
    await bus.join()
    assert [event.symbol for event in handled] == ["A"]
    assert (await handlers.failed_events()).events == []
    await bus.stop()


PROGRAM = """
import asyncio, sys
from pathlib import Path

from tradectl.config.settings import Settings
from tradectl.events import EventType
from tradectl.runtime.trade import trade
from tradectl.runtime.run_options import RunOptions
from tradectl.storage.directory import StateDir
from tradectl.strategy.configured import StrategyInstance

folder = Path(sys.argv[1])


class Beside:
    async def start(self, run):
        def handler(event):
            if not (folder / "mended").exists():
                raise ValueError("the disk of the handler is full")
            with (folder / "handled").open("a") as file:
                file.write(event.symbol + chr(10))

        run.bus.subscribe(EventType.STRATEGY_SIGNAL, handler, name="mine")
        (folder / "begun").touch()

    async def stop(self):
        pass


keen = StrategyInstance("ema-cross", "ema-cross", parameters={"fast": 2, "slow": 5})
settings = Settings(symbols=("BTCUSDT",), strategies=(keen,))
options = RunOptions(settings=settings, state_dir=StateDir(folder / "state"), duration=100.0)
asyncio.run(trade(options, Beside()))
"""


def test_what_a_handler_of_a_running_process_failed_at_is_handed_over_once_more(
    tmp_path: Path,
) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    state = tmp_path / "state"
    words = [sys.executable, str(tmp_path / "program.py"), str(tmp_path)]
    with subprocess.Popen(words, env=environment(), stderr=subprocess.DEVNULL) as process:
        try:
            failed: list[Any] = []
            while process.poll() is None and not failed:
                if (tmp_path / "begun").exists():
                    failed = tradectl(state, "events", "--failed", "--json").document()
            assert failed[0]["failed"]["observer"] == "mine"
            assert "the disk of the handler is full" in failed[0]["failed"]["error"]
            (tmp_path / "mended").touch()
            answer = tradectl(state, "events", "--failed", "--retry")
            assert int(answer.err.split(" handed over once more")[0]) >= len(failed)
            assert tradectl(state, "events", "--failed", "--json").document() == []
            assert failed[0]["symbols"][0] in (tmp_path / "handled").read_text().split()
            assert tradectl(state, "stop").code == 0
        finally:
            process.kill()


def test_the_state_after_any_record_is_that_of_the_run(typed: Typed, recorded: Path) -> None:
    with JournalReader(recorded) as journal:
        records = list(journal.records())
        footer = journal.footer
    assert footer is not None
    last = typed("state --json").document()
    assert (last["seq"], last["is_last"]) == (records[-1].seq, True)
    assert last["account"]["state_hash"] == footer.state_hash
    for record in records[:: len(records) // 7]:
        found = typed(f"state --at {record.seq} --json").document()
        assert (found["seq"], found["account"]["last_seq"]) == (record.seq, record.seq)
        by_time = typed(f"state --at {found['time']} --json").document()
        last_then = max(r.seq for r in records if r.at // 1000 == record.at // 1000)
        assert by_time["seq"] == last_then
    begin = typed("state --at 0 --json").document()
    assert (begin["seq"], begin["time"], begin["account"]["positions"]) == (0, None, [])
    last_one = f"its last one is {records[-1].seq}"
    assert last_one in typed(f"state --at {FAR}").complaint()
    assert "Open orders" in typed("state --at 40").out
    for words in ("state --at=-5", "why BTCUSDT --at -5"):
        assert "expected a record's number, or a day or" in typed(words).complaint()


def test_two_states_are_compared_value_by_value(typed: Typed, recorded: Path) -> None:
    fill = typed("events --type order_filled --json").document()[0]
    before, after = fill["seq"] - 1, fill["seq"]
    found = typed(f"state --at {before} --diff {after} --json").document()
    assert (found["from_seq"], found["to_seq"]) == (before, after)
    changed = {c["path"]: (c["before"], c["after"]) for c in found["changes"]}
    bought, paid = Decimal(fill["event"]["quantity"]), Decimal(fill["event"]["price"])
    assert Decimal(changed["positions.BTCUSDT.quantity"][1]) == bought
    cash = [Decimal(amount) for amount in changed["cash"]]
    assert cash[0] - cash[1] == bought * paid + Decimal(fill["event"]["fee"])
    assert found == typed(f"state --at {after} --diff {before} --json").document()
    assert [row["status"] for row in found["orders"]] == ["filled"]
    shown = typed(f"state --at {before} --diff {after}").out
    for words in ("equity", "cash", "fees", "Positions", "BTCUSDT", "filled", fill["time"][:10]):
        assert words in shown
    for raw in ("spec.", "{", "[", "finished", "E-"):
        assert raw not in shown
    nothing = typed(f"state --at {after} --diff {after} --json").document()
    assert nothing["changes"] == []


def test_events_are_told_in_the_same_columns_as_they_come(typed: Typed, recorded: Path) -> None:
    listed = [line.split() for line in typed("events -n 0").out.splitlines()]
    assert [line.split() for line in typed("events --follow -n 0").out.splitlines()] == listed


def test_no_line_under_a_pipe_is_padded(typed: Typed, recorded: Path) -> None:
    for words in (
        "events",
        "events --all",
        "orders --run latest",
        "runs",
        "state",
        "why --none latest",
    ):
        lines = typed(words).out.splitlines()
        assert lines == [line.rstrip() for line in lines]


def test_nobody_is_told_to_resume_a_run_on_recorded_data(typed: Typed, tmp_path: Path) -> None:
    path = journalled(tmp_path, settings("donchian-breakout"), [*candles(RISING[:3]), PAUSE])
    shown = typed(f"state {path}").out
    assert "PAUSED" in shown
    assert "tradectl resume" not in shown


def test_of_a_damaged_journal_what_is_whole_is_told(
    typed: Typed, recorded: Path, tmp_path: Path
) -> None:
    text = recorded.read_text()
    damaged = tmp_path / "damaged.jsonl"
    half = text.rindex('"price":"60', 0, len(text) * 3 // 4)
    damaged.write_text(text[:half] + text[half:].replace('"price":"60', '"price":"61', 1))
    answer = typed(f"events {damaged} -n 5")
    assert answer.code == 1
    assert "is damaged at record" in answer.err
    assert answer.out.count("\n") <= 6
    torn = tmp_path / "torn.jsonl"
    torn.write_text(text[:-40])
    assert typed(f"state {torn} --json").document()["account"]["state_hash"]
    assert typed(f"events {torn} --json").document()
