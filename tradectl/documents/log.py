"""A line of the log, as its file has it and as `tradectl logs --json` prints it."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class LogLevel(StrEnum):
    """How grave it is, the least first."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return RANKS[self]


RANKS = {level: rank for rank, level in enumerate(LogLevel)}


class LogLine(Struct, frozen=True, gc=False):
    """`time` is ISO 8601 UTC; `seq` is the journal's number of the record that it tells of, 0 where it
    tells of none."""

    time: str
    level: LogLevel
    component: str
    run_id: str
    seq: int
    order_ids: tuple[str, ...]
    message: str


__all__ = ["LogLevel", "LogLine"]
