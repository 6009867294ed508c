"""`Venue` through ccxt: what is asked of an exchange, handed to the room that knows how.

Until `open` there is nothing but settings: ccxt is loaded then, the markets are learnt, and keys are
tried once. Without keys the venue gives market data only.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from tradectl.domain.errors import NotExecuted, VenueRefusal
from tradectl.domain.events import MarketDataEvent
from tradectl.domain.instruments import Instrument
from tradectl.domain.orders import OrderSpec
from tradectl.exchange.ccxt_venue.client import load_ccxt, make_client
from tradectl.exchange.ccxt_venue.closing import close_client
from tradectl.exchange.ccxt_venue.credentials import Credentials
from tradectl.exchange.ccxt_venue.decimals import MILLISECOND
from tradectl.exchange.ccxt_venue.market_data import MarketData
from tradectl.exchange.ccxt_venue.order_calls import feature
from tradectl.exchange.ccxt_venue.quirks import quirks_of
from tradectl.exchange.ccxt_venue.streams import pushed_channels
from tradectl.exchange.ccxt_venue.venue_session import VenueSession
from tradectl.exchange.exchange_settings import ExchangeSettings
from tradectl.exchange.venue import (
    Abilities,
    Channel,
    Deliver,
    Holdings,
    MarketInfo,
    OnVenueReports,
    Permissions,
    VenueFill,
    VenueOrder,
)


class CcxtVenue:
    """`symbols` maps the run's symbols, which go in and come out, to what the exchange or ccxt may call
    them. `clock` is the wall clock in ns."""

    def __init__(
        self,
        settings: ExchangeSettings,
        symbols: Mapping[str, str],
        keys: Credentials | None = None,
        *,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self.name = settings.prefix
        self._settings = settings
        self._symbols = dict(symbols)
        self._keys = keys
        self._clock = clock
        self._opened: VenueSession | None = None
        self._data = MarketData(self.name, clock)

    async def open(self) -> None:
        """Raises UsageError for an exchange or a symbol that does not exist, AccessLost for keys that
        are refused."""
        await load_ccxt()
        client = make_client(self._settings, self._keys, quirks_of(self._settings.id))
        opened = VenueSession(
            client, self._settings, self._symbols, self._keys, self._clock, self._data
        )
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
    def _at(self) -> VenueSession:
        if self._opened is None:
            raise NotExecuted(f"{self.name} is not open")
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
            rate=at.rate,
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
        self,
        spec: OrderSpec,
        client_order_id: str,
        pre_send_check: Callable[[], None] = lambda: None,
    ) -> VenueOrder:
        return await self._at.trading.submit(spec, client_order_id, pre_send_check)

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

    async def stream_account(self, on_reports: OnVenueReports) -> None:
        at = self._at
        if self.abilities.user_stream:
            await at.user_stream.run(on_reports)

    # --- the account and the machine ---------------------------------------------------------------

    async def permissions(self) -> Permissions:
        return await self._at.account.permissions()

    async def clock_offset(self) -> int:
        client = self._at.client
        if client.has.get("fetchTime") is not True:
            raise VenueRefusal(f"{self.name} does not tell its time")
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
