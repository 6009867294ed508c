"""The states that things are in: trading, a component, an alert.

Each is spelled in one way, in events, in documents and on screens. What an order may be is a table of its
own (`domain.orders`).
"""

from __future__ import annotations

from enum import StrEnum

from tradectl.domain.errors import UsageError
from tradectl.domain.text import harmless


class TradingState(StrEnum):
    """What may leave for an exchange; each lets less out than the one before it.

    Protective stops stay in each of them, for as long as there is a position. From REDUCING on it is a
    halt, durable, that only `clear-halt` ends.
    """

    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    """no new entries; what reduces a position goes on"""
    REDUCING = "REDUCING"
    """on the way out, by a limit: strategies may only reduce positions, until all are flat"""
    FLATTENING = "FLATTENING"
    """on the way out, at once: closing orders, again and again until all positions are flat"""
    HALTED = "HALTED"
    """no entries and no exits; a stop that a position lacks may still go out"""

    @property
    def rank(self) -> int:
        """How strict it is."""
        return list(TradingState).index(self)

    @property
    def is_halt(self) -> bool:
        """Only `clear-halt` ends it."""
        return self in _HALTS

    @property
    def only_reduces(self) -> bool:
        """Strategies go on, with what brings a position nearer to zero."""
        return self in _ONLY_REDUCING

    def is_stricter_than(self, other: TradingState) -> bool:
        return self.rank > other.rank


_HALTS = frozenset((TradingState.REDUCING, TradingState.FLATTENING, TradingState.HALTED))
_ONLY_REDUCING = frozenset((TradingState.PAUSED, TradingState.REDUCING))


def told_of_pause(state: str) -> str:
    """What it means that somebody paused trading, which is in that state since."""
    return "paused once that is cleared" if state in _HALTS else "no new entries; exits go on"


class ComponentStatus(StrEnum):
    """A component's own word on itself."""

    REGISTERED = "REGISTERED"
    """known, not started"""
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    DEGRADED = "DEGRADED"
    """it runs, and not all of it works"""
    RESTARTING = "RESTARTING"
    """it failed, and is started again"""
    STOPPING = "STOPPING"
    STOPPED = "STOPPED"
    """it ended as it should"""
    FAILED = "FAILED"
    """it failed, and is not started again"""

    @property
    def is_failure(self) -> bool:
        return self in (ComponentStatus.FAILED, ComponentStatus.RESTARTING)

    @classmethod
    def parse(cls, text: str) -> ComponentStatus:
        """The status of that name, in any case. Raises UsageError."""
        try:
            return cls(text.upper())
        except ValueError:
            raise UsageError(
                f"unknown component status {harmless(text, 40)!r}: expected one of {', '.join(cls)}"
            ) from None


class AlertSeverity(StrEnum):
    """Ordered as written here, not as spelled: `INFO < WARNING < ERROR < CRITICAL`."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return list(AlertSeverity).index(self)

    def __lt__(self, other: str) -> bool:
        return self.rank < AlertSeverity(other).rank

    def __le__(self, other: str) -> bool:
        return self.rank <= AlertSeverity(other).rank

    def __gt__(self, other: str) -> bool:
        return self.rank > AlertSeverity(other).rank

    def __ge__(self, other: str) -> bool:
        return self.rank >= AlertSeverity(other).rank

    @classmethod
    def parse(cls, text: str) -> AlertSeverity:
        """The severity of that name, in any case. Raises UsageError."""
        try:
            return cls(text.lower())
        except ValueError:
            names = ", ".join(cls)
            raise UsageError(f"unknown alert severity {text!r}: expected one of {names}") from None


class AlertStatus(StrEnum):
    ACTIVE = "active"
    ACKNOWLEDGED = "acknowledged"
    """somebody knows: no more reminders, unless it gets worse"""
    RESOLVED = "resolved"
