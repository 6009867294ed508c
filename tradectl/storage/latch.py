"""The halt switch: what trading may do, as any process can set it, and as it survives everything.

Today it is a latch in the state directory, a small file. It is made ahead, full size, so that setting it
overwrites bytes that exist: that works on a full disk. Where even that is refused (a directory turned
read-only) a second file in the temporary directory takes its place. Where that is refused, too, the halt
holds for this process, and by the account's records for the next one. Anything in it that is not blank
and cannot be read means HALTED: a torn write must not let an order out.
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
from msgspec.structs import replace

from tradectl.bus.clock import ComputerClock
from tradectl.domain.errors import StateError
from tradectl.domain.states import TradingState
from tradectl.domain.text import both_reasons, harmless
from tradectl.domain.time import iso

SIZE = 4096
LONGEST_REASON = 500
BLANK = b" \n\0"
LOOK_UP_EVERY_S = 0.05
READ_EVERY_S = 0.001
NOTHING_TO_READ = b"unreadable"
SPARES = Path("/tmp")


class Halt(Struct, frozen=True, omit_defaults=True):
    """Why trading is not free, since when (ISO 8601), and what may still leave. `written` counts how
    often the latch was set: of two files the later one holds."""

    state: TradingState
    reason: str
    since: str
    written: int = 0

    def __str__(self) -> str:
        return f"halted since {self.since or 'an unknown time'}: {self.reason}"

    def may_become(self, state: TradingState, *, by_operator: bool) -> bool:
        """A halt only gets stricter, but for the operator, who may have positions closed in one."""
        closes = by_operator and state is TradingState.FLATTENING
        return state.is_stricter_than(self.state) or (closes and self.state is TradingState.HALTED)


UNREADABLE = Halt(TradingState.HALTED, "the latch file is unreadable, which counts as set", "")


class HaltSwitch(Protocol):
    """What stands between any order and an exchange, whatever the core believes."""

    def read(self) -> Halt | None:
        """None while trading is free. What cannot be read counts as HALTED."""
        ...

    def state(self) -> TradingState:
        """The same as an answer that may be a millisecond old: asked before every send."""
        ...

    def set(
        self, reason: str, state: TradingState = TradingState.HALTED, *, by_operator: bool = False
    ) -> Halt:
        """Set it, durably, where it `may_become` that; the halt that holds then. Raises StateError."""
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
        self._known: Halt | None = None
        self._unwritten: Halt | None = None
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
        return _later(_later(held, spare), self._unwritten)

    def state(self) -> TradingState:
        """The open file is read again after a millisecond at the latest, and looked up by name (it may
        have been replaced, or the spare set) a few times a second."""
        now = self._monotonic()
        if now >= self._look_up_at:
            self._look_up_at = now + self._look_up_every
            self._reopen()
            self._known = self.read()
            self._read_at = now + READ_EVERY_S
        elif now >= self._read_at:
            self._read_at = now + READ_EVERY_S
            self._known = _later(self._known, _later(self._in_open_file(), self._unwritten))
        return self._known.state if self._known is not None else TradingState.RUNNING

    def set(
        self, reason: str, state: TradingState = TradingState.HALTED, *, by_operator: bool = False
    ) -> Halt:
        """Latch, durably. Raises StateError when no file could be written: this process is halted all
        the same."""
        held = self.read()
        halt = _next(held, reason, state, self._wall, by_operator=by_operator)
        if halt is held and held is not self._unwritten:
            return held
        self._unwritten = halt
        try:
            self._write(self._path, halt)
        except OSError as error:
            self._set_spare(halt, error)
        self._unwritten = None
        return halt

    def clear(self) -> None:
        """Blank it. Raises StateError when that is not possible."""
        try:
            if self._path.exists():
                self._write(self._path, None)
            self._spare.unlink(missing_ok=True)
            self._unwritten = None
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

    def _in_open_file(self) -> Halt | None:
        if self._fd < 0:
            return None
        try:
            return self._parse(os.pread(self._fd, SIZE, 0))
        except OSError:
            return UNREADABLE

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
            return UNREADABLE


class HaltInMemory:
    """A `HaltSwitch` that ends with its run: what is traded on recorded data halts nobody else."""

    def __init__(self, wall: Callable[[], int] = ComputerClock.wall) -> None:
        self._halt: Halt | None = None
        self._wall = wall

    def read(self) -> Halt | None:
        return self._halt

    def state(self) -> TradingState:
        return self._halt.state if self._halt is not None else TradingState.RUNNING

    def set(
        self, reason: str, state: TradingState = TradingState.HALTED, *, by_operator: bool = False
    ) -> Halt:
        self._halt = _next(self._halt, reason, state, self._wall, by_operator=by_operator)
        return self._halt

    def clear(self) -> None:
        self._halt = None


def _next(
    held: Halt | None,
    reason: str,
    state: TradingState,
    wall: Callable[[], int],
    *,
    by_operator: bool,
) -> Halt:
    """What holds then, `held` itself where nothing changes. A graver halt has the reasons of both, and so
    has one that an operator orders again; a reason stays as it is where HALTED is to close positions."""
    reason = harmless(reason, LONGEST_REASON)
    if held is None:
        return Halt(state, reason, iso(wall()), 1)
    both, written = both_reasons(reason, held.reason), held.written + 1
    if held.may_become(state, by_operator=by_operator):
        if held.state is TradingState.HALTED or both == held.reason:
            return replace(held, state=state, written=written)
        return Halt(state, both, iso(wall()), written)
    orders_again = by_operator and state is held.state is TradingState.FLATTENING
    if orders_again and both != held.reason:
        return replace(held, reason=both, written=written)
    return held


def _later(one: Halt | None, other: Halt | None) -> Halt | None:
    """Of the two files the one that was written last; what cannot be read holds against any other."""
    if one is None or other is None:
        return one or other
    return max(one, other, key=lambda halt: (halt is UNREADABLE, halt.written))


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError:
        return NOTHING_TO_READ
