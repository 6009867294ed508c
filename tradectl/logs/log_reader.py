"""The log read back: all its files as one, oldest line first, a line at a time however large they are.

Files may be moved on while they are read. They are opened newest first, so that none is missed, and a
file is known by its inode, so that none is read twice.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
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
TRIES = 20
"""To open all files between two of their moves."""


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
                open_ones.pop_all().close()
                current = open_ones.enter_context(newer)

    def _opened(self, open_ones: ExitStack) -> list[BinaryIO]:
        """Newest first, each once, but those that are older than what is wanted. They are opened again
        where files were moved on meanwhile: a name may mean a newer one by then than the name before."""
        left = TRIES
        while True:
            left -= 1
            with ExitStack() as tried:
                found = self._opened_once(tried)
                if not left:  # they are moved on faster than that: by what each begins with
                    found.sort(key=_begins_at, reverse=True)
                if not left or _are_still(found, files_in(self._folder)):
                    open_ones.push(tried.pop_all())
                    return found

    def _opened_once(self, open_ones: ExitStack) -> list[BinaryIO]:
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
            if known is not None and _is_at(path, known):
                newer = _opened(files[number - 1]) if number else None
                if newer is not None and not _is_at(path, known):
                    newer.close()  # moved on meanwhile, that may be one that is newer still
                    return None
                return newer
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


def _are_still(files: Iterable[BinaryIO], paths: Sequence[Path]) -> bool:
    """The newest of those that the paths name now, in this order."""
    return all(
        number < len(paths) and _is_at(paths[number], os.fstat(file.fileno()))
        for number, file in enumerate(files)
    )


def _is_at(path: Path, known: os.stat_result) -> bool:
    try:
        return os.path.samestat(path.lstat(), known)
    except FileNotFoundError:
        return False


def _begins_at(file: BinaryIO) -> str:
    """The time of its first line."""
    line = parsed(file.readline(LONGEST_LINE))
    file.seek(0)
    return line.time if line is not None else ""


def _opened(path: Path) -> BinaryIO | None:
    """None for one that is not there any more."""
    try:
        return os.fdopen(open_own(path), "rb")
    except FileNotFoundError:
        return None


__all__ = ["LogFilter", "LogReader"]
