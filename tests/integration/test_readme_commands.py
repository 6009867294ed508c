"""The README's commands do what it says, typed as they are printed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

from tests.fixtures.command import Answer, command, running, tradectl
from tests.fixtures.rows import each_row
from tests.fixtures.run_inputs import private
from tradectl.cli.app import app

REPOSITORY = Path(__file__).parents[2]
README = (REPOSITORY / "README.md").read_text()
HALTED = 6


def blocks() -> list[str]:
    """What stands in blocks of shell, with lines that go on put together."""
    found: list[str] = re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL)
    return [block.replace("\\\n", " ") for block in found]


def commands() -> list[list[str]]:
    """The words of every `tradectl ...` in them."""
    lines = [line for block in blocks() for line in block.splitlines()]
    typed = [shlex.split(line, comments=True) for line in lines if line.startswith("tradectl ")]
    return [words[1:] for words in typed]


def those_with(word: str) -> list[list[str]]:
    found = [words for words in commands() if word in " ".join(words)]
    assert found
    return found


@each_row("words", commands(), ids=" ".join)
def test_every_command_and_option_is_there(words: list[str]) -> None:
    group = typer.main.get_command(app)
    chosen, rest = group, list(words)
    context = typer.Context(group)
    while hasattr(chosen, "commands") and rest and rest[0] in chosen.commands:
        chosen = chosen.commands[rest.pop(0)]
        context = typer.Context(chosen, parent=context)
    assert chosen is not group, words
    chosen.make_parser(context).parse_args(rest)  # raises for what does not exist


@pytest.mark.parametrize("words", those_with("--data tests/data"), ids=" ".join)
def test_recorded_data_is_traded(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(REPOSITORY)
    summary = tradectl(tmp_path / "state", *words, "--json").document()
    assert summary["fills"] > 1
    assert summary["untraded"] == []
    for looked in those_with("RUN_ID"):
        named = [summary["run_id"][:-2] if word == "RUN_ID" else word for word in looked]
        assert "BTCUSDT" in tradectl(tmp_path / "state", *named).out


def test_the_five_minutes(tmp_path: Path) -> None:
    """One after the other, beside a run, as somebody would who reads it for the first time."""
    folder = tmp_path / "state"
    (five,) = (block for block in blocks() if "replay latest" in block)
    typed = [shlex.split(line, comments=True)[1:] for line in five.splitlines()]
    said: dict[str, Answer] = {}
    with running(folder) as run:
        run.line("FILL")
        for words in typed[:4]:
            said[words[0]] = tradectl(folder, *words)
        assert run.end().code == 0
    for words in typed[4:]:
        said[words[0]] = tradectl(folder, *words)
    codes = {name: answer.code for name, answer in said.items()}
    assert codes == {
        "status": 0,
        "fills": 0,
        "pause": 0,
        "stop": 0,
        "replay": 0,
        "emergency-stop": 0,
        "run": HALTED,
        "clear-halt": 0,
    }
    assert "RUNNING" in said["status"].out
    assert "USDT" in said["fills"].out
    assert "VERIFIED" in said["replay"].out
    assert tradectl(folder, "positions", "--json").document() == []


def test_the_strategy_of_ones_own_trades(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (source,) = re.findall(r"```python\n(# momentum.py\n.*?)```", README, flags=re.DOTALL)
    private(tmp_path / "momentum.py", source)
    monkeypatch.chdir(tmp_path)
    (words,) = those_with("momentum.py:Momentum")
    with running(tmp_path / "state", *words[1:]) as run:
        run.line("FILL")


def test_a_configuration_is_written_and_run(tmp_path: Path) -> None:
    path = tmp_path / "tradectl.toml"
    assert command("config", "init", path).code == 0
    assert command("config", "check", path).code == 0
    ran = tradectl(tmp_path / "state", "run", "-c", path, "--duration", "0.3", "--json")
    assert ran.document()["mode"] == "paper"
