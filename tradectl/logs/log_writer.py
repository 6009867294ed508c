"""The log is written by a thread of its own: whoever has something to tell never waits for a disk.

    put -> [bounded queue] -> spelled, redacted, written in groups -> the file

What does not fit into the queue is dropped and counted, and the next line that can be written says how
many those were. A file that cannot be written is told of once, tried again now and then, and ends
nothing: the journal has what happened.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from tradectl.documents.log import LogLevel, LogLine
from tradectl.domain.redaction import Redaction
from tradectl.domain.text import described, harmless
from tradectl.domain.time import iso
from tradectl.logs.line_format import FORMATS
from tradectl.logs.rotated_file import RotatedFile

MOST_WAITING = 10_000
AT_ONCE = 200
"""Lines that are written together."""
LINGER_S, RETRY_S = 0.2, 5.0
LONGEST = 1_000
"""Characters of a message."""
COMPONENT = "log"

T = TypeVar("T")


def _nobody(_: str) -> None:
    """Is told."""


class LogWriter(Generic[T]):
    """`spell` makes a line of what was put, in the thread; None is not worth one. `now` gives ns UTC.
    `on_failure` is told why the file cannot be written, `on_recovery` that it can again: in the
    thread. Lines that were `written` and `dropped` are counted."""

    def __init__(
        self,
        file: RotatedFile,
        spell: Callable[[T], LogLine | None],
        *,
        now: Callable[[], int],
        run_id: str = "",
        spelling: str = "json",
        redaction: Redaction | None = None,
        on_failure: Callable[[str], None] = _nobody,
        on_recovery: Callable[[str], None] = _nobody,
        most: int = MOST_WAITING,
    ) -> None:
        self._file = file
        self._spell = spell
        self._now = now
        self._run_id = run_id
        self.spelling = spelling
        self._redaction = redaction or Redaction()
        self._on_failure, self._on_recovery = on_failure, on_recovery
        self._most = most
        self._waiting: deque[T] = deque()
        self._counting = threading.Lock()
        self._filled, self._ended = threading.Event(), threading.Event()
        self._rests = True
        self._thread: threading.Thread | None = None
        self._untold = 0
        self.written = self.dropped = 0
        self.is_failing = False

    def put(self, item: T) -> None:
        """From any thread; never waits, never raises."""
        if len(self._waiting) >= self._most:
            self._drop(1)
            return
        self._waiting.append(item)
        if self._rests:
            self._rests = False
            self._filled.set()

    def start(self) -> None:
        """Begin to write; what was put before is written, too."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=COMPONENT, daemon=True)
            self._thread.start()

    def stop(self, within_s: float) -> None:
        """Write what waits, for at most so long. Blocks."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._ended.set()
            self._filled.set()
            thread.join(within_s)

    # --- the thread ----------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._ended.is_set():
            self._filled.wait()
            self._ended.wait(RETRY_S if self.is_failing else LINGER_S)
            self._filled.clear()
            self._rests = (
                True  # from now on it is woken again: what comes meanwhile is written, too
            )
            self._write_what_waits()
        self._write_what_waits()  # put as it ended
        self._file.close()

    def _write_what_waits(self) -> None:
        """All of it, or up to the first failure: the rest may be told when it is over."""
        while self._waiting:
            lines = [*filter(None, map(self._line, self._taken()))]
            if not lines:
                continue
            try:
                self._file.append(
                    b"".join(map(FORMATS[self.spelling], [*self._told_drops(), *lines]))
                )
            except OSError as error:
                self._failed(error, len(lines))
                return
            self.written += len(lines)
            self._untold = self.dropped
            if self.is_failing:
                self.is_failing = False
                self._on_recovery("the log is written again")

    def _taken(self) -> list[T]:
        most = min(AT_ONCE, len(self._waiting))
        return [self._waiting.popleft() for _ in range(most)]

    def _line(self, item: T) -> LogLine | None:
        try:
            line = self._spell(item)
            return None if line is None else self._clean(line)
        except Exception as error:  # a line's bug is no reason to tell nothing more
            return self._own(LogLevel.ERROR, f"a line could not be spelled: {described(error)}")

    def _clean(self, line: LogLine) -> LogLine:
        return LogLine(
            line.time,
            line.level,
            harmless(line.component),
            line.run_id,
            line.seq,
            tuple(map(harmless, line.order_ids)),
            harmless(self._redaction.clean(line.message), LONGEST),
        )

    def _told_drops(self) -> list[LogLine]:
        lost = self.dropped - self._untold
        said = f"{lost:,} lines are missing here: they came faster than they could be written"
        return [self._own(LogLevel.WARNING, said)] if lost else []

    def _own(self, level: LogLevel, message: str) -> LogLine:
        return LogLine(iso(self._now()), level, COMPONENT, self._run_id, 0, (), message)

    def _failed(self, error: OSError, lines: int) -> None:
        self._drop(lines)
        if not self.is_failing:
            self.is_failing = True
            self._on_failure(f"the log cannot be written: {error.strerror or described(error)}")
        self._filled.set()

    def _drop(self, lines: int) -> None:
        with self._counting:
            self.dropped += lines


__all__ = ["LogWriter"]
