"""What the paper exchange knows of one symbol.

The market as last seen, our net position, and our working orders in four queues: bids and asks, and
the stops that wait for a rise or a fall. A market order is a limit order at any price, so one comparison
serves both. Market events are only kept; what they mean is worked out when an order asks, because most
of them meet none.

An event offers a quantity, and the book remembers how much of it we had: no trade is filled twice,
what a quote offers is had once while its price stands, and a candle's open offers of what the candle
traded. A quote that names no size (zero) does not bound us; nor does a trade or candle, unless the book
is `bounded`.
"""

from __future__ import annotations

from decimal import Decimal

from tradectl.domain.events import BarEvent, BarOpened, MarketDataEvent, QuoteEvent
from tradectl.domain.instruments import Instrument
from tradectl.domain.money import ZERO, Side, plus_exactly, shortest
from tradectl.domain.positions import closable
from tradectl.exchange.paper.order_queue import UNBOUNDED, OrderQueue, WorkingOrder

NEVER = 0
BUY, SELL = Side.BUY, Side.SELL

Offer = tuple[Decimal, MarketDataEvent]
"""A price at which one can take, and the event that offers it."""


def reaches(side: Side, price: Decimal, limit: Decimal) -> bool:
    """`price` is as good as `limit`, or better, for who trades on `side`."""
    return price <= limit if side is BUY else price >= limit


def triggers(side: Side, price: Decimal, stop: Decimal) -> bool:
    """`price` sets off a stop that would then trade on `side`: who buys waits for a rise."""
    return price >= stop if side is BUY else price <= stop


def quoted(event: MarketDataEvent, side: Side) -> Decimal | None:
    """The quote that one takes on `side`."""
    return event.ask if side is BUY else event.bid


def opened_at(event: MarketDataEvent) -> Decimal | None:
    """The open of a candle: what was there before it is not told by a price in it."""
    if type(event) is BarOpened:
        return event.price
    return event.open if type(event) is BarEvent else None


def best_traded(event: MarketDataEvent, side: Side) -> Decimal:
    """The best price in `event` for who trades on `side`: a bar's low for a buyer."""
    if type(event) is BarEvent:
        return event.low if side is BUY else event.high
    return event.price


def size_of(event: MarketDataEvent, side: Side) -> Decimal:
    """How much `event` offers to who trades on `side`; zero where it does not say."""
    if isinstance(event, QuoteEvent):
        return event.ask_size if side is BUY else event.bid_size
    return event.volume


