"""Whether the account is in hedge mode, while we trade: long and short positions beside each other.

Our books know one position of a symbol, and an order names none. In hedge mode nothing is entered, then:
the symbol is restricted, with an alert, until its owner has set the account back; exits, stops and
whatever flattens go on, since the venue names the side that they close. The mode is asked for with each
comparison at its pace, at once where an order was refused for it, and where the account's stream or its
positions tell of a side.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence

from tradectl.domain.errors import NotExecuted, VenueRefusal
from tradectl.domain.events import RestrictionKind, SymbolRestricted
from tradectl.domain.refusals import HEDGE_MODE, RefusalCause
from tradectl.exchange.base import AT_ONCE
from tradectl.exchange.live.execution_reporter import Post
from tradectl.exchange.venue import Venue

FRESH_S = 1.0
"""What was asked no longer ago is not asked again."""
WITHIN_S = 5.0
"""What became of an order does not wait any longer for it."""
ADVICE = (
    "nothing is entered before that; exits and stops name the position's side; `tradectl reconcile` asks "
    "for the mode at once, and `tradectl emergency-stop --flatten` closes what is open"
)


class PositionModeMonitor:
    """Of `symbols` at `venue`, asked for `every` so many seconds."""

    def __init__(
        self,
        venue: Venue,
        symbols: Sequence[str],
        post: Post,
        source: str,
        *,
        every: float,
        monotonic: Callable[[], float],
    ) -> None:
        self._venue = venue
        self._symbols = tuple(symbols)
        self._post = post
        self._source = source
        self._every = every
        self._monotonic = monotonic
        self._asked_at = monotonic()
        self._is_due = False
        self._fresh_until: dict[str, float] = {}
        """of symbols that were asked for by themselves, as an order was refused"""
        self._known: frozenset[str] = frozenset()

    def ask_soon(self) -> None:
        """The venue told of something that does not fit what is known: it is asked next."""
        self._is_due = True

    async def look(self, *, now: bool = False) -> None:
        """Ask where it is time, and report what changed. Raises AccessLost."""
        since = self._monotonic() - self._asked_at
        if since >= (FRESH_S if now or self._is_due else self._every):
            self._asked_at, self._is_due = self._monotonic(), False
            await self._ask(self._symbols)
        self.note()

    async def on_refused(self, cause: RefusalCause, symbol: str) -> None:
        """Ask, of this one, before it is reported that the venue would not take an order for it. Raises
        AccessLost."""
        now = self._monotonic()
        if cause is not RefusalCause.POSITION_SIDE or now < self._fresh_until.get(symbol, 0.0):
            return
        self._fresh_until[symbol] = now + FRESH_S
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WITHIN_S):
                await self._ask((symbol,))
        self.note()

    async def _ask(self, symbols: Sequence[str]) -> None:
        with contextlib.suppress(NotExecuted, VenueRefusal):  # it is asked again
            await self._venue.ask_position_mode(symbols)

    def note(self) -> None:
        """Report where the venue knows another mode than was reported."""
        hedged = self._venue.hedged
        if hedged == self._known:
            return
        changed, self._known = hedged ^ self._known, hedged
        for symbol in self._symbols:
            if symbol in changed:
                self._report(symbol, restricted=symbol in hedged)

    def _report(self, symbol: str, *, restricted: bool) -> None:
        message = f"{self._source}: {symbol}: {HEDGE_MODE}; {ADVICE}" if restricted else ""
        event = SymbolRestricted(
            source_component=self._source,
            symbol=symbol,
            kind=RestrictionKind.HEDGE_MODE,
            restricted=restricted,
            message=message,
        )
        self._post(event, AT_ONCE)


__all__ = ["PositionModeMonitor"]
