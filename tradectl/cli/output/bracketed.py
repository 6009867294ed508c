"""The exits of strategies' positions, a line for each."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType

from tradectl.cli.output import figures
from tradectl.cli.output.listing import line, value
from tradectl.documents.account import BracketRow
from tradectl.domain.text import harmless


def bracketed(rows: Sequence[BracketRow]) -> list[RenderableType]:
    """What is only watched says so."""
    return [line("exits", value(_words(row))) for row in rows]


def _words(row: BracketRow) -> str:
    held = f"{harmless(row.strategy, 24)} {row.side} {row.size} {harmless(row.symbol, 24)}"
    parts = []
    if row.stop is not None:
        kind = row.stop_kind.replace("_", " ")
        parts.append(f"{kind} {figures.price(row.stop)}{_watched(row.stop_watched)}")
    if row.trailing_pct is not None and not row.armed:
        parts.append(f"trailing stop of {row.trailing_pct}% not armed yet")
    if row.target is not None:
        parts.append(f"take profit {figures.price(row.target)}{_watched(row.target_watched)}")
    return f"{held}: {', '.join(parts)}"


def _watched(watched: bool) -> str:
    return " (watched here)" if watched else ""


__all__ = ["bracketed"]
