"""A run as documents: its status while it trades, and the summary at the end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import asdict

from tradectl.documents.account import AccountStatus
from tradectl.documents.run import (
    BusFigures,
    LiveStatus,
    Progress,
    Resources,
    Status,
    Summary,
)
from tradectl.domain.errors import Halted
from tradectl.domain.time import iso
from tradectl.feeds.recorded import RecordedFeed
from tradectl.state.status import money, portfolio_totals

if TYPE_CHECKING:
    from tradectl.runtime.run import TradingRun


def status_of(run: TradingRun) -> Status:
    return run_status(run, run.state.status())


def run_status(run: TradingRun, account: AccountStatus) -> Status:
    """The account's status with what the books do not know: mode, lifecycle, components, figures."""
    elapsed = time.monotonic() - run.started
    figures = msgspec.convert(run.bus.get_metrics(), BusFigures)
    return Status(
        **asdict(account),
        running=True,
        mode=run.settings.mode,
        source=run.source,
        state=run.orchestrator.state,
        run_id=run.run_id,
        account_id=run.books.account.account_id,
        started_at=iso(run.started_at),
        elapsed_s=round(elapsed, 3),
        journal=str(run.journal_path),
        data_age_s=run.monitor.data_age(),
        slippage_bps=str(run.system.execution.engine.slippage_bps()),
        exchanges=run.gateway.status(),
        components=run.bus.components.rows(),
        bus=msgspec.structs.replace(figures, rate=_rate(figures.processed, elapsed)),
    )


def live_status_of(run: TradingRun) -> LiveStatus:
    """The status, and what only a live screen shows."""
    return LiveStatus(
        **asdict(status_of(run)),
        equity_history=list(run.history.equity),
        signals=run.history.signals(),
        fills=run.history.fills(),
        alerts=[alert.row(run.run_id) for alert in run.alerts.get_active_alerts()],
        prices={symbol: money(tick.price) for symbol, tick in run.books.last.items()},
        resources=msgspec.convert(run.monitor.resources(), Resources),
        progress=_progress(run),
    )


def summary_of(run: TradingRun) -> Summary:
    """What a finished run has to say for itself."""
    books, elapsed = run.books, time.monotonic() - run.started
    account = books.account
    feed = run.feed.progress if isinstance(run.feed, RecordedFeed) else None
    return Summary(
        run_id=run.run_id,
        mode=run.settings.mode,
        source=run.source,
        state=run.orchestrator.state,
        reason=run.end_reason,
        elapsed_s=round(elapsed, 3),
        events=run.bus.core.seq,
        rate=round(_rate(run.bus.core.seq, elapsed)),
        orders=account.orders_count,
        denied=account.denied_count,
        fills=account.fills_count,
        portfolio=portfolio_totals(books),
        pnl=money(books.profit()),
        slippage_bps=str(run.system.execution.engine.slippage_bps()),
        bad_rows=feed.bad_count if feed else 0,
        bad=dict(feed.bad) if feed else {},
        first_bad_rows=[f"{r.file}:{r.line}: {r.reason}" for r in feed.bad_rows] if feed else [],
        journal=str(run.journal_path),
        state_hash=run.state.state_hash(),
        exit_code=Halted.exit_code if run.orchestrator.halted.is_set() else 0,
    )


def _progress(run: TradingRun) -> Progress | None:
    """How far recorded data has come; None for a feed without an end."""
    if not isinstance(run.feed, RecordedFeed):
        return None
    at, elapsed = run.feed.progress, time.monotonic() - run.started
    fraction = at.fraction
    return Progress(
        fraction=round(fraction, 4),
        events=at.events,
        rate=round(_rate(at.events, elapsed)),
        eta_s=round(elapsed / fraction - elapsed, 1) if fraction else None,
        bad_rows=at.bad_count,
    )


def _rate(events: int, elapsed: float) -> float:
    return round(events / max(elapsed, 0.001), 1)
