"""What leaves the core, in the only order that is safe: records to the journal, then commands.

An exchange outside hears of nothing that is not written. One inside this process, on paper, dies with
it, so what it is told may be written with what it answers, in one group. A strict journal is synced
before anything leaves, in a thread: the core goes on, the commands wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from tradectl.bus.clock import Clock
from tradectl.domain.allocation import ComputeWeights
from tradectl.domain.commands import OutboundCommand, StepCommand
from tradectl.domain.errors import CoreError, JournalFailed, TradectlError
from tradectl.domain.events import Record
from tradectl.domain.sealed import Sealed
from tradectl.domain.statistics import Durations

Sender = Callable[[OutboundCommand, int], None]
Computer = Callable[[ComputeWeights], None]


class Journal(Protocol):
    """Where records are made durable. `strict` journals are synced before a command leaves. `sealed` is
    the end of what was appended, for those who read on from there; None where nobody can."""

    strict: bool

    @property
    def sealed(self) -> Sealed | None: ...

    def append(self, records: list[Record]) -> None:
        """Hand the records to the operating system. Raises JournalFailed."""
        ...

    def sync(self) -> None:
        """Make what was written survive a power loss; may block. Raises JournalFailed."""
        ...


class CommandRelease:
    """`sender` takes commands, `remote` says whether it outlives this process, by the `clock`'s time.
    What the journal takes for a group, and for a sync, is in `write_times` and `sync_times`.

    `computer` takes what is to be worked out instead, and posts the answer. `fail` hears of what
    broke where nobody else would.
    """

    def __init__(
        self,
        journal: Journal | None,
        clock: Clock,
        fail: Callable[[TradectlError], None],
    ) -> None:
        self.journal = journal
        self.sender: Sender | None = None
        self.computer: Computer | None = None
        self.remote = True
        self.write_times, self.sync_times = Durations(), Durations()
        self._now, self._ticks = clock.now, clock.ticks
        self._fail = fail
        self._held: list[StepCommand] = []
        self._syncing: asyncio.Task[None] | None = None
        self._syncs: set[asyncio.Future[None]] = set()
        self._closed = False

    def write(self, records: list[Record]) -> None:
        """Raises JournalFailed."""
        if self.journal is not None and records:
            began = self._ticks()
            self.journal.append(records)
            self.write_times.note(self._ticks() - began)

    def release(self, commands: list[StepCommand], records: list[Record], written: int) -> int:
        """Let a step's commands go; how many of the turn's `records` are written now."""
        strict = self.journal is not None and self.journal.strict
        if strict or self.remote:
            self.write(records[written:])
            written = len(records)
        if strict:
            self._held += commands
            if self._syncing is None:
                self._syncing = asyncio.ensure_future(self._sync_then_send())
        else:
            self._send(commands)
        return written

    async def synced(self) -> None:
        """Wait until what was written is as durable as the journal promises; `fail` hears if not."""
        if self.journal is None or not self.journal.strict:
            return
        sync = asyncio.ensure_future(self._sync(self.journal))
        self._syncs.add(sync)
        try:
            await sync
        except JournalFailed as error:
            self._fail(error)
        finally:
            self._syncs.discard(sync)

    async def quiet(self) -> None:
        """Wait until nothing waits for a sync: the journal may be closed then."""
        waiting = {*self._syncs, *([self._syncing] if self._syncing is not None else [])}
        if waiting:
            await asyncio.wait(waiting)

    def close(self) -> None:
        """Nothing leaves any more."""
        self._closed = True
        self._held.clear()

    async def _sync_then_send(self) -> None:
        """One sync at a time, covering every command that waits for it."""
        assert self.journal is not None
        try:
            while self._held:
                commands, self._held = self._held, []
                await self._sync(self.journal)
                self._send(commands)
        except TradectlError as error:
            self._fail(error)
        except Exception as error:  # nobody awaits this task: what broke must be said aloud
            self._fail(broken(error))
        finally:
            self._syncing = None

    async def _sync(self, journal: Journal) -> None:
        began = self._ticks()
        await asyncio.to_thread(journal.sync)
        self.sync_times.note(self._ticks() - began)

    def _send(self, commands: list[StepCommand]) -> None:
        if self._closed:
            return
        for command in commands:
            if isinstance(command, ComputeWeights):
                if self.computer is not None:
                    self.computer(command)
            elif self.sender is not None:
                self.sender(command, self._now())


def broken(error: Exception) -> CoreError:
    """What to say of an error that nobody foresaw."""
    return CoreError(f"the bus broke: {type(error).__name__}: {error}")
