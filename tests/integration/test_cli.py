"""The command line as a user meets it: every mistake gets one clear line; help; completion."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.command import (
    PATIENCE_S,
    environment,
    header_of,
    journals,
)
from tests.fixtures.rows import each_row
from tests.fixtures.run_inputs import STRATEGIES, Typed, private, trades, waves
from tradectl import __version__

FAILED, USAGE, NOT_RUNNING = 1, 2, 4

COMMANDS = (
    "run", "strategies", "status", "positions", "orders", "fills", "runs", "pause", "resume", "stop",
    "emergency-stop", "clear-halt", "replay", "alerts", "alerts ack", "alerts resolve", "config",
    "config init", "config show", "config check", "config set", "new", "new strategy",
)  # fmt: skip
WITH_EXAMPLES = ("run", "status", "alerts", "emergency-stop", "replay")


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one of everything that can be wrong; commands run in it."""
    folder = tmp_path_factory.mktemp("shelf")
    trades(folder / "good.csv", {"BTCUSDT": waves(300)})
    trades(folder / "in_btc.csv", {"ETHBTC": ["0.05"] * 300})
    (folder / "folder").mkdir()
    (folder / "binary").write_bytes(bytes(range(256)) * 16)
    (folder / "broken.csv.gz").write_bytes(b"\x1f\x8b\x08\x00 not gzip at all")
    (folder / "empty.csv").touch()
    (folder / "header_only.csv").write_text("ts_ms,symbol,price,qty,side\n")
    (folder / "other_columns.csv").write_text("name,age\nann,7\n")
    private(folder / "mine.py", STRATEGIES)
    private(folder / "syntax.py", "class Oops(:\n")
    private(folder / "raises.py", "raise RuntimeError('not today')\n")
    private(folder / "shared.py", STRATEGIES).chmod(0o620)
    (folder / "unknown_key.toml").write_text("sead = 1\n")
    (folder / "wrong_type.toml").write_text("seed = 'one'\n")
    (folder / "impossible.toml").write_text("[risk]\nmax_leverage = -2\n")
    (folder / "not.toml").write_text("[risk\n")
    (folder / "mistyped.toml").write_text("symbols = ['ETHUSDT', 'SOL-USTD']\n")
    (folder / "live.toml").write_text("mode = 'live'\n")
    (folder / "link").symlink_to(folder / "folder")
    (folder / "shared").mkdir()
    (folder / "shared").chmod(0o1777)
    return folder


@pytest.fixture(autouse=True)
def _on_the_shelf(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shelf)


# --- mistakes -----------------------------------------------------------------------------------------

