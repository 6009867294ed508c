"""Observers can be slow, fail or hang: the core and the others do not notice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.fixtures.bus import FailsAtFirst, command, emergency, labels, note, risk, tick
from tradectl.bus.delivery import RetryPolicy
from tradectl.bus.event_bus import EventBus
from tradectl.bus.mailbox import DeadLetter
from tradectl.domain.events import (
    CommandReceived,
    Event,
    EventType,
    LimitBreached,
    Record,
    SystemEvent,
)

DEADLINE = 60.0


@pytest.fixture
async def bus() -> AsyncIterator[EventBus]:
    bus = EventBus()
    await bus.start()
    yield bus
    await bus.stop(drain_s=0.01)


async def joined(bus: EventBus) -> None:
    await asyncio.wait_for(bus.join(), DEADLINE)


def without_backoff(bus: EventBus) -> None:
    """So that a test of many failures does not wait through them."""
    for box in bus._observers._boxes:
        box._policy = RetryPolicy(backoff=0.0)


# --- who hears what ----------------------------------------------------------------------------------


async def test_plain_and_async_handlers_hear_their_family_in_order(bus: EventBus) -> None:
    plain: list[Event] = []
    waiting: list[Event] = []

    async def wait(event: Event) -> None:
        await asyncio.sleep(0)
        waiting.append(event)

    bus.subscribe(EventType.SYSTEM, plain.append)
    bus.subscribe(EventType.SYSTEM, wait)
    for n in range(20):
        await bus.publish(note(str(n)))
        await bus.publish(tick())
    await joined(bus)
    assert plain == waiting == [note(str(n)) for n in range(20)]


async def test_with_records_a_handler_gets_the_place_in_history(bus: EventBus) -> None:
    heard: list[Record] = []
    bus.subscribe(EventType.SYSTEM, heard.append, records=True)
    await bus.publish(note("a"))
    await joined(bus)
    assert heard == bus.history()


async def test_one_mailbox_for_several_families_keeps_their_order(bus: EventBus) -> None:
    heard: list[Record] = []
    bus.observe([EventType.SYSTEM, EventType.RISK, EventType.MARKET_DATA], heard.append)
    for n in range(10):
        bus.post(tick(price=str(n + 1)))
        bus.post(risk(f"r{n}"))
        bus.post(note(f"n{n}"))
    await joined(bus)
    assert heard == bus.history()


async def test_a_single_class_of_events_can_be_watched_with_its_subclasses(bus: EventBus) -> None:
    heard: list[Record] = []
    bus.observe([CommandReceived, EventType.RISK], heard.append)
    for event in (note("a"), command("b"), emergency("c"), risk("d"), tick()):
        bus.post(event)
    await joined(bus)
    assert sorted(labels(heard)) == ["b", "c", "d"]
    bus.unsubscribe(CommandReceived, heard.append)
    bus.post(command("e"))
    bus.post(risk("f"))
    await joined(bus)
    assert labels(heard)[3:] == ["f"]


async def test_an_event_wanted_in_two_ways_comes_once(bus: EventBus) -> None:
    heard: list[Record] = []
    bus.observe([CommandReceived, EventType.SYSTEM], heard.append)
    bus.post(command("a"))
    await joined(bus)
    assert labels(heard) == ["a"]


async def test_a_ring_keeps_the_newest_records_of_its_kinds(bus: EventBus) -> None:
    ring = bus.keep([EventType.SYSTEM, LimitBreached], 3)
    for n in range(4):
        bus.post(note(str(n)))
        bus.post(tick())
    await bus.dispatched()
    assert labels(ring) == ["1", "2", "3"]
    bus.post(risk("r"))
    await bus.dispatched()
    assert labels(ring) == ["2", "3", "r"]


async def test_observers_hear_derived_events_as_well(bus: EventBus) -> None:
    heard: list[Event] = []
    bus.subscribe(EventType.RISK, heard.append)
    bus.attach(SystemEvent, lambda _, __: [risk("derived")], 0)  # type: ignore[arg-type]
    bus.post(note("a"))
    await joined(bus)
    assert heard == [risk("derived")]


async def test_subscribing_before_the_start_counts() -> None:
    bus, heard = EventBus(), []  # type: ignore[var-annotated]
    bus.subscribe(EventType.SYSTEM, heard.append)
    bus.post(note("a"))
    await bus.start()
    await bus.stop()
    assert heard == [note("a")]


async def test_a_handler_that_unsubscribed_hears_no_more_and_the_others_do(bus: EventBus) -> None:
    gone: list[Event] = []
    staying: list[Event] = []
    bus.subscribe(EventType.SYSTEM, gone.append, name="gone")
    bus.subscribe(EventType.SYSTEM, staying.append, name="staying")
    bus.post(note("a"))
    await joined(bus)
    bus.unsubscribe(EventType.SYSTEM, gone.append)
    bus.unsubscribe(EventType.RISK, staying.append)
    bus.post(note("b"))
    await joined(bus)
    assert (gone, staying) == ([note("a")], [note("a"), note("b")])
    assert list(bus.get_metrics()["handlers"]) == ["staying"]


async def test_leaving_one_family_keeps_the_others(bus: EventBus) -> None:
    heard: list[Record] = []
    bus.observe([EventType.SYSTEM, EventType.RISK], heard.append)
    bus.unsubscribe(EventType.SYSTEM, heard.append)
    bus.post(note("a"))
    bus.post(risk("b"))
    await joined(bus)
    assert labels(heard) == ["b"]


# --- each hurts only itself --------------------------------------------------------------------------


async def test_a_hanging_handler_delays_nobody(bus: EventBus) -> None:
    never, heard = asyncio.Event(), asyncio.Queue[Event]()

    async def hangs(_: Event) -> None:
        await never.wait()

    bus.subscribe(EventType.SYSTEM, hangs, name="hangs")
    bus.subscribe(EventType.SYSTEM, heard.put_nowait, name="fine")
    for n in range(50):
        await bus.publish(note(str(n)))
    for n in range(50):
        assert await asyncio.wait_for(heard.get(), DEADLINE) == note(str(n))
    figures = bus.get_metrics()["handlers"]
    assert (figures["hangs"]["handled"], figures["hangs"]["waiting"]) == (0, 50)
    assert figures["fine"]["handled"] == 50


async def test_a_hanging_handler_does_not_keep_the_bus_from_stopping(bus: EventBus) -> None:
    cancelled = asyncio.Event()

    async def hangs(_: Event) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    bus.subscribe(EventType.SYSTEM, hangs)
    bus.post(note("a"))
    await bus.dispatched()
    await asyncio.sleep(0)
    await asyncio.wait_for(bus.stop(drain_s=0.02), DEADLINE)
    assert cancelled.is_set()


async def test_the_core_goes_on_while_a_handler_keeps_failing(bus: EventBus) -> None:
    heard: list[Event] = []
    bus.subscribe(EventType.SYSTEM, FailsAtFirst(10**9), name="broken")
    bus.subscribe(EventType.SYSTEM, heard.append)
    for n in range(3):
        bus.post(note(str(n)))
    await bus.dispatched()
    await asyncio.sleep(0)
    assert heard == [note("0"), note("1"), note("2")]


async def test_memory_stays_bounded_behind_a_handler_that_hangs() -> None:
    bus = EventBus(max_queue_size=10)

    async def hangs(_: Event) -> None:
        await asyncio.Event().wait()

    bus.observe([EventType.MARKET_DATA, EventType.SYSTEM], hangs, name="hangs")
    await bus.start()
    for n in range(40):
        await bus.publish(note(str(n)))
        await bus.publish(tick())
        await bus.dispatched()
    figures = bus.get_metrics()["handlers"]["hangs"]
    await bus.stop(drain_s=0.01)
    assert figures["waiting"] == 11
    assert figures["dropped"] == 40
    assert figures["missed"] == 29


# --- retries, dead letters, breaker ------------------------------------------------------------------


async def test_a_failure_is_tried_again_before_it_counts(bus: EventBus) -> None:
    handler = FailsAtFirst(2)
    bus.subscribe(EventType.SYSTEM, handler, name="shaky")
    bus.post(note("a"))
    await joined(bus)
    assert (handler.calls, handler.taken) == (3, [note("a")])
    assert bus.failed_events() == []
    assert bus.get_metrics()["handlers"]["shaky"]["failures"] == 2


async def test_what_cannot_be_handled_becomes_a_dead_letter_that_can_be_retried(
    bus: EventBus,
) -> None:
    handler = FailsAtFirst(3)
    bus.subscribe(EventType.SYSTEM, handler, name="shaky")
    bus.post(note("a"))
    await joined(bus)
    (letter,) = bus.failed_events()
    assert letter == DeadLetter(bus.history()[0], "shaky", "ValueError: not ?[1mnow", 3)
    assert bus.get_metrics()["failed"] == 1
    assert bus.retry_failed() == 1
    await joined(bus)
    assert handler.taken == [note("a")]
    assert bus.failed_events() == []


async def test_an_observer_whose_breaker_opens_is_told_once() -> None:
    bus = EventBus()
    bus.subscribe(EventType.RISK, FailsAtFirst(10**9), name="broken")
    without_backoff(bus)
    await bus.start()
    for n in range(10):
        bus.post(risk(str(n)))
    await joined(bus)
    await bus.stop()
    told = [r.event for r in bus.history(EventType.SYSTEM)]
    assert [(e.kind, e.component) for e in told if isinstance(e, SystemEvent)] == [
        ("handler_failed", "broken")
    ]
    assert len(bus.failed_events()) == 10


async def test_a_retry_closes_the_breaker_first() -> None:
    bus, handler = EventBus(), FailsAtFirst(5 * 3)
    bus.subscribe(EventType.RISK, handler, name="shaky")
    without_backoff(bus)
    await bus.start()
    for n in range(8):
        bus.post(risk(str(n)))
    await joined(bus)
    assert bus.retry_failed() == 8
    await joined(bus)
    await bus.stop()
    assert handler.taken == [risk(str(n)) for n in range(8)]


async def test_two_observers_of_one_name_do_not_get_each_others_dead_letters() -> None:
    bus = EventBus()
    first, second = FailsAtFirst(3), FailsAtFirst(0)
    bus.subscribe(EventType.SYSTEM, first.__call__)
    bus.subscribe(EventType.SYSTEM, second.__call__)
    without_backoff(bus)
    await bus.start()
    bus.post(note("a"))
    await joined(bus)
    bus.retry_failed()
    await joined(bus)
    await bus.stop()
    assert (first.taken, second.taken) == ([note("a")], [note("a")])
