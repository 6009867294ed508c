"""What a drill has at hand: a state directory of its own, the program as a user starts it, and a list of
what was seen.

Nothing of the user's is touched: neither his keys and settings, which no process of a drill is told, nor
what is kept beside state directories, which goes into the drill's own folder.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from tradectl.bus.clock import ComputerClock
from tradectl.control.client import ask
from tradectl.documents.run import Status
from tradectl.domain.errors import TradectlError
from tradectl.domain.events import Record
from tradectl.journal.reader import JournalReader
from tradectl.journal.signing_keys import VARIABLE
from tradectl.storage.directory import StateDir
from tradectl.storage.reader import StateReader

Document = TypeVar("Document")

PATIENCE_S = 120.0
OWN = "TRADECTL"
"""What the variables of the program begin with: keys and settings of the user."""


class NotSeen(Exception):
    """It did not come to what the drill goes on from."""


class CannotBeTried(Exception):
    """This machine does not let it be."""


class Answer(Struct, frozen=True):
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    def document(self, kind: type[Document]) -> Document:
        """What it printed as JSON. Raises NotSeen."""
        try:
            return msgspec.json.decode(self.out, type=kind)
        except msgspec.DecodeError as error:
            raise NotSeen(f"exit {self.code}: {self.complaint}") from error

    @property
    def complaint(self) -> str:
        return (self.err.strip().splitlines() or ["it said nothing"])[-1]


class Run(Struct):
    """`tradectl run` in a process of its own."""

    process: subprocess.Popen[str]
    said: Path

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def end(self, within: float = PATIENCE_S) -> int | None:
        """Its exit code; None where it goes on."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.process.wait(within)
        return None

    def words(self) -> str:
        return self.said.read_text(errors="replace")


class Trial:
    """In `folder`; `seen` and `failed` are what the scorecard shows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700)
        self.state = StateDir(folder / "state")
        self.seen: list[str] = []
        self.failed: list[str] = []
        kept = {k: v for k, v in os.environ.items() if not k.startswith(OWN)}
        home = str(folder / "home")
        key = secrets.token_hex(32)
        self.env = {**kept, "XDG_STATE_HOME": home, "NO_COLOR": "1", VARIABLE: key}
        self.state.keys = type(self.state.keys)(self.env, [])
        self._runs = 0

    # --- what is seen ----------------------------------------------------------------------------------

    def check(self, what: str, holds: object) -> bool:
        """One line of the scorecard."""
        (self.seen if holds else self.failed).append(what)
        return bool(holds)

    def until(self, what: str, holds: Callable[[], object], within: float = PATIENCE_S) -> None:
        """Raises NotSeen where it does not come to that."""
        end = ComputerClock.monotonic() + within
        while not holds():
            if ComputerClock.monotonic() > end:
                raise NotSeen(f"{what}: not within {within:g} s")
            time.sleep(0.02)

    # --- the program -----------------------------------------------------------------------------------

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(text)
        return path

    def tradectl(self, *words: object, within: float = PATIENCE_S) -> Answer:
        """A command, to its end. Raises NotSeen where that does not come."""
        told = self._told(*words)
        try:
            done = subprocess.run(
                told, env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                timeout=within, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise NotSeen(f"`{words[0]}` did not end within {within:g} s") from error
        return Answer(done.returncode, done.stdout, done.stderr)

    @contextmanager
    def running(self, *words: object, most_bytes: int = 0) -> Iterator[Run]:
        """A run that has begun to trade; killed at the end if it still goes on. No file of it grows
        beyond `most_bytes`."""
        self._runs += 1
        said = self.folder / f"run-{self._runs}.txt"
        told = self._told("run", "--headless", *words)
        if most_bytes:
            told = ["sh", "-c", f'ulimit -f {most_bytes // 512}; exec "$@"', "sh", *told]
        with said.open("w") as file:
            process = subprocess.Popen(
                told, env=self.env, stdin=subprocess.DEVNULL, stdout=file, stderr=file, text=True
            )
        run = Run(process, said)
        try:
            self.until("the run begins", lambda: process.poll() is not None or self._is_up())
            yield run
        finally:
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                process.wait()

    def _told(self, *words: object) -> list[str]:
        state = ("--state-dir", str(self.state.path))
        return [sys.executable, "-m", "tradectl", *map(str, words), *state]

    def _is_up(self) -> bool:
        with contextlib.suppress(TradectlError, TimeoutError, OSError):
            return self.status().running
        return False

    # --- what it left ----------------------------------------------------------------------------------

    def status(self) -> Status:
        """Of the running process, by its own word. Raises NotRunning, TimeoutError."""
        return ask(self.state.socket, "status", Status, timeout=2.0)

    def fills(self) -> int:
        """Of the last run, as the database knows."""
        with contextlib.suppress(TradectlError):
            last = StateReader(self.state.db).last_run()
            return last.run_fills if last is not None else 0
        return 0

    def journal(self, number: int = -1) -> Path:
        return self.state.journal_files()[number]

    def records(self, number: int = -1) -> Iterator[Record]:
        with JournalReader(self.journal(number)) as reader:
            yield from reader.records()


__all__ = ["Answer", "CannotBeTried", "NotSeen", "Run", "Trial"]
