"""What stands between a decision and a real exchange, each as small as it can be shown.

The schedules of `tests/integration/test_live_schedules.py` found them.
"""

from __future__ import annotations

import pytest

from tests.fixtures.books import RUN, SPOT, Ledger, open_books
from tests.fixtures.bus import MemoryJournal
from tests.fixtures.rows import each_row
from tests.unit.test_gate import submit
from tradectl.adapters.execution import ExecutionAdapter
from tradectl.adapters.gateway import NoGateway
from tradectl.bus.clock import Clock, DataClock, WallClock
from tradectl.bus.core import Core
from tradectl.bus.event_bus import EventBus
from tradectl.domain.commands import SubmitOrder
from tradectl.domain.errors import AccessLost, NotExecuted
from tradectl.domain.events import EmergencyStopReceived, RestrictionKind, SymbolRestricted
from tradectl.exchange.base import PreSendCheck
from tradectl.exchange.ccxt_venue.calls import Caller
from tradectl.exchange.ccxt_venue.client import CALL
from tradectl.exchange.ccxt_venue.errors import ErrorRules
from tradectl.exchange.ccxt_venue.rate_limiter import RateLimiter
from tradectl.storage.manager import StateManager
from tradectl.storage.store import Changes

ccxt = pytest.importorskip("ccxt")

# --- the last look ----------------------------------------------------------------------------------


class Guarded(NoGateway):
    """Keeps what it is to ask."""

    def guard(self, pre_send_check: PreSendCheck) -> None:
        self.pre_send_check = pre_send_check


class GatewayHarness:
    """An execution adapter, and the books that it asks."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.gateway = Guarded()
        bus = EventBus(core=Core(RUN))
        ExecutionAdapter(bus, StateManager(bus, books=self.ledger.books), self.gateway)

    def delayed(self, kind: RestrictionKind, *, held: bool = True) -> None:
        self.ledger.tell(SymbolRestricted(symbol="BTCUSDT", kind=kind, restricted=held))

    def pre_send_check(self, command: SubmitOrder) -> str:
        return self.gateway.pre_send_check(command)


@each_row("kind", list(RestrictionKind))
def test_an_order_that_waited_is_kept_back_by_a_hold_that_came_meanwhile(
    kind: RestrictionKind,
) -> None:
    harness = GatewayHarness()
    entry, exit_ = submit(), submit(reduce_only=True)
    assert harness.pre_send_check(entry) == harness.pre_send_check(exit_) == ""
    harness.delayed(kind)
    assert f"BTCUSDT is restricted ({kind})" in harness.pre_send_check(entry)
    assert bool(harness.pre_send_check(exit_)) is kind.blocks_exits
    harness.delayed(kind, held=False)
    assert harness.pre_send_check(entry) == ""


def test_what_a_stop_closes_leaves_in_spite_of_a_hold() -> None:
    harness = GatewayHarness()
    harness.delayed(RestrictionKind.UNRECONCILED)
    harness.ledger.tell(EmergencyStopReceived(flatten=True))
    assert harness.pre_send_check(submit(reduce_only=True)) == ""
    assert harness.pre_send_check(submit()) != ""


def test_a_hold_of_one_symbol_keeps_no_other_back() -> None:
    harness = GatewayHarness()
    harness.ledger.tell(SymbolRestricted(symbol=SPOT, kind=RestrictionKind.MISMATCH))
    assert harness.pre_send_check(submit()) == ""


# --- what the database may know ---------------------------------------------------------------------


class Projection:
    """A store that writes into the journal's log, so that the order is seen."""

    def __init__(self, log: list[str]) -> None:
        self._log = log

    async def write(self, changes: Changes) -> None:
        self._log.append(f"store {changes.last_seq}")


@pytest.mark.parametrize(
    ("strict", "clock", "synced"),
    [
        (True, WallClock(), ["sync"]),
        (False, WallClock(), ["sync"]),
        (False, DataClock(), []),  # a recording's account does not go on
    ],
)
async def test_the_database_never_knows_what_a_loss_of_power_takes_from_the_journal(
    strict: bool, clock: Clock, synced: list[str]
) -> None:
    journal = MemoryJournal(strict=strict)
    bus = EventBus(core=Core(RUN), clock=clock, journal=journal)
    store = Projection(journal.log)
    state = StateManager(bus, books=open_books(), store=store)  # type: ignore[arg-type]
    bus.post(SymbolRestricted(symbol=SPOT, kind=RestrictionKind.STALE))
    bus.turn()
    await state.flush()
    assert journal.log == ["write 1-1", *synced, "store 1"]


# --- one error for two ------------------------------------------------------------------------------


async def test_an_empty_answer_is_none_for_everybody_who_waited_for_it() -> None:
    """ccxt asks once for all of an account's streams, and blames the keys when nothing comes."""
    caller = Caller(RateLimiter(1.0, 1.0, 0.0), ErrorRules())
    error = ccxt.AuthenticationError("received an empty listenKey")

    async def leads() -> None:
        reply = CALL.get()
        assert reply is not None
        reply.garbled = True
        raise error

    async def follows() -> None:
        raise error

    with pytest.raises(NotExecuted):
        await caller.watch("news", leads)
    with pytest.raises(NotExecuted):
        await caller.watch("news", follows)


async def test_keys_that_are_refused_are_lost_access_in_a_stream_too() -> None:
    caller = Caller(RateLimiter(1.0, 1.0, 0.0), ErrorRules())

    async def is_refused() -> None:
        raise ccxt.AuthenticationError("Invalid API-key")

    with pytest.raises(AccessLost):
        await caller.watch("news", is_refused)
