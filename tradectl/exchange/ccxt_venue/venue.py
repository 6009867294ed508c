"""`Venue` through ccxt: what is asked of an exchange, handed to the room that knows how.

Until `open` there is nothing but settings: ccxt is loaded then, the markets are learnt, and keys are
tried once. Without keys the venue gives market data only.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from tradectl.domain.errors import NotNow, Refused
from tradectl.domain.events import MarketDataEvent
from tradectl.domain.instruments import Instrument
from tradectl.domain.orders import OrderSpec
from tradectl.exchange.ccxt_venue.account import Account
from tradectl.exchange.ccxt_venue.calls import Caller
from tradectl.exchange.ccxt_venue.client import hook, load_ccxt, make_client, make_pace
from tradectl.exchange.ccxt_venue.closing import close_client
from tradectl.exchange.ccxt_venue.errors import Reading
from tradectl.exchange.ccxt_venue.keys import Keys, redacted
from tradectl.exchange.ccxt_venue.listening import Listening
from tradectl.exchange.ccxt_venue.market_data import MarketData
from tradectl.exchange.ccxt_venue.markets import Market, Markets
from tradectl.exchange.ccxt_venue.numbers import MILLISECOND, Nonsense, listed, positive
from tradectl.exchange.ccxt_venue.quirks import quirks_of
from tradectl.exchange.ccxt_venue.reports import Reports
from tradectl.exchange.ccxt_venue.streams import Streams, pushed_channels
from tradectl.exchange.ccxt_venue.tap import Tap
from tradectl.exchange.ccxt_venue.trading import Trading, feature
from tradectl.exchange.settings import ExchangeSettings
from tradectl.exchange.venue import (
    Abilities,
    Channel,
    Deliver,
    Holdings,
    MarketInfo,
    Permissions,
    Told,
    VenueFill,
    VenueOrder,
)


class _Opened:
    """Everything that exists only while the venue is open."""

    def __init__(
        self,
        client: Any,
        settings: ExchangeSettings,
        symbols: Mapping[str, str],
        keys: Keys | None,
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
        pace = make_pace(client, settings, quirks)
        hook(client, pace)
        self.client = client
        self.data = data
        self.caller = Caller(pace, reading, quirks.not_found)
        self.tap = Tap(client, quirks.lost_events, data.dropped, forget_orders=quirks.forget_orders)
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
                raise Nonsense("an exchange without markets")
            return Markets(raw, client.precisionMode, settings.market, self._symbols)

        self.markets = await self.caller.ask("markets", client.load_markets, read)
        reports = Reports(self.markets, quirks)
        self.trading = Trading(client, self.caller, self.markets, reports, quirks, settings.market)
        self.account = Account(
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
        self.listening = Listening(client, self.caller, self.tap, reports, quirks, settings.market)
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
            raise NotNow(f"{what}: the answer is none")
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


class CcxtVenue:
    """`symbols` maps the run's symbols, which go in and come out, to what the exchange or ccxt may call
    them. `clock` is the wall clock in ns."""

    def __init__(
        self,
        settings: ExchangeSettings,
        symbols: Mapping[str, str],
        keys: Keys | None = None,
        *,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self.name = settings.prefix
        self._settings = settings
        self._symbols = dict(symbols)
        self._keys = keys
        self._clock = clock
        self._opened: _Opened | None = None
        self._data = MarketData(self.name, clock)

    async def open(self) -> None:
        """Raises UsageError for an exchange or a symbol that does not exist, AccessLost for keys that
        are refused."""
        await load_ccxt()
        client = make_client(self._settings, self._keys, quirks_of(self._settings.id))
        opened = _Opened(client, self._settings, self._symbols, self._keys, self._clock, self._data)
        try:
            await opened.learn()
        except BaseException:
            await close_client(client)
            raise
        self._opened = opened

    async def close(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened.tap.settle()
            await close_client(opened.client)

    @property
    def _at(self) -> _Opened:
        if self._opened is None:
            raise NotNow(f"{self.name} is not open")
        return self._opened

    @property
    def abilities(self) -> Abilities:
        at, kind = self._at, self._settings.market
        orders = at.client.has.get("watchOrders") is True
        fills = at.client.has.get("watchMyTrades") is True
        return Abilities(
            channels=pushed_channels(at.client),
            user_stream=self._keys is not None and (orders or fills),
            dead_man=kind in at.quirks.dead_man,
            stop_orders=bool(feature(at.client, kind, "createOrder", "triggerPrice")),
            reduce_only=kind == "perpetual",
        )

    @property
    def dropped(self) -> Counter[str]:
        """Market data that was none, counted by reason."""
        return self._data.dropped

    # --- rules ------------------------------------------------------------------------------------

    def instrument(self, symbol: str) -> Instrument:
        return self._at.markets[symbol].instrument

    def markets(self) -> list[MarketInfo]:
        return self._at.markets.all()

    # --- orders -----------------------------------------------------------------------------------

    async def submit(
        self, spec: OrderSpec, client_order_id: str, may_go: Callable[[], None] = lambda: None
    ) -> VenueOrder:
        return await self._at.trading.submit(spec, client_order_id, may_go)

    async def cancel(
        self, symbol: str, client_order_id: str, venue_order_id: str
    ) -> VenueOrder | None:
        return await self._at.trading.cancel(symbol, client_order_id, venue_order_id)

    async def find(
        self, symbol: str, client_order_id: str, venue_order_id: str
    ) -> VenueOrder | None:
        return await self._at.trading.find(symbol, client_order_id, venue_order_id)

    async def open_orders(self, symbols: Sequence[str] = ()) -> list[VenueOrder]:
        return await self._at.trading.open_orders(symbols)

    async def fills(self, symbol: str, since: int) -> list[VenueFill]:
        return await self._at.account.fills(symbol, since)

    async def holdings(self) -> Holdings:
        return await self._at.account.holdings()

    async def arm_dead_man(self, symbols: Sequence[str], seconds: float) -> None:
        await self._at.trading.arm_dead_man(symbols, seconds)

    async def listen(self, told: Told) -> None:
        at = self._at
        if self.abilities.user_stream:
            await at.listening.run(told)

    # --- the account and the machine ---------------------------------------------------------------

    async def permissions(self) -> Permissions:
        return await self._at.account.permissions()

    async def clock_offset(self) -> int:
        client = self._at.client
        if client.has.get("fetchTime") is not True:
            raise Refused(f"{self.name} does not tell its time")
        started = self._clock()
        theirs = await self._at.caller.ask(
            "time", client.fetch_time, lambda ms: int(ms) * MILLISECOND
        )
        return theirs - (started + self._clock()) // 2

    # --- market data ------------------------------------------------------------------------------

    async def stream(self, channel: Channel, symbols: Sequence[str], deliver: Deliver) -> None:
        at = self._at
        await at.streams.run(channel, [at.markets[symbol] for symbol in symbols], deliver)

    async def recent_trades(self, symbol: str, since: int) -> list[MarketDataEvent]:
        at = self._at
        return await at.recent_trades(at.markets[symbol], since)

    async def quote(self, symbol: str) -> MarketDataEvent:
        at = self._at
        return await at.quote(at.markets[symbol])

    async def price_of(self, currency: str, quote: str) -> Decimal | None:
        return await self._at.price_of(currency, quote)

    def __repr__(self) -> str:
        state = "open" if self._opened is not None else "closed"
        return f"CcxtVenue({self.name}, {state})"


__all__ = ["CcxtVenue"]
