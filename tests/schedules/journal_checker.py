"""What a run leaves behind: each recovery of it is the same, every journal replays, and its result adds
up."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
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
        self._found: Recovered | None = None
        self._found_in: list[tuple[Path, int, int]] = []

    def recovered(self) -> Recovered | None:
        """The account as the next run would find it: with the database and without. Where nothing was
        written since the last time, what was found then."""
        path = last_journal(StateDir(self._path), LIVE_ACCOUNT)
        if path is None:
            return None
        written = [*self._written(path)]
        if written != self._found_in:
            self._found, self._found_in = self._recovered(path), written
        return self._found

    def _recovered(self, path: Path) -> Recovered:
        found = recover_from(path, StateReader(self._path / "state.db"))
        bare = recover_from(path, StateReader(self._path / "none.db"))
        if found.state_hash != bare.state_hash:
            self._say(f"{path.name} is recovered differently without the database")
        return found

    def _written(self, journal: Path) -> Iterator[tuple[Path, int, int]]:
        """The journal, and the files of the database that there are; their sizes and ages."""
        for path in (journal, *sorted(self._path.glob("state.db*"))):
            with contextlib.suppress(FileNotFoundError):
                found = path.stat()
                yield path, found.st_size, found.st_mtime_ns

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
