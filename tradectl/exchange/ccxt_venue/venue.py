"""`Venue` through ccxt: what is asked of an exchange, handed to the module that knows how.

Until `open` there is nothing but settings: ccxt is loaded then, the markets are learnt, and credentials
are tried once. Without credentials the venue gives market data only.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from typing import Any

from tradectl.bus.clock import ComputerClock
from tradectl.domain.errors import ExchangeError, NotExecuted, VenueRefusal
from tradectl.domain.events import BarEvent, MarketDataEvent
from tradectl.domain.instruments import Instrument
from tradectl.domain.orders import OrderSpec, OrderType
from tradectl.domain.time import MILLISECOND, SECOND
from tradectl.exchange.call_health import CallHealth
from tradectl.exchange.ccxt_venue.account_queries import AccountQueries
from tradectl.exchange.ccxt_venue.calls import Caller
from tradectl.exchange.ccxt_venue.causes import off_by
from tradectl.exchange.ccxt_venue.client import (
    CALL,
    close_client,
    hook,
    load_ccxt,
    make_client,
    make_rate_limiter,
    published_rate,
    use_proxy,
)
from tradectl.exchange.ccxt_venue.decimals import InvalidResponse
from tradectl.exchange.ccxt_venue.errors import ErrorRules
from tradectl.exchange.ccxt_venue.exchange_clock import ExchangeClock, sign_by
from tradectl.exchange.ccxt_venue.income_queries import IncomeQueries
from tradectl.exchange.ccxt_venue.market_data import MarketData, MarketQueries
from tradectl.exchange.ccxt_venue.markets import Markets
from tradectl.exchange.ccxt_venue.order_calls import OrderCalls
from tradectl.exchange.ccxt_venue.position_modes import PositionModes
from tradectl.exchange.ccxt_venue.report_parser import ReportParser
from tradectl.exchange.ccxt_venue.streams import Streams, pushed_channels
from tradectl.exchange.ccxt_venue.tables import ExchangeTable, ccxt_name, table_of
from tradectl.exchange.ccxt_venue.user_stream import UserStream
from tradectl.exchange.ccxt_venue.websocket_guard import WebsocketGuard
from tradectl.exchange.credentials import Credentials, redacted
from tradectl.exchange.exchange_settings import ExchangeSettings
from tradectl.exchange.holdings import Holdings
from tradectl.exchange.venue import (
    Abilities,
    Channel,
    Deliver,
    MarketInfo,
    OnVenueReports,
    Permissions,
    VenueFill,
    VenueIncome,
    VenueOrder,
)


def _table_of(settings: ExchangeSettings) -> ExchangeTable:
    return table_of(ccxt_name(settings.id, settings.market))


class VenueSession:
    """What exists only while a venue is open: ccxt's object, the markets, and all that is built on them.
    `learn` completes it."""

    def __init__(
        self,
        client: Any,
        settings: ExchangeSettings,
        symbols: Mapping[str, str],
        credentials: Credentials | None,
        clock: Callable[[], int],
        monotonic: Callable[[], float],
        data: MarketData,
        calls: CallHealth,
    ) -> None:
        self.table = _table_of(settings)
        quirks = self.table.quirks
        self.clock = ExchangeClock(clock, monotonic)
        error_rules = ErrorRules(
            self.table.codes,
            lambda text: redacted(text, credentials),
            lambda: self.clock.now() / SECOND,
            lambda: off_by(self.clock.offset()),
        )
        self.rate = published_rate(client, settings.market, quirks)
        limiter = make_rate_limiter(self.rate, settings)
        hook(client, limiter, monotonic, words=quirks.words)
        sign_by(client, self.clock)
        self.client = client
        self.data = data
        self.caller = Caller(limiter, error_rules, calls, monotonic)
        self.caller.correct_clock = self.ask_for_the_time
        self.guard = WebsocketGuard(client, quirks, data.dropped)
        self.market_data = MarketQueries(client, self.caller, data, quirks, settings.market)
        self.quirks = quirks
        self._settings = settings
        self._symbols = symbols
        self._credentials = credentials
        self._monotonic = monotonic

    @property
    def tells_time(self) -> bool:
        return self.client.has.get("fetchTime") is True

    async def ask_for_the_time(self) -> None:
        """Raises NotExecuted."""

        def read(ms: Any) -> None:
            call = CALL.get()
            self.clock.learn(int(ms) * MILLISECOND, call.sent_at if call is not None else 0.0)

        if self.tells_time:
            await self.caller.ask("time", self.client.fetch_time, read, privileged=True)

    async def learn(self) -> None:
        """Ask for the markets and the time, and try the credentials."""
        settings, client, quirks = self._settings, self.client, self.quirks

        def read(raw: Any) -> Markets:
            if not raw:
                raise InvalidResponse("an exchange without markets")
            return Markets(
                raw, client.precisionMode, settings.market, self._symbols, quirks.delisting_key
            )

        self.markets = await self.caller.ask("markets", client.load_markets, read)
        self._compose()
        if self._credentials is not None:
            with contextlib.suppress(ExchangeError):  # asked again as soon as that is in the way
                await self.ask_for_the_time()
            await self.account.holdings()
            with contextlib.suppress(NotExecuted, VenueRefusal):
                # an order that is refused for it tells it as well
                await self.modes.learn()

    def _compose(self) -> None:
        """What speaks of symbols, now that the markets are known."""
        settings, client, quirks = self._settings, self.client, self.quirks
        account = str(getattr(client, quirks.account_in, "") or "") if quirks.account_in else ""
        parser = ReportParser(self.markets, quirks, account)
        hedge_mode = None if settings.market == "spot" else quirks.hedge_mode
        self.modes = PositionModes(
            client, self.caller, self.markets, hedge_mode, tuple(self._symbols)
        )
        self.trading = OrderCalls(
            client,
            self.caller,
            self.markets,
            parser,
            quirks,
            settings.market,
            self.modes,
            quote=self.market_data.quote,
        )
        self.account = AccountQueries(
            client,
            self.caller,
            self.markets,
            parser,
            quirks,
            modes=self.modes,
            kind=settings.market,
            balances=self.table.balances.get(settings.market),
            clock=self.clock.now,
        )
        self.income = IncomeQueries(
            client,
            self.caller,
            self.markets,
            () if settings.market == "spot" else self.table.income,
            tuple(self._symbols),
            self.clock.now,
            account=account,
        )
        self.streams = Streams(
            client,
            self.caller,
            self.guard,
            self.data,
            poll_seconds=settings.poll_seconds,
            recent=self.market_data.recent_trades,
            quote=self.market_data.quote,
        )
        self.user_stream = UserStream(
            client,
            self.caller,
            self.guard,
            parser,
            quirks,
            settings.market,
            self.modes,
            monotonic=self._monotonic,
        )

    @cached_property
    def abilities(self) -> Abilities:
        """Of one that has learned."""
        has_keys, kind = self._credentials is not None, self._settings.market
        orders, fills = (
            self.client.has.get(name) is True and what in self.quirks.streamed
            for name, what in (("watchOrders", "orders"), ("watchMyTrades", "fills"))
        )
        return Abilities(
            channels=pushed_channels(self.client),
            user_stream=has_keys and (orders or fills),
            order_stream=has_keys and orders,
            fill_stream=has_keys and fills,
            dead_man=kind in self.quirks.dead_man,
            stop_orders=self.trading.takes(OrderType.STOP_MARKET),
            income=has_keys and self.income.is_told,
            rate=self.rate,
        )


class CcxtVenue:
    """`symbols` maps the run's symbols, which go in and come out, to what the exchange or ccxt may call
    them. `clock` is the wall clock in ns; what the exchange does not date itself is dated by `now`, the
    run's."""

    def __init__(
        self,
        settings: ExchangeSettings,
        symbols: Mapping[str, str],
        credentials: Credentials | None = None,
        *,
        proxy: str = "",
        clock: Callable[[], int] = ComputerClock.wall,
        now: Callable[[], int] = ComputerClock.wall,
        monotonic: Callable[[], float] = ComputerClock.monotonic,
    ) -> None:
        self.name = settings.prefix
        self._settings = settings
        self._symbols = dict(symbols)
        self._credentials = credentials
        self._proxy = proxy or settings.proxy
        self._clock = clock
        self._monotonic = monotonic
        self._session: VenueSession | None = None
        self._data = MarketData(self.name, now)
        self.calls = CallHealth()

    async def open(self) -> None:
        """Raises UsageError for an exchange or a symbol that does not exist, AccessLost for credentials
        that are refused."""
        await load_ccxt()
        client = make_client(self._settings, self._credentials, _table_of(self._settings).quirks)
        use_proxy(client, self._proxy)
        session = VenueSession(
            client,
            self._settings,
            self._symbols,
            self._credentials,
            self._clock,
            self._monotonic,
            self._data,
            self.calls,
        )
        try:
            await session.learn()
        except BaseException:  # whatever stopped it, a connection must not stay open
            await close_client(client)
            raise
        self._session = session

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.guard.wait_closed()
            await close_client(session.client)

    @property
    def _at(self) -> VenueSession:
        if self._session is None:
            raise NotExecuted(f"{self.name} is not open")
        return self._session

    @property
    def abilities(self) -> Abilities:
        return self._at.abilities

    @property
    def dropped(self) -> Counter[str]:
        """Market data that was none, counted by reason."""
        return self._data.dropped

    # --- rules ------------------------------------------------------------------------------------

    def instrument(self, symbol: str) -> Instrument:
        return self._at.markets[symbol].instrument

    def markets(self) -> list[MarketInfo]:
        return self._at.markets.all()

    async def reload_rules(self) -> None:
        at = self._at
        await at.caller.ask("markets", lambda: at.client.load_markets(True), at.markets.renew)

    def not_traded(self, symbol: str) -> str:
        return self._at.markets.not_traded(symbol)

    @property
    def hedged(self) -> frozenset[str]:
        return self._at.modes.hedged

    async def ask_position_mode(self, symbols: Sequence[str]) -> None:
        await self._at.modes.ask(symbols)

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
        at = self._at
        return await at.account.fills(symbol, at.clock.earlier_of_both(since))

    async def income(self, since: int, until: int) -> list[VenueIncome]:
        return await self._at.income.income(since, until)

    async def holdings(self) -> Holdings:
        return await self._at.account.holdings()

    async def arm_dead_man(self, symbols: Sequence[str], seconds: float) -> None:
        await self._at.trading.arm_dead_man(symbols, seconds)

    async def stream_account(self, on_reports: OnVenueReports) -> None:
        at = self._at
        if self.abilities.user_stream:
            await at.user_stream.run(on_reports)

    # --- the account and the clock ---------------------------------------------------------------

    async def permissions(self) -> Permissions:
        return await self._at.account.permissions()

    async def clock_offset(self) -> int:
        return (await self._clock_asked()).offset()

    async def time(self) -> int:
        return (await self._clock_asked()).likely()

    async def _clock_asked(self) -> ExchangeClock:
        at = self._at
        if not at.tells_time:
            raise VenueRefusal(f"{self.name} does not tell its time")
        await at.ask_for_the_time()
        return at.clock

    # --- market data ------------------------------------------------------------------------------

    async def stream(self, channel: Channel, symbols: Sequence[str], deliver: Deliver) -> None:
        at = self._at
        await at.streams.run(channel, [at.markets[symbol] for symbol in symbols], deliver)

    async def recent_trades(self, symbol: str, since: int) -> list[MarketDataEvent]:
        at = self._at
        return await at.market_data.recent_trades(at.markets[symbol], since)

    async def candles(self, symbol: str, period: int, since: int) -> list[BarEvent]:
        at = self._at
        return await at.market_data.candles(at.markets[symbol], period, since)

    async def quote(self, symbol: str) -> MarketDataEvent:
        at = self._at
        return await at.market_data.quote(at.markets[symbol])

    async def price_of(self, currency: str, quote: str) -> Decimal | None:
        return await self._at.market_data.price_of(currency, quote)

    def __repr__(self) -> str:
        state = "open" if self._session is not None else "closed"
        return f"CcxtVenue({self.name}, {state})"


__all__ = ["CcxtVenue"]
