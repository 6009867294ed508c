"""What is printed while the panel is up.

A user's strategy prints, a library warns: on the panel's screen that would be a smear, gone with
the next frame. So what goes to the terminal meanwhile is kept, the newest of it, and printed once
the panel is gone. What goes to a file or a pipe is left alone.
"""

from __future__ import annotations

import io
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from typing import TextIO

MOST_PIECES = 1_000
LONGEST_PIECE = 2_000


class _Captured(io.TextIOBase):
    """Keeps what is written; Rich's consoles see through it by `rich_proxied_file`."""

    def __init__(self, file: TextIO) -> None:
        self.rich_proxied_file = file
        self._pieces: deque[str] = deque(maxlen=MOST_PIECES)

    @property
    def encoding(self) -> str:  # type: ignore[override]  # an attribute there
        return self.rich_proxied_file.encoding

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.rich_proxied_file.fileno()

    def write(self, text: str) -> int:
        self._pieces.append(text[:LONGEST_PIECE])
        return len(text)

    def release(self) -> None:
        self.rich_proxied_file.write("".join(self._pieces))
        self.rich_proxied_file.flush()


@contextmanager
def captured_output() -> Iterator[None]:
    """Keep what is printed to a terminal, and print it at the end."""
    with ExitStack() as stack:
        if sys.stdout.isatty():
            stack.enter_context(redirect_stdout(out := _Captured(sys.stdout)))
            stack.callback(out.release)
        if sys.stderr.isatty():
            stack.enter_context(redirect_stderr(err := _Captured(sys.stderr)))
            stack.callback(err.release)
        yield
