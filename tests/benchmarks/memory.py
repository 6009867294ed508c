"""Memory of a run that trades, at its largest, after one million events and after three.

What a run keeps must not grow with what it has seen: orders that are over, fills and records belong to
the journal and the database.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from typing import NamedTuple

import psutil

from tests.benchmarks.bench import Bench
from tests.benchmarks.table import Row, at_most

LOOK_EVERY_S = 0.05
MB = 2**20


class Used(NamedTuple):
    """MB resident: at the largest, and when the run was last looked at."""

    peak: float
    last: float
    events: int


def measure(bench: Bench) -> Iterator[Row]:
    million = 100_000 if bench.quick else 1_000_000
    one, three = run(bench, million), run(bench, 3 * million)
    for used, trades in ((one, million), (three, 3 * million)):
        yield Row(
            what=f"memory of `run --data`, {trades:,} trades: peak",
            value=used.peak,
            unit="MB",
            floor=at_most(500),
            goals=(at_most(80),),
            note=f"{used.events:,} events; {used.last:.1f} MB shortly before the end",
        )
    yield Row(
        what=f"memory: growth from {million:,} to {3 * million:,} trades",
        value=three.peak - one.peak,
        unit="MB",
        against="peak of the first",
        other=one.peak,
        note=f"resident shortly before the end: {three.last - one.last:+.1f} MB",
    )


def run(bench: Bench, rows: int) -> Used:
    """Trade that many rows, looking at the process all the while."""
    trades, folder = bench.trades(rows), bench.new_folder()
    process = bench.start(bench.run_command("flip", trades, folder / "state"), subprocess.PIPE)
    watched = psutil.Process(process.pid)
    resident: list[int] = []
    while process.poll() is None:
        resident.append(watched.memory_info().rss)
        time.sleep(LOOK_EVERY_S)
    summary = json.loads(process.communicate()[0])
    shutil.rmtree(folder)
    trades.unlink()
    seen = [size / MB for size in resident if size]  # one that has just ended has none
    return Used(max(seen), seen[-1], summary["events"])
