"""The manager keeps the books on a bus, answers questions, and keeps the database behind the journal."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.unit.bus_desk import MemoryJournal
from tests.unit.ledger_desk import (
    PERP,
    RUN,
    SPOT,
    approved,
    fill,
    instruments,
    intent,
    open_books,
    tick,
)
from tests.unit.store_desk import ROW, connection, locked, rows
from tradectl.bus.clock import DataClock
from tradectl.bus.core import Core
from tradectl.bus.event_bus import EventBus
from tradectl.domain.errors import StateError
from tradectl.domain.events import EmergencyEvent, Event, EventType, SystemEvent
from tradectl.state import manager as manager_module
from tradectl.state import store as store_module
from tradectl.state.account import Account
from tradectl.state.books import Books
from tradectl.state.manager import StateManager
from tradectl.state.schema import connect
from tradectl.state.store import Changes, Store

TRADE: list[Event] = [
    intent("o1", "buy 2"),
    approved("o1"),
    fill("t1", "o1", "buy 2@100", fee="1"),
    tick("110", ts=5),
]
NEVER = 3600.0


def make_bus(journal: MemoryJournal | None = None) -> EventBus:
    return EventBus(clock=DataClock(), core=Core(RUN), journal=journal)


def play(bus: EventBus, *events: Event) -> None:
    for event in events:
        bus.post(event)
        bus.turn()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
async def store(path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Store]:
    """One that waits for another's lock for a twentieth of a second instead of five."""
    monkeypatch.setattr(store_module, "connect", functools.partial(connect, timeout=0.05))
    store = Store(path)
    await store.open()
    await store.begin_run(ROW)
    yield store
    await store.close()


def projecting(bus: EventBus, store: Store, **options: Any) -> StateManager:
    given = {"flush_interval": NEVER, "snapshot_interval": NEVER, **options}
    return StateManager(bus, books=open_books(), store=store, **given)


# --- on a bus ----------------------------------------------------------------------------------------


async def test_the_books_follow_the_bus_from_start_to_stop() -> None:
    bus = make_bus()
    state = StateManager(bus, books=open_books())
    play(bus, tick("90", ts=1))
    await state.start()
    await state.start()
    play(bus, *TRADE)
    await state.stop()
    play(bus, tick("500", ts=9))
    assert state.books.mark(SPOT) == 110
    assert state.books.account.fills_count == 1


async def test_a_fill_is_followed_by_a_record_of_the_books_after_it() -> None:
    bus = make_bus()
    await StateManager(bus, books=open_books()).start()
    play(bus, *TRADE)
    (position,) = bus.history(EventType.PORTFOLIO)
    assert (position.seq, position.cause) == (4, 3)


async def test_what_the_books_refuse_halts_the_run() -> None:
    bus = make_bus()
    state = StateManager(bus, books=open_books())
    await state.start()
    play(bus, fill("t1", "nobody", "buy 1@100"))
    assert state.books.mode.value == "HALTED"
    assert "not ours" in state.books.account.mode_reason


def test_without_anything_there_is_an_account_of_a_hundred_thousand() -> None:
    account = StateManager().books.account
    assert (account.cash, account.currency) == (Decimal(100_000), "USDT")


# --- questions ---------------------------------------------------------------------------------------


async def test_the_system_state_is_json_ready_and_complete() -> None:
    bus = make_bus()
    state = StateManager(bus, books=open_books())
    await state.start()
    play(bus, *TRADE, EmergencyEvent(reason="fire"))
    told = await state.get_system_state()
    assert msgspec.json.decode(msgspec.json.encode(told)) == told
    assert {
        "portfolio", "positions", "open_orders", "strategies", "halt", "last_seq", "state_hash",
        "consistency",
    } <= told.keys()  # fmt: skip
    assert told["halt"]["reason"] == "fire"
    assert told["last_seq"] == 6
    assert told["state_hash"] == state.state_hash()
    assert told["consistency"] == {"ok": True, "problems": []}


async def test_the_portfolio_state_has_the_promised_figures() -> None:
    bus = make_bus()
    state = StateManager(bus, books=open_books())
    await state.start()
    play(bus, *TRADE)
    told = await state.get_portfolio_state()
    assert {
        "equity": "10019",
        "cash": "9799",
        "realized_pnl": "0",
        "unrealized_pnl": "20",
        "fees": "1",
        "margin_used": "0",
        "drawdown_pct": "0",
    }.items() <= told.items()


async def test_a_position_is_told_and_a_flat_one_is_none() -> None:
    bus = make_bus()
    state = StateManager(bus, books=open_books())
    await state.start()
    play(bus, *TRADE)
    told = await state.get_position(SPOT)
    assert told is not None
    assert (told["side"], told["size"], told["unrealized_pnl"]) == ("long", "2", "20")
    assert await state.get_position(PERP) is None


