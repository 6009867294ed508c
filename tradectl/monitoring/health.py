"""How a component is."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from msgspec import Struct


class HealthStatus(StrEnum):
    """From good to bad; not to know is worse than to know that all is well."""

    HEALTHY = "healthy"
    UNKNOWN = "unknown"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


class ComponentHealth(Struct, frozen=True):
    """`last_heartbeat` is in UTC, None before the first; `error_rate_pct` is 0 to 100."""

    component_name: str
    status: HealthStatus
    last_heartbeat: datetime | None = None
    response_time_ms: float = 0.0
    error_count: int = 0
    error_rate_pct: float = 0.0
    message: str = ""


def worst(statuses: Iterable[HealthStatus]) -> HealthStatus:
    """The worst of them; UNKNOWN of none."""
    order = list(HealthStatus)
    return max(statuses, key=order.index, default=HealthStatus.UNKNOWN)
