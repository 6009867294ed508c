"""A strategy can harm neither its run nor the proof of it: each misbehaves in one way, from outside."""

from __future__ import annotations

import json
import re
import signal
import sys
from pathlib import Path

import pytest

from tests.fixtures.command import (
    PATIENCE_S,
    PIPES,
    Answer,
    command,
    environment,
    events_of,
    journals,
    running,
    tradectl,
)
from tests.fixtures.processes import start
from tests.fixtures.run_inputs import private, replayed, trades, waves
from tests.profiles import in_turn
from tradectl.domain.events import StrategySignalEvent, SystemEvent, SystemEventKind

FAILED, USAGE, INTERRUPTED = 1, 2, 130
ADDRESS = re.compile(r"0x[0-9a-f]{6}")

HEAD = """
import asyncio, decimal, os, subprocess, sys, threading, time
from decimal import Decimal
from tradectl.strategy import Strategy


class Good(Strategy):
    buys = False

    def on_trade(self, trade):
        self.buys = not self.buys
        return self.long() if self.buys else self.flat()


class Bad(Strategy):
"""

ENDS = {
    "exits at once": "def on_trade(self, t): sys.exit(0)",
    "exits with a text": "def on_trade(self, t): sys.exit('bye')",
    "exits after a while": """
    n = 0
    def on_trade(self, t):
        self.n += 1
        if self.n == 25: sys.exit(3)
        return self.long()""",
    "interrupts": "def on_trade(self, t): raise KeyboardInterrupt",
    "raises the root of all": "def on_trade(self, t): raise BaseException('root')",
    "raises GeneratorExit": "def on_trade(self, t): raise GeneratorExit",
    "raises it without a word": "def on_trade(self, t): raise SystemExit",
    "cancels": "def on_trade(self, t): raise asyncio.CancelledError",
    "exits in its start": """
    def start(self): sys.exit(4)
    def on_trade(self, t): return None""",
    "exits where its warm-up is asked": """
    def warm_up(self): raise SystemExit
    def on_trade(self, t): return None""",
    "raises": "def on_trade(self, t): raise RuntimeError('boom \\x1b[31mred [bold]')",
    "raises what exits when it is spelled": """
    def on_trade(self, t):
        class Wicked(Exception):
            def __str__(self): sys.exit(5)
        raise Wicked""",
    "generates": "def on_trade(self, t): yield self.long()",
    "is a coroutine": "async def on_trade(self, t): return self.long()",
    "generates and is a coroutine": "async def on_trade(self, t): yield self.long()",
    "changes its event": """
    def on_trade(self, t):
        t.price = Decimal(1)
        return self.long()""",
    "returns 100 MB": "def on_trade(self, t): return 'x' * 100_000_000",
    "returns a million signals": "def on_trade(self, t): return [self.long()] * 1_000_000",
    "returns itself": "def on_trade(self, t): return self",
    "raises itself": "def on_trade(self, t): raise ValueError(self, object(), t)",
    "raises its own number": "def on_trade(self, t): raise ValueError(f'{id(self)} {hex(id(t))}')",
    "returns what exits when it is shown": """
    def on_trade(self, t):
        class Wicked:
            def __repr__(self): sys.exit(6)
        return Wicked()""",
}
"""Each ends in quarantine: body of `Bad`."""
if sys.version_info < (3, 13):  # which lets it through: whoever means to, can change an event there
    ENDS["changes its event by force"] = """
    def on_trade(self, t):
        object.__setattr__(t, 'price', Decimal(1))
        return self.long()"""

