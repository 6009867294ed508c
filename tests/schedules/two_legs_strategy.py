"""Two symbols held against each other: what is aimed at changes for a minute, by the clock."""

from __future__ import annotations

from decimal import Decimal

from tradectl.domain.time import MINUTE, SECOND
from tradectl.strategy import Timer, TwoLegs
from tradectl.strategy.base import Answer

AIMS = (2_000, 5_000, -3_000, 0, 4_000)
EVERY = 4 * SECOND
TO_AND_FRO = MINUTE
"""Of each hour; after that it keeps what it has come to."""


class Legs(TwoLegs):
    """By the time alone, so that a restart aims at the same."""

    def on_timer(self, timer: Timer) -> Answer:
        super().on_timer(timer)
        number = min(timer.ts % (60 * MINUTE), TO_AND_FRO) // EVERY
        return self.aim(Decimal(AIMS[number % len(AIMS)]))
