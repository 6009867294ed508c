"""How far a clock is from UTC, told by a time server on the loopback."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.fixtures.monitoring import until
from tests.fixtures.rows import each_row
from tradectl.bus.clock import WallClock
from tradectl.bus.event_bus import EventBus
from tradectl.domain.errors import ConfigError
from tradectl.domain.time import SECOND
from tradectl.monitoring.alert_manager import AlertManager
from tradectl.monitoring.utc_clock import UtcClock
from tradectl.notification.address import host_and_port

SINCE_1900 = 2_208_988_800
YEARS = 365 * 86_400 * SECOND


class TimeServer(asyncio.DatagramProtocol):
    """It is `ahead` ns; `spoils` changes what it answers, None for nothing."""

    def __init__(self, ahead: int) -> None:
        self.ahead = ahead
        self.spoils: Callable[[bytes], bytes | None] = bytes
        self.asked = 0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.asked += 1
        assert len(data) == 48
        assert data[0] == 0x23
        at = WallClock().now() + self.ahead
        seconds, part = divmod(at, SECOND)
        stamp = struct.pack(">II", (seconds + SINCE_1900) % (1 << 32), (part << 32) // SECOND)
        answer = self.spoils(bytes([0x24, 2, 4, 0xEC]) + bytes(20) + data[40:48] + stamp * 2)
        if answer is not None:
            self._transport.sendto(answer, addr)


@contextlib.asynccontextmanager
async def served(ahead: int) -> AsyncIterator[tuple[TimeServer, str]]:
    transport, server = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: TimeServer(ahead), local_addr=("127.0.0.1", 0)
    )
    try:
        yield server, f"127.0.0.1:{transport.get_extra_info('sockname')[1]}"
    finally:
        transport.close()


@contextlib.asynccontextmanager
async def asking(server: str, alerts: AlertManager) -> AsyncIterator[list[float | None]]:
    found = list[float | None]()
    clock = UtcClock(server, 0.005, found.append, alerts, WallClock())
    await clock.start()
    try:
        yield found
    finally:
        await clock.stop()


@pytest.fixture
def alerts() -> AlertManager:
    return AlertManager(EventBus())


@pytest.mark.parametrize("ahead", [0, 3 * SECOND, -3600 * SECOND, 20 * YEARS, -35 * YEARS])
async def test_the_offset_is_what_the_server_is_ahead(ahead: int, alerts: AlertManager) -> None:
    """Over the year in which its count begins anew, too."""
    async with served(ahead) as (_, server), asking(server, alerts) as found:
        await until(lambda: len(found) > 1)
        assert found[0] == pytest.approx(ahead / 1e6, abs=1_900)  # half of the longest way there
        assert not alerts.get_active_alerts()


def another_mark(answer: bytes) -> bytes:
    return answer[:24] + bytes(8) + answer[32:]


def unset(answer: bytes) -> bytes:
    return bytes([0xE4]) + answer[1:]


def kiss_of_death(answer: bytes) -> bytes:
    return answer[:1] + bytes(1) + answer[2:]


@pytest.mark.parametrize("spoils", [unset, kiss_of_death])
async def test_one_that_does_not_know_is_told_once_until_it_does(
    spoils: Callable[[bytes], bytes], alerts: AlertManager
) -> None:
    async with served(0) as (source, server), asking(server, alerts) as found:
        source.spoils = spoils
        await until(lambda: found.count(None) > 2)
        (alert,) = alerts.get_active_alerts()
        assert (alert.type, alert.count) == ("time_server_silent", 1)
        assert "it does not know it itself" in alert.message
        source.spoils = bytes
        await until(lambda: not alerts.get_active_alerts())


async def test_an_answer_to_somebody_else_is_none(
    alerts: AlertManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tradectl.monitoring.utc_clock.TIMEOUT_S", 0.05)
    async with served(0) as (source, server), asking(server, alerts) as found:
        source.spoils = another_mark
        await until(lambda: found)
        assert set(found) == {None}
        assert "no answer in 0.05 s" in alerts.get_active_alerts()[0].message


async def test_a_server_that_is_not_there_is_told(alerts: AlertManager) -> None:
    async with served(0) as (_, server):
        pass
    async with asking(server, alerts) as found:
        await until(alerts.get_active_alerts)
        assert set(found) == {None}


@each_row(
    ("server", "expected"),
    [
        ("pool.ntp.org", ("pool.ntp.org", 123)),
        ("10.0.0.1:1123", ("10.0.0.1", 1123)),
        ("[fe80::1]", ("fe80::1", 123)),
        ("[::1]:99", ("::1", 99)),
    ],
)
def test_a_server_is_a_host_and_a_port(server: str, expected: tuple[str, int]) -> None:
    assert host_and_port(server) == expected


@each_row(
    "server",
    [":123", "host:", "host:0", "host:65536", "::1", "https://host", "a b", "user@host", "h\n"],
)
def test_what_is_none_is_refused(server: str) -> None:
    with pytest.raises(ConfigError, match=r"monitoring\.time_server: expected HOST or HOST:PORT"):
        host_and_port(server)
