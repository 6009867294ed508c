"""Standard output is for the document of a command: what strategies print meanwhile goes to stderr."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

STDOUT, STDERR = 1, 2


@contextlib.contextmanager
def stdout_to_stderr() -> Iterator[None]:
    """What is printed goes to stderr, by `print` or past it: by the descriptor, by a child process."""
    with contextlib.ExitStack() as stack:
        if _is_ours():
            sys.stdout.flush()
            kept = os.dup(STDOUT)
            stack.callback(os.close, kept)
            os.dup2(STDERR, STDOUT)
            stack.callback(os.dup2, kept, STDOUT)
            stack.callback(sys.stdout.flush)  # `sys.__stdout__` was within a strategy's reach
        stack.enter_context(contextlib.redirect_stdout(sys.stderr))
        yield


def _is_ours() -> bool:
    """The streams are those of the process; under a test or in a notebook they are others."""
    try:
        return (sys.stdout.fileno(), sys.stderr.fileno()) == (STDOUT, STDERR)
    except (OSError, ValueError):
        return False