MISTAKES = [
    # what is typed, the exit code, what the one line says
    ("runn", USAGE, "No such command 'runn'. Did you mean 'run', 'runs'?"),
    ("run --fooo", USAGE, "No such option: --fooo"),
    ("run extra", USAGE, "unexpected extra argument"),
    (
        "run --speed abc",
        USAGE,
        "'--speed': expected `max` or a number above 0 such as 10, got 'abc'",
    ),
    ("run --speed nan", USAGE, "got 'nan'"),
    ("run --speed 0", USAGE, "got '0'"),
    ("run --duration 0", USAGE, "'--duration'"),
    ("run --seed x", USAGE, "'--seed'"),
    ("run --live", USAGE, 'the configuration says mode = "paper": set mode = "live"'),
    ("run --data missing.csv", FAILED, "missing.csv: no such file"),
    ("run --data folder", FAILED, "folder is a directory"),
    ("run --data binary", FAILED, "binary is neither text (UTF-8) nor compressed text"),
    ("run --data broken.csv.gz", FAILED, "broken.csv.gz is a broken gzip file"),
    ("run --data empty.csv", FAILED, "empty.csv is empty"),
    ("run --data other_columns.csv", FAILED, "no column of times in 'name,age'; expected"),
    ("run --data good.csv --symbol ETHUSDT", USAGE, "no ETHUSDT in the data: it has BTCUSDT"),
    (
        "run --data good.csv --data in_btc.csv",
        USAGE,
        "quoted in BTC and USDT cannot share an account",
    ),
    ("run --symbol BTCUSDT --symbol ETHBTC", USAGE, "ETHBTC is quoted in BTC, the account in USDT"),
    ("run --symbol BTCUSTD", USAGE, "simulated market has no 'BTCUSTD': did you mean 'BTCUSDT'?"),
    ("run --strategy ema-cros", USAGE, "no strategy 'ema-cros': did you mean 'ema-cross'?"),
    ("run --strategy missing.py:Keen", USAGE, "missing.py: No such file"),
    ("run --strategy mine.py", USAGE, "expected mine.py:ClassName"),
    ("run --strategy mine.py:Kean", USAGE, "mine.py has no class 'Kean': did you mean 'Keen'?"),
    ("run --strategy syntax.py:Oops", USAGE, "syntax.py, line 1: invalid syntax"),
    ("run --strategy raises.py:Oops", USAGE, "raises.py, line 1: RuntimeError: not today"),
    ("run --strategy shared.py:Keen", USAGE, "others can write shared.py: chmod go-w shared.py"),
    ("run -c missing.toml", USAGE, "missing.toml: there is no such file"),
    ("run -c unknown_key.toml", USAGE, "unknown_key.toml: sead: unknown key; did you mean seed?"),
    ("run -c wrong_type.toml", USAGE, "wrong_type.toml: seed: expected a whole number, got 'one'"),
    (
        "run -c impossible.toml",
        USAGE,
        "impossible.toml: risk.max_leverage: expected a number above 0",
    ),
    ("run -c not.toml", USAGE, "not.toml, line 1, column 6: "),
    ("run -c live.toml", USAGE, 'live.toml: mode: "live" needs an [[exchanges]] table'),
    ("run -c binary", USAGE, "binary: not a text file"),
    ("run --state-dir good.csv", USAGE, "'good.csv' is a file"),
    ("run --state-dir=", USAGE, "expected the name of a folder, got ''"),
    ("run --state-dir link", FAILED, "link is a symbolic link"),
    ("status --state-dir link", FAILED, "link is a symbolic link"),
    ("emergency-stop --state-dir good.csv", USAGE, "'good.csv' is a file"),
    ("emergency-stop --state-dir link", FAILED, "link is a symbolic link"),
    ("emergency-stop --timeout 0", USAGE, "'--timeout'"),
    ("orders --limit -1", USAGE, "'--limit'"),
    ("alerts ack nope", USAGE, "no alert has the id 'nope'"),
    ("alerts ack \udcff", USAGE, r"'\udcff' is not UTF-8 text"),
    ("run --state-dir shared", FAILED, "shared belongs to everybody"),
    ("alerts resolve nope", USAGE, "no alert has the id 'nope'"),
    ("alerts --severity loud", USAGE, "expected one of info, warning, error, critical, got 'loud'"),
    ("alerts nope", USAGE, "No such command 'nope'"),
    ("replay missing.jsonl", FAILED, "cannot read the journal missing.jsonl: No such file"),
    ("replay good.csv", FAILED, "good.csv is not a tradectl journal"),
    ("replay folder", FAILED, "cannot read the journal folder: it is a folder"),
    ("replay", USAGE, "Missing argument"),
    ("pause", NOT_RUNNING, "nothing is running here"),
    ("resume", NOT_RUNNING, "nothing is running here"),
    ("stop", NOT_RUNNING, "nothing is running here"),
    # what would have been passed over in silence
    ("run --symbol BCTUSDT", USAGE, "no 'BCTUSDT': did you mean 'BTCUSDT'? (known: BTCUSDT,"),
    ("run --speed 3", USAGE, "--speed is of recorded data: add --data FILE"),
    ("run --seed 3 --set seed=4", USAGE, "--seed and --set seed are one setting: leave out one"),
    ("run --data good.csv --exchange binance", USAGE, "--exchange brings its own market data"),
    ("run --data good.csv --fresh", USAGE, "--fresh is needless"),
    ("run --yes", USAGE, "--yes confirms that money is traded: add --live"),
    ("run --live --seed 1", USAGE, "--seed is of paper trading, and --live is not"),
    ("replay good.csv -c live.toml --until 3", USAGE, "--until is of the run as it was"),
    ("replay good.csv -c live.toml --no-verify", USAGE, "--no-verify is of the run as it was"),
    ("replay good.csv -c live.toml --speed 1", USAGE, "--speed is of the run as it was"),
    ("alerts --state-dir folder ack a1", USAGE, "alerts: options stand after `ack`"),
    ("alerts --all resolve a1", USAGE, "alerts: options stand after `resolve`"),
    ("config check not.toml -c live.toml", USAGE, "-c and FILE name the same thing"),
    ("config check unknown_key.toml", USAGE, "unknown_key.toml: sead: unknown key"),
    ("config check mistyped.toml", USAGE, "the simulated market has no 'SOL-USTD'"),
    ("run -c mistyped.toml", USAGE, "the simulated market has no 'SOL-USTD'"),
    ("reconcile --state-dir folder", USAGE, "there is no live account here"),
    ("reconcile --state-dir nowhere", USAGE, "there is no live account here"),
    ("config frobnicate", USAGE, "No such command 'frobnicate'"),
]


@each_row(("words", "code", "says"), MISTAKES)
def test_a_mistake_gets_one_clear_line(words: str, code: int, says: str, typed: Typed) -> None:
    answer = typed(words)
    assert answer.code == code, answer
    assert says in answer.complaint()
    assert answer.err.count("\n") == 1
    assert answer.out == ""


def test_an_emergency_stop_goes_on_whatever_else_is_typed_and_says_so(typed: Typed) -> None:
    answer = typed("emergency-stop --yes")
    said, beware = answer.err.splitlines()
    assert answer.code == 0
    assert said.startswith("--yes does nothing without --all")
    assert beware.startswith("beware: no run was ever in ")


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        (
            "TRADECTL__RISK__MAX_LEVERAGE",
            "lots",
            "risk.max_leverage: expected a number above 0 to below 1e15",
        ),
        ("TRADECTL__RISK__MAX_LEVERGE", "2", "did you mean risk.max_leverage?"),
        ("TRADECTL__PAPER__FEES", "2", "did you mean paper.maker_fee or paper.taker_fee?"),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(
    name: str, value: str, says: str, typed: Typed
) -> None:
    answer = typed("run", **{name: value})
    assert answer.code == USAGE
    assert answer.complaint().startswith(f"tradectl: {name}: ")
    assert says in answer.complaint()


