"""Moving the program onto a simulated system: whatever of the real one it would touch is swapped.

    with nothing_left_behind():
        system = SimulatedOS(seed)
        run_on(system, main())

Clocks (those in default arguments, too), the sync of a file, threads. What opens a lock, a journal or a
database is entered with its process, which the system takes it from when it kills it.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import inspect
import os
import ssl
import sys
import time
import types
import warnings
from collections.abc import Callable, Container, Iterator
from typing import Any
from unittest import mock

import aiosqlite.core

import tradectl.exchange.ccxt_venue
import tradectl.runtime.exchanges  # noqa: F401  what is loaded late would keep the first system's clock
from tests.simulated_os.loop import PROCESS, run_until_idle
from tests.simulated_os.system import SimulatedOS
from tradectl.bus.clock import COUNTS_ON, COUNTS_ON_NS, ComputerClock
from tradectl.journal.writer import JournalWriter
from tradectl.monitoring.alert import Alert
from tradectl.monitoring.notifier import Notifier
from tradectl.monitoring.watchdog import Watchdog
from tradectl.runtime import trade
from tradectl.storage.lease import FileLease

Swap = tuple[Any, str, Any]
Clocks = dict[Any, Any]
MAY_BE_A_CLOCK = (types.BuiltinFunctionType, functools.partial)
FREEZE = gc.freeze
"""The collector's own: among the tests it is swapped for what a program would freeze."""


def run_on(system: SimulatedOS, work: Any) -> Any:
    """Run a coroutine to its end on the system, which is of no use after that."""
    try:
        with contextlib.ExitStack() as stack:
            for target, name, value in swaps(system):
                stack.enter_context(mock.patch.object(target, name, value))
            return system.loop.run_until_complete(work)
    finally:
        system.end()


def swaps(system: SimulatedOS) -> Iterator[Swap]:
    clock = system.clock
    clocks: Clocks = {
        time.time: clock.time,
        time.time_ns: clock.time_ns,
        time.monotonic: clock.monotonic,
        time.monotonic_ns: clock.monotonic_ns,
        time.perf_counter: clock.monotonic,
        time.perf_counter_ns: clock.monotonic_ns,
    }
    named = dict(clocks)
    clocks[COUNTS_ON] = clock.counts_on
    clocks[COUNTS_ON_NS] = clock.counts_on_ns
    yield from list(_defaults(clocks))
    for real, simulated in named.items():
        yield time, real.__name__, simulated
    yield ComputerClock, "wall", clock.time_ns
    yield ComputerClock, "monotonic", clock.counts_on
    yield ComputerClock, "ticks", clock.monotonic_ns
    yield os, "fdatasync", system.sync
    yield FileLease, "_take", _entered(FileLease._take, "locks", 1)
    yield JournalWriter, "__init__", _entered(JournalWriter.__init__, "journals", 0)
    sqlite = aiosqlite.core.Connection
    yield sqlite, "_connect", _entered(sqlite._connect, "databases", 0)
    yield aiosqlite.core, "SimpleQueue", _Inbox
    yield aiosqlite.core, "Thread", mock.Mock
    yield Notifier, "_in_thread", _notified
    yield Watchdog, "start", lambda _: None  # it is a thread, and looks at real time
    yield ssl, "create_default_context", _tls
    yield trade, "collected_rarely", contextlib.nullcontext


def _entered(method: Callable[..., Any], among: str, which: int) -> Callable[..., Any]:
    """The method, with its argument `which` (0: the object) entered with the process that calls it."""

    def method_entered(*args: Any, **more: Any) -> Any:
        result = method(*args, **more)
        process = PROCESS.get()
        if process is not None:
            getattr(process, among).append(args[which])
        return result

    return method_entered


async def _notified(self: Notifier, alert: Alert) -> None:
    """A plain handler is called at once: a thread goes by real time."""
    answer = self._handler(alert)
    if inspect.isawaitable(answer):
        await answer


class _Inbox:
    """What aiosqlite's thread would take its work from: it is done in the next turn of the loop."""

    def put_nowait(self, job: tuple[asyncio.Future[Any] | None, Callable[[], Any]]) -> None:
        future, function = job
        if future is not None:
            asyncio.get_running_loop().call_soon(run_until_idle, future, function)


def _defaults(clocks: Clocks) -> Iterator[Swap]:
    """Every default argument of the program that is a clock."""
    ours = tuple(name for name in sys.modules if name.startswith("tradectl"))
    for function in _with_clocks(ours, frozenset(clocks)):
        named, plain = function.__kwdefaults__ or {}, function.__defaults__ or ()
        if any(_is_clock(value, clocks) for value in named.values()):
            swapped = {name: _simulated(value, clocks) for name, value in named.items()}
            yield function, "__kwdefaults__", swapped
        if any(_is_clock(value, clocks) for value in plain):
            yield function, "__defaults__", tuple(_simulated(value, clocks) for value in plain)


@functools.cache
def _with_clocks(modules: tuple[str, ...], clocks: frozenset[Any]) -> list[types.FunctionType]:
    """Of what is loaded, whatever has one; it is looked for again when more is."""
    found = []
    for function in _functions(modules):
        values = [*(function.__kwdefaults__ or {}).values(), *(function.__defaults__ or ())]
        if any(_is_clock(value, clocks) for value in values):
            found.append(function)
    return found


def _functions(modules: tuple[str, ...]) -> Iterator[types.FunctionType]:
    for name in modules:
        for found in list(vars(sys.modules[name]).values()):
            if getattr(found, "__module__", None) != name:
                continue
            members = [found] if not isinstance(found, type) else vars(found).values()
            yield from (inspect.unwrap(f) for f in members if isinstance(f, types.FunctionType))


def _is_clock(value: Any, clocks: Container[Any]) -> bool:
    return isinstance(value, MAY_BE_A_CLOCK) and value in clocks


def _simulated(value: Any, clocks: Clocks) -> Any:
    return clocks[value] if _is_clock(value, clocks) else value


_create_tls = ssl.create_default_context


@functools.cache
def _one_tls() -> ssl.SSLContext:
    return _create_tls()


def _tls(*_args: Any, **_more: Any) -> ssl.SSLContext:
    """Reading the certificates takes longer than a whole simulation."""
    return _one_tls()


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
            # or what they do at their end would make one, and wait in it
            asyncio.set_event_loop(None)
            gc.collect()
            sys.unraisablehook = hook
        FREEZE()  # what stays is not looked at after the next one
        if collects:
            gc.enable()


__all__ = ["nothing_left_behind", "run_on", "swaps"]