LIVES = {
    "says a lone surrogate": "def on_trade(self, t): return self.long(reason='bad \\udcff')",
    "says 100 MB": """
    text = 'x' * 100_000_000
    def on_trade(self, t): return self.long(reason=self.text)""",
    "says an address": "def on_trade(self, t): return self.long(reason=f'{self} of {object()}')",
    "says a text of its own kind": """
    def on_trade(self, t):
        class Text(str):
            def __len__(self): return 3
            def isascii(self): return True
            def isprintable(self): return True
            def __str__(self): sys.exit(7)
        return self.long(reason=Text('odd\\n\\udcff'))""",
    "counts with three digits": """
    def on_trade(self, t):
        decimal.getcontext().prec = 3
        decimal.getcontext().traps[decimal.Inexact] = True""",
    "counts in a context of its own": """
    def on_trade(self, t):
        decimal.setcontext(decimal.Context(prec=2, rounding=decimal.ROUND_UP))""",
    "prints": """
    def on_trade(self, t):
        print('hello from strategy')
        sys.__stdout__.write('hello past print\\n')
        os.write(1, b'hello by number\\n')
        sys.stderr.write('err hello\\n')""",
    "returns a list that never ends": """
    def on_trade(self, t):
        class Endless(list):
            def __len__(self): return 1
            def __iter__(self): return iter(self.pop, None)
        return Endless([self.long()])""",
    "has a child that prints": """
    n = 0
    def on_trade(self, t):
        self.n += 1
        if self.n == 3: subprocess.run(['echo', 'hello from a child'])""",
}
"""Each goes on, and is heard as far as it says something."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


def strategy_file(tmp_path: Path, body: str) -> Path:
    return private(tmp_path / "s.py", f"{HEAD}    {body.strip()}\n")


def played(tmp_path: Path, folder: Path, body: str, *classes: str) -> Answer:
    """A recording played to strategies of these classes."""
    file = strategy_file(tmp_path, body)
    data = trades(tmp_path / "d.csv", {"BTCUSDT": waves(60)})
    chosen = [word for name in classes for word in ("--strategy", f"{file}:{name}")]
    return tradectl(folder, "run", "--headless", "--json", "--data", data, *chosen)


def about_bad(folder: Path, kind: SystemEventKind) -> list[str]:
    events = events_of(journals(folder)[-1], SystemEvent)
    return [e.message for e in events if e.component == "strategy:Bad" and e.kind == kind]


@pytest.mark.parametrize("what", in_turn([*ENDS], 3))
def test_what_it_does_is_contained_named_and_quarantined(
    tmp_path: Path, folder: Path, what: str
) -> None:
    """And no record of it has an address in it: the next run's would be another one."""
    answer = played(tmp_path, folder, ENDS[what], "Bad", "Good")
    summary = answer.document()
    assert "Traceback" not in answer.err
    assert "never awaited" not in answer.err
    assert (summary["reason"], summary["events"] > 60) == ("end of data", True)
    assert list(summary["quarantined"]) == ["Bad"]
    assert summary["nothing_trades"] is False
    assert 1 <= len(about_bad(folder, SystemEventKind.STRATEGY_FAILED)) <= 3
    assert len(about_bad(folder, SystemEventKind.STRATEGY_QUARANTINED)) == 1
    signals = events_of(journals(folder)[-1], StrategySignalEvent)
    assert sum(signal.strategy == "Good" for signal in signals) >= 20
    verdict = replayed(folder)
    assert (verdict.verified, verdict.clean) == (True, True)
    assert not ADDRESS.search(journals(folder)[-1].read_text())


@pytest.mark.parametrize("what", in_turn([*LIVES], 2))
def test_what_it_says_spoils_neither_the_document_nor_the_journal(
    tmp_path: Path, folder: Path, what: str
) -> None:
    body = LIVES[what]
    answer = played(tmp_path, folder, body, "Bad", "Good")
    assert answer.document()["quarantined"] == {}
    assert "hello" not in answer.out
    assert ("hello" in answer.err) == ("hello" in body)
    assert journals(folder)[-1].stat().st_size < 1_000_000
    for event in events_of(journals(folder)[-1], StrategySignalEvent):
        assert event.reason.isprintable()
        assert len(event.reason) <= 200
    again = tradectl_replay(folder)
    assert again["verified"] is True
    assert "hello" not in json.dumps(again)