async def test_what_does_not_add_up_is_shown() -> None:
    state = StateManager(books=open_books())
    state.books.account.cash += 1
    (problem,) = state.check()
    assert (await state.get_system_state())["consistency"] == {"ok": False, "problems": [problem]}


# --- changes by hand ---------------------------------------------------------------------------------


async def test_it_works_on_its_own_and_takes_changes_by_hand() -> None:
    state = StateManager()
    await state.start()
    await state.update_portfolio_state({"cash": "5000.5", "note": "mine"})
    await state.update_position(
        "BTCUSDT", {"side": "long", "size": 0.1, "entry_price": 50_000, "current_price": "51000"}
    )
    portfolio = await state.get_portfolio_state()
    assert (portfolio["cash"], portfolio["note"]) == ("5000.5", "mine")
    position = await state.get_position("BTCUSDT")
    assert position is not None
    assert {
        "side": "long",
        "size": "0.1",
        "entry_price": "50000",
        "unrealized_pnl": "100",
    }.items() <= (position.items())
    assert (await state.get_system_state())["positions"] == [position]
    await state.stop()


@pytest.mark.parametrize(
    ("side", "size", "told"),
    [
        ("long", 1, "long"),
        ("SHORT", 1, "short"),
        ("buy", "1", "long"),
        ("sell", Decimal(1), "short"),
        ("flat", 1, None),
        ("long", 0, None),
    ],
)
async def test_sides_and_sizes_by_hand(side: str, size: Any, told: str | None) -> None:
    state = StateManager()
    await state.update_position("X", {"side": side, "size": size, "entry_price": 5})
    position = await state.get_position("X")
    assert (position and position["side"]) == told


async def test_a_journalled_run_is_not_changed_by_hand() -> None:
    state = StateManager(make_bus(MemoryJournal()), books=open_books())
    with pytest.raises(StateError, match="its cash change by fills only"):
        await state.update_portfolio_state({"cash": "1"})
    with pytest.raises(StateError, match="its positions change by fills only"):
        await state.update_position(SPOT, {"size": 1})
    assert state.books.cash == 10_000


@pytest.mark.xfail(strict=True, reason="taken for flat")
async def test_a_side_that_nobody_knows_is_refused() -> None:
    with pytest.raises(StateError):
        await StateManager().update_position("X", {"side": "lnog", "size": 1})


@pytest.mark.xfail(strict=True, reason="last_seq does not move, so the flush sees nothing new")
async def test_changes_by_hand_reach_the_database(store: Store, path: Path) -> None:
    state = projecting(make_bus(), store)
    await state.update_portfolio_state({"cash": "77"})
    await state.flush()
    ((status,),) = rows(path, "SELECT status FROM runs")
    assert '"cash":"77"' in status


# --- the projection ----------------------------------------------------------------------------------


async def test_a_flush_writes_what_changed_and_says_which_record_it_reflects(
    store: Store, path: Path
) -> None:
    bus = make_bus()
    state = projecting(bus, store)
    await state.start()
    play(bus, *TRADE)
    await state.flush()
    assert rows(path, "SELECT order_id, status FROM orders") == [("o1", "filled")]
    assert rows(path, "SELECT trade_id FROM fills") == [("t1",)]
    ((seq, hashed, pnl, status),) = rows(path, "SELECT last_seq, state_hash, pnl, status FROM runs")
    assert (seq, hashed, pnl) == (5, state.state_hash(), "19")
    assert msgspec.json.decode(status) == await state.get_system_state()
    await state.stop()


async def test_the_status_may_be_added_to(store: Store, path: Path) -> None:
    bus = make_bus()
    state = projecting(bus, store)
    state.describe = lambda: {"mode": "paper", "state": "RUNNING"}
    await state.start()
    play(bus, tick("1", ts=1))
    await state.stop()
    ((status,),) = rows(path, "SELECT status FROM runs")
    assert {"mode": "paper", "state": "RUNNING"}.items() <= msgspec.json.decode(status).items()


async def test_stopping_writes_what_is_left_with_a_snapshot(store: Store, path: Path) -> None:
    bus = make_bus()
    state = projecting(bus, store)
    await state.start()
    play(bus, *TRADE)
    await state.stop()
    ((seq, hashed, body),) = rows(path, "SELECT seq, hash, body FROM snapshots")
    again = Books(Account.load(msgspec.json.decode(body)), instruments())
    assert (seq, hashed) == (5, state.state_hash()) == (5, again.state_hash(RUN))


