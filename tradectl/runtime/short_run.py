"""A run without a feed and without strategies, from where the last one left the account.

An emergency stop finishes its job in one, and a reconciliation compares in one, when no process runs: it
has a journal of its own and can be replayed like any other.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import msgspec

from tradectl.bus.clock import WallClock
from tradectl.config.settings import Settings
from tradectl.domain.errors import JournalFailed
from tradectl.journal.writer import EMERGENCY
from tradectl.recovery.rebuild import set_aside_if_damaged
from tradectl.recovery.recovery import LIVE_ACCOUNT, Recovered
from tradectl.runtime.in_process_stop import leave_only_protection
from tradectl.runtime.own_hosts import refuse_other_hosts
from tradectl.runtime.run_log import RunLog
from tradectl.runtime.session import Session
from tradectl.storage.directory import StateDir


@contextlib.asynccontextmanager
async def short_run(
    state_dir: StateDir,
    recovered: Recovered,
    *,
    source: str,
    reason: str,
    projected: bool = True,
    patience: float | None = None,
) -> AsyncIterator[Session]:
    """The session, started; `source` is EMERGENCY or RECONCILE, `reason` what its journal ends with,
    `projected` as a session has it; with `patience` (s) of several exchanges those are gone on without
    that cannot be reached in that time. Raises ExchangeError, ConfigError, StateError, JournalError."""
    header = recovered.header
    settings = _without_strategies(Settings.load(header.config))
    async with contextlib.AsyncExitStack() as stack:
        gateway, clock = None, WallClock()
        if header.account == LIVE_ACCOUNT:
            from tradectl.runtime.exchanges import connected

            refuse_other_hosts(settings.exchanges, state_dir.hosts)
            exchanges = connected(settings, settings.symbols, private=True, patience=patience)
            venues = await stack.enter_async_context(exchanges)
            gateway, clock = venues.gateway, venues.clock
        session = Session(
            settings,
            state_dir,
            recovered.account,
            clock,
            source=source,
            account_kind=header.account,
            recovered=recovered,
            gateway=gateway,
            projected=projected,
        )
        log = RunLog(session, None, recorded=False)
        log.keep_files()
        session.gateway.attach_read_only()
        for name, component in session.system.components():
            session.orchestrator.add(name, component)
        try:
            if projected:
                set_aside_if_damaged(state_dir)  # what is needed of it is caught up with
            log.start()
            await session.open()
            await session.orchestrator.start()
            session.report_recovery()
            yield session
        except JournalFailed:
            if source == EMERGENCY:
                # what was to be cancelled is, as far as that is safe without a journal
                await leave_only_protection(session.gateway, session.latch)
            raise
        finally:
            try:
                await session.orchestrator.stop()
            finally:
                await session.close(reason)
                log.ended(reason)
                await log.stop()


def _without_strategies(settings: Settings) -> Settings:
    """Strategies may be what hangs, and symbols that are not traded are not needed. On paper closing
    orders are filled at once."""
    paper, no_delay = settings.paper, {"latency_ms": 0, "latency_jitter_ms": 0}
    each = tuple(msgspec.structs.replace(own, **no_delay) for own in paper.exchanges)
    at_once = msgspec.structs.replace(paper, market_fill="full", exchanges=each, **no_delay)
    traded = settings.traded_symbols()
    return msgspec.structs.replace(settings, strategies=(), symbols=traded, paper=at_once)


__all__ = ["short_run"]
