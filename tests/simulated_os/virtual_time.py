"""An event loop for one test whose time is virtual: marked `virtual_time`, it waits in no time at all.

    pytestmark = pytest.mark.virtual_time

What the test and its fixtures await runs on a simulated operating system; whoever asks a clock there is
told its time. A busy computer changes nothing: time goes on only where nothing else is left to do.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any
from unittest import mock

from tests.simulated_os.loop import SimulatedLoop
from tests.simulated_os.patches import swaps
from tests.simulated_os.system import SimulatedOS


class VirtualLoop(SimulatedLoop):
    """A loop that moves the program onto its system as long as it is open."""

    def __init__(self, system: SimulatedOS) -> None:
        super().__init__(system)
        self.moved = contextlib.ExitStack()

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:  # type: ignore[override]
        """All is one process here: each timer may be coarse."""
        return super().call_at(self.coarsened(when), callback, *args, context=context)

    def close(self) -> None:
        super().close()
        self.moved.close()


def virtual_loop() -> VirtualLoop:
    system = SimulatedOS(make_loop=VirtualLoop)
    loop = system.loop
    assert isinstance(loop, VirtualLoop)
    for target, name, value in swaps(system):
        loop.moved.enter_context(mock.patch.object(target, name, value))
    return loop


@contextlib.contextmanager
def coarse_timers(seconds: float) -> Iterator[None]:
    """Hours in which nothing happens cost less: timers run out together, at multiples of so much."""
    system = simulated_system()
    system.coarse = seconds
    try:
        yield
    finally:
        system.coarse = 0.0


def simulated_system() -> SimulatedOS:
    """The one that this test runs on: its clock may be moved, its disk made slow."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return loop.system


__all__ = ["coarse_timers", "simulated_system", "virtual_loop"]
