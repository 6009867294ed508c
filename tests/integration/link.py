"""A line between two ends of this machine that can be cut, for good or for one connection in three.

    async with Line(exchange.port) as line:
        ...settings with url=line.url...
        line.cut()      nothing passes, nothing connects; what was connected is reset
        line.mend()

An exchange behind it knows nothing of the trouble: what it has sent it has sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import Self

CHUNK = 1 << 16


class Line:
    """To `port` on this machine. With `loss` above 0 that share of all chunks resets its connection."""

    def __init__(self, port: int, *, seed: int = 0) -> None:
        self.loss = 0.0
        self.resets = 0
        self._port = port
        self._whole = True
        self._random = random.Random(seed)
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self._own_port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._own_port}"

    def cut(self) -> None:
        self._whole = False
        for writer in list(self._writers):
            writer.transport.abort()

    def mend(self) -> None:
        self._whole = True

    async def _carry(self, here: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        if not self._whole:
            back.transport.abort()
            return
        there, on = await asyncio.open_connection("127.0.0.1", self._port)
        both = {back, on}
        self._writers |= both
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(here, on, both))
                group.create_task(self._pump(there, back, both))
        finally:
            self._writers -= both
            for writer in both:
                writer.close()

    async def _pump(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        both: set[asyncio.StreamWriter],
    ) -> None:
        with contextlib.suppress(ConnectionError):
            while chunk := await source.read(CHUNK):
                if self.loss and self._random.random() < self.loss:
                    self.resets += 1
                    break
                sink.write(chunk)
                await sink.drain()
            else:
                sink.close()
                return
        for writer in both:
            writer.transport.abort()


__all__ = ["Line"]
