"""ccxt's trades, tickers and books into events; what cannot be one is dropped and counted by reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

from tradectl.domain.events import BookEvent, Level, MarketDataEvent, QuoteEvent
from tradectl.domain.money import ZERO, Side
from tradectl.domain.text import harmless
from tradectl.exchange.ccxt_venue.decimals import (
    InvalidResponse,
    nanoseconds,
    not_negative,
    positive,
)
from tradectl.exchange.ccxt_venue.markets import Market

LEVELS = 20
"""of each side of a book: what is worth keeping of it"""
TWO = Decimal(2)


class Crossed(InvalidResponse):
    """A bid at or above the ask: the two are not of one moment."""


class MarketData:
    """Makes events. `dropped` counts, by reason, what was not one."""

    def __init__(self, source: str, clock: Callable[[], int]) -> None:
        self.dropped: Counter[str] = Counter()
        self._source = source
        self._clock = clock

    def trades(self, raws: Iterable[Any], market: Market) -> list[MarketDataEvent]:
        events = (self._sieved(self._trade, raw, market) for raw in raws)
        return [event for event in events if event is not None]

    def quote(self, raw: Any, market: Market) -> QuoteEvent | None:
        event: QuoteEvent | None = self._sieved(self._quote, raw, market)
        return event

    def book(self, raw: Any, market: Market) -> BookEvent | None:
        """Raises Crossed: a book that is crossed has lost a step, and so has all that follows."""
        try:
            return self._book(raw, market)
        except Crossed:
            self.dropped["crossed"] += 1
            raise
        except InvalidResponse:
            self.dropped["not a number"] += 1
            return None

    def _sieved(self, make: Callable[[Any, Market], Any], raw: Any, market: Market) -> Any:
        try:
            return make(raw, market)
        except Crossed:
            self.dropped["crossed"] += 1
        except InvalidResponse:
            self.dropped["not a number"] += 1
        except (AttributeError, KeyError, TypeError):
            self.dropped["not readable"] += 1
        return None

    def _trade(self, raw: Any, market: Market) -> MarketDataEvent:
        side = raw.get("side")
        return MarketDataEvent(
            source_component=self._source,
            symbol=market.symbol,
            price=positive(raw.get("price")),
            volume=positive(raw.get("amount")) * market.size,
            side=Side(side) if side in ("buy", "sell") else None,
            ts=nanoseconds(raw.get("timestamp"), self._clock()),
            trade_id=harmless(raw.get("id") or "", 64),
        )

    def _quote(self, raw: Any, market: Market) -> QuoteEvent:
        bid, ask = positive(raw.get("bid")), positive(raw.get("ask"))
        if bid >= ask:
            raise Crossed(f"{bid} bid, {ask} asked")
        return QuoteEvent(
            source_component=self._source,
            symbol=market.symbol,
            price=(bid + ask) / TWO,
            volume=ZERO,
            bid=bid,
            ask=ask,
            bid_size=not_negative(raw.get("bidVolume")) * market.size,
            ask_size=not_negative(raw.get("askVolume")) * market.size,
            ts=nanoseconds(raw.get("timestamp"), self._clock()),
        )

    def _book(self, raw: Any, market: Market) -> BookEvent | None:
        bids, asks = _levels(raw["bids"], market), _levels(raw["asks"], market)
        if not bids or not asks:
            return None  # a book with an empty side quotes nothing
        (bid, bid_size), (ask, ask_size) = bids[0], asks[0]
        if bid >= ask:
            raise Crossed(f"{bid} bid, {ask} asked")
        return BookEvent(
            source_component=self._source,
            symbol=market.symbol,
            price=(bid + ask) / TWO,
            volume=ZERO,
            bid=bid,
            ask=ask,
            bid_size=bid_size,
            ask_size=ask_size,
            bids=bids,
            asks=asks,
            ts=nanoseconds(raw.get("timestamp"), self._clock()),
        )


def _levels(side: Sequence[Any], market: Market) -> tuple[Level, ...]:
    return tuple((positive(level[0]), positive(level[1]) * market.size) for level in side[:LEVELS])


__all__ = ["LEVELS", "Crossed", "MarketData"]
