"""What the process takes of the machine, and what is left of it."""

from __future__ import annotations

import contextlib
import shutil
import threading
from pathlib import Path
from typing import Any

from tradectl.documents.run import Resources
from tradectl.journal.parts import size_of

MEBIBYTE = 1 << 20


class ResourceReader:
    """Reads psutil's figures; call it in a thread: importing psutil alone takes 40 ms. `folder` is on the
    disk whose room is told, `journal` the log whose size is."""

    def __init__(self, folder: Path | None = None, journal: Path | None = None) -> None:
        self._folder, self._journal = folder, journal
        self._lock = threading.Lock()
        self._process: Any = None

    def read(self) -> Resources:
        """cpu_pct since the last call; a figure that cannot be had, for want of file descriptors say, is
        None."""
        import psutil  # not at start-up

        with self._lock:
            try:
                if self._process is None:
                    self._process = psutil.Process()
                with self._process.oneshot():
                    return self._figures()
            except (OSError, psutil.Error):
                return Resources(disk_free_mb=self._disk_free_mb(), journal_mb=self._journal_mb())

    def _figures(self) -> Resources:
        process = self._process
        open_files = process.num_fds() if hasattr(process, "num_fds") else process.num_handles()
        return Resources(
            cpu_pct=process.cpu_percent(),
            rss_mb=round(process.memory_info().rss / MEBIBYTE, 1),
            open_files=open_files,
            open_files_pct=self._share_of_files(open_files),
            threads=process.num_threads(),
            disk_free_mb=self._disk_free_mb(),
            journal_mb=self._journal_mb(),
        )

    def _share_of_files(self, open_files: int) -> float | None:
        if not hasattr(self._process, "rlimit"):
            return None
        import psutil

        most, _ = self._process.rlimit(psutil.RLIMIT_NOFILE)
        return round(100 * open_files / most, 1) if most > 0 else None

    def _disk_free_mb(self) -> float | None:
        with contextlib.suppress(OSError):
            if self._folder is not None:
                return round(shutil.disk_usage(self._folder).free / MEBIBYTE, 1)
        return None

    def _journal_mb(self) -> float | None:
        with contextlib.suppress(OSError):
            if self._journal is not None:
                return round(size_of(self._journal) / MEBIBYTE, 1)
        return None


__all__ = ["ResourceReader"]
