"""How much of a run's data passed while trading was held back, and what risk denied, for people."""

from __future__ import annotations

from rich.console import RenderableType
from rich.text import Text

from tradectl.cli.output import figures
from tradectl.cli.output.cells import LOUD, WARN
from tradectl.cli.output.listing import line, value
from tradectl.documents.run import HeldBack, Summary
from tradectl.domain.text import harmless

MOST = 0.5
"""From this share of the data on it is said first."""
LEAST = 0.005
"""What would be rounded to nothing."""


def not_traded(summary: Summary) -> list[RenderableType]:
    """How much of recorded data passed while trading was paused or halted: loudly, where it was most."""
    lines: list[RenderableType] = []
    share = float(summary.held_back_share or 0)
    if share >= MOST:
        lines.append(
            Text(f"NO ENTRIES for {share:.0%} of the data: it says little of the strategy", LOUD)
        )
    denied = sum(each.count for each in summary.denied_by or ())
    if denied > MOST * (summary.run_orders or 0):
        many = f"{figures.count(denied)} of {figures.counted(summary.run_orders, 'order')}"
        lines.append(Text(f"DENIED {many}: what was traded says little of the strategy", LOUD))
    held = [each for each in summary.held_back or () if each.rows]
    return lines + [line("held back", value(_spelled(each), WARN)) for each in held]


def denied(summary: Summary) -> list[RenderableType]:
    """Orders of this run that risk denied, by check, with words of the most frequent one."""
    by = summary.denied_by
    if not by:
        return []
    total = figures.count(sum(each.count for each in by))
    codes = ", ".join(f"{figures.count(each.count)} by {each.code}" for each in by)
    return [line("denied", value(f"{total} ({codes}), such as: {by[0].example}", WARN))]


def _spelled(each: HeldBack) -> str:
    times = f"{figures.count(each.times)} times" if each.times > 1 else "once"
    until = figures.moment(each.until) if each.until else "the end"
    rows = figures.counted(each.rows, "row")
    part = "" if each.share is None else f", {_percent(float(each.share))} of the data"
    cause = harmless(figures.cause(each.cause))
    return (
        f"by {cause} {times}, from {figures.moment(each.since)} to {until} (UTC): "
        f"{rows}{part}, {figures.duration(each.span_s)}"
    )


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= LEAST else "less than 1%"
