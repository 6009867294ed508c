"""The operator's chat, with Telegram's end of it on this machine."""

from __future__ import annotations

import asyncio
import json
import queue
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.fixtures.monitoring import LONGEST_S, until
from tradectl.bus.core import Core
from tradectl.bus.event_bus import EventBus
from tradectl.documents.account import Halt
from tradectl.documents.operations import StopReport
from tradectl.documents.run import Status
from tradectl.domain.errors import ConfigError, JournalError
from tradectl.monitoring.alert_manager import AlertManager
from tradectl.notification.notification_settings import MonitoringSettings
from tradectl.notification.telegram import Telegram, Update
from tradectl.runtime import operator_chat
from tradectl.runtime.operator_chat import NOT_OBEYED, NOT_RESPONDING, SURE, OperatorChat, chat_of

OURS, TOKEN = 42, "123:S3CR3T"


class Server:
    """As much of Telegram as is asked for: `updates` are handed out, `said` is what was answered."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.updates: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.said: queue.SimpleQueue[tuple[int, str]] = queue.SimpleQueue()
        self.status = 200
        self.count = 0

    def write(self, text: str, *, chat: int = OURS, date: int = 0) -> None:
        self.count += 1
        message = {"chat": {"id": chat, "type": "private"}, "date": date, "text": text}
        self.updates.put({"update_id": self.count, "message": message})

    async def answer(self) -> str:
        chat, text = await asyncio.to_thread(self.said.get, timeout=LONGEST_S)
        assert chat == OURS
        return text


@contextmanager
def telegram() -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert self.path.startswith(f"/bot{TOKEN}/")
            found = []
            if self.path.endswith("/sendMessage"):
                end.said.put((asked["chat_id"], asked["text"]))
            else:
                with suppress(queue.Empty):
                    found.append(end.updates.get(timeout=0.02))
            self.send_response(end.status)
            self.end_headers()
            self.wfile.write(json.dumps({"ok": True, "result": found}).encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            """Not told."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    end = Server(f"http://127.0.0.1:{http.server_port}")
    thread = threading.Thread(target=http.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield end
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    with telegram() as server:
        yield server


@pytest.fixture
async def alerts() -> AsyncIterator[AlertManager]:
    bus = EventBus(core=Core("r"))
    await bus.start()
    manager = AlertManager(bus)
    await manager.start()
    yield manager
    await manager.stop()
    await bus.stop()


class Chat(OperatorChat):
    """What was done is in `done`."""

    def __init__(self, server: Server, alerts: AlertManager) -> None:
        self.done: list[str] = []
        self.fails: Exception | None = None

        def do(name: str) -> Any:
            async def done() -> str:
                if self.fails:
                    raise self.fails
                self.done.append(name)
                return f"done: {name}"

            return done

        super().__init__(
            Telegram(server.url, TOKEN),
            (OURS,),
            alerts,
            status=do("status"),
            pause=do("pause"),
            stop=do("stop"),
            latch=lambda reason: self.done.append(f"latched {reason}"),
        )


@pytest.fixture
async def chat(server: Server, alerts: AlertManager) -> AsyncIterator[Chat]:
    chat = Chat(server, alerts)
    await chat.start()
    await until(lambda: chat._last is not None)
    yield chat
    await chat.stop()


async def test_three_things_are_done_and_nothing_else(chat: Chat, server: Server) -> None:
    for text, answer in (
        ("/status", "done: status"),
        ("Pause", "done: pause"),
        ("/emergency_stop", SURE),
        ("/emergency_stop  now", "done: stop"),
        ("/resume", operator_chat.HELP),
        ("clear-halt --confirm", operator_chat.HELP),
        ("", operator_chat.HELP),
    ):
        server.write(text)
        assert await server.answer() == answer
    assert chat.done == ["status", "pause", "stop"]


async def test_a_stranger_is_told_nothing_and_told_of_once(
    chat: Chat, server: Server, alerts: AlertManager
) -> None:
    for _ in range(3):
        server.write("/emergency_stop now", chat=666)
    server.write("/status")
    assert await server.answer() == "done: status"
    assert chat.done == ["status"]
    await until(alerts.get_active_alerts)
    (alert,) = alerts.get_active_alerts()
    assert (alert.type, alert.count) == ("chat_of_a_stranger", 1)
    chat.obey((666,))
    server.write("/status", chat=666)
    assert await asyncio.to_thread(server.said.get, timeout=LONGEST_S) == (666, "done: status")


async def test_what_was_written_before_it_listens_is_not_obeyed_and_that_is_said(
    server: Server, alerts: AlertManager
) -> None:
    """By whatever clock: ours and Telegram's may differ by more than a restart takes."""
    server.write("/emergency_stop now", date=2**40)
    server.write("/pause", date=2**40)
    server.write("/pause", chat=666)
    chat = Chat(server, alerts)
    await chat.start()
    assert await server.answer() == NOT_OBEYED
    await until(lambda: chat._last == 3)
    server.write("/status", date=1)
    assert await server.answer() == "done: status"
    assert chat.done == ["status"]
    await chat.stop()


async def test_what_cannot_be_done_is_said_and_it_goes_on(chat: Chat, server: Server) -> None:
    for fails, told in (
        (JournalError("the disk is full"), "failed: the disk is full"),
        (KeyError("a bug"), "failed: KeyError: 'a bug'"),
    ):
        chat.fails = fails
        server.write("/pause")
        assert await server.answer() == told
        server.write("/emergency_stop now")
        assert (await server.answer()).startswith(f"{told}; the halt is latched")
    assert chat.done == ["latched by Telegram"] * 2


async def test_a_bug_in_hearing_ends_nothing(
    chat: Chat, server: Server, alerts: AlertManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operator_chat, "FIRST_PAUSE_S", 0.01)
    hear, bugs = chat._telegram.updates, [KeyError("a bug"), RuntimeError("another")]

    def heard(*asked: int) -> list[Update]:
        if bugs:
            raise bugs.pop()
        return hear(*asked)

    monkeypatch.setattr(chat._telegram, "updates", heard)
    await until(lambda: not bugs)
    server.write("/status")
    assert await server.answer() == "done: status"


async def test_a_stop_is_latched_where_the_loop_does_not_turn(
    chat: Chat, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operator_chat, "ANSWER_S", 0.02)
    server.write("/status")
    server.write("/emergency_stop now")
    answers = [server.said.get(timeout=LONGEST_S)[1] for _ in range(2)]  # this is what stops it
    assert answers[0] == NOT_RESPONDING
    assert answers[1].startswith(f"{NOT_RESPONDING}; the halt is latched")
    assert "latched by Telegram" in chat.done


async def test_that_telegram_is_not_reached_is_told_without_the_token(
    chat: Chat, server: Server, alerts: AlertManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operator_chat, "FIRST_PAUSE_S", 0.01)
    server.status = 401
    await until(alerts.get_active_alerts)
    (alert,) = alerts.get_active_alerts()
    assert alert.type == "chat_failed"
    assert "S3CR3T" not in alert.message
    server.status = 200
    await until(lambda: not alerts.get_active_alerts())
    kinds = ["component_left_alone", "breaker_closed"]
    await until(lambda: [getattr(r.event, "kind", "") for r in alerts._bus.history()] == kinds)


class Handlers:
    """Of a run's control socket, as far as a chat asks."""

    async def status(self) -> Status:
        return Status(
            state="HALTED", halt=Halt(reason="x\x1b", since="2026-01-01T00:00:00.000000Z")
        )

    async def emergency_stop(self, reason: str) -> StopReport:
        return StopReport(confirmed=False, error="no answer", cancelled=["a"], unprotected=["X"])


async def test_answers_are_plain_and_never_better_than_what_is_known(
    server: Server, alerts: AlertManager
) -> None:
    settings = MonitoringSettings(telegram_chats=(OURS,), telegram_url=server.url)
    with pytest.raises(ConfigError, match="set TRADECTL_TELEGRAM_TOKEN"):
        chat_of(settings, {}, alerts, Handlers, print)  # type: ignore[arg-type]  # a part of them
    environ = {"TRADECTL_TELEGRAM_TOKEN": TOKEN}
    chat = chat_of(settings, environ, alerts, Handlers, print)  # type: ignore[arg-type]  # as above
    assert (await chat._do["status"]()).splitlines() == [
        "HALTED (paper)",
        "0 positions, 0 open orders",
        "halted since 2026-01-01T00:00:00.000000Z: x?",
    ]
    assert await chat._do["emergency_stop now"]() == (
        "halted, NOT CONFIRMED: no answer; 1 order cancelled; without protection: X"
    )
