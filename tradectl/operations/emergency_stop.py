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
import threading
import time
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

from msgspec.structs import asdict, replace

from tradectl.control.client import ControlError, ask
from tradectl.documents.operations import Receipt, StopReport
from tradectl.domain.errors import NotExecuted, NotRunning, StateError, TradectlError
from tradectl.domain.events import MarketDataEvent
from tradectl.domain.money import ZERO
from tradectl.domain.orders import Order
from tradectl.domain.positions import Position
from tradectl.domain.states import TradingState
from tradectl.domain.text import described
from tradectl.journal.reader import NotBegun, read_header
from tradectl.recovery.recovery import (
    CONTINUED,
    LIVE_ACCOUNT,
    Recovered,
    last_journal,
    recover,
    recover_from,
)
from tradectl.runtime.in_process_stop import Stop, stop_session
from tradectl.state.directory import StateDir
from tradectl.state.reader import StateReader

ANSWER_SHARE = 0.4
DIES_WITHIN_S = 2.0
LEAST_S = 1.0


def emergency_stop(
    state_dir: StateDir, reason: str, *, flatten: bool, timeout: float, everything: bool = False
) -> Receipt:
    """Stop everything; the receipt. `timeout` (s) bounds the whole of it as far as it can be bounded.
    With `everything` the orders of others on the same exchange account are cancelled, too.

    A latch that cannot be set is no reason to stop here: the receipt says so, and the rest is done all
    the same. Raises StateError only where the directory is nobody's, or somebody else's.
    """
    state_dir.check()
    started = time.monotonic()
    stop = Stop(flatten=flatten, everything=everything)
    _get_ready(state_dir)
    not_latched = None
    with contextlib.suppress(StateError):  # where nothing can be made the latch has its spare
        state_dir.create()
    try:
        state_dir.latch.set(reason, TradingState.FLATTENING if flatten else TradingState.HALTED)
    except StateError as error:
        not_latched = str(error)
    latched_ms = _ms_since(started)
    killed = None
    report = _through_the_process(state_dir, reason, stop, timeout * ANSWER_SHARE)
    method = "direct" if report is None else "control"
    if report is None:
        killed = _end_the_process(state_dir)
        report = _directly(state_dir, killed, reason, stop, started + timeout)
    else:
        report = _and_other_accounts(state_dir, report, reason, stop, started + timeout)
    errors = [error for error in (not_latched, report.error) if error]
    return Receipt(
        **asdict(replace(report, error="; ".join(errors) or None)),
        reason=reason,
        flatten=flatten,
        latched=not_latched is None,
        latched_ms=latched_ms,
        confirmed_ms=_ms_since(started),
        method=method,
        killed=killed,
    )


def _get_ready(state_dir: StateDir) -> None:
    """Import what a live account is finished with while the running process is asked: it takes long."""
    with contextlib.suppress(TradectlError, OSError):
        if last_journal(state_dir, LIVE_ACCOUNT) is not None:
            from tradectl.exchange.ccxt_venue.client import load_ahead

            threading.Thread(target=load_ahead, daemon=True).start()


def _through_the_process(
    state_dir: StateDir, reason: str, stop: Stop, timeout: float
) -> StopReport | None:
    """What the running process says that it did; None when it said nothing, or did not finish."""
    owner = state_dir.owner()
    if owner is None or _is_stopped(owner):
        return None
    try:
        report = ask(
            state_dir.socket,
            "emergency_stop",
            StopReport,
            timeout=timeout,
            reason=reason,
            flatten=stop.flatten,
            everything=stop.everything,
        )
    except (NotRunning, ControlError, TimeoutError, OSError):
        return None
    return report if report.confirmed else None


def _and_other_accounts(
    state_dir: StateDir, done: StopReport, reason: str, stop: Stop, deadline: float
) -> StopReport:
    """A run knows its own account only: what another one before it left open is finished once the
    run has ended."""
    paths = [path for path in _journals_to_finish(state_dir, None) if path.name != done.journal]
    try:
        paths = [path for path in paths if _is_unfinished(state_dir, path, stop)]
        while paths and state_dir.owner() is not None and time.monotonic() < deadline:
            time.sleep(0.01)
        for path in paths:
            with state_dir.owned():
                done = done.with_other(_finished(state_dir, path, reason, stop, deadline))
    except Exception as error:  # whatever failed, the receipt must say so
        done = done.with_other(_failed(state_dir, error))
    return done


