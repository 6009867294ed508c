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
UNANSWERED = (OrderStatus.APPROVED, OrderStatus.SUBMITTED, OrderStatus.PENDING_CANCEL)


async def await_conclusion(session: Session, within: float) -> bool:
    """Wait, `within` seconds, until the halt has nothing left to do. Where nothing is on its way any more
    and a stop is still missing, it is not waited for to the end: the exchange will not take it."""
    books, clock, engine = session.books, session.bus.clock, session.system.portfolio.engine
    deadline = clock.monotonic() + within
    quiet_since: float | None = None
    while not engine.halt_word.is_over(books):
        now = clock.monotonic()
        still = (
            books.trading_state is TradingState.HALTED
            and only_rests(books)
            and not any(_being_compared(position, books) for position in books.positions())
        )
        quiet_since = (quiet_since or now) if still else None
        if now > deadline or (quiet_since is not None and now - quiet_since > QUIET_S):
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
    for an exit or be on its way, or an entry be filled at this very moment, or found at the start. A stop
    that is being sent by then is waited for, for as long again: who ends now would not send it."""
    books, bus, engine = session.books, session.bus, session.system.portfolio.engine
    if not engine.protects(books):
        return
    word = engine.halt_word
    begun = bus.clock.monotonic()
    while bus.failure is None:
        unanswered = [order for order in books.working_orders() if order.status in UNANSWERED]
        if not (unanswered or bus.waiting()) and word.all_protected(books):
            return
        is_sent = any(order.spec.is_protective for order in unanswered)
        if bus.clock.monotonic() - begun > (2 * within if is_sent else within):
            return
        await bus.clock.sleep(LOOK_EVERY_S)


def only_rests(books: Books) -> bool:
    """Nothing is on its way, to an exchange or out: whatever works rests there, and protects."""
    return all(rests_as_protection(order) for order in books.working_orders())


__all__ = ["await_conclusion", "await_protection", "await_stops", "only_rests"]
