"""How symbols and strategies share the equity, in a few lines."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from rich.console import RenderableType

from tradectl.cli.output import figures
from tradectl.cli.output.cells import WARN
from tradectl.cli.output.listing import line, value
from tradectl.documents.account import AllocationStatus
from tradectl.domain.text import harmless


def allocated(status: AllocationStatus | None, held_back: int = 0) -> list[RenderableType]:
    """`held_back`: so many rebalancings of a run were not worth their cost."""
    if status is None:
        return []
    lines: list[RenderableType] = []
    if status.weights:
        since = f"  since {figures.moment(status.since)} UTC" if status.since else ""
        lines.append(line("weights", value(_shared(status.weights) + since)))
    if status.failure:
        lines.append(line("no weights", value(harmless(status.failure), WARN)))
    if status.shares:
        lines.append(line("shares", value(_shared(status.shares))))
    why = "; ".join(f"{harmless(s, 24)}: {harmless(r)}" for s, r in status.held_back.items())
    if held_back:
        times = figures.counted(held_back, "rebalancing")
        lines.append(line("not traded", value(f"{times} that would cost more than it is worth")))
    elif why:
        lines.append(line("not traded", value(why)))
    return lines


def _shared(parts: Mapping[str, str]) -> str:
    shown = [(name, Decimal(part)) for name, part in parts.items()]
    return ", ".join(f"{harmless(name, 24)} {part:.1%}" for name, part in shown if part) or "cash"


__all__ = ["allocated"]
