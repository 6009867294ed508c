"""The loopback exchange in a thread of its own, for tests that run the program as another process.

Every call is made on the exchange's loop and waited for; what is awaited there is waited for here too.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tradectl.testkit.broadcast import Broadcast
from tradectl.testkit.exchange import LoopbackExchange
from tradectl.testkit.faults import Faults
from tradectl.testkit.sockets import Hub
from tradectl.testkit.truth import Truth

_SHARED = (LoopbackExchange, Truth, Faults, Hub, Broadcast)


class OnLoop:
    """`target`, seen from another thread. What is handed over to be called on the loop (as to `until`)
    may ask it, too."""

    def __init__(self, target: object, loop: asyncio.AbstractEventLoop, thread: int) -> None:
        self._target = target
        self._loop = loop
        self._thread = thread

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._target, name)
        if isinstance(value, _SHARED):
            return OnLoop(value, self._loop, self._thread)
        return self._called(value) if callable(value) else value

    def _called(self, function: Callable[..., Any]) -> Callable[..., Any]:
        async def on_loop(*args: Any, **kwargs: Any) -> Any:
            result = function(*args, **kwargs)
            return await result if inspect.isawaitable(result) else result

        def call(*args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() == self._thread:
                return function(*args, **kwargs)
            return asyncio.run_coroutine_threadsafe(on_loop(*args, **kwargs), self._loop).result(
                600
            )

        return call


@contextmanager
def loopback_thread(*args: Any, **kwargs: Any) -> Iterator[Any]:
    """Takes what `LoopbackExchange` takes; gives what looks like it, without `await`."""
    ready = threading.Event()
    made: list[Any] = []

    async def run() -> None:
        try:
            async with LoopbackExchange(*args, **kwargs) as exchange:
                stop = asyncio.Event()
                loop = asyncio.get_running_loop()
                made.extend(
                    [
                        OnLoop(exchange, loop, threading.get_ident()),
                        lambda: loop.call_soon_threadsafe(stop.set),
                    ]
                )
                ready.set()
                await stop.wait()
        finally:
            ready.set()

    failed: list[BaseException] = []

    def main() -> None:
        try:
            asyncio.run(run())
        except BaseException as error:  # told to the test's own thread below
            failed.append(error)

    thread = threading.Thread(target=main, name="loopback", daemon=True)
    thread.start()
    ready.wait(30)
    if not made:
        thread.join(5)
        cause = failed[0] if failed else None
        raise RuntimeError("the loopback exchange did not start") from cause
    try:
        yield made[0]
    finally:
        made[1]()
        thread.join(10)
    if failed:
        raise failed[0]
