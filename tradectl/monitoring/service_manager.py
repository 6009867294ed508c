"""What systemd is told of a service (`Type=notify`): that it is ready, that it lives, that it stops.

The protocol is a datagram of text lines to the socket that NOTIFY_SOCKET names; see sd_notify(3). Signs
of life (WATCHDOG=1) come from the loop, twice as often as they are asked for: where it stands still for
too long, systemd ends the process and starts it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Mapping, MutableMapping

from tradectl.bus.clock import Clock

ADDRESS, PERIOD, OF = "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"
MICROSECONDS = 1_000_000
LONGER_S = 60
"""What starts or stops is given so much more time."""


class ServiceManager:
    """Started last and stopped first of all; `status` is a word on the run. `period` (s) is how often it
    wants a sign of life, 0 for never."""

    name = "service-manager"

    def __init__(
        self, address: str, period: float, status: Callable[[], str], clock: Clock
    ) -> None:
        self._address = address
        self._pause = period / 2 if period else 0.0
        self._status = status
        self._clock = clock
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        if self._task is None:
            _tell(self._address, f"READY=1\nSTATUS={self._status()}\nMAINPID={os.getpid()}")
            self._task = asyncio.ensure_future(self._run())

    async def stop(self) -> None:
        if self._task is not None:
            _tell(self._address, "STOPPING=1\nSTATUS=stopping")
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        while self._pause:
            await self._clock.sleep(self._pause)
            _tell(self._address, f"WATCHDOG=1\nSTATUS={self._status()}")


def take_longer(address: str, status: str) -> None:
    """What starts or stops goes on doing so: to be said again before LONGER_S are over. Without an
    address nobody waits."""
    if address:
        _tell(address, f"EXTEND_TIMEOUT_USEC={LONGER_S * MICROSECONDS}\nSTATUS={status}")


def _tell(address: str, words: str) -> None:
    """Nobody may be listening, and nobody is waited for."""
    if address.startswith("@"):
        address = f"\0{address[1:]}"
    with (
        contextlib.suppress(OSError),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender,
    ):
        sender.setblocking(False)
        sender.sendto(words.encode(), address)


def service_manager_of(
    environ: MutableMapping[str, str], status: Callable[[], str], clock: Clock
) -> ServiceManager | None:
    """By the variables that systemd sets, which are taken out: what strategies start is not the service.
    None where nobody asks."""
    address = environ.pop(ADDRESS, "")
    period = _period(environ)
    for name in (PERIOD, OF):
        environ.pop(name, None)
    if not address.startswith(("/", "@")):
        return None
    return ServiceManager(address, period, status, clock)


def _period(environ: Mapping[str, str]) -> float:
    asked, of = environ.get(PERIOD, ""), environ.get(OF, "")
    is_ours = not of or of == str(os.getpid())
    return int(asked) / MICROSECONDS if asked.isdecimal() and is_ours else 0.0


__all__ = ["ADDRESS", "ServiceManager", "service_manager_of", "take_longer"]
