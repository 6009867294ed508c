"""What we have at a venue, order by order, and what its reports mean for the books.

Pure: reports of the venue go in, in any order and any number of times; reports to the core come out, each
thing once.
An order is ours by its client order id, or by the venue's id once that is known; a fill that names only
an id not yet known waits for it. An order's end is reported only when every fill that the venue counted
has been seen, so that no position stays silent behind a cancelled order.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from decimal import Decimal

import msgspec

from tradectl.domain.events import (
    CancelRejected,
    ExecutionEvent,
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderOutcomeLost,
    OrderRejected,
    OrderReport,
)
from tradectl.domain.instruments import Instruments
from tradectl.domain.money import ZERO, plain
from tradectl.domain.orders import (
    TAG_LENGTH,
    Order,
    OrderSpec,
    OrderStatus,
    client_order_id,
    order_tag,
    tag_of,
)
from tradectl.domain.refusals import RefusalCause
from tradectl.domain.text import harmless
from tradectl.exchange.gate import not_sent
from tradectl.exchange.live.tracked_order import TrackedOrder, TrackingState, TrackingTrigger
from tradectl.exchange.venue import OrderKey, VenueFill, VenueOrder, VenueReport

PARKED = 1_000
"""Fills kept that name an order not known yet; most of them are somebody else's."""
KEPT = 1_000
"""Orders that may be over; of those that work, there may be more."""
ENDINGS: dict[OrderStatus, type[ExecutionEvent]] = {
    OrderStatus.CANCELED: OrderCanceled,
    OrderStatus.REJECTED: OrderRejected,
    OrderStatus.EXPIRED: OrderExpired,
}

Reports = list[OrderReport]


