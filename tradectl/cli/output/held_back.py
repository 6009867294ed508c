"""How much of a run's data passed while trading was paused or halted, for people."""

from __future__ import annotations

from rich.console import RenderableType
from rich.text import Text

from tradectl.cli.output import figures
from tradectl.cli.output.cells import LOUD, WARN
from tradectl.cli.output.listing import line, value
from tradectl.documents.run import Summary
from tradectl.domain.text import harmless

MOST = 0.5
"""From this share of the data on it is said first."""


def not_traded(summary: Summary) -> list[RenderableType]:
    """How much of recorded data passed while trading was paused or halted: loudly, where it was most."""
    lines: list[RenderableType] = []
    share = float(summary.held_back_share or 0)
    if share >= MOST:
        lines.append(
            Text(f"NO ENTRIES for {share:.0%} of the data: it says little of the strategy", LOUD)
        )
    for each in summary.held_back or ():
        part = f", {float(each.share):.0%} of the data" if each.share is not None else ""
        times = f"{figures.count(each.times)} times" if each.times > 1 else "once"
        until = f"to {figures.moment(each.until)}" if each.until else "and still"
        text = (
            f"by {harmless(each.cause)} {times}, from {figures.moment(each.since)} {until} UTC: "
            f"{figures.count(each.rows)} rows{part}, {figures.duration(each.span_s)}"
        )
        lines.append(line("held back", value(text, WARN)))
    return lines
