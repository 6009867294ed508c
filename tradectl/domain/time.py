"""Times are whole nanoseconds since 1970 UTC, and are spelled in ISO 8601."""

from __future__ import annotations

from datetime import UTC, datetime

MILLISECOND = 1_000_000
SECOND = 1_000_000_000
DAY = 86_400 * SECOND


def iso(ns: int) -> str:
    """ISO 8601 UTC with microseconds: `2024-08-08T23:54:15.342000Z`."""
    moment = datetime.fromtimestamp(ns // SECOND, UTC).isoformat()[:19]
    return f"{moment}.{ns % SECOND // 1000:06d}Z"


def age_s(made: int, now: int) -> float:
    """Seconds from `made` to `now` (ns); 0 where it is not told when something was made."""
    return (now - made) / SECOND if made else 0.0
