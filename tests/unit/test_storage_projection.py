"""The database follows the books in groups: behind the journal, never ahead, and losing nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import asdict

from tests.fixtures.books import (
    RUN,
    approved,
    fill,
    instruments,
    intent,
    open_books,
    submitted,
    tick,
)
from tests.fixtures.bus import MemoryJournal
from tests.fixtures.store import ROW, connection, locked, rows
from tradectl.bus.clock import DataClock
from tradectl.bus.core import Core
from tradectl.bus.event_bus import EventBus
from tradectl.documents.account import AccountStatus
from tradectl.documents.run import Status
from tradectl.domain.errors import StateError
from tradectl.domain.events import Event, EventType, SystemEvent
from tradectl.state.account import Account
from tradectl.state.books import Books
from tradectl.storage.manager import StateManager
from tradectl.storage.projection import LONGEST_PAUSE_S
from tradectl.storage.store import Changes, Store

TRADE: list[Event] = [
    intent("o1", "buy 2"),
    approved("o1"),
    submitted("o1"),
    fill("t1", "o1", "buy 2@100", fee="1"),
    tick("110", ts=5),
]
NEVER = 3600.0


def make_bus(journal: MemoryJournal | None = None) -> EventBus:
    return EventBus(clock=DataClock(), core=Core(RUN), journal=journal)


def run_through(bus: EventBus, *events: Event) -> None:
    for event in events:
        bus.post(event)
        bus.turn()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    """One that waits for another's lock for a twentieth of a second instead of five."""
    store = Store(path, lock_timeout=0.05)
    await store.open()
    await store.begin_run(ROW)
    yield store
    await store.close()


def projecting(bus: EventBus, store: Store, **options: Any) -> StateManager:
    given = {"flush_interval": NEVER, "snapshot_interval": NEVER, **options}
    return StateManager(bus, books=open_books(), store=store, **given)


async def test_a_flush_writes_what_changed_and_says_which_record_it_reflects(
    store: Store, path: Path
) -> None:
    bus = make_bus()
    state = projecting(bus, store)
    await state.start()
    run_through(bus, *TRADE)
    await state.flush()
    assert rows(path, "SELECT order_id, status FROM orders") == [("o1", "filled")]
    assert rows(path, "SELECT trade_id FROM fills") == [("t1",)]
    ((seq, hashed, pnl, status),) = rows(path, "SELECT last_seq, state_hash, pnl, status FROM runs")
    assert (seq, hashed, pnl) == (6, state.state_hash(), "19")
    assert msgspec.json.decode(status) == await state.get_system_state()
    await state.stop()


async def test_the_status_may_be_added_to(store: Store, path: Path) -> None:
    bus = make_bus()
    state = projecting(bus, store)
    state.describe = lambda account: Status(**asdict(account), mode="paper", state="RUNNING")
    await state.start()
    run_through(bus, tick("1", ts=1))
    await state.stop()
    ((status,),) = rows(path, "SELECT status FROM runs")
    assert {"mode": "paper", "state": "RUNNING"}.items() <= msgspec.json.decode(status).items()


async def test_stopping_writes_what_is_left_with_a_snapshot(store: Store, path: Path) -> None:
    bus = make_bus()
    state = projecting(bus, store)
    await state.start()
    run_through(bus, *TRADE)
    await state.stop()
    ((seq, hashed, body),) = rows(path, "SELECT seq, hash, body FROM snapshots")
    again = Books(Account.load(msgspec.json.decode(body)), instruments())
    assert (seq, hashed) == (6, state.state_hash()) == (6, again.state_hash(RUN))


async def test_snapshots_come_at_their_interval_and_flushes_in_between_have_none(
    store: Store, path: Path
) -> None:
    bus = make_bus()
    state = projecting(bus, store)
    await state.start()
    for n in range(1, 4):
        run_through(bus, tick("1", ts=n))
        await state.flush()
    assert rows(path, "SELECT seq FROM snapshots") == [(1,)]
    every_time = projecting(bus, store, snapshot_interval=0)
    await every_time.start()
    for n in range(4, 7):
        run_through(bus, tick("1", ts=n))
        await every_time.flush()
    assert rows(path, "SELECT seq FROM snapshots") == [(1,), (4,), (5,), (6,)]
    await every_time.stop()
    await state.stop()


async def test_where_nothing_happened_nothing_is_written(store: Store, path: Path) -> None:
    bus = make_bus()
    state = projecting(bus, store)
    run_through(bus, *TRADE)
    await state.flush()
    with connection(path) as db:
        db.execute("UPDATE runs SET status = 'untouched'")
    await state.flush()
    assert rows(path, "SELECT status FROM runs") == [("untouched",)]


async def test_the_database_follows_by_itself(store: Store, path: Path) -> None:
    bus = make_bus()
    state = projecting(bus, store, flush_interval=0.001)
    await state.start()
    run_through(bus, *TRADE)
    await eventually(lambda: rows(path, "SELECT last_seq FROM runs") == [(6,)])
    await state.stop()


class SlowClock(DataClock):
    """On which whatever is done takes `each` seconds, and a sleep none."""

    def __init__(self, each: float) -> None:
        super().__init__()
        self.slept: list[float] = []
        self._each, self._seconds = each, 0.0

    def monotonic(self) -> float:
        self._seconds += self._each
        return self._seconds

    async def sleep(self, seconds: float) -> None:  # type: ignore[override]  # the same
        self.slept.append(seconds)
        await asyncio.sleep(0)


