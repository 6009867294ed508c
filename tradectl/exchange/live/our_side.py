"""Which of a symbol's two positions is ours, on an account in hedge mode.

It is the one that the books expect; what is on the other side is somebody else's, and where nothing is
expected, both are. An account in one-way mode has one position, and all of it may be ours.
"""

from __future__ import annotations

from decimal import Decimal

from tradectl.domain.instruments import Instruments
from tradectl.domain.money import ZERO
from tradectl.exchange.holdings import Holdings, PositionSide
from tradectl.exchange.live.account_books import AccountBooks
from tradectl.exchange.venue import Venue, VenueFill, VenueOrder


class OurSide:
    """Without `books` nothing is expected."""

    def __init__(self, venue: Venue, instruments: Instruments, books: AccountBooks | None) -> None:
        self._venue = venue
        self._books = books
        self._instruments = instruments

    def held(self, holdings: Holdings, symbol: str) -> Decimal:
        """What is there (signed) of what may be ours: in hedge mode what is on our side."""
        there = holdings.of(self._instruments[symbol])
        return there if not holdings.sides else there - self.beside(holdings, symbol)

    def beside(self, holdings: Holdings, symbol: str) -> Decimal:
        """What is there (signed) that is not ours, in hedge mode."""
        return holdings.beside(symbol, self._expected(symbol))

    def is_beside(self, told: VenueFill | VenueOrder) -> bool:
        """It is of the position that is not ours: what the exchange does by itself closes one."""
        side = told.position_side
        if side is None and told.forced is not None:
            side = PositionSide.that_closes_by(told.side)
        if side is None or self._books is None or told.symbol not in self._venue.hedged:
            return False
        expected = self._expected(told.symbol)
        return not expected or (expected > 0) is not (side is PositionSide.LONG)

    def _expected(self, symbol: str) -> Decimal:
        return ZERO if self._books is None else self._books.quantity(symbol)


__all__ = ["OurSide"]