class OrderTracker:
    """`in_books` says whether the books still know an order id; `quote_value` what one coin of a third
    currency costs in the quote currency, where that is known."""

    def __init__(
        self,
        name: str,
        account_id: str,
        instruments: Instruments,
        in_books: Callable[[str], bool] = lambda _: True,
        quote_value: Callable[[str, str], Decimal | None] = lambda *_: None,
    ) -> None:
        self.foreign: dict[OrderKey, VenueOrder] = {}
        self._foreign_in: dict[str, dict[OrderKey, None]] = {}
        self.duplicates = 0
        self._source = name
        self._account_id = account_id
        self._instruments = instruments
        self._in_books = in_books
        self._quote_value = quote_value
        self.may_switch_cancel: Callable[[TrackedOrder], bool] = lambda _: False
        """the dead-man switch of its symbol may have run out"""
        self._orders: dict[str, TrackedOrder] = {}
        self._looked_through_at = KEPT
        self._stops: dict[str, dict[str, TrackedOrder]] = {}
        """by symbol: one that is over may be open again"""
        self._by_client: dict[str, TrackedOrder] = {}
        self._by_venue: dict[OrderKey, TrackedOrder] = {}
        self._parked: dict[tuple[OrderKey, str], VenueFill] = {}
        self._parked_of: dict[OrderKey, dict[str, None]] = {}
        """the trade ids of each order"""

    # --- our side -----------------------------------------------------------------------------------

    def track(self, spec: OrderSpec, created_at: int) -> TrackedOrder | None:
        """Begin to follow an order that is about to be sent; None for one that is followed already."""
        if spec.order_id in self._orders:
            self.duplicates += 1
            return None
        if len(self._orders) >= self._looked_through_at:
            self._forget()
        tracked = TrackedOrder(spec, client_order_id(self._account_id, spec.order_id), created_at)
        self._orders[spec.order_id] = tracked
        self._by_client[tracked.client_id] = tracked
        if spec.is_protective:
            self._stops.setdefault(spec.symbol, {})[spec.order_id] = tracked
        return tracked

    def restore(self, order: Order) -> TrackedOrder:
        """Follow an order from before, as the books know it. What the venue never named may not be
        there at all, and may be there where it was presumed not to be."""
        tracked = self.track(order.spec, order.created_at) or self._orders[order.spec.order_id]
        tracked.since_before = True
        tracked.filled = tracked.counted = order.filled
        tracked.trades.update(order.trades)
        if not order.is_working:
            presumed = order.status is OrderStatus.EXPIRED and not order.venue_order_id
            tracked.state = TrackingState.NOT_FOUND if presumed else TrackingState.OVER
        else:
            named = bool(order.venue_order_id)
            tracked.state = TrackingState.OPEN if named else TrackingState.UNKNOWN
        if order.venue_order_id:
            self._set_venue_id(tracked, order.venue_order_id)
        return tracked

    def _forget(self) -> None:
        """What is over, and what the books have forgotten: nothing can be reported of it. They are looked
        through once in as many orders as there are."""
        for tracked in [*self._orders.values()]:
            if tracked.is_over and not self._in_books(tracked.spec.order_id):
                del self._orders[tracked.spec.order_id]
                del self._by_client[tracked.client_id]
                if tracked.spec.is_protective:
                    del self._stops[tracked.spec.symbol][tracked.spec.order_id]
                key = tracked.spec.symbol, tracked.venue_id
                if self._by_venue.get(key) is tracked:
                    del self._by_venue[key]
        self._looked_through_at = max(KEPT, 2 * len(self._orders))

    def get(self, order_id: str) -> TrackedOrder | None:
        return self._orders.get(order_id)

    def working(self) -> list[TrackedOrder]:
        return [tracked for tracked in self._orders.values() if not tracked.is_over]

    def has_stop(self, symbol: str) -> bool:
        """A protective stop of ours works there."""
        return any(not tracked.is_over for tracked in self._stops.get(symbol, {}).values())

    def has_foreign(self, symbol: str) -> bool:
        """An order rests there that is not ours."""
        return bool(self._foreign_in.get(symbol))

    def is_tagged(self, client_id: str) -> bool:
        """It was sent by this account, whether or not we remember it."""
        return client_id[:TAG_LENGTH] == order_tag(self._account_id)

    def over(self) -> frozenset[str]:
        """Client order ids of those whose end was reported."""
        return frozenset(t.client_id for t in self._orders.values() if t.is_over)

    def reopened(self, orders: Sequence[VenueOrder], over: frozenset[str]) -> list[TrackedOrder]:
        """Orders that were `over` as the venue was asked, and which it reports to be open."""
        found = (self.find(order) for order in orders)
        return [t for t in found if t is not None and t.is_over and t.client_id in over]

    def not_found(self) -> list[TrackedOrder]:
        """Orders that the venue did not know, and of which there may be fills after all: it reports
        some of that symbol and side under an id that we cannot place."""
        unplaced = {(fill.symbol, fill.side) for fill in self._parked.values()}
        return [
            tracked
            for tracked in self._orders.values()
            if tracked.state is TrackingState.NOT_FOUND
            and not tracked.venue_id
            and (tracked.spec.symbol, tracked.spec.side) in unplaced
        ]

    def unplaced(self, fills: Sequence[VenueFill]) -> list[VenueFill]:
        """Those of `fills` that are of no order of ours."""
        return [
            fill
            for fill in fills
            if self.find(fill) is None and not self.is_tagged(fill.client_order_id)
        ]

    def unknown_fills(self) -> list[VenueFill]:
        """Those that name an order which is not known."""
        return [*self._parked.values()]

    def orphans(self) -> list[VenueOrder]:
        """Open orders with our tag that the books do not know."""
        return [order for order in self.foreign.values() if self.is_tagged(order.client_order_id)]

    def mark_denied(self, tracked: TrackedOrder, reason: str) -> Reports:
        """We held it back: it did not leave."""
        tracked.step(TrackingTrigger.DENY)
        return [not_sent(tracked.spec, self._source, reason)]

    def mark_rejected(
        self, tracked: TrackedOrder, reason: str, cause: RefusalCause = RefusalCause.TURNED_AWAY
    ) -> Reports:
        """It was not accepted, for certain."""
        if not tracked.step(TrackingTrigger.REFUSE):
            return []
        return [msgspec.structs.replace(self._report(tracked, OrderRejected, reason), cause=cause)]

    def mark_not_cancelled(self, tracked: TrackedOrder, reason: str) -> Reports:
        """It stays: nobody asks the venue any more."""
        tracked.cancel_wanted = False
        return [self._report(tracked, CancelRejected, reason)]

    def mark_unknown(self, tracked: TrackedOrder, reason: str) -> Reports:
        """No answer that can be believed came: only asking the venue will tell. Where it has reported
        the order in another way (its stream, a comparison) in the meantime, nothing is lost."""
        if not tracked.step(TrackingTrigger.LOSE):
            return []
        return [self._report(tracked, OrderOutcomeLost, reason)]

    def mark_not_found(self, tracked: TrackedOrder, reason: str) -> Reports:
        """The venue has said for long enough that it knows no such order."""
        if not tracked.step(TrackingTrigger.MISS):
            return []
        return [self._report(tracked, OrderExpired, reason)]

    # --- the venue's reports --------------------------------------------------------------------------

    def apply(self, venue_reports: Sequence[VenueReport]) -> Reports:
        reports: Reports = []
        for one in venue_reports:
            reports += (
                self._apply_fill(one) if isinstance(one, VenueFill) else self._apply_order(one)
            )
        return reports

    def apply_open_orders(
        self, orders: Sequence[VenueOrder], known: Collection[OrderKey]
    ) -> Reports:
        """All that is open at the venue, of anybody: what is not ours is kept to be shown. Of the orders
        of others that were `known` as it was asked the rest is over; one that was seen since is not."""
        for key in known:
            self._drop_foreign(key)
        return self.apply(orders)

    def _drop_foreign(self, key: OrderKey) -> None:
        if self.foreign.pop(key, None) is not None:
            del self._foreign_in[key[0]][key]

    def _apply_order(self, order: VenueOrder) -> Reports:
        tracked = self.find(order)
        if tracked is None or not self._in_books(tracked.spec.order_id):
            if order.status in ENDINGS or order.status is OrderStatus.FILLED:
                self._drop_foreign(order.order_key)
            else:
                self.foreign[order.order_key] = order
                self._foreign_in.setdefault(order.symbol, {})[order.order_key] = None
            return []
        reports = self._see(tracked, order)
        for fill in order.fills:
            reports += self._book_fill(tracked, fill)
        tracked.counted = max(tracked.counted, order.filled)
        ending = _ending_of(order, tracked.spec)
        if ending is None:
            tracked.since_before = False
        else:
            tracked.step(TrackingTrigger.END)
            if tracked.state in (TrackingState.ENDING, TrackingState.RETURNED):
                tracked.ending, tracked.reason = ending
        return reports + self._complete(tracked)

    def _see(self, tracked: TrackedOrder, order: VenueOrder) -> Reports:
        """The first report under an id of the venue is the acceptance, unless it is a rejection; with any
        id that is new go the fills that came before it. A stop that is triggered may go on under another
        id."""
        first = not tracked.venue_id
        if order.status is OrderStatus.REJECTED and first:
            return []
        tracked.step(TrackingTrigger.SEE)
        if order.order_key in self._by_venue and not first:
            return []
        self._set_venue_id(tracked, order.venue_order_id)
        reports: Reports = [self._report(tracked, OrderAccepted)] if first else []
        for trade_id in self._parked_of.pop(order.order_key, ()):
            reports += self._book_fill(tracked, self._parked.pop((order.order_key, trade_id)))
        return reports

    def _park(self, fill: VenueFill) -> None:
        self._parked[fill.order_key, fill.trade_id] = fill
        self._parked_of.setdefault(fill.order_key, {})[fill.trade_id] = None
        if len(self._parked) > PARKED:
            order_key, trade_id = next(iter(self._parked))
            del self._parked[order_key, trade_id]
            of_order = self._parked_of[order_key]
            del of_order[trade_id]
            if not of_order:
                del self._parked_of[order_key]

    def _set_venue_id(self, tracked: TrackedOrder, venue_id: str) -> None:
        tracked.venue_id = venue_id
        self._by_venue[tracked.spec.symbol, venue_id] = tracked

    def _apply_fill(self, fill: VenueFill) -> Reports:
        tracked = self.find(fill)
        if tracked is None:
            self._park(fill)
            return []
        if not self._in_books(tracked.spec.order_id):
            return []
        return self._book_fill(tracked, fill) + self._complete(tracked)

    def _book_fill(self, tracked: TrackedOrder, fill: VenueFill) -> Reports:
        if fill.trade_id in tracked.trades:
            return []
        tracked.step(TrackingTrigger.FILL)
        tracked.trades.add(fill.trade_id)
        tracked.filled += fill.quantity
        tracked.counted = max(tracked.counted, tracked.filled)
        spec = tracked.spec
        fee, paid = self.fee_of(fill, spec.symbol)
        return [
            OrderFilled(
                source_component=self._source,
                order_id=spec.order_id,
                symbol=spec.symbol,
                venue_order_id=fill.venue_order_id,
                trade_id=fill.trade_id,
                side=fill.side,
                quantity=fill.quantity,
                price=fill.price,
                fee=fee,
                fee_currency=fill.fee_currency,
                liquidity=fill.liquidity,
                ts=fill.ts,
                fee_paid=paid,
            )
        ]

    def fee_of(self, fill: VenueFill, symbol: str) -> tuple[Decimal, Decimal]:
        """What the fee costs in the quote currency, and what was paid of another one."""
        instrument = self._instruments[symbol]
        if not fill.fee or fill.fee_currency in ("", instrument.quote):
            return fill.fee, ZERO
        if fill.fee_currency == instrument.base:
            return fill.fee * fill.price, fill.fee
        rate = self._quote_value(fill.fee_currency, instrument.quote)
        return (fill.fee * rate if rate is not None else ZERO), fill.fee

    def _complete(self, tracked: TrackedOrder) -> Reports:
        """Report its end once every counted fill is there; being filled is reported by the last fill."""
        if not tracked.awaits_its_end or tracked.lacks_fills():
            return []
        if tracked.filled >= tracked.spec.quantity:
            tracked.step(TrackingTrigger.COMPLETE)
        elif tracked.ending is not None:
            tracked.step(TrackingTrigger.COMPLETE)
            return [self._by_whom(self._report(tracked, tracked.ending, tracked.reason), tracked)]
        return []

    def _by_whom(self, report: ExecutionEvent, tracked: TrackedOrder) -> ExecutionEvent:
        """Where the venue says why, it was its own doing: who cancels by hand gives no reason."""
        if not isinstance(report, OrderCanceled) or tracked.cancel_wanted:
            return report
        by_exchange = bool(tracked.reason) or self.may_switch_cancel(tracked)
        return msgspec.structs.replace(report, by_exchange=by_exchange)

    def find(self, report: VenueFill | VenueOrder) -> TrackedOrder | None:
        """The order that it is about, if that is ours. The client order id counts where it is one of a
        tradectl's: a venue that was set up anew gives out its own ids again."""
        found = self._by_client.get(report.client_order_id)
        if found is not None or tag_of(report.client_order_id):
            return found
        return self._by_venue.get(report.order_key)

    def _report(
        self, tracked: TrackedOrder, kind: type[ExecutionEvent], reason: str = ""
    ) -> ExecutionEvent:
        return kind(
            source_component=self._source,
            order_id=tracked.spec.order_id,
            symbol=tracked.spec.symbol,
            venue_order_id=tracked.venue_id,
            reason=harmless(reason, 200),
        )


def _ending_of(order: VenueOrder, spec: OrderSpec) -> tuple[type[ExecutionEvent], str] | None:
    """How it ended, and why; None where it has not, or is filled. One that the venue made smaller, and
    then filled, is over for us, too: nothing more will come of it."""
    if order.status is OrderStatus.FILLED and order.filled < spec.quantity:
        return OrderCanceled, f"the exchange filled {plain(order.filled)} of it, and no more"
    kind = ENDINGS.get(order.status)
    return None if kind is None else (kind, order.reason)


__all__ = ["OrderTracker", "Reports"]
