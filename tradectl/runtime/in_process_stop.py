"""Stopping in a process that has the exchange: the running one, or the one that finishes for it.

In an emergency stop the latch is set already. Here every order is cancelled and, if that is asked for,
every position closed; then the exchange itself is asked what is left, and the report is what it answers.

Where the journal could not be written nothing is decided or sent any more, so nobody would cancel what
rests at an exchange. It is cancelled past the core: a cancel can only make the account's risk smaller.
The next run finds out by asking.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from tradectl.adapters.gateway import Gateway
from tradectl.bus.clock import Clock
from tradectl.documents.operations import StopReport
from tradectl.domain.errors import StateError
from tradectl.domain.money import ZERO
from tradectl.domain.orders import client_order_id
from tradectl.domain.positions import Position
from tradectl.domain.resilience import pauses
from tradectl.exchange.base import Cancelled, Proof, Whose
from tradectl.runtime.session import Session
from tradectl.state.books import Books
from tradectl.state.latch import HaltSwitch

ASK_AGAIN_S, LONGEST_PAUSE_S, LEAST_S = 0.1, 1.0, 1.0
LOOK_EVERY_S = 0.005
FAIL_STOP_S = 5.0
JOURNAL_FAILED = (
    "the journal could not be written: `tradectl reconcile` shows what the exchange has"
)

log = logging.getLogger("tradectl.stop")


class Stop(Struct, frozen=True, kw_only=True):
    """What to do beyond halting: close positions, cancel the orders of others, too."""

    flatten: bool = False
    everything: bool = False


async def stop_session(session: Session, reason: str, stop: Stop, deadline: float) -> StopReport:
    """Stop, wait until it is done, and report what was cancelled, closed and left. `deadline` is
    monotonic seconds."""
    books, gateway, clock = session.books, session.gateway, session.bus.clock
    orders = [order.spec.order_id for order in books.working_orders()]
    if gateway.remote:
        # cancels wait for nothing; what is held there is asked after them, and closed
        await session.orchestrator.emergency_stop(reason)
        gateway.leave_switch_armed()
        await _within(deadline, _reconciled(session), clock)
    symbols = [p.symbol for p in books.positions() if not is_dust(p, books)] if stop.flatten else []
    await session.orchestrator.emergency_stop(reason, flatten=stop.flatten)
    await await_orders_done(books, max(0.5, deadline - clock.monotonic()), clock)
    cancelled, proofs = await _proven(gateway, stop, deadline, clock)
    report = _by_our_books(books, orders, symbols)
    if stop.flatten and report.positions_left:
        report = replace(report, confirmed=False)
    for found in cancelled:
        report = replace(report, cancelled=[*report.cancelled, *found.orders])
        if found.error:
            report = report.without_confirmation(f"{found.exchange}: {found.error}")
    for proof in proofs:
        report = _by_exchange(report, proof, books, stop)
    return replace(report, journal=session.journal_path.name)


async def _reconciled(session: Session) -> None:
    await session.gateway.reconcile()
    await session.bus.dispatched()


def _by_our_books(books: Books, orders: list[str], symbols: list[str]) -> StopReport:
    """The report by our books: what of `orders` was cancelled and of `symbols` closed. Dust cannot be
    closed, and is no position that was left."""
    open_orders = [order.spec.order_id for order in books.working_orders()]
    dust = [position.symbol for position in books.positions() if is_dust(position, books)]
    held = [p.symbol for p in books.positions() if p.symbol not in dust]
    return StopReport(
        confirmed=not open_orders,
        cancelled=[order_id for order_id in orders if order_id not in open_orders],
        closed=[symbol for symbol in symbols if symbol not in held],
        open_orders_left=open_orders,
        positions_left=held,
        dust=dust,
    )


async def _proven(
    gateway: Gateway, stop: Stop, deadline: float, clock: Clock
) -> tuple[list[Cancelled], list[Proof]]:
    """Cancel what our books do not know, then ask until nothing is open or the time is up."""
    ends = max(deadline, clock.monotonic() + LEAST_S)

    def left() -> float:
        return max(ASK_AGAIN_S, ends - clock.monotonic())

    whose = Whose.ALL_UNKNOWN if stop.everything else Whose.OURS_UNKNOWN
    cancelled = await gateway.cancel_all(keep_protection=False, whose=whose, within=left())
    waits = pauses(ASK_AGAIN_S, LONGEST_PAUSE_S)
    proofs = await gateway.proof(everything=stop.everything, within=left())
    while any(proof.open_orders for proof in proofs) and clock.monotonic() < deadline:
        await clock.sleep(next(waits))
        proofs = await gateway.proof(everything=stop.everything, within=left())
    return cancelled, proofs


def _by_exchange(report: StopReport, proof: Proof, books: Books, stop: Stop) -> StopReport:
    """The report with what is open there by the exchange's own word."""
    if proof.error:
        return report.without_confirmation(f"{proof.exchange}: {proof.error}")
    account, external = (
        books.account,
        books.account.reconciliation.external if books.account.reconciliation else {},
    )
    known = {
        name
        for order_id in report.open_orders_left
        for name in (order_id, client_order_id(account.account_id, order_id))
    }
    unknown = [order.known_as for order in proof.open_orders if order.known_as not in known]
    differing = [
        symbol
        for symbol, quantity in proof.held.items()
        if quantity - external.get(symbol, ZERO) != books.position(symbol).quantity
    ]
    left = [symbol for symbol in differing if symbol not in report.positions_left]
    proven = not proof.open_orders and not (differing and stop.flatten)
    return replace(
        report,
        open_orders_left=[*report.open_orders_left, *unknown],
        positions_left=[*report.positions_left, *left],
        confirmed=report.confirmed and proven,
    )


async def _within(deadline: float, work: Any, clock: Clock) -> None:
    """For as long as half of the time that is left: cancelling must not wait for more."""
    try:
        async with asyncio.timeout(max(0.5, (deadline - clock.monotonic()) / 2)):
            await work
    except TimeoutError:
        return


async def leave_nothing_resting(gateway: Gateway, latch: HaltSwitch) -> None:
    """Latch, and cancel every order with our tag, as far as the exchanges can be reached."""
    if not gateway.remote:
        return
    with contextlib.suppress(StateError):  # a full disk has room for the latch; a lost one has not
        latch.set(JOURNAL_FAILED)
    for asked in await gateway.cancel_all(keep_protection=False, within=FAIL_STOP_S):
        if asked.error:
            log.error("%s: orders may still rest there: %s", asked.exchange, asked.error)


# --- waiting ------------------------------------------------------------------------------------------


async def await_orders_done(books: Books, within: float, clock: Clock) -> bool:
    """Wait, `within` seconds, until no order works and no position is open that is to be closed."""
    deadline = clock.monotonic() + within
    while books.working_orders() or (books.flattening and _closable(books)):
        if clock.monotonic() > deadline:
            return False
        await clock.sleep(LOOK_EVERY_S)
    return True


def is_dust(position: Position, books: Books) -> bool:
    """Less than an exchange takes as an order."""
    symbol = position.symbol
    return books.instrument(symbol).is_dust(abs(position.quantity), books.mark(symbol))


def _closable(books: Books) -> bool:
    return any(not is_dust(position, books) for position in books.positions())


__all__ = ["Stop", "await_orders_done", "leave_nothing_resting", "stop_session"]
