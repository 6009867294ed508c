"""Replay: feed a journal's inputs to the same core again and compare what comes out.

The inputs (market data, exchange reports, commands, timers) are taken as recorded; every decision is
made anew and must be the recorded one, event by event, and so must the state at the end. What is proven
is our side: the journal holds the exchange's answers, not its reasons.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from tradectl.bus.clock import Clock, DataClock
from tradectl.config.settings import Settings
from tradectl.documents.operations import Divergence, ReplayReport
from tradectl.domain.errors import UsageError
from tradectl.domain.events import Record, WeightsComputed
from tradectl.domain.time import SECOND
from tradectl.feeds.whole_log import read_log
from tradectl.journal.reader import NO_KEYS
from tradectl.journal.run_lock import goes_on
from tradectl.journal.signature import KnownKeys
from tradectl.journal.writer import SHORT, Header
from tradectl.replay.weights_check import WeightsCheck
from tradectl.state.account import Account
from tradectl.system.follower import Deciding
from tradectl.system.trading_system import TradingSystem, module_hashes, strategy_hashes
from tradectl.version import __version__

LONGEST_NAP_S = 0.2
NO_LIMIT = 1 << 63
NO_FOOTER = "the journal has no footer: the run was killed, or parts at its end are missing"


class Replay:
    """A log and the system that is to repeat it; `judge` takes the log's settings, and gives those that
    may be run; by `keys` the report says who signed it. Raises JournalError, ConfigError, UsageError."""

    def __init__(
        self,
        path: Path,
        clock: Clock | None = None,
        judge: Callable[[Settings], Settings] = lambda settings: settings,
        keys: KnownKeys = NO_KEYS,
    ) -> None:
        self.log = read_log(path, keys)
        header = self.log.header
        settings = judge(Settings.load(header.config))
        self.system = TradingSystem(
            settings,
            Account.begun_with(header.state, header.run_id),
            header.run_id,
            clock or DataClock(),
            has_strategies=header.source not in SHORT,
        )
        self._symbols = () if header.source == "recorded" else settings.symbols
        self.result = ReplayReport(
            journal=str(path), run_id=header.run_id, notes=_differences(header, settings)
        )

    def run(
        self,
        *,
        verify: bool = True,
        until: int = NO_LIMIT,
        speed: float | None = None,
    ) -> ReplayReport:
        """Replay up to record `until`, `speed` times as fast as it happened (None: at full speed)."""
        clock = self.system.bus.clock
        started = clock.ticks()
        follower = Deciding(self.system, self._differ if verify else None)
        pacer = ReplayPacer(speed, clock)
        weights = WeightsCheck(self.system)
        with self.log as log:
            for group in log.groups():
                for record in group:
                    if record.seq > until:
                        break
                    if verify and record.event.__class__ is WeightsComputed:
                        weights.compare(record)
                    follower.take(record)
                    pacer.wait_for(record.at)
                if follower.records >= until:
                    break
            else:
                follower.end()
                self._compare_end(verify=verify)
        self.result.notes += weights.notes()
        return self._finish(follower, clock.ticks() - started, verify=verify)

    def _differ(self, recorded: Record | None, decided: Record | None) -> None:
        result = self.result
        result.divergences += 1
        if result.first_divergence is None:
            seq = next((r.seq for r in (recorded, decided) if r is not None), 0)
            result.first_divergence = Divergence(
                seq=seq, recorded=_plain(recorded), replayed=_plain(decided)
            )

    def _compare_end(self, *, verify: bool) -> None:
        result, footer = self.result, self.log.footer
        result.truncated_tail = self.log.torn
        result.clean = footer is not None
        if footer is None:
            if not goes_on(Path(result.journal)):
                result.notes.append(NO_FOOTER)
            return
        result.recorded_state_hash = footer.state_hash
        if verify and not result.divergences and self.system.state_hash() != footer.state_hash:
            result.divergences += 1
            result.notes.append("every event is as recorded, but the state at the end is not")

    def _finish(self, follower: Deciding, took_ns: int, *, verify: bool) -> ReplayReport:
        result = self.result
        result.signed = self.log.signature.signed.value
        result.events, result.inputs = follower.records, follower.inputs
        result.compared = follower.compared
        result.fills = self.system.tally.fills
        result.untraded = self.system.untraded(self._symbols)
        result.state_hash = self.system.state_hash()
        result.elapsed_s = round(took_ns / SECOND, 4)
        result.events_per_s = round(result.events / max(result.elapsed_s, 1e-6))
        result.verified = result.divergences == 0 if verify else None
        return result


class ReplayPacer:
    """Waits as long as the recorded run took, divided by `speed`."""

    def __init__(self, speed: float | None, clock: Clock) -> None:
        self._speed = speed
        self._clock = clock
        self._first_at = 0
        self._started = 0.0

    def wait_for(self, at: int) -> None:
        if self._speed is None:
            return
        if not self._first_at:
            self._first_at, self._started = at, self._clock.monotonic()
        due = self._started + (at - self._first_at) / SECOND / self._speed
        while (ahead := due - self._clock.monotonic()) > 0:
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
        now, modules = strategy_hashes(settings), module_hashes(settings)
    except UsageError as error:
        raise UsageError(f"cannot replay {header.run_id}: {error}") from error
    for name, recorded in header.strategies.items():
        if now.get(name) != recorded:
            notes.append(f"the strategy {name} has changed since it was recorded")
    for name in sorted({*header.modules, *modules}):
        if header.modules.get(name) != modules.get(name):
            notes.append(f"the module {name}, which decides here, has changed since")
    return notes
