"""A run as others see it: the status document, and the summary at the end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tradectl.domain.errors import Halted
from tradectl.domain.time import iso
from tradectl.feeds.recorded import RecordedFeed
from tradectl.state.status import money, portfolio

if TYPE_CHECKING:
    from tradectl.runtime.run import TradingRun


def describe(run: TradingRun) -> dict[str, Any]:
    """What the books do not know: mode, lifecycle, components, figures of bus and machine."""
    status = run.orchestrator.get_system_status()
    elapsed = time.monotonic() - run.started
    status["bus"]["rate"] = round(status["bus"]["processed"] / max(elapsed, 0.001), 1)
    return {
        "running": True,
        "mode": run.settings.mode,
        "source": run.source,
        "run_id": run.run_id,
        "account_id": run.books.account.account_id,
        "started_at": iso(run.started_at),
        "elapsed_s": round(elapsed, 3),
        "journal": str(run.journal_path),
        "data_age_s": run.monitor.data_age(),
        "slippage_bps": str(run.trading.execution.engine.slippage_bps()),
        "exchanges": exchanges(run),
        **status,
    }


def exchanges(run: TradingRun) -> list[dict[str, Any]]:
    """What each exchange that we trade at was last seen to have besides what the books know."""
    return [
        {
            "name": exchange.name,
            "symbols": list(exchange.symbols),
            "foreign_orders": list(exchange.foreign_orders),
            "unknown_orders": exchange.unknown_orders,
        }
        for exchange in run.gateway.status()
    ]


def document(run: TradingRun) -> dict[str, Any]:
    """All of `status --json`."""
    return {**run.state.document(), **describe(run)}


def screen_document(run: TradingRun) -> dict[str, Any]:
    """`status --json` and what only a live screen shows."""
    return {
        **document(run),
        "equity_history": list(run.recent.equity),
        "signals": run.recent.signals(),
        "fills": run.recent.fills(),
        "alerts": [alert.document() for alert in run.alerts.get_active_alerts()],
        "prices": {symbol: money(tick.price) for symbol, tick in run.books.last.items()},
        "resources": run.monitor.resources(),
        "progress": progress(run),
    }


def progress(run: TradingRun) -> dict[str, Any] | None:
    """How far recorded data has come; None for a feed without an end."""
    if not isinstance(run.feed, RecordedFeed):
        return None
    at, elapsed = run.feed.progress, time.monotonic() - run.started
    fraction = at.fraction
    return {
        "fraction": round(fraction, 4),
        "events": at.events,
        "rate": round(at.events / max(elapsed, 0.001)),
        "eta_s": round(elapsed / fraction - elapsed, 1) if fraction else None,
        "bad_rows": at.bad_count,
    }


def summary(run: TradingRun) -> dict[str, Any]:
    """What a finished run has to say for itself."""
    books, elapsed = run.books, time.monotonic() - run.started
    account = books.account
    feed = run.feed.progress if isinstance(run.feed, RecordedFeed) else None
    return {
        "run_id": run.run_id,
        "mode": run.settings.mode,
        "source": run.source,
        "state": run.orchestrator.state,
        "reason": run.end_reason,
        "elapsed_s": round(elapsed, 3),
        "events": run.bus.core.seq,
        "rate": round(run.bus.core.seq / max(elapsed, 0.001)),
        "orders": account.orders_count,
        "denied": account.denied_count,
        "fills": account.fills_count,
        "portfolio": portfolio(books),
        "pnl": money(books.profit()),
        "slippage_bps": str(run.trading.execution.engine.slippage_bps()),
        "bad_rows": feed.bad_count if feed else 0,
        "bad": dict(feed.bad) if feed else {},
        "first_bad_rows": [f"{r.file}:{r.line}: {r.reason}" for r in feed.bad_rows] if feed else [],
        "journal": str(run.journal_path),
        "state_hash": run.state.state_hash(),
        "exit_code": Halted.exit_code if run.orchestrator.halted.is_set() else 0,
    }
