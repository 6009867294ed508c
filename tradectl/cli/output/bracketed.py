"""The exits of strategies' positions, a line for each."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType

from tradectl.cli.output import figures
from tradectl.cli.output.listing import line, value
from tradectl.documents.account import BracketRow
from tradectl.domain.text import harmless

HERE, NOBODY = " (watched here)", " (watched by nobody: nothing runs)"


def bracketed(rows: Sequence[BracketRow], *, running: bool) -> list[RenderableType]:
    """What is only watched says so, and that it is not while nothing is `running`."""
    by = HERE if running else NOBODY
    return [line("exits", value(_words(row, by))) for row in rows]


def _words(row: BracketRow, by: str) -> str:
    held = f"{harmless(row.strategy, 24)} {row.side} {row.size} {harmless(row.symbol, 24)}"
    parts = []
    if row.stop is not None:
        kind = row.stop_kind.replace("_", " ")
        parts.append(f"{kind} {figures.price(row.stop)}{by * row.stop_watched}")
    if row.trailing_pct is not None and not row.armed:
        parts.append(f"trailing stop of {row.trailing_pct}% not armed yet")
    if row.target is not None:
        parts.append(f"take profit {figures.price(row.target)}{by * row.target_watched}")
    return f"{held}: {', '.join(parts)}"


__all__ = ["bracketed"]
