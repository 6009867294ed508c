"""The event loop of a simulated system: it moves the clock instead of waiting, and knows which process
every callback and every socket belongs to."""

from __future__ import annotations

import asyncio
import functools
import math
import selectors
from collections.abc import Callable
from contextvars import Context, ContextVar, copy_context
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.simulated_os.system import Process, SimulatedOS

MOST_CALLBACKS = 3_000_000
"""A simulation that makes more of them goes round in circles."""
LONG_S = 0.4
"""A timer of so long, and longer, may be made coarse."""

PROCESS: ContextVar[Process | None] = ContextVar("process", default=None)


class _Selector(selectors.DefaultSelector):
    """Instead of waiting it moves the clock."""

    system: SimulatedOS

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._heard()
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if ready := self._heard():  # once more: the system may deliver by a thread of its own
            return ready
        if timeout is None:
            raise RuntimeError("nothing is left that could ever happen: the simulation hangs")
        self.system.clock.now += timeout
        return []

    def _heard(self) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        deaf = self.system.stopped_fds() if ready else ()
        return [event for event in ready if event[0].fd not in deaf] if deaf else ready


class SimulatedLoop(asyncio.SelectorEventLoop):
    def __init__(self, system: SimulatedOS) -> None:
        selector = _Selector()
        selector.system = self.system = system
        self.fds: dict[int, Process] = {}
        self.count = 0
        super().__init__(selector)

    def time(self) -> float:
        return self.system.clock.now

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> Any:  # type: ignore[override]
        context = context if context is not None else copy_context()
        process = self._owner(context)
        if process is None:
            return super().call_soon(callback, *args, context=context)
        step: Any = process.step
        return _reported(super().call_soon(step, context=context), callback, args)

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:  # type: ignore[override]
        context = context if context is not None else copy_context()
        process = self._owner(context)
        if process is None:
            return super().call_at(when, callback, *args, context=context)
        step: Any = process.step
        return _reported(
            super().call_at(self.coarsened(when), step, context=context), callback, args
        )

    def coarsened(self, when: float) -> float:
        """When a timer runs out that need not be exact."""
        coarse = self.system.coarse
        is_long = coarse and when - self.time() >= LONG_S
        return math.ceil(when / coarse) * coarse if is_long else when

    def _owner(self, context: Context) -> Process | None:
        self.count += 1
        if self.count > MOST_CALLBACKS:
            raise RuntimeError("the simulation goes round in circles")
        return context.get(PROCESS)

    def _add_reader(self, fd: Any, callback: Any, *args: Any) -> Any:
        self._note_fd(fd)
        return super()._add_reader(fd, *_watched(callback, args))  # type: ignore[misc]

    def _add_writer(self, fd: Any, callback: Any, *args: Any) -> Any:
        self._note_fd(fd)
        return super()._add_writer(fd, *_watched(callback, args))  # type: ignore[misc]

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
            process.transports.add(transport)
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
            process.sockets.add(sock)

    def add_signal_handler(self, sig: int, callback: Any, *args: Any) -> None:  # type: ignore[override]
        process = PROCESS.get()
        if process is None:
            super().add_signal_handler(sig, callback, *args)
        else:
            process.signals[sig] = functools.partial(callback, *args)

    def remove_signal_handler(self, sig: int) -> bool:
        process = PROCESS.get()
        if process is None:
            return super().remove_signal_handler(sig)
        return process.signals.pop(sig, None) is not None

    def run_in_executor(self, _executor: Any, function: Any, *args: Any) -> Any:  # type: ignore[override]
        """A thread's work is done in one go, after as long as the system's disk takes."""
        future = self.create_future()
        self.call_later(self.system.disk_takes(), run_until_idle, future, function, *args)
        return future


def _reported(handle: Any, callback: Any, args: tuple[Any, ...]) -> Any:
    """The handle, which tells the process what to call, and by its own state whether still."""
    handle._args = (handle, callback, *args)
    return handle


def _watched(callback: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
    process = PROCESS.get()
    return (callback, *args) if process is None else (process.step, None, callback, *args)


def run_until_idle(future: asyncio.Future[Any], function: Callable[..., Any], *args: Any) -> None:
    """Call the function, and give what it returns or raises to whoever waits for it."""
    try:
        result = function(*args)
    except Exception as error:
        if not future.done():
            future.set_exception(error)
    else:
        if not future.done():
            future.set_result(result)


__all__ = ["PROCESS", "SimulatedLoop", "run_until_idle"]
