"""Stopping in a process that has the exchange: the running one, or the one that finishes for it.

In an emergency stop the latch is set already. Here every order is cancelled but the stops that protect
positions, and if that is asked for, every position closed; then the exchange itself is asked what is
left, and the report is what it answers.

Where the journal could not be written nothing is decided or sent any more, so nobody would cancel what
rests at an exchange. It is cancelled past the core, the protective stops of positions aside. The next run
finds out by asking.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from tradectl.adapters.gateway import Gateway
from tradectl.bus.clock import Clock
from tradectl.documents.operations import StopReport
from tradectl.domain.errors import StateError
from tradectl.domain.events import MarketDataEvent
from tradectl.domain.protection import is_dust
from tradectl.domain.resilience import pauses
from tradectl.exchange.base import Cancelled, Proof, Whose
from tradectl.runtime.conclusion import await_conclusion, only_rests
from tradectl.runtime.session import Session
from tradectl.runtime.stop_report import (
    by_exchange,
    by_our_books,
    more_has_come,
    names_of,
    not_kept,
    overtaken,
    report_by_books,
    unlisted,
    with_refusals,
)
from tradectl.storage.latch import HaltSwitch

ASK_AGAIN_S, LONGEST_PAUSE_S, LEAST_S = 0.1, 1.0, 1.0
KEPT_FOR_STOPS_S, KEPT_SHARE = 2.0, 0.5
"""Of the time that there is, what closing positions leaves for stops that are to be placed again: a
cancel, the refusal of a sale and the stop itself, one after the other; but never more than this share."""
FAIL_STOP_S = 5.0
JOURNAL_FAILED = "the journal could not be written"
MAY_DIFFER = ": `tradectl reconcile` shows what the exchange has"

log = logging.getLogger("tradectl.stop")


class Stop(Struct, frozen=True, kw_only=True):
    """What to do beyond halting: close positions, cancel the orders of others, or protective stops; `by`
    whom, where that is said."""

    by: str = ""
    flatten: bool = False
    everything: bool = False
    drop_protection: bool = False

    @property
    def takes_stops_off(self) -> bool:
        return self.flatten or self.drop_protection


async def stop_session(
    session: Session,
    reason: str,
    stop: Stop,
    deadline: float,
    prices: Sequence[MarketDataEvent] = (),
) -> StopReport:
    """Stop, wait until it is done, and report what was cancelled, closed and left: the run does not end
    meanwhile. `deadline` is monotonic seconds. On paper, where nobody trades any more, positions are
    closed at these `prices`. Raises JournalFailed: what is not written down was not done."""
    session.stops_under_way += 1
    session.closings_under_way += stop.takes_stops_off
    try:
        return await _stopped(session, reason, stop, deadline, prices)
    finally:
        session.stops_under_way -= 1
        session.closings_under_way -= stop.takes_stops_off


async def _stopped(
    session: Session,
    reason: str,
    stop: Stop,
    deadline: float,
    prices: Sequence[MarketDataEvent],
) -> StopReport:
    books, gateway, clock = session.books, session.gateway, session.bus.clock
    orchestrator, dropping = session.orchestrator, stop.drop_protection
    orders = [order.spec.order_id for order in books.sent_orders()]
    freed: list[str] = []
    if gateway.remote or prices:
        # cancels wait for nothing; what is held there is asked after them, and closed. By a price an
        # order with a plan would go on
        if stop.flatten:
            await orchestrator.cancel_all(reason)
        else:
            await orchestrator.emergency_stop(reason, drop_protection=dropping, by=stop.by)
    if not gateway.remote:
        for price in prices:
            session.bus.post(price)
        await session.bus.dispatched()  # the stop goes first where both wait
    else:
        gateway.leave_switch_armed()
        if stop.flatten and stop.everything:
            freed = await _cancel_others(session, deadline)
        await _within(deadline, _reconciled(session), clock)
    symbols = [p.symbol for p in books.positions() if not is_dust(p, books)] if stop.flatten else []
    await orchestrator.emergency_stop(
        reason, flatten=stop.flatten, drop_protection=dropping, by=stop.by
    )
    if stop.flatten:
        await _flat(session, reason, deadline)
    await await_conclusion(session, max(LEAST_S / 2, deadline - clock.monotonic()))
    report = await _told(session, stop, deadline, orders, symbols)
    return replace(report, cancelled=[*report.cancelled, *freed], journal=session.journal_path.name)


async def _told(
    session: Session, stop: Stop, deadline: float, orders: list[str], symbols: list[str]
) -> StopReport:
    """What is left by the exchange's word, once that is written down. What becomes another meanwhile (a
    stop is filled, or another emergency stop takes it off) is proven anew: it was true, and is not."""
    books, dropping = session.books, stop.drop_protection
    cancelled: list[str] = []
    while True:
        report = await _proven_report(session, stop, deadline, orders, symbols)
        cancelled += report.cancelled
        by_books = report_by_books(books, dropping=dropping)
        await session.bus.written()
        now = report_by_books(books, dropping=dropping)
        if now != by_books and session.bus.clock.monotonic() < deadline:
            continue
        if now != by_books:
            report = overtaken(report, now)
        return replace(report, cancelled=list(dict.fromkeys(cancelled)))


async def _proven_report(
    session: Session, stop: Stop, deadline: float, orders: list[str], symbols: list[str]
) -> StopReport:
    books, dropping = session.books, stop.drop_protection
    keep = any(not is_dust(p, books) for p in books.positions()) and not dropping
    cancelled, proofs, settled = await proven(session, stop, deadline, keep_protection=keep)
    on_paper = not session.gateway.remote
    report = by_our_books(books, orders, symbols, dropping=dropping, on_paper=on_paper)
    if stop.flatten:
        report = with_refusals(report, books)
    for found in cancelled:
        report = replace(report, cancelled=[*report.cancelled, *found.orders])
        if found.error:
            report = report.without_confirmation(f"{found.exchange}: {found.error}")
    if not settled:
        report = report.without_confirmation("not all that is on its way has arrived there")
    for proof in proofs:
        report = by_exchange(report, proof, books, session.bus.clock.wall(), flatten=stop.flatten)
    return report


async def _cancel_others(session: Session, deadline: float) -> list[str]:
    """The orders of others, before anything is closed: they may bind the coins, or the margin. Tried
    again for up to half of the time; what is left then is told by who cancels the rest."""
    gateway, clock = session.gateway, session.bus.clock
    ends = (clock.monotonic() + deadline) / 2
    cancelled: list[str] = []
    for pause in pauses(ASK_AGAIN_S, LONGEST_PAUSE_S):
        left = max(LEAST_S, ends - clock.monotonic())
        asked = await gateway.cancel_all(keep_protection=True, whose=Whose.ALL_UNKNOWN, within=left)
        cancelled += [order for found in asked for order in found.orders]
        if not any(found.error for found in asked) or clock.monotonic() + pause >= ends:
            break
        await clock.sleep(pause)
    return cancelled


async def _reconciled(session: Session) -> None:
    await session.gateway.reconcile()
    await session.bus.written()


async def _flat(session: Session, reason: str, deadline: float) -> None:
    """Wait until every position is closed. What is not in time is given up while there is time to place
    the stops again that had to make room for its sale."""
    books, clock = session.books, session.bus.clock
    left = max(LEAST_S / 2, deadline - clock.monotonic())
    kept = min(KEPT_FOR_STOPS_S, left * KEPT_SHARE)
    if not await await_conclusion(session, left - kept):
        await session.orchestrator.emergency_stop(reason, drop_protection=books.protection_dropped)


async def proven(
    session: Session, stop: Stop, deadline: float, *, keep_protection: bool
) -> tuple[list[Cancelled], list[Proof], bool]:
    """Cancel what our books do not know, then ask until nothing is open but protection and nothing is on
    its way any more, or the time is up: a stop that is placed again may be accepted at this moment, and
    be listed a little later. The last: nothing was on its way any more as it was asked."""
    gateway, clock = session.gateway, session.bus.clock
    ends = max(deadline, clock.monotonic() + LEAST_S)

    def left() -> float:
        return max(ASK_AGAIN_S, ends - clock.monotonic())

    whose = Whose.ALL_UNKNOWN if stop.everything else Whose.OURS_UNKNOWN
    cancelled = await gateway.cancel_all(
        keep_protection=keep_protection, whose=whose, within=left()
    )
    waits = pauses(ASK_AGAIN_S, LONGEST_PAUSE_S)
    while True:
        stops = report_by_books(session.books).protection if keep_protection else []
        settled = not keep_protection or only_rests(session.books)
        kept = {name for kept in stops for name in names_of(kept.order_id, session.books)}
        proofs = await gateway.proof(everything=stop.everything, within=left())
        settled = settled and not any(unlisted(stops, proof, session.books) for proof in proofs)
        has_come = stop.flatten and any(more_has_come(proof, session.books) for proof in proofs)
        settled = settled and not has_come and not _is_taken_off_by_another(session, stop)
        done = settled and not any(not_kept(proof, kept) for proof in proofs)
        if done or clock.monotonic() >= deadline:
            return cancelled, proofs, settled
        if has_come:
            await _within(deadline, _reconciled(session), clock)
        await clock.sleep(next(waits))


def _is_taken_off_by_another(session: Session, stop: Stop) -> bool:
    """Another emergency stop is about to take off what this one would name as protection."""
    return not stop.takes_stops_off and session.closings_under_way > 0


async def _within(deadline: float, work: Any, clock: Clock) -> None:
    """For as long as half of the time that is left: cancelling must not wait for more."""
    try:
        async with asyncio.timeout(max(0.5, (deadline - clock.monotonic()) / 2)):
            await work
    except TimeoutError:
        return


async def leave_only_protection(gateway: Gateway, latch: HaltSwitch) -> None:
    """Latch, and cancel every order with our tag but protective stops, as far as the exchanges can be
    reached."""
    with contextlib.suppress(StateError):  # a full disk has room for the latch; a lost one has not
        latch.set(JOURNAL_FAILED + (MAY_DIFFER if gateway.remote else ""))
    if not gateway.remote:
        return
    for asked in await gateway.cancel_all(keep_protection=True, within=FAIL_STOP_S):
        if asked.error:
            log.error("%s: orders may still rest there: %s", asked.exchange, asked.error)


__all__ = [
    "Stop",
    "leave_only_protection",
    "proven",
    "stop_session",
]
