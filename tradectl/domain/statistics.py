"""Statistics in memory that does not grow with how often they are measured: how long things take, and
how much a price moves. They work in floats and never become money.
"""

from __future__ import annotations

import math

from tradectl.domain.errors import UsageError

SMALLEST_S = 1e-9
PER_DOUBLING = 8
BUCKETS = 44 * PER_DOUBLING
"""From a nanosecond to almost five hours; what is longer falls into the last."""

FIRST_DOUBLING, LAST_DOUBLING = 10, 35
DOUBLINGS = tuple(2**edge / 1e9 for edge in range(FIRST_DOUBLING, LAST_DOUBLING + 1))
"""Seconds, from a microsecond to half a minute, each twice the one before: the edges that both kinds of
histogram have."""
LONGEST_BITS = 43
LONGEST_NS = 2 ** (LONGEST_BITS - 1) - 1
"""An hour and 13 minutes."""

QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


class Histogram:
    """Latencies in seconds. `max` is exact.

    A latency falls into one of a fixed number of buckets, eight to each doubling; a percentile is the
    upper edge of its bucket, so it is never too good and at most 9% too bad.
    """

    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0
        self.max = 0.0
        self._buckets = [0] * BUCKETS

    def observe(self, seconds: float) -> None:
        """Raises UsageError for what is no length of time: NaN, infinity, less than zero."""
        if not 0 <= seconds < math.inf:
            raise UsageError(f"a latency of {seconds} s: expected a finite number from 0 up")
        self.count += 1
        self.total += seconds
        self.max = max(self.max, seconds)
        self._buckets[_bucket(seconds)] += 1

    def percentile(self, share: float) -> float:
        """The latency (seconds) that `share` (0 to 1) of all did not pass; zero without any."""
        wanted = max(1, math.ceil(share * self.count))
        seen = 0
        for index, count in enumerate(self._buckets):
            seen += count
            if seen >= wanted:
                return min(self.max, SMALLEST_S * 2 ** ((index + 1) / PER_DOUBLING))
        return self.max

    def snapshot(self) -> dict[str, float | int]:
        """count, sum, max, p50, p95, p99; seconds."""
        percentiles = {name: self.percentile(share) for name, share in QUANTILES.items()}
        return {"count": self.count, "sum": self.total, "max": self.max, **percentiles}

    def doublings(self) -> list[int]:
        """How many took less than each of DOUBLINGS."""
        edges = range(FIRST_DOUBLING, LAST_DOUBLING + 1)
        return [sum(self._buckets[: edge * PER_DOUBLING]) for edge in edges]


class Durations:
    """Nanoseconds, counted by powers of two: where they are noted a hundred thousand times a second."""

    __slots__ = ("counts", "total_ns")

    def __init__(self) -> None:
        self.counts = [0] * LONGEST_BITS
        self.total_ns = 0

    def note(self, took: int) -> None:
        """One more. What is longer than an hour counts as that; less than nothing, as a clock of the
        computer may say, as nothing."""
        took = min(max(0, took), LONGEST_NS)
        self.counts[took.bit_length()] += 1
        self.total_ns += took

    @property
    def count(self) -> int:
        return sum(self.counts)

    @property
    def total(self) -> float:
        """In seconds."""
        return self.total_ns / 1e9

    def doublings(self) -> list[int]:
        """How many took less than each of DOUBLINGS."""
        edges = range(FIRST_DOUBLING, LAST_DOUBLING + 1)
        return [sum(self.counts[: edge + 1]) for edge in edges]


def _bucket(seconds: float) -> int:
    if seconds <= SMALLEST_S:
        return 0
    return min(BUCKETS - 1, int(math.log2(seconds / SMALLEST_S) * PER_DOUBLING))


def window(n: int, least: int = 1) -> int:
    """So many observations. Raises UsageError for less than `least`."""
    if n < least:
        raise UsageError(f"an indicator needs a window of at least {least}, got {n}")
    return n


class EwmVolatility:
    """Volatility per observation: the root of an exponentially weighted mean of squared log returns, the
    mean return taken as zero (RiskMetrics' technical document, J.P. Morgan, 1996).

    The mean is a plain one of the first `n` returns, and from then on v' = decay v + (1 - decay) r^2;
    without a `decay`, 1 - 2 / (n + 1). 0.001 is a usual move of 10 bps from one price to the next.
    Prices are positive. `value` is None before the first n returns. Raises UsageError for n below 1.
    """

    __slots__ = ("_alpha", "_count", "_last", "_n", "_variance", "value")

    def __init__(self, n: int, decay: float | None = None) -> None:
        self._n = window(n)
        self._alpha = 2.0 / (n + 1) if decay is None else 1.0 - decay
        self._count = 0
        self._variance = 0.0
        self._last: float | None = None
        self.value: float | None = None

    @property
    def ready(self) -> bool:
        return self.value is not None

    @property
    def needs(self) -> int:
        """Observations until there is a value."""
        return self._n + 1

    @property
    def warm_up(self) -> int:
        """Observations until what came before them has less than a ten-thousandth of the weight."""
        return max(self._n, math.ceil(10 / self._alpha)) + 1

    def update(self, price: float) -> float | None:
        last, self._last = self._last, price
        if last is None:
            return None
        square = math.log(price / last) ** 2
        if self._count < self._n:
            self._count += 1
            self._variance += square
            if self._count < self._n:
                return None
            self._variance /= self._n
        else:
            self._variance += self._alpha * (square - self._variance)
        self.value = math.sqrt(self._variance)
        return self.value