@pytest.mark.parametrize(("took", "pause"), [(0, 0.75), (0.05, 0.75), (0.3, 0.3), (2, 0.05)])
def test_where_a_write_takes_long_the_next_one_follows_sooner(
    store: Store, took: float, pause: float
) -> None:
    """What others see is a second old at most, also on a computer that has much else to do."""
    state = projecting(make_bus(), store, flush_interval=0.75)
    projection = state._projection
    assert projection is not None
    assert projection._pause(took) == pytest.approx(pause)


@pytest.mark.parametrize(("each", "pause"), [(0.001, 0.25), (0.02, 0.4), (1, LONGEST_PAUSE_S)])
async def test_where_changes_take_long_to_collect_the_database_is_written_less_often(
    store: Store, each: float, pause: float
) -> None:
    clock = SlowClock(each)
    bus = EventBus(clock=clock, core=Core(RUN))
    state = StateManager(bus, books=open_books(), store=store, flush_interval=0.25)
    await state.start()
    run_through(bus, *TRADE)
    await eventually(lambda: len(clock.slept) > 1)
    assert clock.slept[:2] == [0.25, pytest.approx(pause)]
    await state.stop()


async def test_changes_that_could_not_be_written_are_kept_and_written_later(
    store: Store, path: Path
) -> None:
    bus = make_bus()
    state = projecting(bus, store)
    await state.start()
    run_through(bus, *TRADE[:4])
    with locked(path), pytest.raises(StateError, match="database is locked"):
        await state.flush()
    run_through(
        bus, intent("o2", "sell 1"), approved("o2"), submitted("o2"), fill("t2", "o2", "sell 1@105")
    )
    await state.flush()
    assert rows(path, "SELECT trade_id FROM fills") == [("t1",), ("t2",)]
    assert rows(path, "SELECT order_id, status FROM orders") == [
        ("o1", "filled"),
        ("o2", "filled"),
    ]
    await state.stop()


async def test_a_database_that_stays_locked_is_told_about_and_does_not_end_the_flushing(
    store: Store, path: Path
) -> None:
    bus = make_bus()
    state = projecting(bus, store, flush_interval=0.001, stalled_after=0.0)
    await state.start()
    with locked(path):
        run_through(bus, *TRADE)
        await eventually(lambda: bus.waiting() > 0)
    bus.turn()
    told = [r.event for r in bus.history(EventType.SYSTEM)]
    assert isinstance(told[0], SystemEvent)
    assert told[0].kind == "projection_stalled"
    assert "database is locked" in told[0].message
    await eventually(lambda: rows(path, "SELECT trade_id FROM fills") == [("t1",)])
    await state.stop()
    bus.turn()
    last = bus.history(EventType.SYSTEM)[-1].event
    assert isinstance(last, SystemEvent)
    assert last.kind == "projection_stalled_over"


async def test_without_a_store_there_is_nothing_to_flush() -> None:
    state = StateManager(make_bus(), books=open_books())
    await state.start()
    await state.flush(snapshot=True)
    await state.stop()


class SlowStore(Store):
    """A write takes until the test says so."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.asked, self.go_on = asyncio.Event(), asyncio.Event()

    async def write(self, changes: Changes) -> None:
        self.asked.set()
        await self.go_on.wait()
        await super().write(changes)


@pytest.fixture
async def slow(store: Store, path: Path) -> AsyncIterator[SlowStore]:
    slow = SlowStore(path)
    await slow.open()
    yield slow
    await slow.close()


async def test_stopping_in_the_middle_of_a_flush_loses_no_fill(slow: SlowStore, path: Path) -> None:
    bus = make_bus()
    state = projecting(bus, slow, flush_interval=0.001)
    await state.start()
    run_through(bus, *TRADE)
    await asyncio.wait_for(slow.asked.wait(), 60)
    stopping = asyncio.ensure_future(state.stop())
    await asyncio.sleep(0)
    assert not stopping.done()
    slow.go_on.set()
    await asyncio.wait_for(stopping, 60)
    assert rows(path, "SELECT trade_id FROM fills") == [("t1",)]


async def test_what_the_journal_could_not_write_is_not_in_the_database_either(
    store: Store, path: Path
) -> None:
    bus = make_bus(MemoryJournal(fails_at=3))
    state = projecting(bus, store)
    await state.start()
    run_through(bus, *TRADE)
    await state.stop()
    assert bus.failure is not None
    assert rows(path, "SELECT trade_id FROM fills") == []


async def eventually(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - the database sets no event
            await asyncio.sleep(0.002)


# --- doubts ------------------------------------------------------------------------------------------


class HangsOnce(Store):
    """The first write does not come to an end before whoever asked for it gives up."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.asked = asyncio.Event()

    async def write(self, changes: Changes) -> None:
        if not self.asked.is_set():
            self.asked.set()
            await asyncio.Event().wait()
        await super().write(changes)


async def test_a_description_that_fails_once_costs_nothing(store: Store, path: Path) -> None:
    calls = 0

    def describe(account: AccountStatus) -> AccountStatus:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise KeyError("a component that is just being restarted")
        return account

    bus = make_bus()
    state = projecting(bus, store, flush_interval=0.001)
    state.describe = describe
    await state.start()
    run_through(bus, *TRADE)
    await eventually(lambda: calls > 0)
    await state.stop()
    assert rows(path, "SELECT trade_id FROM fills") == [("t1",)]


async def test_changes_by_hand_reach_the_database(store: Store, path: Path) -> None:
    state = projecting(make_bus(), store)
    await state.update_portfolio_state({"cash": "77"})
    await state.flush()
    ((status,),) = rows(path, "SELECT status FROM runs")
    assert '"cash":"77"' in status
