"""How much of a processor a live run takes at 100 events a second, once it is under way; beside one that
does not watch itself, as far as settings let it; and how much of its time entries could leave."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

import psutil

from tradectl.operations.bench.bench import CONFIGS, Bench
from tradectl.operations.bench.table import Row, at_least, at_most

UNDER_WAY_S = 3.0
UNWATCHED = (
    *("--set", "orchestrator.health_check_interval_seconds=86400"),
    *("--set", "monitoring.anomaly_score=0"),
)


def measure(bench: Bench) -> Iterator[Row]:
    seconds = 5.0 if bench.quick else 30.0
    watched, unwatched = share(bench, seconds), share(bench, seconds, *UNWATCHED)
    yield Row(
        what="processor, 100 events a second",
        value=100 * watched.processor,
        unit="%",
        against="health and anomalies not looked at",
        other=100 * unwatched.processor,
        floor=at_most(20),
        goals=(at_most(1.5),),
    )
    yield Row(
        what="of that time entries could leave",
        value=watched.available_pct,
        unit="%",
        goals=(at_least(99.5),),
    )


class Share(NamedTuple):
    """Of a processor (0 to 1) that a run took, and of its time (percent) when entries could leave."""

    processor: float
    available_pct: float


def share(bench: Bench, seconds: float, *more: str) -> Share:
    """CPU time by time, over the last `seconds` of a run on the simulated market; `more` are options."""
    config, state = CONFIGS / "hundred.toml", bench.new_folder() / "state"
    options = ("--headless", "--config", str(config), "--state-dir", str(state), *more)
    process = bench.start(bench.tradectl("run", *options))
    try:
        time.sleep(UNDER_WAY_S)
        began, before = time.perf_counter(), cpu_s(process.pid)
        time.sleep(seconds)
        taken = (cpu_s(process.pid) - before) / (time.perf_counter() - began)
    finally:
        process.terminate()
        process.wait()
    report = bench.spawn(bench.tradectl("report", "latest", "--json", "--state-dir", state))
    return Share(taken, report.document["available_pct"])


def cpu_s(pid: int) -> float:
    used = psutil.Process(pid).cpu_times()
    return used.user + used.system
