"""Market data: ccxt's trades, tickers and books into events, and asking for them once.

What cannot be an event is dropped and counted by reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

from tradectl.domain.errors import NotExecuted, VenueRefusal
from tradectl.domain.market_events import BarEvent, BookEvent, Level, MarketDataEvent, QuoteEvent
from tradectl.domain.money import ZERO, Side
from tradectl.domain.text import harmless
from tradectl.domain.time import DAY, HOUR, MILLISECOND, MINUTE
from tradectl.exchange.ccxt_venue.calls import Caller
from tradectl.exchange.ccxt_venue.decimals import (
    InvalidResponse,
    listed,
    nanoseconds,
    not_negative,
    positive,
)
from tradectl.exchange.ccxt_venue.markets import Market
from tradectl.exchange.ccxt_venue.quirks import Quirks

TIMEFRAMES = {DAY: "1d", HOUR: "1h", MINUTE: "1m"}
LEVELS = 20
"""of each side of a book: what is worth keeping of it"""
TWO = Decimal(2)


class CrossedBook(InvalidResponse):
    """A bid at or above the ask: the two are not of one moment."""


class MarketData:
    """Makes events. `dropped` counts, by reason, what was not one."""

    def __init__(self, source: str, clock: Callable[[], int]) -> None:
        self.dropped: Counter[str] = Counter()
        self._source = source
        self._clock = clock

    def trades(self, raws: Iterable[Any], market: Market) -> list[MarketDataEvent]:
        events = (self._convert(self._trade, raw, market) for raw in raws)
        return [event for event in events if event is not None]

    def candles(self, raws: Iterable[Any], market: Market, period: int) -> list[BarEvent]:
        """Those that have closed; one without trades may lack its prices, and is none."""
        made = (self._candle(raw, market, period) for raw in raws if raw[4] is not None)
        return [bar for bar in made if bar.ts <= self._clock()]

    def _candle(self, raw: Any, market: Market, period: int) -> BarEvent:
        return BarEvent(
            source_component=self._source,
            symbol=market.symbol,
            price=positive(raw[4]),
            volume=not_negative(raw[5]),
            open=positive(raw[1]),
            high=positive(raw[2]),
            low=positive(raw[3]),
            interval=period,
            ts=nanoseconds(raw[0], self._clock()) + period,
        )

    def quote(self, raw: Any, market: Market) -> QuoteEvent | None:
        event: QuoteEvent | None = self._convert(self._quote, raw, market)
        return event

    def book(self, raw: Any, market: Market) -> BookEvent | None:
        """Raises CrossedBook: a book that is crossed has lost a step, and so has all that follows."""
        try:
            return self._order_book(raw, market)
        except CrossedBook:
            self.dropped["crossed"] += 1
            raise
        except InvalidResponse:
            self.dropped["not a number"] += 1
            return None

    def _convert(self, make: Callable[[Any, Market], Any], raw: Any, market: Market) -> Any:
        try:
            return make(raw, market)
        except CrossedBook:
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
            raise CrossedBook(f"{bid} bid, {ask} asked")
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

    def _order_book(self, raw: Any, market: Market) -> BookEvent | None:
        bids, asks = _levels(raw["bids"], market), _levels(raw["asks"], market)
        if not bids or not asks:
            return None  # a book with an empty side quotes nothing
        (bid, bid_size), (ask, ask_size) = bids[0], asks[0]
        if bid >= ask:
            raise CrossedBook(f"{bid} bid, {ask} asked")
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


class MarketQueries:
    """Asks once, over REST."""

    def __init__(
        self, client: Any, caller: Caller, data: MarketData, quirks: Quirks, kind: str
    ) -> None:
        self._client = client
        self._caller = caller
        self._data = data
        self._quirks = quirks
        self._kind = kind

    async def recent_trades(self, market: Market, since: int = 0) -> list[MarketDataEvent]:
        since_ms = since // MILLISECOND or None
        params = dict(self._quirks.trades_params.get(self._kind, {}))
        if last := self._quirks.trades_params_of(self._client.market(market.unified)):
            since_ms, params = None, {**params, **last}
        limit = self._quirks.trades_limit

        def read(raws: Any) -> list[MarketDataEvent]:
            events = self._data.trades(listed(raws), market)
            return sorted((e for e in events if e.ts >= since), key=lambda event: event.ts)

        return await self._caller.ask(
            f"trades of {market.symbol}",
            lambda: self._client.fetch_trades(market.unified, since_ms, limit, params),
            read,
        )

    async def candles(self, market: Market, period: int, since: int) -> list[BarEvent]:
        if self._client.has.get("fetchOHLCV") is not True:
            raise VenueRefusal(f"{market.symbol}: it tells of no candles")

        def read(raws: Any) -> list[BarEvent]:
            bars = self._data.candles(listed(raws), market, period)
            opened_since = (bar for bar in bars if bar.ts - period >= since)
            return sorted(opened_since, key=lambda bar: bar.ts)

        return await self._caller.ask(
            f"candles of {market.symbol}",
            lambda: self._client.fetch_ohlcv(
                market.unified, TIMEFRAMES[period], since // MILLISECOND
            ),
            read,
        )

    async def quote(self, market: Market) -> MarketDataEvent:
        client, unified = self._client, market.unified

        def of_ticker(raw: Any) -> MarketDataEvent | None:
            return self._data.quote(raw[unified], market)

        def of_book(raw: Any) -> MarketDataEvent | None:
            return self._data.book(raw, market)

        what = f"quote of {market.symbol}"
        event: MarketDataEvent | None
        if client.has.get("fetchBidsAsks") is True:
            event = await self._caller.ask(
                what, lambda: client.fetch_bids_asks([unified]), of_ticker
            )
        else:
            event = await self._caller.ask(what, lambda: client.fetch_order_book(unified), of_book)
        if event is None:
            raise NotExecuted(f"{what}: the answer is none")
        return event

    async def price_of(self, currency: str, quote: str) -> Decimal | None:
        names = (f"{currency}/{quote}", f"{currency}/{quote}:{quote}")
        unified = next((name for name in names if name in self._client.markets), None)
        if unified is None:
            return None
        return await self._caller.ask(
            f"price of {currency}",
            lambda: self._client.fetch_ticker(unified),
            lambda raw: positive(raw.get("last") or raw.get("close")),
        )


def _levels(side: Sequence[Any], market: Market) -> tuple[Level, ...]:
    return tuple((positive(level[0]), positive(level[1]) * market.size) for level in side[:LEVELS])


__all__ = ["LEVELS", "CrossedBook", "MarketData", "MarketQueries"]
