"""What a run uses of its machine: told beyond a level, once, with a count, and over by itself."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from tests.fixtures.monitoring import StillClock
from tests.fixtures.rows import each_row
from tradectl.bus.event_bus import EventBus
from tradectl.config.load import load_settings
from tradectl.documents.market import EventLag
from tradectl.documents.run import ExchangeStatus, Resources
from tradectl.domain.errors import ConfigError
from tradectl.domain.events import Command, CommandReceived, LimitBreached, PauseEnded, Record
from tradectl.domain.states import AlertSeverity, TradingState
from tradectl.monitoring import AlertManager
from tradectl.monitoring.resources import ResourceReader
from tradectl.monitoring.thresholds import (
    Change,
    Found,
    Hysteresis,
    ThresholdWatch,
    worst_age,
    worst_clock,
    worst_lag,
)
from tradectl.notification.threshold_settings import BUILT_IN_THRESHOLDS, Threshold, in_force
from tradectl.storage.manager import StateManager

RSS = Threshold(reading="rss_mb", raised_at=100, for_seconds=10, clear_seconds=20)
DISK = Threshold(reading="disk_free_mb", raised_at=100, for_seconds=0, clear_seconds=10, pause=True)
LOW = "RESOURCE_DISK_FREE_MB"


def walked(threshold: Threshold, *values: float, every: float = 5) -> str:
    """A letter for each look: raised, again, cleared, or nothing."""
    gate = Hysteresis(threshold)
    letters = {Change.NONE: ".", Change.RAISED: "R", Change.AGAIN: "+", Change.CLEARED: "C"}
    return "".join(letters[gate.look(value, at * every)] for at, value in enumerate(values))


@each_row(
    ("values", "told"),
    [
        ((50, 99, 50), "..."),
        ((100, 100, 100), "..R"),  # it lasts for ten seconds
        ((100, 99, 100, 100, 100), "....R"),  # or begins anew
        ((100, 100, 100, 150, 200), "..R.."),  # worse is no news
        ((100, 100, 100, 90, 81, 90, 81, 81, 81, 81, 81), "..R........"),  # in between it stays
        ((100, 100, 100, 80, 80, 80, 80, 80), "..R....C"),  # back for twenty seconds
        ((100, 100, 100, 80, 80, 90, 80, 80, 80, 80, 80), "..R.......C"),
        ((100, 100, 100, 80, 100, 80, 100, 95, 100), "..R.+.+.+"),  # it wavers: one, counted
        ((100, 100, 100, 0, 0, 0, 0, 0, 100, 100, 100), "..R....C..R"),
    ],
)
def test_a_reading_is_told_once_and_over_only_when_it_is_well_back(
    values: tuple[float, ...], told: str
) -> None:
    assert walked(RSS, *values) == told


def test_of_what_is_left_less_is_worse() -> None:
    assert walked(DISK, 500, 100, 110, 99, 125, 125, 125) == ".R.+..C"


class Watched:
    """A bus, its books, and what was told."""

    def __init__(self, *thresholds: Threshold, state: StateManager | None = None) -> None:
        self.clock = StillClock()
        self.bus = EventBus(clock=self.clock)
        self.state = state or StateManager(self.bus)
        self.alerts = AlertManager(self.bus)
        self.readings: dict[str, Found] = {}
        self.posted: list[Any] = []
        self.watch = ThresholdWatch(
            thresholds, self.alerts, self.state.books.account, lambda: self.readings, self._post
        )
        self.seconds = 0.0

    def _post(self, event: Any) -> None:
        """As the bus would have it, at once."""
        self.posted.append(event)
        self.alerts.on_event(event)
        books = self.state.books
        if isinstance(event, LimitBreached):
            books.on_risk(event, _record(event))
        else:
            books.on_pause_ended(event, _record(event))

    def look(self, seconds: float = 5, **resources: float) -> None:
        self.seconds += seconds
        self.watch.look(Resources(**resources), self.seconds)  # type: ignore[arg-type]

    def open_alerts(self) -> dict[str, int]:
        return {alert.type: alert.count for alert in self.alerts.get_active_alerts()}


def _record(event: Any) -> Any:
    return Record(1, 1, event)


def test_a_leak_is_an_alert_that_counts_and_ends_by_itself() -> None:
    run = Watched(RSS)
    for megabytes in (50, 90, 120, 150, 180, 90, 130, 90, 130):
        run.look(rss_mb=megabytes)
    (alert,) = run.alerts.get_active_alerts()
    assert (alert.type, alert.count, alert.component) == ("RESOURCE_RSS_MB", 3, "monitor")
    assert alert.message == "it takes 130 MB of memory (the limit is 100)"
    for _ in range(5):
        run.look(rss_mb=60)
    assert run.open_alerts() == {}
    assert run.posted == []


def test_a_full_disk_holds_entries_until_there_is_room_again() -> None:
    run = Watched(DISK)
    run.look(disk_free_mb=40)
    books = run.state.books
    assert (books.trading_state, [*books.account.pauses]) == (TradingState.PAUSED, [LOW])
    assert run.open_alerts() == {LOW: 1}
    assert "40 MB are left" in books.account.pauses[LOW].reason
    for free in (300, 300, 300):
        run.look(disk_free_mb=free)
    assert (books.trading_state, run.open_alerts()) == (TradingState.RUNNING, {})
    assert [type(event) for event in run.posted] == [LimitBreached, PauseEnded]


def test_who_resumes_is_paused_again_once_it_has_lasted_and_a_halt_is_left_alone() -> None:
    run = Watched(DISK)
    books = run.state.books
    run.look(disk_free_mb=40)
    books.on_command(CommandReceived(command=Command.RESUME), _record(None))
    for free in (30, 110, 30, 30):  # in between it is not beyond its level
        run.look(disk_free_mb=free)
        assert books.trading_state is TradingState.RUNNING
    run.look(disk_free_mb=30)
    assert books.trading_state is TradingState.PAUSED
    assert "as it was when it was resumed" in books.account.pauses[LOW].reason
    assert (len(run.posted), [*run.open_alerts()]) == (2, [LOW])
    run.look(300, disk_free_mb=300)
    run.look(300, disk_free_mb=300)
    assert not books.account.pauses
    run.state.books.account.trading_state = TradingState.HALTED
    run.look(disk_free_mb=30)
    assert not run.state.books.account.pauses
    assert LOW in run.open_alerts()


@pytest.mark.parametrize("thresholds", [(DISK,), ()])
def test_the_next_run_lifts_the_pause_when_it_is_over_or_watched_no_more(
    thresholds: tuple[Threshold, ...],
) -> None:
    first = Watched(DISK)
    first.look(disk_free_mb=40)
    later = Watched(*thresholds, state=first.state)
    later.look(disk_free_mb=40)
    assert bool(later.posted) is not bool(thresholds)
    later.look(disk_free_mb=400)
    later.look(10, disk_free_mb=400)
    assert first.state.books.trading_state is TradingState.RUNNING


def test_other_levels_go_on_from_what_is_raised_and_end_what_is_watched_no_more() -> None:
    run = Watched(DISK, RSS)
    for _ in range(3):
        run.look(disk_free_mb=40, rss_mb=200)
    assert {*run.open_alerts()} == {LOW, "RESOURCE_RSS_MB"}
    run.watch.change([replace(DISK, raised_at=50), replace(RSS, raised_at=150)])
    run.look(disk_free_mb=40, rss_mb=200)
    assert (len(run.posted), {*run.open_alerts()}) == (1, {LOW, "RESOURCE_RSS_MB"})
    run.watch.change([replace(DISK, raised_at=50, pause=False)])
    assert [*run.open_alerts()] == [LOW]
    run.look(disk_free_mb=40, rss_mb=200)
    assert run.state.books.trading_state is TradingState.RUNNING
    run.look(disk_free_mb=40, rss_mb=200)
    assert [*run.open_alerts()] == [LOW]


@each_row(
    ("before", "after", "is_resumed"),
    [
        (DISK, replace(DISK, raised_at=20), True),  # somebody let entries go on
        (DISK, replace(DISK, raised_at=20, pause=False), True),
        (replace(DISK, pause=False), replace(DISK, raised_at=20), False),
        (replace(DISK, pause=False), replace(DISK, raised_at=20, pause=False), False),
    ],
)
def test_an_alert_by_another_level_than_the_one_that_raised_it_ends(
    before: Threshold, after: Threshold, is_resumed: bool
) -> None:
    run = Watched(before)
    run.look(disk_free_mb=40)
    if is_resumed:
        run.state.books.on_command(CommandReceived(command=Command.RESUME), _record(None))
    run.watch.change([after])
    for _ in range(3):
        run.look(disk_free_mb=40)
    assert not run.open_alerts()
    run.look(disk_free_mb=10)
    assert [*run.open_alerts()] == [LOW]


def test_a_pause_that_was_on_its_way_when_the_levels_changed_is_lifted() -> None:
    run, late = Watched(DISK), list[Any]()
    run.watch._post = late.append
    run.look(disk_free_mb=40)
    run.watch.change([replace(DISK, raised_at=20)])
    run.watch._post = run._post
    run._post(*late)
    assert run.state.books.trading_state is TradingState.PAUSED
    run.look(disk_free_mb=40)
    assert (run.state.books.trading_state, run.open_alerts()) == (TradingState.RUNNING, {})


def test_the_others_are_told_with_what_they_are_of() -> None:
    run = Watched(
        Threshold(reading="queue_depth", raised_at=10, for_seconds=0),
        Threshold(reading="data_age_seconds", raised_at=30, for_seconds=0),
        Threshold(reading="clock_offset_ms", raised_at=500, for_seconds=0),
        Threshold(reading="event_lag_ms", raised_at=200, for_seconds=0),
    )
    lags = {
        name: EventLag(p50_ms=p50, p99_ms=900, clock_offset_ms=None)
        for name, p50 in {"kraken": 250.4, "binance": 30.0}.items()
    }
    exchange = ExchangeStatus(
        name="binance", symbols=(), problems=(), foreign_orders=(), unknown_orders=0,
        clock_offset_ms=-750.0,
    )  # fmt: skip
    run.readings = {
        "queue_depth": Found(40, "command"),
        **dict(worst_age({"A": 3.0, "B": 45.0})),
        **dict(worst_clock([exchange])),
        **dict(worst_lag(lags)),
    }
    run.look()
    assert sorted(alert.message for alert in run.alerts.get_active_alerts()) == [
        "B: the newest data is 45 s old (the limit is 30)",
        "binance: the clock is 750 ms off (the limit is 500)",
        "command: 40 inputs wait (the limit is 10)",
        "kraken: half of the newest trades come more than 250 ms late (the limit is 200)",
    ]


def test_a_reading_that_cannot_be_had_says_nothing() -> None:
    run = Watched(RSS)
    run.look()
    assert run.open_alerts() == {}
    assert [*worst_age({})] == [*worst_clock([])] == []


def test_what_is_set_takes_the_place_of_what_is_built_in() -> None:
    off = Threshold(reading="cpu_pct", raised_at=0)
    found = {each.reading: each for each in in_force((RSS, off))}
    assert found["rss_mb"] is RSS
    assert "cpu_pct" not in found
    assert len(found) == len(BUILT_IN_THRESHOLDS) - 1


@each_row(
    ("text", "told"),
    [
        ("reading = 'cpu'\nraised_at = 1", "thresholds"),
        (
            "reading = 'cpu_pct'\nraised_at = 90\ncleared_at = 95",
            "expected one below raised_at, 90",
        ),
        ("reading = 'disk_free_mb'\nraised_at = 90\ncleared_at = 50", "one above raised_at, 90"),
        (
            "reading = 'threads'\nraised_at = 9\n[[thresholds]]\nreading = 'threads'\nraised_at = 8",
            "two are of threads",
        ),
    ],
)
def test_levels_that_make_no_sense_are_refused(tmp_path: Any, text: str, told: str) -> None:
    path = tmp_path / "c.toml"
    path.write_text(f"[[thresholds]]\n{text}\n")
    with pytest.raises(ConfigError, match=told):
        load_settings(path, environ={})


def test_the_machine_tells_all_of_it(tmp_path: Any) -> None:
    (tmp_path / "j.jsonl").write_bytes(b"x" * (3 << 20))
    found = ResourceReader(tmp_path, tmp_path / "j.jsonl").read()
    assert (found.journal_mb, found.disk_free_mb is not None) == (3.0, True)
    assert 0 < (found.open_files_pct or 0) < 100
    assert AlertSeverity.WARNING is RSS.severity
