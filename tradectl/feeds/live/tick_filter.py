"""What live data must be like to be traded on. Whatever is not is dropped, by the name of its fault.

An exchange may send what is no number, a crossed quote, a time that lies in the future or goes back, a
price out of the blue. Finiteness is judged first, because a NaN compares as false with any limit. An
exchange may also be right, and what came before wrong: a time that seems to go back is accepted when
several in a row do, as the price band does with prices.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from tradectl.domain.market_events import BookEvent, Level, MarketDataEvent, QuoteEvent
from tradectl.domain.time import SECOND, iso
from tradectl.feeds.price_band import CONFIRMATIONS, NOTHING, PriceBand
from tradectl.feeds.quality import (
    RowError,
    TickFault,
    check_not_negative,
    check_positive,
    check_uncrossed,
)

FURTHEST_AHEAD = 60 * SECOND
LATEST_EVER = 1 << 62


class TickFilter:
    """`now` gives the present, ns UTC; `known` are prices that were accepted before. Both checks raise
    RowError for what cannot be traded on."""

    def __init__(self, now: Callable[[], int], known: Mapping[str, Decimal] = NOTHING) -> None:
        self._now = now
        self._price_band = PriceBand(known)
        self._newest: dict[tuple[str, type], int] = {}
        self._back: dict[tuple[str, type], int] = {}

    def check_time(self, event: MarketDataEvent) -> None:
        """0 is no time, and no fault: not every exchange dates what it sends."""
        ts = event.ts
        if ts < 0:
            raise RowError(TickFault.NOT_A_TIME, f"{ts} is not after 1970")
        if ts > self._now() + FURTHEST_AHEAD:
            shown_time = iso(ts) if ts < LATEST_EVER else str(ts)[:40]
            raise RowError(TickFault.IN_THE_FUTURE, shown_time)

    def check(self, event: MarketDataEvent) -> None:
        """All but the time's being a possible one. Call it in the order in which events go on."""
        if isinstance(event, BookEvent):
            _check_book(event)
        if isinstance(event, QuoteEvent):
            _check_quote(event)
        else:
            check_positive((event.price, event.volume))
        if event.ts and not event.trade_id:
            self._check_order(event)
        self._price_band.check(event.symbol, event.price)

    def _check_order(self, event: MarketDataEvent) -> None:
        """Trades with an id are put in order by it, and may have been made at any time."""
        key = event.symbol, event.__class__
        newest = self._newest.get(key, 0)
        if event.ts < newest:
            self._back[key] = self._back.get(key, 0) + 1
            if self._back[key] < CONFIRMATIONS:
                raise RowError(TickFault.TIME_GOES_BACK, f"{iso(event.ts)} after {iso(newest)}")
        self._newest[key] = event.ts
        self._back[key] = 0


def _check_quote(event: QuoteEvent) -> None:
    if event.bid is None or event.ask is None:
        raise RowError(TickFault.NOT_A_NUMBER, "a quote without bid or ask")
    check_positive((event.price, event.bid, event.ask))
    check_not_negative((event.bid_size, event.ask_size, event.volume))
    check_uncrossed(event.bid, event.ask)


def _check_book(event: BookEvent) -> None:
    if not event.bids or not event.asks:
        raise RowError(TickFault.CROSSED, "a book with an empty side")
    for side in (event.bids, event.asks):
        for price, quantity in side:
            check_positive((price, quantity))
    if not _falls(event.bids) or not _falls(event.asks[::-1]):
        raise RowError(TickFault.CROSSED, "a book whose levels are out of order")
    check_uncrossed(event.bids[0][0], event.asks[0][0])


def _falls(levels: tuple[Level, ...]) -> bool:
    return all(levels[i][0] > levels[i + 1][0] for i in range(len(levels) - 1))


__all__ = ["FURTHEST_AHEAD", "TickFilter"]
