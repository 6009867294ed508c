"""What a run tells the log, and what `tradectl logs` shows of it, also where it cannot be written."""

from __future__ import annotations

import asyncio
import json
import logging
import tomllib
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from tests.contracts import check_output
from tests.fixtures.command import BUSY, journals, records_of
from tests.fixtures.monitoring import until
from tradectl.cli.app import app
from tradectl.config.load import load_settings
from tradectl.documents.log import LogLevel, LogLine
from tradectl.domain.events import OrderApproved, OrderFilled, Record
from tradectl.logs.log_reader import LogFilter, LogReader
from tradectl.runtime.run import TradingRun
from tradectl.runtime.run_options import RunOptions
from tradectl.storage.directory import StateDir

SECRET = "a-token-that-nobody-sees"
TRADES = """timestamp,price,volume
2024-08-01T00:00:00Z,100,1
2024-08-01T00:00:01Z,101,1
2024-08-01T00:00:02Z,100.5,1
"""


class Screen:
    """The run ends once it has traded a little, and `saw` it; `before` is called first."""

    def __init__(
        self,
        before: Callable[[TradingRun], None] = lambda run: None,
        saw: Callable[[TradingRun], object] = lambda run: True,
    ) -> None:
        self._before, self._saw = before, saw

    async def start(self, run: TradingRun) -> None:
        self._before(run)
        self._traded = asyncio.ensure_future(self._trade(run))

    async def _trade(self, run: TradingRun) -> None:
        await until(lambda: run.books.account.fills_count >= 3 and bool(self._saw(run)))
        run.end("it has traded")

    async def stop(self) -> None:
        """Nothing was begun."""


async def trade(folder: Path, screen: Screen, *assigned: str) -> TradingRun:
    state_dir = StateDir(folder)
    state_dir.create()
    settings = load_settings(None, tomllib.loads(BUSY), {}, assigned)
    with state_dir.owned():
        environ = {"TRADECTL_TELEGRAM_TOKEN": SECRET}
        run = TradingRun(RunOptions(settings=settings, state_dir=state_dir, environ=environ), None)
        await run.execute(screen)
    return run


def read(folder: Path, **wanted: str) -> list[LogLine]:
    return list(LogReader(folder / "logs", LogFilter(**wanted)).lines())  # type: ignore[arg-type]


def shown(folder: Path, *words: str) -> str:
    asked = ["logs", "--state-dir", str(folder), *words]
    answer = CliRunner().invoke(app, asked, standalone_mode=False, catch_exceptions=False)
    assert answer.exit_code == 0
    return answer.stdout


def told_by_python(run: TradingRun) -> None:
    logging.getLogger("tradectl.feed").warning("key %s\x1b[2J", SECRET)
    logging.getLogger("tradectl.feed").info("not grave")
    run.alerts.raise_alert("odd", "something", "error", "elsewhere")
    run.alerts.resolve_type("odd", "elsewhere")