class PaperOrderBook:
    """One symbol's market and our orders in it. Times in ns; `quote_max_age` too. `entered_in` is the
    candle inside which the position was last entered, `newest` the place of the order that came last."""

    __slots__ = (
        "_bounded", "_buys_at_market", "_buys_cost", "_quote_max_age", "_reducers", "_taken", "arriving",
        "asks", "bids", "entered_in", "falling", "instrument", "newest", "position", "quote", "quote_at",
        "rising", "trade", "trade_at", "working",
    )  # fmt: skip

    def __init__(
        self, instrument: Instrument, quote_max_age: int, *, bounded: bool = False
    ) -> None:
        self.instrument = instrument
        self._bounded = bounded
        self.trade: MarketDataEvent | None = None
        self.trade_at = NEVER
        self.quote: MarketDataEvent | None = None
        self.quote_at = NEVER
        self.position = ZERO
        self.entered_in: BarEvent | None = None
        self.newest = 0
        self.working: dict[str, WorkingOrder] = {}
        self.arriving: dict[str, WorkingOrder] = {}
        self.bids, self.asks = OrderQueue(), OrderQueue()
        self.rising, self.falling = OrderQueue(), OrderQueue()
        self._reducers: dict[Side, dict[str, WorkingOrder]] = {BUY: {}, SELL: {}}
        self._buys_at_market = self._buys_cost = ZERO
        """coins that buys without a price of their own may bring, and what those with one may cost"""
        self._quote_max_age = quote_max_age
        self._taken: dict[Side | None, tuple[MarketDataEvent | Decimal | int | None, Decimal]] = {}

    # --- our orders -------------------------------------------------------------------------------

    def add(self, order: WorkingOrder) -> None:
        self._enter(order)
        self._queue(order).put(order)

    def hold(self, order: WorkingOrder) -> None:
        """Keep `order` until the next event."""
        order.arriving = True
        order.inside_candle = isinstance(self.trade, BarOpened)
        self._enter(order)
        self.arriving[order.spec.order_id] = order

    def _enter(self, order: WorkingOrder) -> None:
        spec = order.spec
        self.newest = order.place = self.newest + 1
        self.working[spec.order_id] = order
        if spec.side is BUY:
            self._count_buy(order, order.left)
        if spec.reduce_only:
            self._reducers[spec.side][spec.order_id] = order

    def take_arriving(self, bar: BarEvent | None) -> list[WorkingOrder]:
        """What was held meets the market now. Not a `bar` that had opened before it came."""
        arriving = [o for o in self.arriving.values() if bar is None or not o.inside_candle]
        for order in arriving:
            self.remove(order)
            order.arriving = False
        return arriving

    def remove(self, order: WorkingOrder) -> None:
        """Take `order` out, if it is in."""
        spec = order.spec
        if self.working.pop(spec.order_id, None) is None:
            return
        if spec.side is BUY:
            self._count_buy(order, -order.left)
        if spec.reduce_only:
            del self._reducers[spec.side][spec.order_id]
        if order.arriving:
            del self.arriving[spec.order_id]
        else:
            self._queue(order).take_out(order)

    def fill(self, order: WorkingOrder, quantity: Decimal) -> None:
        """So much of `order` has traded; it goes where nothing is left of it."""
        if order.spec.side is BUY and order.spec.order_id in self.working:
            self._count_buy(order, -quantity)
        order.left -= quantity
        order.fills += 1
        self.position += order.spec.side.signed(quantity)
        if not order.left:
            self.remove(order)

    def end(self, order: WorkingOrder) -> None:
        """It trades no more."""
        self.remove(order)
        order.left = ZERO

    def _count_buy(self, order: WorkingOrder, quantity: Decimal) -> None:
        """So much more is bought by it, or below zero less."""
        if order.is_market:
            self._buys_at_market = plus_exactly(self._buys_at_market, quantity)
        else:
            self._buys_cost = plus_exactly(self._buys_cost, quantity * order.limit)

    def buys_cost(self) -> Decimal:
        """What the working buys may still spend, in money: at their limits, else at the last price."""
        last = self.trade or self.quote
        mark = last.price if last is not None else ZERO
        return shortest(self._buys_cost) + shortest(self._buys_at_market) * mark

    def _queue(self, order: WorkingOrder) -> OrderQueue:
        buys = order.spec.side is BUY
        if order.stop is not None:
            return self.rising if buys else self.falling
        return self.bids if buys else self.asks

    def idle_reducers(self) -> list[WorkingOrder]:
        """The reduce-only orders that have nothing to reduce, the oldest first."""
        if not any(self._reducers.values()):
            return []
        idle = [
            order
            for side, orders in self._reducers.items()
            if orders and not self.reducible(side)
            for order in orders.values()
        ]
        return sorted(idle, key=lambda order: order.place)

    def allowed(self, order: WorkingOrder) -> Decimal:
        """What `order` may still trade: a reduce-only one no more than the position it reduces."""
        if not order.spec.reduce_only:
            return order.left
        return min(order.left, self.reducible(order.spec.side))

    def reducible(self, side: Side) -> Decimal:
        """How much trading on `side` would bring the position to zero."""
        return closable(self.position, side)

    # --- the market -------------------------------------------------------------------------------

    def best_offer(self, side: Side) -> Offer | None:
        """Where one can take on `side`: the quote unless it is too old, else the last trade."""
        quote, trade = self.quote, self.trade
        if quote is not None and self.trade_at - self.quote_at <= self._quote_max_age:
            price = quoted(quote, side)
            if price is not None:
                return price, quote
        return None if trade is None else (trade.price, trade)

    def stands_at_open(self, decided_at: int) -> bool:
        """A candle has opened, and what was decided by then (ns) meets its open. What is decided inside
        it does not: that price is past, and where the candle went is not known before its close."""
        return isinstance(self.trade, BarOpened) and decided_at <= self.trade_at

    def usual_size(self, side: Side) -> Decimal:
        """The last traded quantity, else the quoted one; zero where neither is known."""
        event = self.trade or self.quote
        return ZERO if event is None else size_of(event, side)

    def stop_offer(self, order: WorkingOrder, bar: BarEvent | None = None) -> Offer | None:
        """Where a waiting stop takes if it is triggered, else None.

        The last trade triggers it, or where only quotes come the quote that it would take. A `bar`
        that has just come does so by its range: at the stop price, or at an open beyond that.
        """
        side, stop = order.spec.side, order.stop
        price = self._stop_watches(side) if bar is None else best_traded(bar, side.opposite)
        if stop is None or price is None or not triggers(side, price, stop):
            return None
        if bar is None:
            return self.best_offer(side)
        return (bar.open if triggers(side, bar.open, stop) else stop), bar

    def _stop_watches(self, side: Side) -> Decimal | None:
        if self.trade is not None:
            return self.trade.price
        return None if self.quote is None else quoted(self.quote, side)

    def same_bar_offer(self, order: WorkingOrder) -> Offer | None:
        """The worst case of a stop behind an entry inside a candle: that the candle's high or low came
        after the entry, and the stop was there by then. None where the candle is not the last one, or
        does not reach it; where the next one has opened, it is that one's quantity that is had of."""
        bar, latest, stop, side = self.entered_in, self.trade, order.stop, order.spec.side
        if bar is None or latest is None or stop is None or not self.reducible(side):
            return None
        if not triggers(side, best_traded(bar, side.opposite), stop):
            return None
        follows = isinstance(latest, BarOpened) and latest.ts - bar.ts < bar.interval
        return (stop, latest) if latest is bar or follows else None

    # --- how much of an event is left -------------------------------------------------------------

    def left_of(self, event: MarketDataEvent, side: Side) -> Decimal:
        size = size_of(event, side)
        if not size and (not self._bounded or isinstance(event, QuoteEvent)):
            return UNBOUNDED
        return max(ZERO, size - self._taken_of(event, side))

    def take_from(self, event: MarketDataEvent, side: Side, quantity: Decimal) -> None:
        taken = self._taken_of(event, side) + quantity
        self._taken[_pool(event, side)] = (_source(event, side), taken)

    def _taken_of(self, event: MarketDataEvent, side: Side) -> Decimal:
        source, taken = self._taken.get(_pool(event, side), (None, ZERO))
        now = _source(event, side)
        # two trades may be equal and are still two
        same = source is now or (not isinstance(now, MarketDataEvent) and source == now)
        return taken if same else ZERO


def _pool(event: MarketDataEvent, side: Side) -> Side | None:
    """A quote offers two quantities, one to each side; a trade or bar one, to both."""
    return side if isinstance(event, QuoteEvent) else None


def _source(event: MarketDataEvent, side: Side) -> MarketDataEvent | Decimal | int | None:
    """What the quantity is of: a candle, by the moment it opened; a quote as long as its price stands; or
    the event itself."""
    if isinstance(event, QuoteEvent):
        return quoted(event, side)
    if isinstance(event, BarOpened):
        return event.ts
    if isinstance(event, BarEvent) and event.ts:
        return event.ts - event.interval
    return event


__all__ = [
    "Offer",
    "PaperOrderBook",
    "best_traded",
    "opened_at",
    "quoted",
    "reaches",
]
