"""What time it is at the exchange.

A request is signed with a time, and the exchange turns away what is a second ahead of its own clock, or
too far behind it. This machine's clock may be wrong, or be set while we run. So the exchange is asked for
its time, and from then on that is told by a clock that only counts seconds. An answer says that it is at
least as late as the time in it, and at most later by as long as the answer took: what we sign with is the
earlier end, which is never ahead. Answers that agree with each other narrow it down; one that does not is
believed, and what came before it forgotten.

Times go on from the last one where a correction would put them back by less than a second: some exchanges
want each request to have a later time than the one before it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tradectl.domain.time import MILLISECOND, SECOND


class ExchangeClock:
    """`wall` gives ns UTC of this machine, by which it goes until the exchange was asked; `monotonic`
    seconds."""

    def __init__(self, wall: Callable[[], int], monotonic: Callable[[], float]) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._ahead: int | None = None
        self._unsure = 0
        self._last_ms = 0

    def learn(self, theirs: int, asked_at: float) -> None:
        """The exchange said that it is `theirs` (ns); it was asked at `asked_at` (monotonic s)."""
        ahead = theirs - self._ticks()
        unsure = int((self._monotonic() - asked_at) * SECOND)
        if self._ahead is not None:
            earliest = max(ahead, self._ahead)
            latest = min(ahead + unsure, self._ahead + self._unsure)
            if earliest <= latest:
                ahead, unsure = earliest, latest - earliest
        self._ahead, self._unsure = ahead, unsure

    def now(self) -> int:
        """ns UTC, never ahead of the exchange."""
        return self._wall() if self._ahead is None else self._ticks() + self._ahead

    def now_ms(self) -> int:
        now = self.now() // MILLISECOND
        if 0 < self._last_ms - now < 1000:
            return self._last_ms
        self._last_ms = now
        return now

    def likely(self) -> int:
        """ns UTC, as well as it is known."""
        return self.now() + self._unsure // 2

    def offset(self) -> int:
        """How far (ns) the exchange's clock is ahead of this machine's, as well as it is known."""
        return self.likely() - self._wall()

    def earlier_of_both(self, at: int) -> int:
        """A time (ns) that is one of ours or one of the exchange's, as one of the exchange's: not later
        than either."""
        return max(0, at + min(0, self.offset())) if self._ahead is not None else at

    def _ticks(self) -> int:
        return int(self._monotonic() * SECOND)


def sign_by(client: Any, clock: ExchangeClock) -> None:
    """Have ccxt's object sign with the exchange's time."""
    client.milliseconds = clock.now_ms
    client.seconds = lambda: clock.now_ms() // 1000
    client.microseconds = lambda: clock.now_ms() * 1000


__all__ = ["ExchangeClock", "sign_by"]
