"""The log's lines, in columns."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType

from tradectl.cli.output.cells import BAD, DIM, LOUD, PLAIN, WARN, Cell, Column
from tradectl.cli.output.listing import Listing
from tradectl.documents.log import LogLevel, LogLine
from tradectl.domain.text import harmless

STYLES = {
    LogLevel.DEBUG: DIM, LogLevel.INFO: PLAIN, LogLevel.WARNING: WARN, LogLevel.ERROR: BAD,
    LogLevel.CRITICAL: LOUD,
}  # fmt: skip
LONGEST_SPELLED = 1_200


def listing(lines: Sequence[LogLine]) -> RenderableType:
    return Listing(COLUMNS, lines, "no such lines in the log")


def spelled(line: LogLine) -> str:
    """In one line, as long as it is."""
    about = f" #{line.seq}" if line.seq else ""
    said = f"{line.time} {line.level.upper():<8} {line.component}{about}: {line.message}"
    return harmless(said, LONGEST_SPELLED)


COLUMNS: tuple[Column[LogLine], ...] = (
    Column("time", lambda line: Cell(line.time[5:23].replace("T", " "), DIM), keep=3),
    Column("level", lambda line: Cell(line.level.value, STYLES[line.level]), keep=2),
    Column("component", lambda line: Cell(harmless(line.component, 60), DIM), keep=1),
    Column("seq", lambda line: Cell(str(line.seq or ""), DIM), right=True),
    Column(
        "message",
        lambda line: Cell(harmless(line.message), STYLES[line.level]),
        least=30,
        keep=4,
        flexible=True,
    ),
)

__all__ = ["listing", "spelled"]