async def test_a_run_is_told_of_with_each_order_and_fill_once(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    handlers = {*logging.getLogger("tradectl").handlers}
    run = await trade(folder, Screen(told_by_python))
    lines = read(folder)
    begun, *_, ended = lines
    assert begun.message.startswith("run begins: paper, simulated market, tradectl ")
    assert str(run.journal_path) in begun.message
    counts = f"orders {run.books.account.orders_count}, fills {run.books.account.fills_count}"
    assert ended.message == f"run ends: it has traded; {counts}"
    assert {each.run_id for each in lines} == {run.run_id}
    (journal,) = journals(folder)
    in_journal = [
        record
        for record in records_of(journal)
        if isinstance(record.event, OrderApproved | OrderFilled)
    ]
    by_seq = {each.seq: each for each in lines if each.order_ids}
    assert len(by_seq) == len([each for each in lines if each.order_ids])
    for record in in_journal:
        check_told(by_seq[record.seq], record)
    assert {*logging.getLogger("tradectl").handlers} == handlers
    (warned,) = [each for each in lines if each.component == "feed"]
    assert (warned.level, warned.message) == (LogLevel.WARNING, "key ***?[2J")
    raised, resolved = [each for each in lines if each.component == "elsewhere"]
    assert (raised.level, raised.message) == (
        LogLevel.ERROR,
        f"ALERT odd {run.run_id}-a1: something",
    )
    assert resolved.message == f"ALERT resolved odd {run.run_id}-a1: something"
    check_command(folder, run, by_seq[in_journal[-1].seq])


def check_told(line: LogLine, record: Record) -> None:
    event = record.event
    assert isinstance(event, OrderApproved | OrderFilled)
    assert line.order_ids[0] == event.order_id
    assert line.level is LogLevel.INFO
    assert ("FILL" in line.message) == isinstance(event, OrderFilled)


def check_command(folder: Path, run: TradingRun, last: LogLine) -> None:
    text = shown(folder, "--order", last.order_ids[0], "--json")
    found = msgspec.json.decode(text, type=list[LogLine])
    assert last in found
    assert all(last.order_ids[0] in each.order_ids for each in found)
    check_output(["logs", "--json"], text)
    grave = json.loads(shown(folder, "--run", "latest", "--level", "error", "--json"))
    assert [each["component"] for each in grave] == ["elsewhere"]
    assert shown(folder, "-n", "1").split()[-6:] == last_words(run)
    assert shown(folder, "--run", "1999", "--json") == "[]\n"
    assert shown(folder, "--since", "2999-01-01") == "no such lines in the log\n"
    skipped = json.loads(shown(folder, "--skip", "1", "--json"))
    assert skipped == json.loads(shown(folder, "--json"))[:-1]
    assert json.loads(shown(folder, "--skip", "1", "-n", "2", "--json")) == skipped[-2:]


def last_words(run: TradingRun) -> list[str]:
    account = run.books.account
    return f"it has traded; orders {account.orders_count}, fills {account.fills_count}".split()[-6:]


async def test_a_log_that_cannot_be_written_ends_no_trading_and_is_an_alert_once(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "s"
    StateDir(folder).create()
    (folder / "logs").mkdir()
    (folder / "logs" / "tradectl.log").mkdir()  # root may write what is read-only
    seen = list[str]()

    def saw(run: TradingRun) -> list[str]:
        seen[:] = read_alerts(run) or seen
        return seen

    run = await trade(folder, Screen(saw=saw))
    assert run.end_reason == "it has traded"
    assert read_alerts(run) == []  # over with the run
    (said,) = seen
    assert said.startswith("the log cannot be written: it is a folder, not a file; trading and its")


def read_alerts(run: TradingRun) -> list[str]:
    return [a.message for a in run.alerts.get_active_alerts() if a.type == "log_unwritable"]


async def test_nothing_is_written_where_that_is_asked_for(tmp_path: Path) -> None:
    await trade(tmp_path / "s", Screen(), "log.level=off")
    assert not (tmp_path / "s" / "logs").exists()


async def test_recorded_data_tells_what_is_grave_at_the_time_of_here(tmp_path: Path) -> None:
    from tests.fixtures.command import tradectl

    data, folder = tmp_path / "BTCUSDT.csv", tmp_path / "s"
    data.write_text(TRADES)
    await asyncio.to_thread(tradectl, folder, "run", "--data", str(data), "--headless")
    begun, *_, ended = read(folder)
    assert "recorded data" in begun.message
    assert ended.message.startswith("run ends: end of data")
    assert all(each.time > "2026" for each in read(folder))
    assert not any(each.order_ids for each in read(folder))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--follow", "--skip", "1"], "--follow goes on from the newest ones"),
        (["--run", "latest"], "there is no run yet"),
        (["--level", "loud"], "expected one of debug, info, warning, error, critical, got 'loud'"),
    ],
)
def test_what_is_typed_wrong_is_said(tmp_path: Path, words: list[str], said: str) -> None:
    StateDir(tmp_path / "s").create()
    asked = ["logs", "--state-dir", str(tmp_path / "s"), *words]
    answer = CliRunner().invoke(app, asked, standalone_mode=False)
    assert answer.exception is not None
    assert said in str(answer.exception) + answer.output


def test_a_stop_that_no_run_tells_of_and_the_end_of_its_halt_are_told(tmp_path: Path) -> None:
    folder = tmp_path / "s"

    def asked(*words: str) -> str:
        answer = CliRunner().invoke(app, [*words, "--state-dir", str(folder)])
        assert answer.exit_code == 0
        return answer.output

    asked("emergency-stop", "--reason", "wrong size")
    asked("clear-halt", "--confirm")
    stopped, cleared = read(folder)
    assert (stopped.level, stopped.message) == (
        LogLevel.CRITICAL,
        "EMERGENCY STOP by command: wrong size; cancelled 0, closed 0",
    )
    assert cleared.message.startswith("CLEAR-HALT: it was halted since ")
    assert cleared.message.endswith(": wrong size")
    assert "no alerts" in asked("alerts")
    assert "there are operator" in asked("logs", "--component", "riskk")
    assert "the log has no run 'x'" in asked("logs", "--run", "x")
