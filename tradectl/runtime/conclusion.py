"""Waiting, while the core works, until what a halt or the end of a run has to do is done."""

from __future__ import annotations

from tradectl.domain.events import RestrictionKind
from tradectl.domain.orders import OrderStatus
from tradectl.domain.positions import Position
from tradectl.domain.protection import rests_as_protection
from tradectl.domain.states import TradingState
from tradectl.runtime.session import Session
from tradectl.state.books import Books

LOOK_EVERY_S = 0.005
QUIET_S = 1.0
"""So long nothing was on its way: nothing more comes."""
LONGEST_LOOK_S = 0.1
"""More than this between two looks is no quiet: the process stood still, too."""
UNANSWERED = (OrderStatus.APPROVED, OrderStatus.SUBMITTED, OrderStatus.PENDING_CANCEL)
NOT_KNOWN = (*UNANSWERED, OrderStatus.UNKNOWN)


async def await_conclusion(session: Session, within: float) -> bool:
    """Wait, `within` seconds, until the halt has nothing left to do. Where nothing is on its way any more
    and a stop is still missing, it is not waited for to the end: the exchange will not take it."""
    books, clock, engine = session.books, session.bus.clock, session.system.portfolio.engine
    deadline = clock.monotonic() + within
    quiet, looked = 0.0, clock.monotonic()
    while not engine.halt_word.is_over(books):
        now = clock.monotonic()
        still = (
            books.trading_state is TradingState.HALTED
            and only_rests(books)
            and not any(_being_compared(position, books) for position in books.positions())
        )
        quiet = quiet + min(now - looked, LONGEST_LOOK_S) if still else 0.0
        looked = now
        if now > deadline or quiet > QUIET_S:
            return False
        await clock.sleep(LOOK_EVERY_S)
    return True


def _being_compared(position: Position, books: Books) -> bool:
    """Its stop follows as soon as its size is known for certain."""
    return RestrictionKind.UNRECONCILED in books.restrictions(position.symbol)


async def await_stops(session: Session, within: float) -> None:
    """Wait, `within` seconds, until no emergency stop is under way."""
    clock = session.bus.clock
    deadline = clock.monotonic() + within
    while session.stops_under_way and clock.monotonic() < deadline:
        await clock.sleep(LOOK_EVERY_S)


async def await_protection(session: Session, within: float) -> None:
    """Wait, `within` seconds, until no position lacks the stop that it should have: it may have made room
    for an exit or be on its way, or an entry be filled at this very moment, or found at the start. One of
    which it is not known by then whether it rests is waited for until the exchange's word of it counts,
    and for as long again: who ends now would not send the next one."""
    books, bus, engine = session.books, session.bus, session.system.portfolio.engine
    if not engine.protects(books):
        return
    word = engine.halt_word
    counts_after = max((e.not_found_seconds for e in session.settings.exchanges), default=0.0)
    begun = bus.clock.monotonic()
    while bus.failure is None:
        working = books.working_orders()
        unanswered = any(order.status in UNANSWERED for order in working)
        if not (unanswered or bus.waiting()) and word.all_protected(books):
            return
        is_sent = any(o.spec.is_protective and o.status in NOT_KNOWN for o in working)
        longest = 2 * within + counts_after if is_sent else within
        if bus.clock.monotonic() - begun > longest:
            return
        await bus.clock.sleep(LOOK_EVERY_S)


def only_rests(books: Books) -> bool:
    """Nothing is on its way, to an exchange or out: whatever works rests there, and protects."""
    return all(rests_as_protection(order) for order in books.working_orders())


__all__ = ["await_conclusion", "await_protection", "await_stops", "only_rests"]
