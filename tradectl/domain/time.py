"""Times are whole nanoseconds since 1970 UTC, and are spelled in ISO 8601."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import NamedTuple

MILLISECOND = 1_000_000
SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
EPOCH = datetime.fromtimestamp(0, UTC)
MICROSECOND = timedelta(microseconds=1)
_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?)?|\d{8}"
)


def iso(ns: int) -> str:
    """ISO 8601 UTC with microseconds: `2024-08-08T23:54:15.342000Z`."""
    return f"{_whole_second(ns // SECOND)}.{ns % SECOND // 1000:06d}Z"


def from_iso(text: str) -> int:
    """What `iso` spelled, to the microsecond. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    utc = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return (utc - EPOCH) // MICROSECOND * 1_000


def typed_moment(text: str) -> datetime:
    """A day or a moment that somebody typed, UTC unless it names a zone. Raises ValueError for what is
    not clearly that: ISO 8601 has spellings by which people mean something else."""
    if not _MOMENT.fullmatch(text):
        raise ValueError(f"no day and no moment: {text!r}")
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def zone(name: str) -> tzinfo:
    """Of a name such as Europe/Berlin. Raises ValueError."""
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"expected UTC or the name of a time zone such as Europe/Berlin, got {name!r:.60}"
        ) from error
    except LookupError as error:
        raise ValueError(
            f"this system knows no time zone {name!r:.60}: expected UTC or a name such as Europe/Berlin; "
            "`pip install tzdata` brings them where a system has none"
        ) from error


class LocalDay(NamedTuple):
    """`name` is its date; it begins and ends at midnight there, ns UTC."""

    name: str
    begin: int
    end: int


def local_day(at: int, there: tzinfo) -> LocalDay:
    """That in which `at` (ns UTC) lies, in the time zone `there`."""
    local = datetime.fromtimestamp(at // SECOND, UTC).astimezone(there)
    day = local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    begin, end = from_local(day, there), from_local(day + timedelta(days=1), there)
    return LocalDay(f"{day:%Y-%m-%d}", begin, end)


def from_local(moment: datetime, there: tzinfo) -> int:
    """The clock `there` shows `moment`, which has no zone: ns UTC."""
    return (moment.replace(tzinfo=there) - EPOCH) // MICROSECOND * 1_000


def compact(ns: int) -> str:
    """To the second, for names: `20240808T235415`."""
    return f"{datetime.fromtimestamp(ns // SECOND, UTC):%Y%m%dT%H%M%S}"


@lru_cache(maxsize=1024)
def _whole_second(seconds: int) -> str:
    """Many things happen in one second, and spelling it is what takes the time."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:19]


def age_s(made: int, now: int) -> float:
    """Seconds from `made` to `now` (ns); 0 where it is not told when something was made."""
    return (now - made) / SECOND if made else 0.0
