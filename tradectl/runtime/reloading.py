"""Settings that change while a run trades, by its own configuration file.

The file is read again as the command line of this run reads it, with its flags and environment: so what
is applied is just what holds when that command line is started again, and nothing is applied that would
be lost. Nothing applies by itself when a file is saved.

All or nothing: one setting that cannot be changed refuses all. What loosens a limit needs a confirmation.
Who asks is answered once the change is in the journal; two that ask come one after the other, and the
second sees what the first has made of it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Protocol

import msgspec

from tradectl.config.reload import (
    Difference,
    Verdict,
    change_of,
    differences,
    loosens,
    patched,
    values_of,
)
from tradectl.config.render import OFF, literal
from tradectl.config.settings import Settings
from tradectl.documents.settings import SettingDifference, SettingsApplied
from tradectl.domain.canonical import canonical_hash
from tradectl.domain.errors import UsageError
from tradectl.domain.setting import HIGHER_IS_LOOSER
from tradectl.domain.system_events import changed_tables
from tradectl.domain.text import harmless
from tradectl.notification.address import without_addresses
from tradectl.runtime.orchestrator import Lifecycle
from tradectl.runtime.run_options import RunOptions
from tradectl.runtime.session import Session
from tradectl.runtime.succession import Succession
from tradectl.strategy.succession import changed

DATA_AGE = "risk.max_data_age_seconds"
DEFAULT = "default"
TELLS = ("alert_routes", "alert_escalations")
PLAN_DIGITS = 8
NO_FILE = (
    "this run was begun without a configuration file: what is applied would not hold when it is started "
    "again; begin it with -c FILE"
)


class Watching(Protocol):
    """Those who watch a run."""

    @property
    def tells(self) -> bool:
        """People are told of something."""
        ...

    async def follow(self, settings: Settings) -> None:
        """Go by these from here on."""
        ...


class Reloading:
    """Of one run, by its `options`, with those who watch it."""

    def __init__(self, session: Session, options: RunOptions, watchers: Watching) -> None:
        self._session = session
        self._options = options
        self._watchers = watchers
        self._typed = options.typed
        self._lock = asyncio.Lock()
        self._succession = Succession(session, options)

    async def apply(
        self, file: str = "", confirm: bool = False, dry_run: bool = False, plan: str = ""
    ) -> SettingsApplied:
        """Raises ConfigError for a file that is not good, UsageError for one that is not this run's."""
        async with self._lock:
            asked, wanted = self._read(file)
            judged = [self._judged(each, wanted) for each in differences(asked, wanted)]
            found = [each for each in judged if each.old != each.new]
            why = self._in_the_way(found, confirm=confirm, plan=plan)
            if not found or why:
                return self._answer(found, why=why)
            if dry_run:
                return await self._tried(found)
            return await self._apply(found, wanted)

    @property
    def _path(self) -> str:
        return harmless(os.path.realpath(self._options.config or ""))

    def _read(self, file: str) -> tuple[Settings, Settings]:
        """What the run was asked for last, and what it is asked for now."""
        path, typed = self._options.config, self._typed
        if path is None or typed is None:
            raise UsageError(NO_FILE)
        if file and os.path.realpath(file) != os.path.realpath(path):
            raise UsageError(
                f"this run was begun with {self._path}, not with {file}: change that one, or start anew"
            )
        if self._session.orchestrator.lifecycle is not Lifecycle.RUNNING:
            raise UsageError("the run is ending: what the file says holds for the next one")
        return typed.settings, typed.read()

    def _judged(self, found: Difference, wanted: Settings) -> Difference:
        """What only this run knows of a difference."""
        if found.verdict == "refused":
            return found
        why = self._not_begun(found)
        if why:
            return _refused(found, why)
        if found.key == DATA_AGE and self._options.on_exchange:
            return _judged_age(found, Decimal(str(wanted.feed.stale_after_seconds)))
        return found

    def _not_begun(self, found: Difference) -> str:
        """Why nobody could go by it: who would is made as a run begins. Empty where somebody does."""
        begun = self._session.settings
        if found.key in TELLS and not self._watchers.tells:
            return "nobody is told of anything: channels are opened as a run begins"
        if found.key == "log.level" and "off" in (found.old, found.new):
            return "the log is opened as a run begins, and closed as it ends"
        if found.key == "monitoring.anomaly_score" and not begun.monitoring.anomaly_score:
            return "what is usual is learnt from the beginning of a run on"
        if found.key == "monitoring.telegram_chats" and not begun.monitoring.telegram_chats:
            return "who listens to chats is started as a run begins"
        return ""

    def _in_the_way(self, found: Sequence[Difference], *, confirm: bool, plan: str) -> str:
        refused = [each.key for each in found if each.verdict == "refused"]
        if plan and plan != _plan(found):
            return "what differs is no longer what you have seen: look at it again"
        if refused:
            return (
                f"{', '.join(refused)} cannot be changed while the run trades: nothing was applied"
            )
        loosened = [each.key for each in found if each.verdict == "loosens"]
        if loosened and not confirm:
            return (
                f"it loosens {', '.join(loosened)}: nothing was applied; add --confirm to apply it"
            )
        return ""

    async def _apply(self, found: list[Difference], wanted: Settings) -> SettingsApplied:
        session = self._session
        running = session.system.settings
        asked = patched(running, values_of(found))
        strategies = changed(asked.strategies, session.system.strategy.engine.instances())
        warmed = await self._succession.warmed(strategies)
        change = change_of(
            running, found, warmed.rest, shown=warmed.shown, reason=self._path, by="operator"
        )
        await session.orchestrator.configure(change)
        if self._typed is not None:
            self._typed = msgspec.structs.replace(self._typed, settings=wanted)
        session.follow(session.system.settings)
        await self._watchers.follow(session.system.settings)
        notes = [*warmed.notes, *self._succession.left(strategies)]
        return self._answer(found, seq=session.system.changed_at, notes=notes)

    async def _tried(self, found: list[Difference]) -> SettingsApplied:
        """Whether strategies would take their parameters, too."""
        asked = patched(self._session.system.settings, values_of(found))
        instances = self._session.system.strategy.engine.instances()
        notes = await self._succession.tried(changed(asked.strategies, instances))
        return self._answer(found, notes=notes)

    def _answer(
        self,
        found: list[Difference],
        *,
        why: str = "",
        seq: int | None = None,
        notes: Sequence[str] = (),
    ) -> SettingsApplied:
        return SettingsApplied(
            file=self._path,
            run_id=self._session.run_id,
            state=self._session.orchestrator.state,
            applied=seq is not None,
            differences=[row for each in found for row in _rows(each)],
            plan=_plan(found),
            seq=seq,
            why=why,
            notes=[harmless(note) for note in notes],
        )


