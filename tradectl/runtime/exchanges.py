"""The exchanges of a run, connected: their rules, what we hold there, and the gateway that orders take.

Connecting comes before the run: the instruments that it trades by, and the account that it starts from,
come from the exchange, and both stand in the journal's header. Without keys there is only market data,
and orders stay on paper.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec

from tradectl.adapters.live_gateway import LiveGateway
from tradectl.bus.clock import Clock, ComputerClock, WallClock
from tradectl.bus.event_bus import EventBus
from tradectl.config.settings import Settings
from tradectl.domain.errors import ConfigError, ExchangeError, NotExecuted, VenueRefusal
from tradectl.domain.events import Event, MarketDataEvent
from tradectl.domain.instruments import Instrument, Instruments
from tradectl.domain.money import ZERO
from tradectl.domain.refusals import HEDGE_MODE
from tradectl.domain.resilience import pauses
from tradectl.domain.time import SECOND
from tradectl.exchange.exchange_settings import ExchangeSettings
from tradectl.exchange.holdings import Holdings
from tradectl.exchange.live.live_exchange import LiveExchange
from tradectl.exchange.live.unreached import UnreachedExchange
from tradectl.exchange.symbols import by_exchange
from tradectl.exchange.venue import Channel, Venue
from tradectl.feeds.live.live_feed import LiveFeed
from tradectl.state.account import Account
from tradectl.state.at_exchange import BooksAtExchange
from tradectl.state.books import Books

Post = Callable[[Event], None]

WRONG = 2 * SECOND
"""A clock that is so far off is wrong, however slow the answer."""


class Venues:
    """`symbols` are all whose market data is used, `traded` those that orders may be about. `environ` has
    the keys: the process's own, unless they were taken out of it. With `patience` (s) of several one that
    cannot be reached in that time is gone on without: `unreached` says by its name why."""

    def __init__(
        self,
        settings: Settings,
        symbols: tuple[str, ...],
        *,
        private: bool,
        environ: Mapping[str, str] | None = None,
        patience: float | None = None,
    ) -> None:
        self.settings = settings
        self.unreached: dict[str, str] = {}
        self._closing: list[Venue] = []
        self.environ = os.environ if environ is None else environ
        self.symbols = symbols
        self.private = private
        self.clock = WallClock(by_exchange=True)
        self.places = by_exchange(symbols, settings.exchanges)
        used = [exchange for exchange in settings.exchanges if self.places[exchange.prefix]]
        self._patience = patience if len(used) > 1 else None
        self.by_name: dict[str, Venue] = {}
        failed: ConfigError | None = None
        for exchange in used:
            try:
                self.by_name[exchange.prefix] = self._make(exchange)
            except ConfigError as error:
                if self._patience is None:
                    raise
                failed, self.unreached[exchange.prefix] = error, str(error)
        if failed is not None and not self.by_name:
            raise failed

    def _make(self, exchange: ExchangeSettings) -> Venue:
        return make_venue(
            exchange,
            self.places[exchange.prefix],
            private=self.private and bool(self.traded(exchange.prefix)),
            environ=self.environ,
            now=self.clock.now,
        )

    async def open(self) -> None:
        """Raises ExchangeError, UsageError for a symbol that is not there."""
        attempts = (self._opened(venue) for venue in self.by_name.values())
        # all are waited for: one that opened after the others were closed would stay open
        outcomes = await asyncio.gather(*attempts, return_exceptions=True)
        failed = [outcome for outcome in outcomes if outcome is not None]
        if failed and (self._patience is None or len(failed) == len(outcomes)):
            raise failed[0]
        for name, outcome in zip([*self.by_name], outcomes, strict=True):
            if isinstance(outcome, ExchangeError):
                self.unreached[name] = str(outcome)
                self._closing.append(self.by_name.pop(name))
            elif outcome is not None:
                raise outcome
        await set_by_exchanges(self.clock, self.by_name.values())
        for name, venue in self.by_name.items():
            for symbol in self.places[name]:
                venue.instrument(symbol)

    async def _opened(self, venue: Venue) -> None:
        """With patience tried again while there is time: what cannot be reached now may be so soon."""
        if self._patience is None:
            return await venue.open()
        told = NotExecuted("it did not answer in time")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._patience):
                for pause in pauses():
                    try:
                        return await venue.open()
                    except NotExecuted as error:
                        told = error
                        await self.clock.sleep(max(pause, error.retry_after))
        raise told

    async def close(self) -> None:
        opened = [*self.by_name.values(), *self._closing]
        await asyncio.gather(*(venue.close() for venue in opened))

    def traded(self, name: str) -> tuple[str, ...]:
        wanted = self.settings.traded_symbols()
        return tuple(s for s in self.places.get(name, ()) if s in wanted)

    def settings_of(self, name: str) -> ExchangeSettings:
        return next(e for e in self.settings.exchanges if e.prefix == name)

    def instruments(self) -> tuple[Instrument, ...]:
        """Of every symbol; those that the configuration describes are as described."""
        described = {i.symbol: i for i in self.settings.instruments}
        exchanges_own = {
            symbol: venue.instrument(symbol)
            for name, venue in self.by_name.items()
            for symbol in self.places[name]
        }
        return tuple({**exchanges_own, **described}.values())

    # --- with money -----------------------------------------------------------------------------------

    def trading(self) -> dict[str, Venue]:
        """Those that we trade at, by name."""
        return {name: venue for name, venue in self.by_name.items() if self.traded(name)}

    async def holdings(self) -> dict[str, Holdings]:
        venues = self.trading()
        held = await asyncio.gather(*(venue.holdings() for venue in venues.values()))
        return dict(zip(venues, held, strict=True))

    async def new_account(self, instruments: Instruments, currency: str) -> Account:
        """What is there now is where we start: the money is ours to trade with, the coins are not."""
        held = await self.holdings()
        cash = {name: h.balances.get(currency, ZERO) for name, h in held.items()}
        account = Account.open("", currency, sum(cash.values(), ZERO))
        account.at_exchange().cash_at = cash
        account.at_exchange().income.since = await self._times()
        self._take_note(account, instruments, held)
        return account

    def refuse_hedge_mode(self, account: Account | None) -> None:
        """A run of an `account` that has nothing open in symbols where two positions of each may be held.
        What is open is seen to all the same. Raises VenueRefusal."""
        for name, venue in self.trading().items():
            hedged = [symbol for symbol in self.traded(name) if symbol in venue.hedged]
            if hedged and not any(account and account.has_open(symbol) for symbol in hedged):
                raise VenueRefusal(f"{name}: {', '.join(hedged)}: {HEDGE_MODE}")

    async def _times(self) -> dict[str, int]:
        """What time it is at each: what was moved or traded before is in what is there."""
        times = dict[str, int]()
        for name, venue in self.trading().items():
            try:
                times[name] = await venue.time()
            except VenueRefusal:  # it does not tell
                times[name] = self.clock.wall()
        return times

    async def take_note_of_what_is_there(self, account: Account, instruments: Instruments) -> None:
        """Of symbols that the account had nothing to do with before: what is there is not ours."""
        self._take_note(account, instruments, await self.holdings())

    def _take_note(
        self, account: Account, instruments: Instruments, held: Mapping[str, Holdings]
    ) -> None:
        external = account.at_exchange().external
        for name, holdings in held.items():
            for symbol in self.traded(name):
                if symbol not in external:
                    ours = account.positions.get(symbol)
                    there = holdings.of(instruments[symbol])
                    external[symbol] = ZERO if ours is not None else there

    def feed(
        self,
        deliver: Callable[[list[MarketDataEvent]], None],
        post: Post,
        clock: Clock,
        known: Mapping[str, Decimal],
    ) -> LiveFeed:
        """The market data of all of them; `known` are the last prices that the account saw."""
        return LiveFeed(
            self.by_name,
            {symbol: name for name, places in self.places.items() for symbol in places},
            {
                name: tuple(Channel(c) for c in self.settings_of(name).channels)
                for name in self.by_name
            },
            deliver,
            post,
            stale_after=self.settings.feed.stale_after_seconds,
            polls={name: self.settings_of(name).poll_seconds for name in self.by_name},
            now=clock.now,
            heard=clock.heard,
            monotonic=clock.monotonic,
            sleep=clock.sleep,
            known=known,
        )

    def gateway(self, bus: EventBus, books: Books) -> LiveGateway:
        """The exchanges that orders go to, on `bus` and for `books`."""

        def in_question(symbols: Sequence[str]) -> bool:
            live = books.account.reconciliation
            return live is not None and (
                bool(live.discrepancies)
                or any(kind.blocks_exits for s in symbols for kind in books.restrictions(s))
            )

        reached = [
            LiveExchange(
                venue,
                self.settings_of(name),
                self.traded(name),
                books.account.account_id,
                books.instruments,
                bus.schedule,
                now=bus.clock.now,
                in_books=lambda order_id: books.order(order_id) is not None,
                in_question=in_question,
                books=BooksAtExchange(books, name),
                monotonic=bus.clock.monotonic,
                sleep=bus.clock.sleep,
            )
            for name, venue in self.trading().items()
        ]
        without = [
            UnreachedExchange(name, self.traded(name), why, bus.schedule)
            for name, why in self.unreached.items()
        ]
        return LiveGateway(reached, without)


def on_exchange(settings: Settings, name: str) -> Settings:
    """Settings for `run --exchange NAME`: that exchange of the configuration, else ccxt's of this id."""
    chosen = next((e for e in settings.exchanges if e.prefix == name), None)
    chosen = chosen or ExchangeSettings(id=name)
    others = tuple(e for e in settings.exchanges if e is not chosen)
    return msgspec.structs.replace(settings, exchanges=(chosen, *others))


