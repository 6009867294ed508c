"""Fills of no order that we know: whose they are is found out, and told to the core once.

The exchange closes positions (liquidation, auto-deleveraging), and others trade on the account. A fill
seldom says which of them it is; the order that it is of does. An order that the exchange cannot find is
asked for ever later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Any

from tradectl.domain.events import CloseCause, ForeignTrade, PositionLiquidated, trade_key
from tradectl.domain.resilience import pauses
from tradectl.exchange.base import AT_ONCE
from tradectl.exchange.holdings import Holdings
from tradectl.exchange.live.account_books import AccountBooks
from tradectl.exchange.live.our_side import OurSide
from tradectl.exchange.live.surroundings import Surroundings
from tradectl.exchange.venue import OrderKey, VenueFill, VenueOrder

FIND_AGAIN_S, LONGEST_FIND_S = 2.0, 600.0
MOST_KNOWN = 1_000
"""Of fills, of orders, and of what was told."""

Fee = Callable[[VenueFill, str], tuple[Decimal, Decimal]]


class UnplacedFills:
    """`fee_of` says what a fill cost in the quote currency, and what was paid of another one; `is_tagged`
    whether a client order id is of this account. Without `books` there is nobody to tell."""

    def __init__(
        self,
        at: Surroundings,
        books: AccountBooks | None,
        side: OurSide,
        fee_of: Fee,
        is_tagged: Callable[[str], bool],
    ) -> None:
        instruments = self._instruments = at.instruments
        self._venue = at.venue
        self._books = books
        self._name = at.name
        self._symbols = at.symbols
        self._perpetuals = tuple(symbol for symbol in at.symbols if instruments[symbol].can_short)
        self._post = at.post
        self._side = side
        self._fee_of = fee_of
        self._is_tagged = is_tagged
        self._monotonic = at.monotonic
        self._fills: dict[tuple[OrderKey, str], VenueFill] = {}
        self._causes: dict[OrderKey, CloseCause | None] = {}
        self._told: dict[str, None] = {}
        """until the books have it"""
        self._passed_over: dict[OrderKey, None] = {}
        """orders with our tag that are no longer followed, and those of a position beside ours"""
        self._not_found: dict[OrderKey, tuple[float, Iterator[float]]] = {}
        """when orders are asked for again, monotonic seconds, and the pauses after that"""

    def heard(self, fills: Iterable[VenueFill]) -> None:
        """Those of a position beside ours have nothing to do with it."""
        for fill in fills:
            if fill.symbol in self._symbols and self._is_to_be_told(fill):
                if fill.forced is not None:
                    self._causes[fill.order_key] = fill.forced
                self._fills.setdefault((fill.order_key, fill.trade_id), fill)
        _keep_newest(self._fills)

    @property
    def any_of_a_perpetual(self) -> bool:
        return any(fill.symbol in self._perpetuals for fill in self._fills.values())

    def are_to_be_looked_up(self, holdings: Holdings) -> bool:
        """Some would explain what is not as the books expect, and whose they are is not known."""
        return any(self._is_to_be_found(fill) for fill in self._unexplained(holdings))

    async def look_up(self, holdings: Holdings) -> None:
        """Whose they are: the order tells that each of them is of. Raises ExchangeError."""
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

    def tell_closed(self, busy: Iterable[str]) -> None:
        """Report the positions that the exchange closed, oldest first, as each was of what those before
        it had left; but none of symbols in which something of ours is on its way: that comes first."""
        waits = {*busy}
        for key, fill in sorted(self._fills.items(), key=lambda known: known[1].ts):
            cause = self._causes.get(fill.order_key)
            if fill.symbol not in waits and cause is not None:
                del self._fills[key]
                if self._is_to_be_told(fill):
                    self._told[_id_of(fill)] = None
                    self._post(self._closing(fill, cause), AT_ONCE)
        _keep_newest(self._told)

    # --- whose they are -----------------------------------------------------------------------------

    def _is_to_be_told(self, fill: VenueFill) -> bool:
        if self._books is None or fill.order_key in self._passed_over:
            return False
        if self._side.is_beside(fill) or _id_of(fill) in self._told:
            return False
        return self._books.is_new_trade(self._foreign(fill))

    def _unexplained(self, holdings: Holdings) -> list[VenueFill]:
        """Fills in symbols that are not as the books expect; on spot what came needs no explanation."""
        if self._books is None or not self._fills:
            return []
        differing = set()
        for symbol in {fill.symbol for fill in self._fills.values()}:
            missing = self._books.quantity(symbol) - self._side.held(holdings, symbol)
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

    def _note_not_found(self, known_as: OrderKey) -> None:
        before = self._not_found.pop(known_as, None)
        later = before[1] if before is not None else pauses(FIND_AGAIN_S, LONGEST_FIND_S)
        self._not_found[known_as] = self._monotonic() + next(later), later

    def _note(self, order: VenueOrder) -> None:
        self._not_found.pop(order.order_key, None)
        if self._is_tagged(order.client_order_id) or self._side.is_beside(order):
            self._passed_over[order.order_key] = None
        else:
            self._causes[order.order_key] = order.forced

    # --- what is told -------------------------------------------------------------------------------

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
    while len(known) > MOST_KNOWN:
        del known[next(iter(known))]


def _id_of(fill: VenueFill) -> str:
    return trade_key(fill.symbol, fill.trade_id)


__all__ = ["UnplacedFills"]
