"""Who is told of what, and when: routes, escalation steps, quiet hours. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from fnmatch import fnmatchcase

from msgspec import Struct

from tradectl.domain.states import AlertSeverity
from tradectl.domain.time import SECOND, zone
from tradectl.notification.notice import TRADES, Notice
from tradectl.notification.notification_settings import (
    AlertEscalation,
    AlertRoute,
    AlertSettings,
)


class Recipient(Struct, frozen=True):
    """`channels` of which one is to have it, from `due` (ns UTC) on; a `step` is taken only if nobody has
    acknowledged the alert by then. `name` tells one route or step from the next. One that is `told_end`
    hears that it is over, too."""

    name: str
    channels: tuple[str, ...]
    due: int
    step: bool = False
    told_end: bool = True


class Routes:
    """By the settings; without routes one to `channels` in their order."""

    def __init__(
        self,
        channels: Sequence[str],
        routes: Sequence[AlertRoute] = (),
        escalations: Sequence[AlertEscalation] = (),
        settings: AlertSettings | None = None,
        time_zone: str = "UTC",
    ) -> None:
        self._routes = tuple(routes) or (
            (AlertRoute(channels=tuple(channels)),) if channels else ()
        )
        self._escalations = tuple(escalations)
        self._quiet = QuietHours(settings or AlertSettings(), time_zone)

    def of(self, notice: Notice, now: int) -> Iterator[Recipient]:
        """Who is to have `notice`; the routes first."""
        critical = notice.severity is AlertSeverity.CRITICAL
        for index, route in enumerate(self._routes):
            if _fits(route, notice):
                waits = route.quiet and not critical
                due = self._quiet.end(now) if waits else now
                yield Recipient(f"route{index}", route.channels, due, told_end=route.resolved)

    def others_than(self, before: Routes) -> set[str]:
        """The names of routes and steps of before that are not there any more."""
        now = self._by_name()
        return {name for name, each in before._by_name().items() if now.get(name) != each}

    def _by_name(self) -> dict[str, AlertRoute | AlertEscalation]:
        routes = {f"route{index}": route for index, route in enumerate(self._routes)}
        return {**routes, **{f"step{index}": step for index, step in enumerate(self._escalations)}}

    def steps(self, notice: Notice) -> Iterator[Recipient]:
        """What follows while nobody acknowledges."""
        if notice.about == TRADES:
            return
        for index, step in enumerate(self._escalations):
            if notice.severity >= step.severity:
                due = notice.updated_at + int(step.after_seconds * SECOND)
                yield Recipient(f"step{index}", step.channels, due, step=True)


def _fits(route: AlertRoute, notice: Notice) -> bool:
    if route.about != notice.about or (notice.is_resolved and not route.resolved):
        return False
    if notice.about != TRADES and notice.severity < route.severity:
        return False
    return _matches(route.types, notice.type) and _matches(route.components, notice.component)


def _matches(patterns: Sequence[str], text: str) -> bool:
    lower = text.lower()
    return not patterns or any(fnmatchcase(lower, pattern.lower()) for pattern in patterns)


class QuietHours:
    """Of a day of `time_zone`; past midnight where the end is before the beginning."""

    def __init__(self, settings: AlertSettings, time_zone: str = "UTC") -> None:
        self._minutes = settings.quiet_minutes
        self._zone = zone(time_zone)

    def end(self, now: int) -> int:
        """When what comes `now` is told (ns UTC): now, or once the quiet hours are over."""
        if self._minutes is None or self._minutes[0] == self._minutes[1]:
            return now
        start, stop = self._minutes
        local = datetime.fromtimestamp(now / SECOND, UTC).astimezone(self._zone)
        minute = local.hour * 60 + local.minute
        is_quiet = start <= minute < stop if start < stop else minute >= start or minute < stop
        if not is_quiet:
            return now
        day = local.date() + timedelta(days=1 if minute >= stop else 0)
        over = datetime.combine(day, time(stop // 60, stop % 60), tzinfo=self._zone)
        return int(over.timestamp()) * SECOND


__all__ = ["QuietHours", "Recipient", "Routes"]
