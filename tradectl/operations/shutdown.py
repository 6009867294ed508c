"""Asking a running process to end, and waiting until it has."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from tradectl.bus.clock import ComputerClock
from tradectl.control.client import ask
from tradectl.documents.control import Stopped, Stopping
from tradectl.domain.errors import TradectlError
from tradectl.journal.backwards import has_footer
from tradectl.journal.run_lock import goes_on
from tradectl.storage.directory import StateDir

LOOK_EVERY_S = 0.05


def stop_and_wait(
    state_dir: StateDir,
    timeout: float,
    monotonic: Callable[[], float] = ComputerClock.monotonic,
) -> Stopped:
    """Returns once the process has let go of its state directory, and all that it did is written down.
    Raises NotRunning, TradectlError."""
    process = state_dir.owner() or "that answers"
    journal = Path(ask(state_dir.socket, "stop", Stopping).journal)
    deadline = monotonic() + timeout
    while state_dir.owner() is not None or goes_on(journal):  # the lock may be shut, or another's
        if monotonic() > deadline:
            raise TradectlError(
                f"process {process} has not ended within {timeout:g} s: "
                "`tradectl emergency-stop` ends it"
            )
        time.sleep(LOOK_EVERY_S)
    if not has_footer(journal):
        raise TradectlError(
            f"it has ended, but not whole: {journal} has no end, and may lack what was done last; "
            "the next run goes on from what is"
        )
    return Stopped()
