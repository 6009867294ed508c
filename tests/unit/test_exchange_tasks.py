"""Tasks that live and die together."""

from __future__ import annotations

import asyncio

import pytest

from tradectl.domain.errors import NotExecuted
from tradectl.exchange.tasks import run_together


async def test_parts_that_run_side_by_side_end_together() -> None:
    ended: list[str] = []

    async def part(name: str, error: Exception | None = None) -> None:
        try:
            if error is not None:
                raise error
            await asyncio.Event().wait()
        finally:
            ended.append(name)

    with pytest.raises(NotExecuted, match="lost"):
        await run_together(part("a"), part("b", NotExecuted("lost")), part("c"))
    assert sorted(ended) == ["a", "b", "c"]


async def test_a_part_that_fails_leaves_no_mark_of_a_cancel() -> None:
    async def waits() -> None:
        await asyncio.Event().wait()

    async def fails() -> None:
        raise NotExecuted("lost")

    with pytest.raises(NotExecuted):
        await run_together(waits(), fails())
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_who_is_cancelled_is_cancelled_even_if_a_part_fails_at_its_end() -> None:
    async def fails_at_its_end() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise NotExecuted("lost")

    together = asyncio.ensure_future(run_together(fails_at_its_end(), fails_at_its_end()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    together.cancel()
    with pytest.raises(asyncio.CancelledError):
        await together
