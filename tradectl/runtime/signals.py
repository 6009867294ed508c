"""Signals that ask for the graceful end of a run."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def ended_by_signals(end: Callable[[str], None]) -> Iterator[None]:
    """Call `end` with a reason for each of them. The end is bounded: a second one cannot cut it short. A
    thread beside the main one, as in a notebook, gets none."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = {}
    names = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # which is what nohup asks for
        names[signal.SIGHUP] = "the terminal was closed"
    for number, reason in names.items():
        before[number] = signal.getsignal(number) or signal.SIG_DFL
        loop.add_signal_handler(number, end, reason)
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
