"""`backtest`: recorded data through the live path, the part that was asked for, and results kept."""

from __future__ import annotations

import errno
import gzip
import json
import shutil
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.command import BUSY, Answer, command, events_of, journals, tradectl
from tests.fixtures.run_inputs import replayed
from tests.real_data import real_data
from tradectl.config.settings import Settings
from tradectl.domain.errors import StateError
from tradectl.domain.events import (
    BarEvent,
    BarOpened,
    MarketDataEvent,
    OrderFilled,
    TimerFired,
    WarmUpReceived,
)
from tradectl.feeds.whole_log import read_log
from tradectl.operations.asked_backtest import Asked
from tradectl.runtime.run_options import RunOptions
from tradectl.storage.directory import StateDir

STRATEGIES = """
from tradectl.strategy import Strategy


class Eager(Strategy):
    \"\"\"Long from the first bar on, which it says is too early: it needs `need` bars.\"\"\"

    need: int = 5

    def start(self):
        self.seen = 0

    def warm_up(self):
        return self.need

    def on_bar(self, bar):
        self.seen += 1
        return self.long(reason=f"bar {self.seen}")
"""
EIGHT = """
symbols = [
    "ADAUSDT", "BCHUSDT", "BTCUSDT", "BTTUSDT", "DOGEUSDT", "ETHUSDT", "LTCUSDT", "XRPUSDT",
]
portfolio = { fraction = 0.12, stop_loss_pct = 3 }
risk = { daily_loss_alert_pct = 1, daily_loss_pause_pct = 2 }

[[strategies]]
name = "donchian"
strategy = "donchian-breakout"
parameters = { timeframe = "5m" }
"""
BEGIN = datetime(2023, 11, 14, tzinfo=UTC)
HOURS = 48


def moment(hour: int) -> str:
    return (BEGIN + timedelta(hours=hour)).isoformat()


