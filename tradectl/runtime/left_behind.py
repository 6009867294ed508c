"""Settings that were applied to the run before, and that this one does not have.

Who applies a setting has it in the file, so the next start has it, too; unless the file was changed back
or another was named. That is said by name. Where a limit is looser than the one that was in force,
nothing is entered until an operator has said that it is meant: exits go on, and stops stay.
"""

from __future__ import annotations

from tradectl.domain.events import Command, CommandReceived, Event, SystemEvent, SystemEventKind
from tradectl.domain.system_events import SettingChange
from tradectl.domain.text import harmless
from tradectl.runtime.session import Session


def settings_left(session: Session) -> list[Event]:
    """The inputs that say so; none where nothing was left."""
    recovered = session.recovered
    if recovered is None or not recovered.applied:
        return []
    from tradectl.config.reload import left_behind  # hardly ever

    found = left_behind(recovered.applied, session.settings)
    if not found:
        return []
    looser = [each.key for each in found if each.verdict == "loosens"]
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
    if looser:
        verb = "is" if len(looser) == 1 else "are"
        why = f"{', '.join(looser)} {verb} looser than what was applied to run {recovered.run_id}"
        pause = CommandReceived(source_component="run", command=Command.PAUSE, reason=harmless(why))
        events.append(pause)
    return events


__all__ = ["settings_left"]