def _refused(found: Difference, reason: str) -> Difference:
    return msgspec.structs.replace(found, verdict="refused", reason=reason)


def _judged_age(found: Difference, age: Decimal) -> Difference:
    """Where it is off, a run on an exchange's data has the `age` of its feed."""
    old, new = (age if value is None else value for value in (found.old, found.new))
    verdict: Verdict = "loosens" if loosens(HIGHER_IS_LOOSER.looser, old, new) else "safe"
    return msgspec.structs.replace(found, old=old, new=new, verdict=verdict)


def _plan(found: Sequence[Difference]) -> str:
    """The same for the same differences."""
    return canonical_hash([[e.key, e.old, e.new] for e in found])[:PLAN_DIGITS] if found else ""


def _rows(found: Difference) -> Iterator[SettingDifference]:
    nothing = DEFAULT if ".parameters." in found.key else OFF
    for key, old, new in changed_tables(found.key, found.old, found.new):
        yield SettingDifference(
            key=key,
            old=_spelled(old, nothing),
            new=_spelled(new, nothing),
            verdict=found.verdict,
            reason=found.reason,
        )


def _spelled(value: Any, nothing: str) -> str:
    """What looks like an address that could be used is not shown."""
    return harmless(nothing if value is None else without_addresses(literal(value)))


__all__ = ["NO_FILE", "Reloading", "Watching"]
