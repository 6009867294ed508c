"""Code that a journal names is run by the word of who replays it, and never beside his keys."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.command import Answer, command, journals, tradectl
from tests.fixtures.live_trader import KEYS as FOUND
from tradectl.domain.keys import take_keys

USAGE = 2
KEYS: dict[str, Any] = dict(FOUND)
STRATEGY = """
import os
from pathlib import Path
from tradectl.strategy import Strategy

Path(__file__).with_name("ran").write_text(" ".join(n for n in os.environ if n.startswith("TRADECTL")))

class Named(Strategy):
    def on_trade(self, trade):
        return self.long() if int(trade.price) % 2 else self.flat()
"""


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    return written(tmp_path / "theirs")


def written(folder: Path) -> Path:
    folder.mkdir()
    file = folder / "named.py"
    file.write_text(STRATEGY)
    file.chmod(0o600)
    return file


@pytest.fixture
def journal(theirs: Path, tmp_path: Path) -> Path:
    """It names the file; what that wrote when it ran is taken away again."""
    words = ("run", "--headless", "--duration", "1", "--strategy", f"{theirs}:Named")
    assert tradectl(tmp_path / "state", *words, **KEYS).code == 0
    assert ran(theirs) == ""
    theirs.with_name("ran").unlink()
    return journals(tmp_path / "state")[-1]


def ran(file: Path) -> str | None:
    """What of ours was in its environment; None where it did not run."""
    note = file.with_name("ran")
    return note.read_text() if note.exists() else None


def replay(journal: Path, *words: object) -> Answer:
    """In a process of its own, as whatever the named code does, it does to that."""
    return command("replay", journal, *words, own=True, **KEYS)


def test_what_a_journal_names_does_not_run_unasked(journal: Path, theirs: Path) -> None:
    refused = replay(journal)
    assert refused.code == USAGE
    assert (
        f"the journal names code, which is not run unasked: {theirs}:Named" in refused.complaint()
    )
    assert "as it is called there: --strategy path/to/file.py:Named" in refused.complaint()
    assert ran(theirs) is None


def test_by_ones_word_it_does_and_finds_no_key(journal: Path, theirs: Path) -> None:
    trusted = replay(journal, "--trust", "--json")
    assert trusted.document()["verified"]
    assert ran(theirs) == ""


def test_ones_own_file_takes_its_place(journal: Path, theirs: Path, tmp_path: Path) -> None:
    own = written(tmp_path / "own")
    assert replay(journal, "--strategy", f"{own}:Named", "--json").document()["verified"]
    assert (ran(own), ran(theirs)) == ("", None)
    other = replay(journal, "--strategy", f"{own}:Other")
    assert (other.code, f"{theirs}:Named: leave it out" in other.complaint()) == (USAGE, True)
    assert ran(theirs) is None


def test_a_file_of_ones_own_that_would_not_run_is_refused(
    journal: Path, theirs: Path, tmp_path: Path
) -> None:
    """By the word of who replays another one runs, or none of it: he is told."""
    own = written(tmp_path / "own")
    ours = ("--strategy", f"{own}:Named")
    assert tradectl(tmp_path / "plain", "run", "--headless", "--duration", "0.5").code == 0
    plain = journals(tmp_path / "plain")[-1]
    for where, words, why in (
        (journal, ("--trust", *ours), "leave one out"),
        (plain, ("--trust", *ours), "leave one out"),
        (plain, ours, "takes the place of no file that the journal names, which are: none"),
        (journal, (*ours, "--strategy", f"{own}:Other"), f"--strategy {own}:Other takes the place"),
        (
            journal,
            ("--strategy", "nope.py:Named", *ours),
            "--strategy nope.py:Named takes the place",
        ),
    ):
        refused = replay(where, *words)
        assert (refused.code, why in refused.complaint()) == (USAGE, True), refused.err
    assert (ran(own), ran(theirs)) == (None, None)


@pytest.mark.parametrize("answer", ["y", "n", ""])
def test_on_a_terminal_it_is_asked(journal: Path, theirs: Path, typed: Any, answer: str) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    said = typed(f"replay {journal} --json", stdin=Terminal(f"{answer}\n"))
    assert said.code == (0 if answer == "y" else USAGE)
    assert f"The journal names code: {theirs}:Named. Run it?" in said.err
    assert (ran(theirs) is None) is (answer != "y")


def test_by_another_configuration_ones_own_strategies_run(
    journal: Path, theirs: Path, tmp_path: Path
) -> None:
    config = tmp_path / "mine.toml"
    config.write_text("")
    answer = replay(journal, "-c", config, "--json")
    assert answer.code == 0
    assert ran(theirs) is None


@pytest.mark.parametrize("words", ["doctor", "strategies", "config check"])
def test_no_command_that_looks_at_a_strategy_runs_it_beside_the_keys(
    theirs: Path, tmp_path: Path, words: str
) -> None:
    config = tmp_path / "mine.toml"
    config.write_text(f'[[strategies]]\nname = "n"\nstrategy = "{theirs}:Named"\n')
    config.chmod(0o600)
    asked = [] if words == "strategies" else ["-c", config]
    command(*words.split(), *asked, **KEYS)
    assert not ran(theirs)


def test_keys_are_taken_out_of_the_environment_and_show_nothing_of_themselves() -> None:
    environ = {**KEYS, "TRADECTL_OKX_PASSPHRASE": "p", "TRADECTL_OKX_PROXY": "q", "HOME": "h"}
    kept = {"HOME": "h", "TRADECTL__RISK__MAX_LEVERAGE": "2"}
    environ |= kept
    taken = take_keys(environ)
    assert environ == kept
    assert taken == {**KEYS, "TRADECTL_OKX_PASSPHRASE": "p", "TRADECTL_OKX_PROXY": "q"}
    assert repr(taken) == str(taken) == f"{taken}" == "TakenKeys(hidden)"


def test_a_changed_helper_is_named(tmp_path: Path) -> None:
    """The strategy's own file is what it was."""
    folder = tmp_path / "strategies"
    file = written(folder)
    helper = folder / "helper_of_named.py"
    file.write_text(
        f"import sys; sys.path.insert(0, {str(folder)!r})\nimport helper_of_named\n{STRATEGY}"
    )
    helper.write_text("x = 1\n")
    helper.chmod(0o600)
    words = ("run", "--headless", "--duration", "1", "--strategy", f"{file}:Named")
    assert tradectl(tmp_path / "state", *words).code == 0
    (path,) = journals(tmp_path / "state")
    assert replay(path, "--trust", "--json").document()["notes"] == []
    helper.write_text("x = 2\n")
    changed = "the module helper_of_named, which decides here, has changed since"
    assert replay(path, "--trust", "--json").document()["notes"] == [changed]
    assert changed in " ".join(replay(path, "--trust").out.split())
    again = tradectl(tmp_path / "state", *words)
    assert "other source of helper_of_named" in again.err
