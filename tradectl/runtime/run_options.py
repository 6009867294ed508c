"""What a run is asked for, and what it starts from: its feed, and its account.

An account goes on from the run before it, provided that what it holds is now what it was then; else it
is opened, with the configured cash on paper, and with money with what the exchange has.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from tradectl.bus.command_release import Journal
from tradectl.config.settings import Settings
from tradectl.documents.backtest import DataFile
from tradectl.domain.currencies import quote_in
from tradectl.domain.errors import JournalForged, JournalMissing, UsageError
from tradectl.domain.time import MILLISECOND
from tradectl.exchange.symbols import without_exchange
from tradectl.feeds.base import BATCH_SIZE, Feed
from tradectl.feeds.data_files import named
from tradectl.feeds.finer import decided_on
from tradectl.feeds.recorded import RecordedFeed
from tradectl.feeds.simulated import SimulatedMarket, check_simulated
from tradectl.feeds.time_range import WHOLE, Hear, TimeRange
from tradectl.feeds.whole_log import feed_of
from tradectl.journal.reference import MarketSource
from tradectl.journal.writer import Header
from tradectl.recovery.recovery import LIVE_ACCOUNT, PAPER_ACCOUNT, Recovered, recover
from tradectl.runtime.money_at import (
    open_at,
    refuse_other_exchanges,
    refuse_to_leave_behind,
    traded_at,
)
from tradectl.state.account import Account
from tradectl.storage.directory import StateDir
from tradectl.storage.latch import Halt
from tradectl.storage.reader import RECORDED_ACCOUNT, StateReader
from tradectl.strategy.catalog import find
from tradectl.system.trading_system import Find

if TYPE_CHECKING:
    from tradectl.runtime.exchanges import Venues

Approve = Callable[["Venues", StateDir], Awaitable[None]]

FULL_SPEED_BATCH = 4096


class Recording(StrEnum):
    """What the journal of a run on recorded data has: all of it, only references to the market data, or
    nothing: then the run leaves nothing behind but its summary."""

    FULL = "full"
    REFERENCE = "reference"
    NONE = "none"


class Typed(Struct, frozen=True):
    """What a command line came to: `read` gives the `settings` that the same one would begin with now.
    Raises ConfigError, UsageError."""

    settings: Settings
    read: Callable[[], Settings]


class RunOptions(Struct, kw_only=True):
    """What the command line asks of one run. `speed` None is full speed, for recorded data only.

    `columns` says which column of the data is which, and `allow_truncated` that compressed data which
    breaks off is played up to there; `span` is the part of it that is played.
    `journal` says how much of it is kept; for one by reference `data_files` are the hashes of `data`.
    Where there is none, `listener` makes the one who takes the records. `find` gives the class of a
    strategy's name.

    `approve` is asked before anything is traded with money, and raises where the answer is no. `halt` is
    what is latched and to be seen through. With `trust_journal` the account goes on from a journal that
    nobody knows who wrote. `environ` has the keys, where they were taken out of the process's own;
    `config` is the file that the settings are from, and `typed` the command line."""

    settings: Settings
    state_dir: StateDir
    data: tuple[Path, ...] = ()
    columns: Mapping[str, str] = {}
    allow_truncated: bool = False
    span: TimeRange = WHOLE
    journal: Recording = Recording.FULL
    data_files: tuple[DataFile, ...] = ()
    listener: Callable[[Header], Journal] | None = None
    find: Find = find
    symbols: tuple[str, ...] = ()
    speed: float | None = None
    duration: float | None = None
    flatten_at_end: bool = False
    fresh: bool = False
    approve: Approve | None = None
    halt: Halt | None = None
    environ: Mapping[str, str] | None = None
    trust_journal: bool = False
    config: Path | None = None
    typed: Typed | None = None

    @property
    def live(self) -> bool:
        """With money."""
        return self.settings.mode == "live" and not self.data

    @property
    def journalled(self) -> bool:
        return self.journal is not Recording.NONE

    @property
    def on_exchange(self) -> bool:
        """On the market data of real exchanges."""
        return bool(self.settings.exchanges) and not self.data


async def account_on_exchange(
    options: RunOptions, venues: Venues, recovered: Recovered | None
) -> Account:
    """Raises ExchangeError."""
    settings = options.settings
    if options.live:
        venues.refuse_hedge_mode(recovered.account if recovered is not None else None)
    if recovered is None and options.live:
        currency = currency_of(settings, settings.traded_symbols())
        return await venues.new_account(settings.all_instruments(), currency)
    account = starting_account(settings, settings.traded_symbols(), recovered)
    if options.live:
        await venues.take_note_of_what_is_there(account, settings.all_instruments())
    return account


def open_feed(
    options: RunOptions, now: int, recovered: Recovered | None, before: Hear | None = None
) -> RecordedFeed | SimulatedMarket:
    """Recorded files if some are named, else the simulated market, which goes on from the prices that the
    account was left at; `now` is the computer's time, ns. `before` hears what a recording has before the
    part of it that is played."""
    feed = options.settings.feed
    if options.data:
        batch_size = FULL_SPEED_BATCH if options.speed is None else BATCH_SIZE
        return _recorded(options, now, batch_size, before)
    symbols = options.symbols or options.settings.symbols
    exchanges = options.settings.exchange_names()
    check_simulated(options.settings.undescribed(symbols), exchanges)
    left_at = recovered.account.marks if recovered is not None else {}
    return SimulatedMarket(
        symbols, options.settings.seed, now, feed.ticks_per_second, left_at, exchanges
    )


def _recorded(
    options: RunOptions, now: int, batch_size: int = BATCH_SIZE, before: Hear | None = None
) -> RecordedFeed:
    source = market_source(options, now)
    return feed_of(
        source,
        batch_size=batch_size,
        check_symbol=OneCurrency(options.settings).check,
        before=before,
    )


def market_source(options: RunOptions, now: int) -> MarketSource:
    """The recorded data of a run, and how it is read."""
    feed, span = options.settings.feed, options.span
    exchanges = options.settings.exchange_names()
    return MarketSource(
        files=options.data_files or tuple(named(options.data, exchanges)),
        now=now,
        symbols=options.symbols,
        unnamed=_unnamed(options),
        are_trades=feed.rows == "trades",
        columns=dict(options.columns),
        allow_truncated=options.allow_truncated,
        max_bad_share=feed.max_bad_share,
        since=span.since,
        until=span.until,
        decides_on=options.settings.paper.decides_on_ms * MILLISECOND,
    )


def with_finer_data(options: RunOptions, now: int) -> RunOptions:
    """With `fill = "intrabar"`: what the data has to decide on, and to fill on, is part of the settings
    that the run follows, as its journal's header has them. Raises UsageError, DataError."""
    if not options.data or options.settings.paper.fill != "intrabar":
        return options
    decided = decided_on(_recorded(options, now).lengths())
    paper = replace(
        options.settings.paper,
        decides_on_ms=decided.interval // MILLISECOND,
        finer="ticks" if decided.by_ticks else "candles",
    )
    return replace(options, settings=replace(options.settings, paper=paper))


