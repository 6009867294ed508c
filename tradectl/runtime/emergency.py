"""The emergency stop, from any process and whatever state the trading one is in.

    1. set the latch: from now on no order leaves, and no run starts
    2. ask the running process to cancel and close
    3. if it does not answer in time: end it, and finish the job from the durable state

The third way is a run of its own with a journal of its own, so it can be replayed like any other.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from tradectl.bus.clock import WallClock
from tradectl.bus.journal_reader import NotBegun, read_header
from tradectl.domain.errors import NotRunning, StateError, TradectlError
from tradectl.domain.events import MarketDataEvent
from tradectl.domain.money import ZERO
from tradectl.domain.orders import Order
from tradectl.domain.positions import Position
from tradectl.monitoring.foreign import described
from tradectl.runtime.control import ControlError, ask
from tradectl.runtime.paths import StateDir
from tradectl.runtime.recovery import Recovered, last_journal, recover, recover_from
from tradectl.runtime.settings import Settings
from tradectl.state.reader import StateReader

ANSWER_SHARE = 0.4
DIES_WITHIN_S = 2.0
NOTHING_LEFT: dict[str, Any] = {
    "confirmed": True,
    "cancelled": [],
    "closed": [],
    "open_orders_left": [],
    "positions_left": [],
}


def emergency_stop(
    state_dir: StateDir, reason: str, *, flatten: bool, timeout: float
) -> dict[str, Any]:
    """Stop everything; the receipt. `timeout` (s) bounds the whole of it as far as it can be bounded.

    A latch that cannot be set is no reason to stop here: the receipt says so, and the rest is done all
    the same. Raises StateError only where the directory is nobody's, or somebody else's.
    """
    state_dir.check()
    started = time.monotonic()
    receipt: dict[str, Any] = {"reason": reason, "flatten": flatten}
    with contextlib.suppress(StateError):  # where nothing can be made the latch has its spare
        state_dir.create()
    try:
        state_dir.latch.set(reason, flatten=flatten)
        receipt["latched"] = True
    except StateError as error:
        receipt |= {"latched": False, "error": str(error)}
    receipt["latched_ms"] = _ms_since(started)
    done = _through_the_process(state_dir, reason, flatten, timeout * ANSWER_SHARE)
    if done is None:
        done = _directly(state_dir, reason, flatten, started + timeout)
    return receipt | done | {"confirmed_ms": _ms_since(started)}


def _through_the_process(
    state_dir: StateDir, reason: str, flatten: bool, timeout: float
) -> dict[str, Any] | None:
    """What the running process says that it did; None when it said nothing, or did not finish."""
    if state_dir.owner() is None:
        return None
    try:
        done = ask(
            state_dir.socket, "emergency_stop", timeout=timeout, reason=reason, flatten=flatten
        )
    except (NotRunning, ControlError, TimeoutError, OSError):
        return None
    return {**done, "method": "control"} if done["confirmed"] else None


def _directly(state_dir: StateDir, reason: str, flatten: bool, deadline: float) -> dict[str, Any]:
    killed = _end_the_process(state_dir)
    done, recovered = dict(NOTHING_LEFT), None
    try:
        with state_dir.owned():
            path = _journal_of_the_killed(state_dir) if killed else last_journal(state_dir)
            if path is not None:
                recovered = recover_from(path, StateReader(state_dir.db))
                done = _finish(state_dir, recovered, reason, flatten, deadline)
    except Exception as error:  # whatever failed, the receipt must say so, and what may be left
        why = str(error) if isinstance(error, TradectlError) else described(error)
        done = {**_last_known(state_dir, recovered), "confirmed": False, "error": why}
    return {**done, "method": "direct", "killed": killed}


def _last_known(state_dir: StateDir, recovered: Recovered | None) -> dict[str, Any]:
    """What may still be open: by the journal, or where that cannot be read, by the database."""
    if recovered is None:
        with contextlib.suppress(TradectlError):
            recovered = recover(state_dir)
    if recovered is not None:
        return _left(recovered.account.orders, recovered.account.positions.values())
    status: dict[str, Any] = {}
    with contextlib.suppress(StateError):
        run = StateReader(state_dir.db).last_run()
        status = run["status"] if run is not None else {}
    return {
        **NOTHING_LEFT,
        "open_orders_left": [order["order_id"] for order in status.get("open_orders", ())],
        "positions_left": [position["symbol"] for position in status.get("positions", ())],
    }


def _left(orders: Iterable[Order], positions: Iterable[Position]) -> dict[str, Any]:
    return {
        **NOTHING_LEFT,
        "open_orders_left": [order.spec.order_id for order in orders],
        "positions_left": [p.symbol for p in positions if p.quantity],
    }


def _end_the_process(state_dir: StateDir) -> int | None:
    """SIGKILL whoever holds the lock (a stopped process does not hear anything less), and wait."""
    owner = state_dir.owner()
    if owner is None:
        return None
    with contextlib.suppress(ProcessLookupError):
        os.kill(owner, signal.SIGKILL)
    deadline = time.monotonic() + DIES_WITHIN_S
    while state_dir.owner() is not None and time.monotonic() < deadline:
        time.sleep(0.01)
    return owner


def _journal_of_the_killed(state_dir: StateDir) -> Path | None:
    """The newest journal; one that was killed before its header was whole has not traded yet."""
    for path in reversed(state_dir.journal_files()):
        with contextlib.suppress(NotBegun):
            read_header(path)
            return path
    return None


def _finish(
    state_dir: StateDir, recovered: Recovered, reason: str, flatten: bool, deadline: float
) -> dict[str, Any]:
    """What ended by itself and has nothing to be cancelled or closed is finished as it is."""
    account = recovered.account
    left = _left(account.orders, account.positions.values())
    to_do = left["open_orders_left"] or (flatten and left["positions_left"])
    if recovered.clean and not to_do:
        return left
    return asyncio.run(_finishing_run(state_dir, recovered, reason, flatten, deadline))


async def _finishing_run(
    state_dir: StateDir, recovered: Recovered, reason: str, flatten: bool, deadline: float
) -> dict[str, Any]:
    from tradectl.runtime.session import Session
    from tradectl.runtime.settle import settled

    account, header = recovered.account, recovered.header
    before = _left(account.orders, account.positions.values())
    session = Session(
        _settings_to_finish(Settings.load(header.config)),
        state_dir,
        account,
        WallClock(),
        source="emergency",
        account_kind=header.account,
        recovered=recovered,
    )
    for name, component in session.trading.components():
        session.orchestrator.add(name, component)
    try:
        await session.open()
        await session.orchestrator.start()
        session.tell_of_recovery()
        for symbol in before["positions_left"]:
            session.bus.post(_last_known_price(symbol, account.marks))
        await session.bus.dispatched()  # the stop goes first where both wait
        await session.orchestrator.emergency_stop(reason, flatten=flatten)
        confirmed = await settled(session.books, max(0.5, deadline - time.monotonic()))
    finally:
        await session.orchestrator.stop()
        await session.close(f"emergency stop: {reason}")
    left = _left(session.books.working_orders(), session.books.positions())
    return {
        **left,
        "confirmed": confirmed,
        "cancelled": _gone("open_orders_left", before, left),
        "closed": _gone("positions_left", before, left),
    }


def _gone(key: str, before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return [name for name in before[key] if name not in after[key]]


def _settings_to_finish(settings: Settings) -> Settings:
    """Those of the run, without its strategies, which may be what hangs, and on an exchange that
    fills the closing orders at once."""
    at_once = msgspec.structs.replace(
        settings.paper, market_fill="full", latency_ms=0, latency_jitter_ms=0
    )
    return msgspec.structs.replace(settings, strategies=(), paper=at_once)


def _last_known_price(symbol: str, marks: dict[str, Decimal]) -> MarketDataEvent:
    """Paper has no market of its own to ask: it closes at the last price that the account saw."""
    return MarketDataEvent(
        source_component="emergency: last known price",
        symbol=symbol,
        price=marks[symbol],
        volume=ZERO,
    )


def _ms_since(started: float) -> float:
    return round((time.monotonic() - started) * 1000, 1)
