"""Closing ccxt's object: bounded in time, and nothing left open behind it.

A WebSocket's goodbye waits for an answer that an exchange in trouble does not give; then the
connections are dropped without one.
"""

from __future__ import annotations

import asyncio
from typing import Any

SECONDS = 2.0


async def close_client(client: Any) -> None:
    try:
        await asyncio.wait_for(client.close(), SECONDS)
    except Exception:  # it is thrown away: only what it left open matters
        await _drop(client)


async def _drop(client: Any) -> None:
    for connection in list((client.clients or {}).values()):
        if connection.ping_looper:
            connection.ping_looper.cancel()
    client.clients = {}
    session, client.session = client.session, None
    connector, client.tcp_connector = client.tcp_connector, None
    for part in (session, connector):
        if part is not None:
            try:
                await asyncio.wait_for(part.close(), SECONDS)
            except Exception:  # nothing more can be done about it
                continue


__all__ = ["close_client"]
