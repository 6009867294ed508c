"""What a command did to an account for which no process runs, as a line of its log.

A run tells the log what happens to it. An emergency stop that finds no run that answers, and the end of a
halt, have nobody who would: so they tell it themselves, once they are done. A log that cannot be written
holds nothing up, and changes nothing.
"""

from __future__ import annotations

import os
import sys

from tradectl.bus.clock import WallClock
from tradectl.config.places import secrets_in
from tradectl.documents.log import LogLevel, LogLine
from tradectl.domain.redaction import Redaction
from tradectl.domain.time import iso
from tradectl.logs.log_settings import LogSettings
from tradectl.logs.log_writer import LogWriter
from tradectl.logs.rotated_file import RotatedFile
from tradectl.storage.directory import StateDir

WITHIN_S = 1.0
COMPONENT = "operator"


def log_command(
    state_dir: StateDir, level: LogLevel, said: str, settings: LogSettings, run_id: str = ""
) -> None:
    """`said` goes into the log as `settings` want it, in a second or not at all. Files are moved on by
    runs alone: they know how many are to be kept."""
    if level.rank < LogLevel(settings.level).rank:
        return
    now = WallClock().now
    writer: LogWriter[LogLine] = LogWriter(
        RotatedFile(state_dir.logs, sys.maxsize, sys.maxsize),
        lambda line: line,
        now=now,
        run_id=run_id,
        spelling=settings.format,
        redaction=Redaction(secrets_in(os.environ)),
    )
    writer.put(LogLine(iso(now()), level, COMPONENT, run_id, 0, (), said))
    writer.start()
    writer.stop(WITHIN_S)


__all__ = ["log_command"]
