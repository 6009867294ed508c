"""The exit codes that `--help` promises, each by the commands that a user types."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.command import (
    PATIENCE_S,
    PIPES,
    Running,
    command,
    environment,
    journals,
    running,
    tradectl,
)
from tests.fixtures.processes import start
from tests.fixtures.run_inputs import STRATEGIES, private, trades, waves

SUCCESS, FAILED, USAGE, DIVERGED, NOT_RUNNING = range(5)
HALTED, ALREADY_RUNNING, INTERRUPTED = 6, 7, 130


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shelf")
    trades(folder / "good.csv", {"BTCUSDT": waves(300)})
    (folder / "bad.csv").write_text("name,age\nann,7\n")
    private(folder / "mine.py", STRATEGIES)
    private(
        folder / "raises.py",
        "from tradectl.strategy import Strategy\n"
        "class Raises(Strategy):\n"
        "    def on_trade(self, trade):\n"
        "        raise SystemExit\n",
    )
    return folder


@pytest.fixture(scope="module")
def trading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("trading") / "state") as run:
        yield run


@pytest.fixture(scope="module")
def halted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("halted") / "state"
    assert tradectl(folder, "emergency-stop").code == SUCCESS
    return folder


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("status", SUCCESS),
        ("positions", SUCCESS),
        ("emergency-stop", SUCCESS),
        ("run --headless --data good.csv", SUCCESS),
        ("run --headless --data good.csv --strategy mine.py:Chatter", SUCCESS),
        ("run --headless --data bad.csv", FAILED),
        ("run --headless --data good.csv --strategy raises.py:Raises", FAILED),
        ("run --headless --symbol BTCUSDTT", USAGE),
        ("run --headless --set sead=3", USAGE),
        ("run --headless --speed 3", USAGE),
        ("orders --limit x", USAGE),
        ("nonsense", USAGE),
        ("pause", NOT_RUNNING),
        ("resume", NOT_RUNNING),
        ("stop", NOT_RUNNING),
    ],
)
def test_where_nothing_runs(
    words: str, code: int, shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shelf)
    assert tradectl(tmp_path / "state", *words.split()).code == code


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("run --headless --duration 1", HALTED),
        ("run --headless --fresh --duration 1", HALTED),
        ("status", SUCCESS),
        ("pause", NOT_RUNNING),
        ("clear-halt", USAGE),  # without --confirm
    ],
)
def test_where_trading_is_halted(words: str, code: int, halted: Path) -> None:
    assert tradectl(halted, *words.split()).code == code


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("run --headless", ALREADY_RUNNING),
        ("run --headless --fresh", ALREADY_RUNNING),
        ("status", SUCCESS),
        ("pause", SUCCESS),
        ("resume", SUCCESS),
        ("clear-halt --confirm", SUCCESS),  # there is none
    ],
)
def test_where_a_run_trades(words: str, code: int, trading: Running) -> None:
    assert tradectl(trading.folder, *words.split()).code == code


def test_a_journal_that_decides_otherwise(tmp_path: Path, shelf: Path) -> None:
    folder = tmp_path / "state"
    ran = ("run", "--headless", "--data", shelf / "good.csv", "--strategy", f"{shelf}/mine.py:Keen")
    assert tradectl(folder, *ran).code == SUCCESS
    (journal,) = journals(folder)
    assert command("replay", journal, "--trust").code == SUCCESS
    source = (shelf / "mine.py").read_text()
    private(shelf / "mine.py", source.replace("return self.long()", "return self.flat()", 1))
    assert command("replay", journal, "--trust").code == DIVERGED
    private(shelf / "mine.py", source)


@pytest.mark.parametrize("words", ["status --watch", "alerts --follow"])
def test_what_ctrl_c_cuts_short(words: str, halted: Path) -> None:
    told = (*words.split(), "--state-dir", halted)
    with start(told, environment(), **PIPES) as process:
        assert process.stdout is not None
        assert process.stdout.readline()  # from here on it listens
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_S)
    assert process.returncode == INTERRUPTED


def test_help_names_each_of_them() -> None:
    text = re.sub(r"\s+", " ", command("--help").out)
    promised = text.partition("Exit codes: ")[2]
    for code in (SUCCESS, FAILED, USAGE, DIVERGED, NOT_RUNNING, 5, HALTED, ALREADY_RUNNING, 130):
        assert re.search(rf"\b{code} [a-z]", promised), code