def tradectl_replay(folder: Path) -> dict[str, object]:
    """In this process, where objects lie at other addresses than in that of the run."""
    words = ("replay", journals(folder)[-1], "--json", "--trust")
    report: dict[str, object] = command(*words).document()
    return report


def test_why_it_was_quarantined_is_in_plain_words(tmp_path: Path, folder: Path) -> None:
    summary = played(tmp_path, folder, ENDS["exits after a while"], "Bad", "Good").document()
    assert summary["quarantined"] == {"Bad": "on_trade raised SystemExit: 3 (s.py, line 19)"}
    played(tmp_path, folder, ENDS["is a coroutine"], "Bad", "Good")
    assert about_bad(folder, SystemEventKind.STRATEGY_FAILED)[0] == (
        "on_trade: TypeError: expected a Signal or None, "
        "got a coroutine: write `def`, not `async def`"
    )


def test_the_run_tells_with_what_and_where_a_strategy_failed(tmp_path: Path, folder: Path) -> None:
    """In its summary, as an exit code, and to whoever asks later, without running its file again."""
    body = "def on_bar(self, bar): return self.long() if bar.close else None"
    data = trades(tmp_path / "d.csv", {"BTCUSDT": waves(900)})
    bad = f"{strategy_file(tmp_path, body)}:Bad"
    run = tradectl(
        folder, "backtest", "--data", data, "--strategy", bad, "--set", "strategy.timeframe=1s"
    )
    where = "a bar has open, high, low, price (its close), volume, ts (s.py, line"
    assert (run.code, where in run.out) == (FAILED, True), run.out
    asked = tradectl(folder, "why", "BTCUSDT", "--run", "latest", "--json").document()
    assert asked["held_by"] == "quarantined"
    assert where in tradectl(folder, "why", "--none", "latest").out


def test_a_strategy_of_which_nothing_was_heard_but_failures_has_failed_the_run(
    tmp_path: Path, folder: Path
) -> None:
    """Not in a row: what it did not trade on went well."""
    body = """
    n = 0
    def on_trade(self, trade):
        self.n += 1
        if self.n % 5: return None
        self.note(them=[1, 2])
        return self.long()"""
    summary = json.loads(played(tmp_path, folder, body, "Bad").out)
    assert (summary["quarantined"], summary["exit_code"]) == ({}, FAILED)
    assert "got a list" in summary["failed"]["Bad"]
    assert "got a list" in summary["untraded"][0]["text"]


def test_when_nothing_is_left_that_could_trade_the_run_has_failed(
    tmp_path: Path, folder: Path
) -> None:
    file = strategy_file(tmp_path, ENDS["exits at once"])
    data = trades(tmp_path / "d.csv", {"BTCUSDT": waves(60)})
    words = ("run", "--headless", "--data", data, "--strategy", f"{file}:Bad")
    shown = tradectl(folder, *words)
    assert shown.code == FAILED
    assert "nothing that could trade is left; Bad: on_trade raised SystemExit: 0" in shown.out
    summary = json.loads(tradectl(folder, *words, "--json").out)
    assert (summary["nothing_trades"], summary["exit_code"]) == (True, FAILED)
    assert replayed(folder).verified


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_real_signal_ends_the_run_all_the_same(
    tmp_path: Path, folder: Path, number: signal.Signals
) -> None:
    file = strategy_file(tmp_path, ENDS["interrupts"])
    chosen = ("--strategy", f"{file}:Bad", "--strategy", f"{file}:Good")
    with running(folder, *chosen) as run:
        run.line(" FILL ")
        run.send(number)
        ended = run.end()
    assert (ended.code, "Traceback" in ended.err) == (0, False)
    assert replayed(folder).clean


