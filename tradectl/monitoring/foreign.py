"""Calling code that is not ours: it may fail, hang, cancel itself, or raise what cannot be spelled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tradectl.domain.text import harmless

T = TypeVar("T")

LONGEST = 200


class CallFailed(Exception):
    """What went wrong, in one harmless line."""


async def bounded(call: Callable[[], Awaitable[T]], timeout: float) -> T:  # noqa: ASYNC109
    """The answer of `call`, within `timeout` seconds. Raises CallFailed and nothing else."""
    try:
        async with asyncio.timeout(timeout) as limit:
            return await call()
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise CallFailed("it cancelled itself") from error
    except Exception as error:  # whatever it raised is the answer
        if limit.expired():
            raise CallFailed(f"no answer within {timeout:g} s") from error
        raise CallFailed(described(error)) from error


def described(error: Exception) -> str:
    """Type and text of an error, even of one that cannot spell itself."""
    try:
        return harmless(f"{type(error).__name__}: {error}", LONGEST)
    except Exception:  # its own __str__ failed: its type has to do
        return type(error).__name__
