"""Settings of what a machine and a run may use before it is said: each reading has a level at which that
begins, one at which it is over, and a time for which it must hold."""

from typing import Annotated, Literal

from tradectl.domain.errors import ConfigError
from tradectl.domain.setting import Bounds, Section
from tradectl.domain.states import AlertSeverity

Reading = Literal[
    "cpu_pct", "rss_mb", "open_files_pct", "threads", "disk_free_mb", "journal_mb", "loop_lag_ms",
    "step_p99_ms", "queue_depth", "data_age_seconds", "event_lag_ms",
    "clock_offset_ms", "utc_offset_ms",
]  # fmt: skip
OF_WHAT_IS_LEFT = ("disk_free_mb",)
"""Too little of it is too much of something else."""
BACK = 0.8
"""Of the level at which it is raised: four fifths of it are back, or where less is worse five fourths."""


class Threshold(Section, frozen=True, kw_only=True):
    """What a reading may come to: beyond that it is an alert (RESOURCE_CPU_PCT, ...), one that counts how
    often, until the reading is back for a while. Built in are cpu_pct 90, rss_mb 500, open_files_pct 80,
    threads 200, disk_free_mb 100 (entries wait), loop_lag_ms 500, step_p99_ms 50, queue_depth 5000,
    utc_offset_ms 1000; one of the same reading takes its place."""

    section = "thresholds"

    reading: Annotated[
        Reading,
        "100 of cpu_pct is one core; open_files_pct is of the limit; queue_depth of the longest class; "
        "data_age_seconds of the oldest symbol; event_lag_ms of the exchange whose trades come latest; "
        "clock_offset_ms of the exchange that is furthest off, utc_offset_ms by monitoring.time_server",
    ]
    raised_at: Annotated[
        float, Bounds(gt=0, off=0), "so much, or of disk_free_mb so little, is told"
    ]
    cleared_at: Annotated[
        float | None,
        Bounds(gt=0),
        "it is over here; without, at four fifths of raised_at, of disk_free_mb at five fourths",
    ] = None
    for_seconds: Annotated[float, Bounds(ge=0, le=86_400), "told once it lasts for so long"] = 30.0
    clear_seconds: Annotated[float, Bounds(ge=0, le=86_400), "over once it is back for so long"] = (
        60.0
    )
    severity: Annotated[AlertSeverity, "of the alert; with pause an error"] = AlertSeverity.WARNING
    pause: Annotated[bool, "nothing is entered until it is over"] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.raised_at and self.is_beyond(self.back):
            side = "above" if self.is_low else "below"
            raise ConfigError(
                f"thresholds.cleared_at: expected one {side} raised_at, {self.raised_at:g}, for "
                f"{self.reading}, got {self.back:g}"
            )

    @property
    def is_low(self) -> bool:
        """Less is worse."""
        return self.reading in OF_WHAT_IS_LEFT

    @property
    def back(self) -> float:
        """Where it is over."""
        if self.cleared_at is not None:
            return self.cleared_at
        return self.raised_at / BACK if self.is_low else self.raised_at * BACK

    def is_beyond(self, value: float) -> bool:
        return value <= self.raised_at if self.is_low else value >= self.raised_at

    def is_back(self, value: float) -> bool:
        return value >= self.back if self.is_low else value <= self.back


BUILT_IN_THRESHOLDS = (
    Threshold(reading="cpu_pct", raised_at=90, for_seconds=60),
    Threshold(reading="rss_mb", raised_at=500, for_seconds=60),
    Threshold(reading="open_files_pct", raised_at=80, severity=AlertSeverity.ERROR),
    Threshold(reading="threads", raised_at=200),
    Threshold(reading="disk_free_mb", raised_at=100, for_seconds=0, pause=True),
    Threshold(reading="loop_lag_ms", raised_at=500, for_seconds=15),
    Threshold(reading="step_p99_ms", raised_at=50),
    Threshold(reading="queue_depth", raised_at=5_000, severity=AlertSeverity.ERROR),
    Threshold(reading="utc_offset_ms", raised_at=1_000, for_seconds=0, clear_seconds=0),
)


def in_force(chosen: tuple[Threshold, ...]) -> list[Threshold]:
    """Those built in and those `chosen`, which go before them, but what is off."""
    found = {each.reading: each for each in (*BUILT_IN_THRESHOLDS, *chosen)}
    return [each for each in found.values() if each.raised_at]


def holds_back_less(old: tuple[Threshold, ...], new: tuple[Threshold, ...]) -> bool:
    """Whether something that keeps from entering among those of `old` would not, or less so, by `new`."""
    later = {each.reading: each for each in in_force(new)}
    return any(_is_looser(each, later.get(each.reading)) for each in in_force(old) if each.pause)


def _is_looser(old: Threshold, new: Threshold | None) -> bool:
    if new is None or not new.pause:
        return True
    side = -1 if old.is_low else 1
    return (
        side * (new.raised_at - old.raised_at) > 0
        or side * (new.back - old.back) > 0
        or new.for_seconds > old.for_seconds
        or new.clear_seconds < old.clear_seconds
    )


__all__ = ["BUILT_IN_THRESHOLDS", "Reading", "Threshold", "holds_back_less", "in_force"]
