"""Waiting for a halt to have done its work."""

from __future__ import annotations

from tradectl.bus.clock import Clock
from tradectl.domain.positions import Position
from tradectl.state.books import Books

LOOK_EVERY_S = 0.005


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
    instrument = books.instrument(position.symbol)
    size = instrument.floor_quantity(abs(position.quantity))
    mark = books.mark(position.symbol)
    return not size or (mark is not None and size * mark < instrument.min_notional)


def _closable(books: Books) -> bool:
    return any(not is_dust(position, books) for position in books.positions())
