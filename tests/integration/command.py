"""The real command line in processes of its own: what the integration tests drive.

    tradectl(folder, "status", "--json").document()      a command, run to its end
    with running(folder, "-c", config) as run:           the main job, in the background
        run.line("FILL")                                 the next line on stderr that has it
        run.kill()                                       kill -9

Nothing here is a substitute for the program: each call starts the interpreter again, on the state
directory `folder`, and waits for what it says or does, never for a time to pass.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from tradectl.domain.events import Event, Record
from tradectl.journal.writer import Header, HeaderLine, SealLine, make_seal

TRADECTL = [sys.executable, "-m", "tradectl"]
PATIENCE_S = 30.0

BUSY = """
symbols = ["BTCUSDT", "ETHUSDT", "SOLUSDT"]
feed.ticks_per_second = 1000
engine.max_signals_per_second = 1000
paper = { latency_ms = 4, latency_jitter_ms = 4, market_fill = "bounded" }

[risk]
max_orders_per_second = 10000
duplicate_window_ms = 0
daily_loss_alert_pct = "none"
daily_loss_pause_pct = "none"
daily_loss_halt_pct = "none"
drawdown_alert_pct = "none"
drawdown_pause_pct = "none"
drawdown_halt_pct = "none"

[orchestrator]
max_concurrent_orders = 100
risk_check_interval_seconds = 0.1

[[strategies]]
name = "busy"
strategy = "ema-cross"
parameters = { fast = 2, slow = 5, band_bps = 0.0 }
"""
"""A simulated market that is never quiet, and a strategy that orders hundreds of times a second."""


class Answer(msgspec.Struct, frozen=True):
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    def document(self) -> Any:
        """Its JSON, of a command that went well."""
        assert self.code == 0, f"exit {self.code}: {self.err}"
        return json.loads(self.out)

    def complaint(self) -> str:
        """The one line that a command which failed says, without a traceback."""
        assert self.code != 0, self.out
        assert "Traceback" not in self.err, self.err
        lines = [line for line in self.err.splitlines() if line.startswith("tradectl: ")]
        assert len(lines) == 1, self.err
        return lines[0]


def environment(**changes: str) -> dict[str, str]:
    """This process's, without what would set tradectl up in another way."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("TRADECTL")}
    return {**kept, "NO_COLOR": "1", **changes}


def command(*words: object, timeout: float = PATIENCE_S, **env: str) -> Answer:
    """`tradectl WORDS`, to its end. `env` are variables to set."""
    done = subprocess.run(
        [*TRADECTL, *map(str, words)],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=timeout,
        check=False,
        env=environment(**env),
    )
    return Answer(done.returncode, done.stdout, done.stderr)


def tradectl(folder: Path, *words: object, timeout: float = PATIENCE_S, **env: str) -> Answer:
    """`tradectl WORDS --state-dir FOLDER`, to its end."""
    return command(*words, "--state-dir", folder, timeout=timeout, **env)


class Running:
    """`tradectl run --headless` in the background: its lines on stderr as they come."""

    def __init__(self, folder: Path, *words: object, **env: str) -> None:
        self.folder = folder
        self.lines: list[str] = []
        self._new: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.process = subprocess.Popen(
            [*TRADECTL, "run", "--headless", *map(str, words), "--state-dir", str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(**env),
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))
            self._new.put(self.lines[-1])
        self._new.put(None)

    def line(self, word: str, timeout: float = PATIENCE_S) -> str:
        """The next line that has `word` in it. AssertionError when it does not come in time."""
        deadline = time.monotonic() + timeout
        try:
            while (
                line := self._new.get(timeout=max(0.0, deadline - time.monotonic()))
            ) is not None:
                if word in line:
                    return line
        except queue.Empty:
            raise AssertionError(f"no {word!r} within {timeout} s: {self.lines[-5:]}") from None
        raise AssertionError(f"ended without {word!r}: {self.lines[-5:]}")

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        """kill -9, and everything that it had printed."""
        self.process.kill()
        self.end()

    def end(self, timeout: float = PATIENCE_S) -> Answer:
        """Wait until it has ended by itself, or by what was done to it."""
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.process.wait(timeout)
        self._listener.join()
        out = self.process.stdout.read()
        self.process.stdout.close()
        self.process.stderr.close()
        return Answer(self.process.returncode, out, "\n".join(self.lines))


@contextmanager
def running(folder: Path, *words: object, **env: str) -> Iterator[Running]:
    """A run that has started to trade; killed at the end if it still runs."""
    run = Running(folder, *words, **env)
    try:
        run.line(" journal ")
        yield run
    finally:
        if run.process.stdout is not None and not run.process.stdout.closed:
            run.kill()


# --- journals ----------------------------------------------------------------------------------------


def journals(folder: Path) -> list[Path]:
    """Oldest first."""
    return sorted((folder / "journals").glob("*.jsonl"))


def header_of(path: Path) -> Header:
    with path.open("rb") as file:
        return msgspec.json.decode(file.readline(), type=HeaderLine).header


def records_of(path: Path) -> list[Record]:
    """Every record, sealed or not, straight from the lines."""
    decode = msgspec.json.Decoder(Record).decode
    with path.open("rb") as file:
        return [decode(line) for line in file if line.startswith(b'{"seq":') and line[-1:] == b"\n"]


def events_of(path: Path, kind: type[Event]) -> list[Any]:
    """The recorded events of one class."""
    return [record.event for record in records_of(path) if type(record.event) is kind]


def is_seal(line: bytes) -> bool:
    return line.startswith(b'{"seal":')


def reseal(lines: list[bytes]) -> bytes:
    """`lines` (no line ends) as a journal whose every seal is right, whatever was changed in them."""
    told: list[bytes] = []
    group: list[bytes] = []
    chain = 0
    for line in lines:
        if not is_seal(line):
            group.append(line)
            continue
        seal, chain = make_seal(msgspec.json.decode(line, type=SealLine).seal.last, group, chain)
        told += [*group, msgspec.json.encode(SealLine(seal))]
        group = []
    return b"".join(line + b"\n" for line in told + group)


__all__ = [
    "BUSY",
    "Answer",
    "Running",
    "command",
    "environment",
    "events_of",
    "header_of",
    "is_seal",
    "journals",
    "records_of",
    "reseal",
    "running",
    "tradectl",
]
