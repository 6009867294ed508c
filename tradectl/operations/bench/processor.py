"""How much of a processor a live run takes at 100 events a second, once it is under way."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psutil

from tradectl.operations.bench.bench import CONFIGS, Bench
from tradectl.operations.bench.table import Row, at_most

UNDER_WAY_S = 3.0


def measure(bench: Bench) -> Iterator[Row]:
    yield Row(
        what="processor, 100 events a second",
        value=100 * share(bench, 5.0 if bench.quick else 30.0),
        unit="%",
        floor=at_most(20),
        goals=(at_most(1.5),),
    )


def share(bench: Bench, seconds: float) -> float:
    """CPU time by time, over the last `seconds` of a run on the simulated market."""
    config, state = CONFIGS / "hundred.toml", bench.new_folder() / "state"
    options = ("--headless", "--config", config, "--state-dir", state)
    process = bench.start(bench.tradectl("run", *options))
    try:
        time.sleep(UNDER_WAY_S)
        began, before = time.perf_counter(), cpu_s(process.pid)
        time.sleep(seconds)
        return (cpu_s(process.pid) - before) / (time.perf_counter() - began)
    finally:
        process.terminate()
        process.wait()


def cpu_s(pid: int) -> float:
    used = psutil.Process(pid).cpu_times()
    return used.user + used.system
