"""The keyboard of the terminal that the panel is shown on, while that is in front.

Keys come one by one and are not shown as they are typed; Ctrl-C and Ctrl-Z stay signals. What the
terminal was set to before is put back whenever the panel's screen goes down.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import termios
from collections.abc import Callable
from typing import Any

from tradectl.cli.output.foreground import terminal_of
from tradectl.cli.panel.keys import Keys

MARK_PASTES, LEAVE_PASTES = "\x1b[?2004h", "\x1b[?2004l"
LOCAL, CONTROLS = 3, 6
READ = 1024


class Keyboard:
    """Hands keys to `typed`, in the loop that runs. None where standard input is no terminal."""

    def __init__(self, typed: Callable[[list[str]], None]) -> None:
        self._fd = terminal_of(sys.stdin) if sys.stdin is not None else None
        self._typed = typed
        self._keys = Keys()
        self._before: list[Any] | None = None

    @property
    def is_there(self) -> bool:
        return self._fd is not None

    def begin(self) -> None:
        """In front: from now on keys are taken."""
        if self._fd is None or self._before is not None:
            return
        with contextlib.suppress(termios.error, OSError):
            before = termios.tcgetattr(self._fd)
            now = [*before]
            now[LOCAL] &= ~(termios.ICANON | termios.ECHO)
            now[CONTROLS] = [*before[CONTROLS]]
            now[CONTROLS][termios.VMIN], now[CONTROLS][termios.VTIME] = 1, 0
            termios.tcsetattr(self._fd, termios.TCSANOW, now)
            self._before = before
            asyncio.get_running_loop().add_reader(self._fd, self._read)

    def end(self) -> None:
        """As it was. May be called by a signal."""
        if self._fd is None or self._before is None:
            return
        before, self._before = self._before, None
        with contextlib.suppress(RuntimeError):  # there is no loop any more
            asyncio.get_running_loop().remove_reader(self._fd)
        ignored = signal.signal(
            signal.SIGTTOU, signal.SIG_IGN
        )  # in the background it would stop us
        try:
            with contextlib.suppress(termios.error, OSError):
                termios.tcsetattr(self._fd, termios.TCSANOW, before)
        finally:
            signal.signal(signal.SIGTTOU, ignored)

    def _read(self) -> None:
        """In the background a read fails, or would stop the process: that is for the shell's keys."""
        assert self._fd is not None
        ignored = signal.signal(signal.SIGTTIN, signal.SIG_IGN)
        try:
            data = os.read(self._fd, READ)
        except OSError:
            data = b""
        finally:
            signal.signal(signal.SIGTTIN, ignored)
        if not data:
            asyncio.get_running_loop().remove_reader(self._fd)  # until it is in front again
            return
        if keys := self._keys.take(data):
            self._typed(keys)


__all__ = ["LEAVE_PASTES", "MARK_PASTES", "Keyboard"]
