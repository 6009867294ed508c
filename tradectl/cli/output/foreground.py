"""Whether the terminal is ours to draw on: in the background it is the shell's."""

from __future__ import annotations

import os
from typing import IO


def terminal_of(file: IO[str]) -> int | None:
    """The descriptor of the terminal that `file` is; None where it is none."""
    try:
        return file.fileno() if file.isatty() else None
    except (OSError, ValueError):
        return None


def is_in_front(terminal: int | None) -> bool:
    """Whether this process stands in the foreground of it; of none, always."""
    if terminal is None:
        return True
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:  # the terminal of another session has no foreground for us
        return True


__all__ = ["is_in_front", "terminal_of"]
