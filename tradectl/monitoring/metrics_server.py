"""Figures over HTTP, on this machine alone: /metrics for Prometheus, /health and /ready for whoever keeps
the process running.

It serves from threads of its own, so that it answers while the loop stands still, and says so. The
figures are made in the loop, when they are asked for.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as LateError
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Protocol, TypeVar

from tradectl.domain.errors import UsageError
from tradectl.journal.parts import size_of

HOST = "127.0.0.1"
ANSWER_S = 1.0
PATIENCE_S = 5.0
"""With whoever asks."""
MOST_AT_ONCE = 8
TEXT, JSON = "text/plain; version=0.0.4; charset=utf-8", "application/json"
READY_STATES = ("RUNNING", "PAUSED", "REDUCING")
PREFIX = "tradectl_"


Answer = TypeVar("Answer")


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
        self._at_once = threading.BoundedSemaphore(MOST_AT_ONCE)
        try:
            self._server = ThreadingHTTPServer((HOST, port), _handler(self))
        except OSError as error:
            raise UsageError(
                f"monitoring.metrics_port (--metrics-port): {HOST}:{port} cannot be used: "
                f"{error.strerror}: name another one, or 0 for none"
            ) from error
        self._server.daemon_threads = True
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        return self._server.server_port

    async def start(self) -> None:
        if self._thread is None:
            self._loop = asyncio.get_running_loop()
            self._thread = threading.Thread(
                target=self._server.serve_forever, args=(0.1,), name=self.name, daemon=True
            )
            self._thread.start()

    async def stop(self) -> None:
        if self._thread is not None:
            thread, self._thread = self._thread, None
            await asyncio.to_thread(self._server.shutdown)
            await asyncio.to_thread(thread.join)
        self._server.server_close()

    def answer(self, path: str) -> tuple[int, str, str]:
        """Status, type and text of what is asked for; in a thread of the server's."""
        with self._at_once:
            if path == "/metrics":
                return 200, TEXT, self._metrics()
            if path in ("/health", "/ready"):
                return self._verdict(ready=path == "/ready")
        return 404, JSON, json.dumps({"error": "expected /metrics, /health or /ready"})

    def _metrics(self) -> str:
        text = self._asked(self._figures.text)
        if text is not None:
            self._last = text
        own = {"loop_answers": float(text is not None)}
        with contextlib.suppress(OSError):
            own["disk_free_bytes"] = shutil.disk_usage(self._folder).free
        with contextlib.suppress(OSError):
            own["journal_bytes"] = size_of(self._journal)
        lines = (f"# TYPE {PREFIX}{n} gauge\n{PREFIX}{n} {value}\n" for n, value in own.items())
        return self._last + "".join(lines)

    def _verdict(self, *, ready: bool) -> tuple[int, str, str]:
        """200 where all is well: and ready only once it trades, and is not halted."""
        found = self._asked(lambda: (self._figures.state, self._figures.troubles()))
        state, troubles = ("NOT RESPONDING", ["loop"]) if found is None else found
        good = not troubles and (not ready or state in READY_STATES)
        told = {"ok": good, "state": state, "troubles": troubles}
        return (200 if good else 503), JSON, json.dumps(told)

    def _asked(self, question: Callable[[], Answer]) -> Answer | None:
        """Its answer, from the loop; None where that does not turn."""
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
                return future.result(ANSWER_S)
        except (RuntimeError, LateError):
            future.cancel()
        return None


def _handler(server: MetricsServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = PATIENCE_S
        server_version, sys_version = "tradectl", ""

        def do_GET(self) -> None:
            host = self.headers.get("Host", "").rpartition(":")[0] or self.headers.get("Host", "")
            if host not in (HOST, "localhost"):
                # a page of somebody else's that a browser shows must not read it by another name
                self._send(403, JSON, json.dumps({"error": f"ask for {HOST}"}))
                return
            self._send(*server.answer(self.path.partition("?")[0]))

        def _send(self, status: int, kind: str, text: str) -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            """Who asks is told nowhere."""

    return Handler


__all__ = ["MetricsServer"]
