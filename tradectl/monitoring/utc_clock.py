"""How far this machine's clock is from UTC, by a time server's word (SNTP, RFC 4330).

    asked at t0 --> it hears at t1, answers at t2 --> heard at t3
    offset = ((t1 - t0) + (t2 - t3)) / 2

It is sure to half of the way there and back, so a slow answer is none. An answer counts if it repeats
what was asked. That the server stays silent is told once; the run goes on by its own clock either way.
"""

from __future__ import annotations

import asyncio
import os
import struct
from collections.abc import Callable

from tradectl.bus.clock import Clock
from tradectl.domain.states import AlertSeverity
from tradectl.domain.text import described, harmless
from tradectl.domain.time import MILLISECOND, SECOND
from tradectl.monitoring.alert_manager import AlertManager
from tradectl.monitoring.component_breaker import ComponentBreaker
from tradectl.monitoring.periodic import Periodic
from tradectl.notification.address import host_and_port

TIME_SERVER_SILENT = "time_server_silent"
TIMEOUT_S = 2.0
ASKED = 0x23
"""No warning, version 4, a client."""
ANSWERED = 4
UNSET = 3
"""Its clock is not set, by its own word."""
PACKET = struct.Struct(">BBBb11I")
SINCE_1900 = 2_208_988_800
ERA = 1 << 32
"""Seconds that its count goes up to, before it begins anew (in 2036)."""


class NoTime(Exception):
    """There was no answer, or none that counts."""


class UtcClock:
    """Asks `server` every `interval` s, and tells `found` the offset in ms (positive: this clock is
    behind), or None where it is not known any more."""

    name = "utc-clock"

    def __init__(
        self,
        server: str,
        interval: float,
        found: Callable[[float | None], None],
        alerts: AlertManager,
        clock: Clock,
        breaker: ComponentBreaker | None = None,
    ) -> None:
        self._server = server
        self._host, self._port = host_and_port(server)
        self._found = found
        self._alerts = alerts
        self._clock = clock
        self._pace = Periodic(self._look, interval, clock, breaker)
        self.start, self.stop, self.every = self._pace.start, self._pace.stop, self._pace.every

    async def _look(self) -> str:
        try:
            offset = await self._ask()
        except (OSError, NoTime) as error:
            self._found(None)
            why = described(error)
            told = f"the time server {harmless(self._server)} does not tell the time: {why}"
            if not any(a.type == TIME_SERVER_SILENT for a in self._alerts.get_active_alerts()):
                self._alerts.raise_alert(TIME_SERVER_SILENT, told, AlertSeverity.WARNING, self.name)
            return why
        self._found(round(offset / MILLISECOND, 3))
        self._alerts.resolve_type(TIME_SERVER_SILENT, self.name)
        return ""

    async def _ask(self) -> int:
        """In ns. Raises NoTime, OSError."""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                packet, sent, took = await self._answer()
        except TimeoutError:
            raise NoTime(f"no answer in {TIMEOUT_S:g} s") from None
        heard, answered = _times_in(packet, sent)
        return ((heard - sent) + (answered - sent - took)) // 2

    async def _answer(self) -> tuple[bytes, int, int]:
        """The packet; when it was asked for, and how long that took, in ns."""
        loop, mark = asyncio.get_running_loop(), os.urandom(8)
        answer: asyncio.Future[bytes] = loop.create_future()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Answer(answer, mark), remote_addr=(self._host, self._port)
        )
        try:
            sent, began = self._clock.now(), self._clock.monotonic()
            transport.sendto(bytes([ASKED]) + bytes(39) + mark)
            packet = await answer
            return packet, sent, round((self._clock.monotonic() - began) * SECOND)
        finally:
            transport.close()


class _Answer(asyncio.DatagramProtocol):
    """The packet that repeats the `mark` that was sent."""

    def __init__(self, answer: asyncio.Future[bytes], mark: bytes) -> None:
        self._answer, self._mark = answer, mark

    def datagram_received(self, data: bytes, addr: object) -> None:
        if len(data) >= PACKET.size and data[24:32] == self._mark and not self._answer.done():
            self._answer.set_result(data[: PACKET.size])

    def error_received(self, exc: Exception) -> None:
        if not self._answer.done():
            self._answer.set_exception(exc)


def _times_in(packet: bytes, near: int) -> tuple[int, int]:
    """When it heard and when it answered, ns UTC. Raises NoTime for a server that does not know."""
    first, stratum, *_, heard_s, heard_part, sent_s, sent_part = PACKET.unpack(packet)
    if first & 7 != ANSWERED or first >> 6 == UNSET or not 0 < stratum < 16 or not sent_s:
        raise NoTime("it does not know it itself")
    return _ns(heard_s, heard_part, near), _ns(sent_s, sent_part, near)


def _ns(seconds: int, part: int, near: int) -> int:
    """In the era that is nearest to `near`."""
    behind = (seconds - SINCE_1900 - near // SECOND + ERA // 2) % ERA - ERA // 2
    return (near // SECOND + behind) * SECOND + (part * SECOND >> 32)


__all__ = ["NoTime", "UtcClock"]
