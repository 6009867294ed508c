"""Comparing a venue with what we know: orders, then fills, then holdings, of one and the same moment.
Where these are not what the books expect, it is asked first for what it moved by itself.

Nothing is compared while something is on its way: a report that arrives in between makes the picture one
of two moments, and it is taken again. What the venue holds goes to the core as an `AccountReported`;
whether there is a discrepancy, and what follows from that, is decided there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from decimal import Decimal

from msgspec import Struct

from tradectl.domain.errors import VenueRefusal
from tradectl.domain.events import AccountReported, SystemEventKind
from tradectl.domain.money import ZERO, Side
from tradectl.domain.orders import OrderSpec
from tradectl.domain.protection import is_last_stop
from tradectl.domain.text import harmless
from tradectl.domain.time import SECOND
from tradectl.exchange.base import AT_ONCE, MONEY, Accepted
from tradectl.exchange.holdings import Holdings
from tradectl.exchange.live.execution_reporter import Post
from tradectl.exchange.live.moved_by_exchange import MovedByExchange
from tradectl.exchange.live.order_tracker import OrderTracker
from tradectl.exchange.live.our_side import OurSide
from tradectl.exchange.live.surroundings import Surroundings
from tradectl.exchange.live.tracked_order import TrackedOrder
from tradectl.exchange.live.unplaced_fills import UnplacedFills
from tradectl.exchange.venue import VenueFill, VenueOrder

TRIES = 3
OVERLAP = 300 * SECOND
"""Fills are asked for from so long before the last one: venues' clocks and pages are not exact."""
OVERDUE = 2.0
"""A report is, after so many times as long as an unknown order is looked for."""
PERCENT = Decimal("0.01")
LONGEST_NAME = 40

BeforeBooking = Callable[[Sequence[VenueFill]], Awaitable[None]]


class Picture(Struct, frozen=True):
    """Of a venue: the orders that were over for us and are open there, and what the report on it does not
    tell, as something of ours is on its way: symbols, or `MONEY`."""

    reopened: list[TrackedOrder]
    left_out: tuple[str, ...]


