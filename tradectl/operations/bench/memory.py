"""Memory of a run that trades, all along it; and how far the database is behind.

What a run keeps must not grow with what it has seen: orders that are over, fills and records belong to
the journal and the database. These follow even while the run is as fast as it can be: whoever looks
from outside is told what was a moment ago.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import psutil

from tradectl.operations.bench.bench import Bench
from tradectl.operations.bench.table import Row, at_most

LOOK_EVERY_S = 0.05
MB = 2**20


class Watched(NamedTuple):
    """MB resident at each look; seconds between two states of the database, at the longest."""

    resident: list[float]
    silence: float
    summary: dict[str, int]

    def rise(self) -> float:
        """MB, over the last half; the looks at its two ends, those of the end itself left out."""
        half = self.resident[len(self.resident) // 2 :]
        some = max(1, len(half) // 5)
        return max(half[-2 * some : -1] or half) - max(half[:some])


def measure(bench: Bench) -> Iterator[Row]:
    trades = 100_000 if bench.quick else 3_000_000
    seen = run(bench, trades)
    told = seen.summary
    yield Row(
        what=f"memory of `run --data`, {trades:,} trades: peak",
        value=max(seen.resident),
        unit="MB",
        floor=at_most(500),
        goals=(at_most(80),),
        note=f"{told['events']:,} events, {told['orders']:,} orders, {told['denied']:,} denied, "
        f"{told['fills']:,} fills",
    )
    yield Row(
        what="memory: rise over the last half of it",
        value=seen.rise(),
        unit="MB",
        goals=(at_most(2),),
    )
    yield Row(
        what="the database is silent at full speed: longest",
        value=seen.silence,
        unit="s",
        goals=(at_most(1),),
    )


def run(bench: Bench, rows: int) -> Watched:
    """Trade that many rows, looking at the process and its database all the while."""
    trades, folder = bench.trades(rows), bench.new_folder()
    state = folder / "state"
    process = bench.start(bench.run_command("varied", trades, state), subprocess.PIPE)
    watched = psutil.Process(process.pid)
    resident: list[float] = []
    last, since, silence = 0, time.perf_counter(), 0.0
    while process.poll() is None:
        resident.append(watched.memory_info().rss / MB)
        now, seq = time.perf_counter(), last_seq(state / "state.db")
        if seq != last:
            silence = max(silence, now - since if last else 0.0)
            last, since = seq, now
        time.sleep(LOOK_EVERY_S)
    summary = json.loads(process.communicate()[0])
    shutil.rmtree(folder)
    trades.unlink()
    return Watched([size for size in resident if size], silence, summary)


def last_seq(database: Path) -> int:
    """The record that the database reflects; 0 before there is one."""
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as db:
            (seq,) = db.execute("SELECT max(last_seq) FROM runs").fetchone()
            return seq or 0
    except sqlite3.OperationalError:  # it is being made
        return 0
