"""Settings that were applied to the run before, and that this one does not have.

Who applies a setting has it in the file, so the next start has it, too; unless the file was changed back
or another was named. That is said by name. Where a limit is looser than the one that was in force,
nothing is entered until an operator has said that it is meant: exits go on, and stops stay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradectl.config.settings import Settings
from tradectl.domain.events import Command, CommandReceived, Event, SystemEvent, SystemEventKind
from tradectl.domain.system_events import SettingChange
from tradectl.domain.text import harmless
from tradectl.recovery.recovery import Recovered
from tradectl.runtime.session import Session
from tradectl.state.account import OPERATOR, Account
from tradectl.state.trading_state import pause_by_operator

if TYPE_CHECKING:
    from tradectl.config.reload import Difference


def hold_back(account: Account, recovered: Recovered | None, settings: Settings, at: int) -> None:
    """Begin paused at `at` (ns UTC), where a limit is looser: not by what is said later, which a run
    that is killed, or fails, before that never says. In a halt the pause is there once it is cleared."""
    why = _looser(recovered, _left(recovered, settings))
    if why and OPERATOR not in account.pauses:
        pause_by_operator(account, why, at)


def settings_left(session: Session) -> list[Event]:
    """The inputs that say so; none where nothing was left."""
    recovered = session.recovered
    found = _left(recovered, session.settings)
    if recovered is None or not found:
        return []
    said = ", ".join(
        SettingChange(each.key, each.old, each.new, each.verdict == "loosens").said()
        for each in found
    )
    message = f"applied to run {recovered.run_id}, and not in the settings of this one: {said}"
    events: list[Event] = [
        SystemEvent(
            source_component="run",
            kind=SystemEventKind.SETTINGS_LEFT,
            component="run",
            message=harmless(message),
        )
    ]
    why = _looser(recovered, found)
    if why:
        events.append(CommandReceived(source_component="run", command=Command.PAUSE, reason=why))
    return events


def _left(recovered: Recovered | None, settings: Settings) -> list[Difference]:
    if recovered is None or not recovered.applied:
        return []
    from tradectl.config.reload import left_behind  # hardly ever

    return left_behind(recovered.applied, settings)


def _looser(recovered: Recovered | None, found: list[Difference]) -> str:
    """Why nothing is entered; empty where no limit is looser."""
    looser = [each.key for each in found if each.verdict == "loosens"]
    if recovered is None or not looser:
        return ""
    verb = "is" if len(looser) == 1 else "are"
    applied = f"what was applied to run {recovered.run_id}"
    return harmless(f"{', '.join(looser)} {verb} looser than {applied}")


__all__ = ["hold_back", "settings_left"]