def _is_unfinished(state_dir: StateDir, path: Path, stop: Stop) -> bool:
    recovered = recover_from(path, StateReader(state_dir.db))
    left = _left(recovered.account.orders, recovered.account.positions.values())
    to_do = left.open_orders_left or (stop.flatten and left.positions_left)
    return bool(to_do) or not recovered.clean


def _is_stopped(process: int) -> bool:
    """By the kernel's word, where it gives one: who is stopped answers nobody, and is not waited for."""
    try:
        told = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return told.rpartition(")")[2].split()[0] in ("T", "t", "Z", "X")


def _directly(
    state_dir: StateDir, killed: int | None, reason: str, stop: Stop, deadline: float
) -> StopReport:
    """Finish the job of the process that was ended, and of every account that goes on."""
    done = StopReport()
    try:
        with state_dir.owned():
            for path in _journals_to_finish(state_dir, killed):
                done = done.with_other(_finished(state_dir, path, reason, stop, deadline))
    except Exception as error:  # whatever failed, the receipt must say so, and what may be left
        done = done.with_other(_failed(state_dir, error))
    return done


def _journals_to_finish(state_dir: StateDir, killed: int | None) -> list[Path]:
    """That of the process that was ended, and the newest of each account that goes on: a run on paper
    does not see what a live one before it left at an exchange."""
    found = [last_journal(state_dir, kind) for kind in CONTINUED]
    if killed:
        found.append(_journal_of_the_killed(state_dir))
    return [*dict.fromkeys(path for path in found if path is not None)]


def _finished(
    state_dir: StateDir, path: Path, reason: str, stop: Stop, deadline: float
) -> StopReport:
    recovered = None
    try:
        recovered = recover_from(path, StateReader(state_dir.db))
        return _finish(state_dir, recovered, reason, stop, deadline)
    except Exception as error:  # one account that cannot be finished must not keep the other open
        return _failed(state_dir, error, recovered)


def _failed(
    state_dir: StateDir, error: Exception, recovered: Recovered | None = None
) -> StopReport:
    why = str(error) if isinstance(error, TradectlError) else described(error)
    return _last_known(state_dir, recovered).without_confirmation(why)


def _last_known(state_dir: StateDir, recovered: Recovered | None) -> StopReport:
    """What may still be open: by the journal, or where that cannot be read, by the database."""
    if recovered is None:
        with contextlib.suppress(TradectlError):
            recovered = recover(state_dir)
    if recovered is not None:
        return _left(recovered.account.orders, recovered.account.positions.values())
    status = None
    with contextlib.suppress(StateError):
        run = StateReader(state_dir.db).last_run()
        status = run.status if run is not None else None
    if status is None:
        return StopReport()
    return StopReport(
        open_orders_left=[order.order_id for order in status.open_orders],
        positions_left=[position.symbol for position in status.positions],
    )


def _left(orders: Iterable[Order], positions: Iterable[Position]) -> StopReport:
    return StopReport(
        open_orders_left=[order.spec.order_id for order in orders],
        positions_left=[p.symbol for p in positions if p.quantity],
    )


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
    state_dir: StateDir, recovered: Recovered, reason: str, stop: Stop, deadline: float
) -> StopReport:
    """What ended by itself and has nothing to be cancelled or closed is finished as it is, on paper; what
    an exchange has, only the exchange can tell."""
    account = recovered.account
    left = _left(account.orders, account.positions.values())
    to_do = left.open_orders_left or (stop.flatten and left.positions_left)
    if recovered.clean and not to_do and recovered.header.account != LIVE_ACCOUNT:
        return left
    return asyncio.run(_finishing_run(state_dir, recovered, reason, stop, deadline))


async def _finishing_run(
    state_dir: StateDir, recovered: Recovered, reason: str, stop: Stop, deadline: float
) -> StopReport:
    from tradectl.runtime.short_run import short_run

    account = recovered.account
    held = [p.symbol for p in account.positions.values() if p.quantity]
    run = short_run(state_dir, recovered, source="emergency", reason=f"emergency stop: {reason}")
    async with contextlib.AsyncExitStack() as stack:
        try:
            async with asyncio.timeout(max(LEAST_S, deadline - time.monotonic())):
                session = await stack.enter_async_context(run)
        except TimeoutError:
            raise NotExecuted("the exchange did not answer in time") from None
        if not session.gateway.outside:
            for symbol in held:
                session.bus.post(_last_known_price(symbol, account.marks))
        await session.bus.dispatched()  # the stop goes first where both wait
        return await stop_session(session, reason, stop, deadline)


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
