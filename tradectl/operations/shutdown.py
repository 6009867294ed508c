"""Asking a running process to end, and waiting until it has."""

from __future__ import annotations

import time

from tradectl.control.client import ask
from tradectl.documents.control import Done, Stopped
from tradectl.domain.errors import TradectlError
from tradectl.state.directory import StateDir

LOOK_EVERY_S = 0.05


def stop_and_wait(state_dir: StateDir, timeout: float) -> Stopped:
    """Returns once the process has let go of its state directory. Raises NotRunning, TradectlError."""
    process = state_dir.owner()
    ask(state_dir.socket, "stop", Done)
    deadline = time.monotonic() + timeout
    while state_dir.owner() is not None:
        if time.monotonic() > deadline:
            raise TradectlError(
                f"process {process} has not ended within {timeout:g} s: "
                "`tradectl emergency-stop` ends it"
            )
        time.sleep(LOOK_EVERY_S)
    return Stopped()
