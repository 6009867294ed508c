"""`tradectl new strategy`: what it writes works as it is, and nothing is lost to it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.command import PATIENCE_S, command, environment
from tests.fixtures.rows import each_row
from tradectl.domain.errors import UsageError
from tradectl.operations.new_strategy import names_of, write_strategy
from tradectl.strategy import first_draft
from tradectl.strategy.catalog import describe


def test_what_it_writes_passes_its_own_tests_and_can_be_chosen(tmp_path: Path) -> None:
    """In a new process, as a user would; one of the tests is a backtest."""
    folder = tmp_path / "mine"
    said = command("new", "strategy", "my-idea", "--folder", folder)
    assert said.code == 0, said.err
    assert f"--strategy {folder / 'my_idea.py'}:MyIdea" in said.out
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)],
        cwd=folder,
        env=environment(PYTEST_DISABLE_PLUGIN_AUTOLOAD="1"),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "5 passed" in done.stdout
    found = describe(f"{folder / 'my_idea.py'}:MyIdea")
    assert found.summary.startswith("Long once")
    assert {*found.parameters} == {"band", "length", "timeframe"}
    again = command("new", "strategy", "MyIdea", "--folder", folder)
    assert "my_idea.py is there already" in again.complaint()


@pytest.mark.parametrize("name", ["a", "x" * 40, "Rsi2-of_Mine", "ema-cross"])
def test_whatever_it_is_called_its_files_are_its_own(tmp_path: Path, name: str) -> None:
    new = write_strategy(name, tmp_path / "mine")
    assert describe(new.chosen).parameters["length"].default == 20
    for path in new.file, new.tests:
        assert "MyStrategy" not in path.read_text()
        assert new.class_name in path.read_text()
        assert path.stat().st_mode & 0o022 == 0
        ast.parse(path.read_text())


@each_row(
    ("name", "module", "class_name"),
    [
        ("my-idea", "my_idea", "MyIdea"),
        ("MyIdea", "my_idea", "MyIdea"),
        ("my_idea", "my_idea", "MyIdea"),
        ("a--b_", "a_b", "AB"),
        ("rsi2", "rsi2", "Rsi2"),
    ],
)
def test_its_names(name: str, module: str, class_name: str) -> None:
    assert names_of(name) == (module, class_name)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "no name"),
        ("../up", "no name"),
        ("a b", "no name"),
        ("1st", "no name"),
        ("größe", "no name"),
        ("x" * 41, "no name"),
        ("my\nidea", "no name"),
        ("random", "hide another module random"),
        ("tradectl", "hide another module"),
        ("pytest", "hide another module"),
        ("conftest", "hide another module"),
        ("class", "hide another module"),
        ("none", "a class None would hide"),
        ("Sma", "a class Sma would hide"),
        ("bar-event", "a class BarEvent would hide"),
        ("strategy", "a class Strategy would hide"),
        ("test-it", "file of tests"),
        ("it_test", "file of tests"),
    ],
)
def test_a_name_that_will_not_do_is_refused(tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        write_strategy(name, tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize("there", ["my_idea.py", "test_my_idea.py"])
def test_neither_file_is_overwritten_and_none_is_left(tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        write_strategy("my-idea", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [there]
    assert (tmp_path / there).read_text() == "mine"


def test_a_link_to_nothing_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "my_idea.py").symlink_to(tmp_path / "elsewhere.py")
    with pytest.raises(UsageError, match="is there already"):
        write_strategy("my-idea", tmp_path)
    assert not (tmp_path / "elsewhere.py").exists()


def test_a_folder_that_others_can_write_into_is_refused(tmp_path: Path) -> None:
    """A strategy from there would not be run."""
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(UsageError, match="others can"):
        write_strategy("my-idea", folder)
    assert list(folder.iterdir()) == []


def test_a_folder_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is no folder"):
        write_strategy("my-idea", tmp_path / "file")
    with pytest.raises(UsageError, match="there is no folder"):
        write_strategy("my-idea", tmp_path / "not" / "there")


def test_what_it_imports_is_what_its_name_may_not_hide() -> None:
    for text in first_draft.STRATEGY, first_draft.TESTS:
        imported = {
            alias.name
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.ImportFrom) and node.module != "__future__"
            for alias in node.names
        }
        small = {"backtest", "find", "param"}  # no class of ours begins with a small letter
        for name in imported - small:
            with pytest.raises(UsageError):
                names_of(name)


def test_a_file_loads_in_a_process_that_loaded_nothing_else(tmp_path: Path) -> None:
    """What looks at imports must not need one that it would have to look at."""
    new = write_strategy("my-idea", tmp_path / "mine")
    program = f"from tradectl.strategy.catalog import find; print(find({new.chosen!r}).__name__)"
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:] = {sys.path!r}; {program}"],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.stdout == "MyIdea\n", done.stderr


def test_a_strategy_is_shown_in_full_by_its_name(tmp_path: Path) -> None:
    new = write_strategy("my-idea", tmp_path / "mine")
    said = command("strategies", new.chosen)
    assert said.code == 0, said.err
    assert "length = 20  a whole number from 1 to 1,000; bars in the average" in said.out
    assert "warm-up     201 bars of 1m" in said.out
    found = command("strategies", "ema-cross", "--json").document()
    assert found["parameters"]["fast"]["high"] == 100_000
    assert command("strategies", "ema-cros").code == 2
