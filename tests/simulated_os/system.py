"""A small operating system in one event loop: its time, its processes, its disk.

Time stands still while anything happens, and jumps to the next timer when nothing does: a minute of
waiting costs nothing, and a busy computer changes nothing. What runs in the context of a `Process` can be
stopped, and killed between any two callbacks, as by kill -9: its code never runs again, the system
closes its connections and lets go of its locks, and what it had written stays. A loss of power also
takes what was not synced.

Sockets are real ones, of this computer: what is sent is there to be read at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import sqlite3
import weakref
from collections.abc import Callable
from contextvars import Context, copy_context
from pathlib import Path
from random import Random
from typing import Any

from tests.simulated_os.loop import PROCESS, SimulatedLoop

EPOCH_S = 1_767_600_000
"""2026-01-05T08:00:00Z: when every simulation begins."""


class Clock:
    """`now` is seconds since the start; the wall clock may be `off` by some, and the computer may have
    `slept` for some, with its timers."""

    def __init__(self) -> None:
        self.now = 0.0
        self.off = 0.0
        self.slept = 0.0
        self._fell_asleep = -1.0

    def sleep(self, seconds: float) -> None:
        """All that the computer does stands still for so long, at this moment."""
        self.slept += seconds
        self._fell_asleep = self.now

    @property
    def sleeps(self) -> bool:
        """At this moment: what happens elsewhere meanwhile happens now."""
        return self._fell_asleep == self.now

    def monotonic(self) -> float:
        return self.now

    def counts_on(self) -> float:
        """While the computer sleeps, too."""
        return self.now + self.slept

    def counts_on_ns(self) -> int:
        return round((self.now + self.slept) * 1e9)

    def monotonic_ns(self) -> int:
        return round(self.now * 1e9)

    def time(self) -> float:
        return EPOCH_S + self.now + self.slept + self.off

    def time_ns(self) -> int:
        return EPOCH_S * 10**9 + round((self.now + self.slept + self.off) * 1e9)


class Process:
    """What is started in it belongs to it, and what that starts. `kill_after` is how many callbacks it
    has left before it is killed, None for no end; `gone` is set once it has ended, however it did."""

    def __init__(self, system: SimulatedOS, name: str) -> None:
        self.system = system
        self.name = name
        self.dead = self.stopped = False
        self.kill_after: int | None = None
        self.gone = asyncio.Event()
        self.main: asyncio.Task[Any] | None = None
        self.signals: dict[int, Callable[[], object]] = {}
        # what the system takes back
        self.locks: list[int] = []
        self.databases: list[Any] = []
        self.journals: list[Any] = []
        self.transports: weakref.WeakSet[Any] = weakref.WeakSet()
        self.sockets: weakref.WeakSet[Any] = weakref.WeakSet()
        self._backlog: list[tuple[Context, Any, Callable[..., object], tuple[Any, ...]]] = []
        self._remains: list[object] = []
        self._context = copy_context()
        self._context.run(PROCESS.set, self)

    def start(self, work: Any) -> None:
        """Run the coroutine `work` as its main program."""
        self.main = self.system.loop.create_task(work, context=self._context.copy())
        self.main.add_done_callback(lambda _: self._exit())

    def run(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call something inside it, as if it had called it itself."""
        return self._context.copy().run(function, *args)

    def send_signal(self, number: int) -> None:
        if not self.dead and number in self.signals:
            self.system.loop.call_soon(self.signals[number], context=self._context.copy())

    def stop(self) -> None:
        """SIGSTOP."""
        self.stopped = True

    def resume(self) -> None:
        """SIGCONT: what came in the meantime is heard now."""
        self.stopped = False
        backlog, self._backlog = self._backlog, []
        for context, handle, callback, args in backlog:
            self.system.loop.call_soon(_unless_cancelled, handle, callback, *args, context=context)

    def kill(self) -> None:
        """SIGKILL: none of its code runs any more."""
        if self.dead:
            return
        self.dead = True
        for *_, args in self._backlog:
            _nobody_hears(args)
        self._remains = [*asyncio.all_tasks(self.system.loop), *self._backlog]
        for transport in list(self.transports):
            _cut(transport)
        for open_socket in list(self.sockets):
            self.system.loop.forget(open_socket)
            open_socket.close()
        for database in self.databases:
            connection, database._connection = database._connection, None
            if connection is not None:
                with contextlib.suppress(sqlite3.ProgrammingError):  # it has just closed it
                    connection.rollback()  # as the next one to open it would
                connection.close()
        for fd in self.locks:
            fcntl.flock(fd, fcntl.LOCK_UN)
        self.gone.set()

    def _exit(self) -> None:
        self.locks.clear()
        self.kill()

    def step(self, handle: Any, callback: Callable[..., object], *args: Any) -> None:
        """One callback of its own, unless it is stopped or dead."""
        if handle is not None:
            handle._args = ()
        if self.dead:
            _nobody_hears(args)
            return
        if self.stopped:
            context = handle._context if handle is not None else copy_context()
            self._backlog.append((context, handle, callback, args))
            return
        if self.kill_after is not None:
            self.kill_after -= 1
            if self.kill_after < 0:
                self.kill()
                _nobody_hears(args)
                return
        callback(*args)


