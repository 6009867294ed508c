"""Signals that ask for an end: a graceful one of a run, the plain one of a command."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from tradectl.domain.errors import Interrupted


@contextmanager
def ended_by_signals(end: Callable[[str], None]) -> Iterator[None]:
    """Call `end` with a reason for each of them. The end is bounded: a second one cannot cut it short."""
    loop = asyncio.get_running_loop()
    names = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # which is what nohup asks for
        names[signal.SIGHUP] = "the terminal was closed"
    for number, reason in names.items():
        loop.add_signal_handler(number, end, reason)
    try:
        yield
    finally:
        for number in names:
            loop.remove_signal_handler(number)


@contextmanager
def interrupted_by_signals() -> Iterator[None]:
    """Outside an event loop: Ctrl-C raises Interrupted, which a strategy does not raise by itself."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise Interrupted


__all__ = ["ended_by_signals", "interrupted_by_signals"]
