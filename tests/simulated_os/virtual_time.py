"""An event loop for one test whose time is virtual: marked `virtual_time`, it waits in no time at all.

    pytestmark = pytest.mark.virtual_time

What the test and its fixtures await runs on a simulated operating system; whoever asks a clock there is
told its time. A busy computer changes nothing: time goes on only where nothing else is left to do.
"""

from __future__ import annotations

import asyncio
import contextlib
from unittest import mock

from tests.simulated_os.loop import SimulatedLoop
from tests.simulated_os.patches import swaps
from tests.simulated_os.system import SimulatedOS


class VirtualLoop(SimulatedLoop):
    """A loop that moves the program onto its system as long as it is open."""

    def __init__(self, system: SimulatedOS) -> None:
        super().__init__(system)
        self.moved = contextlib.ExitStack()

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


def simulated_system() -> SimulatedOS:
    """The one that this test runs on: its clock may be moved, its disk made slow."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return loop.system


__all__ = ["simulated_system", "virtual_loop"]
