"""What every measurement needs: files of trades, the program as its user starts it, rounds and medians.

Contenders take turns, A B A B, so that whatever else the machine does falls on all of them; of their
rounds the median counts. Programs are whole processes, measured from outside by the kernel's own
figures. Their bytecode is kept in the measurement's folder and written by a run before the first that
counts, so that no figure depends on what the checkout's caches hold.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple, TypeVar

from tradectl.domain.events import MarketDataEvent
from tradectl.feeds.recorded import RecordedFeed
from tradectl.operations.bench.trades import Row, write

HERE = Path(__file__).resolve().parent
CONFIGS = HERE / "configs"
PACKAGE = HERE.parents[2]

T = TypeVar("T")


class Finished(NamedTuple):
    """A process that has ended well: seconds from its start to its end."""

    wall_s: float
    cpu_s: float
    output: bytes

    @property
    def document(self) -> dict[str, Any]:
        parsed: dict[str, Any] = json.loads(self.output)
        return parsed


class Journalled(NamedTuple):
    """A finished run of ours and the journal that it left."""

    run: Finished
    journal: Path


class Bench:
    """`rows` trades a file, made of those that are `recorded`; `quick` asks for figures soon rather than
    for good ones."""

    python = sys.executable

    def __init__(self, folder: Path, recorded: list[Row], rows: int, *, quick: bool) -> None:
        self.folder = folder
        self.rows = rows
        self.quick = quick
        self._recorded = recorded
        self._journals: dict[str, Journalled] = {}

    def rounds(self, usual: int) -> int:
        return max(1, usual // 3) if self.quick else usual

    def trades(self, rows: int = 0) -> Path:
        """A file of so many recorded trades."""
        path = self.folder / f"trades-{rows or self.rows}.csv"
        if not path.exists():
            write(path, self._recorded, rows or self.rows)
        return path

    def events(self, count: int) -> list[MarketDataEvent]:
        feed = RecordedFeed((self.trades(count),), now_ns=time.time_ns())
        return [event for batch in feed.batches() for event in batch]

    def new_folder(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self.folder))

    # --- programs ------------------------------------------------------------------------------------

    def tradectl(self, *arguments: str | Path) -> list[str]:
        return [self.python, "-m", "tradectl", *map(str, arguments)]

    def run_command(self, config: str, trades: Path, state_dir: Path) -> list[str]:
        """`run` on recorded trades, as one of configs/*.toml says."""
        path = CONFIGS / f"{config}.toml"
        to_the_end = ("run", "--headless", "--json", "--data", trades)
        return self.tradectl(*to_the_end, "--config", path, "--state-dir", state_dir)

    def run(self, config: str) -> Finished:
        """From the file of trades to the result, with a state of its own; only the first is kept."""
        folder = self.new_folder()
        finished = self.spawn(self.run_command(config, self.trades(), folder / "state"))
        if config in self._journals:
            shutil.rmtree(folder)
        else:
            self._journals[config] = Journalled(finished, Path(finished.document["journal"]))
        return finished

    def journal(self, config: str) -> Journalled:
        """The first such run, made now if there was none."""
        if config not in self._journals:
            self.run(config)
        return self._journals[config]

    def start(
        self, command: Sequence[str], output: int = subprocess.DEVNULL
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.DEVNULL,
            env=self.environment(),
            cwd=self.folder,
        )

    def spawn(self, command: Sequence[str]) -> Finished:
        """Run to the end. Raises RuntimeError when that is not a good one."""
        started = time.perf_counter()
        process = self.start(command, subprocess.PIPE)
        assert process.stdout is not None
        with process.stdout as pipe:
            output = pipe.read()
        _, status, used = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"exit code {process.returncode}: {' '.join(command)}")
        return Finished(wall_s, used.ru_utime + used.ru_stime, output)

    def environment(self) -> dict[str, str]:
        """Ours, without what would make a process slower, different, or somebody else's."""
        dropped = ("PYTHON", "TRADECTL")
        kept = {name: text for name, text in os.environ.items() if not name.startswith(dropped)}
        bytecode = str(self.folder / "bytecode")
        return {**kept, "PYTHONPATH": str(PACKAGE), "PYTHONPYCACHEPREFIX": bytecode}


def in_turns(rounds: int, *contenders: Callable[[], T]) -> list[list[T]]:
    """What each contender returned, round by round."""
    taken = [[contender() for contender in contenders] for _ in range(rounds)]
    return [list(column) for column in zip(*taken, strict=True)]


def medians(rounds: int, *contenders: Callable[[], float]) -> list[float]:
    return [median(column) for column in in_turns(rounds, *contenders)]


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest value that `share` of them do not exceed, or nearly."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
