"""What all tests share: none waits for ever, and a busy machine is no counterexample."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from inspect import iscoroutinefunction

import pytest
from hypothesis import settings

PATIENCE_S = 20.0

settings.register_profile("tradectl", deadline=None)
settings.load_profile("tradectl")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and iscoroutinefunction(item.obj):
            item.obj = bounded(item.obj)


def bounded(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """A test that waits for what never comes fails, and its traceback says where it waited."""

    @functools.wraps(test)
    async def within_limits(*arguments: object, **fixtures: object) -> None:
        async with asyncio.timeout(PATIENCE_S):
            await test(*arguments, **fixtures)

    return within_limits
