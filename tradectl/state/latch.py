"""The halt switch: what trading may do, as any process can set it, and as it survives everything.

Today it is a latch in the state directory, a small file. It is made ahead, full size, so that setting it
overwrites bytes that exist: that works on a full disk. Where even that is refused (a directory turned
read-only) a second file in the temporary directory takes its place. Anything in it that is not blank and
cannot be read means HALTED: a torn write must not let an order out.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec
from msgspec import Struct

from tradectl.bus.clock import ComputerClock
from tradectl.domain.errors import StateError
from tradectl.domain.states import TradingState
from tradectl.domain.text import harmless
from tradectl.domain.time import iso

SIZE = 4096
LONGEST_REASON = 500
BLANK = b" \n\0"
LOOK_UP_EVERY_S = 0.05
READ_EVERY_S = 0.001
UNREADABLE = b"unreadable"
UNREADABLE_REASON = "the latch file is unreadable, which counts as set"
SPARES = Path("/tmp")


_HARDER = (
    TradingState.RUNNING,
    TradingState.PAUSED,
    TradingState.REDUCING,
    TradingState.HALTED,
    TradingState.FLATTENING,
)
"""Each can follow those before it without the operator: closing positions can be added to a halt."""


class Halt(Struct, frozen=True):
    """Why trading is not free, since when (ISO 8601), and what may still leave."""

    state: TradingState
    reason: str
    since: str

    def __str__(self) -> str:
        return f"halted since {self.since or 'an unknown time'}: {self.reason}"

    @property
    def flatten(self) -> bool:
        """Orders that close positions may still leave."""
        return self.state is TradingState.FLATTENING


class HaltSwitch(Protocol):
    """What stands between any order and an exchange, whatever the core believes."""

    def read(self) -> Halt | None:
        """None while trading is free. What cannot be read counts as HALTED."""
        ...

    def state(self) -> TradingState:
        """The same as an answer that may be a millisecond old: asked before every send."""
        ...

    def set(self, reason: str, state: TradingState = TradingState.HALTED) -> Halt:
        """Set it, durably, and never back to what lets more out. Raises StateError."""
        ...

    def clear(self) -> None:
        """Trading is free again. Raises StateError when that is not possible."""
        ...


class HaltLatch:
    """A `HaltSwitch` in a file: `path`, and the spare that its real path names."""

    def __init__(
        self,
        path: Path,
        *,
        spares: Path = SPARES,
        look_up_every: float = LOOK_UP_EVERY_S,
        monotonic: Callable[[], float] = ComputerClock.monotonic,
        wall: Callable[[], int] = ComputerClock.wall,
    ) -> None:
        name = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:16]
        self._path = path
        self._look_up_every = look_up_every
        self._spare = spares / f"tradectl-halt-{os.getuid()}-{name}"
        self._monotonic = monotonic
        self._wall = wall
        self._fd = -1
        self._known = TradingState.RUNNING
        self._read_at = self._look_up_at = 0.0

    def prepare(self) -> None:
        """Make the file, blank and at full size, if it is not there. Raises StateError."""
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                missing = SIZE - os.fstat(fd).st_size
                if missing > 0:
                    os.pwrite(fd, b" " * missing, SIZE - missing)
                    os.fsync(fd)
            finally:
                os.close(fd)
        except OSError as error:
            raise StateError(
                f"cannot prepare the halt latch {self._path}: {error.strerror}"
            ) from error

    def read(self) -> Halt | None:
        """The halt, or None. What cannot be read counts as set."""
        held, spare = self._parse(_content(self._path)), self._parse(_content(self._spare))
        if held is None or spare is None:
            return held or spare
        return msgspec.structs.replace(held, state=_harder(held.state, spare.state))

    def state(self) -> TradingState:
        """The open file is read again after a millisecond at the latest, and looked up by name (it may
        have been replaced, or the spare set) a few times a second."""
        now = self._monotonic()
        if now >= self._look_up_at:
            self._look_up_at = now + self._look_up_every
            self._reopen()
            self._known = _state_of(self.read())
            self._read_at = now + READ_EVERY_S
        elif now >= self._read_at:
            self._read_at = now + READ_EVERY_S
            self._known = _harder(self._known, self._state_in_open_file())
        return self._known

    def set(self, reason: str, state: TradingState = TradingState.HALTED) -> Halt:
        """Latch, durably; the first reason stays. Raises StateError when no file could be written."""
        held = self.read()
        if held is not None and _harder(held.state, state) is held.state:
            return held
        first = held if held is not None and held.state is TradingState.HALTED else None
        halt = Halt(
            state,
            first.reason if first is not None else harmless(reason, LONGEST_REASON),
            first.since if first is not None else iso(self._wall()),
        )
        try:
            self._write(self._path, halt)
        except OSError as error:
            self._set_spare(halt, error)
        return halt

    def clear(self) -> None:
        """Blank it. Raises StateError when that is not possible."""
        try:
            if self._path.exists():
                self._write(self._path, None)
            self._spare.unlink(missing_ok=True)
        except OSError as error:
            raise StateError(
                f"cannot clear the halt latch {self._path}: {error.strerror}"
            ) from error

    def _set_spare(self, halt: Halt, first_error: OSError) -> None:
        try:
            self._write(self._spare, halt)
        except OSError as error:
            raise StateError(
                f"cannot set the halt latch: {self._path}: {first_error.strerror}; "
                f"{self._spare}: {error.strerror}"
            ) from error

    def _reopen(self) -> None:
        self.close()
        with contextlib.suppress(OSError):
            self._fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)

    def _state_in_open_file(self) -> TradingState:
        if self._fd < 0:
            return TradingState.RUNNING
        try:
            return _state_of(self._parse(os.pread(self._fd, SIZE, 0)))
        except OSError:
            return TradingState.HALTED

    def close(self) -> None:
        """Give the open file back; asking opens it again."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    @staticmethod
    def _write(path: Path, halt: Halt | None) -> None:
        text = b"" if halt is None else msgspec.json.encode(halt)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            os.pwrite(fd, text.ljust(SIZE), 0)
            os.fsync(fd)
        finally:
            os.close(fd)

    @staticmethod
    def _parse(content: bytes) -> Halt | None:
        text = content.strip(BLANK)
        if not text:
            return None
        try:
            return msgspec.json.decode(text, type=Halt)
        except msgspec.DecodeError:
            return Halt(TradingState.HALTED, UNREADABLE_REASON, "")


class HaltInMemory:
    """A `HaltSwitch` that ends with its run: what is traded on recorded data halts nobody else."""

    def __init__(self, wall: Callable[[], int] = ComputerClock.wall) -> None:
        self._halt: Halt | None = None
        self._wall = wall

    def read(self) -> Halt | None:
        return self._halt

    def state(self) -> TradingState:
        return _state_of(self._halt)

    def set(self, reason: str, state: TradingState = TradingState.HALTED) -> Halt:
        held = self._halt or Halt(state, harmless(reason, LONGEST_REASON), iso(self._wall()))
        self._halt = msgspec.structs.replace(held, state=_harder(held.state, state))
        return self._halt

    def clear(self) -> None:
        self._halt = None


def _state_of(halt: Halt | None) -> TradingState:
    return halt.state if halt is not None else TradingState.RUNNING


def _harder(one: TradingState, other: TradingState) -> TradingState:
    return max(one, other, key=_HARDER.index)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError:
        return UNREADABLE
