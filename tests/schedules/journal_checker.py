"""What a run leaves behind: each recovery of it is the same, every journal replays, and its result adds
up."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

from tradectl.analysis.run_analysis import analyse
from tradectl.domain.events import LimitBreached
from tradectl.domain.money import ZERO
from tradectl.journal.reader import JournalReader, NotBegun
from tradectl.recovery.recovery import LIVE_ACCOUNT, Recovered, last_journal, recover_from
from tradectl.replay.replay import Replay
from tradectl.storage.directory import StateDir
from tradectl.storage.reader import StateReader

FAULTS_OF_OURS = ("core_error", "EXCHANGE_TASK_FAILED", "runaway_cascade", "ACCESS_LOST")


class JournalChecker:
    """Of the state directory at `path`."""

    def __init__(self, path: Path, say: Callable[[str], None]) -> None:
        self._path = path
        self._say = say

    def recovered(self) -> Recovered | None:
        """The account as the next run would find it: with the database and without."""
        path = last_journal(StateDir(self._path), LIVE_ACCOUNT)
        if path is None:
            return None
        found = recover_from(path, StateReader(self._path / "state.db"))
        bare = recover_from(path, StateReader(self._path / "none.db"))
        if found.state_hash != bare.state_hash:
            self._say(f"{path.name} is recovered differently without the database")
        return found

    async def replayed(self) -> None:
        for path in sorted((self._path / "journals").glob("*.jsonl")):
            with contextlib.suppress(NotBegun):
                await self._replay(path)

    async def _replay(self, path: Path) -> None:
        with JournalReader(path) as journal:
            for record in journal.records():
                event = record.event
                if isinstance(event, LimitBreached) and event.code in FAULTS_OF_OURS:
                    self._say(f"{path.name}, record {record.seq}: {event.code}: {event.message}")
        replay = Replay(path)
        result = replay.run()
        if not result.verified:
            self._say(f"{path.name} replays differently: {result.first_divergence} {result.notes}")
        self._adds_up(path)
        await asyncio.sleep(0)

    def _adds_up(self, path: Path) -> None:
        """What the account gained is told to the last digit: by round trips, and by days."""
        told = analyse(path)
        if told.unexplained:
            self._say(f"{path.name}: no round trip tells of {told.unexplained} of {told.pnl}")
        by_day = sum((day.pnl for day in told.curve.days), ZERO)
        if by_day != told.pnl:
            self._say(f"{path.name}: the days made {by_day}, and the run {told.pnl}")


__all__ = ["JournalChecker"]