def make_venue(
    settings: ExchangeSettings,
    symbols: Mapping[str, str],
    *,
    private: bool,
    environ: Mapping[str, str] | None = None,
    now: Callable[[], int] = ComputerClock.wall,
) -> Venue:
    """`now` is the clock of whoever reads its data. Raises ConfigError where credentials are needed and
    missing."""
    from tradectl.exchange.ccxt_venue import CcxtVenue, read_credentials, read_proxy

    environ = os.environ if environ is None else environ
    credentials = read_credentials(settings, environ) if private else None
    if private and credentials is None:
        name = settings.prefix.upper()
        raise ConfigError(
            f"{settings.prefix}: no keys: set TRADECTL_{name}_API_KEY and TRADECTL_{name}_API_SECRET "
            "in the environment"
        )
    return CcxtVenue(settings, symbols, credentials, proxy=read_proxy(settings, environ), now=now)


@contextlib.asynccontextmanager
async def connected(
    settings: Settings,
    symbols: tuple[str, ...],
    *,
    private: bool,
    environ: Mapping[str, str] | None = None,
    patience: float | None = None,
) -> AsyncIterator[Venues]:
    """The exchanges, open for as long as the block lasts. Raises ExchangeError, ConfigError."""
    venues = Venues(settings, symbols, private=private, environ=environ, patience=patience)
    try:
        await venues.open()
        yield venues
    finally:
        with contextlib.suppress(ExchangeError):
            await venues.close()


