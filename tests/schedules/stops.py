"""Steps that end a run, or its trading: kills, signals, and the three ways of an emergency stop."""

from __future__ import annotations

import asyncio
import signal

from tests.fixtures.documents import as_json
from tests.schedules.steps import LOOKS_INTO_IT_S, Steps
from tradectl.bus.clock import WallClock
from tradectl.domain.errors import ExchangeError, TradectlError
from tradectl.domain.events import LimitBreached, RiskAction
from tradectl.domain.states import TradingState
from tradectl.operations.emergency_stop import EmergencyStop
from tradectl.recovery.recovery import LIVE_ACCOUNT, recover
from tradectl.runtime.in_process_stop import Stop
from tradectl.storage.directory import StateDir

STOP_S = 60.0
"""The longest that a direct stop may take, whatever the exchange does."""
WHY = "by the schedule"


class Stops(Steps):
    # --- life and death -------------------------------------------------------------------------

    def _kill(self, after: int, power: bool) -> None:
        if self.life is not None:
            self.life.power = power
            self.life.process.kill_after = after

    def _terminate(self) -> None:
        if self.life is not None:
            self.life.process.send_signal(signal.SIGTERM)

    def _disk_full(self) -> None:
        """Nothing can be journalled any more, until whoever starts it again has made room."""
        if self.run is not None and not self.lives[-1].process.stopped:
            self.system.disk_full = True
            self.checker.protection.fails = True

    def _slow_disk(self, seconds: float) -> None:
        """The longest that a sync takes from now on."""
        self.system.slow_disk = seconds

    def _latch_fails(self) -> None:
        """No halt can be latched any more, until whoever starts it again has looked after that."""
        self.system.latch_fails = True

    def _freeze(self, seconds: float) -> None:
        if self.life is not None:
            self.life.process.stop()
            asyncio.get_running_loop().call_later(seconds, self.life.process.resume)

    # --- limits ---------------------------------------------------------------------------------

    def _limit(self, action: str) -> None:
        """A loss limit is reached, whatever was lost."""
        breach = LimitBreached(
            source_component=WHY, code="DRAWDOWN", message=WHY, action=RiskAction(action)
        )
        self.post(breach)

    def _is_latched(self, state: str) -> None:
        if self.latch.state() != state:
            self.checker.say(f"{state} is not latched: {self.latch.read()}")

    # --- stops ----------------------------------------------------------------------------------

    @property
    def _latch_is_made(self) -> bool:
        return (self.folder / "halt").exists()

    def _latch(self, state: str = TradingState.HALTED) -> None:
        """And the process is not even told."""
        if self._latch_is_made:
            self.latch.set(WHY, TradingState(state))
            asyncio.get_running_loop().call_later(LOOKS_INTO_IT_S, self._terminate)

    def _emergency(self, flatten: bool, everything: bool = False) -> None:
        """By the socket: the latch first, then the running process."""
        life, run = self.life, self.run
        if life is None or run is None or life.process.stopped:
            return
        self._latch_a_stop(flatten)
        self.checker.protection.others_go |= everything

        async def stop() -> None:
            handler = run._handlers().emergency_stop
            try:
                told = await handler(WHY, flatten=flatten, everything=everything)
            except TradectlError:  # its answer is no, and nothing is promised
                return
            self.checker.receipt(as_json(told), flatten=flatten)

        self._begin(stop(), life.process)

    def _direct_stop(self, flatten: bool) -> None:
        """The process does not answer: it is ended, and another one finishes the job."""
        if not self._latch_is_made or self.stopping:
            return
        self.stopping = True
        self._latch_a_stop(flatten)
        if self.life is not None:
            self.life.process.kill()
        self.system.disk_full = False
        self._begin(self._stop_directly(flatten))

    def _latch_a_stop(self, flatten: bool) -> None:
        if flatten:
            self.checker.softened.ordered_to_close(self.left_in())
        state = TradingState.FLATTENING if flatten else TradingState.HALTED
        self.latch.set(WHY, state, by_operator=True)

    def left_in(self) -> TradingState:
        """By the account's records."""
        recovered = self.checker.journals.recovered()
        return recovered.account.trading_state if recovered is not None else TradingState.RUNNING

    async def _stop_directly(self, flatten: bool) -> None:
        process = self.system.process("stop")
        process.start(self._finish(flatten))
        try:
            async with asyncio.timeout(STOP_S):
                await process.gone.wait()
        except TimeoutError:
            self.checker.say("the direct stop took more than a minute")
            process.kill()
        self.stopping = False

    async def _finish(self, flatten: bool) -> None:
        state_dir = StateDir(self.folder)
        try:
            with state_dir.owned():
                recovered = recover(state_dir, LIVE_ACCOUNT)
                if recovered is None:
                    return
                stop = EmergencyStop(state_dir, WHY, Stop(flatten=flatten), 8.0, WallClock())
                told = await stop.finishing_run(recovered)
        except ExchangeError:
            return
        except Exception as error:  # nothing else may ever fall out of it
            self.checker.say(f"the direct stop broke: {type(error).__name__}: {error}")
        else:
            self.checker.receipt(as_json(told), flatten=flatten)


__all__ = ["Stops"]
