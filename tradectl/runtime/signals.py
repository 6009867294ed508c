"""Signals that ask for the graceful end of a run."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


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
