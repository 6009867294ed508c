"""The event log: what happened to one run, in groups, appended and never changed.

It is all that a run leaves behind that matters: a replay, a recovery and a follower of a run that is
still going on read the same log, the last one again and again (`tail`). Today it is a local file, which
`writer` writes and `reader` reads; a log that several machines share would be another implementation.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from tradectl.domain.errors import JournalFailed
from tradectl.domain.events import Record
from tradectl.domain.sealed import Sealed
from tradectl.journal.reader import JournalReader
from tradectl.journal.reading import Folded, in_full
from tradectl.journal.signature import Signature, SigningKey
from tradectl.journal.writer import ONE_PART, Footer, Header, JournalWriter, PartLength


class LogReader(Protocol):
    """A log from its beginning; its `signature` is of what was read. `footer` and `torn` (an unfinished
    tail was dropped) are known once all groups were read; `position` is the sequence number of the last
    record read, `sealed` the end of its group."""

    header: Header
    footer: Footer | None
    torn: bool
    sealed: Sealed | None
    signature: Signature

    @property
    def position(self) -> int: ...

    def groups(self, after: int = 0, *, folded: Folded = in_full) -> Iterator[list[Record]]:
        """What is complete by now, part by part; groups up to record `after` are passed over, and where a
        part is `folded` what the books come out the same without: all but the last of trades in a row in
        one symbol, and what they do not listen to, but for the last record. Raises JournalDamaged."""
        ...

    def records(self) -> Iterator[Record]:
        """The same, one by one."""
        ...

    def go_on_from(self, sealed: Sealed) -> bool:
        """Pass over all up to a group that was appended before; False where the log has no such one."""
        ...

    def tail(self) -> Iterator[list[Record]]:
        """What was completed since the last group read; asked again and again while a run goes on."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None: ...


class EventLog(Protocol):
    """`strict`: synced before any command leaves. After one JournalFailed every call raises it."""

    strict: bool

    parts: PartLength
    """when new ones begin, from the next group on"""

    @property
    def position(self) -> int:
        """The sequence number of the last record appended."""
        ...

    @property
    def size(self) -> int:
        """Bytes appended."""
        ...

    @property
    def sealed(self) -> Sealed | None:
        """The end of the last group appended."""
        ...

    def append(self, records: list[Record]) -> None:
        """All of a group, or nothing that a reader would see."""
        ...

    def sync(self) -> None:
        """Make what was appended survive a loss of power; may block."""
        ...

    def close(self, footer: Footer | None) -> None:
        """The end of it, with the footer of a clean one."""
        ...

    def read(self) -> LogReader:
        """Raises JournalError, NotBegun."""
        ...


class FileEventLog(JournalWriter):
    """An `EventLog` in the new file `path`. Raises JournalFailed when it cannot be made: none is left."""

    def __init__(
        self,
        path: Path,
        header: Header,
        *,
        strict: bool = False,
        key: SigningKey | None = None,
        every: bool = True,
        note: Callable[[Sealed], None] | None = None,
        parts: PartLength = ONE_PART,
    ) -> None:
        try:
            super().__init__(
                path, header, strict=strict, key=key, every=every, note=note, parts=parts
            )
        except JournalFailed as error:
            if not isinstance(error.__cause__, FileExistsError):  # that one is another run's
                with contextlib.suppress(OSError):
                    path.unlink()
            raise

    @property
    def position(self) -> int:
        return self.last_seq

    @property
    def size(self) -> int:
        return self.bytes_written

    def read(self) -> LogReader:
        return JournalReader(self.path)


__all__ = ["EventLog", "FileEventLog", "LogReader"]