def _unnamed(options: RunOptions) -> str:
    """Whose prices a file has that does not say so: the one symbol asked for, or else configured, at
    whichever exchange."""
    names = options.settings.exchange_names()
    symbols = {without_exchange(s, names) for s in options.symbols or options.settings.symbols}
    return symbols.pop() if len(symbols) == 1 else ""


def account_kind(options: RunOptions) -> str:
    if options.data:
        return RECORDED_ACCOUNT
    return LIVE_ACCOUNT if options.live else PAPER_ACCOUNT


def symbols_ahead(options: RunOptions, feed: Feed, now: int) -> tuple[str, ...]:
    """What the feed will bring; of recorded data, what its first rows have, read ahead of the run. `now`
    is the computer's time, ns. Raises DataError, also where two files have the same.
    """
    if options.data:
        ahead = _recorded(replace(options, span=WHOLE), now)
        if len(options.data) > 1:
            ahead.refuse_overlaps()
        if not options.symbols:
            next(ahead.batches(), None)
            return ahead.symbols
    return feed.symbols


def starting_account(
    settings: Settings, symbols: tuple[str, ...], recovered: Recovered | None
) -> Account:
    """The recovered account, paused or halted if it was; or a new one in the currency of what is
    traded."""
    names = traded_at(settings, symbols)
    if recovered is not None:
        _check_continuity(settings, symbols, recovered)
        account = recovered.account
        if settings.mode != "live":
            refuse_other_exchanges(account, names)
        account.rules = {}  # this run's instruments are as its exchanges have them now
        account.applied = {}  # and its settings as they are now
        account.say_refusals_again()
        account.risk.begin_run()
        if account.reconciliation is not None:
            account.reconciliation.begin_again(compared=settings.mode == "live")
        return account
    account = Account.open("", currency_of(settings, symbols), settings.account.cash)
    open_at(account, names, settings)
    return account


