"""The control protocol: one JSON line asks, one JSON line answers, over a socket of our own.

    {"v":4,"command":"status"}   ->   {"v":4,"ok":true,"result":{...}}
                                      {"v":4,"ok":false,"error":"..."}

A result is one of the documents. The asking side is plain and blocking, so that a command line
which uses it starts at once.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Raw, Struct

from tradectl.bus.clock import ComputerClock
from tradectl.control.requests import COMMANDS, VERSION, spell
from tradectl.domain.errors import NotRunning, TradectlError, UsageError
from tradectl.files.own import open_folder

T = TypeVar("T")

LONGEST_PATH = 100
LOCAL_PEERCRED = 1
AT_ONCE = 64 * 1024
LONGEST_LINE = 8 * 1024 * 1024


class ControlError(TradectlError):
    """The running process answered, and its answer is no."""


@contextlib.contextmanager
def socket_address(path: Path) -> Iterator[str]:
    """`path` as an address: too long a path for a socket is reached through its open directory."""
    if len(os.fsencode(path)) <= LONGEST_PATH:
        yield str(path)
        return
    fd = open_folder(path.parent)
    try:
        yield f"/proc/self/fd/{fd}/{path.name}"
    finally:
        os.close(fd)


def _line_within(connection: socket.socket, seconds: float) -> bytes:
    """What is answered to the end of its line; one that only trickles in is not waited for. Raises
    TimeoutError."""
    ends, held = ComputerClock.monotonic() + seconds, bytearray()
    while not held.endswith(b"\n") and len(held) < LONGEST_LINE:
        left = ends - ComputerClock.monotonic()
        if left <= 0:
            raise TimeoutError
        connection.settimeout(left)
        piece = connection.recv(AT_ONCE)
        if not piece:
            break
        held += piece
    return bytes(held)


def is_own_user(connection: socket.socket) -> bool:
    """The other end of it is a process of this user, by the kernel's word."""
    if sys.platform == "darwin":
        _, uid = struct.unpack_from("=II", connection.getsockopt(0, LOCAL_PEERCRED, 76))
    elif sys.platform == "linux":
        asked = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        _, uid, _ = struct.unpack("3i", asked)
    else:
        return True
    return bool(uid == os.geteuid())


SHOWN_BY = {"order": "orders", "close": "orders", "cancel": "orders", "apply_settings": "events"}
"""The command that shows what came of it; `status` of the others."""


def _what_then(command: str) -> str:
    """What becomes of a command whose asker waits no longer."""
    if COMMANDS[command].done_late:
        return "it does it as soon as it goes on"
    where = SHOWN_BY.get(command, "status")
    return (
        "it refuses what it has not begun by now and does not do it later; "
        f"`tradectl {where}` shows whether it was done"
    )


class Answer(Struct, kw_only=True):
    """What comes back: a result, or why there is none."""

    v: int = VERSION
    ok: bool
    result: Raw = Raw(b"null")
    error: str = "refused"
    wrong_option: bool = False


def ask(path: Path, command: str, kind: type[T], *, timeout: float = 5.0, **arguments: Any) -> T:
    """The running process's answer, a document of `kind`. Raises UsageError for arguments that would be
    refused, NotRunning, TimeoutError, ControlError."""
    deadline = ComputerClock.monotonic() + timeout
    request = spell(command, deadline=deadline, **arguments)
    try:
        with socket_address(path) as address, socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(timeout)
            connection.connect(address)
            if not is_own_user(connection):
                raise NotRunning(f"another user's process answers at {path}: it is not asked")
            connection.sendall(request)
            line = _line_within(connection, timeout)
    except TimeoutError:
        raise TimeoutError(
            f"the running process did not answer within {timeout:g} s: {_what_then(command)}"
        ) from None
    except OSError as error:
        raise NotRunning("nothing is running here: start it with `tradectl run`") from error
    if not line:
        raise NotRunning("the running process ended before it answered")
    try:
        answer = msgspec.json.decode(line, type=Answer)
        if answer.ok:
            return msgspec.json.decode(answer.result, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ControlError(f"the running process speaks another protocol: {error}") from error
    raise (UsageError if answer.wrong_option else ControlError)(answer.error)
