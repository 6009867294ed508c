"""A run as documents: its status while it trades, what a live screen shows besides, and its summary."""

from __future__ import annotations

from collections import deque

import msgspec
from msgspec.structs import asdict

from tradectl.documents.account import (
    AccountStatus,
    Availability,
    FillRow,
    Halt,
    StrategyRow,
)
from tradectl.documents.reasons import Untraded, by_importance
from tradectl.documents.run import (
    LiveStatus,
    Progress,
    RunBusFigures,
    SignalRow,
    Status,
    Summary,
)
from tradectl.domain.errors import Halted
from tradectl.domain.events import OrderFilled, Record, StrategySignalEvent
from tradectl.domain.money import decimal_text
from tradectl.domain.resilience import CLOSED
from tradectl.domain.states import ComponentStatus
from tradectl.domain.time import iso
from tradectl.feeds.base import Feed
from tradectl.feeds.recorded import RecordedFeed
from tradectl.monitoring.alert_manager import AlertManager
from tradectl.monitoring.monitor import SystemMonitor
from tradectl.runtime.funding_coverage import not_covered
from tradectl.runtime.held_back import HeldBackData, as_reasons
from tradectl.runtime.session import Session
from tradectl.state.account import Fill
from tradectl.state.availability import RunTime, held_until
from tradectl.state.bracket_rows import bracket_rows
from tradectl.state.status import (
    allocation_status,
    availability,
    fill_row,
    halt,
    max_drawdown_pct,
    paused,
    portfolio_totals,
    strategy_rows,
)
from tradectl.storage.latch import UNREADABLE

NEWEST = 20
EQUITY_SAMPLES = 240


