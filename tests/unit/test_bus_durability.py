"""Written down, then sent, then shown: in this order, and nothing at all once the journal failed."""

from __future__ import annotations

import asyncio
import threading

import pytest

from tests.fixtures.bus import MemoryJournal, SentCommands, cancel, label, labels, note, submit
from tradectl.bus.clock import DataClock
from tradectl.bus.core import Stage
from tradectl.bus.event_bus import EventBus
from tradectl.domain.errors import JournalFailed
from tradectl.domain.events import Event, EventType, Record, SystemEvent

DEADLINE = 60.0


def trading_bus(journal: MemoryJournal | None, log: list[str] | None = None) -> EventBus:
    """A bus that sends an order for every note named order..., and tells `log` what leaves."""
    bus = EventBus(clock=DataClock(), journal=journal)

    def trade(event: Event, record: Record) -> None:
        word = label(record.event)
        if word.startswith("order"):
            bus.send(submit(word))
        elif word.startswith("cancel"):
            bus.send(cancel(word))

    bus.attach(SystemEvent, trade, Stage.EXECUTION)
    bus.command_release.sender = SentCommands(log)
    return bus


def sent(bus: EventBus) -> list[str]:
    assert isinstance(bus.command_release.sender, SentCommands)
    return bus.command_release.sender.ids


async def run(bus: EventBus, *words: str) -> None:
    for word in words:
        bus.post(note(word))
    await bus.start()
    await asyncio.wait_for(bus.join(), DEADLINE)
    await bus.stop()


# --- batched -----------------------------------------------------------------------------------------


def test_batched_a_command_leaves_once_its_step_is_written() -> None:
    journal = MemoryJournal()
    bus = trading_bus(journal, journal.log)
    for word in ("a", "order 1", "b", "order 2", "c"):
        bus.post(note(word))
    bus.turn()
    assert journal.log == ["write 1-2", "send order 1", "write 3-4", "send order 2", "write 5-5"]


def test_to_an_exchange_inside_this_process_commands_go_before_the_one_write_of_the_turn() -> None:
    """It dies with us: what it is told may be written together with what it answers."""
    journal = MemoryJournal()
    bus = trading_bus(journal, journal.log)
    bus.command_release.remote = False
    for word in ("a", "order 1", "b"):
        bus.post(note(word))
    bus.turn()
    assert journal.log == ["send order 1", "write 1-3"]


def test_a_turn_without_commands_is_one_write() -> None:
    journal = MemoryJournal()
    bus = trading_bus(journal)
    for word in "abcdef":
        bus.post(note(word))
    bus.turn()
    assert journal.log == ["write 1-6"]


def test_the_journal_holds_exactly_what_happened() -> None:
    journal = MemoryJournal()
    bus = trading_bus(journal)
    for word in ("a", "order 1", "b"):
        bus.post(note(word))
    bus.turn()
    bus.turn()
    assert journal.records() == bus.history()


def test_commands_of_one_step_leave_in_the_order_in_which_they_were_asked() -> None:
    bus = EventBus(clock=DataClock())

    def several(event: Event, record: Record) -> list[Event] | None:
        bus.send(submit(f"{label(record.event)} of {record.seq}"))
        return [note("derived")] if label(record.event) == "input" else None

    bus.attach(SystemEvent, several, Stage.STRATEGY)
    bus.attach(SystemEvent, several, Stage.EXECUTION)
    bus.command_release.sender = SentCommands()
    bus.post(note("input"))
    bus.turn()
    assert sent(bus) == ["input of 1", "input of 1"] + [f"derived of {seq}" for seq in (2, 2, 3, 3)]


def test_without_a_journal_commands_leave_all_the_same() -> None:
    bus = trading_bus(None)
    bus.post(note("order 1"))
    bus.turn()
    assert sent(bus) == ["order 1"]


def test_without_an_exchange_commands_go_nowhere() -> None:
    bus = trading_bus(MemoryJournal())
    bus.command_release.sender = None
    bus.post(note("order 1"))
    bus.turn()
    assert bus.core.outbox == []


async def test_observers_hear_of_an_event_after_it_is_written() -> None:
    journal = MemoryJournal()
    bus = trading_bus(journal)
    written_when_heard: list[bool] = []

    def hear(record: Record) -> None:
        written_when_heard.append(record in journal.records())

    bus.subscribe(EventType.SYSTEM, hear, records=True)
    await run(bus, "a", "order 1", "b")
    assert written_when_heard == [True] * 3


# --- strict ------------------------------------------------------------------------------------------


async def test_strict_a_command_leaves_only_after_a_sync_that_covers_it() -> None:
    journal = MemoryJournal(strict=True)
    bus = trading_bus(journal, journal.log)
    await run(bus, "order 1", "order 2", "cancel 3")
    assert sent(bus) == ["order 1", "order 2", "cancel 3"]
    for command, seq in (("order 1", 1), ("order 2", 2), ("cancel 3", 3)):
        left = journal.log.index(f"send {command}")
        written = journal.log.index(f"write {seq}-{seq}")
        assert "sync" in journal.log[written:left]


class SlowDisk(MemoryJournal):
    """A sync takes until the test says so."""

    def __init__(self) -> None:
        super().__init__(strict=True)
        self.go_on = threading.Event()
        self.syncs = 0

    def sync(self) -> None:
        self.go_on.wait(DEADLINE)
        self.syncs += 1
        super().sync()


async def test_strict_an_exchange_inside_this_process_waits_like_any_other() -> None:
    journal = MemoryJournal(strict=True)
    bus = trading_bus(journal, journal.log)
    bus.command_release.remote = False
    await run(bus, "order 1")
    assert journal.log == ["write 1-1", "sync", "send order 1"]


