"""Who watches from outside: reports of a loop that stands still, the heartbeat, systemd."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from tests.fixtures.monitoring import LONGEST_S, Inbox, until
from tests.fixtures.notices import OtherEnd, other_end
from tests.fixtures.rows import each_row
from tradectl.bus.clock import WallClock
from tradectl.bus.core import Core
from tradectl.bus.event_bus import EventBus
from tradectl.domain.errors import StateError
from tradectl.domain.events import Event
from tradectl.monitoring.alert_manager import AlertManager
from tradectl.monitoring.heartbeat import Heartbeat
from tradectl.monitoring.service_manager import service_manager_of
from tradectl.monitoring.stall_report import StallReport
from tradectl.monitoring.watchdog import Watchdog
from tradectl.notification.notice import Notice
from tradectl.runtime.outside import Stalls
from tradectl.storage.directory import StateDir
from tradectl.storage.latch import Halt, HaltLatch

# --- stalls --------------------------------------------------------------------------------------------


def test_a_stall_is_told_from_outside_with_what_the_loop_was_doing(tmp_path: Path) -> None:
    told: list[Notice] = []
    report = StallReport(tmp_path, "r", told.append)

    def watching() -> None:
        report(2.5)

    def busy_strategy() -> None:
        thread = threading.Thread(target=watching)
        thread.start()
        thread.join(LONGEST_S)

    busy_strategy()
    (notice,) = told
    assert (notice.type, notice.component, notice.severity) == ("loop_stalled", "loop", "error")
    assert notice.message.startswith("the event loop has stood still for 2.5 s in ")
    written = (tmp_path / "stalls.log").read_text()
    assert "in busy_strategy" in written
    assert written.splitlines()[0].endswith(" r: the loop has stood still for 2.5 s")
    assert (tmp_path / "stalls.log").stat().st_mode & 0o777 == 0o600


async def test_a_stall_that_lasts_is_acted_on_once() -> None:
    barks, acts, posted = list[float](), list[float](), list[Event]()
    acted = threading.Event()

    def act(seconds: float) -> None:
        acts.append(seconds)
        acted.set()

    dog = Watchdog(
        posted.append, limit=0.03, on_stall=barks.append, lasting=0.06, on_lasting_stall=act
    )
    dog.start()
    assert acted.wait(LONGEST_S)  # this is what stops the loop
    threading.Event().wait(0.05)
    dog.stop()
    assert len(barks) == len(acts) == 1
    assert acts[0] >= 0.06


async def test_one_that_lasts_too_long_latches_and_stops_once_the_loop_turns(
    tmp_path: Path,
) -> None:
    folder = StateDir(tmp_path / "state")
    folder.create()
    told: list[Notice] = []
    stopped: list[str] = []

    async def emergency_stop(reason: str) -> None:
        stopped.append(reason)

    stalls = Stalls(StallReport(folder.path, "r", told.append), folder, emergency_stop)
    stalls.watch(asyncio.get_running_loop())
    thread = threading.Thread(target=stalls.stop, args=(5.0,))
    thread.start()
    thread.join(LONGEST_S)
    halt = folder.latch.read()
    assert halt is not None
    assert (halt.state, halt.reason) == ("HALTED", "the event loop has stood still for 5.0 s")
    assert [(n.severity, n.message.partition(": ")[2]) for n in told] == [
        ("critical", "the emergency stop is latched")
    ]
    assert stopped == []
    await until(lambda: stopped == ["the event loop has stood still for 5.0 s"])


async def test_a_latch_that_cannot_be_set_is_told_of_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = StateDir(tmp_path / "state")
    folder.create()
    told: list[Notice] = []
    stopped: list[str] = []
    latched = threading.Event()
    tries: list[str] = []
    set_it = HaltLatch.set

    def full(latch: HaltLatch, reason: str) -> Halt:
        tries.append(reason)
        if len(tries) < 3:
            raise StateError("the disk is full")
        halt = set_it(latch, reason)
        latched.set()
        return halt

    async def emergency_stop(reason: str) -> None:
        stopped.append(reason)

    monkeypatch.setattr(HaltLatch, "set", full)
    stalls = Stalls(StallReport(folder.path, "r", told.append), folder, emergency_stop)
    stalls.watch(asyncio.get_running_loop())
    dog = Watchdog(lambda event: None, limit=0.03, lasting=0.03, on_lasting_stall=stalls.stop)
    dog.start()
    assert latched.wait(LONGEST_S)  # this is what stops the loop
    dog.stop()
    assert folder.latch.read() is not None
    await until(lambda: len(told) == 2 and stopped)
    assert [notice.message.partition(": ")[2] for notice in told] == [
        "NO EMERGENCY STOP COULD BE LATCHED: StateError: the disk is full",
        "the emergency stop is latched",
    ]
    assert stopped == tries[:1]


# --- the heartbeat -------------------------------------------------------------------------------------


@pytest.fixture
def end() -> Iterator[OtherEnd]:
    with other_end() as end:
        yield end


@pytest.fixture
async def alerts() -> AsyncIterator[AlertManager]:
    bus = EventBus(core=Core("r"))
    await bus.start()
    manager = AlertManager(bus)
    await manager.start()
    yield manager
    await manager.stop()
    await bus.stop()


async def test_the_heartbeat_is_heard_while_all_is_well(
    end: OtherEnd, alerts: AlertManager
) -> None:
    troubles, found = list[str](), list[bool]()

    def looked() -> list[str]:
        found.append(bool(troubles))
        return troubles

    beat = Heartbeat(f"{end.url}?rid=7", 3_600, looked, alerts, WallClock())
    await beat.start()
    await until(lambda: end.asked)
    beat.every(0.005)
    await until(lambda: len(end.asked) >= 3)
    assert set(end.asked) == {"/hook/s3cr3t-t0ken?rid=7"}
    troubles.append("feed")
    await until(lambda: sum(found) >= 1)  # what was under way has come back by then
    heard = len(end.asked)
    await until(lambda: sum(found) >= 4)
    assert len(end.asked) == heard
    troubles.clear()
    await until(lambda: len(end.asked) > heard)
    await beat.stop()
    assert alerts.get_active_alerts() == []


async def test_a_heartbeat_that_fails_is_told_once_and_without_its_address(
    end: OtherEnd, alerts: AlertManager
) -> None:
    inbox = Inbox()
    alerts.add_notification_handler(inbox)
    end.status = 500
    beat = Heartbeat(end.url, 0.005, list, alerts, WallClock())
    await beat.start()
    await until(lambda: len(end.asked) >= 4)
    (alert,) = alerts.get_active_alerts()
    assert (alert.type, alert.count) == ("heartbeat_failed", 1)
    assert "answered 500" in alert.message
    assert "s3cr3t" not in alert.message
    end.status = 200
    await until(lambda: not alerts.get_active_alerts())
    await beat.stop()
    assert inbox.alerts.qsize() == 1


async def test_one_that_hangs_holds_nothing_up(end: OtherEnd, alerts: AlertManager) -> None:
    hold = threading.Event()
    beat = Heartbeat(end.url, 0.005, list, alerts, WallClock())

    def dead_network(future: Future[None]) -> None:
        hold.wait(LONGEST_S)

    beat._ask = dead_network  # type: ignore[method-assign]  # nothing else hangs at will
    await beat.start()
    await asyncio.sleep(0.02)
    await beat.stop()
    hold.set()


async def test_it_stops_although_an_answer_comes_at_that_moment(alerts: AlertManager) -> None:
    asked: list[Future[None]] = []
    beat = Heartbeat("http://127.0.0.1:1/", 0.001, list, alerts, WallClock())
    beat._ask = asked.append  # type: ignore[method-assign,assignment]  # it is answered here, to the turn
    await beat.start()
    await until(lambda: asked)
    asked[0].set_result(None)
    await asyncio.sleep(0)
    async with asyncio.timeout(LONGEST_S):
        await beat.stop()


# --- systemd -------------------------------------------------------------------------------------------


async def test_systemd_is_told_of_start_life_and_end(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(tmp_path / "notify"))
        ear.setblocking(False)
        environ = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "20000"}
        service = service_manager_of(environ, lambda: "RUNNING", WallClock())
        assert environ == {}
        assert service is not None
        await service.start()
        heard: list[str] = []

        def hear() -> bool:
            try:
                heard.append(ear.recv(4096).decode())
            except BlockingIOError:
                return False
            return len(heard) >= 3

        await until(hear)
        await service.stop()
        assert heard[0].splitlines()[:2] == ["READY=1", "STATUS=RUNNING"]
        assert heard[1].splitlines() == ["WATCHDOG=1", "STATUS=RUNNING"]
        while not heard[-1].startswith("STOPPING=1"):
            heard.append(ear.recv(4096).decode())


@each_row(
    ("environ", "is_service"),
    [
        ({}, False),
        ({"NOTIFY_SOCKET": ""}, False),
        ({"NOTIFY_SOCKET": "vsock:2:1"}, False),
        ({"NOTIFY_SOCKET": "/there/is/none"}, True),
        ({"NOTIFY_SOCKET": "@none-of-ours", "WATCHDOG_USEC": "x"}, True),
        ({"NOTIFY_SOCKET": "@none-of-ours", "WATCHDOG_USEC": "9", "WATCHDOG_PID": "1"}, True),
    ],
)
async def test_whoever_does_not_listen_holds_nothing_up(
    environ: dict[str, str], is_service: bool
) -> None:
    service = service_manager_of(environ, lambda: "RUNNING", WallClock())
    assert (service is not None) is is_service
    if service is not None:
        await service.start()
        await service.stop()
