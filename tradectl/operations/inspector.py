"""Looking at an account from outside: asks the running process, or reads what it left.

Plain and quick to import: this is what `status` waits for.
"""

from __future__ import annotations

import contextlib
from typing import Any

from tradectl.control.client import ControlError, ask
from tradectl.domain.errors import NotRunning, UsageError
from tradectl.state.directory import StateDir
from tradectl.state.reader import StateReader, change_alert

ANSWER_S = 2.0
ENDED = {"status": "STOPPED"}
"""What a component is without its process, whatever it last said of itself."""
NOTHING_YET: dict[str, Any] = {
    "mode": "paper",
    "run_id": None,
    "components": {},
    "portfolio": None,
    "positions": [],
    "open_orders": [],
    "bus": {"published": 0, "processed": 0, "failed": 0, "dropped": 0, "queue_depth": 0},
    "last_seq": 0,
    "state_hash": None,
}


class Inspector:
    """Answers for the account in `state_dir`. Nothing is created by asking."""

    def __init__(self, state_dir: StateDir) -> None:
        state_dir.check()
        self._dir = state_dir
        self._reader = StateReader(state_dir.db)

    def status(self) -> dict[str, Any]:
        """The status document: live from the process, else the last one stored."""
        with contextlib.suppress(NotRunning, TimeoutError, ControlError):
            live: dict[str, Any] = ask(self._dir.socket, "status", timeout=ANSWER_S)
            return live
        return self._stored()

    def _stored(self) -> dict[str, Any]:
        run = self._reader.last_run()
        stored = run["status"] if run is not None else {}
        hangs = self._dir.owner() is not None
        halt = self._dir.latch.read()
        document = {**NOTHING_YET, **stored, "running": hangs}
        document["state"] = "HALTED" if halt else "NOT RESPONDING" if hangs else "STOPPED"
        document["halt"] = {"reason": halt.reason, "since": halt.since} if halt else None
        if not hangs:
            document["components"] = {
                name: component if component["status"] == "FAILED" else component | ENDED
                for name, component in document["components"].items()
            }
        if run is not None:
            document["mode"], document["source"] = run["mode"], run["source"]
            document["run_id"] = run["run_id"]
            document["ended_at"] = run["ended_at"]
            document["end_reason"] = run["end_reason"] or (None if hangs else "crashed")
        return document

    def orders(self, limit: int | None = None) -> list[dict[str, Any]]:
        return self._reader.orders(self._account(), limit or -1)

    def fills(self, limit: int | None = None) -> list[dict[str, Any]]:
        return self._reader.fills(self._account(), limit or -1)

    def runs(self) -> list[dict[str, Any]]:
        owner = self._dir.owner()
        found = self._reader.runs()
        for index, run in enumerate(found):
            newest = index == len(found) - 1
            ended = "running" if newest and owner is not None else "crashed"
            run["clean"] = run["ended_at"] is not None and run["end_reason"] != "crashed"
            run["status"] = "clean" if run["clean"] else ended
        return found

    def alerts(self) -> list[dict[str, Any]]:
        self._flush()
        return self._reader.alerts()

    def change_alert(self, alert_id: str, command: str, status: str) -> None:
        """Through the running process, which holds the open ones; else in the database itself.

        Raises UsageError for an id that no alert has.
        """
        with contextlib.suppress(NotRunning, TimeoutError, ControlError):
            ask(self._dir.socket, command, timeout=ANSWER_S, alert_id=alert_id)
            return
        if not change_alert(self._dir.db, alert_id, status):
            raise UsageError(f"no alert has the id {alert_id!r}: see `tradectl alerts --all`")

    def _account(self) -> str:
        """The account of the newest run; the database is brought up to date first."""
        self._flush()
        run = self._reader.last_run()
        return str(run["account_id"]) if run is not None else ""

    def _flush(self) -> None:
        with contextlib.suppress(NotRunning, TimeoutError, ControlError):
            ask(self._dir.socket, "flush", timeout=ANSWER_S)
