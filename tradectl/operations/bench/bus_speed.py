"""Events through the bus, beside asyncio's own queue with priorities doing the same.

Two ways through: posted in batches and taken through the core by turns, as recorded data is; and
published one by one to an observer with a mailbox, as somebody who writes against the API does it. The
queue is bounded like the bus, has one consumer, and holds the same events by priority, then age. The
peers' message bus holds nothing: see peer_bus.py.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from functools import partial

from msgspec.structs import replace

from tradectl.bus.core import Stage
from tradectl.bus.event_bus import EventBus
from tradectl.domain.events import EventType, MarketDataEvent, Record
from tradectl.operations.bench.bench import Bench, medians
from tradectl.operations.bench.table import Row, at_least, times

QUEUE_SIZE = 10_000
BATCH = 4_096

Events = list[MarketDataEvent]


def measure(bench: Bench, peers: list[list[str]]) -> Iterator[Row]:
    """`peers` are the beginnings of commands that take the number of events."""
    events = bench.events(20_000 if bench.quick else 200_000)
    commands = [[*peer, str(len(events))] for peer in peers]
    core, observer, queue, *theirs = medians(
        bench.rounds(9),
        lambda: through_the_core(events),
        lambda: asyncio.run(to_an_observer(events)),
        lambda: asyncio.run(through_a_queue(events)),
        *(partial(through_a_peer, bench, command) for command in commands),
    )
    posted = Row(
        what="bus: post_market, turn, one core handler",
        value=core,
        unit="events/s",
        against="asyncio.PriorityQueue",
        other=queue,
        floor=at_least(1_000),
        goals=(at_least(1_000_000),),
    )
    yield posted
    yield replace(posted, what="bus: publish() to one observer", value=observer, goals=())
    for command, rate in zip(commands, theirs, strict=True):
        version = bench.spawn(command).document["version"]
        goals = (times(3),) if version.startswith("1.") else ()
        yield replace(posted, against=f"NautilusTrader {version}", other=rate, goals=goals)


def through_the_core(events: Events) -> float:
    """Events a second."""
    seen = 0

    def handler(_: MarketDataEvent, __: Record) -> None:
        nonlocal seen
        seen += 1

    bus = EventBus(QUEUE_SIZE)
    bus.attach(MarketDataEvent, handler, Stage.STRATEGY)
    started = time.perf_counter()
    for first in range(0, len(events), BATCH):
        bus.post_market(events[first : first + BATCH])
        while bus.waiting():
            bus.turn()
    return rate(seen, events, started)


async def to_an_observer(events: Events) -> float:
    seen = 0

    def observer(_: MarketDataEvent) -> None:
        nonlocal seen
        seen += 1

    bus = EventBus(QUEUE_SIZE)
    bus.subscribe(EventType.MARKET_DATA, observer)
    await bus.start()
    started = time.perf_counter()
    for event in events:
        await bus.publish(event)
    await bus.join()
    found = rate(seen, events, started)
    await bus.stop()
    return found


async def through_a_queue(events: Events) -> float:
    seen = 0
    queue: asyncio.PriorityQueue[tuple[int, int, MarketDataEvent]]
    queue = asyncio.PriorityQueue(QUEUE_SIZE)

    async def consume() -> None:
        nonlocal seen
        while True:
            await queue.get()
            seen += 1
            queue.task_done()

    consumer = asyncio.ensure_future(consume())
    started = time.perf_counter()
    for number, event in enumerate(events):
        await queue.put((event.priority, number, event))
    await queue.join()
    found = rate(seen, events, started)
    consumer.cancel()
    return found


def through_a_peer(bench: Bench, command: list[str]) -> float:
    return float(bench.spawn(command).document["events_per_s"])


def rate(seen: int, events: Events, started: float) -> float:
    elapsed = time.perf_counter() - started
    if seen != len(events):
        raise RuntimeError(f"{seen} of {len(events)} events arrived")
    return seen / elapsed
