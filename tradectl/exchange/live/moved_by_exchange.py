"""Money that an exchange moves by itself: found out, and reported to the core once.

It pays and takes funding, rebates, and transfers of the account's owner. None of it is an order of ours,
and the user stream says little of it; the income history says what it was. It is asked when money or
positions are not what the books expect, and from time to time anyway. Rows may come late: what the stream
has announced is waited for, before a difference in cash counts as one.
"""

from __future__ import annotations

from decimal import Decimal

from tradectl.domain.errors import NotExecuted, VenueRefusal
from tradectl.domain.events import CashMoved, Event, FundingPaid, IncomeKind, SystemEventKind
from tradectl.domain.money import plain
from tradectl.domain.time import DAY, HOUR
from tradectl.exchange.base import AT_ONCE
from tradectl.exchange.holdings import Holdings
from tradectl.exchange.live.account_books import AccountBooks
from tradectl.exchange.live.our_side import OurSide
from tradectl.exchange.live.surroundings import Surroundings
from tradectl.exchange.live.unplaced_fills import UnplacedFills
from tradectl.exchange.venue import VenueIncome

OVERLAP = HOUR
"""Rows are asked for from so long before the last question: some come late."""
AHEAD = DAY
"""The clock that an exchange dates by may have been set back since."""
DEEP_OVERLAP = DAY
DEEP_EVERY_S = 600.0
ASK_EVERY_S = 300.0
"""It is asked so often though nothing is missing: two rows may have made up for each other."""
ASK_AGAIN_S = 2.0
"""At most so often, unless the stream has announced something."""
ANNOUNCED_S = 60.0
"""How long a row may take that the stream has announced."""
REMEMBERED = 2 * DAY


class MovedByExchange:
    """`unplaced` are fills that explain a difference as well; they are looked up where it is asked."""

    def __init__(
        self, at: Surroundings, books: AccountBooks | None, side: OurSide, unplaced: UnplacedFills
    ) -> None:
        instruments = at.instruments
        self._venue = at.venue
        self._books = books
        self._reporter = at.reporter
        self._name = at.name
        self._perpetuals = tuple(symbol for symbol in at.symbols if instruments[symbol].can_short)
        self._quotes = {instruments[symbol].quote for symbol in at.symbols}
        self._post = at.post
        self._side, self._unplaced = side, unplaced
        self._now, self._monotonic = at.now, at.monotonic
        self._asked_at: float | None = None
        self._deep_at: float | None = None
        self._announced_at: float | None = None
        self._tells = True
        self._posted: dict[str, int] = {}
        self.until = 0
        """up to when all was reported, in this comparison"""

    def announced(self) -> None:
        """The stream says that money moved: its row may take a while."""
        if self._books is not None and self._tells and self._venue.abilities.income:
            self._announced_at = self._monotonic()

    def is_missing(self, holdings: Holdings, cash: Decimal) -> bool:
        """What is there is not what the books expect, or it is time to ask."""
        if self._books is None:
            return False
        if self._unplaced.are_to_be_looked_up(holdings):
            return True
        if self._venue.abilities.income:
            since = self._monotonic() - self._asked_at if self._asked_at is not None else None
            if since is None or since >= ASK_EVERY_S:
                return True
            if since < ASK_AGAIN_S and self._announced_at is None:
                return False
        elif not self._unplaced.any_of_a_perpetual:
            return False
        return cash != self._books.cash() or any(
            self._side.held(holdings, symbol) != self._books.quantity(symbol)
            for symbol in self._perpetuals
        )

    async def ask(self, holdings: Holdings) -> None:
        """Report what it was, as far as the exchange tells: what it does not, stays a difference. Raises
        ExchangeError."""
        await self._unplaced.look_up(holdings)
        if not self._venue.abilities.income or self._books is None:
            return
        until = await self._time()
        rows = await self._rows(self._books, until)
        if rows is None:
            return
        for row in rows:
            if row.currency in self._quotes and self._is_new(row.income_id, row.ts):
                self._posted[row.income_id] = row.ts
                self._announced_at = None
                self._report(row)
        self.until = until
        self._posted = {i: ts for i, ts in self._posted.items() if ts > until - REMEMBERED}

    def is_awaited(self, cash: Decimal) -> bool:
        """Money differs, and the row of what the stream has announced has not come yet."""
        if self._books is not None and cash == self._books.cash():
            self._announced_at = None
        return self.is_waiting

    @property
    def is_waiting(self) -> bool:
        """For a row that the stream has announced."""
        at = self._announced_at
        if at is not None and self._monotonic() - at >= ANNOUNCED_S:
            at = self._announced_at = None
        return at is not None

    # --- working it out -----------------------------------------------------------------------------

    def _is_new(self, income_id: str, ts: int) -> bool:
        if self._books is None or income_id in self._posted:
            return False
        return self._books.is_new(income_id, ts)

    async def _time(self) -> int:
        """Theirs, by which rows are dated. This run's goes on where the machine's clock is set back, so
        that no difference between the two of them leads to it."""
        try:
            return await self._venue.time()
        except VenueRefusal:
            return self._now()  # it does not tell its time

    async def _rows(self, books: AccountBooks, until: int) -> list[VenueIncome] | None:
        """None where it does not tell, or not now."""
        began = self._monotonic()
        is_deep = self._deep_at is None or began - self._deep_at >= DEEP_EVERY_S
        asked_until = books.income_until()
        since = asked_until - (DEEP_OVERLAP if is_deep else OVERLAP)
        if not asked_until:
            since = until  # what was moved before is in the cash that was taken over
        self._asked_at = began
        try:
            rows = await self._venue.income(since, until + AHEAD)
        except NotExecuted as error:
            if self._reporter.problem(SystemEventKind.INCOME_FAILED, str(error)):
                self.announced()  # it may be able to tell soon
            return None
        except VenueRefusal as error:
            self._reporter.problem(SystemEventKind.INCOME_FAILED, str(error))
            self._announced_at, self._tells = None, False
            return None
        self._tells = True
        self._reporter.problem_over(SystemEventKind.INCOME_FAILED)
        if is_deep:
            self._deep_at = began
        return rows

    def _report(self, row: VenueIncome) -> None:
        if row.kind is None:
            self._reporter.post_system_event(
                SystemEventKind.INCOME_UNKNOWN,
                f"{row.told} of {plain(row.amount)} {row.currency} is neither income nor a transfer "
                "that is known: it is not booked; `tradectl reconcile` shows the difference",
            )
            return
        if row.kind is IncomeKind.FUNDING and row.symbol in self._perpetuals:
            event: Event = FundingPaid(
                source_component=self._name,
                symbol=row.symbol,
                payment=row.amount,
                ts=row.ts,
                exchange=self._name,
                income_id=row.income_id,
            )
        else:
            event = CashMoved(
                source_component=self._name,
                exchange=self._name,
                income_id=row.income_id,
                kind=row.kind,
                amount=row.amount,
                symbol=row.symbol,
                ts=row.ts,
            )
        self._post(event, AT_ONCE)


__all__ = ["MovedByExchange"]