def candles(path: Path, prices: Iterable[int]) -> Path:
    """One an hour, each with its own open."""
    rows = ["time,open,high,low,close,volume"]
    for hour, price in enumerate(prices):
        at = int((BEGIN + timedelta(hours=hour)).timestamp() * 1000)
        rows.append(f"{at},{price},{price + 3},{price - 3},{price + 1},1000")
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    (folder / "mine.py").write_text(STRATEGIES)
    return candles(folder / "BTCUSDT.csv", (1000 + 40 * (hour // 6 % 2) for hour in range(HOURS)))


def backtest(folder: Path, data: Path, *words: object) -> Answer:
    if "--strategy" not in words and "-c" not in words:
        words = ("--strategy", f"{data.parent / 'mine.py'}:Eager", *words)
    return tradectl(folder, "backtest", "--data", data, "--json", *words)


def played(folder: Path) -> list[int]:
    """The hours, after the beginning, at which the candles opened that the run got."""
    bars: list[BarEvent] = events_of(journals(folder)[-1], BarEvent)
    begin = int(BEGIN.timestamp())
    return [(bar.ts - bar.interval) // 10**9 // 3600 - begin // 3600 for bar in bars]


def test_it_is_run_on_the_data_and_replays(tmp_path: Path, data: Path) -> None:
    found = backtest(tmp_path, data).document()
    assert (found["reason"], found["is_kept"], found["fills"]) == ("end of data", False, 1)
    assert found["data"][0]["path"] == str(data)
    assert found["data_to"].startswith("2023-11-16T00:00:00")
    assert played(tmp_path) == list(range(HOURS))
    assert replayed(tmp_path).verified
    risk = tradectl(tmp_path, "risk", "--run", found["run_id"][:20], "--json").document()
    assert (risk["run_id"], risk["running"]) == (found["run_id"], False)
    assert float(risk["equity"]) == 100_000 + float(found["pnl"])
    assert risk["gross"] != "0"


def test_several_files_follow_one_option(tmp_path: Path) -> None:
    """As a shell makes them of `--data data/*.csv`."""
    files = [candles(tmp_path / f"{coin}USDT.csv", [100] * 9) for coin in ("BTC", "ETH", "SOL")]
    found = tradectl(tmp_path, "backtest", "--data", *files, "--json").document()
    assert found["symbols"] == ["BTCUSDT", "ETHUSDT", "SOLUSDT"]
    assert [file["path"] for file in found["data"]] == [str(file) for file in files]
    assert "expected --data FILE..." in tradectl(tmp_path, "backtest").complaint()


@pytest.mark.parametrize(
    ("since", "until", "hours"),
    [(10, None, range(10, HOURS)), (None, 20, range(20)), (10, 20, range(10, 20))],
)
def test_a_part_of_the_data_is_half_open(
    tmp_path: Path, data: Path, since: int | None, until: int | None, hours: range
) -> None:
    words = [] if since is None else ["--from", moment(since)]
    words += [] if until is None else ["--to", moment(until)]
    found = backtest(tmp_path, data, *words).document()
    assert played(tmp_path) == list(hours)
    opened: list[BarOpened] = events_of(journals(tmp_path)[-1], BarOpened)
    assert len(opened) == len(hours)
    assert (found["since"] is None, found["until"] is None) == (since is None, until is None)
    assert replayed(tmp_path).verified


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--from", "yesterday"), "--from: expected a day or a moment in UTC such as 2021-05-19"),
        (("--from", "2023-11-15", "--to", "2023-11-15"), "does not come after --from"),
        (("--from", "20230101-20230201"), "and where it ends with --to"),
        (("--from", "2023-01-01:"), "and where it ends with --to"),
        (("--from", "2023-W07"), "--from: expected a day or a moment in UTC"),
        (
            ("--from", "2031-01-01"),
            "it has nothing from 2031-01-01T00:00:00.000000Z: it has 2023-11-",
        ),
        (("--to", "2020-01-01"), "up to 2020-01-01T00:00:00.000000Z: it begins at 2023-11-14T"),
    ],
)
def test_a_part_that_cannot_be_is_refused(
    tmp_path: Path, data: Path, words: tuple[str, ...], complaint: str
) -> None:
    assert complaint in backtest(tmp_path, data, *words).complaint()


# --- warm-up ---------------------------------------------------------------------------------------


def first_fill(folder: Path) -> OrderFilled:
    fill: OrderFilled = events_of(journals(folder)[-1], OrderFilled)[0]
    return fill


def hours_after(fill: OrderFilled) -> float:
    return (fill.ts / 10**9 - BEGIN.timestamp()) / 3600


def test_a_strategy_does_not_trade_before_it_has_seen_what_it_needs(
    tmp_path: Path, data: Path
) -> None:
    """The fifth bar closes at 5:00, and the sixth opens there."""
    found = backtest(tmp_path, data).document()
    assert hours_after(first_fill(tmp_path)) == 5
    assert found["tradable_from"].startswith("2023-11-14T05:00:00")


def test_it_gets_that_from_what_comes_before_the_part_played(tmp_path: Path, data: Path) -> None:
    found = backtest(tmp_path, data, "--from", moment(10)).document()
    (shown,) = events_of(journals(tmp_path)[-1], WarmUpReceived)
    assert len(shown.events) >= 5
    assert hours_after(first_fill(tmp_path)) == 11
    assert found["tradable_from"].startswith("2023-11-14T10:00:00")


def test_where_there_is_less_than_that_it_waits_for_the_rest(tmp_path: Path, data: Path) -> None:
    found = backtest(tmp_path, data, "--from", moment(2)).document()
    assert hours_after(first_fill(tmp_path)) == 5
    assert found["tradable_from"].startswith("2023-11-14T05:00:00")


def test_what_needs_more_than_there_is_does_not_trade_and_says_so(
    tmp_path: Path, data: Path
) -> None:
    found = backtest(tmp_path, data, "--set", "strategy.need=100").document()
    assert (found["fills"], found["tradable_from"]) == (0, None)
    assert found["untraded"][0]["text"] == "needs 100 bars of 1h, saw 48"


# --- kept ------------------------------------------------------------------------------------------


def test_the_same_question_has_the_same_answer(tmp_path: Path, data: Path) -> None:
    first = backtest(tmp_path, data).document()
    again = backtest(tmp_path, data).document()
    assert again == first | {"is_kept": True}
    anew = backtest(tmp_path, data, "--again").document()
    assert anew["run_id"] != first["run_id"]
    rows = tradectl(tmp_path, "backtests", "--json").document()
    assert [row["run_id"] for row in rows] == [anew["run_id"], first["run_id"]]
    assert rows[0]["data_hash"] == first["data_hash"]
    older = ("--skip", 1), ("--skip", 1, "-n", 5, "--since", first["made_at"])
    newer = ("-n", 1), ("--since", anew["made_at"])
    for words in (*older, *newer):
        (row,) = tradectl(tmp_path, "backtests", "--json", *words).document()
        assert row["run_id"] == (first if words in older else anew)["run_id"], words
    said = tradectl(tmp_path, "backtests", "-n", 1)
    assert anew["run_id"] in said.out
    assert first["run_id"] not in said.out
    assert "older ones: --skip 1" in said.err


def changed_data(copy: Path) -> None:
    copy.write_text(copy.read_text() + f"{int(moment_ms(HOURS))},1000,1001,999,1000,5\n")


def moment_ms(hour: int) -> float:
    return (BEGIN + timedelta(hours=hour)).timestamp() * 1000


def changed_strategy(copy: Path) -> None:
    (copy.parent / "mine.py").write_text(STRATEGIES.replace("need: int = 5", "need: int = 6"))


def removed_journal(copy: Path) -> None:
    (journal,) = journals(copy.parent / "state")
    journal.unlink()


@pytest.mark.parametrize("change", [changed_data, changed_strategy, removed_journal])
def test_what_has_changed_is_worked_out_again(tmp_path: Path, data: Path, change: Any) -> None:
    copy = Path(shutil.copy(data, tmp_path))
    shutil.copy(data.parent / "mine.py", tmp_path)
    backtest(tmp_path / "state", copy).document()
    change(copy)
    assert backtest(tmp_path / "state", copy).document()["is_kept"] is False


def test_another_question_has_an_answer_of_its_own(tmp_path: Path, data: Path) -> None:
    questions = (
        (),
        ("--set", "account.cash=50000"),
        ("--fill", "close"),
        ("--to", "2023-11-15"),
        ("--flatten-at-end",),
    )
    for words in questions:
        assert backtest(tmp_path, data, *words).document()["is_kept"] is False


# --- without a journal -----------------------------------------------------------------------------


def test_without_a_journal_the_result_is_the_same_and_all_that_is_left(
    tmp_path: Path, data: Path
) -> None:
    with_one = backtest(tmp_path / "a", data).document()
    without = backtest(tmp_path / "b", data, "--no-journal").document()
    assert without["journal"] == ""
    for key in ("portfolio", "fills", "orders", "events", "pnl", "max_drawdown_pct"):
        assert without[key] == with_one[key], key
    assert not (tmp_path / "b" / "state.db").exists()
    assert not list((tmp_path / "b" / "journals").iterdir())
    (row,) = tradectl(tmp_path / "b", "backtests", "--json").document()
    assert row["run_id"] == without["run_id"]
    assert backtest(tmp_path / "b", data).document()["is_kept"] is False  # a journal is wanted now


@pytest.mark.parametrize("words", [("report",), ("fills", "--run"), ("status", "--run"), ("why",)])
def test_what_left_no_journal_is_told_so(
    tmp_path_factory: pytest.TempPathFactory, data: Path, words: tuple[str, ...]
) -> None:
    folder = tmp_path_factory.getbasetemp() / "no-journal"
    if not folder.exists():
        backtest(folder, data, "--no-journal").document()
    (kept,) = (folder / "backtests").iterdir()
    asked = ["BTCUSDT", "--run"] if words == ("why",) else []
    said = tradectl(folder, *words, *asked, kept.name.split(".")[0]).complaint()
    assert "was made with --no-journal" in said


def test_kept_ones_are_told_apart(tmp_path: Path, data: Path) -> None:
    words = ["--strategy", "donchian-breakout", "--set", "strategy.entry=5"]
    words += ["--set", "strategy.exit=3", "--fill", "close", "--no-journal"]
    backtest(tmp_path, data, *words).document()
    (row,) = tradectl(tmp_path, "backtests", "--json").document()
    assert row["parameters"] == {"donchian-breakout": {"entry": 5, "exit": 3}}
    assert (row["fill"], row["symbols"]) == ("close", ["BTCUSDT"])
    listed = tradectl(tmp_path, "backtests").out
    for told in ("donchian-breakout", "entry=5", "BTCUSDT.csv", "close", "no file"):
        assert told in listed


def test_files_need_no_option(tmp_path: Path, data: Path) -> None:
    found = tradectl(tmp_path, "backtest", data, "--no-journal", "--json").document()
    assert [Path(file["path"]).name for file in found["data"]] == [data.name]


def test_no_money_comes_or_goes_but_by_trades_and_fees(tmp_path: Path, data: Path) -> None:
    found = backtest(tmp_path, data, "--flatten-at-end").document()
    fills: list[OrderFilled] = events_of(journals(tmp_path)[-1], OrderFilled)
    assert len(fills) == 2
    cash = Decimal(100_000) - sum(f.side.signed(f.quantity) * f.price + f.fee for f in fills)
    assert Decimal(found["portfolio"]["cash"]) == cash


def test_people_are_told_what_came_of_it(tmp_path: Path, data: Path) -> None:
    words = ("backtest", "--data", data, "--strategy", f"{data.parent / 'mine.py'}:Eager")
    said = tradectl(tmp_path, *words).out
    assert "could begin at 2023-11-14T05:00:00" in said
    assert "kept" not in said
    assert "nothing changed since" in tradectl(tmp_path, *words).out
    listed = tradectl(tmp_path, "backtests").out
    assert json.loads(tradectl(tmp_path, "backtests", "--json").out)[0]["run_id"] in listed


# --- a page ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [(), ("--no-journal",), ("--journal", "reference")])
def test_a_page_is_made_of_it(tmp_path: Path, data: Path, words: tuple[str, ...]) -> None:
    page = tmp_path / "report.html"
    for _ in range(2):  # the second one is of the result that was kept
        mine = f"{data.parent / 'mine.py'}:Eager"
        said = tradectl(
            tmp_path / "state",
            "backtest",
            "--data",
            data,
            "--strategy",
            mine,
            *words,
            "--report",
            page,
        )
        assert said.code == 0
        assert "buy and hold" in said.out
        text = page.read_text()
        assert text.startswith("<!doctype html>")
        assert "BTCUSDT" in text
        assert "could begin" in text or "2023-11-14 05:00" in text
        page.unlink()


def test_where_no_page_can_be_written_nothing_is_begun(tmp_path: Path, data: Path) -> None:
    said = backtest(tmp_path / "state", data, "--report", tmp_path / "no" / "report.html")
    assert "there is no folder" in said.complaint()
    assert not (tmp_path / "state").exists()


# --- a journal that refers to its market data ------------------------------------------------------


@pytest.fixture
def referring(tmp_path: Path, data: Path) -> tuple[Path, Path]:
    """A copy of the data, and the journal of a run on it that only refers to it."""
    copy = Path(shutil.copy(data, tmp_path))
    shutil.copy(data.parent / "mine.py", tmp_path)
    words = ("--journal", "reference", "--from", moment(7), "--flatten-at-end")
    found = backtest(tmp_path / "reference", copy, *words).document()
    return copy, Path(found["journal"])


def test_it_is_read_as_if_it_had_the_data(tmp_path: Path, referring: tuple[Path, Path]) -> None:
    data, journal = referring
    backtest(tmp_path / "full", data, "--from", moment(7), "--flatten-at-end").document()
    (whole,) = journals(tmp_path / "full")
    with read_log(journal) as referred, read_log(whole) as full:
        ours = [record for group in referred.groups() for record in group]
        theirs = [record for group in full.groups() for record in group]
    assert [(r.seq, r.at, r.cause) for r in ours] == [(r.seq, r.at, r.cause) for r in theirs]
    assert [r for r in ours if isinstance(r.event, TimerFired)] == [
        r for r in theirs if isinstance(r.event, TimerFired)
    ]
    markets = [r.event for r in theirs if isinstance(r.event, MarketDataEvent)]
    assert [r.event for r in ours if isinstance(r.event, MarketDataEvent)] == markets
    assert len(markets) == 2 * (HOURS - 7)
    assert b'"type":"bar"' in whole.read_bytes()
    assert b'"type":"bar"' not in journal.read_bytes().partition(b"warm_up")[0]


def test_it_replays_and_is_looked_at_like_any_other(referring: tuple[Path, Path]) -> None:
    _, journal = referring
    verdict = command("replay", journal, "--trust", "--json").document()
    assert (verdict["verified"], verdict["divergences"]) == (True, 0)
    assert verdict["events"] > 2 * (HOURS - 7)


def test_records_that_were_read_before_are_passed_over(referring: tuple[Path, Path]) -> None:
    """A group that is passed over has data, too, that the next one does not begin with."""
    _, journal = referring
    with read_log(journal) as log:
        groups = list(log.groups())
    for after in (group[-1].seq for group in groups[:-1]):
        with read_log(journal) as log:
            rest = [record for group in log.groups(after) for record in group]
        assert rest == [r for group in groups for r in group if r.seq > after]


@pytest.mark.parametrize("what", ["changed", "gone"])
def test_without_the_data_as_it_was_it_is_refused_by_name(
    referring: tuple[Path, Path], what: str
) -> None:
    data, journal = referring
    if what == "gone":
        data.unlink()
    else:
        data.write_text(data.read_text().replace("1041,", "1042,", 1))
    complaint = command("replay", journal, "--trust").complaint()
    assert str(data) in complaint
    assert {"gone": "is gone", "changed": "has changed since"}[what] in complaint
    assert "SHA-256" in complaint


def test_it_is_no_data_itself(tmp_path: Path, referring: tuple[Path, Path]) -> None:
    data, journal = referring
    complaint = tradectl(tmp_path, "backtest", "--data", journal).complaint()
    assert f"name the data itself, --data {data}" in complaint


def test_a_changed_reference_is_damage(referring: tuple[Path, Path]) -> None:
    _, journal = referring
    journal.write_bytes(journal.read_bytes().replace(b'"first":', b'"first": ', 1))
    assert "is damaged at record" in command("replay", journal, "--trust").complaint()


def test_no_journal_refers_to_nothing(tmp_path: Path, data: Path) -> None:
    said = backtest(tmp_path, data, "--no-journal", "--journal", "reference").complaint()
    assert "leave one out" in said


# --- one path --------------------------------------------------------------------------------------


def decisions(folder: Path) -> list[bytes]:
    """All that was decided and why, without the name of the run."""
    (journal,) = journals(folder)
    run_id = journal.stem.encode()
    lines = journal.read_bytes().splitlines()
    return [line.replace(run_id, b"RUN") for line in lines if line.startswith(b'{"seq":')]


def test_a_run_in_real_time_and_a_replay_decide_the_same(tmp_path: Path) -> None:
    """Two seconds of trades, at the pace at which they were made."""
    rows = ["ts_ms,symbol,price,qty,side"]
    for n in range(200):
        price = 60_000 + 30 * (n // 8 % 2) + n % 3
        rows.append(f"{1_700_000_000_000 + 10 * n},BTCUSDT,{price},1,buy")
    file = tmp_path / "trades.csv"
    file.write_text("\n".join(rows) + "\n")
    (tmp_path / "busy.toml").write_text(BUSY)
    words = ("-c", tmp_path / "busy.toml", "--data", file, "--json")
    tested = tradectl(tmp_path / "tested", "backtest", *words).document()
    paced = tradectl(
        tmp_path / "paced", "run", "--paper", "--speed", 1, "--headless", *words
    ).document()
    assert tested["fills"] == paced["fills"] > 20
    assert decisions(tmp_path / "tested") == decisions(tmp_path / "paced")
    assert replayed(tmp_path / "tested").verified
    assert replayed(tmp_path / "paced").verified


def crash(folder: Path) -> list[Path]:
    """One-minute candles of eight symbols, of the 19 May 2021 until after its crash."""
    begin, end = (
        int(datetime(2021, 5, 19, hour, tzinfo=UTC).timestamp() * 1000) for hour in (0, 18)
    )
    cut = []
    for file in sorted(
        real_data("candles/binance_1m_20210420_20210520/BTCUSDT.csv.gz").parent.iterdir()
    ):
        with gzip.open(file, "rt") as rows:
            header, *lines = rows
        cut.append(folder / file.name.removesuffix(".gz"))
        kept = (line for line in lines if begin <= int(line.partition(",")[0]) < end)
        cut[-1].write_text(header + "".join(kept))
    return cut


def test_the_crash_of_may_2021_is_traded_within_its_limits(tmp_path: Path) -> None:
    (tmp_path / "eight.toml").write_text(EIGHT)
    data = [word for file in crash(tmp_path) for word in ("--data", file)]
    words = ("--from", "2021-05-19T06:00", "--journal", "reference", "--json")
    found = tradectl(tmp_path, "backtest", "-c", tmp_path / "eight.toml", *data, *words).document()
    assert len(found["data"]) == len(found["symbols"]) == 8
    assert found["fills"] > 20
    assert {row["cause"] for row in found["held_back"]} & {"DAILY_LOSS", "DRAWDOWN"}
    assert replayed(tmp_path).verified


class Nobody:
    async def start(self, run: object) -> None: ...

    async def stop(self) -> None: ...


def test_an_answer_that_cannot_be_kept_is_told(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, flags: int) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tradectl.storage.kept_backtests.open_own", full)
    state, settings = StateDir(tmp_path / "state"), Settings(symbols=("BTCUSDT",))
    asked = Asked(RunOptions(settings=settings, state_dir=state, data=(data,)), "", Nobody(), None)
    assert asked.answer(again=False).reason == "end of data"
    with pytest.raises(StateError, match="cannot keep the result in"):
        asked.refuse_not_kept()
