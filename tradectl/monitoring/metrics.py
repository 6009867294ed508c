"""Counters, gauges and latencies by name and labels, in memory that does not grow with the counting.

Latencies are histograms with fixed buckets, each edge twice the one before, from a microsecond to half a
minute: whatever is asked of them later (another quantile, several runs together) can be worked out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Protocol, TypeVar

from tradectl.domain.errors import UsageError
from tradectl.domain.statistics import DOUBLINGS, Histogram

_ODD = re.compile(r"[^a-zA-Z0-9_:]")


Labels = dict[str, str]
Key = tuple[str, str]
"""A name, and its labels as Prometheus spells them: `{kind="fill"}`, or nothing."""


class Distribution(Protocol):
    """What is known of how long something took: how often, in all (seconds), and how many took less than
    each of DOUBLINGS."""

    @property
    def count(self) -> int: ...
    @property
    def total(self) -> float: ...
    def doublings(self) -> list[int]: ...


class MetricsCollector:
    """Figures by name, and by labels where a name has several; the first use of them makes a figure.
    `helps` says what names mean. For one thread, that of the loop."""

    def __init__(self, helps: Mapping[str, str] | None = None) -> None:
        self._helps = helps or {}
        self._counters: dict[Key, float] = {}
        self._gauges: dict[Key, float] = {}
        self._latencies: dict[Key, Histogram] = {}
        self._kept: dict[Key, Distribution] = {}

    def inc(self, name: str, by: float = 1, labels: Labels | None = None) -> None:
        """Counters only go up. Raises UsageError for a negative step."""
        if not 0 <= by < math.inf:
            raise UsageError(f"counter {name!r}: cannot go up by {by}; use a gauge")
        key = name, _labelled(labels)
        self._counters[key] = self._counters.get(key, 0) + by

    def total(self, name: str, value: float, labels: Labels | None = None) -> None:
        """What a counter has come to that is kept elsewhere."""
        self._counters[name, _labelled(labels)] = value

    def gauge(self, name: str, value: float, labels: Labels | None = None) -> None:
        """What `name` is now."""
        self._gauges[name, _labelled(labels)] = float(value)

    def forget_gauges(self) -> None:
        """Those that are not set again are gone."""
        self._gauges.clear()

    def observe(self, name: str, seconds: float, labels: Labels | None = None) -> None:
        """One more latency. Raises UsageError unless it is finite and not negative."""
        key = name, _labelled(labels)
        histogram = self._latencies.get(key)
        if histogram is None:
            histogram = self._latencies[key] = Histogram()
        histogram.observe(seconds)

    def histogram(self, name: str, kept: Distribution, labels: Labels | None = None) -> None:
        """Latencies that are kept elsewhere, read whenever the figures are spelled."""
        self._kept[name, _labelled(labels)] = kept

    def snapshot(self) -> dict[str, Any]:
        """`counters` and `gauges` by name and labels; `latencies` as {count, sum, max, p50, p95, p99}."""
        return {
            "counters": {"".join(key): value for key, value in self._counters.items()},
            "gauges": {"".join(key): value for key, value in self._gauges.items()},
            "latencies": {"".join(key): h.snapshot() for key, h in self._latencies.items()},
        }

    def prometheus(self) -> str:
        """The text exposition format 0.0.4: counters, gauges and histograms (in seconds)."""
        names = _PrometheusNames()
        lines: list[str] = []
        for name, values in _by_name(self._counters):
            given = names.give(name, "_total")
            lines += self._head(name, given, "counter")
            lines += [f"{given}{labels} {_number(value)}" for labels, value in values]
        for name, values in _by_name(self._gauges):
            given = names.give(name, "")
            lines += self._head(name, given, "gauge")
            lines += [f"{given}{labels} {_number(value)}" for labels, value in values]
        latencies: dict[Key, Distribution] = {**self._latencies, **self._kept}
        for name, distributions in _by_name(latencies):
            given = names.give(name, "_seconds")
            lines += self._head(name, given, "histogram")
            for labels, distribution in distributions:
                lines += _histogram(given, labels, distribution)
        return "".join(f"{line}\n" for line in lines)

    def _head(self, name: str, given: str, kind: str) -> Iterator[str]:
        if name in self._helps:
            yield f"# HELP {given} {self._helps[name]}"
        yield f"# TYPE {given} {kind}"


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


Figure = TypeVar("Figure")


def _by_name(figures: Mapping[Key, Figure]) -> Iterator[tuple[str, list[tuple[str, Figure]]]]:
    """Those of one name stand together."""
    found: dict[str, list[tuple[str, Figure]]] = {}
    for (name, labels), figure in figures.items():
        found.setdefault(name, []).append((labels, figure))
    return iter(found.items())


def _labelled(labels: Labels | None) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _histogram(name: str, labels: str, found: Distribution) -> Iterator[str]:
    others, count = f"{labels[1:-1]}," if labels else "", found.count
    for edge, below in zip(DOUBLINGS, found.doublings(), strict=True):
        yield f'{name}_bucket{{{others}le="{_number(edge)}"}} {below}'
    yield f'{name}_bucket{{{others}le="+Inf"}} {count}'
    yield f"{name}_sum{labels} {_number(found.total)}"
    yield f"{name}_count{labels} {count}"


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(value)
