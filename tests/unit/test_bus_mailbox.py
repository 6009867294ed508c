"""A mailbox is bounded, gives the loop back, tries again and gives up: all for one handler alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures.bus import FailsAtFirst, note, tick
from tradectl.bus.delivery import RetryPolicy
from tradectl.bus.mailbox import DeadLetter, Mailbox
from tradectl.domain.events import Event, Record

DEADLINE = 60.0


def mailbox(handler: Callable[[Any], Any], letters: list[DeadLetter], **options: Any) -> Mailbox:
    policy = RetryPolicy(backoff=0.0)
    return Mailbox(handler, name="box", limit=100, on_dead=letters.append, policy=policy, **options)


async def emptied(box: Mailbox, within: float = DEADLINE) -> None:
    task = asyncio.ensure_future(box.run())
    try:
        async with asyncio.timeout(within):
            while len(box):  # noqa: ASYNC110 - a mailbox does not say when it is empty
                await asyncio.sleep(0)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def record(seq: int, event: Event | None = None) -> Record:
    return Record(seq, 0, event or note(str(seq)))  # type: ignore[arg-type]


async def test_a_handler_that_keeps_failing_is_left_alone_by_its_breaker() -> None:
    handler, letters = FailsAtFirst(10**9), list[DeadLetter]()
    box = mailbox(handler, letters)
    for seq in range(1, 11):
        box.put(record(seq))
    await emptied(box)
    assert handler.calls == 5 * 3
    assert [letter.attempts for letter in letters] == [3] * 5 + [0] * 5
    assert letters[-1].error == "its circuit breaker is open"
    assert [letter.record.seq for letter in letters] == list(range(1, 11))


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 8))
def test_a_full_mailbox_drops_the_oldest_market_data_first(kinds: list[bool], limit: int) -> None:
    box = Mailbox(print, name="box", limit=limit, on_dead=lambda *_: None)
    kept: list[int] = []
    market = [seq for seq, is_market in enumerate(kinds) if is_market]
    for seq, is_market in enumerate(kinds):
        box.put(record(seq, tick() if is_market else note("n")))
        kept.append(seq)
        if len(kept) > limit:
            kept.remove(next((s for s in kept if s in market), kept[0]))
    out = []
    while (taken := box.records.take()) is not None:
        out.append(taken.seq)
    assert out == kept
    lost = [seq for seq in range(len(kinds)) if seq not in kept]
    assert box.records.dropped == len([seq for seq in lost if seq in market])
    assert box.records.missed == len([seq for seq in lost if seq not in market])


async def test_a_mailbox_gives_the_loop_back_while_it_works() -> None:
    box = mailbox(lambda _: None, [], slice_ns=0)
    for seq in range(50):
        box.put(record(seq))
    task = asyncio.ensure_future(box.run())
    turns = 0
    while len(box):
        turns += 1
        await asyncio.sleep(0)
    task.cancel()
    assert turns >= 50


async def test_handling_is_timed() -> None:
    box = mailbox(lambda _: None, [])
    for seq in range(5):
        box.put(record(seq))
    await emptied(box)
    assert box.figures.handled == 5
    assert 0 < box.figures.max_ns <= box.figures.busy_ns


# --- doubts ------------------------------------------------------------------------------------------


async def test_what_a_plain_handler_returns_does_not_matter() -> None:
    calls: list[Event] = []
    letters: list[DeadLetter] = []

    def counts(event: Event) -> int:
        calls.append(event)
        return len(calls)

    box = mailbox(counts, letters)
    box.put(record(1))
    await emptied(box)
    assert (len(calls), letters) == (1, [])


async def test_a_handler_whose_own_task_was_cancelled_fails_like_any_other() -> None:
    heard: list[Event] = []

    async def fragile(event: Event) -> None:
        if not heard:
            heard.append(event)
            inner = asyncio.ensure_future(asyncio.sleep(60))
            inner.cancel()
            await inner
        heard.append(event)

    box = mailbox(fragile, [])
    box.put(record(1))
    box.put(record(2))
    await emptied(box)
    assert heard[-1] == note("2")
