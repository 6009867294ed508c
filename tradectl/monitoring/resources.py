"""What the process takes of the machine."""

from __future__ import annotations

import threading
from typing import Any

MEBIBYTE = 1 << 20


class Resources:
    """Reads psutil's figures; call it in a thread: importing psutil alone takes 40 ms."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: Any = None

    def read(self) -> dict[str, float | int | None]:
        """cpu_pct (100 is one core, since the last call), rss_mb, open_files, threads.

        A figure that cannot be had, for want of file descriptors say, is None.
        """
        import psutil  # not at start-up

        with self._lock:
            try:
                if self._process is None:
                    self._process = psutil.Process()
                with self._process.oneshot():
                    return self._figures()
            except (OSError, psutil.Error):
                return dict.fromkeys(("cpu_pct", "rss_mb", "open_files", "threads"))

    def _figures(self) -> dict[str, float | int | None]:
        process = self._process
        open_files = process.num_fds() if hasattr(process, "num_fds") else process.num_handles()
        return {
            "cpu_pct": process.cpu_percent(),
            "rss_mb": round(process.memory_info().rss / MEBIBYTE, 1),
            "open_files": open_files,
            "threads": process.num_threads(),
        }
