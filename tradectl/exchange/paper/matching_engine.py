"""The paper exchange's matching: commands and market data in, reports out; no clock, no I/O.

It knows every order id that it has seen, and passes each command and event to the
book of its symbol, where `FillModel` lets them meet. A second order of an id gives nothing at all,
for any report would be about the first one: no id trades twice.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal

from msgspec.structs import replace

from tradectl.domain.commands import CancelOrder, SubmitOrder
from tradectl.domain.events import (
    BarEvent,
    BarOpened,
    MarketDataEvent,
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    QuoteEvent,
)
from tradectl.domain.instruments import Instrument, Instruments
from tradectl.domain.money import ZERO
from tradectl.domain.orders import Order, OrderSpec, OrderStatus
from tradectl.domain.time import MILLISECOND
from tradectl.exchange.exchange_settings import PaperSettings
from tradectl.exchange.paper.fill_model import FillModel, end, end_idle_reducers, last_fill
from tradectl.exchange.paper.order_book import PaperOrderBook
from tradectl.exchange.paper.order_queue import WorkingOrder
from tradectl.exchange.paper.reports import (
    Reports,
    cancel_rejection,
    rejection,
    report_on,
    unacceptable,
)

IDS_KEPT = 10_000
NOT_ANSWERED = (OrderStatus.APPROVED, OrderStatus.SUBMITTED, OrderStatus.UNKNOWN)


class MatchingEngine:
    """All books of a paper exchange: the same settings, seed and calls give the same reports.

    With `next_event` an order meets the market with the next event of its symbol, and not as the market
    stands when it comes; but within a candle it stands at the open. `duplicates` counts the submissions
    that were ignored because their order id had been seen.
    """

    def __init__(
        self,
        settings: PaperSettings,
        instruments: Instruments,
        seed: int,
        *,
        next_event: bool = False,
    ) -> None:
        self.duplicates = 0
        self._next_event = next_event
        self._bounded = settings.market_fill == "bounded"
        self._instruments = instruments
        self._fill_model = FillModel(settings, seed)
        self._quote_max_age = settings.quote_max_age_ms * MILLISECOND
        self._books: dict[str, PaperOrderBook] = {}
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._admitted = 0

    def on_market(self, event: MarketDataEvent, at: int) -> Reports | None:
        """A trade, quote or bar. None, the common case, where no order of ours works there."""
        book = self._books.get(event.symbol) or self._order_book(event.symbol)
        if event.bid is not None or event.ask is not None:
            book.quote, book.quote_at = event, at
        if event.__class__ is MarketDataEvent or not isinstance(event, QuoteEvent):
            book.trade, book.trade_at = event, at
        return self._fill_model.match(book, event, at) if book.working else None

    def match_part(self, event: MarketDataEvent, at: int) -> Reports:
        """A part of an event that is still to come whole: our orders meet as much of the market."""
        book = self._order_book(event.symbol)
        return self._fill_model.match(book, event, at) if book.working else []

    def end_of_data(self) -> None:
        """There is no next event: from now on an order meets the last one, and where orders trade at a
        candle's open, the last open that there was."""
        if not self._next_event:
            return
        self._next_event = False
        for symbol, book in self._books.items():
            bar = book.trade
            if isinstance(bar, BarEvent):
                book.trade = BarOpened(
                    symbol=symbol, price=bar.open, volume=bar.volume, ts=bar.ts - bar.interval
                )

    def submit(self, command: SubmitOrder, at: int) -> Reports:
        spec = command.order.spec
        if spec.order_id in self._seen:
            self.duplicates += 1
            return []
        self._remember(spec.order_id)
        if spec.symbol not in self._books and spec.symbol not in self._instruments:
            return [rejection(spec, f"unknown symbol {spec.symbol}")]
        book = self._order_book(spec.symbol)
        reason = unacceptable(spec, book)
        if reason:
            return [rejection(spec, reason)]
        order = self._admit(spec)
        if not self._next_event or book.stands_at_open(command.order.created_at):
            return self._fill_model.arrive(book, order, at)
        if order.stop is None:
            book.hold(order)
            return []
        return self._fill_model.rest_stop(book, order, at)

    def _remember(self, order_id: str) -> None:
        """The newest ids are kept: one that is sent twice is sent soon."""
        self._seen[order_id] = None
        if len(self._seen) > IDS_KEPT:
            self._seen.popitem(last=False)

    def cancel(self, command: CancelOrder) -> Reports:
        book = self._books.get(command.symbol)
        order = book.working.get(command.order_id) if book else None
        if book is None or order is None:
            return [cancel_rejection(command)]
        return [end(book, order, OrderCanceled)]

    def cancel_where(
        self, meant: Callable[[OrderSpec, Instrument], bool], reason: str, symbol: str = ""
    ) -> Reports:
        """The exchange ends every order that is `meant`, by itself; those of one symbol, or of all."""
        return [
            replace(end(book, order, OrderCanceled, reason), by_exchange=True)
            for book in self._books_of(symbol)
            for order in tuple(book.working.values())
            if meant(order.spec, book.instrument)
        ]

    def buys_of_coins(self, symbol: str) -> Decimal:
        """What the orders working there may still spend on coins, in money."""
        book = self._books.get(symbol)
        return ZERO if book is None or book.instrument.can_short else book.buys_cost()

    def working(self) -> list[WorkingOrder]:
        """Every order that rests here, by symbol, then age."""
        return [order for book in self._books.values() for order in book.working.values()]

    def positions(self) -> dict[str, Decimal]:
        """Signed quantities by symbol, of every symbol that was ever seen."""
        return {symbol: book.position for symbol, book in self._books.items()}

    # --- starting again ---------------------------------------------------------------------------

    def restore(self, orders: Iterable[Order]) -> Reports:
        """Work again, in the order given, what the books hold to be working; report what is not."""
        reports: Reports = []
        for order in orders:
            if order.spec.order_id not in self._seen:
                self._remember(order.spec.order_id)
                reports += self._readmit(order)
        return reports

    def restore_positions(self, positions: Mapping[str, Decimal]) -> Reports:
        """Signed quantities by symbol: nothing else is held. Ends the reduce-only orders that have
        nothing to reduce."""
        self._put(positions)
        return [r for book in self._books.values() for r in end_idle_reducers(book, [])]

    def close_positions(self, symbols: Sequence[str]) -> Reports:
        """All that is held of them is gone, and what works there to reduce it."""
        self._put(dict.fromkeys(symbols, ZERO))
        books = self._books_of(symbols[0] if len(symbols) == 1 else "")
        return [r for book in books for r in end_idle_reducers(book, [])]

    def _put(self, positions: Mapping[str, Decimal]) -> None:
        for symbol, quantity in positions.items():
            self._order_book(symbol).position = quantity

    def _readmit(self, known: Order) -> Reports:
        """What becomes of a working order at a restart. A fill proves that it had come here."""
        spec, unanswered = known.spec, known.status in NOT_ANSWERED
        if not known.is_working:
            return []
        if unanswered and not known.filled:
            return [rejection(spec, "never reached the paper exchange", OrderExpired)]
        book, order = self._order_book(spec.symbol), self._admit_again(spec, known.venue_order_id)
        if known.filled:
            order.left, order.fills, order.stop = known.remaining, last_fill(known.trades), None
        if known.status is OrderStatus.PENDING_CANCEL:
            return [end(book, order, OrderCanceled)]
        book.add(order)
        return [report_on(order, OrderAccepted)] if unanswered else []

    # --- books and numbers ------------------------------------------------------------------------

    def _admit(self, spec: OrderSpec) -> WorkingOrder:
        """A working order with the next number."""
        self._admitted += 1
        return WorkingOrder.of(spec, f"P{self._admitted}")

    def _admit_again(self, spec: OrderSpec, number: str) -> WorkingOrder:
        """With the `number` that it had here before, if it had one."""
        had = number.removeprefix("P")
        if not had.isdecimal():
            return self._admit(spec)
        self._admitted = max(self._admitted, int(had))
        return WorkingOrder.of(spec, number)

    def _books_of(self, symbol: str) -> Iterable[PaperOrderBook]:
        """That of one symbol, or all."""
        if not symbol:
            return self._books.values()
        book = self._books.get(symbol)
        return () if book is None else (book,)

    def _order_book(self, symbol: str) -> PaperOrderBook:
        book = self._books.get(symbol)
        if book is None:
            book = self._books[symbol] = PaperOrderBook(
                self._instruments[symbol], self._quote_max_age, bounded=self._bounded
            )
        return book


__all__ = ["MatchingEngine"]
