"""What a run under a schedule has for a screen: it tells the checker of the run."""

from __future__ import annotations

from tests.schedules.invariant_checker import InvariantChecker
from tests.schedules.steps import Life
from tradectl.domain.states import TradingState
from tradectl.runtime.run import TradingRun


class Screen:
    """Tells of the run, once it trades. The account was `left_in` a state, unless that was cleared."""

    def __init__(self, checker: InvariantChecker, life: Life, left_in: TradingState) -> None:
        self._checker = checker
        self._life = life
        self._left_in = left_in

    async def start(self, run: TradingRun) -> None:
        self._life.run = self._checker.run = run
        self._checker.run_since = self._checker.system.clock.now
        halt = run.options.halt
        began_in = halt.state if halt is not None else TradingState.RUNNING
        if self._left_in.is_halt:
            self._checker.softened.begins(began_in, self._left_in)

    async def stop(self) -> None:
        pass


__all__ = ["Screen"]
