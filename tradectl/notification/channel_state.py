"""A channel as the outbox sees it: how much it may be given, and whether it is left alone."""

from __future__ import annotations

from tradectl.domain.states import AlertSeverity
from tradectl.notification.notice import Notice
from tradectl.notification.notification_settings import AlertChannel


class Allowance:
    """`per_minute` of something, half of it at once; 0 for any number."""

    def __init__(self, per_minute: int) -> None:
        self._rate = per_minute / 60
        self._most = max(1.0, per_minute / 2)
        self._left, self._at = self._most, 0.0

    def wait(self, at: float) -> float:
        """Seconds until the next is allowed."""
        if not self._rate:
            return 0.0
        self._left = min(self._most, self._left + max(0.0, at - self._at) * self._rate)
        self._at = at
        return 0.0 if self._left >= 1 else (1 - self._left) / self._rate

    def take(self) -> None:
        self._left -= 1


class ChannelState:
    def __init__(self, settings: AlertChannel) -> None:
        self.busy = False
        self.hangs = False
        """it has not come back from what was given up"""
        self.failures = 0
        self.is_in_trouble = False
        self.rests_until = 0.0
        self._others, self._critical = (Allowance(settings.per_minute) for _ in range(2))

    def is_left_alone(self, at: float) -> bool:
        return self.hangs or self.rests_until > at

    def allowance(self, notice: Notice) -> Allowance:
        """Critical ones have their own."""
        is_critical = notice.severity is AlertSeverity.CRITICAL
        return self._critical if is_critical else self._others


__all__ = ["ChannelState"]
