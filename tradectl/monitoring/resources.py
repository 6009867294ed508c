"""What the process takes of the machine."""

from __future__ import annotations

import threading
from typing import Any

from tradectl.documents.run import Resources

MEBIBYTE = 1 << 20


class ResourceReader:
    """Reads psutil's figures; call it in a thread: importing psutil alone takes 40 ms."""

    def __init__(self) -> None:
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
                return Resources()

    def _figures(self) -> Resources:
        process = self._process
        open_files = process.num_fds() if hasattr(process, "num_fds") else process.num_handles()
        return Resources(
            cpu_pct=process.cpu_percent(),
            rss_mb=round(process.memory_info().rss / MEBIBYTE, 1),
            open_files=open_files,
            threads=process.num_threads(),
        )
