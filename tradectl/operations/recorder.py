"""Writing market data down as it comes: a journal that `run --data` plays and `replay` verifies.

It is the smallest run there is: a bus with its books and a journal, a live feed, and nobody who decides.
So the journal has inputs and nothing derived, an account that only watches, and at a clean end a footer
with the hash of it. What is not market data (a connection lost, a symbol silent) is told, not written.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from msgspec.structs import asdict

from tradectl.bus.clock import Clock, WallClock
from tradectl.config.settings import Settings
from tradectl.documents.market import RecordingProgress, RecordingSummary
from tradectl.domain.events import Event, MarketDataEvent, SymbolRestricted, SystemEvent
from tradectl.domain.time import compact, iso
from tradectl.exchange.venue import Channel, Venue
from tradectl.feeds.live.event_lag import lags_of
from tradectl.feeds.live.live_feed import LiveFeed
from tradectl.journal.event_log import FileEventLog
from tradectl.journal.writer import Footer, Header
from tradectl.runtime.signals import ended_by_signals
from tradectl.state.account import Account
from tradectl.storage.directory import new_run_id
from tradectl.system.trading_system import BookkeepingSystem
from tradectl.version import __version__

SOURCE = "exchange"
ACCOUNT = "recording"
MOST_WAITING = 200_000
REPORT_EVERY_S = 1.0
SYMBOLS_NAMED = 3

OnProgress = Callable[[RecordingProgress, str], None]
"""Takes how far a recording is, and a message, which is empty for a mere sign of life."""
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9]+")


def default_path(exchange: str, symbols: Sequence[str], folder: Path, now: int) -> Path:
    """`binance-BTCUSDT-20240808T235415Z.jsonl` in `folder`, with a number if that is there already."""
    named = [_NOT_IN_A_NAME.sub("", symbol) for symbol in symbols[:SYMBOLS_NAMED]]
    if len(symbols) > SYMBOLS_NAMED:
        named.append(f"and{len(symbols) - SYMBOLS_NAMED}")
    stem = "-".join([exchange, *named, f"{compact(now)}Z"])
    path, number = folder / f"{stem}.jsonl", 1
    while path.exists():
        number += 1
        path = folder / f"{stem}-{number}.jsonl"
    return path


async def record(
    venues: Mapping[str, Venue],
    symbols: Mapping[str, str],
    channels: Mapping[str, Sequence[Channel]],
    path: Path,
    *,
    duration: float | None = None,
    stale_after: float = 30.0,
    polls: Mapping[str, float] | None = None,
    on_progress: OnProgress | None = None,
    clock: Clock | None = None,
) -> RecordingSummary:
    """Record until `duration` (s) is over or a signal asks for the end; the summary. `venues` are open.

    `on_progress` hears once a second how far it is, and at once of what went wrong or right again.
    Raises JournalFailed where the file is there already or cannot be written, ExchangeError.
    """
    recording = Recording(
        venues,
        symbols,
        channels,
        path,
        stale_after,
        polls,
        on_progress,
        clock or WallClock(by_exchange=True),
    )
    return await recording.run(duration)


class Recording:
    """One recording, from its header to its footer."""

    def __init__(
        self,
        venues: Mapping[str, Venue],
        symbols: Mapping[str, str],
        channels: Mapping[str, Sequence[Channel]],
        path: Path,
        stale_after: float,
        polls: Mapping[str, float] | None,
        on_progress: OnProgress | None,
        clock: Clock,
    ) -> None:
        instruments = tuple(venues[name].instrument(symbol) for symbol, name in symbols.items())
        self.settings = Settings(symbols=tuple(symbols), strategies=(), instruments=instruments)
        self.started_at = clock.now()
        self.run_id = new_run_id(self.started_at)
        cash = self.settings.account.cash
        account = Account.open(self.run_id, instruments[0].quote, cash)
        self.path = path
        self._header = self._make_header(account)
        self._system = BookkeepingSystem(
            self.settings, account, self.run_id, clock, max_queue_size=MOST_WAITING
        )
        self._bus = self._system.bus
        self._feed = LiveFeed(
            venues,
            symbols,
            channels,
            self._take,
            self._hear,
            stale_after=stale_after,
            polls=polls,
            conflate=False,
            now=clock.now,
            heard=clock.heard,
            monotonic=clock.monotonic,
            sleep=clock.sleep,
        )
        self._on_progress = on_progress
        self._clock = clock
        self._started = clock.monotonic()
        self._by_symbol: Counter[str] = Counter(dict.fromkeys(symbols, 0))
        self._ended = asyncio.Event()
        self._reason = ""

    def _make_header(self, account: Account) -> Header:
        settings = self.settings
        return Header(
            run_id=self.run_id,
            program=__version__,
            started_at=iso(self.started_at),
            mode=settings.mode,
            source=SOURCE,
            account=ACCOUNT,
            seed=settings.seed,
            config=settings.dump(),
            config_hash=settings.fingerprint(),
            strategies={},
            state=account.dump(),
        )

    async def run(self, duration: float | None) -> RecordingSummary:
        """Raises JournalFailed, ExchangeError; what was recorded until then is whole."""
        journal = FileEventLog(self.path, self._header)
        try:
            self._bus.command_release.journal = journal
            with ended_by_signals(self.end):
                await self._record(duration)
        finally:
            journal.close(self._footer())
        if self._bus.failure is not None:
            raise self._bus.failure
        return self._summary(journal.size)

    def end(self, reason: str) -> None:
        """Ask for a clean end; the first reason counts."""
        self._reason = self._reason or reason
        self._ended.set()

    async def _record(self, duration: float | None) -> None:
        await self._bus.start()
        tasks = [
            asyncio.ensure_future(self._feed.run()),
            asyncio.ensure_future(self._bus.failed.wait()),
            asyncio.ensure_future(self._ended.wait()),
        ]
        reporting = asyncio.ensure_future(self._report_progress())
        try:
            done, _ = await asyncio.wait(
                tasks, timeout=duration, return_when=asyncio.FIRST_COMPLETED
            )
            self._reason = self._reason or ("failed" if done else "duration is over")
            for task in done:
                task.result()
        finally:
            for task in [*tasks, reporting]:
                task.cancel()
            await asyncio.gather(*tasks, reporting, return_exceptions=True)
            await self._bus.stop()

    def _footer(self) -> Footer | None:
        if self._bus.failure is not None:
            return None
        return Footer(
            ended_at=iso(self._bus.clock.now()),
            reason=self._reason or "failed",
            last_seq=self._system.last_seq,
            state_hash=self._system.state_hash(),
        )

    # --- what comes, and what is reported -------------------------------------------------------------

    def _take(self, events: list[MarketDataEvent]) -> None:
        for event in events:
            self._by_symbol[event.symbol] += 1
        self._bus.post_market(events)

    def _hear(self, event: Event) -> None:
        """The feed's restrictions and news: no data, so not in the recording."""
        if isinstance(event, SymbolRestricted):
            said = event.message if event.restricted else "market data is whole and fresh again"
            self._report(f"{event.symbol}: {said}")
        elif isinstance(event, SystemEvent):
            self._report(f"{event.component}: {event.message}")

    def _report(self, message: str = "") -> None:
        if self._on_progress is not None:
            self._on_progress(self._progress(), message)

    async def _report_progress(self) -> None:
        while True:
            await self._clock.sleep(REPORT_EVERY_S)
            self._report()

    def _progress(self) -> RecordingProgress:
        return RecordingProgress(
            elapsed_s=round(self._clock.monotonic() - self._started, 3),
            events=sum(self._by_symbol.values()),
            by_symbol=dict(self._by_symbol),
            data_age_s=self._feed.ages(),
            event_lag=lags_of(self._feed.lags),
            counts={**self._feed.counts, "shed": self._bus.figures().dropped},
        )

    def _summary(self, bytes_written: int) -> RecordingSummary:
        return RecordingSummary(
            **asdict(self._progress()),
            journal=str(self.path),
            run_id=self.run_id,
            source=self._feed.name,
            symbols=list(self._feed.symbols),
            started_at=iso(self.started_at),
            ended_at=iso(self._bus.clock.now()),
            reason=self._reason,
            bytes=bytes_written,
            state_hash=self._system.state_hash(),
        )


__all__ = ["default_path", "record"]
