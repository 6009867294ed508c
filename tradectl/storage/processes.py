"""Which process it is: a number alone names another one after a restart, and one in each container.

Who may be ended writes down the boot, the namespace of process numbers and the moment it was started in.
All three are compared while the kernel holds on to the process by a descriptor (pidfd), which cannot come
to mean another one; only then is it sent a signal. Where a system tells less than that nobody is ended.
"""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

from msgspec import Struct

from tradectl.domain.errors import StateError
from tradectl.files.own import read_named

PROC = Path("/proc")
LARGEST = 64 * 1024
WIDTHS = (16, 32, 48)
WIDTH = sum(WIDTHS)
_UIDS = re.compile(rb"^Uid:\t(\d+)", re.MULTILINE)


class NotEnded(StateError):
    """A process that cannot be known for the one that was meant: no signal was sent."""


class Identity(Struct, frozen=True):
    """The process `number`, `started` so many ticks after the `boot` of that id; empty is unknown."""

    number: int
    started: str = ""
    namespace: str = ""
    boot: str = ""

    @property
    def is_elsewhere(self) -> bool:
        """In another container, whose numbers are not ours."""
        return bool(self.namespace) and self.namespace != _namespace()

    def noted(self) -> str:
        """All but the number, in `WIDTH` columns."""
        parts = zip((self.started, self.namespace, self.boot), WIDTHS, strict=True)
        return "".join(f"{part:<{width}}" for part, width in parts)

    @classmethod
    def from_note(cls, number: int, note: bytes) -> Identity:
        text = note.decode("ascii", "replace").ljust(WIDTH)
        a, b, _ = WIDTHS
        return cls(number, text[:a].strip(), text[a : a + b].strip(), text[a + b : WIDTH].strip())


def this_process() -> Identity:
    return process_of(os.getpid())


def process_of(number: int) -> Identity:
    """The one that has this number now, among those that we see."""
    return Identity(number, _started(number), _namespace(), _boot())


def end(noted: Identity) -> None:
    """SIGKILL to that process and to no other; nothing where it is gone. Raises NotEnded."""
    _refuse(noted, cannot_be_known(noted))
    try:
        fd = os.pidfd_open(noted.number)
    except ProcessLookupError:
        return
    except OSError as error:
        raise _refused(noted, f"it cannot be held on to ({error.strerror})") from error
    try:
        _refuse(noted, _is_another(noted))
        signal.pidfd_send_signal(fd, signal.SIGKILL)
    except ProcessLookupError:
        pass
    finally:
        os.close(fd)


def is_stopped(noted: Identity) -> bool:
    """By the kernel's word, where it gives one of this very process: who is stopped answers nobody."""
    if cannot_be_known(noted) or _is_another(noted):
        return False
    return _stat(noted.number)[:1] in ([b"T"], [b"t"], [b"Z"], [b"X"])


def cannot_be_known(noted: Identity) -> str:
    """Why no signal of ours could go to it; empty where one could."""
    if not hasattr(os, "pidfd_open") or not _boot():
        return "this system does not tell one process from another"
    if not (noted.number and noted.started and noted.namespace and noted.boot):
        return "the lock does not say which process it is"
    if noted.boot != _boot():
        return "it runs, or ran, on another machine or before this one was started"
    if noted.is_elsewhere:
        return "it runs in another container, where numbers mean other processes"
    return ""


def _is_another(noted: Identity) -> str:
    if _started(noted.number) != noted.started:
        return "its number is another process's by now"
    if _user(noted.number) != os.getuid():
        return "it is another user's"
    return ""


def _refuse(noted: Identity, why: str) -> None:
    if why:
        raise _refused(noted, why)


def _refused(noted: Identity, why: str) -> NotEnded:
    return NotEnded(f"process {noted.number or 'unknown'} was not ended: {why}; end it yourself")


def _boot() -> str:
    return _told(PROC / "sys/kernel/random/boot_id").decode().strip()


def _namespace() -> str:
    try:
        return os.readlink(PROC / "self/ns/pid")  # noqa: PTH115  # a name, and no path
    except OSError:
        return ""


def _started(number: int) -> str:
    """Ticks since the boot."""
    fields = _stat(number)
    return fields[19].decode() if len(fields) > 19 else ""


def _stat(number: int) -> list[bytes]:
    """From the state on: what comes before has a name in it, which may be anything."""
    return _told(PROC / str(number) / "stat").rpartition(b")")[2].split()


def _user(number: int) -> int | None:
    found = _UIDS.search(_told(PROC / str(number) / "status"))
    return int(found[1]) if found else None


def _told(path: Path) -> bytes:
    try:
        return read_named(path, LARGEST)
    except OSError:
        return b""


__all__ = [
    "WIDTH",
    "Identity",
    "NotEnded",
    "cannot_be_known",
    "end",
    "is_stopped",
    "process_of",
    "this_process",
]
