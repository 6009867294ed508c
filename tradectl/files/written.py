"""What is written where a user says is there whole, or as it was before.

It is written beside its place, under a name that nobody else has or can guess, and put there at the end:
a full disk leaves no half of it, whoever reads meanwhile reads the old one, and a link that somebody put
in its place is replaced, not followed.
"""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO

MODE = 0o600
"""Its owner's alone."""


@contextmanager
def written_whole(path: Path, mode: int = MODE) -> Iterator[TextIO]:
    """What `path` will be, UTF-8 with the line ends as they are written. Raises OSError."""
    with written_bytes(path, mode) as raw:
        file = io.TextIOWrapper(raw, encoding="utf-8", newline="")
        try:
            yield file
        finally:
            file.detach()  # what is in it goes on to `raw`, which stays open


@contextmanager
def written_bytes(path: Path, mode: int = MODE) -> Iterator[BinaryIO]:
    """The same of a file that is no text."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        os.replace(name, path)  # noqa: PTH105  # both are said in one word
    except BaseException:  # whatever happened, nothing half-written stays behind
        Path(name).unlink(missing_ok=True)
        raise


__all__ = ["written_bytes", "written_whole"]
