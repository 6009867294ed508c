"""A small machine in one event loop: its time, its processes, its disk.

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
import fcntl
import functools
import gc
import os
import selectors
import ssl
import sys
import time
import types
import warnings
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from contextvars import Context, ContextVar, copy_context
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

import aiosqlite.core

import tradectl.exchange.ccxt_venue
import tradectl.runtime.venues  # noqa: F401  what is loaded late would keep the first machine's clock
from tradectl.bus.journal import JournalWriter
from tradectl.monitoring.watchdog import Watchdog
from tradectl.runtime import run as runs
from tradectl.runtime.paths import StateDir

EPOCH_S = 1_767_600_000.0
"""2026-01-05T08:00:00Z: when every simulation begins."""
MOST_CALLBACKS = 3_000_000
"""A simulation that makes more of them goes round in circles."""

PROCESS: ContextVar[Process | None] = ContextVar("process", default=None)


class Clock:
    """`now` is seconds since the start; the wall clock may be `off` by some."""

    def __init__(self) -> None:
        self.now = 0.0
        self.off = 0.0

    def monotonic(self) -> float:
        return self.now

    def monotonic_ns(self) -> int:
        return round(self.now * 1e9)

    def time(self) -> float:
        return EPOCH_S + self.now + self.off

    def time_ns(self) -> int:
        return int(EPOCH_S) * 10**9 + round((self.now + self.off) * 1e9)


class _Selector(selectors.DefaultSelector):
    """Instead of waiting it moves the clock."""

    machine: Machine

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._heard()
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if ready := self._heard():  # once more: the system may deliver by a thread of its own
            return ready
        if timeout is None:
            raise RuntimeError("nothing is left that could ever happen: the simulation hangs")
        self.machine.clock.now += timeout
        return []

    def _heard(self) -> list[tuple[selectors.SelectorKey, int]]:
        deaf = self.machine.stopped_fds()
        ready = super().select(0)
        return [event for event in ready if event[0].fd not in deaf] if deaf else ready


class Process:
    """What is started in it belongs to it, and what that starts. `fuse` is how many callbacks it has
    left before it is killed; None for no end."""

    def __init__(self, machine: Machine, name: str) -> None:
        self.name = name
        self.machine = machine
        self.dead = False
        self.stopped = False
        self.fuse: int | None = None
        self.callbacks = 0
        self.main: asyncio.Task[Any] | None = None
        self.signals: dict[int, Callable[[], object]] = {}
        self.journals: list[JournalWriter] = []
        self.gone = asyncio.Event()
        self._fds: set[int] = set()
        self._transports: weakref.WeakSet[Any] = weakref.WeakSet()
        self._sockets: weakref.WeakSet[Any] = weakref.WeakSet()
        self._databases: list[aiosqlite.Connection] = []
        self._locks: list[int] = []
        self._backlog: deque[tuple[Context, Callable[..., object], tuple[Any, ...]]] = deque()
        self._remains: list[object] = []
        self._context = copy_context()
        self._context.run(PROCESS.set, self)

    # --- life -----------------------------------------------------------------------------------

    def start(self, work: Any) -> asyncio.Task[Any]:
        """Run the coroutine `work` as its main program."""
        self.main = self.machine.loop.create_task(work, context=self._context.copy())
        self.main.add_done_callback(lambda _: self._exit())
        return self.main

    def _exit(self) -> None:
        self._locks.clear()
        self.kill()

    def run(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call something inside it, as if it had called it itself."""
        return self._context.copy().run(function, *args)

    @property
    def ended(self) -> bool:
        return self.gone.is_set()

    def send_signal(self, number: int) -> None:
        if not self.ended and number in self.signals:
            self.machine.loop.call_soon(self.signals[number], context=self._context.copy())

    def stop(self) -> None:
        """SIGSTOP."""
        self.stopped = True

    def resume(self) -> None:
        """SIGCONT: what came in the meantime is heard now."""
        self.stopped = False
        while self._backlog:
            context, callback, args = self._backlog.popleft()
            self.machine.loop.call_soon(callback, *args, context=context)

    def kill(self) -> None:
        """SIGKILL: none of its code runs any more."""
        if self.dead:
            return
        self.dead = True
        self._remains = [*asyncio.all_tasks(self.machine.loop), *self._backlog]
        for transport in list(self._transports):
            _cut(transport)
        for open_socket in list(self._sockets):
            self.machine.loop.forget(open_socket)
            open_socket.close()
        for database in self._databases:
            connection, database._connection = database._connection, None
            if connection is not None:
                connection.rollback()  # as the next one to open it would
                connection.close()
        for fd in self._locks:
            fcntl.flock(fd, fcntl.LOCK_UN)
        self.gone.set()

    # --- asked by the loop ------------------------------------------------------------------------

    def step(self, callback: Callable[..., object], *args: Any) -> None:
        if self.dead:
            return
        if self.stopped:
            self._backlog.append((copy_context(), callback, args))
            return
        self.callbacks += 1
        if self.fuse is not None:
            self.fuse -= 1
            if self.fuse < 0:
                self.kill()
                return
        callback(*args)


