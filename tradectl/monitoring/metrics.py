"""Counters, gauges and latencies by name, in memory that does not grow with what is counted."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

from tradectl.domain.errors import UsageError
from tradectl.domain.statistics import QUANTILES, Histogram

_ODD = re.compile(r"[^a-zA-Z0-9_:]")


class MetricsCollector:
    """Figures by name; the first use of a name makes it. For one thread, that of the loop."""

    def __init__(self) -> None:
        self._counters: dict[str, float] = {}
        self._gauges: dict[str, float] = {}
        self._latencies: dict[str, Histogram] = {}

    def inc(self, name: str, by: float = 1) -> None:
        """Counters only go up. Raises UsageError for a negative step."""
        if not 0 <= by < math.inf:
            raise UsageError(f"counter {name!r}: cannot go up by {by}; use a gauge")
        self._counters[name] = self._counters.get(name, 0) + by

    def gauge(self, name: str, value: float) -> None:
        """What `name` is now."""
        self._gauges[name] = float(value)

    def observe(self, name: str, seconds: float) -> None:
        """One more latency. Raises UsageError unless it is finite and not negative."""
        histogram = self._latencies.get(name)
        if histogram is None:
            histogram = self._latencies[name] = Histogram()
        histogram.observe(seconds)

    def snapshot(self) -> dict[str, Any]:
        """`counters` and `gauges` by name; `latencies` by name as {count, sum, max, p50, p95, p99}."""
        return {
            "counters": dict(self._counters),
            "gauges": dict(self._gauges),
            "latencies": {name: h.snapshot() for name, h in self._latencies.items()},
        }

    def prometheus(self) -> str:
        """The text exposition format 0.0.4: counters, gauges and summaries (in seconds)."""
        names = _PrometheusNames()
        lines: list[str] = []
        for name, value in self._counters.items():
            lines += _sample(names.give(name, "_total"), "counter", value)
        for name, value in self._gauges.items():
            lines += _sample(names.give(name, ""), "gauge", value)
        for name, histogram in self._latencies.items():
            lines += _summary(names.give(name, "_seconds"), histogram)
        return "".join(f"{line}\n" for line in lines)


class _PrometheusNames:
    """Prometheus names: odd characters become `_`, and two that become alike are numbered."""

    def __init__(self) -> None:
        self._given: dict[str, None] = {}

    def give(self, name: str, suffix: str) -> str:
        base = "tradectl_" + _ODD.sub("_", name).removesuffix(suffix)
        given, number = base + suffix, 1
        while given in self._given:
            number += 1
            given = f"{base}_{number}{suffix}"
        self._given[given] = None
        return given


def _sample(name: str, kind: str, value: float) -> Iterator[str]:
    yield f"# TYPE {name} {kind}"
    yield f"{name} {_number(value)}"


def _summary(name: str, histogram: Histogram) -> Iterator[str]:
    yield f"# TYPE {name} summary"
    for share in QUANTILES.values():
        yield f'{name}{{quantile="{share}"}} {_number(histogram.percentile(share))}'
    yield f"{name}_sum {_number(histogram.total)}"
    yield f"{name}_count {histogram.count}"


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(value)
