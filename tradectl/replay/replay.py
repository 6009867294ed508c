"""Replay: feed a journal's inputs to the same core again and compare what comes out.

The inputs (market data, exchange reports, commands, timers) are taken as recorded; every decision is
made anew and must be the recorded one, event by event, and so must the state at the end. What is proven
is our side: the journal holds the exchange's answers, not its reasons.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from tradectl.adapters.gateway import NoGateway
from tradectl.bus.clock import DataClock
from tradectl.bus.core import Core
from tradectl.bus.event_bus import EventBus
from tradectl.config.settings import Settings
from tradectl.documents.operations import Divergence, ReplayReport
from tradectl.domain.errors import UsageError
from tradectl.domain.events import Record
from tradectl.domain.time import SECOND
from tradectl.journal.event_log import read_log
from tradectl.journal.writer import Header
from tradectl.state.account import Account
from tradectl.state.manager import StateManager
from tradectl.system.trading_system import TradingSystem, make_books, strategy_hashes
from tradectl.version import __version__

LONGEST_NAP_S = 0.2
NO_LIMIT = 1 << 63

Progress = Callable[[int], None]


class Replay:
    """A journal and the core that is to repeat it. Raises JournalError, ConfigError, UsageError."""

    def __init__(self, path: Path) -> None:
        self.journal = read_log(path)
        header = self.journal.header
        settings = Settings.load(header.config)
        self.bus = EventBus(clock=DataClock(), core=Core(header.run_id))
        self.books = make_books(settings, Account.load(header.state))
        self.state = StateManager(self.bus, books=self.books)
        self._trading = TradingSystem(settings, self.bus, self.state, NoGateway())
        self.result = ReplayReport(
            journal=str(path), run_id=header.run_id, notes=_differences(header, settings)
        )

    async def run(
        self,
        *,
        verify: bool = True,
        until: int = NO_LIMIT,
        speed: float | None = None,
        progress: Progress | None = None,
    ) -> ReplayReport:
        """Replay up to record `until`, `speed` times as fast as it happened (None: at full speed)."""
        started = time.perf_counter()
        await self.state.start()
        for _, component in self._trading.components():
            await component.start()
        comparison = Comparison(self.result)
        pace = ReplayPacer(speed)
        with self.journal as journal:
            for group in journal.groups():
                for record in group:
                    if record.seq > until:
                        break
                    self._take(record, comparison, verify=verify)
                    pace.wait_for(record.at)
                if progress is not None:
                    progress(self.result.events)
                if self.result.events >= until:
                    break
            else:
                comparison.end()
                self._compare_end(verify=verify)
        return self._finish(started, verify=verify)

    def _take(self, record: Record, comparison: Comparison, *, verify: bool) -> None:
        result, core = self.result, self.bus.core
        result.events += 1
        if record.cause:
            if verify:
                comparison.recorded(record)
            return
        comparison.end()
        result.inputs += 1
        core.seq = record.seq - 1
        self.bus.clock.stamp(record.at)
        records: list[Record] = []
        core.step(record.event, record.at, records)
        core.outbox.clear()
        self.books.touched.clear()
        self.books.new_fills.clear()
        if verify:
            comparison.replayed(records)

    def _compare_end(self, *, verify: bool) -> None:
        result, footer = self.result, self.journal.footer
        result.truncated_tail = self.journal.torn
        result.clean = footer is not None
        if footer is None:
            return
        result.recorded_state_hash = footer.state_hash
        if verify and not result.divergences and self.state.state_hash() != footer.state_hash:
            result.divergences += 1
            result.notes.append("every event is as recorded, but the state at the end is not")

    def _finish(self, started: float, *, verify: bool) -> ReplayReport:
        result = self.result
        result.state_hash = self.state.state_hash()
        result.elapsed_s = round(time.perf_counter() - started, 4)
        result.events_per_s = round(result.events / max(result.elapsed_s, 1e-6))
        result.verified = result.divergences == 0 if verify else None
        return result


class Comparison:
    """Holds what the core derived until the journal has said the same, or something else."""

    def __init__(self, result: ReplayReport) -> None:
        self._result = result
        self._expected: deque[Record] = deque()

    def replayed(self, records: list[Record]) -> None:
        """One input's records, the input itself first."""
        self._expected.extend(records[1:])

    def recorded(self, record: Record) -> None:
        self._result.compared += 1
        derived = self._expected.popleft() if self._expected else None
        if derived != record:
            self._differ(record, derived)

    def end(self) -> None:
        """The next input comes: what was derived and not recorded is missing from the journal."""
        while self._expected:
            self._differ(None, self._expected.popleft())

    def _differ(self, recorded: Record | None, derived: Record | None) -> None:
        result = self._result
        result.divergences += 1
        if result.first_divergence is None:
            seq = (
                recorded.seq if recorded is not None else derived.seq if derived is not None else 0
            )
            result.first_divergence = Divergence(
                seq=seq, recorded=_plain(recorded), replayed=_plain(derived)
            )


class ReplayPacer:
    """Waits as long as the recorded run took, divided by `speed`."""

    def __init__(self, speed: float | None) -> None:
        self._speed = speed
        self._first_at = 0
        self._started = 0.0

    def wait_for(self, at: int) -> None:
        if self._speed is None:
            return
        if not self._first_at:
            self._first_at, self._started = at, time.monotonic()
        due = self._started + (at - self._first_at) / SECOND / self._speed
        while (ahead := due - time.monotonic()) > 0:
            time.sleep(min(ahead, LONGEST_NAP_S))


def _plain(record: Record | None) -> dict[str, Any] | None:
    if record is None:
        return None
    plain: dict[str, Any] = msgspec.to_builtins(record)
    return plain


def _differences(header: Header, settings: Settings) -> list[str]:
    """Why a divergence might be no fault: other code decides now than decided then."""
    notes = []
    if header.program != __version__:
        notes.append(f"recorded by tradectl {header.program}, replayed by {__version__}")
    try:
        now = strategy_hashes(settings)
    except UsageError as error:
        raise UsageError(f"cannot replay {header.run_id}: {error}") from error
    for name, recorded in header.strategies.items():
        if now.get(name) != recorded:
            notes.append(f"the strategy {name} has changed since it was recorded")
    return notes
