"""What was said while nothing ran, recorded by the next run of the account before anything else.

`clear-halt` and `restore` are typed when there is no journal to write them into: each leaves a note. The
run posts it as the operator's command, and takes it away once that is durable: killed in between, it is
recorded again.
"""

from __future__ import annotations

from tradectl.bus.event_bus import EventBus
from tradectl.domain.events import Command, CommandReceived
from tradectl.storage.directory import StateDir


class LeftNotes:
    """Of `state_dir`, for a run of the account of this `kind`."""

    def __init__(self, state_dir: StateDir, kind: str, bus: EventBus) -> None:
        self._dir, self._kind, self._bus = state_dir, kind, bus
        self._cleared: str | None = None
        self._restored: str | None = None

    def tell(self, *, is_halted: bool) -> None:
        """A halt that was cleared, unless there is another one; and that the account came from a backup,
        which does not know what was traded since: nothing is entered until its operator has looked."""
        self._cleared = None if is_halted else self._dir.cleared_halt.read()
        self._restored = self._dir.restored.reason(self._kind)
        self._post(Command.CLEAR_HALT, self._cleared)
        self._post(Command.PAUSE, self._restored)

    def _post(self, command: Command, reason: str | None) -> None:
        if reason is not None:
            self._bus.post(
                CommandReceived(source_component="operator", command=command, reason=reason)
            )

    async def forget(self) -> None:
        """Once they are written down. Raises StateError."""
        if self._cleared is None and self._restored is None:
            return
        await self._bus.written()
        if self._cleared is not None:
            self._dir.cleared_halt.forget()
        if self._restored is not None:
            self._dir.restored.forget(self._kind)


__all__ = ["LeftNotes"]
