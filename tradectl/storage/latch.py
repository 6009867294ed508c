"""The halt switch: what trading may do, as any process can set it, and as it survives everything.

Today it is a latch in the state directory, a small file. It is made ahead, full size, so that setting it
overwrites bytes that exist: that works on a full disk. Where even that is refused (a directory turned
read-only) spares in the private places of the user take its place. Where they are refused, too, the halt
holds for this process, and by the account's records for the next one. Anything in it that is not blank
and cannot be read means HALTED: a torn write must not let an order out. That ends once it can be read
again, so a halt that is set meanwhile is written like any other. Another user's file in a spare's place
is no halt, and is told of.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from functools import reduce
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
from tradectl.files.own import ForeignFile, open_own
from tradectl.files.places import make_private, name_of, private_places
from tradectl.files.trust import is_private

SIZE = 4096
LONGEST_REASON = 500
BLANK = b" \n\0"
LOOK_UP_EVERY_S = 0.05
READ_EVERY_S = 0.001
NOTHING_TO_READ = b"unreadable"
ASIDE = re.compile(r"halt\.[0-9a-f]{8}")


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
    """A `HaltSwitch` in a file: `path`, and the spares in `places` that its real path names."""

    def __init__(
        self,
        path: Path,
        *,
        places: Sequence[Path] | None = None,
        look_up_every: float = LOOK_UP_EVERY_S,
        monotonic: Callable[[], float] = ComputerClock.monotonic,
        wall: Callable[[], int] = ComputerClock.wall,
    ) -> None:
        name = name_of(path)
        self._path = path
        self._look_up_every = look_up_every
        places = private_places() if places is None else places
        self._spares = [place / f"halt-{name}" for place in places]
        self._monotonic = monotonic
        self._wall = wall
        self._fd = -1
        self._known: Halt | None = None
        self._unwritten: Halt | None = None
        self._read_at = self._look_up_at = 0.0

    def date_by(self, wall: Callable[[], int]) -> None:
        """A halt that this process sets is dated by `wall` (ns) from now on."""
        self._wall = wall

    def prepare(self) -> None:
        """Make the file, blank and at full size, if it is not there. Raises StateError."""
        try:
            fd = open_own(self._path, os.O_RDWR | os.O_CREAT)
            try:
                missing = SIZE - os.fstat(fd).st_size
                if missing > 0:
                    os.pwrite(fd, b" " * missing, SIZE - missing)
                    os.fsync(fd)
            finally:
                os.close(fd)
        except OSError as error:
            raise StateError(
                f"cannot prepare the halt latch {self._path}: {_told(error, self._path)}"
            ) from error

    def read(self) -> Halt | None:
        """The halt, or None. What cannot be read counts as set."""
        return reduce(_later, self._halts(), None)

    def _halts(self) -> Iterator[Halt | None]:
        yield self._parse(_content(self._path))
        yield self._unwritten
        for spare in self._spares:
            yield self._parse(_content_of_spare(spare))

    def foreign(self) -> Iterator[str]:
        """Each file in a spare's place that is another user's, or could be: it counts for nothing."""
        for spare in self._spares:
            with contextlib.suppress(OSError):
                spare.lstat()
                if not is_private(spare.parent):
                    yield f"{spare}: others could have put it there"
                    continue
                try:
                    os.close(open_own(spare))
                except ForeignFile as error:
                    yield f"{spare}: {error.strerror}"

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
            return held  # it stands in a file already
        if held is UNREADABLE:  # it goes before each of those that can be read
            before = max((each.written for each in self._halts() if each is not None), default=0)
            halt = replace(halt, written=before + 1)
        self._unwritten = halt
        with self._put_aside():
            try:
                self._write(self._path, halt)
            except OSError as error:
                self._set_spares(halt, error)
        self._unwritten = None
        return halt

    def clear(self) -> None:
        """Blank it. Raises StateError when that is not possible."""
        try:
            if self._path.exists():
                self._write(self._path, None)
            for spare in self._spares:
                if _content_of_spare(spare):  # another's is not ours to take away
                    spare.unlink()
            self._unwritten = None
        except OSError as error:
            raise StateError(
                f"cannot clear the halt latch {self._path}: {_told(error, self._path)}"
            ) from error
        for aside in self.put_aside():
            with contextlib.suppress(OSError):  # a folder: `doctor` names it
                aside.unlink()

    def put_aside(self) -> list[Path]:
        """What an emergency stop found in the latch's place, and could neither read nor write."""
        with contextlib.suppress(OSError):
            found = sorted(self._path.parent.iterdir())
            return [path for path in found if ASIDE.fullmatch(path.name)]
        return []

    @contextlib.contextmanager
    def _put_aside(self) -> Iterator[None]:
        """What is no file of ours, or is shut to us, cannot be set, nor could it be read: a halt must be,
        in any directory that is ours. Where none could be written it comes back: it counts as one."""
        aside = None
        try:
            os.close(open_own(self._path, os.O_RDWR))
        except (ForeignFile, PermissionError):
            with contextlib.suppress(OSError):  # writing it says why
                aside = self._path.rename(f"{self._path}.{os.urandom(4).hex()}")
        except OSError:
            pass  # as above
        try:
            yield
        except StateError:
            if aside is not None:
                with contextlib.suppress(OSError):
                    aside.rename(self._path)
            raise

    def _set_spares(self, halt: Halt, first_error: OSError) -> None:
        """In each place that takes it: nobody knows which of them the trading process sees."""
        refused, written = [f"{self._path}: {first_error.strerror}"], False
        for spare in self._spares:
            try:
                make_private(spare.parent)
                self._write(spare, halt)
                written = True
            except OSError as error:
                refused.append(f"{spare}: {error.strerror}")
        if not written:
            raise StateError(f"cannot set the halt latch: {'; '.join(refused)}")

    def _reopen(self) -> None:
        self.close()
        with contextlib.suppress(OSError):
            self._fd = open_own(self._path)

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
        fd = open_own(path, os.O_RDWR | os.O_CREAT)
        try:
            os.pwrite(fd, text.ljust(SIZE), 0)
            if os.fstat(fd).st_size > SIZE:
                os.ftruncate(fd, SIZE)
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
    has one that an operator orders again; a reason stays as it is where HALTED is to close positions. One
    that could not be read is no halt that was written: a new one takes its place."""
    reason = harmless(reason, LONGEST_REASON)
    if held is None:
        return Halt(state, reason, iso(wall()), 1)
    both, written = both_reasons(reason, held.reason), held.written + 1
    if held is UNREADABLE:
        closes = held.may_become(state, by_operator=by_operator)
        return Halt(state if closes else held.state, both, iso(wall()), written)
    if held.may_become(state, by_operator=by_operator):
        if held.state is TradingState.HALTED or both == held.reason:
            return replace(held, state=state, written=written)
        return Halt(state, both, iso(wall()), written)
    orders_again = by_operator and state is held.state is TradingState.FLATTENING
    if orders_again and both != held.reason:
        return replace(held, reason=both, written=written)
    return held


def _told(error: OSError, path: Path) -> str:
    """With what opens it, where it was shut."""
    is_shut = isinstance(error, PermissionError) and not isinstance(error, ForeignFile)
    return f"{error.strerror}" + (f": chmod 600 {path}" if is_shut else "")


def _later(one: Halt | None, other: Halt | None) -> Halt | None:
    """Of the two files the one that was written last; what cannot be read holds against any other."""
    if one is None or other is None:
        return one or other
    return max(one, other, key=lambda halt: (halt is UNREADABLE, halt.written))


def _content(path: Path, of_foreign: bytes = NOTHING_TO_READ) -> bytes:
    """Of a file that is larger than ours ever is, no word counts but that it is there."""
    try:
        fd = open_own(path)
        try:
            content = os.pread(fd, SIZE + 1, 0)
        finally:
            os.close(fd)
    except FileNotFoundError:
        return b""
    except ForeignFile:
        return of_foreign
    except OSError:
        return NOTHING_TO_READ
    return content if len(content) <= SIZE else NOTHING_TO_READ


def _content_of_spare(path: Path) -> bytes:
    """Nothing where others can have put it there."""
    content = _content(path, of_foreign=b"")
    return content if content and is_private(path.parent) else b""
