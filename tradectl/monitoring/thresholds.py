"""What a run uses of its machine, against the levels of its settings.

    below --(beyond `raised_at` for a while)--> raised --(back at `cleared_at` for a while)--> below
                                                  `-- gone, and beyond once more: counted

Between the two levels nothing changes, so that a reading that wavers is one alert with a count, and not
one each time. It ends by itself. Where the settings say so nothing is entered meanwhile: a pause of its
own, in the journal like any other, which the reading lifts, over a restart too, or the operator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple

from tradectl.documents.market import EventLag
from tradectl.documents.run import ExchangeStatus, Resources
from tradectl.domain.events import Event, LimitBreached, PauseEnded, RiskAction
from tradectl.domain.risk_memory import OR_RESUMED
from tradectl.domain.states import TradingState
from tradectl.domain.text import harmless
from tradectl.monitoring.alert_manager import AlertManager
from tradectl.notification.threshold_settings import Threshold
from tradectl.state.account import Account

MONITOR = "monitor"
PREFIX = "RESOURCE_"
WORDS = {
    "cpu_pct": "it takes {:.0f}% of a core",
    "rss_mb": "it takes {:,.0f} MB of memory",
    "open_files_pct": "{:.0f}% of the files that it may open are open",
    "threads": "it has {:.0f} threads",
    "disk_free_mb": "{:,.0f} MB are left on the disk of the state directory",
    "journal_mb": "its journal has {:,.0f} MB",
    "loop_lag_ms": "its loop turns {:,.0f} ms late",
    "step_p99_ms": "one step in a hundred takes {:,.1f} ms",
    "queue_depth": "{:,.0f} inputs wait",
    "data_age_seconds": "the newest data is {:,.0f} s old",
    "event_lag_ms": "half of the newest trades come more than {:,.0f} ms late",
    "clock_offset_ms": "the clock is {:,.0f} ms off",
    "utc_offset_ms": "the clock of this machine is {:,.0f} ms from UTC",
}
"""Of each reading."""


class Found(NamedTuple):
    """A reading, and what it is of where there are several."""

    value: float
    of: str = ""


Readings = Mapping[str, Found]


class Change(StrEnum):
    """What a look at a reading comes to."""

    NONE = "none"
    RAISED = "raised"
    AGAIN = "again"
    CLEARED = "cleared"


class Hysteresis:
    """Of one reading. `at` are seconds of a clock that is never set."""

    def __init__(self, threshold: Threshold, *, raised: bool = False) -> None:
        self.threshold = threshold
        self.raised = raised
        self._since: float | None = None
        self._dipped = False

    def look(self, value: float, at: float) -> Change:
        return self._while_raised(value, at) if self.raised else self._before(value, at)

    def _before(self, value: float, at: float) -> Change:
        if not self.threshold.is_beyond(value):
            self._since = None
        elif self._lasts(at, self.threshold.for_seconds):
            self.raised, self._since, self._dipped = True, None, False
            return Change.RAISED
        return Change.NONE

    def _while_raised(self, value: float, at: float) -> Change:
        if self.threshold.is_beyond(value):
            again, self._dipped, self._since = self._dipped, False, None
            return Change.AGAIN if again else Change.NONE
        self._dipped = True
        if not self.threshold.is_back(value):
            self._since = None
        elif self._lasts(at, self.threshold.clear_seconds):
            self.raised, self._since = False, None
            return Change.CLEARED
        return Change.NONE

    def _lasts(self, at: float, seconds: float) -> bool:
        if self._since is None:
            self._since = at
        return at - self._since >= seconds


class ThresholdWatch:
    """`read` gives the readings that are no resources of the process; `post` takes pauses and their ends
    as inputs."""

    def __init__(
        self,
        thresholds: Iterable[Threshold],
        alerts: AlertManager,
        account: Account,
        read: Callable[[], Readings],
        post: Callable[[Event], object],
    ) -> None:
        self._alerts, self._account = alerts, account
        self._read, self._post = read, post
        self._watched: list[Hysteresis] = []
        self._beyond_since: dict[str, float] = {}
        """by their codes, since when pauses that were lifted by a `resume` would be due again"""
        self.change(thresholds)

    def change(self, thresholds: Iterable[Threshold]) -> None:
        """These from the next look on. What one of a reading has raised stands by the new one where both
        pause, and that pause stands, or neither does; else it is over, and the new one begins below."""
        before = {each.threshold.reading: each for each in self._watched}
        self._watched = []
        for each in thresholds:
            known = before.pop(each.reading, None)
            if known is None or known.threshold != each:
                known = self._in_place_of(known, each)
                self._beyond_since.pop(code_of(each), None)
            self._watched.append(known)
        for gone in before.values():
            self._end(gone)

    def _in_place_of(self, known: Hysteresis | None, now: Threshold) -> Hysteresis:
        if now.pause:
            is_raised = code_of(now) in self._account.pauses
        else:
            is_raised = known is not None and known.raised and not known.threshold.pause
        if known is not None and not is_raised:
            self._end(known)
        return Hysteresis(now, raised=is_raised)

    def _end(self, known: Hysteresis) -> None:
        """Where there is a pause of it the alert is over with that."""
        code = code_of(known.threshold)
        self._beyond_since.pop(code, None)
        if code not in self._account.pauses:
            self._alerts.resolve_type(code, MONITOR)

    def look(self, resources: Resources, at: float) -> None:
        """At the readings of now; `at` as Hysteresis has it. A pause that nothing raised asks for is
        over."""
        raised = {code_of(w.threshold) for w in self._watched if w.raised and w.threshold.pause}
        left = {code for code in self._account.pauses if code.startswith(PREFIX)}
        for code in sorted(left - raised):
            self._post(
                PauseEnded(source_component=MONITOR, code=code, message="not watched any more")
            )
        found = {**of_resources(resources), **self._read()}
        for watched in self._watched:
            reading = found.get(watched.threshold.reading)
            if reading is not None:
                change = watched.look(reading.value, at)
                self._tell(watched.threshold, change, reading)
                if watched.raised and watched.threshold.pause and change is not Change.RAISED:
                    self._pause_again(watched.threshold, reading, at)

    def _tell(self, threshold: Threshold, change: Change, reading: Found) -> None:
        code, message = code_of(threshold), said_of(threshold, reading)
        if change is Change.RAISED and threshold.pause and self._may_pause():
            self._pause(threshold, message)
        elif change is Change.RAISED or change is Change.AGAIN:
            self._alerts.raise_alert(code, message, threshold.severity, MONITOR)
        elif change is Change.CLEARED:
            if code in self._account.pauses:
                self._post(PauseEnded(source_component=MONITOR, code=code, message=message))
            self._alerts.resolve_type(code, MONITOR)

    def _pause_again(self, threshold: Threshold, reading: Found, at: float) -> None:
        """Where somebody has resumed, and it is as bad as before after its time: a resume holds for as
        long as a reading has to be back, or what is beyond its level would pause once and never again."""
        code = code_of(threshold)
        is_due = code not in self._account.pauses and self._may_pause()
        if not is_due or not threshold.is_beyond(reading.value):
            self._beyond_since.pop(code, None)
            return
        since = self._beyond_since.setdefault(code, at)
        if at - since >= max(threshold.for_seconds, threshold.clear_seconds):
            del self._beyond_since[code]
            self._pause(threshold, f"{said_of(threshold, reading)}, as it was when it was resumed")

    def _pause(self, threshold: Threshold, message: str) -> None:
        self._post(
            LimitBreached(
                source_component=MONITOR,
                code=code_of(threshold),
                message=f"{message}: no entries until it is back at {threshold.back:,.10g}{OR_RESUMED}",
                action=RiskAction.PAUSE,
            )
        )

    def _may_pause(self) -> bool:
        """A halt is more."""
        return self._account.trading_state in (TradingState.RUNNING, TradingState.PAUSED)


def code_of(threshold: Threshold) -> str:
    """Of its alert, and of its pause."""
    return PREFIX + threshold.reading.upper()


def said_of(threshold: Threshold, reading: Found) -> str:
    of = f"{harmless(reading.of, 60)}: " if reading.of else ""
    words = WORDS[threshold.reading].format(reading.value)
    return f"{of}{words} (the limit is {threshold.raised_at:,.10g})"


def of_resources(found: Resources) -> dict[str, Found]:
    """Those that the machine tells."""
    names = (
        "cpu_pct", "rss_mb", "open_files_pct", "threads", "disk_free_mb", "journal_mb", "loop_lag_ms",
        "utc_offset_ms",
    )  # fmt: skip
    values = ((name, getattr(found, name)) for name in names)
    return {name: Found(abs(float(value))) for name, value in values if value is not None}


def worst_age(ages: Mapping[str, float]) -> Iterator[tuple[str, Found]]:
    """Of all symbols the oldest."""
    if ages:
        symbol = max(ages, key=ages.__getitem__)
        yield "data_age_seconds", Found(ages[symbol], symbol)


def worst_lag(lags: Mapping[str, EventLag]) -> Iterator[tuple[str, Found]]:
    """Of all exchanges the one whose data comes latest."""
    if lags:
        name = max(lags, key=lambda each: lags[each].p50_ms)
        yield "event_lag_ms", Found(lags[name].p50_ms, name)


def worst_clock(exchanges: Iterable[ExchangeStatus]) -> Iterator[tuple[str, Found]]:
    """Of all exchanges that tell their time, the one furthest from ours."""
    known = [(abs(e.clock_offset_ms), e.name) for e in exchanges if e.clock_offset_ms is not None]
    if known:
        off, name = max(known)
        yield "clock_offset_ms", Found(off, name)


__all__ = [
    "Change",
    "Found",
    "Hysteresis",
    "Readings",
    "ThresholdWatch",
    "worst_age",
    "worst_clock",
    "worst_lag",
]