async def test_snapshots_come_at_their_interval_and_flushes_in_between_have_none(
    store: Store, path: Path
) -> None:
    bus = make_bus()
    state = projecting(bus, store)
    await state.start()
    for n in range(1, 4):
        play(bus, tick("1", ts=n))
        await state.flush()
    assert rows(path, "SELECT seq FROM snapshots") == [(1,)]
    every_time = projecting(bus, store, snapshot_interval=0)
    await every_time.start()
    for n in range(4, 7):
        play(bus, tick("1", ts=n))
        await every_time.flush()
    assert rows(path, "SELECT seq FROM snapshots") == [(1,), (4,), (5,), (6,)]
    await every_time.stop()
    await state.stop()


async def test_where_nothing_happened_nothing_is_written(store: Store, path: Path) -> None:
    bus = make_bus()
    state = projecting(bus, store)
    play(bus, *TRADE)
    await state.flush()
    with connection(path) as db:
        db.execute("UPDATE runs SET status = 'untouched'")
    await state.flush()
    assert rows(path, "SELECT status FROM runs") == [("untouched",)]


async def test_the_database_follows_by_itself(store: Store, path: Path) -> None:
    bus = make_bus()
    state = projecting(bus, store, flush_interval=0.001)
    await state.start()
    play(bus, *TRADE)
    await eventually(lambda: rows(path, "SELECT last_seq FROM runs") == [(5,)])
    await state.stop()


async def test_changes_that_could_not_be_written_are_kept_and_written_later(
    store: Store, path: Path
) -> None:
    bus = make_bus()
    state = projecting(bus, store)
    await state.start()
    play(bus, *TRADE[:3])
    with locked(path), pytest.raises(StateError, match="database is locked"):
        await state.flush()
    play(bus, intent("o2", "sell 1"), approved("o2"), fill("t2", "o2", "sell 1@105"))
    await state.flush()
    assert rows(path, "SELECT trade_id FROM fills") == [("t1",), ("t2",)]
    assert rows(path, "SELECT order_id, status FROM orders") == [
        ("o1", "filled"),
        ("o2", "filled"),
    ]
    await state.stop()


async def test_a_database_that_stays_locked_is_told_about_and_does_not_end_the_flushing(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manager_module, "STALLED_AFTER_S", 0.0)
    bus = make_bus()
    state = projecting(bus, store, flush_interval=0.001)
    await state.start()
    with locked(path):
        play(bus, *TRADE)
        await eventually(lambda: bus.waiting() > 0)
    bus.turn()
    told = [r.event for r in bus.history(EventType.SYSTEM)]
    assert isinstance(told[0], SystemEvent)
    assert told[0].kind == "projection_stalled"
    assert "database is locked" in told[0].message
    await eventually(lambda: rows(path, "SELECT trade_id FROM fills") == [("t1",)])
    await state.stop()


async def test_without_a_store_there_is_nothing_to_flush() -> None:
    state = StateManager(make_bus(), books=open_books())
    await state.start()
    await state.flush(snapshot=True)
    await state.stop()


async def eventually(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
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


@pytest.mark.xfail(strict=True, reason="only a StateError gives the changes back, not a cancel")
async def test_stopping_in_the_middle_of_a_flush_loses_no_fill(store: Store, path: Path) -> None:
    bus, hangs = make_bus(), HangsOnce(path)
    await hangs.open()
    state = projecting(bus, hangs, flush_interval=0.001)
    await state.start()
    play(bus, *TRADE)
    await asyncio.wait_for(hangs.asked.wait(), 5)
    await state.stop()
    await hangs.close()
    assert rows(path, "SELECT trade_id FROM fills") == [("t1",)]


@pytest.mark.xfail(strict=True, reason="any other error ends the flushing and loses its changes")
async def test_a_description_that_fails_once_costs_nothing(store: Store, path: Path) -> None:
    calls = 0

    def describe() -> dict[str, Any]:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise KeyError("a component that is just being restarted")
        return {}

    bus = make_bus()
    state = projecting(bus, store, flush_interval=0.001)
    state.describe = describe
    await state.start()
    play(bus, *TRADE)
    await eventually(lambda: calls > 0)
    await state.stop()
    assert rows(path, "SELECT trade_id FROM fills") == [("t1",)]


@pytest.mark.xfail(strict=True, reason="the books are ahead of a journal that failed")
async def test_what_the_journal_could_not_write_is_not_in_the_database_either(
    store: Store, path: Path
) -> None:
    bus = make_bus(MemoryJournal(fails_at=3))
    state = projecting(bus, store)
    await state.start()
    play(bus, *TRADE)
    await state.stop()
    assert bus.failure is not None
    assert rows(path, "SELECT trade_id FROM fills") == []