class _Loop(asyncio.SelectorEventLoop):
    """Knows which process every callback and every socket belongs to."""

    def __init__(self, machine: Machine) -> None:
        selector = _Selector()
        selector.machine = self.machine = machine
        self.fds: dict[int, Process] = {}
        self.count = 0
        super().__init__(selector)

    def time(self) -> float:
        return self.machine.clock.now

    def call_soon(self, callback: Any, *args: Any, context: Context | None = None) -> Any:
        context = context if context is not None else copy_context()
        return super().call_soon(*self._owned(context, callback, args), context=context)

    def call_at(self, when: float, callback: Any, *args: Any, context: Context | None = None) -> Any:
        context = context if context is not None else copy_context()
        return super().call_at(when, *self._owned(context, callback, args), context=context)

    def _owned(self, context: Context, callback: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
        self.count += 1
        if self.count > MOST_CALLBACKS:
            raise RuntimeError("the simulation goes round in circles")
        process = context.get(PROCESS)
        return (callback, *args) if process is None else (process.step, callback, *args)

    def _add_reader(self, fd: Any, callback: Any, *args: Any) -> Any:
        self._note_fd(fd)
        return super()._add_reader(fd, *self._owned(copy_context(), callback, args))  # type: ignore[misc]

    def _add_writer(self, fd: Any, callback: Any, *args: Any) -> Any:
        self._note_fd(fd)
        return super()._add_writer(fd, *self._owned(copy_context(), callback, args))  # type: ignore[misc]

    def _note_fd(self, fd: Any) -> None:
        number = fd if isinstance(fd, int) else fd.fileno()
        process = PROCESS.get()
        if process is not None:
            self.fds[number] = process
        else:
            self.fds.pop(number, None)

    def forget(self, open_socket: Any) -> None:
        fd = open_socket.fileno()
        if fd >= 0:
            self._remove_reader(fd)  # type: ignore[attr-defined]
            self._remove_writer(fd)  # type: ignore[attr-defined]
            self.fds.pop(fd, None)

    def _make_socket_transport(self, *args: Any, **more: Any) -> Any:
        transport = super()._make_socket_transport(*args, **more)  # type: ignore[misc]
        process = PROCESS.get()
        if process is not None:
            process._transports.add(transport)
        return transport

    async def sock_connect(self, sock: Any, address: Any) -> None:
        self._note_socket(sock)
        await super().sock_connect(sock, address)

    def _start_serving(self, protocol_factory: Any, sock: Any, *args: Any, **more: Any) -> None:
        self._note_socket(sock)
        super()._start_serving(protocol_factory, sock, *args, **more)  # type: ignore[misc]

    def _note_socket(self, sock: Any) -> None:
        process = PROCESS.get()
        if process is not None:
            process._sockets.add(sock)

    def add_signal_handler(self, sig: int, callback: Any, *args: Any) -> None:
        process = PROCESS.get()
        assert process is not None
        process.signals[sig] = functools.partial(callback, *args)

    def remove_signal_handler(self, sig: int) -> bool:
        process = PROCESS.get()
        return process is not None and process.signals.pop(sig, None) is not None

    def run_in_executor(self, _executor: Any, function: Any, *args: Any) -> Any:
        """A thread's work is done in one go, after as long as the machine's disk takes."""
        future = self.create_future()

        def work() -> None:
            try:
                result = function(*args)
            except Exception as error:  # handed to whoever waits for it, as a thread would
                if not future.done():
                    future.set_exception(error)
            else:
                if not future.done():
                    future.set_result(result)

        self.call_later(self.machine.disk_takes(), work)
        return future


class _Inbox:
    """What aiosqlite's thread would take its work from."""

    def __init__(self) -> None:
        self._connection: aiosqlite.Connection | None = None

    def put_nowait(self, job: tuple[Any, Callable[[], Any]]) -> None:
        future, function = job
        if future is None:
            return

        def work() -> None:
            try:
                result = function()
            except BaseException as error:
                if not future.done():
                    future.set_exception(error)
                return
            if not future.done():
                future.set_result(result)

        asyncio.get_running_loop().call_soon(work)


class Machine:
    """`disk_takes` gives the seconds that the next sync takes."""

    def __init__(self, seed: int = 0) -> None:
        self.clock = Clock()
        self.random = Random(f"machine {seed}")
        self.slow_disk = 0.0
        self.loop = _Loop(self)
        self.loop.set_exception_handler(self._note_error)
        self.errors: list[dict[str, Any]] = []
        self.processes: list[Process] = []
        self.durable: dict[tuple[int, int], int] = {}

    def process(self, name: str) -> Process:
        made = Process(self, name)
        self.processes.append(made)
        return made

    def stopped_fds(self) -> set[int]:
        if not any(p.stopped for p in self.processes):
            return set()
        return {fd for fd, owner in self.loop.fds.items() if owner.stopped and not owner.dead}

    def disk_takes(self) -> float:
        return self.random.uniform(0, self.slow_disk) if self.slow_disk else 0.0

    def durable_bytes(self, path: Path) -> int:
        """How much of the file would survive a loss of power."""
        found = path.stat()
        return self.durable.get((found.st_dev, found.st_ino), 0)

    def lose_power(self, journals: Path) -> None:
        """Cut what was not synced off the journals, somewhere in its middle."""
        for path in sorted(journals.glob("*.jsonl")):
            kept, whole = self.durable_bytes(path), path.stat().st_size
            os.truncate(path, self.random.randint(kept, whole))

    def _fdatasync(self, fd: int) -> None:
        found = os.fstat(fd)
        self.durable[found.st_dev, found.st_ino] = found.st_size

    def _note_error(self, _loop: Any, context: dict[str, Any]) -> None:
        self.errors.append(context)

    # --- running ----------------------------------------------------------------------------------

    def run(self, work: Any) -> Any:
        """Run a coroutine to its end on this machine, which is of no use after that."""
        try:
            with self._in_place_of_the_real_one():
                return self.loop.run_until_complete(work)
        finally:
            self._end()

    def _end(self) -> None:
        for process in self.processes:
            process.kill()
            for journal in process.journals:
                _close(journal)
        self.processes.clear()
        self.loop.close()

    @contextlib.contextmanager
    def _in_place_of_the_real_one(self) -> Iterator[None]:
        clock = self.clock
        instead: dict[Any, Any] = {
            time.time: clock.time,
            time.time_ns: clock.time_ns,
            time.monotonic: clock.monotonic,
            time.monotonic_ns: clock.monotonic_ns,
        }
        take, write = StateDir._take, JournalWriter.__init__
        connect = aiosqlite.core.Connection._connect

        def taken(state_dir: StateDir, fd: int) -> None:
            take(state_dir, fd)
            _here()._locks.append(fd)

        def written(journal: JournalWriter, *args: Any, **more: Any) -> None:
            write(journal, *args, **more)
            _here().journals.append(journal)

        async def connected(database: aiosqlite.Connection) -> aiosqlite.Connection:
            _here()._databases.append(database)
            return await connect(database)

        with contextlib.ExitStack() as stack:

            def put(target: Any, name: str, value: Any) -> None:
                stack.enter_context(mock.patch.object(target, name, value))

            for real, simulated in instead.items():
                put(time, real.__name__, simulated)
            for owner, name, value in _defaults(instead):
                put(owner, name, value)
            put(os, "fdatasync", self._fdatasync)
            put(StateDir, "_take", taken)
            put(JournalWriter, "__init__", written)
            put(Watchdog, "start", lambda _: None)  # it is a thread, and looks at real time
            put(aiosqlite.core, "SimpleQueue", _Inbox)
            put(aiosqlite.core, "Thread", mock.Mock)
            put(aiosqlite.core.Connection, "_connect", connected)
            put(ssl, "create_default_context", _tls)
            put(runs, "_collect_garbage_rarely", contextlib.nullcontext)
            yield


def _here() -> Process:
    process = PROCESS.get()
    return process if process is not None else _NOBODY


def _cut(transport: Any) -> None:
    """As the system does for whoever is gone."""
    sock = transport._sock
    if sock is None:
        return
    transport._loop.forget(sock)
    transport._sock = None
    transport._closing = True
    sock.close()


def _close(journal: JournalWriter) -> None:
    if not journal._closed:
        journal._closed, journal._failure = True, "its process was killed"
        os.close(journal._fd)


def _defaults(instead: dict[Any, Any]) -> Iterator[tuple[Any, str, Any]]:
    """Every default argument of ours that is a clock."""
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] != "tradectl":
            continue
        for found in list(vars(module).values()):
            if getattr(found, "__module__", None) != name:
                continue
            functions = [found] if isinstance(found, types.FunctionType) else []
            if isinstance(found, type):
                functions = [f for f in vars(found).values() if isinstance(f, types.FunctionType)]
            for function in functions:
                named = function.__kwdefaults__
                if named and any(_is_clock(v, instead) for v in named.values()):
                    yield function, "__kwdefaults__", {
                        k: instead[v] if _is_clock(v, instead) else v for k, v in named.items()
                    }
                plain = function.__defaults__
                if plain and any(_is_clock(v, instead) for v in plain):
                    yield function, "__defaults__", tuple(
                        instead[v] if _is_clock(v, instead) else v for v in plain
                    )


def _is_clock(value: Any, instead: dict[Any, Any]) -> bool:
    return isinstance(value, types.BuiltinFunctionType) and value in instead


@functools.cache
def _tls_context(create: Any) -> ssl.SSLContext:
    context: ssl.SSLContext = create()
    return context


_create_tls = ssl.create_default_context


def _tls(*_args: Any, **_more: Any) -> ssl.SSLContext:
    """Reading the certificates takes longer than a whole simulation."""
    return _tls_context(_create_tls)


@contextlib.contextmanager
def nothing_left_behind() -> Iterator[None]:
    """For the machines that are made inside: what was killed is cleared away after them, when it can do
    no harm, and whatever it complains of."""
    collects, hook = gc.isenabled(), sys.unraisablehook
    gc.disable()
    try:
        yield
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sys.unraisablehook = lambda _: None
            gc.collect()
            sys.unraisablehook = hook
        if collects:
            gc.enable()


_NOBODY = Process.__new__(Process)
_NOBODY.journals, _NOBODY._locks, _NOBODY._databases = [], [], []

__all__ = ["PROCESS", "Clock", "Machine", "Process", "nothing_left_behind"]
