"""How our orders and the market meet, in one book.

Our orders meet the market and never each other. One that can trade on arrival takes; else it rests, and
trades at its own price once the market comes through it, by no more than was traded there. In part an
order trades whole lots.

What came first inside one bar is not known, and is not assumed in our favour. Stops are triggered before
what rests trades, so that a loss comes before a profit. A stop-limit that an event triggers rests from
the next event on. A stop behind an entry inside a bar is judged by all of that bar.

An order that is over on arrival gives no acceptance, only what became of it. A stop always does: it
was waiting before it was triggered, if only for a moment.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from tradectl.domain.events import (
    BarEvent,
    ExecutionEvent,
    Liquidity,
    MarketDataEvent,
    OrderAccepted,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderTriggered,
    QuoteEvent,
)
from tradectl.domain.money import Side
from tradectl.domain.orders import TimeInForce
from tradectl.exchange.exchange_settings import PaperSettings
from tradectl.exchange.paper.fees_and_slippage import FeeModel, SlippageModel
from tradectl.exchange.paper.order_book import (
    Offer,
    PaperOrderBook,
    best_traded,
    opened_at,
    quoted,
    reaches,
)
from tradectl.exchange.paper.order_queue import WorkingOrder
from tradectl.exchange.paper.reports import SOURCE, Reports, report_on

BUY, FOK, GTC = Side.BUY, TimeInForce.FOK, TimeInForce.GTC
MAKER, TAKER = Liquidity.MAKER, Liquidity.TAKER


class FillModel:
    """The rules of trading under one set of settings; all state is in the book and the order."""

    def __init__(self, settings: PaperSettings, seed: int) -> None:
        self._slippage = SlippageModel(settings, seed)
        self._fees = FeeModel(settings)
        self._touch = settings.limit_fill == "touch"
        self._bounded = settings.market_fill == "bounded"
        self._same_bar = settings.same_bar_stop == "worst"

    def rest_stop(self, book: PaperOrderBook, order: WorkingOrder, at: int) -> Reports:
        """A stop comes in whose market is the next event."""
        book.add(order)
        reports: Reports = [report_on(order, OrderAccepted)]
        offer = book.same_bar_offer(order) if self._same_bar else None
        if offer is not None:
            reports += self._trigger(book, order, offer, at)
        return end_idle_reducers(book, reports)

    def arrive(self, book: PaperOrderBook, order: WorkingOrder, at: int) -> Reports:
        """A new order comes in."""
        if order.stop is None:
            reports = self._enter(book, order, book.best_offer(order.spec.side), at)
            if order.left:
                reports.insert(0, report_on(order, OrderAccepted))
        else:
            book.add(order)
            reports = [report_on(order, OrderAccepted)]
            offer = book.stop_offer(order)
            if offer is None and self._same_bar:
                offer = book.same_bar_offer(order)
            if offer is not None:
                reports += self._trigger(book, order, offer, at)
        return end_idle_reducers(book, reports)

    def match(self, book: PaperOrderBook, event: MarketDataEvent, at: int) -> Reports:
        """The market has moved, as the book knows: what was on its way arrives, stops are triggered, then
        what rests trades."""
        bar = event if isinstance(event, BarEvent) else None
        held = book.position
        reports: Reports = []
        if book.arriving:
            reports += self._arrivals(book, bar, at)
        newest = book.newest
        for stops in (book.rising, book.falling):
            while stops and (offer := book.stop_offer(stops[-1], bar)) is not None:
                reports += self._trigger(book, stops[-1], offer, at)
        for resting in (book.bids, book.asks):
            for order in reversed(resting):
                if not self._event_reaches(event, order):
                    break
                if order.place > newest:
                    continue  # a stop-limit that this event has triggered
                filled = self._fill_resting(book, order, event, at) if order.left else []
                reports += filled
                if order.left and not filled and self._is_used_up(book, order, event):
                    break
        if bar is not None:
            entered = abs(book.position) > abs(held) or book.position * held < 0
            book.entered_in = bar if entered else None
        return end_idle_reducers(book, reports) if reports else reports

    def _arrivals(self, book: PaperOrderBook, bar: BarEvent | None, at: int) -> Reports:
        """What was held for this event comes to the market: of a bar, to its open."""
        reports: Reports = []
        for order in book.take_arriving(bar):
            offer = (bar.open, bar) if bar is not None else book.best_offer(order.spec.side)
            of_order = self._enter(book, order, offer, at)
            if order.left:
                of_order.insert(0, report_on(order, OrderAccepted))
            reports += of_order
        return reports

    def _event_reaches(self, event: MarketDataEvent, order: WorkingOrder) -> bool:
        """The market comes to a resting order: a quote reaches it, or a trade goes through it."""
        side, limit = order.spec.side, order.limit
        quote = quoted(event, side)
        if quote is not None and reaches(side, quote, limit):
            return True
        if isinstance(event, QuoteEvent):
            return False
        best = best_traded(event, side)
        return reaches(side, best, limit) and (self._touch or best != limit)

    def _fill_resting(
        self, book: PaperOrderBook, order: WorkingOrder, event: MarketDataEvent, at: int
    ) -> Reports:
        """An order that `event` hits trades at its limit, or at the open of a bar beyond that."""
        side, price = order.spec.side, order.limit
        if order.is_market:
            offer = book.best_offer(side)
            return self._take(book, order, offer, at) if offer else []
        opened = opened_at(event)
        if opened is not None and reaches(side, opened, price):
            price = opened
        quantity = _whole_lots(book, order, book.left_of(event, side))
        if not quantity:
            return []
        book.take_from(event, side, quantity)
        return [self._fill(book, order, quantity, price, MAKER, at)]

    def _is_used_up(
        self, book: PaperOrderBook, order: WorkingOrder, event: MarketDataEvent
    ) -> bool:
        """Of what `order` could have had of there is not a lot left, for those behind it neither."""
        side = order.spec.side
        offer = book.best_offer(side) if order.is_market else None
        source = event if offer is None else offer[1]
        return book.left_of(source, side) < book.instrument.lot_size

    def _trigger(self, book: PaperOrderBook, order: WorkingOrder, offer: Offer, at: int) -> Reports:
        book.remove(order)
        order.stop = None
        return [report_on(order, OrderTriggered), *self._enter(book, order, offer, at)]

    def _enter(
        self, book: PaperOrderBook, order: WorkingOrder, offer: Offer | None, at: int
    ) -> Reports:
        """An order comes to the market: it takes what it may; the rest of it rests or expires."""
        spec = order.spec
        reports: Reports = []
        if offer is None and order.is_market:
            return [end(book, order, OrderRejected, f"no price of {spec.symbol} is known yet")]
        if offer is not None and reaches(spec.side, offer[0], order.limit):
            if spec.post_only:
                return [end(book, order, OrderRejected, "post-only, and it would take")]
            if spec.time_in_force is FOK and not self._can_fill(book, order, offer):
                return [end(book, order, OrderExpired, "fok: not all of it at once")]
            reports += self._take(book, order, offer, at)
        if order.left and spec.time_in_force is not GTC:
            reports.append(end(book, order, OrderExpired, f"{spec.time_in_force}: what is left"))
        elif order.left:
            book.add(order)
        return reports

    def _can_fill(self, book: PaperOrderBook, order: WorkingOrder, offer: Offer) -> bool:
        if not self._bounded:
            return True
        return book.left_of(offer[1], order.spec.side) >= book.allowed(order)

    def _take(self, book: PaperOrderBook, order: WorkingOrder, offer: Offer, at: int) -> Reports:
        price, source = offer
        side, quantity = order.spec.side, book.allowed(order)
        if self._bounded:
            quantity = _whole_lots(book, order, book.left_of(source, side))
            book.take_from(source, side, quantity)
        if not quantity:
            return []
        tick, usual = book.instrument.tick_at(price), book.usual_size(side)
        price = self._slippage.taker_price(price, side, tick, quantity, usual)
        price = min(price, order.limit) if side is BUY else max(price, order.limit)
        return [self._fill(book, order, quantity, price, TAKER, at)]

    def _fill(
        self,
        book: PaperOrderBook,
        order: WorkingOrder,
        quantity: Decimal,
        price: Decimal,
        liquidity: Liquidity,
        at: int,
    ) -> OrderFilled:
        spec = order.spec
        book.fill(order, quantity)
        return OrderFilled(
            source_component=SOURCE,
            order_id=spec.order_id,
            symbol=spec.symbol,
            venue_order_id=order.venue_order_id,
            trade_id=f"{spec.order_id}.{order.fills}",
            side=spec.side,
            quantity=quantity,
            price=price,
            fee=self._fees.fee(quantity * price, liquidity),
            fee_currency=book.instrument.quote,
            liquidity=liquidity,
            ts=at,
        )


def last_fill(trade_ids: Iterable[str]) -> int:
    """The highest number among them: one before it may have been lost on its way as a process died, and
    the next fill must not have the id of one that is booked."""
    return max((int(each.rpartition(".")[2]) for each in trade_ids), default=0)


def _whole_lots(book: PaperOrderBook, order: WorkingOrder, offered: Decimal) -> Decimal:
    """What `order` may take of a quantity: all that it still wants, or whole lots of it."""
    wanted = book.allowed(order)
    return wanted if wanted <= offered else book.instrument.floor_quantity(offered)


def end(
    book: PaperOrderBook, order: WorkingOrder, kind: type[ExecutionEvent], reason: str = ""
) -> ExecutionEvent:
    """The order is over, with whatever it has traded."""
    book.end(order)
    return report_on(order, kind, reason)


def end_idle_reducers(book: PaperOrderBook, reports: Reports) -> Reports:
    """`reports`, and the end of reduce-only orders that fills have left with nothing to reduce."""
    for order in book.idle_reducers():
        reports.append(end(book, order, OrderExpired, "reduce-only: nothing left to reduce"))
    return reports


__all__ = ["FillModel", "end", "end_idle_reducers", "last_fill"]
