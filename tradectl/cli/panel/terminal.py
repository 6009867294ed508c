"""The terminal that the panel is shown on, which is the shell's, too.

The panel's screen is up only while the process stands in the foreground. Ctrl-Z takes it down before the
process stops; in the background nothing is drawn; back in the foreground it is up again with the next
sheet. A signal that ends the process takes it down first. What cannot be caught, kill -9 or a fault in
a library's machine code, leaves the screen up, and `reset` mends that.
"""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import IO

from tradectl.cli.output.foreground import is_in_front, terminal_of
from tradectl.cli.panel.keyboard import LEAVE_PASTES, MARK_PASTES, Keyboard

UP = "\x1b[?1049h\x1b[?25l"
DOWN = "\x1b[?25h\x1b[?1049l"
FATAL = (
    signal.SIGQUIT, signal.SIGABRT, signal.SIGALRM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGVTALRM,
    signal.SIGPROF, signal.SIGXCPU, signal.SIGTRAP, signal.SIGSYS,
)  # fmt: skip
"""What ends a process that does not care, and is sent from outside; those that `run` handles are not."""
MOST_WAITED_S = 0.2
"""For a frame that is being written, or a terminal that takes nothing."""


class Terminal:
    """`file`, written to only while its screen is up; what Rich writes its sheets to. Meanwhile keys are
    taken from a `keyboard`."""

    def __init__(self, file: IO[str], keyboard: Keyboard | None = None) -> None:
        self._file = file
        self._keyboard = keyboard if keyboard is not None and keyboard.is_there else None
        self._up = UP + (MARK_PASTES if self._keyboard else "")
        self._down = (LEAVE_PASTES if self._keyboard else "") + DOWN
        self._is_up = False
        self._writing = threading.Lock()
        self._fd = terminal_of(file)

    @property
    def encoding(self) -> str:
        return getattr(self._file, "encoding", None) or "utf-8"

    def isatty(self) -> bool:
        return self._file.isatty()

    def fileno(self) -> int:
        return self._file.fileno()

    def write(self, text: str) -> int:
        """Whole or not at all."""
        with self._writing:
            if self._is_up:
                self._file.write(text)
                self._file.flush()
        return len(text)

    def flush(self) -> None:
        """Done with each write."""

    def ready(self) -> bool:
        """Whether a sheet can be shown now; the screen is up then, and down when not."""
        if not is_in_front(self._fd):
            self.take_down()
        elif not self._is_up:
            self._file.write(self._up)
            self._file.flush()
            self._is_up = True
            if self._keyboard is not None:
                self._keyboard.begin()
        return self._is_up

    def take_down(self) -> None:
        """Leave the terminal as it was. May be called by a signal, whatever is being written: it waits
        for that, and for a terminal that takes nothing, a moment only."""
        if not self._is_up:
            return
        self._is_up = False
        if self._keyboard is not None:
            self._keyboard.end()
        is_free = self._writing.acquire(timeout=MOST_WAITED_S)
        try:
            if self._fd is None:
                self._file.write(self._down)
            elif select.select([], [self._fd], [], MOST_WAITED_S)[1]:
                os.write(self._fd, self._down.encode())
        finally:
            if is_free:
                self._writing.release()

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Down at the end, and whenever a signal stops or ends the process meanwhile."""
        with _caught({signal.SIGTSTP, *FATAL}, self._on_signal):
            try:
                yield
            finally:
                with suppress(OSError):  # the terminal is gone, and nothing is to be restored
                    self.take_down()

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        with suppress(OSError):
            self.take_down()
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)
        signal.signal(number, self._on_signal)  # it only stopped, and goes on


@contextmanager
def _caught(
    signals: set[signal.Signals], handler: Callable[[int, FrameType | None], None]
) -> Iterator[None]:
    """Signals that would do what the system does go to `handler`; only a main thread has them."""
    ours = []
    if threading.current_thread() is threading.main_thread():
        ours = [s for s in signals if signal.getsignal(s) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


__all__ = ["DOWN", "UP", "Terminal"]
