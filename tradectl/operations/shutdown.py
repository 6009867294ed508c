"""Asking a running process to end, and waiting until it has."""

from __future__ import annotations

import time
from collections.abc import Callable

from tradectl.bus.clock import ComputerClock
from tradectl.control.client import ask
from tradectl.documents.control import Done, Stopped
from tradectl.domain.errors import TradectlError
from tradectl.state.directory import StateDir

LOOK_EVERY_S = 0.05


def stop_and_wait(
    state_dir: StateDir,
    timeout: float,
    monotonic: Callable[[], float] = ComputerClock.monotonic,
) -> Stopped:
    """Returns once the process has let go of its state directory. Raises NotRunning, TradectlError."""
    process = state_dir.owner()
    ask(state_dir.socket, "stop", Done)
    deadline = monotonic() + timeout
    while state_dir.owner() is not None:
        if monotonic() > deadline:
            raise TradectlError(
                f"process {process} has not ended within {timeout:g} s: "
                "`tradectl emergency-stop` ends it"
            )
        time.sleep(LOOK_EVERY_S)
    return Stopped()
