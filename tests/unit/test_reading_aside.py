"""Recorded data is read beside the loop: a file that takes its time holds up nothing else."""

from __future__ import annotations

import asyncio
import decimal
import threading
from collections.abc import Iterator

import pytest

from tradectl.domain.errors import DataError
from tradectl.runtime.feed_driver import ReadAside


async def test_items_come_in_their_order_and_then_none() -> None:
    reader = ReadAside(iter(["a", "b"]))
    assert [await reader.next() for _ in range(3)] == ["a", "b", None]


async def test_what_the_source_raises_is_raised() -> None:
    def source() -> Iterator[int]:
        yield 1
        raise DataError("too many rows are bad")

    reader = ReadAside(source())
    assert await reader.next() == 1
    with pytest.raises(DataError, match="too many"):
        await reader.next()


async def test_decimals_are_read_as_they_are_here() -> None:
    def source() -> Iterator[int]:
        yield decimal.getcontext().prec

    with decimal.localcontext(prec=11):
        reader = ReadAside(source())
        assert await reader.next() == 11
        reader.close()


async def test_one_that_does_not_come_is_not_waited_for() -> None:
    """Nor does it keep the process from ending."""
    never = threading.Event()

    def source() -> Iterator[int]:
        never.wait()
        yield 1

    before = threading.enumerate()
    reader = ReadAside(source())
    reading = asyncio.ensure_future(reader.next())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    (thread,) = (t for t in threading.enumerate() if t.name == "reader" and t not in before)
    assert thread.daemon
    assert not reading.done()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    reader.close()
    never.set()
    await asyncio.to_thread(thread.join)
