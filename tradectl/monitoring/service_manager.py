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


class ServiceManager:
    """Started last and stopped first of all; `status` is a word on the run. `period` (s) is how often it
    wants a sign of life, 0 for never."""

    name = "service-manager"

    def __init__(
        self, address: str, period: float, status: Callable[[], str], clock: Clock
    ) -> None:
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._pause = period / 2 if period else 0.0
        self._status = status
        self._clock = clock
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        if self._task is None:
            self._tell(f"READY=1\nSTATUS={self._status()}\nMAINPID={os.getpid()}")
            self._task = asyncio.ensure_future(self._run())

    async def stop(self) -> None:
        if self._task is not None:
            self._tell("STOPPING=1\nSTATUS=stopping")
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        while self._pause:
            await self._clock.sleep(self._pause)
            self._tell(f"WATCHDOG=1\nSTATUS={self._status()}")

    def _tell(self, words: str) -> None:
        """Nobody may be listening, and nobody is waited for."""
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender,
        ):
            sender.setblocking(False)
            sender.sendto(words.encode(), self._address)


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


__all__ = ["ServiceManager", "service_manager_of"]
