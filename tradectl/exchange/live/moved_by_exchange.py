"""What an exchange, or somebody else, does to the account: found out, and reported to the core once.

The exchange moves money (funding, rebates, transfers of the account's owner), and it closes positions
(liquidation, auto-deleveraging); others trade on the account. None of it is an order of ours, and the
user stream says little of it; the income history and the fills say what it was. They are asked when money
or positions are not what the books expect, and from time to time anyway. Rows may come late: what the
stream has announced is waited for, before a difference in cash counts as one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any, Protocol

from tradectl.domain.errors import NotExecuted, VenueRefusal
from tradectl.domain.events import (
    CashMoved,
    CloseCause,
    Event,
    ForeignTrade,
    FundingPaid,
    IncomeKind,
    PositionLiquidated,
    SystemEventKind,
    trade_key,
)
from tradectl.domain.instruments import Instruments
from tradectl.domain.money import ZERO, plain
from tradectl.domain.orders import OrderSpec
from tradectl.domain.resilience import pauses
from tradectl.domain.time import DAY, HOUR
from tradectl.exchange.base import AT_ONCE
from tradectl.exchange.live.execution_reporter import ExecutionReporter, Post
from tradectl.exchange.venue import (
    Holdings,
    OrderKey,
    PositionSide,
    Venue,
    VenueFill,
    VenueIncome,
    VenueOrder,
)

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
FIND_AGAIN_S, LONGEST_FIND_S = 2.0, 600.0
"""An order that the exchange could not find is asked for again ever later."""
REMEMBERED = 2 * DAY
MOST_LOOKED_UP = 1_000

Fee = Callable[[VenueFill, str], tuple[Decimal, Decimal]]


class AccountBooks(Protocol):
    """What the books expect of an exchange; `state.at_exchange` has it."""

    def cash(self) -> Decimal: ...

    def quantity(self, symbol: str) -> Decimal: ...

    def is_last_stop(self, stop: OrderSpec) -> bool: ...

    def income_until(self) -> int: ...

    def compared_at(self) -> int: ...

    def is_new(self, income_id: str, ts: int) -> bool: ...

    def is_new_trade(self, trade: ForeignTrade) -> bool: ...


class MovedByExchange:
    """`fee_of` says what a fill cost in the quote currency, and what was paid of another one; `is_tagged`
    whether a client order id is of this account."""

    def __init__(
        self,
        venue: Venue,
        books: AccountBooks | None,
        reporter: ExecutionReporter,
        name: str,
        symbols: Sequence[str],
        instruments: Instruments,
        post: Post,
        fee_of: Fee,
        is_tagged: Callable[[str], bool],
        *,
        now: Callable[[], int],
        monotonic: Callable[[], float],
    ) -> None:
        self._venue = venue
        self._books = books
        self._reporter = reporter
        self._name = name
        self._symbols = tuple(symbols)
        self._perpetuals = tuple(symbol for symbol in symbols if instruments[symbol].can_short)
        self._quotes = {instruments[symbol].quote for symbol in symbols}
        self._instruments = instruments
        self._post = post
        self._fee_of = fee_of
        self._is_tagged = is_tagged
        self._now, self._monotonic = now, monotonic
        self._asked_at: float | None = None
        self._deep_at: float | None = None
        self._announced_at: float | None = None
        self._tells = True
        self._posted: dict[str, int] = {}
        self._fills: dict[tuple[OrderKey, str], VenueFill] = {}
        self._causes: dict[OrderKey, CloseCause | None] = {}
        self._passed_over: dict[OrderKey, None] = {}
        """orders with our tag that are no longer followed, and those of a position beside ours"""
        self._not_found: dict[OrderKey, tuple[float, Iterator[float]]] = {}
        """when orders are asked for again, monotonic seconds, and the pauses after that"""
        self.until = 0
        """up to when all was reported, in this comparison"""

    # --- what is heard ------------------------------------------------------------------------------

    def announced(self) -> None:
        """The stream says that money moved: its row may take a while."""
        if self._books is not None and self._tells and self._venue.abilities.income:
            self._announced_at = self._monotonic()

    def heard(self, fills: Iterable[VenueFill]) -> None:
        """Fills of nobody's order that we know: somebody else's, or the exchange's own. Those of a
        position beside ours have nothing to do with it."""
        for fill in fills:
            if fill.symbol in self._symbols and self._is_to_be_told(fill):
                if fill.forced is not None:
                    self._causes[fill.order_key] = fill.forced
                self._fills.setdefault((fill.order_key, fill.trade_id), fill)
        _keep_newest(self._fills)

    def _is_to_be_told(self, fill: VenueFill) -> bool:
        if self._books is None or fill.order_key in self._passed_over or self._is_beside(fill):
            return False
        return _id_of(fill) not in self._posted and self._books.is_new_trade(self._foreign(fill))

    def _is_beside(self, told: VenueFill | VenueOrder) -> bool:
        """It is of the position, of an account in hedge mode, that is not ours: what the exchange does by
        itself closes one."""
        side = told.position_side
        if side is None and told.forced is not None:
            side = PositionSide.that_closes_by(told.side)
        if side is None or self._books is None or told.symbol not in self._venue.hedged:
            return False
        expected = self._books.quantity(told.symbol)
        return not expected or (expected > 0) is not (side is PositionSide.LONG)

    def held(self, holdings: Holdings, symbol: str) -> Decimal:
        """What is there (signed) of what may be ours: in hedge mode what is on our side."""
        there = holdings.of(self._instruments[symbol])
        return there if not holdings.sides else there - self.beside(holdings, symbol)

    def beside(self, holdings: Holdings, symbol: str) -> Decimal:
        expected = self._books.quantity(symbol) if self._books is not None else ZERO
        return holdings.beside(symbol, expected)

    # --- while comparing ----------------------------------------------------------------------------

    def is_missing(self, holdings: Holdings, cash: Decimal) -> bool:
        """What is there is not what the books expect, or it is time to ask."""
        if self._books is None:
            return False
        if any(self._is_to_be_found(fill) for fill in self._unexplained(holdings)):
            return True
        if self._venue.abilities.income:
            since = self._monotonic() - self._asked_at if self._asked_at is not None else None
            if since is None or since >= ASK_EVERY_S:
                return True
            if since < ASK_AGAIN_S and self._announced_at is None:
                return False
        elif not any(fill.symbol in self._perpetuals for fill in self._fills.values()):
            return False
        return cash != self._books.cash() or any(
            self.held(holdings, symbol) != self._books.quantity(symbol)
            for symbol in self._perpetuals
        )

    def _unexplained(self, holdings: Holdings) -> list[VenueFill]:
        """Fills of others in symbols that are not as the books expect; on spot what came needs no
        explanation."""
        if self._books is None or not self._fills:
            return []
        differing = set()
        for symbol in {fill.symbol for fill in self._fills.values()}:
            missing = self._books.quantity(symbol) - self.held(holdings, symbol)
            if missing > 0 or (missing and symbol in self._perpetuals):
                differing.add(symbol)
        return [fill for fill in self._fills.values() if fill.symbol in differing]

    def _is_unknown(self, fill: VenueFill) -> bool:
        return fill.order_key not in self._causes

    def _is_to_be_found(self, fill: VenueFill) -> bool:
        known_as = fill.order_key
        if not self._is_unknown(fill) or known_as in self._passed_over:
            return False
        return known_as not in self._not_found or self._not_found[known_as][0] <= self._monotonic()

    def trades(self, holdings: Holdings, busy: Iterable[str]) -> tuple[ForeignTrade, ...]:
        """What others traded in symbols that are not as the books expect, oldest first; nothing of
        symbols in which something of ours is on its way."""
        self._fills = {k: fill for k, fill in self._fills.items() if self._is_to_be_told(fill)}
        waits = {*busy}
        told = [
            fill
            for fill in self._unexplained(holdings)
            if fill.symbol not in waits
            and not self._is_unknown(fill)
            and self._causes[fill.order_key] is None
        ]
        told.sort(key=lambda fill: fill.ts)
        return tuple(self._foreign(fill) for fill in told)

    async def ask(self, holdings: Holdings) -> None:
        """Report what it was, as far as the exchange tells: what it does not, stays a difference. Raises
        ExchangeError."""
        await self._look_up(holdings)
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

    def closed(self, busy: Iterable[str]) -> None:
        """Report the positions that the exchange closed, oldest first, as each was of what those before
        it had left; but none of symbols in which something of ours is on its way: that comes first."""
        waits = {*busy}
        for key, fill in sorted(self._fills.items(), key=lambda known: known[1].ts):
            cause = self._causes.get(fill.order_key)
            if fill.symbol not in waits and cause is not None:
                del self._fills[key]
                if self._is_to_be_told(fill):
                    self._posted[_id_of(fill)] = fill.ts
                    self._post(self._closing(fill, cause), AT_ONCE)

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

    async def _look_up(self, holdings: Holdings) -> None:
        """Whose the fills are: the order tells that each of them is of."""
        perpetual = [fill for fill in self._fills.values() if fill.symbol in self._perpetuals]
        for fill in [*perpetual, *self._unexplained(holdings)]:
            if self._is_to_be_found(fill):
                order = await self._venue.find(fill.symbol, "", fill.venue_order_id)
                if order is not None:
                    self._note(order)
                else:
                    self._note_not_found(fill.order_key)
        for kept in (self._causes, self._passed_over, self._not_found):
            _keep_newest(kept)

    def _note_not_found(self, known_as: OrderKey) -> None:
        before = self._not_found.pop(known_as, None)
        later = before[1] if before is not None else pauses(FIND_AGAIN_S, LONGEST_FIND_S)
        self._not_found[known_as] = self._monotonic() + next(later), later

    def _note(self, order: VenueOrder) -> None:
        self._not_found.pop(order.order_key, None)
        if self._is_tagged(order.client_order_id) or self._is_beside(order):
            self._passed_over[order.order_key] = None
        else:
            self._causes[order.order_key] = order.forced

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

    def _foreign(self, fill: VenueFill) -> ForeignTrade:
        fee, paid = self._fee_of(fill, fill.symbol)
        return ForeignTrade(
            fill.trade_id,
            fill.symbol,
            fill.side,
            fill.quantity,
            fill.price,
            fee,
            fill.ts,
            paid,
            fill.fee_currency if paid else "",
        )

    def _closing(self, fill: VenueFill, cause: CloseCause) -> PositionLiquidated:
        fee, paid = self._fee_of(fill, fill.symbol)
        return PositionLiquidated(
            source_component=self._name,
            symbol=fill.symbol,
            liquidation_id=_id_of(fill),
            side=fill.side,
            quantity=fill.quantity,
            price=fill.price,
            fee=fee,
            margin=self._instruments[fill.symbol].margin,
            ts=fill.ts,
            cause=cause,
            exchange=self._name,
            fee_paid=paid,
            fee_currency=fill.fee_currency if paid else "",
        )


def _keep_newest(known: dict[Any, Any]) -> None:
    while len(known) > MOST_LOOKED_UP:
        del known[next(iter(known))]


def _id_of(fill: VenueFill) -> str:
    return trade_key(fill.symbol, fill.trade_id)


__all__ = ["AccountBooks", "MovedByExchange"]
