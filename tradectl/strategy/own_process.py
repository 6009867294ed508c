"""What stays the process's own while a strategy's code runs: standard output, Ctrl-C, and the precision
with which money is counted.

Standard output is for the document of a command: what strategies print meanwhile goes to stderr. Ctrl-C
is the operator's alone. And `decimal.getcontext().prec = 6`, the first line of many a file, is of that
file: the books go on with theirs.
"""

from __future__ import annotations

import contextlib
import contextvars
import decimal
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any, TextIO, cast

from tradectl.domain.errors import Interrupted

STDOUT, STDERR = 1, 2
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def while_loading() -> Iterator[None]:
    """Around what an import of a user's file runs: nothing trades yet."""
    with stdout_to_stderr(), interrupted_by_signals(), decimal.localcontext(decimal.Context()):
        yield


def apart() -> contextvars.Context:
    """Where a strategy is called: it sets its own decimal context and nobody else's."""
    context = contextvars.copy_context()
    context.run(decimal.setcontext, decimal.Context())
    return context


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
            stack.callback(_keep_from_threads, set(threading.enumerate()))
        stack.enter_context(contextlib.redirect_stdout(sys.stderr))
        yield


class _KeptFrom:
    """Standard output, but for `threads`: what they print goes to stderr."""

    def __init__(self, stream: TextIO, threads: set[threading.Thread]) -> None:
        self._stream = stream
        self._threads = threads

    def write(self, text: str) -> int:
        kept = threading.current_thread() in self._threads
        return (sys.stderr if kept else self._stream).write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _keep_from_threads(before: set[threading.Thread]) -> None:
    """One that a strategy began is still there, and prints. Ours do, too: one draws the panel."""
    if begun := set(threading.enumerate()) - before:
        sys.stdout = cast(TextIO, _KeptFrom(sys.stdout, begun))


@contextlib.contextmanager
def interrupted_by_signals() -> Iterator[None]:
    """Outside an event loop: Ctrl-C, and what else would raise the same, raises Interrupted, which a
    strategy does not raise by itself."""
    before = {number: signal.getsignal(number) for number in ENDING}
    ours = threading.current_thread() is threading.main_thread()  # signals are no other thread's
    for number, handler in before.items():
        if ours and handler is signal.default_int_handler:
            signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            if ours and signal.getsignal(number) is not handler:
                signal.signal(number, handler)


def _is_ours() -> bool:
    """The streams are those of the process; under a test or in a notebook they are others."""
    try:
        return (sys.stdout.fileno(), sys.stderr.fileno()) == (STDOUT, STDERR)
    except (OSError, ValueError):
        return False


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise Interrupted
