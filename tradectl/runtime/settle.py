"""Waiting for a halt to have done its work."""

from __future__ import annotations

import asyncio
import time

from tradectl.state.books import Books

LOOK_EVERY_S = 0.005


async def settled(books: Books, within: float) -> bool:
    """Wait, `within` seconds, until no order works and no position is open that is to be closed."""
    deadline = time.monotonic() + within
    while books.working_orders() or (books.flattening and books.positions()):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(LOOK_EVERY_S)
    return True