def test_a_real_interrupt_ends_a_replay_in_the_middle_of_a_strategy(
    tmp_path: Path, folder: Path
) -> None:
    sleeps = """def on_trade(self, t):
        if os.environ.get('SLOW'):
            print('asleep', flush=True)
            time.sleep(600)"""
    played(tmp_path, folder, sleeps, "Bad")
    words = ["replay", str(journals(folder)[-1]), "--json", "--trust"]
    with start(words, environment(SLOW="1"), **PIPES) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "asleep\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, out) == (INTERRUPTED, "")
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "words", [("config", "show", "--json"), ("config", "check"), ("doctor", "--json")]
)
def test_what_it_prints_as_it_is_loaded_spoils_no_document(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    file = strategy_file(tmp_path, "def check(self): print('hello')\n    on_trade = check")
    file.write_text(f"print('hello')\n{file.read_text()}")
    config = tmp_path / "c.toml"
    config.write_text(f'[[strategies]]\nname = "a"\nstrategy = "{file}:Bad"\n')
    state = ("--state-dir", tmp_path / "state") if words[0] == "doctor" else ()
    answer = command(*words, "-c", config, *state)
    assert "hello" not in answer.out
    assert "hello" in answer.err


@pytest.mark.parametrize("where", ["module", "class", "check"])
def test_one_that_exits_before_the_run_is_refused_by_name(
    tmp_path: Path, folder: Path, where: str
) -> None:
    body = "def on_trade(self, t): return None"
    if where == "check":
        body += "\n    def check(self): sys.exit(3)"
    file = strategy_file(tmp_path, "sys.exit(3)" if where == "class" else body)
    if where == "module":
        file.write_text(f"print('hello'); {'raise SystemExit(3)'}")
    refused = tradectl(folder, "run", "--headless", "--json", "--strategy", f"{file}:Bad")
    assert (refused.code, refused.out) == (USAGE, "")
    assert "SystemExit: 3" in refused.complaint()


def test_the_precision_that_a_strategy_counts_with_is_its_own(tmp_path: Path) -> None:
    alone = played(tmp_path, tmp_path / "alone", "def on_trade(self, t): ...", "Bad", "Good")
    bodies = (
        LIVES["counts with three digits"],
        LIVES["counts in a context of its own"],
        "decimal.getcontext().prec = 3\n    def on_trade(self, t): ...",
    )
    for number, body in enumerate(bodies):
        beside = played(tmp_path, tmp_path / str(number), body, "Bad", "Good").document()
        assert int(beside["fills"]) > 10, body
        assert beside["portfolio"] == alone.document()["portfolio"], body


def test_an_import_spoils_no_document(tmp_path: Path, folder: Path) -> None:
    body = (
        "os.write(1, b'hello'); subprocess.run(['echo', 'hello'])\n    def on_trade(self, t): ..."
    )
    answer = played(tmp_path, folder, body, "Bad", "Good")
    assert answer.document()["quarantined"] == {}
    assert answer.err.count("hello") >= 2


def test_an_import_that_interrupts_itself_is_refused_by_name(tmp_path: Path, folder: Path) -> None:
    answer = played(tmp_path, folder, "raise KeyboardInterrupt", "Bad")
    assert answer.code == USAGE
    assert "s.py, line" in answer.err
    assert "KeyboardInterrupt" in answer.err


@pytest.mark.parametrize("daemon", [True, False])
def test_a_thread_of_a_strategy_neither_keeps_the_process_nor_spoils_its_document(
    tmp_path: Path, folder: Path, *, daemon: bool
) -> None:
    body = f"""
    n = 0
    def on_trade(self, t):
        self.n += 1
        if self.n == 1:
            import atexit; atexit.register(print, 'hello at the end')
        if self.n == 3: threading.Thread(target=self.prints, daemon={daemon}).start()
    def prints(self):
        while True:
            print('hello')
            time.sleep(0.001)"""
    file = strategy_file(tmp_path, body)
    data = trades(tmp_path / "d.csv", {"BTCUSDT": waves(60)})
    words = ("run", "--headless", "--json", "--data", data, "--strategy", f"{file}:Bad")
    answer = tradectl(folder, *words, executable=True)
    assert (answer.code, answer.document()["reason"]) == (0, "end of data")
    assert "hello" in answer.err
    assert ("a thread of a strategy is still running" in answer.err) is not daemon