class Reconciler:
    """Of the account at `venue`, as far as `symbols` go. `since` is the time (ns) from which on there
    may be fills that we do not know; what our clock says of it is no later than the venue's."""

    def __init__(
        self,
        at: Surroundings,
        tracker: OrderTracker,
        post: Post,
        side: OurSide,
        unplaced: UnplacedFills,
        moved: MovedByExchange,
    ) -> None:
        self.instruments = at.instruments
        self.since = 0
        self.orphans: list[str] = []
        self._venue = at.venue
        self._tracker = tracker
        self._settings = at.settings
        self._symbols = at.symbols
        self._reporter = at.reporter
        self._post = post
        self._side, self._unplaced, self._moved = side, unplaced, moved
        self._activities = self._newest = 0
        self._open: set[str] = set()
        self._held: dict[str, Decimal] = {}
        self._monotonic = at.monotonic
        self._busy_since: dict[str, float] = {}
        self._dated: tuple[int, float] | None = None
        """the venue's time, ns, at a moment of ours, monotonic seconds"""

    def note_activity(self) -> None:
        """Something was sent or reported: a picture that is being taken is no good."""
        self._activities += 1

    async def compare(
        self, before_booking: BeforeBooking, accepted: Accepted | None = None
    ) -> Picture | None:
        """Take a picture and post it; None where something came in between each time, and nothing was.

        Raises ExchangeError where the venue could not be asked.
        """
        self._moved.until, asked = 0, False
        told_at = await self._venue_time()
        if told_at:
            self.since = min(self.since, told_at)
        for _ in range(TRIES):
            asked_since = self.since
            reopened = await self._compare_orders()
            newest = await self._compare_fills(before_booking)
            before = self._activities
            holdings = await self._venue.holdings()
            missing = self._moved.is_missing(holdings, self.cash(holdings))
            if not asked and (accepted is not None or missing):
                await self._moved.ask(holdings)
                asked, before = True, self._activities
                holdings = await self._venue.holdings()
            self._held = {s: self._side.held(holdings, s) for s in self._symbols}
            if before == self._activities:
                self.since = max(asked_since, newest)
                self._newest = max(self._newest, newest)
                return Picture(reopened, self._post_account_report(holdings, accepted, told_at))
        return None

    async def _venue_time(self) -> int:
        """Asked once, and counted from there, whatever our clock is set to. 0 where it does not tell."""
        if self._dated is None:
            try:
                self._dated = await self._venue.time(), self._monotonic()
            except VenueRefusal:
                return 0
        at, since = self._dated
        return at + int((self._monotonic() - since) * SECOND)

    def missing(self) -> list[TrackedOrder]:
        """Orders that we hold to be working, and that were not among the open ones just now."""
        return [
            tracked
            for tracked in self._tracker.working()
            if not tracked.is_unresolved and tracked.client_id not in self._open
        ]

    def is_last_stop(self, stop: OrderSpec) -> bool:
        """By what the venue holds and what rests there."""
        resting = [each.spec for each in self._tracker.working() if each.client_id in self._open]
        can_short = self.instruments[stop.symbol].can_short
        return is_last_stop(stop, self._held.get(stop.symbol, ZERO), resting, can_short=can_short)

    async def _compare_orders(self) -> list[TrackedOrder]:
        known, over = tuple(self._tracker.foreign), self._tracker.over()
        orders = await self._venue.open_orders(self._symbols)
        self._open = {order.client_order_id for order in orders}
        for report in self._tracker.apply_open_orders(orders, known):
            self._post(report, AT_ONCE)
        orphans = sorted(order.client_order_id for order in self._tracker.orphans())
        if orphans and orphans != self.orphans:
            self._reporter.post_system_event(
                SystemEventKind.ORDER_ORPHANED,
                f"orders of ours that the books do not know: {orphans}",
            )
        self.orphans = orphans
        return self._tracker.reopened(orders, over)

    async def _compare_fills(self, before_booking: BeforeBooking) -> int:
        """Book what we have not seen; the time of the newest fill, ns."""
        newest = 0
        for symbol in self._symbols:
            fills = await self._venue.fills(symbol, max(0, self.since - OVERLAP))
            await before_booking(fills)
            for report in self._tracker.apply(fills):
                self._post(report, AT_ONCE)
            self._unplaced.heard(self._tracker.unplaced(fills))
            newest = max([newest, *(fill.ts for fill in fills)])
        return newest

    def _post_account_report(
        self, holdings: Holdings, accepted: Accepted | None, told_at: int
    ) -> tuple[str, ...]:
        """What it leaves out."""
        busy = self._busy()
        self._unplaced.tell_closed(busy)
        positions = {symbol: held for symbol, held in self._held.items() if symbol not in busy}
        cash = self.cash(holdings)
        is_unclear = (
            busy
            or not holdings.wallets_known
            or (self._moved.is_awaited(cash) and accepted is None)
        )
        report = AccountReported(
            source_component=self._settings.prefix,
            exchange=self._settings.prefix,
            positions=positions,
            cash=None if is_unclear else cash,
            tolerance=self._settings.balance_tolerance_pct * PERCENT,
            accept=accepted.kind if accepted is not None else None,
            symbols=accepted.symbols if accepted is not None else (),
            price=accepted.price if accepted is not None else None,
            bound=self._bound(positions),
            bound_by=self._bound_by(positions),
            trades=self._unplaced.trades(holdings, busy) if accepted is None else (),
            income_until=self._moved.until,
            newest=self._newest,
            told_at=told_at,
            beside=self._beside(holdings),
        )
        self._post(report, AT_ONCE)
        return (*sorted(busy), MONEY) if is_unclear else ()

    def _beside(self, holdings: Holdings) -> dict[str, Decimal]:
        """On the other side of ours, of an account in hedge mode."""
        told = {s: self._side.beside(holdings, s) for s in holdings.sides if s in self._symbols}
        return {symbol: quantity for symbol, quantity in told.items() if quantity}

    def _bound(self, symbols: Collection[str]) -> dict[str, Decimal]:
        """Coins that orders of others offer."""
        bound: dict[str, Decimal] = {}
        for order in self._offers(symbols):
            left = order.quantity - order.filled
            bound[order.symbol] = bound.get(order.symbol, ZERO) + left
        return bound

    def _bound_by(self, symbols: Collection[str]) -> dict[str, tuple[str, ...]]:
        """What those orders are called."""
        names: dict[str, tuple[str, ...]] = {}
        for order in self._offers(symbols):
            name = harmless(order.client_order_id or order.venue_order_id, LONGEST_NAME)
            names[order.symbol] = (*names.get(order.symbol, ()), name)
        return names

    def _offers(self, symbols: Collection[str]) -> Iterator[VenueOrder]:
        """Sales of others, for which coins are bound; a perpetual needs none."""
        for order in self._tracker.foreign.values():
            sells = order.side is Side.SELL and order.symbol in symbols
            if sells and not self.instruments[order.symbol].can_short:
                yield order

    def _busy(self) -> set[str]:
        """Symbols of which fills may be on their way; no longer than until such a report is overdue, be
        it that of an order that the venue has forgotten: what differs then is no matter of time."""
        busy = {
            tracked.spec.symbol
            for tracked in self._tracker.working()
            if tracked.is_unresolved
            or tracked.lacks_fills()
            or tracked.client_id not in self._open  # it may have fills that were not reported
        }
        now, overdue = self._monotonic(), OVERDUE * self._settings.not_found_seconds
        self._busy_since = {symbol: self._busy_since.get(symbol, now) for symbol in sorted(busy)}
        return {symbol for symbol, since in self._busy_since.items() if now - since < overdue}

    def cash(self, holdings: Holdings) -> Decimal:
        quotes = {self.instruments[symbol].quote for symbol in self._symbols}
        return sum((holdings.balances.get(quote, ZERO) for quote in sorted(quotes)), ZERO)


__all__ = ["Picture", "Reconciler"]
