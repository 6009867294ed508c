"""Who goes first, who waits, who is shed: the way of an input into the core."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures.bus import (
    Listener,
    MemoryJournal,
    command,
    emergency,
    label,
    labels,
    note,
    report,
    risk,
    submit,
    tick,
    timer,
)
from tests.fixtures.rows import each_row
from tradectl.bus.clock import DataClock
from tradectl.bus.core import Stage
from tradectl.bus.event_bus import EventBus
from tradectl.domain.errors import JournalFailed
from tradectl.domain.events import Event, EventType, MarketDataEvent, Record, SystemEvent

MAKERS: list[Callable[[str], Event]] = [emergency, command, report, risk, timer, note]


def data_bus(max_queue_size: int = 10_000, **options: Any) -> EventBus:
    return EventBus(max_queue_size, clock=DataClock(), **options)


def drain(bus: EventBus) -> list[str]:
    """Turn until nothing waits; everything that happened so far."""
    while bus.get_metrics()["queue_depth"]:
        assert bus.failure is None, bus.failure
        bus.turn()
    return labels(bus.history())


# --- order -------------------------------------------------------------------------------------------


def test_the_highest_class_goes_first_whatever_came_first() -> None:
    bus = data_bus()
    bus.post(tick(price="7"))
    for maker in reversed(MAKERS[:5]):
        bus.post(maker(maker.__name__))
    assert drain(bus) == ["emergency", "command", "report", "risk", "timer", "7"]


@given(st.lists(st.sampled_from([*MAKERS, tick]), max_size=40))
def test_within_a_class_the_oldest_goes_first(makers: list[Callable[..., Event]]) -> None:
    events = [
        tick(price=str(index + 1)) if maker is tick else maker(str(index))
        for index, maker in enumerate(makers)
    ]
    bus = data_bus()
    for event in events:
        bus.post(event)
    assert drain(bus) == [label(e) for e in sorted(events, key=lambda e: e.priority)]


def test_an_urgent_input_waits_for_the_step_that_runs_but_not_for_waiting_market_data() -> None:
    bus = data_bus()

    def edge(event: Event, record: Record) -> list[Event]:
        if label(record.event) == "1":
            bus.post(emergency("stop"))
            return [note("derived")]
        return []

    bus.attach(MarketDataEvent, edge, Stage.STRATEGY)
    bus.post_market([tick(price="1"), tick(price="2"), tick(price="3")])
    assert drain(bus) == ["1", "derived", "stop", "2", "3"]


@given(st.lists(st.tuples(st.sampled_from(["", "urgent", "later", "order"]), st.integers(0, 3))))
def test_steps_that_go_by_without_a_look_at_the_time_are_the_steps_that_are_looked_at(
    script: list[tuple[str, int]],
) -> None:
    """Whatever a step with market data leads to, it happens before the next of it."""

    def played(*, quick: bool) -> tuple[list[Record], list[int]]:
        clock = DataClock()
        bus = EventBus(clock=clock)
        if not quick:
            bus.step_times.note = lambda *_: 1  # type: ignore[method-assign]  # as after a slow one
        left_after: list[int] = []
        bus.connect(lambda _command, _at: left_after.append(bus.core.seq), remote=False)

        def handler(event: MarketDataEvent, record: Record) -> list[Event]:
            what, pause = script[int(event.price) - 1]
            if what == "urgent":
                bus.post(risk(f"urgent {record.seq}"))
            elif what == "later":
                bus.schedule(report(f"due {record.seq}"), record.at + pause)
            elif what == "order":
                bus.send(submit(f"order {record.seq}"))
            return [note(f"said {record.seq}")] if pause == 1 else []

        bus.attach(MarketDataEvent, handler, Stage.STRATEGY)
        bus.every(2, "timer")
        moment = 10
        for index, (_, pause) in enumerate(script):
            moment += pause
            bus.post(tick(price=str(index + 1), ts=moment))
        bus.end_of_data()
        records = bus.run_dry()
        assert bus.failure is None
        return records, left_after

    assert played(quick=True) == played(quick=False)


def test_a_detached_handler_hears_no_more() -> None:
    bus, listener = data_bus(), Listener()
    bus.attach(SystemEvent, listener, Stage.STATE)
    bus.post(note("a"))
    drain(bus)
    bus.detach(listener)
    bus.post(note("b"))
    drain(bus)
    assert listener.log == ["a"]


# --- time --------------------------------------------------------------------------------------------


def test_market_data_moves_a_data_clock_and_never_back() -> None:
    bus = data_bus()
    bus.post_market([tick(10), tick(8), tick(0), tick(12)])
    drain(bus)
    assert [record.at for record in bus.history()] == [10, 10, 10, 12]


def test_other_inputs_happen_where_the_data_is() -> None:
    bus = data_bus()
    bus.post_market([tick(10)])
    drain(bus)
    bus.post(note("a"))
    drain(bus)
    assert bus.history()[-1].at == 10


def test_on_a_wall_clock_an_input_happens_when_it_is_taken() -> None:
    bus = EventBus()
    before = bus.clock.now()
    bus.post_market([tick(10)])
    bus.post(note("a"))
    drain(bus)
    times = [record.at for record in bus.history()]
    assert before <= times[0] <= times[1] <= bus.clock.now()


# --- bounds ------------------------------------------------------------------------------------------


def test_market_data_beyond_the_bound_pushes_out_the_oldest_and_is_counted() -> None:
    bus = data_bus(max_queue_size=3)
    bus.post_market([tick(price=str(n)) for n in range(1, 6)])
    bus.post(tick(price="6"))
    assert drain(bus) == ["4", "5", "6"]
    assert bus.get_metrics()["dropped"] == 3


@each_row("maker", MAKERS)
def test_nothing_but_market_data_is_ever_dropped(maker: Callable[[str], Event]) -> None:
    bus = data_bus(max_queue_size=3)
    for n in range(30):
        bus.post(maker(str(n)))
        bus.post(tick())
    assert [word for word in drain(bus) if word != "100"] == [str(n) for n in range(30)]
    assert bus.get_metrics()["dropped"] == 27


async def test_the_publisher_of_an_order_waits_for_room() -> None:
    bus, deepest = data_bus(max_queue_size=2), 0
    await bus.start()

    async def publisher(name: str) -> None:
        nonlocal deepest
        for n in range(20):
            await bus.publish(note(f"{name}{n}"))
            deepest = max(deepest, bus.get_metrics()["queue_depth"])

    await asyncio.gather(*(publisher(name) for name in "abc"))
    await bus.stop()
    handled = labels(bus.history())
    assert len(handled) == 60
    assert deepest == 2
    for name in "abc":
        assert [w for w in handled if w[0] == name] == [f"{name}{n}" for n in range(20)]


async def test_a_flood_of_market_data_delays_no_order() -> None:
    bus = data_bus(max_queue_size=100)
    await bus.start()
    for n in range(2_000):
        await bus.publish(tick(price=str(n + 1)))
        if n % 100 == 0:
            await bus.publish(note(f"order {n}"))
    await bus.stop()
    figures = bus.get_metrics()
    orders = [w for w in labels(bus.history(EventType.SYSTEM)) if w.startswith("order")]
    assert orders == [f"order {n}" for n in range(0, 2_000, 100)]
    assert figures["processed"] + figures["dropped"] == figures["published"] == 2_020


async def test_a_bus_that_is_not_started_takes_inputs_without_waiting() -> None:
    bus = data_bus(max_queue_size=1)
    for n in range(5):
        await bus.publish(note(str(n)))
    assert drain(bus) == ["0", "1", "2", "3", "4"]


async def test_a_publisher_does_not_wait_for_ever_on_a_bus_whose_journal_failed() -> None:
    bus = data_bus(max_queue_size=1, journal=MemoryJournal(fails_at=1))
    await bus.start()
    bus.post(note("a"))
    await bus.failed.wait()
    bus.post(note("b"))
    with pytest.raises(JournalFailed, match="the disk is full"):
        await asyncio.wait_for(bus.publish(note("c")), 60)
    await bus.stop()


async def test_a_publisher_that_waits_when_the_journal_fails_is_told() -> None:
    bus = data_bus(max_queue_size=1, journal=MemoryJournal(fails_at=1))
    bus.post(note("a"))
    await bus.start()
    waiting = asyncio.ensure_future(bus.publish(note("b")))
    also = asyncio.ensure_future(bus.publish(note("c")))
    told = await asyncio.wait_for(asyncio.gather(waiting, also, return_exceptions=True), 60)
    await bus.stop()
    assert any(isinstance(each, JournalFailed) for each in told)


# --- turns -------------------------------------------------------------------------------------------


def test_a_turn_ends_when_its_slice_is_over() -> None:
    bus = data_bus(slice_ns=0)
    bus.post_market([tick(), tick(), tick()])
    bus.turn()
    assert bus.get_metrics()["queue_depth"] == 2


async def test_the_loop_is_given_back_between_turns() -> None:
    bus = data_bus(slice_ns=0)
    await bus.start()
    bus.post_market([tick()] * 50)
    depths = []
    while bus.get_metrics()["queue_depth"]:
        depths.append(bus.get_metrics()["queue_depth"])
        await asyncio.sleep(0)
    await bus.stop()
    assert len(depths) > 40


def test_a_slow_step_is_written_down() -> None:
    bus = data_bus(slow_step_ns=-1)
    bus.post(note("a"))
    drain(bus)
    ((seq, took),) = bus.step_times.slow
    assert (seq, took > 0) == (1, True)


# --- life --------------------------------------------------------------------------------------------


async def test_stopping_finishes_what_is_queued() -> None:
    bus = data_bus()
    await bus.start()
    bus.post_market([tick(price=str(n + 1)) for n in range(500)])
    await bus.stop()
    assert len(bus.history()) == 500


async def test_starting_and_stopping_twice_is_the_same_as_once() -> None:
    bus = data_bus()
    await bus.stop()
    await bus.start()
    await bus.start()
    bus.post(note("a"))
    await bus.stop()
    await bus.stop()
    assert labels(bus.history()) == ["a"]


async def test_a_stopped_bus_keeps_its_inputs_for_the_next_start() -> None:
    bus = data_bus()
    await bus.start()
    await bus.stop()
    bus.post(note("a"))
    assert labels(bus.history()) == []
    await bus.start()
    await bus.dispatched()
    assert labels(bus.history()) == ["a"]
    await bus.stop()


async def test_dispatched_waits_until_no_input_is_waiting() -> None:
    bus = data_bus()
    await bus.start()
    bus.post_market([tick()] * 1000)
    await bus.dispatched()
    assert bus.get_metrics()["queue_depth"] == 0
    await bus.stop()


# --- figures -----------------------------------------------------------------------------------------


def test_inputs_are_counted_and_timed() -> None:
    bus = data_bus()
    bus.post_market([tick(), tick()])
    bus.post(note("a"))
    waiting = bus.get_metrics()
    assert (waiting["published"], waiting["processed"], waiting["queue_depth"]) == (3, 0, 3)
    assert (waiting["latency_p50_us"], waiting["latency_p99_us"]) == (0.0, 0.0)
    drain(bus)
    done = bus.get_metrics()
    assert (done["published"], done["processed"], done["queue_depth"]) == (3, 3, 0)
    assert 0 < done["latency_p50_us"] <= done["latency_p99_us"]


def test_what_is_published_is_processed_dropped_or_waiting() -> None:
    bus = data_bus(max_queue_size=4)
    bus.every(10, "risk")
    bus.post_market([tick(ts) for ts in (5, 8, 15, 25, 26, 27)])
    bus.post(note("a"))
    waiting = bus.get_metrics()
    assert (waiting["dropped"], waiting["queue_depth"], waiting["processed"]) == (2, 5, 0)
    drain(bus)
    done = bus.get_metrics()
    assert done["published"] == done["processed"] + done["dropped"] == 7


def test_the_history_keeps_the_newest_records_and_knows_the_families() -> None:
    bus = data_bus(history=4)
    for n in range(3):
        bus.post(note(str(n)))
    bus.post_market([tick(price="7"), tick(price="8")])
    drain(bus)
    assert labels(bus.history()) == ["1", "2", "7", "8"]
    assert labels(bus.history(EventType.MARKET_DATA)) == ["7", "8"]
    assert bus.history(EventType.ORDER) == []


# --- what must not kill the bus ----------------------------------------------------------------------


def broken_door(command: object, at: int) -> None:
    raise OSError(24, "Too many open files")


def bus_that_sends(journal: MemoryJournal | None = None) -> EventBus:
    bus = data_bus(journal=journal)
    bus.attach(SystemEvent, lambda e, _: bus.send(submit(label(e))), Stage.EXECUTION)
    return bus


async def test_a_door_that_breaks_stops_the_bus_with_a_word() -> None:
    """Such as the gate, when the latch cannot be read for want of a file descriptor."""
    bus = bus_that_sends()
    bus.command_release.sender = broken_door
    await bus.start()
    bus.post(note("a"))
    await asyncio.wait_for(bus.failed.wait(), 60)
    await bus.stop()
    assert "the bus broke: OSError: [Errno 24] Too many open files" in str(bus.failure)


async def test_a_door_that_breaks_after_a_sync_stops_the_bus_with_a_word() -> None:
    bus = bus_that_sends(MemoryJournal(strict=True))
    bus.command_release.sender = broken_door
    await bus.start()
    bus.post(note("a"))
    try:
        await asyncio.wait_for(bus.failed.wait(), 60)
    finally:
        await bus.stop()


async def test_a_journal_that_cannot_encode_an_event_stops_the_bus_with_a_word() -> None:
    class Picky(MemoryJournal):
        def append(self, records: list[Record]) -> None:
            raise UnicodeEncodeError("utf-8", "\udc80", 0, 1, "surrogates not allowed")

    bus = bus_that_sends(Picky())
    sent: list[object] = []
    bus.command_release.sender = lambda command, at: sent.append(command)
    await bus.start()
    bus.post(note("a"))
    await asyncio.wait_for(bus.failed.wait(), 60)
    await bus.stop()
    assert "surrogates not allowed" in str(bus.failure)
    assert (sent, bus.history()) == ([], [])