def refuse_to_forget(state_dir: StateDir, *, trusting: bool = False) -> None:
    """With money, an account is only left behind when nothing of it is open: by its journal, or where
    that is missing, by the database. Raises UsageError, JournalError, StateError."""
    try:
        live = recover(state_dir, LIVE_ACCOUNT, trusting=trusting)
    except JournalForged as error:
        raise UsageError(
            f"{error}; but with --fresh what the live account has open would be forgotten, and nobody "
            "knows what that is: look at the exchange, then add --trust-journal"
        ) from error
    except JournalMissing as error:
        if _open_by_the_database(state_dir):
            raise UsageError(
                f"{error}; but with --fresh the live account's open orders and positions would be "
                "forgotten: put the journal back, or close them at the exchange and name another "
                "--state-dir"
            ) from error
        return
    if live is None:
        return
    account = live.account
    open_there = [order.spec.symbol for order in account.orders]
    open_there += [p.symbol for p in account.positions.values() if p.quantity]
    if open_there:
        names = ", ".join(sorted(set(open_there)))
        raise UsageError(
            f"--fresh would forget what the live account has open in {names}: close it first "
            "(`tradectl emergency-stop --flatten`, then `tradectl clear-halt --confirm`)"
        )


def _open_by_the_database(state_dir: StateDir) -> bool:
    run = StateReader(state_dir.db).last_run_of(LIVE_ACCOUNT)
    if run is None or run.status is None:
        return run is not None  # nothing says that nothing is open
    return bool(run.status.open_orders or run.status.positions)


def _check_continuity(settings: Settings, symbols: tuple[str, ...], recovered: Recovered) -> None:
    """What the account holds must be now what it was then. Raises UsageError."""
    account, currency = recovered.account, currency_of(settings, symbols)
    before = Settings.load(recovered.header.config)
    if settings.mode == "live" and _reached(settings) != _reached(before):
        raise UsageError(
            f"the live account was opened at {_reached(before)}, this configuration trades at "
            f"{_reached(settings)}: use the one it was opened with, another --state-dir, or --fresh"
        )
    if account.currency != currency:
        raise UsageError(
            f"the account is in {account.currency}, the symbols are quoted in {currency}: "
            "choose others, or open a new account with --fresh"
        )
    now, then = (s.all_instruments() for s in (settings, before))
    held = [p.symbol for p in account.positions.values() if p.quantity]
    for symbol in [*held, *(order.spec.symbol for order in account.orders)]:
        if now[symbol].kind is not then[symbol].kind:
            raise UsageError(
                f"the account holds {symbol} as {then[symbol].kind}, this configuration has it as "
                f"{now[symbol].kind}: use the one it was opened with, or --fresh"
            )
    refuse_to_leave_behind(account, then, now)


def _reached(settings: Settings) -> str:
    """Which exchanges, in words that are equal for equal ones."""
    return ", ".join(
        f"{e.prefix} ({e.id}, {e.market}{', test network' if e.testnet else ''})"
        for e in settings.exchanges
    )


def currency_of(settings: Settings, symbols: tuple[str, ...]) -> str:
    """What the symbols are quoted in. Raises UsageError when that is not one currency."""
    instruments = settings.all_instruments()
    quotes = sorted({instruments[symbol].quote for symbol in symbols})
    if len(quotes) > 1:
        raise UsageError(
            f"symbols quoted in {' and '.join(quotes)} cannot share an account: "
            "choose those of one currency with --symbol"
        )
    return quotes[0] if quotes else settings.account.currency


class OneCurrency:
    """The symbols of recorded data share one account, so that all must be quoted in one currency, and in
    one that is known. `check` each as it appears."""

    def __init__(self, settings: Settings) -> None:
        self._described = {i.symbol: i.quote for i in settings.instruments}
        self._first = ("", "")

    def check(self, symbol: str) -> None:
        """Raises UsageError."""
        quote = self._described.get(symbol) or quote_in(symbol)
        if quote is None:
            raise UsageError(
                f"what {symbol!a} is quoted in is not known: say it with a separator, as in --symbol "
                f"{symbol}/USD, or describe it under instruments in a configuration"
            )
        first, currency = self._first
        if not first:
            self._first = (symbol, quote)
        elif quote != currency:
            raise UsageError(
                f"symbols quoted in {' and '.join(sorted((currency, quote)))} cannot share an account "
                f"({first}, {symbol}): choose those of one currency with --symbol"
            )


__all__ = [
    "Approve",
    "OneCurrency",
    "Recording",
    "RunOptions",
    "account_kind",
    "account_on_exchange",
    "currency_of",
    "market_source",
    "open_feed",
    "refuse_to_forget",
    "starting_account",
    "symbols_ahead",
    "with_finer_data",
]
