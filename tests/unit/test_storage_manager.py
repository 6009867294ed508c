"""The manager keeps the books on a bus, answers questions, and takes changes by hand where it may."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.fixtures.books import (
    PERP,
    RUN,
    SPOT,
    approved,
    fill,
    intent,
    open_books,
    submitted,
    tick,
)
from tests.fixtures.bus import MemoryJournal
from tests.fixtures.rows import each_row
from tradectl.bus.clock import DataClock
from tradectl.bus.core import Core
from tradectl.bus.event_bus import EventBus
from tradectl.domain.errors import StateError, UsageError
from tradectl.domain.events import EmergencyStopReceived, Event, EventType
from tradectl.storage.manager import StateManager

TRADE: list[Event] = [
    intent("o1", "buy 2"),
    approved("o1"),
    submitted("o1"),
    fill("t1", "o1", "buy 2@100", fee="1"),
    tick("110", ts=5),
]


def make_bus(journal: MemoryJournal | None = None) -> EventBus:
    return EventBus(clock=DataClock(), core=Core(RUN), journal=journal)


def run_through(bus: EventBus, *events: Event) -> None:
    for event in events:
        bus.post(event)
        bus.turn()


# --- on a bus ----------------------------------------------------------------------------------------


async def test_the_books_follow_the_bus_from_start_to_stop() -> None:
    bus = make_bus()
    state = StateManager(bus, books=open_books())
    run_through(bus, tick("90", ts=1))
    await state.start()
    await state.start()
    run_through(bus, *TRADE)
    await state.stop()
    run_through(bus, tick("500", ts=9))
    assert state.books.mark(SPOT) == 110
    assert state.books.account.fills_count == 1


async def test_a_fill_is_followed_by_a_record_of_the_books_after_it() -> None:
    bus = make_bus()
    await StateManager(bus, books=open_books()).start()
    run_through(bus, *TRADE)
    (position,) = bus.history(EventType.PORTFOLIO)
    assert (position.seq, position.cause) == (5, 4)


async def test_what_the_books_refuse_halts_the_run() -> None:
    bus = make_bus()
    state = StateManager(bus, books=open_books())
    await state.start()
    run_through(bus, fill("t1", "nobody", "buy 1@100"))
    assert state.books.trading_state.value == "HALTED"
    assert "not ours" in state.books.account.trading_state_reason


def test_without_anything_there_is_an_account_of_a_hundred_thousand() -> None:
    account = StateManager().books.account
    assert (account.cash, account.currency) == (Decimal(100_000), "USDT")


# --- questions ---------------------------------------------------------------------------------------


async def test_the_system_state_is_json_ready_and_complete() -> None:
    bus = make_bus()
    state = StateManager(bus, books=open_books())
    await state.start()
    run_through(bus, *TRADE, EmergencyStopReceived(reason="fire"))
    told = await state.get_system_state()
    assert msgspec.json.decode(msgspec.json.encode(told)) == told
    assert {
        "portfolio", "positions", "open_orders", "strategies", "halt", "last_seq", "state_hash",
        "consistency",
    } <= told.keys()  # fmt: skip
    assert told["halt"]["reason"] == "fire"
    assert told["last_seq"] == 7
    assert told["state_hash"] == state.state_hash()
    assert told["consistency"] == {"ok": True, "problems": []}


async def test_the_portfolio_state_has_the_promised_figures() -> None:
    bus = make_bus()
    state = StateManager(bus, books=open_books())
    await state.start()
    run_through(bus, *TRADE)
    told = await state.get_portfolio_state()
    assert {
        "equity": "10019",
        "cash": "9799",
        "realized_pnl": "0",
        "unrealized_pnl": "20",
        "fees": "1",
        "margin_used": "0",
        "drawdown_pct": "0",
        "max_drawdown_pct": "0",
    }.items() <= told.items()


async def test_a_position_is_told_and_a_flat_one_is_none() -> None:
    bus = make_bus()
    state = StateManager(bus, books=open_books())
    await state.start()
    run_through(bus, *TRADE)
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


@each_row(
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


async def test_a_side_that_nobody_knows_is_refused() -> None:
    state = StateManager()
    with pytest.raises(
        UsageError, match="expected one of long, buy, short, sell, flat, got 'lnog'"
    ):
        await state.update_position("X", {"side": "lnog", "size": 1})
    assert await state.get_position("X") is None
