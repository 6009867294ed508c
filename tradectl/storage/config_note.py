"""Which configuration the last run of the account had: who acts in its place finds its channels there.

It is a place and nothing of what is there, which has its own reasons to be trusted or not.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from tradectl.files.own import read_own
from tradectl.files.written import written_whole

LARGEST = 64 * 1024


class ConfigNote:
    """The file at `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def note(self, config: Path | None) -> None:
        """A run begins, with this file or without one. Where that cannot be noted it is as it was."""
        with contextlib.suppress(OSError):
            if config is None:
                self._path.unlink(missing_ok=True)
                return
            with written_whole(self._path) as file:
                file.write(os.fsdecode(os.path.realpath(config)))

    def read(self) -> Path | None:
        """None where there was none, or it cannot be read."""
        with contextlib.suppress(OSError, ValueError):
            return Path(read_own(self._path, LARGEST).decode())
        return None


__all__ = ["ConfigNote"]
