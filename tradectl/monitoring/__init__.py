"""Monitoring: health, alerts and metrics. It observes and reports; it decides nothing.

Everything here is an observer of the bus or a reader of the books: it may be slow, fail or be restarted,
and trading does not notice. The names below are the public API, loaded when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

_HOMES = {
    "Alert": "tradectl.monitoring.alert",
    "AlertManager": "tradectl.monitoring.alert_manager",
    "AlertSeverity": "tradectl.domain.states",
    "ComponentHealth": "tradectl.monitoring.health",
    "HealthStatus": "tradectl.monitoring.health",
    "MetricsCollector": "tradectl.monitoring.metrics",
    "SystemMonitor": "tradectl.monitoring.monitor",
}

__all__ = [
    "Alert",
    "AlertManager",
    "AlertSeverity",
    "ComponentHealth",
    "HealthStatus",
    "MetricsCollector",
    "SystemMonitor",
]

if TYPE_CHECKING:
    from tradectl.domain.states import AlertSeverity
    from tradectl.monitoring.alert import Alert
    from tradectl.monitoring.alert_manager import AlertManager
    from tradectl.monitoring.health import ComponentHealth, HealthStatus
    from tradectl.monitoring.metrics import MetricsCollector
    from tradectl.monitoring.monitor import SystemMonitor


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'tradectl.monitoring' has no attribute {name!r}")
