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
from decimal import Decimal
from typing import Any

from tradectl.bus.clock import WallClock
from tradectl.domain.errors import NotRunning, StateError, TradectlError
from tradectl.domain.events import MarketDataEvent
from tradectl.domain.money import ZERO
from tradectl.domain.orders import Order
from tradectl.runtime.control import ControlError, ask
from tradectl.runtime.paths import StateDir
from tradectl.runtime.recovery import Recovered, last_journal, recover_from
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

    Never raises for a latch that cannot be set: the receipt says so, and the rest is done all the same.
    """
    started = time.monotonic()
    receipt: dict[str, Any] = {"reason": reason, "flatten": flatten}
    try:
        state_dir.create()
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
    done = dict(NOTHING_LEFT)
    try:
        with state_dir.owned():
            files = state_dir.journal_files()
            path = files[-1] if killed and files else last_journal(state_dir)
            if path is not None:
                recovered = recover_from(path, StateReader(state_dir.db))
                done = _finish(state_dir, recovered, reason, flatten, deadline)
    except TradectlError as error:
        done |= {"confirmed": False, "error": str(error)}
    return {**done, "method": "direct", "killed": killed}


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


def _finish(
    state_dir: StateDir, recovered: Recovered, reason: str, flatten: bool, deadline: float
) -> dict[str, Any]:
    account = recovered.account
    held = [p for p in account.positions.values() if p.quantity]
    if not account.orders and not (flatten and held):
        return {**NOTHING_LEFT, "positions_left": [p.symbol for p in held]}
    return asyncio.run(_finishing_run(state_dir, recovered, reason, flatten, deadline))


async def _finishing_run(
    state_dir: StateDir, recovered: Recovered, reason: str, flatten: bool, deadline: float
) -> dict[str, Any]:
    from tradectl.runtime.session import Session
    from tradectl.runtime.settings import Settings
    from tradectl.runtime.settle import settled

    account, header = recovered.account, recovered.header
    orders = [order.spec.order_id for order in account.orders]
    symbols = [p.symbol for p in account.positions.values() if p.quantity]
    session = Session(
        Settings.load(header.config),
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
        for symbol in symbols:
            session.bus.post(_last_known_price(symbol, account.marks))
        await session.orchestrator.emergency_stop(reason, flatten=flatten)
        confirmed = await settled(session.books, max(0.5, deadline - time.monotonic()))
    finally:
        await session.orchestrator.stop()
        await session.close(f"emergency stop: {reason}")
    left = [_id_of(order) for order in session.books.working_orders()]
    positions_left = [p.symbol for p in session.books.positions()]
    return {
        "confirmed": confirmed,
        "cancelled": [order_id for order_id in orders if order_id not in left],
        "closed": [symbol for symbol in symbols if flatten and symbol not in positions_left],
        "open_orders_left": left,
        "positions_left": positions_left,
    }


def _last_known_price(symbol: str, marks: dict[str, Decimal]) -> MarketDataEvent:
    """Paper has no market of its own to ask: it closes at the last price that the account saw."""
    return MarketDataEvent(
        source_component="emergency: last known price",
        symbol=symbol,
        price=marks[symbol],
        volume=ZERO,
    )


def _id_of(order: Order) -> str:
    return order.spec.order_id


def _ms_since(started: float) -> float:
    return round((time.monotonic() - started) * 1000, 1)
