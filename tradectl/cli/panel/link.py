"""What the panel's keys reach: the running system, over its socket, as the commands do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rich.console import RenderableType

from tradectl.cli.output.risk import report
from tradectl.cli.panel.look import Deed
from tradectl.control.client import ask
from tradectl.documents.control import StateChange
from tradectl.documents.operations import StopReport
from tradectl.documents.risk import RiskReport
from tradectl.domain.errors import UsageError
from tradectl.domain.states import told_of_pause
from tradectl.domain.text import counted

BY = "panel"
REASON = "by the panel"
STOP_S = 5.0


class SocketLink:
    """Of the system that listens on `socket`; a run on recorded data has none. `stop` does an emergency
    stop; another process than the trading one does it in every way that there is."""

    def __init__(self, socket: Path | None, stop: Callable[[], StopReport] | None = None) -> None:
        self._listens = socket
        self._stop = stop or self._asked_to_stop

    @property
    def _socket(self) -> Path:
        if self._listens is None:
            raise UsageError("a run on recorded data takes no commands: Ctrl-C ends it")
        return self._listens

    def do(self, deed: Deed) -> str:
        if deed == "stop":
            return _told(self._stop())
        if deed == "pause":
            state = ask(self._socket, "pause", StateChange, reason=REASON, by=BY).state
            return f"pause: it is {state}: {told_of_pause(state)}"
        return f"resume: it is {ask(self._socket, 'resume', StateChange, by=BY).state}"

    def risk(self) -> RenderableType:
        return report(ask(self._socket, "risk", RiskReport))

    def _asked_to_stop(self) -> StopReport:
        return ask(self._socket, "emergency_stop", StopReport, timeout=STOP_S, reason=REASON, by=BY)


def _told(report: StopReport) -> str:
    done = f"stopped: {counted(len(report.cancelled), 'order')} cancelled"
    if bare := ", ".join(report.unprotected):
        done += f"; WITHOUT A STOP: {bare}: `tradectl emergency-stop --flatten` closes them"
    if report.confirmed:
        return f"{done}; confirmed"
    left = ", ".join([*report.open_orders_left, *report.positions_left]) or "not known"
    return f"{done}, NOT confirmed, left: {left}; run `tradectl emergency-stop`"


__all__ = ["REASON", "STOP_S", "SocketLink"]
