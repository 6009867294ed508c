"""The control protocol: one JSON line asks, one JSON line answers, over a socket of our own.

    {"v":1,"command":"status"}   ->   {"v":1,"ok":true,"result":{...}}
                                      {"v":1,"ok":false,"error":"..."}

The asking side is plain and blocking, so that a command line which uses it starts at once.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tradectl.domain.errors import NotRunning, TradectlError

VERSION = 1
LONGEST_PATH = 100
LONGEST_LINE = 8 * 1024 * 1024


class ControlError(TradectlError):
    """The running process answered, and its answer is no."""


@contextlib.contextmanager
def socket_address(path: Path) -> Iterator[str]:
    """`path` as an address: too long a path for a socket is reached through its open directory."""
    if len(os.fsencode(path)) <= LONGEST_PATH:
        yield str(path)
        return
    fd = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{fd}/{path.name}"
    finally:
        os.close(fd)


def ask(path: Path, command: str, *, timeout: float = 5.0, **arguments: Any) -> Any:
    """The running process's answer. Raises NotRunning, TimeoutError, ControlError."""
    request = json.dumps({"v": VERSION, "command": command, **arguments}) + "\n"
    try:
        with socket_address(path) as address, socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(timeout)
            connection.connect(address)
            connection.sendall(request.encode())
            with connection.makefile("rb") as answers:
                line = answers.readline(LONGEST_LINE)
    except TimeoutError:
        raise TimeoutError(f"the running process did not answer within {timeout:g} s") from None
    except OSError as error:
        raise NotRunning("nothing is running here: start it with `tradectl run`") from error
    if not line:
        raise NotRunning("the running process ended before it answered")
    answer = json.loads(line)
    if not answer.get("ok"):
        raise ControlError(str(answer.get("error", "refused")))
    return answer.get("result")
