"""Calling what users wrote: it may fail, hang, cancel itself, or raise what cannot be spelled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tradectl.domain.text import described

T = TypeVar("T")


class CallFailed(Exception):
    """What went wrong, in one harmless line."""


async def guarded_call(call: Callable[[], Awaitable[T]], timeout: float) -> T:  # noqa: ASYNC109
    """The answer of `call`, within `timeout` seconds. Raises CallFailed and nothing else."""
    try:
        return await answer_within(call(), timeout)
    except (Exception, asyncio.CancelledError) as error:  # whatever it raised is the answer
        raise CallFailed(failure(error)) from error


async def answer_within(answer: Awaitable[T], timeout: float) -> T:  # noqa: ASYNC109
    """What `answer` comes to, within `timeout` seconds. Raises CallFailed when it does
    not come, and else whatever it raises."""
    limit = asyncio.timeout(timeout)
    try:
        async with limit:
            return await answer
    except Exception as error:  # only whether it was too late matters: the rest is raised again
        if limit.expired():
            raise CallFailed(f"no answer within {timeout:g} s") from error
        raise


def failure(error: BaseException) -> str:
    """What went wrong, in one harmless line. Raises the error again when it is our own task that is
    being cancelled: that is no failure of the code that was called."""
    if isinstance(error, CallFailed):
        return str(error)
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise error
        return "it cancelled itself"
    return described(error)
