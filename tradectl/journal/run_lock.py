"""Which runs are going on: each keeps its journal locked, until its row says how it ended.

The operating system takes the lock from a process that dies, so a run that was killed is told from one
that goes on, whoever owns the account: runs on recorded data own none, and go on side by side.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

from tradectl.files.own import open_own


class RunLock:
    """Of the run whose journal is `path`, from now until it is released. Raises OSError."""

    def __init__(self, path: Path) -> None:
        self._fd = open_own(path)
        fcntl.flock(self._fd, fcntl.LOCK_EX)  # whoever asks holds it for a moment

    def release(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def goes_on(path: Path) -> bool:
    """A process is still at the run whose journal is `path`."""
    with contextlib.suppress(OSError):
        fd = open_own(path)
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(fd)
    return False


__all__ = ["RunLock", "goes_on"]
