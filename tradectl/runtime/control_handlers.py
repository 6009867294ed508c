"""What the control socket can ask of a run. What only few ask for is loaded for who does."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

from tradectl.control.server import Handler
from tradectl.documents.control import Done, StateChange, Stopping
from tradectl.documents.explain import FailedEvents
from tradectl.documents.operations import Reconciliation, StopReport
from tradectl.documents.run import LiveStatus, Status
from tradectl.domain.event import Acceptance
from tradectl.domain.states import AlertSeverity
from tradectl.exchange.base import Accepted
from tradectl.monitoring.alert_manager import AlertManager
from tradectl.runtime.by_hand import ByHand
from tradectl.runtime.in_process_reconcile import SharedComparison
from tradectl.runtime.in_process_stop import Stop, stop_session
from tradectl.runtime.run_status import RunStatus
from tradectl.runtime.session import Session

if TYPE_CHECKING:
    from tradectl.documents.risk import RiskReport
    from tradectl.documents.settings import SettingsApplied
    from tradectl.runtime.reloading import Reloading

STOP_S, LONGEST_STOP_S = 3.0, 25.0
"""How long an emergency stop may take: as long as its asker waits, but no less and no more than this."""
STOP_TOLD_S = 1.5
"""So long before its asker gives up it comes to its end: what it could not do is told in time, too. Who
waits for less than `STOP_S` and this may have no answer, and finishes the job in its own way."""


class ControlHandlers:
    """A coroutine function for each command, taking the request's arguments; `end` ends the run for a
    reason, `reloading` gives who changes its settings.

    None answers what the journal does not have: that is written first, or the answer is why not.
    """

    def __init__(
        self,
        session: Session,
        run_status: RunStatus,
        alerts: AlertManager,
        end: Callable[[str], None],
        reloading: Callable[[], Reloading],
    ) -> None:
        self._session = session
        self._run_status = run_status
        self._alerts = alerts
        self._end = end
        self._reloading = reloading
        self._comparison = SharedComparison(session)
        self._by_hand = ByHand(session)

    def by_command(self) -> dict[str, Handler]:
        return {
            "status": self.status,
            "live": self.live,
            "flush": self.flush,
            "risk": self.risk,
            "pause": self.pause,
            "resume": self.resume,
            "stop": self.stop,
            "emergency_stop": self.emergency_stop,
            "reconcile": self.reconcile,
            "order": self._by_hand.order,
            "close": self._by_hand.close,
            "cancel": self._by_hand.cancel,
            "acknowledge_alert": self.acknowledge,
            "resolve_alert": self.resolve,
            "web_refused": self.web_refused,
            "failed_events": self.failed_events,
            "apply_settings": self.apply_settings,
        }

    async def status(self) -> Status:
        now = self._run_status.now()
        await self._session.bus.synced()
        return now

    async def live(self) -> LiveStatus:
        return self._run_status.live()

    async def risk(self) -> RiskReport:
        from tradectl.analysis.risk_report import risk_report

        session = self._session
        return risk_report(
            session.books,
            run_id=session.run_id,
            at=session.bus.clock.now(),
            running=True,
            state=session.orchestrator.state,
        )

    async def flush(self) -> Done:
        """Have the database show the present."""
        await self._session.bus.synced()
        await self._session.state.flush()
        await self._alerts.flush()
        return Done()

    async def pause(self, reason: str = "by command", by: str = "") -> StateChange:
        await self._session.orchestrator.pause(reason, by=by)
        return StateChange(state=self._session.orchestrator.state)

    async def resume(self, by: str = "") -> StateChange:
        await self._session.orchestrator.resume(by=by)
        return StateChange(state=self._session.orchestrator.state)

    async def stop(self) -> Stopping:
        await self._session.bus.synced()
        self._end("stopped by command")
        return Stopping(journal=str(self._session.journal_path))

    async def emergency_stop(
        self,
        reason: str,
        by: str = "",
        flatten: bool = False,
        everything: bool = False,
        drop_protection: bool = False,
        deadline: float | None = None,
    ) -> StopReport:
        """`deadline` is when whoever asked gives up (monotonic s)."""
        stop = Stop(by=by, flatten=flatten, everything=everything, drop_protection=drop_protection)
        now = self._session.bus.clock.monotonic()
        waits = deadline - now - STOP_TOLD_S if deadline is not None else STOP_S
        takes = min(max(waits, STOP_S), LONGEST_STOP_S)
        report = await stop_session(self._session, reason, stop, now + takes)
        self._end("halted")
        return report

    async def reconcile(
        self,
        accept: Acceptance | None = None,
        symbols: tuple[str, ...] = (),
        price: Decimal | None = None,
        confirm: bool = False,
    ) -> Reconciliation:
        accepted = None if accept is None else Accepted(accept, symbols, price)
        return await self._comparison.compare(accepted, confirm=confirm)

    async def acknowledge(self, alert_id: str) -> Done:
        self._alerts.acknowledge(alert_id)
        await self._alerts.flush()
        return Done()

    async def resolve(self, alert_id: str) -> Done:
        self._alerts.resolve(alert_id)
        await self._alerts.flush()
        return Done()

    async def apply_settings(
        self, file: str = "", confirm: bool = False, dry_run: bool = False, plan: str = ""
    ) -> SettingsApplied:
        return await self._reloading().apply(file, confirm, dry_run, plan)

    async def web_refused(self, message: str) -> Done:
        self._alerts.raise_alert("web_access", message, AlertSeverity.WARNING, "web")
        await self._alerts.flush()
        return Done()

    async def failed_events(self, retry: bool = False) -> FailedEvents:
        """Those that a handler could not handle, oldest first, as they were before a `retry`."""
        from tradectl.explain.event_rows import failed_row

        bus = self._session.bus
        failed = [failed_row(letter) for letter in bus.failed_events()]
        if retry:
            bus.retry_failed()
        return FailedEvents(events=failed)