class RunStatus:
    """What is known of a session, of the feed that it trades on, and of those who watch it.

    `sample` is called once in a while to note the equity; the newest signals and fills are kept.
    """

    def __init__(
        self, session: Session, feed: Feed, alerts: AlertManager, monitor: SystemMonitor
    ) -> None:
        self._session = session
        self._feed = feed
        self._alerts = alerts
        self._monitor = monitor
        self._clock = session.bus.clock
        self._began = self._clock.monotonic()
        self._held_back = HeldBackData(session.bus, session.books)
        self._equity: deque[float] = deque(maxlen=EQUITY_SAMPLES)
        self._signals = session.bus.keep([StrategySignalEvent], NEWEST)
        self._fills = session.bus.keep([OrderFilled], NEWEST)

    def sample(self) -> None:
        self._equity.append(float(self._session.books.equity()))

    def tell_of_exchanges(self) -> None:
        """An exchange is a component like any other, as far as its health goes."""
        session = self._session
        for exchange in session.gateway.status():
            status = ComponentStatus.DEGRADED if exchange.problems else ComponentStatus.RUNNING
            problems = ", ".join(exchange.problems).replace("_", " ")
            if exchange.breaker is not None and exchange.breaker.state != CLOSED and exchange.calls:
                problems = (
                    f"{exchange.breaker.state.replace('_', ' ')}: {exchange.calls.last_error}"
                )
            session.orchestrator.update_component_status(
                f"exchange:{exchange.name}", status, problems
            )

    def now(self) -> Status:
        return self.with_run(self._session.state.status())

    def with_run(self, account: AccountStatus) -> Status:
        """The account's status with what the books do not know: mode, lifecycle, components, figures."""
        session, elapsed = self._session, self._elapsed()
        figures = session.bus.figures()
        return Status(
            **{
                **asdict(account),
                "halt": account.halt or self._unreadable_latch(),
                "strategies": self._strategies(account),
                "brackets": bracket_rows(session.system.portfolio.engine.brackets, session.books),
                "availability": account.availability or self._available(),
            },
            running=True,
            mode=session.settings.mode,
            source=session.source,
            state=session.orchestrator.state,
            run_id=session.run_id,
            account_id=session.books.account.account_id,
            started_at=iso(session.started_at),
            elapsed_s=round(elapsed, 3),
            journal=self._journal(),
            data_age_s=self._monitor.data_age(),
            event_lag=self._monitor.event_lag(),
            slippage_bps=self._slippage(),
            exchanges=session.gateway.status(),
            components=session.bus.components.rows(),
            bus=RunBusFigures(**asdict(figures), rate=_rate(figures.processed, elapsed)),
        )

    def _available(self) -> Availability | None:
        """Of recorded data, since it began."""
        run, began = self._session.state.began.time, self._session.started_at
        if isinstance(self._feed, RecordedFeed):
            began = self._feed.progress.first_ts
        run = RunTime(run.start or began, run.before)
        held = held_until(self._session.books, self._clock.now())
        return availability(run, held) if run.start else None

    def _unreadable_latch(self) -> Halt | None:
        """It counts as set, and the books know nothing of it."""
        if self._session.latch.read() is not UNREADABLE:
            return None
        return Halt(reason=UNREADABLE.reason, since=UNREADABLE.since, state=UNREADABLE.state)

    def live(self) -> LiveStatus:
        """The status, and what only a live screen shows."""
        session = self._session
        return LiveStatus(
            **asdict(self.now()),
            equity_history=list(self._equity),
            signals=[_signal_row(record) for record in self._signals],
            fills=[self._fill_row(record) for record in self._fills],
            alerts=[alert.row(session.run_id) for alert in self._alerts.get_active_alerts()],
            prices={
                symbol: decimal_text(tick.price) for symbol, tick in session.books.last.items()
            },
            resources=self._monitor.resources(),
            progress=self.progress(),
        )

    def summary(self, reason: str) -> Summary:
        """What a run that ended for `reason` has to say for itself."""
        session, books, elapsed = self._session, self._session.books, self._elapsed()
        account, events, began = books.account, session.system.last_seq, session.state.began
        engine = session.system.strategy.engine
        feed = self._feed.progress if isinstance(self._feed, RecordedFeed) else None
        held_back = self._held_back.rows(feed.events if feed else 0)
        return Summary(
            run_id=session.run_id,
            mode=session.settings.mode,
            source=session.source,
            state=session.orchestrator.state,
            reason=reason,
            elapsed_s=round(elapsed, 3),
            events=events,
            rate=round(_rate(events, elapsed)),
            orders=account.orders_count,
            denied=account.denied_count,
            denied_by=session.system.tally.denied_by(),
            allocation=allocation_status(session.books),
            availability=self._available(),
            not_worth_cost=session.system.tally.not_worth_cost,
            fills=account.fills_count,
            paused=paused(books),
            halt=halt(books),
            held_back=held_back,
            held_back_share=decimal_text(self._held_back.share(feed.events)) if feed else None,
            portfolio=portfolio_totals(books),
            strategies=strategy_rows(books),
            pnl=decimal_text(books.profit()),
            run_orders=began.orders_since(books),
            run_fills=began.fills_since(books),
            run_pnl=began.pnl_since(books),
            max_drawdown_pct=max_drawdown_pct(books),
            funding_from=self._funding_from(),
            funding_missing=self.funding_missing(),
            slippage_bps=self._slippage(),
            bad_rows=feed.bad_count if feed else 0,
            bad=dict(feed.bad) if feed else {},
            first_bad_rows=[f"{r.file}:{r.line}: {r.reason}" for r in feed.bad_rows]
            if feed
            else [],
            quarantined=engine.quarantined(),
            failed=engine.failed(),
            untraded=self.untraded(),
            nothing_trades=engine.nothing_trades(),
            tradable_from=self._tradable_from(feed.first_ts) if feed else None,
            journal=self._journal(),
            state_hash=session.state.state_hash(),
            exit_code=Halted.exit_code
            if books.trading_state.is_halt
            else int(engine.nothing_trades()),
        )

    def untraded(self) -> list[Untraded]:
        """Why nothing was traded: what held all of it back, and what each strategy and symbol lacks."""
        session = self._session
        recorded = isinstance(self._feed, RecordedFeed)
        reasons = session.system.untraded(() if recorded else session.settings.symbols)
        if not session.state.began.fills_since(session.books):
            events = self._feed.progress.events if isinstance(self._feed, RecordedFeed) else 0
            reasons = as_reasons(self._held_back.rows(events)) + reasons
        return by_importance(reasons)

    def _tradable_from(self, first_ts: int) -> str | None:
        """When the first strategy had seen what it needs, none earlier than the data begins."""
        warm = [each.warm_since for each in self._session.system.strategy.engine.statistics()]
        since = min((moment for moment in warm if moment), default=0)
        return iso(max(since, first_ts)) if since else None

    def _funding_from(self) -> str | None:
        settings, books = self._session.settings, self._session.books
        if not any(books.instruments[symbol].can_short for symbol in books.account.positions):
            return None
        if settings.mode == "live":
            return "none"
        return settings.paper.funding_from

    def funding_missing(self) -> dict[str, str]:
        """Of what was traded, or before anything was, of the symbols asked for."""
        session, books = self._session, self._session.books
        since = self._feed.progress.first_ts if isinstance(self._feed, RecordedFeed) else 0
        symbols = tuple(books.account.positions) or self._feed.symbols
        now = max((tick.ts for tick in books.last.values()), default=0) or session.started_at
        return not_covered(session, symbols, since or session.started_at, now)

    def _strategies(self, account: AccountStatus) -> list[StrategyRow]:
        """Those that ever traded the account, and those that run."""
        engine = self._session.system.strategy.engine
        warm = {each.name: each.warm for each in engine.statistics()}
        traded = {row.name: row for row in account.strategies}
        new = StrategyRow(name="")
        return [
            msgspec.structs.replace(traded.get(name, new), name=name, warm=warm.get(name))
            for name in sorted({*traded, *warm})
        ]

    def progress(self) -> Progress | None:
        """How far recorded data has come; None for a feed without an end."""
        if not isinstance(self._feed, RecordedFeed):
            return None
        at, elapsed = self._feed.progress, self._elapsed()
        last = self._session.books.last.values()
        fraction = at.played(max((tick.ts for tick in last), default=0))
        return Progress(
            fraction=round(fraction, 4),
            events=at.events,
            rate=round(_rate(at.events, elapsed)),
            eta_s=round(elapsed / fraction - elapsed, 1) if fraction else None,
            bad_rows=at.bad_count,
        )

    def _fill_row(self, record: Record) -> FillRow:
        event: OrderFilled = record.event  # type: ignore[assignment]  # of the kept kind
        books = self._session.books
        order = books.order(event.order_id)
        fill = Fill(event, order.spec.entered_by if order is not None else "", record.at)
        return fill_row(fill, books.account.account_id, self._session.run_id)

    def _journal(self) -> str:
        return str(self._session.journal_path) if self._session.journalled else ""

    def _slippage(self) -> str:
        return str(self._session.system.execution.engine.slippage_bps())

    def _elapsed(self) -> float:
        return self._clock.monotonic() - self._began


def _signal_row(record: Record) -> SignalRow:
    event: StrategySignalEvent = record.event  # type: ignore[assignment]  # of the kept kind
    return SignalRow(
        time=iso(record.at),
        symbol=event.symbol,
        action=event.action,
        strategy=event.strategy,
        strength=event.strength,
    )


def _rate(events: int, elapsed: float) -> float:
    return round(events / max(elapsed, 0.001), 1)