async def set_by_exchanges(clock: WallClock, venues: Iterable[Venue]) -> None:
    """Before time is anyone's, where this computer's clock is wrong by the word of each that tells its
    time: their time is the run's from the start, and nothing of it is dated tomorrow."""
    offs = list[int]()
    for venue in venues:
        with contextlib.suppress(ExchangeError):  # it does not tell, or cannot be asked now
            theirs = await venue.time()
            offs.append(clock.wall() - theirs)
    least = min(offs, key=abs, default=0)
    if abs(least) >= WRONG:
        clock.begin(least)


def effective(settings: Settings, venues: Venues) -> Settings:
    """The settings that the run follows, as its journal's header has them: with the exchanges' rules,
    with no entry on old data, and with money only what is synced to the disk is sent."""
    risk = settings.risk
    if risk.max_data_age_seconds is None:
        age = Decimal(str(settings.feed.stale_after_seconds))
        risk = msgspec.structs.replace(risk, max_data_age_seconds=age)
    journal = settings.journal
    if settings.mode == "live":
        journal = msgspec.structs.replace(journal, durability="strict")
    return msgspec.structs.replace(
        settings, instruments=venues.instruments(), risk=risk, journal=journal
    )


__all__ = ["Venues", "connected", "effective", "make_venue", "on_exchange", "set_by_exchanges"]