def test_a_recording_without_a_row_ends_in_one_line(typed: Typed) -> None:
    answer = typed("run --data header_only.csv")
    assert (answer.code, answer.out) == (FAILED, "")
    assert "no row that can be played" in answer.complaint()
    assert "1970" not in answer.err


def test_a_directory_of_somebody_else_is_refused(typed: Typed, tmp_path: Path) -> None:
    if os.geteuid():
        pytest.skip("only root can give a directory away")
    os.chown(tmp_path, 12345, -1)
    for words in ("run --headless --duration 0.1", "status", "emergency-stop"):
        assert "belongs to another user" in typed(f"{words} --state-dir {tmp_path}").complaint()
    assert list(tmp_path.iterdir()) == []


# --- help, version, completion ------------------------------------------------------------------------


def test_the_version_is_the_package_s(typed: Typed) -> None:
    assert typed("--version").out == f"tradectl {__version__}\n"


@each_row("name", COMMANDS)
def test_every_command_has_help(name: str, typed: Typed) -> None:
    answer = typed(f"{name} --help")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith("Usage: ")
    if name in WITH_EXAMPLES:
        assert re.search(rf"Examples:\n\n +tradectl {name}", answer.out)


def test_the_help_of_all_names_every_command_and_exit_code(typed: Typed) -> None:
    answer = typed("--help")
    listed = re.findall(r"^  ([a-z-]+)  ", answer.out, re.MULTILINE)
    assert {name for name in COMMANDS if " " not in name} <= {*listed}
    assert [int(n) for n in re.findall(r"\b(\d)\s", answer.out.partition("Exit codes:")[2])] == [
        *range(8)
    ]


def test_a_shell_completes_commands_and_options() -> None:
    assert "complete" in completed(show=True)
    assert completed("tradectl em").split() == ["emergency-stop"]
    assert completed("tradectl run --st").split() == ["--strategy", "--state-dir"]


def completed(line: str = "", show: bool = False) -> str:
    """What the installed program answers to bash: to complete `line`, or how it does so."""
    program = Path(sys.executable).with_name("tradectl")
    if not program.exists():
        pytest.skip("tradectl is not installed beside this interpreter")
    asked = {"_TRADECTL_COMPLETE": "complete_bash", "COMP_WORDS": line}
    asked["COMP_CWORD"] = str(len(line.split()) - 1)
    done = subprocess.run(
        ["bash", "-c", f"{program} --show-completion; exit $?"] if show else [program],
        env=environment(**({} if show else asked)),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=True,
    )
    return done.stdout


# --- Ctrl-C -------------------------------------------------------------------------------------------

WHILE_LOADING = """
import os, signal, sys
class Loading:
    def find_spec(self, name, path=None, target=None):
        if name == "tradectl.cli.app":
            os.kill(os.getpid(), getattr(signal, sys.argv[1]))
sys.meta_path.insert(0, Loading())
from tradectl.__main__ import main
main()
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_while_the_program_is_loaded_is_one_line_and_130(name: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", WHILE_LOADING, name],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        env=environment(),
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "tradectl: interrupted\n")


@pytest.mark.parametrize("words", ["status --watch", "alerts --follow"])
def test_ctrl_c_ends_what_goes_on_for_ever_with_130(
    words: str, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", interrupted)
    answer = typed(words)
    assert (answer.code, answer.err) == (130, "tradectl: interrupted\n")


# --- seeds --------------------------------------------------------------------------------------------


def test_a_seed_of_any_size_is_a_seed(tmp_path: Path, typed: Typed) -> None:
    """Each is another one, the same one each time."""
    kept: dict[int, int] = {}
    for seed in (2**63, 2**63 + 1, -(10**30), 2**63):
        folder = tmp_path / f"{seed}-{len(kept)}"
        words = f"run --headless --duration 0.05 --seed {seed} --state-dir {folder}"
        assert typed(words).code == 0
        found = header_of(*journals(folder)).seed
        assert kept.setdefault(seed, found) == found
    assert len({*kept.values()}) == 3


# --- files --------------------------------------------------------------------------------------------


def test_what_is_written_is_its_owner_s_alone(
    tmp_path: Path, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the user's mask is."""
    monkeypatch.chdir(tmp_path)
    before = os.umask(0)
    try:
        assert typed("run --headless --duration 0.05").code == 0
        assert typed("emergency-stop").code == 0
        assert typed("config init mine.toml").code == 0
        assert typed("config set seed 5 -c mine.toml").code == 0
    finally:
        os.umask(before)
    made = {path: path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert {path.name for path in made} >= {"mine.toml", "state.db", "halt", "lock", "journals"}
    assert {
        path: mode for path, mode in made.items() if mode != (0o700 if path.is_dir() else 0o600)
    } == {}
