"""The log read back: all its files as one, oldest line first, a line at a time however large they are.

Files may be moved on while they are read. They are opened newest first, so that none is missed, and a
file is known by its inode, so that none is read twice.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from tradectl.documents.log import LogLevel, LogLine
from tradectl.domain.time import SECOND, iso
from tradectl.files.own import open_own
from tradectl.logs.line_format import parsed
from tradectl.logs.rotated_file import files_in

LOOK_EVERY_S = 0.2
LONGEST_LINE = 64 * 1024


class LogFilter(Struct, frozen=True):
    """What is wanted: all of what is set. `run` is the beginning of a run's id, `since` a time as lines
    have it."""

    run: str = ""
    least: LogLevel = LogLevel.DEBUG
    component: str = ""
    order: str = ""
    since: str = ""

    def takes(self, line: LogLine) -> bool:
        return (
            line.run_id.startswith(self.run)
            and line.level.rank >= self.least.rank
            and self.component in ("", line.component)
            and (not self.order or self.order in line.order_ids)
            and line.time >= self.since
        )


class LogReader:
    """Of the files in `folder`; `unreadable` lines are passed over and counted, such as one that a full
    disk cut off. What was read has lines of these `components`, wanted or not, and of the run
    or not (`has_run`)."""

    def __init__(self, folder: Path, wanted: LogFilter) -> None:
        self._folder = folder
        self._wanted = wanted
        self.unreadable = 0
        self.components: set[str] = set()
        self.has_run = False

    def lines(self) -> Iterator[LogLine]:
        """Those wanted. Raises OSError for files that are not ours, or cannot be read."""
        with ExitStack() as open_ones:
            for file in reversed(self._opened(open_ones)):
                yield from self._lines_of(file)

    def follow(
        self, newest: int | None, sleep: Callable[[float], None] = time.sleep
    ) -> Iterator[LogLine]:
        """The `newest` so many, None for all, then those that come, for ever. Raises OSError."""
        with ExitStack() as open_ones:
            files = self._opened(open_ones)
            kept: deque[LogLine] = deque(maxlen=newest)
            for file in reversed(files):
                kept.extend(self._lines_of(file))
            yield from kept
            kept.clear()
            current = files[0] if files else None
            while True:
                if current is not None:
                    yield from self._lines_of(current)
                newer = self._next_after(current)
                if newer is None:
                    sleep(LOOK_EVERY_S)
                    continue
                if current is not None:
                    yield from self._lines_of(current)  # written before it was moved on
                    current.close()
                current = open_ones.enter_context(newer)

    def _opened(self, open_ones: ExitStack) -> list[BinaryIO]:
        """Newest first, each once, but those that are older than what is wanted."""
        found: dict[tuple[int, int], BinaryIO] = {}
        for path in files_in(self._folder):
            opened = _opened(path)
            if opened is None:
                continue  # it is being moved on, to the name that comes next
            file = open_ones.enter_context(opened)
            about = os.fstat(file.fileno())
            if self._wanted.since and iso(int(about.st_mtime * SECOND)) < self._wanted.since:
                break
            found.setdefault((about.st_dev, about.st_ino), file)
        return list(found.values())

    def _next_after(self, current: BinaryIO | None) -> BinaryIO | None:
        """The file that was begun after it, opened; None where it is the newest."""
        files = files_in(self._folder)
        known = None if current is None else os.fstat(current.fileno())
        for number, path in enumerate(files):
            try:
                found = path.lstat()
            except FileNotFoundError:
                return None  # it is being moved on: at the next look
            if known is not None and os.path.samestat(found, known):
                return _opened(files[number - 1]) if number else None
        return _opened(files[-1]) if files else None

    def _lines_of(self, file: BinaryIO) -> Iterator[LogLine]:
        """From where it was read up to; what has no line end yet is left for later, unless it is longer
        than any line."""
        while text := file.readline(LONGEST_LINE):
            if not text.endswith(b"\n") and len(text) < LONGEST_LINE:
                file.seek(-len(text), os.SEEK_CUR)
                return
            line = parsed(text)
            if line is None:
                self.unreadable += bool(text.strip())
                continue
            self.components.add(line.component)
            self.has_run = self.has_run or line.run_id.startswith(self._wanted.run)
            if self._wanted.takes(line):
                yield line


def _opened(path: Path) -> BinaryIO | None:
    """None for one that is not there any more."""
    try:
        return os.fdopen(open_own(path), "rb")
    except FileNotFoundError:
        return None


__all__ = ["LogFilter", "LogReader"]
