"""What is done while the loop stands still, from outside of it: written down, and told.

The stack of the loop's thread says what it was doing. It goes into a file, `stalls.log`, and its last
line into the alert, which takes the way past the loop: by the dispatcher's thread.
"""

from __future__ import annotations

import os
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path

from tradectl.bus.clock import ComputerClock
from tradectl.domain.states import AlertSeverity
from tradectl.domain.text import harmless
from tradectl.domain.time import iso
from tradectl.files.own import open_own
from tradectl.notification.notice import Notice, safe

STALLS_FILE = "stalls.log"
LARGEST = 1024 * 1024
LOOP_STALLED = "loop_stalled"


class StallReport:
    """Made in the thread that is watched; called, by the watchdog's thread, with how long (s) the loop
    has stood still. `tell` gets a notice, where there is anybody to tell."""

    def __init__(
        self,
        folder: Path,
        run_id: str,
        tell: Callable[[Notice], object] | None,
        wall: Callable[[], int] = ComputerClock.wall,
    ) -> None:
        self._path = folder / STALLS_FILE
        self._run_id = run_id
        self._tell = tell
        self._wall = wall
        self._watched = threading.get_ident()
        self._count = 0

    def __call__(self, silence: float) -> None:
        stack = self._stack()
        doing = _last(stack)
        self.tell(f"the event loop has stood still for {silence:.1f} s{doing}", AlertSeverity.ERROR)
        self._write(silence, stack)

    def tell(self, words: str, severity: AlertSeverity) -> None:
        """From any thread."""
        if self._tell is None:
            return
        now = self._wall()
        self._count += 1
        self._tell(
            Notice(
                id=f"{self._run_id}-s{self._count}",
                run_id=self._run_id,
                type=LOOP_STALLED,
                severity=severity,
                component="loop",
                message=safe(words),
                created_at=now,
                updated_at=now,
                listed=False,  # the event that comes with the loop's return is
            )
        )

    def _stack(self) -> traceback.StackSummary:
        frame = sys._current_frames().get(self._watched)
        return traceback.extract_stack(frame) if frame else traceback.StackSummary()

    def _write(self, silence: float, stack: traceback.StackSummary) -> None:
        head = f"{iso(self._wall())} {self._run_id}: the loop has stood still for {silence:.1f} s\n"
        lines = [harmless(line, 400) for part in stack.format() for line in part.splitlines()]
        fd = open_own(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        with os.fdopen(fd, "a", encoding="utf-8") as file:
            if os.fstat(file.fileno()).st_size > LARGEST:
                file.truncate(0)
            file.write(head + "".join(f"  {line}\n" for line in lines))


def _last(stack: traceback.StackSummary) -> str:
    """Where it stands; empty where that is not known."""
    if not stack:
        return ""
    frame = stack[-1]
    return f" in {frame.name} ({Path(frame.filename).name}:{frame.lineno})"


__all__ = ["STALLS_FILE", "StallReport"]
