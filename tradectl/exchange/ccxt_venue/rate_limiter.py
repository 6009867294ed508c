"""How fast we may ask: a bucket of tokens that fills with time.

The last part of the bucket is kept for what must get through on a bad day: cancels, and questions about
orders. When the exchange turned us away everything else waits as long as it asked for; when it banned
us (418) nobody asks. A wait longer than our patience is not waited: it is NotExecuted, with the time
that it would take, since an order that waits for minutes is no longer the order that was meant.
"""

from __future__ import annotations

from collections.abc import Callable

from tradectl.bus.clock import ComputerClock, Sleep
from tradectl.domain.errors import NotExecuted


class RateLimiter:
    """`rate` in tokens per second, `capacity` the most that can be saved up, `reserve` the part of it
    that only privileged calls may use. Raises NotExecuted from `take` for a wait beyond `patience`
    (s), or beyond what the caller has instead."""

    def __init__(
        self,
        rate: float,
        capacity: float,
        reserve: float,
        *,
        patience: float = 10.0,
        clock: Callable[[], float] = ComputerClock.monotonic,
        sleep: Sleep = ComputerClock.sleep,
    ) -> None:
        self._rate = rate
        self._capacity = capacity
        self._reserve = reserve
        self._patience = patience
        self._clock = clock
        self._sleep = sleep
        self._tokens = capacity
        self._filled_at = clock()
        self._away_until = 0.0
        self._banned_until = 0.0
        self._why = ""

    async def take(
        self, cost: float, *, privileged: bool = False, patience: float | None = None
    ) -> None:
        ends = self._clock() + (self._patience if patience is None else patience)
        while wait := self.wait(cost, privileged=privileged):
            if self._clock() + wait > ends:
                raise NotExecuted(self._reason(wait), wait)
            await self._sleep(wait)
        self._tokens -= cost

    def wait(self, cost: float, *, privileged: bool = False) -> float:
        """Seconds until a call of this cost may go, 0 for now."""
        now = self._clock()
        self._tokens = min(self._capacity, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        floor = 0.0 if privileged else self._reserve
        needed = min(cost, self._capacity - floor) + floor - self._tokens
        pause = max(needed / self._rate, self._banned_until - now)
        if not privileged:
            pause = max(pause, self._away_until - now)
        # less than a microsecond is rounding: waiting for it would spin
        return pause if pause > 1e-6 else 0.0

    def _reason(self, wait: float) -> str:
        away = max(self._away_until, self._banned_until) > self._clock()
        asked = f"the rate limit asks for a pause of {wait:.1f} s"
        return f"{asked}, since the last answer: {self._why}" if away and self._why else asked

    def back_off(self, seconds: float, *, banned: bool = False, why: str = "") -> None:
        """The exchange turned us away for so long, in its words."""
        until = self._clock() + seconds
        if until >= self._away_until:
            self._why = why
        self._away_until = max(self._away_until, until)
        if banned:
            self._banned_until = max(self._banned_until, until)


__all__ = ["RateLimiter"]