class SimulatedOS:
    """`slow_disk` is the longest that a sync takes, in seconds. With `coarse` the timers of processes run
    out together, at its multiples (s): hours in which nothing happens cost less."""

    def __init__(
        self, seed: int = 0, make_loop: Callable[[SimulatedOS], SimulatedLoop] = SimulatedLoop
    ) -> None:
        self.clock = Clock()
        self.random = Random(f"machine {seed}")
        self.slow_disk = self.coarse = 0.0
        self.disk_full = self.latch_fails = False
        self.processes: list[Process] = []
        self.errors: list[str] = []
        self.loop = make_loop(self)
        self.loop.set_exception_handler(self._note_error)
        self._durable: dict[tuple[int, int], int] = {}

    def process(self, name: str) -> Process:
        made = Process(self, name)
        self.processes.append(made)
        return made

    def stopped_fds(self) -> set[int]:
        if not any(process.stopped for process in self.processes):
            return set()
        return {fd for fd, owner in self.loop.fds.items() if owner.stopped and not owner.dead}

    def disk_takes(self) -> float:
        return self.random.uniform(0, self.slow_disk) if self.slow_disk else 0.0

    def sync(self, fd: int) -> None:
        if self.disk_full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        found = os.fstat(fd)
        self._durable[found.st_dev, found.st_ino] = found.st_size

    def durable_bytes(self, path: Path) -> int:
        """How much of the file would survive a loss of power."""
        found = path.stat()
        return self._durable.get((found.st_dev, found.st_ino), 0)

    def lose_power(self, journals: Path) -> None:
        """Cut off what was not synced, somewhere in its middle."""
        for path in sorted(journals.glob("*.jsonl")):
            kept, whole = self.durable_bytes(path), path.stat().st_size
            os.truncate(path, self.random.randint(kept, whole))

    def end(self) -> None:
        for process in self.processes:
            process.kill()
            for journal in process.journals:
                _close(journal)
        self.processes.clear()
        self.loop.close()

    def _note_error(self, _loop: Any, context: dict[str, Any]) -> None:
        self.errors.append(f"{context.get('message')}: {context.get('exception')!r}")


def _unless_cancelled(handle: Any, callback: Callable[..., object], *args: Any) -> None:
    """A timer that ran out while its process stood still may have been cancelled by what came first."""
    if handle is None or not handle.cancelled():
        callback(*args)


def _nobody_hears(args: tuple[Any, ...]) -> None:
    """Of a future that failed, a dead process would have heard just now."""
    for future in args:
        if isinstance(future, asyncio.Future) and future.done() and not future.cancelled():
            future.exception()


def _cut(transport: Any) -> None:
    """As the system does for whoever is gone."""
    if transport._sock is not None:
        transport._loop.forget(transport._sock)
        transport._closing = True
        transport._sock.close()
        transport._sock = None


def _close(journal: Any) -> None:
    """So that nothing of a dead process writes into what now has its file's number."""
    if not journal._closed:
        journal._closed, journal._failure = True, "its process was killed"
        with contextlib.suppress(OSError):
            os.close(journal._fd)


__all__ = ["EPOCH_S", "Clock", "Process", "SimulatedOS"]
