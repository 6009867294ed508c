"""Figures over HTTP, on this machine alone: /metrics for Prometheus, /health and /ready for whoever keeps
the process running.

It serves from one thread of its own, so that it answers while the loop stands still, and says so. The
figures are made in the loop, when they are asked for. Whoever asks slowly, or often at once, must not
take the descriptors that trading needs: few are heard at once, each for a few seconds in all.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from http import HTTPStatus
from pathlib import Path
from typing import Protocol, TypeVar

from tradectl.domain.errors import UsageError
from tradectl.domain.text import described
from tradectl.journal.parts import size_of

HOST = "127.0.0.1"
ANSWER_S = 1.0
PATIENCE_S = 5.0
"""With whoever asks, from the first byte to the last."""
MOST_AT_ONCE = 8
LONGEST_HEAD = 16 * 1024
TEXT, JSON = "text/plain; version=0.0.4; charset=utf-8", "application/json"
READY_STATES = ("RUNNING", "PAUSED", "REDUCING")
PREFIX = "tradectl_"
OWN_HELPS = {
    "loop_answers": "0 while the loop stands still: the other figures are those of before",
    "disk_free_bytes": "left where the state directory is",
    "journal_bytes": "of this run's journal",
}
"""Of figures that are to be had without the loop."""


Answer = TypeVar("Answer")
Answered = tuple[int, str, str]
"""Status, type and text."""


class Figures(Protocol):
    """To be asked in the loop."""

    @property
    def state(self) -> str: ...
    @property
    def troubles(self) -> Callable[[], list[str]]: ...
    def text(self) -> str: ...


class MetricsServer:
    """On `port`, from its making on; `journal` is a file whose size is a figure, in `folder`. Raises
    UsageError where the port is taken."""

    name = "metrics-server"

    def __init__(self, port: int, figures: Figures, folder: Path, journal: Path) -> None:
        self._figures = figures
        self._folder, self._journal = folder, journal
        self._loop: asyncio.AbstractEventLoop | None = None
        self._last = ""
        self._at_once = 0
        try:
            self._ear = socket.create_server((HOST, port))
        except OSError as error:
            raise UsageError(
                f"monitoring.metrics_port (--metrics-port): {HOST}:{port} cannot be used: "
                f"{error.strerror}: name another one, or 0 for none"
            ) from error
        self.port: int = self._ear.getsockname()[1]
        self._own: asyncio.AbstractEventLoop | None = None
        self._ended = asyncio.Event()
        self._thread: threading.Thread | None = None

    async def start(self) -> None:
        if self._thread is None:
            self._loop = asyncio.get_running_loop()
            self._own = asyncio.new_event_loop()
            self._own.set_exception_handler(lambda loop, context: None)  # of whoever asks
            self._thread = threading.Thread(
                target=self._run, args=(self._own,), name=self.name, daemon=True
            )
            self._thread.start()

    async def stop(self) -> None:
        if self._thread is not None and self._own is not None:
            thread, self._thread = self._thread, None
            self._own.call_soon_threadsafe(self._ended.set)
            await asyncio.to_thread(thread.join)
        self._ear.close()

    # --- the thread ----------------------------------------------------------------------------------

    def _run(self, own: asyncio.AbstractEventLoop) -> None:
        with asyncio.Runner(loop_factory=lambda: own) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._heed, sock=self._ear, limit=LONGEST_HEAD)
        await self._ended.wait()
        server.close()

    async def _heed(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._at_once >= MOST_AT_ONCE:
            writer.transport.abort()
            return
        self._at_once += 1
        try:
            with contextlib.suppress(OSError):  # it has gone, or its time is over
                async with asyncio.timeout(PATIENCE_S):
                    writer.transport.set_write_buffer_limits(0)
                    writer.write(await self._answer_to(reader))
                    await writer.drain()
        finally:
            self._at_once -= 1
            writer.transport.abort()  # nothing is left to be sent

    async def _answer_to(self, reader: asyncio.StreamReader) -> bytes:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            method, target, version = head.partition("\r\n")[0].split(" ")
        except asyncio.IncompleteReadError:
            return b""
        except (asyncio.LimitOverrunError, ValueError):
            return _spelled(_refused(400, "expected GET /metrics, /health or /ready"))
        if method != "GET" or not version.startswith("HTTP/1."):
            return _spelled(_refused(405, "expected GET"), has_body=method != "HEAD")
        if _host_in(head) not in (HOST, "localhost"):
            # a page of somebody else's that a browser shows must not read it by another name
            return _spelled(_refused(403, f"ask for {HOST}"))
        try:
            return _spelled(await self.answer(target.partition("?")[0]))
        except Exception as error:  # a figure's bug is told to whoever asked, and ends nothing
            return _spelled(_refused(500, described(error)))

    async def answer(self, path: str) -> Answered:
        """What is asked for."""
        if path == "/metrics":
            return 200, TEXT, await self._metrics()
        if path in ("/health", "/ready"):
            return await self._verdict(ready=path == "/ready")
        return _refused(404, "expected /metrics, /health or /ready")

    async def _metrics(self) -> str:
        text = await self._asked(self._figures.text)
        if text is not None:
            self._last = text
        own = {"loop_answers": float(text is not None)}
        with contextlib.suppress(OSError):
            own["disk_free_bytes"] = shutil.disk_usage(self._folder).free
        with contextlib.suppress(OSError):
            own["journal_bytes"] = size_of(self._journal)
        return self._last + "".join(_gauge(name, value) for name, value in own.items())

    async def _verdict(self, *, ready: bool) -> Answered:
        """200 where all is well: and ready only once it trades, and is not halted."""
        found = await self._asked(lambda: (self._figures.state, self._figures.troubles()))
        state, troubles = ("NOT RESPONDING", ["loop"]) if found is None else found
        good = not troubles and (not ready or state in READY_STATES)
        told = {"ok": good, "state": state, "troubles": troubles}
        return (200 if good else 503), JSON, json.dumps(told)

    async def _asked(self, question: Callable[[], Answer]) -> Answer | None:
        """Its answer, from the loop of the run; None where that does not turn."""
        future: Future[Answer] = Future()

        def asked() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(question())
                except Exception as error:  # carried over to the thread that asked
                    future.set_exception(error)

        try:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(asked)
                async with asyncio.timeout(ANSWER_S):
                    return await asyncio.wrap_future(future)
        except (RuntimeError, TimeoutError):
            future.cancel()
        return None


def _gauge(name: str, value: float) -> str:
    given = PREFIX + name
    return f"# HELP {given} {OWN_HELPS[name]}\n# TYPE {given} gauge\n{given} {value}\n"


def _host_in(head: str) -> str:
    """Without its port."""
    for line in head.split("\r\n")[1:]:
        name, _, value = line.partition(":")
        if name.strip().lower() == "host":
            host = value.strip()
            return host.rpartition(":")[0] or host
    return ""


def _refused(status: int, why: str) -> Answered:
    return status, JSON, json.dumps({"error": why})


def _spelled(answered: Answered, *, has_body: bool = True) -> bytes:
    status, kind, text = answered
    body = text.encode()
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        "Server: tradectl",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        *(["Allow: GET"] if status == HTTPStatus.METHOD_NOT_ALLOWED else []),
        "Connection: close",
    )
    return "\r\n".join((*head, "", "")).encode() + (body if has_body else b"")


__all__ = ["OWN_HELPS", "MetricsServer"]
