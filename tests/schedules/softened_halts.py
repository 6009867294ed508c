"""No restart softens a halt: who starts next goes on in what the account was in, or in something graver.

But the operator may have positions closed in a HALTED account. Where that was latched and killed before
anything of it was recorded, the latch has the later word: the next run closes them.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.schedules.own_positions import OwnPositions
from tradectl.domain.events import (
    EmergencyStopReceived,
    HaltContinued,
    LimitBreached,
    TradingConcluded,
)
from tradectl.domain.states import TradingState

OF_HALTS = (EmergencyStopReceived, HaltContinued, LimitBreached, TradingConcluded)


class SoftenedHalts:
    """`own` tells what is recorded."""

    def __init__(self, own: OwnPositions, say: Callable[[str], None]) -> None:
        self._own = own
        self._say = say
        self._ordered_at: int | None = None
        """how much of halts was recorded as the operator had a HALTED account closed"""

    def ordered_to_close(self, was: TradingState) -> None:
        """By an emergency stop of an account that `was` in a state by its records."""
        self._ordered_at = self._recorded() if was is TradingState.HALTED else None

    def begins(self, state: TradingState, was: TradingState) -> None:
        """A run goes on in a halt, of an account that `was` in a state by its records."""
        by_operator = state is TradingState.FLATTENING and self._ordered_at == self._recorded()
        if was.is_stricter_than(state) and not by_operator:
            self._say(f"it goes on in {state}, and was {was} before")

    def _recorded(self) -> int:
        return sum(1 for _ in self._own.recorded(OF_HALTS))


__all__ = ["SoftenedHalts"]
