"""How long a user waits: for the first event, for the first fill, and for a command that only tells.

The first two are from the spawning of `run`, without options but a state directory, to what its journal
says: on a live market its times are the wall's. The commands are whole processes beside the smallest
Typer program that there is, run by the same interpreter and asked for nothing but its one command.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import median

from tradectl.domain.events import MarketDataEvent, OrderFilled
from tradectl.domain.time import SECOND
from tradectl.journal.reader import JournalReader
from tradectl.operations.bench.bench import Bench, in_turns, medians
from tradectl.operations.bench.table import Row, at_most, at_most_times

BARE_TYPER = """import typer

app = typer.Typer()


@app.command()
def main() -> None:
    print("hello")


app()
"""
RUN = "run --data, one trade"
BARE = at_most_times(1)
GOALS = {
    "--version": (at_most(0.1), BARE),
    "--help": (at_most(0.1), BARE),
    "status": (at_most(0.2), BARE),
    "status --json": (at_most(0.2), BARE),
    RUN: (),
}
GIVE_UP_S = 30.0
LOOK_EVERY_S = 0.05


# --- the first event ------------------------------------------------------------------------------


def measure_first_event(bench: Bench) -> Iterator[Row]:
    first_event_and_fill(bench)
    rounds = [first_event_and_fill(bench) for _ in range(bench.rounds(7))]
    event, fill = (median(column) for column in zip(*rounds, strict=True))
    yield Row(
        what="start of `run` to its first market event",
        value=event,
        unit="s",
        floor=at_most(5),
        goals=(at_most(0.2),),
    )
    yield Row(what="start of `run` to its first fill", value=fill, unit="s")


def first_event_and_fill(bench: Bench) -> tuple[float, float]:
    """Seconds from the spawning of a run on the simulated market, which is ended after its fill."""
    state = bench.new_folder() / "state"
    spawned = time.time_ns()
    process = bench.start(bench.tradectl("run", "--headless", "--state-dir", state))
    try:
        journal = wait_for_fill(state, process)
    finally:
        process.terminate()
        process.wait()
    event = fill = 0
    with JournalReader(journal) as reader:
        for record in reader.records():
            if not event and isinstance(record.event, MarketDataEvent):
                event = record.at
            if isinstance(record.event, OrderFilled):
                fill = record.at
                break
    return (event - spawned) / SECOND, (fill - spawned) / SECOND


def wait_for_fill(state: Path, process: subprocess.Popen[bytes]) -> Path:
    """The run's journal, as soon as there is a fill in it."""
    deadline = time.monotonic() + GIVE_UP_S
    while time.monotonic() < deadline and process.poll() is None:
        for journal in (state / "journals").glob("*.jsonl"):
            if b'"type":"order_filled"' in journal.read_bytes():
                return journal
        time.sleep(LOOK_EVERY_S)
    raise RuntimeError(f"no fill within {GIVE_UP_S:g} s of a run's start")


# --- commands that only tell ----------------------------------------------------------------------


def measure_cold_start(bench: Bench) -> Iterator[Row]:
    state = bench.new_folder() / "state"
    bench.spawn(bench.tradectl("run", "--headless", "--duration", "1", "--state-dir", state))
    bare = bench.folder / "bare_typer.py"
    bare.write_text(BARE_TYPER)
    commands = {
        "--version": bench.tradectl("--version"),
        "--help": bench.tradectl("--help"),
        "status": bench.tradectl("status", "--state-dir", state),
        "status --json": bench.tradectl("status", "--json", "--state-dir", state),
        RUN: bench.tradectl("run", "--data", one_trade(bench), "--headless", "--state-dir", state),
    }
    everyone = [[bench.python, str(bare)], *commands.values()]
    contenders = [partial(wall_s, bench, command) for command in everyone]
    in_turns(1, *contenders)
    typer, *ours = medians(max(7, bench.rounds(21)), *contenders)
    for name, seconds in zip(commands, ours, strict=True):
        yield Row(
            what=f"`{name}`",
            value=seconds,
            unit="s",
            against="bare Typer program",
            other=typer,
            goals=GOALS[name],
        )


def one_trade(bench: Bench) -> Path:
    trades = bench.folder / "one_trade.csv"
    trades.write_text("ts_ms,symbol,price,qty,side\n1723161256322,BTCUSDT,61800.30,0.006,buy\n")
    return trades


def wall_s(bench: Bench, command: list[str]) -> float:
    return bench.spawn(command).wall_s
