"""One run's own things: its id, journal, bus, books, database and trading part.

A normal run and the run that an emergency stop makes to finish the job are both a session; the first
adds a feed and watchers.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

from tradectl.bus.clock import Clock
from tradectl.bus.command_release import Journal
from tradectl.config.settings import JournalSettings, Settings
from tradectl.domain.errors import JournalError, StateError
from tradectl.domain.events import SystemEvent, SystemEventKind
from tradectl.domain.time import from_iso, iso
from tradectl.journal.event_log import EventLog, FileEventLog
from tradectl.journal.reader import read_header
from tradectl.journal.reference import MarketSource
from tradectl.journal.run_lock import RunLock
from tradectl.journal.signature import Signed
from tradectl.journal.writer import ONE_PART, SHORT, Footer, Header, PartLength, sync_file
from tradectl.recovery.catch_up import catch_up
from tradectl.recovery.changes import changes
from tradectl.recovery.passed_over import check_passed_over
from tradectl.recovery.recovery import Recovered
from tradectl.recovery.warm_up import recorded_market, warm_up
from tradectl.runtime.orchestrator import TradingOrchestrator
from tradectl.state.account import Account
from tradectl.state.availability import begin_counting
from tradectl.state.status import absent, paused, without_data
from tradectl.storage.directory import StateDir, new_run_id
from tradectl.storage.known_heads import HeadNote
from tradectl.storage.latch import HaltInMemory, HaltSwitch
from tradectl.storage.manager import StateManager
from tradectl.storage.reader import RECORDED_ACCOUNT, StateReader
from tradectl.storage.store import RunBegun, Store
from tradectl.strategy.catalog import find
from tradectl.system.trading_system import (
    Find,
    MakeGateway,
    TradingSystem,
    module_hashes,
    on_paper,
    strategy_hashes,
)
from tradectl.version import __version__

RECORDED_FLUSH_S = 0.5
MB = 1 << 20
SNAPSHOT_S = 60.0
NO_LIMIT = 1 << 63


class Session:
    """`source` is where prices come from, `account_kind` which later runs continue the account; `gateway`
    makes the way to the exchange, which is the paper one without it. One on recorded data has nothing of
    the directory's account: its halt is its own, and it needs no lease. One that is not `projected` does
    without the database, one that is not `journalled` without a journal; where that only refers to its
    market data, `market` is what to. `find` as the trading system has it. `listener` makes the one who
    takes the records where no journal does."""

    def __init__(
        self,
        settings: Settings,
        state_dir: StateDir,
        account: Account,
        clock: Clock,
        *,
        source: str,
        account_kind: str,
        recovered: Recovered | None = None,
        gateway: MakeGateway | None = None,
        projected: bool = True,
        journalled: bool = True,
        market: MarketSource | None = None,
        find: Find = find,
        listener: Callable[[Header], Journal] | None = None,
    ) -> None:
        self.settings = settings
        self.state_dir = state_dir
        self.stops_under_way = self.closings_under_way = 0
        """emergency stops, and those of them that take protective stops off"""
        self.source = source
        self.recovered = recovered
        self._clock = clock
        self.started_at = clock.wall()
        journals = state_dir.journal_files()
        self.run_id = new_run_id(self.started_at, journals[-1].stem if journals else "")
        if not account.account_id:
            account.account_id = self.run_id
        self.journal_path = state_dir.journals / f"{self.run_id}.jsonl"
        self.journalled = journalled
        is_recorded = account_kind == RECORDED_ACCOUNT
        begins = 0 if is_recorded else from_iso(iso(self.started_at))
        """as its header spells it"""
        if recovered is not None and not is_recorded:
            account.held_time = recovered.held
        begin_counting(account, begins)
        self._header = self._make_header(account, account_kind, market, find)
        self._listener = listener
        self._log: EventLog | None = None
        self._lock: RunLock | None = None
        self._head: HeadNote | None = None
        self._entered = False
        self._checking: asyncio.Task[None] | None = None
        state_dir.latch.date_by(clock.wall)
        self.latch: HaltSwitch = HaltInMemory(clock.wall) if is_recorded else state_dir.latch
        self.system = TradingSystem(
            settings,
            account,
            self.run_id,
            clock,
            gateway=gateway or on_paper(settings),
            halt_switch=self.latch,
            lease=None if is_recorded else state_dir.lease,
            projected=projected,
            has_strategies=source not in SHORT,
            find=find,
        )
        self.bus, self.books, self.gateway = self.system.bus, self.system.books, self.system.gateway
        self.store = Store(state_dir.db, keys=state_dir.keys)
        self._projected = projected
        store_interval = settings.orchestrator.store_interval_seconds
        self.state = StateManager(
            self.bus,
            books=self.books,
            store=self.store if projected else None,
            flush_interval=store_interval if clock.live else RECORDED_FLUSH_S,
            snapshot_interval=None if is_recorded else SNAPSHOT_S,
            started_at=begins,
        )
        self.orchestrator = TradingOrchestrator(
            settings.orchestrator, bus=self.bus, state=self.state, latch=self.latch
        )

    @property
    def header(self) -> Header:
        """Of its journal."""
        return self._header

    def _make_header(
        self, account: Account, account_kind: str, market: MarketSource | None, find: Find
    ) -> Header:
        settings = self.settings
        return Header(
            run_id=self.run_id,
            program=__version__,
            started_at=iso(self.started_at),
            mode=settings.mode,
            source=self.source,
            account=account_kind,
            seed=settings.seed,
            config=settings.dump(),
            config_hash=settings.fingerprint(),
            strategies=strategy_hashes(settings, find),
            modules=module_hashes(settings, find),
            state=account.dump(),
            continues=self.recovered.run_id if self.recovered else "",
            market=market,
        )

    async def open(self) -> None:
        """Bring the database up to date with the runs before, then begin this one in both."""
        if self.recovered is not None and not self.recovered.clean:
            # what this run begins with must not vanish behind it
            await asyncio.to_thread(sync_file, self.recovered.journal)
        if self._projected:
            await self._open_database()
        if self.journalled:
            self._open_journal()
        elif self._listener is not None:
            self.bus.command_release.journal = self._listener(self._header)
        if self._projected:
            await self._begin_in_database()

    def _open_journal(self) -> None:
        # Recorded data never lets an order out, and waiting for the disk would change what it decides.
        strict = self.settings.journal.durability == "strict" and self.bus.clock.live
        self._log = self._begin_journal(strict=strict)
        self._lock = RunLock(self.journal_path)
        self.bus.command_release.journal = self._log

    def _begin_journal(self, *, strict: bool) -> EventLog:
        """Signed, but where it goes on from one that nobody knows who wrote: it is no better."""
        is_recorded, key = self._header.account == RECORDED_ACCOUNT, None
        if self.recovered is None or not self.recovered.doubts:
            with contextlib.suppress(StateError):  # it cannot be kept; with money that was refused
                key = self.state_dir.keys.made()
        if key is not None and not is_recorded:
            self._head = self.state_dir.heads.note(self._header.account, self.run_id)
        return FileEventLog(
            self.journal_path,
            self._header,
            strict=strict,
            key=key,
            every=not is_recorded,
            note=self._head,
            parts=self._part_length(self.settings.journal),
        )

    def follow(self, settings: Settings) -> None:
        """What of these may be another one while it trades an account, and is none of the core's."""
        self.orchestrator.follow(settings.orchestrator)
        self.state.write_every(settings.orchestrator.store_interval_seconds)
        if self._log is not None:
            self._log.parts = self._part_length(settings.journal)

    def _part_length(self, settings: JournalSettings) -> PartLength:
        """One on recorded data is one file, whatever days it goes through."""
        if self._header.account == RECORDED_ACCOUNT:
            return ONE_PART
        return PartLength(int((settings.part_mb or 0) * MB), settings.part_daily)

    async def _open_database(self) -> None:
        await self.store.open()
        if self.recovered is not None:
            await catch_up(self.store, self.state_dir, self.recovered)
            stored = StateReader(self.state_dir.db).filled_quantities(self.books.account.account_id)
            self.state.check(stored)

    async def _begin_in_database(self) -> None:
        row = RunBegun(
            self.run_id,
            self.books.account.account_id,
            self._header.account,
            self.settings.mode,
            self.source,
            iso(self.started_at),
            str(self.journal_path),
        )
        await self.store.begin_run(row)
        self._entered = True

    def warm_up(self) -> None:
        """Have the strategies see what the run before recorded: the first inputs of this one."""
        before = self._run_before()
        if before is None:
            return
        needs = self.system.strategy.engine.warm_up_needs()
        header, path, last_seq = before
        signing = header.signature
        key = self.state_dir.keys.named(signing.key) if signing and signing.every else None
        if key is None and self.recovered is not None and self.recovered.signed is Signed.YES:
            return  # an older one, that nobody knows who wrote
        with contextlib.suppress(JournalError):  # without it they are cold, as `status` shows
            events = recorded_market(path, last_seq, self.settings.symbols, needs, key)
            for event in warm_up(header.run_id, events, self.bus.clock.now()):
                self.bus.post(event)

    def _run_before(self) -> tuple[Header, Path, int] | None:
        """Of the run before on the same market, with its journal and last record."""
        recovered = self.recovered
        if recovered is None:
            return None
        header, path, last_seq = recovered.header, recovered.journal, recovered.last_seq
        with contextlib.suppress(JournalError):
            while header.source in SHORT and "" < header.continues < header.run_id:  # an older one
                path, last_seq = self.state_dir.journals / f"{header.continues}.jsonl", NO_LIMIT
                header = read_header(path)
        there = Settings.load(header.config).exchanges
        is_same = header.source == self.source and there == self.settings.exchanges
        return (header, path, last_seq) if is_same else None

    async def close(self, reason: str) -> None:
        """End what was begun: the journal with a footer, unless it failed, and the run's row."""
        if self._checking is not None:
            self._checking.cancel()
        try:
            if self._log is not None:
                self._log.close(self._footer(reason))
            if self._entered:
                await self.store.end_run(self.run_id, iso(self._clock.wall()), reason)
        except StateError:
            if self.bus.failure is None:
                raise
        finally:
            await self.store.close()
            if self._lock is not None:
                self._lock.release()
            if self._head is not None:
                self._head.close()

    def _footer(self, reason: str) -> Footer | None:
        if self.bus.failure is not None:
            return None
        return Footer(
            ended_at=iso(self._clock.wall()),
            reason=reason,
            last_seq=self.system.last_seq,
            state_hash=self.state.state_hash(),
        )

    def _report(self, kind: SystemEventKind, message: str) -> None:
        """An event about this run itself."""
        event = SystemEvent(source_component="run", kind=kind, component="run", message=message)
        self.bus.post(event)

    def check_passed_over(self) -> None:
        """What the recovery did not look at of the journal before, from now on, beside all else."""
        if self.recovered is not None and self.recovered.read_from:
            self._checking = asyncio.ensure_future(self._check_passed_over(self.recovered))

    async def _check_passed_over(self, recovered: Recovered) -> None:
        path, until = recovered.journal, recovered.read_from
        try:
            await check_passed_over(path, until, self.bus.clock.sleep, self.state_dir.keys)
        except JournalError as error:
            self._report(
                SystemEventKind.INCONSISTENT,
                f"{error}; this run goes on from the snapshot of record {recovered.from_snapshot}, which "
                "is whole, but what led there cannot be replayed any more",
            )

    def report_recovery(self) -> None:
        recovered = self.recovered
        if recovered is not None and not recovered.clean:
            tail = ", an unfinished tail was dropped" if recovered.torn else ""
            self._report(
                SystemEventKind.RECOVERED,
                f"run {recovered.run_id} did not end by itself: its account was recovered at record "
                f"{recovered.last_seq}{tail}",
            )
        if recovered is not None and recovered.lost:
            self._report(SystemEventKind.INCONSISTENT, recovered.lost)
        still = paused(self.books)
        if still is not None and self.source not in SHORT:
            before = ", as before" if still.since < iso(self.started_at) else ""
            self._report(
                SystemEventKind.STILL_PAUSED,
                f"paused since {still.since}{before}: {still.reason or 'no reason given'}; "
                "`tradectl resume` allows entries again",
            )
        left = absent(self.books)
        if left and self.source not in SHORT:
            self._report(
                SystemEventKind.STRATEGY_ABSENT,
                f"{left}: not configured any more, so nobody trades it but stops and a flatten; "
                "configured again under its name, a strategy goes on with it",
            )
        blind = without_data(self.books, self.settings.symbols)
        if blind and self.source not in SHORT:
            self._report(
                SystemEventKind.SYMBOL_ABSENT,
                f"{blind}: held, and not among the symbols of this run: without their prices nothing "
                "exits them, and no stop of theirs trades on paper; run with them, too, or "
                "`tradectl emergency-stop --flatten`",
            )
        if self.state.problems:
            self._report(SystemEventKind.INCONSISTENT, "; ".join(self.state.problems))
        if recovered is not None and self.source not in SHORT:
            changed = changes(self.state_dir, self._header, recovered.applied)
            if changed:
                self._report(SystemEventKind.CHANGED, changed)
