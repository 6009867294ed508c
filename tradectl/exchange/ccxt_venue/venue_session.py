"""What exists only while a venue is open: ccxt's object, the markets, and the rooms built on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from tradectl.domain.errors import NotExecuted
from tradectl.domain.events import MarketDataEvent
from tradectl.exchange.ccxt_venue.account_queries import AccountQueries
from tradectl.exchange.ccxt_venue.calls import Caller
from tradectl.exchange.ccxt_venue.client import hook, make_rate_limiter, published_rate
from tradectl.exchange.ccxt_venue.credentials import Credentials, redacted
from tradectl.exchange.ccxt_venue.decimals import MILLISECOND, InvalidResponse, listed, positive
from tradectl.exchange.ccxt_venue.errors import Reading
from tradectl.exchange.ccxt_venue.market_data import MarketData
from tradectl.exchange.ccxt_venue.markets import Market, Markets
from tradectl.exchange.ccxt_venue.order_calls import OrderCalls
from tradectl.exchange.ccxt_venue.quirks import quirks_of
from tradectl.exchange.ccxt_venue.reports import Reports
from tradectl.exchange.ccxt_venue.streams import Streams
from tradectl.exchange.ccxt_venue.user_stream import UserStream
from tradectl.exchange.ccxt_venue.websocket_guard import WebsocketGuard
from tradectl.exchange.exchange_settings import ExchangeSettings


class VenueSession:
    """`learn` completes it."""

    def __init__(
        self,
        client: Any,
        settings: ExchangeSettings,
        symbols: Mapping[str, str],
        keys: Credentials | None,
        clock: Callable[[], int],
        data: MarketData,
    ) -> None:
        quirks = quirks_of(settings.id)
        reading = Reading(
            quirks.codes,
            quirks.refuses_by_4xx,
            lambda text: redacted(text, keys),
            lambda: clock() / 1e9,
        )
        self.rate = published_rate(client, settings.market, quirks)
        pace = make_rate_limiter(self.rate, settings.timeout_seconds)
        hook(client, pace)
        self.client = client
        self.data = data
        self.caller = Caller(pace, reading, quirks.not_found)
        self.tap = WebsocketGuard(
            client, quirks.lost_events, data.dropped, forget_orders=quirks.forget_orders
        )
        self.quirks = quirks
        self._settings = settings
        self._symbols = symbols
        self._keys = keys
        self._clock = clock

    async def learn(self) -> None:
        """Ask for the markets, and try the keys."""
        settings, client, quirks = self._settings, self.client, self.quirks

        def read(raw: Any) -> Markets:
            if not raw:
                raise InvalidResponse("an exchange without markets")
            return Markets(raw, client.precisionMode, settings.market, self._symbols)

        self.markets = await self.caller.ask("markets", client.load_markets, read)
        reports = Reports(self.markets, quirks)
        self.trading = OrderCalls(
            client, self.caller, self.markets, reports, quirks, settings.market
        )
        self.account = AccountQueries(
            client,
            self.caller,
            self.markets,
            reports,
            quirks,
            kind=settings.market,
            clock=self._clock,
        )
        self.streams = Streams(
            client,
            self.caller,
            self.tap,
            self.data,
            poll_seconds=settings.poll_seconds,
            recent=self.recent_trades,
            quote=self.quote,
        )
        self.user_stream = UserStream(
            client, self.caller, self.tap, reports, quirks, settings.market
        )
        if self._keys is not None:
            await self.account.holdings()

    async def recent_trades(self, market: Market, since: int = 0) -> list[MarketDataEvent]:
        since_ms = since // MILLISECOND or None
        params = dict(self.quirks.trades_params.get(self._settings.market, {}))
        limit = self.quirks.trades_limit

        def read(raws: Any) -> list[MarketDataEvent]:
            events = self.data.trades(listed(raws), market)
            return sorted((e for e in events if e.ts >= since), key=lambda event: event.ts)

        return await self.caller.ask(
            f"trades of {market.symbol}",
            lambda: self.client.fetch_trades(market.unified, since_ms, limit, params),
            read,
        )

    async def quote(self, market: Market) -> MarketDataEvent:
        client, unified = self.client, market.unified

        def of_ticker(told: Any) -> MarketDataEvent | None:
            return self.data.quote(told[unified], market)

        def of_book(told: Any) -> MarketDataEvent | None:
            return self.data.book(told, market)

        what = f"quote of {market.symbol}"
        event: MarketDataEvent | None
        if client.has.get("fetchBidsAsks") is True:
            event = await self.caller.ask(
                what, lambda: client.fetch_bids_asks([unified]), of_ticker
            )
        else:
            event = await self.caller.ask(what, lambda: client.fetch_order_book(unified), of_book)
        if event is None:
            raise NotExecuted(f"{what}: the answer is none")
        return event

    async def price_of(self, currency: str, quote: str) -> Decimal | None:
        names = (f"{currency}/{quote}", f"{currency}/{quote}:{quote}")
        unified = next((name for name in names if name in self.client.markets), None)
        if unified is None:
            return None
        return await self.caller.ask(
            f"price of {currency}",
            lambda: self.client.fetch_ticker(unified),
            lambda told: positive(told.get("last") or told.get("close")),
        )


__all__ = ["VenueSession"]
