"""The running process's end of the control socket: for its own user, one small request at a time."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from tradectl.bus.clock import ComputerClock
from tradectl.control.client import is_own_user, socket_address
from tradectl.control.requests import VERSION, understand
from tradectl.domain.errors import ConfigError, StateError, TradectlError, WrongOption
from tradectl.domain.text import harmless

Handler = Callable[..., Awaitable[Struct]]

LONGEST_REQUEST = 64 * 1024
IDLE_S = 10.0
LONGEST_ANSWER_S = 5.0


class ControlServer:
    """Listens on `path` (mode 0600) and calls the handler named by the request's `command`.

    A handler gets the request's arguments, checked, by keyword, and answers with a document.
    """

    name = "control"

    def __init__(
        self,
        path: Path,
        handlers: dict[str, Handler],
        monotonic: Callable[[], float] = ComputerClock.monotonic,
    ) -> None:
        self._path = path
        self._monotonic = monotonic
        self._handlers = handlers
        self._server: asyncio.Server | None = None
        self._answering: set[asyncio.Future[Any]] = set()

    async def start(self) -> None:
        """Replace a socket left behind by a crash: the lock has shown that nobody else listens."""
        self._path.unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX)
        try:
            with socket_address(self._path) as address:
                listening.bind(address)
            self._path.chmod(0o600)
            self._server = await asyncio.start_unix_server(
                self._serve, sock=listening, limit=LONGEST_REQUEST
            )
        except OSError as error:
            listening.close()
            raise StateError(f"cannot listen on {self._path}: {error.strerror}") from error

    async def quiesce(self) -> None:
        """What is being answered is finished first: an emergency stop ends the run that does it."""
        if self._answering:
            await asyncio.wait([*self._answering], timeout=LONGEST_ANSWER_S)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
            with contextlib.suppress(OSError):  # left behind, it is replaced as after a crash
                self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if not is_own_user(writer.get_extra_info("socket")):
                answer = {"ok": False, "error": "this socket is for the user who started tradectl"}
            elif (line := await _read_line(reader)) is not None:
                answer = await self._answer(line)
            else:
                answer = {"ok": False, "error": f"longer than {LONGEST_REQUEST} bytes"}
            writer.write(msgspec.json.encode({"v": VERSION, **answer}) + b"\n")
            await writer.drain()
        except (ConnectionError, TimeoutError):
            pass  # the asker went away, or said nothing
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            command, request = understand(line)
            request.refuse_late(self._monotonic())
            answer = asyncio.ensure_future(self._handlers[command](**request.arguments()))
            self._answering.add(answer)
            answer.add_done_callback(self._answering.discard)
            return {"ok": True, "result": await answer}
        except TradectlError as error:
            wrong_option = isinstance(error, (WrongOption, ConfigError))
            return {"ok": False, "error": harmless(error), "wrong_option": wrong_option}


async def _read_line(reader: asyncio.StreamReader) -> bytes | None:
    """What was asked; None for far too much."""
    try:
        return await asyncio.wait_for(reader.readline(), IDLE_S)
    except ValueError:
        return None
