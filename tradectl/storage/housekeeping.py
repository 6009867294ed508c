"""Who moves journals about is alone at it: nothing is put away while a backup reads, nor twice at once.

Runs take no part in it, and are never waited for: what they write, housekeeping leaves alone.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tradectl.domain.errors import StateError
from tradectl.files.own import open_folder


@contextmanager
def housekeeping(journals: Path, *, moves: bool) -> Iterator[None]:
    """In the folder `journals`, for as long as the block lasts: who `moves` them waits for all others,
    who only reads them for who moves them. Without a folder there is nothing to wait for. Raises
    StateError."""
    try:
        fd = open_folder(journals)
    except FileNotFoundError:
        yield
        return
    except OSError as error:
        raise StateError(
            f"cannot read the journals in {journals}: {error.strerror or error}"
        ) from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX if moves else fcntl.LOCK_SH)
        yield
    finally:
        os.close(fd)


__all__ = ["housekeeping"]
