"""The promises, each with what measures it; one that fails costs none of the others."""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from tradectl.bus.clock import ComputerClock
from tradectl.documents.bench import BenchReport, PromiseRow
from tradectl.domain.errors import UsageError
from tradectl.operations.bench import (
    bus_speed,
    component,
    dead_channel,
    growth,
    latency,
    memory,
    processor,
    recovery,
    replay_speed,
    risk_check,
    start_up,
    state_and_alerts,
    whole_process,
)
from tradectl.operations.bench.bench import Bench
from tradectl.operations.bench.table import MISSED_FLOOR, Row
from tradectl.operations.bench.trades import walk

ROWS, QUICK_ROWS = 200_000, 20_000
"""Trades of a file."""

Measure = Callable[[Bench], Iterable[Row]]

ALONE: dict[str, Measure] = {
    "replay": replay_speed.measure,
    "latency": latency.measure,
    "risk": risk_check.measure,
    "start": start_up.measure_first_event,
    "cold": start_up.measure_cold_start,
    "cpu": processor.measure,
    "memory": memory.measure,
    "recovery": recovery.measure,
    "component": component.measure,
    "state": state_and_alerts.measure_state,
    "alerts": state_and_alerts.measure_alerts,
    "channel": dead_channel.measure,
    "growth": growth.measure,
}
"""Those that are compared with no peer."""
MEASURES: dict[str, Measure] = {
    "bus": lambda bench: bus_speed.measure(bench, []),
    "file": lambda bench: whole_process.measure(bench, []),
    **ALONE,
}


def measured(
    names: Sequence[str] = (),
    *,
    quick: bool = False,
    told: Callable[[str], None] = lambda line: None,
) -> BenchReport:
    """Those of these `names`, or all; `told` hears each figure as it is taken. Raises UsageError."""
    if unknown := [name for name in names if name not in MEASURES]:
        raise UsageError(
            f"nothing is measured as {unknown[0]!r:.40}: there are {', '.join(MEASURES)}"
        )
    since, load = ComputerClock.monotonic(), _load()
    rows: list[PromiseRow] = []
    failed: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="tradectl-bench-") as folder:
        bench = Bench(Path(folder), walk(), QUICK_ROWS if quick else ROWS, quick=quick)
        for name in names or MEASURES:
            try:
                for row in MEASURES[name](bench):
                    rows.append(_promise(name, row))
                    told("  ".join(filter(None, row.cells())))
            except (OSError, RuntimeError, TimeoutError) as error:
                failed[name] = str(error)
                told(f"{name} failed: {error}")
    return BenchReport(
        rows=rows,
        failed=failed,
        floors_hold=not failed and all(row.verdict != MISSED_FLOOR for row in rows),
        quick=quick,
        took_s=round(ComputerClock.monotonic() - since, 1),
        python=platform.python_version(),
        processors=os.cpu_count() or 1,
        load=f"{load} before, {_load()} after",
    )


def _promise(name: str, row: Row) -> PromiseRow:
    return PromiseRow(
        measure=name,
        what=row.what,
        measured=row.value,
        unit=row.unit,
        against=row.against or None,
        ratio=row.ratio,
        floor=row.floor.text() if row.floor is not None else None,
        goals=[goal.text() for goal in row.goals],
        verdict=row.verdict,
        note=row.note,
    )


def _load() -> str:
    return f"{os.getloadavg()[0]:.2f}"


__all__ = ["ALONE", "MEASURES", "measured"]
