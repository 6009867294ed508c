"""How far a backtest has come, on stderr: one line that is written over on a terminal, else one now and
then. And how far a journal has been read, on a terminal alone."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tradectl.bus.clock import ComputerClock
from tradectl.cli.output import figures
from tradectl.domain.text import counted
from tradectl.journal.parts import size_of
from tradectl.journal.reading import heard_by

if TYPE_CHECKING:
    from tradectl.documents.run import Progress
    from tradectl.runtime.run import TradingRun

ON_TERMINAL_S, ELSEWHERE_S = 0.25, 10.0


class ProgressScreen:
    """A `Screen` that says how fast, and how long still."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None
        self._is_terminal = sys.stderr.isatty()

    async def start(self, run: TradingRun) -> None:
        self._task = asyncio.ensure_future(self._beat(run))

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            if self._is_terminal:
                _write("\r\x1b[K")

    async def _beat(self, run: TradingRun) -> None:
        while True:
            await run.bus.clock.sleep(ON_TERMINAL_S if self._is_terminal else ELSEWHERE_S)
            progress = run.status.progress()
            if progress is not None:
                said = spelled(progress)
                _write(f"\r{said}\x1b[K" if self._is_terminal else f"{said}\n")


class ReadingProgress:
    """One line for all that is read at a time."""

    def __init__(self) -> None:
        self._sizes: dict[Path, int] = {}
        self._shares: dict[Path, float] = {}
        self._due = ComputerClock.monotonic() + ON_TERMINAL_S
        self._is_shown = False

    def read(self, path: Path, position: int, records: int) -> None:
        if path not in self._sizes:
            self._sizes[path] = size_of(path)
        self._shares[path] = min(position / max(self._sizes[path], 1), 1.0)
        now = ComputerClock.monotonic()
        if now >= self._due:
            share = sum(self._shares.values()) / len(self._shares)
            _write(f"\r{share:>4.0%}  {records:,} records read\x1b[K")
            self._due, self._is_shown = now + ON_TERMINAL_S, True

    def over(self, path: Path) -> None:
        self._shares.pop(path, None)
        if self._is_shown and not self._shares:
            _write("\r\x1b[K")
            self._is_shown = False


@contextlib.contextmanager
def reading_shown(*, quiet: bool = False) -> Iterator[None]:
    """What is read of journals in here is shown where somebody looks on, but for the `quiet`."""
    if quiet or not sys.stderr.isatty():
        yield
        return
    with heard_by(ReadingProgress()):
        yield


def spelled(progress: Progress) -> str:
    left = "" if progress.eta_s is None else f", {figures.took(progress.eta_s)} left"
    done = f"{progress.fraction:.0%}"
    return f"{done:>4}  {counted(progress.events, 'event')}, {figures.rate(progress.rate)}{left}"


def _write(text: str) -> None:
    """Nobody may be reading; that is no reason to stop."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(text)
        sys.stderr.flush()
