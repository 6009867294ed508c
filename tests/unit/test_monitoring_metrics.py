"""Counters, gauges and latencies."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradectl.domain.errors import UsageError
from tradectl.domain.statistics import (
    BUCKETS,
    DOUBLINGS,
    PER_DOUBLING,
    SMALLEST_S,
    Durations,
    Histogram,
)
from tradectl.monitoring import MetricsCollector

ONE_BUCKET = 2 ** (1 / PER_DOUBLING)


def test_counters_add_up_and_gauges_hold_the_newest() -> None:
    metrics = MetricsCollector()
    metrics.inc("orders")
    metrics.inc("orders", 4)
    metrics.gauge("depth", 7)
    metrics.gauge("depth", 3)
    snapshot = metrics.snapshot()
    assert snapshot["counters"] == {"orders": 5}
    assert snapshot["gauges"] == {"depth": 3.0}


@pytest.mark.parametrize("by", [-1, math.nan, math.inf])
def test_a_counter_goes_up_by_finite_steps_only(by: float) -> None:
    with pytest.raises(UsageError, match="counter 'orders': cannot go up"):
        MetricsCollector().inc("orders", by)


@pytest.mark.parametrize("seconds", [-0.1, math.nan, math.inf])
def test_what_is_no_length_of_time_is_refused(seconds: float) -> None:
    with pytest.raises(UsageError, match="expected a finite number"):
        MetricsCollector().observe("risk", seconds)


def test_a_latency_is_told_by_its_percentiles() -> None:
    metrics = MetricsCollector()
    for ms in range(1, 1_001):
        metrics.observe("risk", ms / 1_000)
    told = metrics.snapshot()["latencies"]["risk"]
    assert told["count"] == 1_000
    assert told["max"] == 1.0
    assert told["sum"] == pytest.approx(500.5)
    for name, exact in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        assert exact <= told[name] <= exact * ONE_BUCKET


@given(
    st.lists(st.floats(SMALLEST_S, 10_000), min_size=1, max_size=60), st.sampled_from([0.5, 0.99])
)
def test_a_percentile_is_at_most_one_bucket_above_the_exact_one(
    latencies: list[float], share: float
) -> None:
    histogram = Histogram()
    for seconds in latencies:
        histogram.observe(seconds)
    exact = sorted(latencies)[math.ceil(share * len(latencies)) - 1]
    told = histogram.percentile(share)
    assert exact * (1 - 1e-9) <= told <= exact * ONE_BUCKET * (1 + 1e-9)


@given(st.lists(st.floats(0, 1e9)))
def test_percentiles_never_fall_and_never_pass_the_maximum(latencies: list[float]) -> None:
    histogram = Histogram()
    for seconds in latencies:
        histogram.observe(seconds)
    told = histogram.snapshot()
    assert 0 <= told["p50"] <= told["p95"] <= told["p99"] <= told["max"]


def test_memory_does_not_grow_with_what_is_observed() -> None:
    histogram = Histogram()
    for exponent in range(-300, 300):
        histogram.observe(10.0**exponent)
    assert len(histogram._buckets) == BUCKETS
    assert sum(histogram._buckets) == 600


def test_prometheus_reads_counters_gauges_and_histograms() -> None:
    metrics = MetricsCollector()
    metrics.inc("orders.sent", 2)
    metrics.gauge("queue depth", 3)
    metrics.gauge("ratio", math.nan)
    metrics.observe("risk-check", 0.25)
    assert metrics.prometheus().splitlines() == [
        "# TYPE tradectl_orders_sent_total counter",
        "tradectl_orders_sent_total 2",
        "# TYPE tradectl_queue_depth gauge",
        "tradectl_queue_depth 3.0",
        "# TYPE tradectl_ratio gauge",
        "tradectl_ratio NaN",
        "# TYPE tradectl_risk_check_seconds histogram",
        *(
            f'tradectl_risk_check_seconds_bucket{{le="{edge}"}} {int(edge > 0.25)}'
            for edge in DOUBLINGS
        ),
        'tradectl_risk_check_seconds_bucket{le="+Inf"} 1',
        "tradectl_risk_check_seconds_sum 0.25",
        "tradectl_risk_check_seconds_count 1",
    ]


def test_names_that_become_alike_stay_apart() -> None:
    metrics = MetricsCollector()
    for name in ("a.b", "a_b", "a b", "a_b_2"):
        metrics.gauge(name, 1)
    names = re.findall(r"^(tradectl\w+) ", metrics.prometheus(), re.MULTILINE)
    assert names == ["tradectl_a_b", "tradectl_a_b_2", "tradectl_a_b_3", "tradectl_a_b_2_2"]


@given(st.text())
def test_any_name_gives_lines_that_prometheus_can_read(name: str) -> None:
    metrics = MetricsCollector()
    metrics.inc(name)
    type_line, sample = metrics.prometheus().splitlines()
    assert re.fullmatch(r"# TYPE [a-zA-Z_:][a-zA-Z0-9_:]* counter", type_line)
    assert re.fullmatch(r"[a-zA-Z_:][a-zA-Z0-9_:]* 1", sample)


def test_an_empty_collector_has_nothing_to_say() -> None:
    assert MetricsCollector().prometheus() == ""


@given(st.lists(st.integers(0, 10**14)))
def test_both_kinds_of_histogram_count_alike(times: list[int]) -> None:
    """In nanoseconds; at an edge itself, and above the last one, they may differ."""
    times = [took for took in times if took.bit_count() != 1]
    durations, histogram = Durations(), Histogram()
    for took in times:
        durations.note(took)
        histogram.observe(took / 1e9)
    assert durations.doublings() == histogram.doublings()
    assert durations.doublings() == [sum(took / 1e9 < edge for took in times) for edge in DOUBLINGS]
    assert durations.count == histogram.count == len(times)


def test_a_length_of_time_that_cannot_be_is_counted_as_the_nearest_that_can() -> None:
    durations = Durations()
    durations.note(-5)
    durations.note(10**30)
    assert durations.count == 2
    assert durations.doublings() == [1] * len(DOUBLINGS)
    assert 4_300 < durations.total < 4_500