async def test_while_a_sync_takes_its_time_the_loop_goes_on_and_orders_wait() -> None:
    disk = SlowDisk()
    bus = trading_bus(disk)
    await bus.start()
    for word in ("order 1", "a", "order 2", "b"):
        bus.post(note(word))
        await bus.dispatched()
    assert labels(bus.history()) == ["order 1", "a", "order 2", "b"]
    assert sent(bus) == []
    disk.go_on.set()
    await asyncio.wait_for(bus.join(), DEADLINE)
    await bus.stop()
    assert sent(bus) == ["order 1", "order 2"]


async def test_commands_that_wait_together_share_one_sync() -> None:
    disk = SlowDisk()
    bus = trading_bus(disk)
    await bus.start()
    bus.post(note("order 0"))
    await bus.dispatched()
    await asyncio.sleep(0)
    for n in range(1, 20):
        bus.post(note(f"order {n}"))
    await bus.dispatched()
    disk.go_on.set()
    await bus.stop()
    assert sent(bus) == [f"order {n}" for n in range(20)]
    assert disk.syncs == 2


async def test_stopping_waits_for_the_commands_under_way() -> None:
    disk = SlowDisk()
    bus = trading_bus(disk)
    await bus.start()
    bus.post(note("order 1"))
    await bus.dispatched()
    stopping = asyncio.ensure_future(bus.stop())
    await asyncio.sleep(0)
    assert not stopping.done()
    disk.go_on.set()
    await asyncio.wait_for(stopping, DEADLINE)
    assert sent(bus) == ["order 1"]


# --- fail-stop ---------------------------------------------------------------------------------------


async def test_when_a_write_fails_nothing_of_that_turn_is_sent_or_shown() -> None:
    bus, heard = trading_bus(MemoryJournal(fails_at=1)), list[Event]()
    bus.subscribe(EventType.SYSTEM, heard.append)
    await run(bus, "a", "order 1", "b")
    assert isinstance(bus.failure, JournalFailed)
    assert bus.failed.is_set()
    assert (sent(bus), heard, bus.history()) == ([], [], [])


async def test_what_was_written_before_the_failure_is_shown() -> None:
    bus, heard = trading_bus(MemoryJournal(fails_at=2)), list[Event]()
    bus.subscribe(EventType.SYSTEM, heard.append)
    await run(bus, "a", "order 1", "b", "order 2", "c")
    assert labels(bus.history()) == ["a", "order 1"]
    assert sent(bus) == ["order 1"]


async def test_after_a_failure_nothing_is_decided_any_more() -> None:
    bus = trading_bus(MemoryJournal(fails_at=1))
    await run(bus, "order 1")
    seq = bus.core.seq
    await run(bus, "order 2", "cancel 3")
    bus.turn()
    assert (bus.core.seq, sent(bus), bus.core.outbox) == (seq, [], [])


async def test_a_journal_that_would_work_again_is_not_believed() -> None:
    class Recovers(MemoryJournal):
        def append(self, records: list[Record]) -> None:
            if not self.log:
                self.log.append("failed")
                raise JournalFailed("for a moment")
            super().append(records)

    bus = trading_bus(Recovers())
    await run(bus, "order 1")
    await run(bus, "order 2")
    assert (sent(bus), bus.history()) == ([], [])


async def test_when_a_sync_fails_the_commands_it_should_cover_stay() -> None:
    bus = trading_bus(MemoryJournal(strict=True, sync_fails=True))
    await run(bus, "order 1", "order 2")
    await asyncio.wait_for(bus.failed.wait(), DEADLINE)
    assert sent(bus) == []
    await run(bus, "order 3")
    assert sent(bus) == []


async def test_a_command_that_waits_for_its_sync_stays_when_a_later_write_fails() -> None:
    class FullSoon(SlowDisk):
        def append(self, records: list[Record]) -> None:
            if self.log:
                raise JournalFailed("the disk is full")
            super().append(records)

    disk = FullSoon()
    bus = trading_bus(disk)
    await bus.start()
    bus.post(note("order 1"))
    await bus.dispatched()
    bus.post(note("b"))
    await bus.dispatched()
    disk.go_on.set()
    await asyncio.wait_for(bus.stop(), DEADLINE)
    assert bus.failure is not None
    assert sent(bus) == []


@pytest.mark.parametrize("strict", [False, True])
async def test_a_failed_bus_can_be_stopped(strict: bool) -> None:
    bus = trading_bus(MemoryJournal(strict=strict, fails_at=1))
    await bus.start()
    bus.post(note("order 1"))
    await asyncio.wait_for(bus.failed.wait(), DEADLINE)
    bus.post(note("order 2"))
    await asyncio.wait_for(bus.stop(), DEADLINE)
    assert sent(bus) == []


# --- what is answered to a human ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "journal", [MemoryJournal(fails_at=2), MemoryJournal(strict=True, sync_fails=True)]
)
async def test_who_waits_for_what_is_written_hears_that_it_could_not_be(
    journal: MemoryJournal,
) -> None:
    bus = trading_bus(journal)
    await bus.start()
    bus.post(note("first"))
    await bus.dispatched()
    bus.post(note("second"))
    with pytest.raises(JournalFailed):
        await bus.written()
    with pytest.raises(JournalFailed):
        await bus.synced()
    assert bus.failure is not None
    await bus.stop()


async def test_a_strict_journal_is_synced_before_the_answer() -> None:
    journal = MemoryJournal(strict=True)
    bus = trading_bus(journal)
    await bus.start()
    bus.post(note("first"))
    await bus.written()
    assert journal.log == ["write 1-1", "sync"]
    await bus.stop()
