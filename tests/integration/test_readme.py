"""The README's Python runs as it is printed."""

from __future__ import annotations

import ast
import re
from decimal import Decimal
from pathlib import Path

import pytest

from tradectl.cli.commands.table import MODULES
from tradectl.domain.events import MarketDataEvent, Record, SignalAction, StrategySignalEvent
from tradectl.strategy.configured import StrategyInstance
from tradectl.strategy.engine import StrategyEngine

README = Path(__file__).parents[2] / "README.md"


def block(with_line: str) -> str:
    """The one block of Python that has this line."""
    blocks: list[str] = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)
    (found,) = (text for text in blocks if with_line in text.splitlines())
    return found


def test_every_file_and_room_that_it_names_is_there() -> None:
    section = README.read_text().partition("## How it is built")[2].partition("\n## ")[0]
    tables = [line for line in section.splitlines() if line.startswith("|")]
    rooms = {
        room
        for line in tables
        for words in re.findall(r"`([\w/ ]+/)`", line)
        for room in words.split()
    }
    files = {file for line in tables for file in re.findall(r"`([\w/]+\.py)`", line)}
    assert len(rooms) > 15
    assert len(files) > 20
    package = README.parent / "tradectl"
    assert {room for room in rooms if not list(package.rglob(room))} == set()
    assert {file for file in files if not list(package.rglob(file))} == set()


def test_every_command_is_in_its_table_of_commands() -> None:
    section = README.read_text().partition("\n## Commands")[2].partition("\n## ")[0]
    rows = "".join(line.split("|")[1] for line in section.splitlines() if line.startswith("| `"))
    assert MODULES.keys() - set(re.findall(r"`([a-z-]+)", rows)) == set()


def test_the_system_in_code_trades(capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(block("import asyncio"), str(README), "exec"), {"__name__": "__main__"})  # noqa: S102
    portfolio = ast.literal_eval(capsys.readouterr().out)
    assert Decimal(portfolio["fees"]) > 0
    assert Decimal(portfolio["cash"]) < Decimal(portfolio["equity"]) < 100_000


def test_a_backtest_in_code_trades(capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(block("from tradectl import backtest"), str(README), "exec"), {})  # noqa: S102
    assert "<backtest " in capsys.readouterr().out


def test_the_strategy_of_ones_own_gives_signals(tmp_path: Path) -> None:
    file = tmp_path / "momentum.py"
    file.write_text(block("class Momentum(Strategy):"))
    file.chmod(0o600)
    engine = StrategyEngine([StrategyInstance(name="mine", strategy=f"{file}:Momentum")])
    events = [
        MarketDataEvent(symbol="X", price=Decimal(100 + n), volume=Decimal(1), ts=n * 10**9)
        for n in range(1, 61)
    ]
    told = [
        e for event in events for e in engine.on_market(event, Record(0, event.ts, event)) or ()
    ]
    assert told
    for signal in told:
        assert isinstance(signal, StrategySignalEvent)
        assert (signal.action, signal.strategy) == (SignalAction.BUY, "mine")
