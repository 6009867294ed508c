"""What holds trading back, for people: since when, why, what still happens, and what ends it.

A run on recorded data is not the account: its halt ends it, and nobody can lift its pause.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import RenderableType
from rich.text import Text

from tradectl.cli.output import figures
from tradectl.cli.output.cells import DIM, LOUD, PLAIN, WARN, Cell
from tradectl.cli.output.listing import line
from tradectl.documents.account import (
    Availability,
    ExternalRow,
    Halt,
    Paused,
    RefusalRow,
    RestrictionRow,
)
from tradectl.domain.risk_memory import OR_RESUMED
from tradectl.domain.states import TradingState
from tradectl.domain.text import harmless

RECORDED = "recorded"
SHORT_RUNS = ("emergency", "reconcile")
"""Nothing could be entered in them, whatever was held back."""
ALL = 100.0
MOST_CAUSES = 4
MEANS = {
    TradingState.REDUCING: "only exits, after a restart too,",
    TradingState.FLATTENING: "every position is closed, and then trading is refused",
    TradingState.HALTED: "trading is refused",
}


def halted(halt: Halt | None, source: str, *, is_flat: bool) -> list[Text]:
    """`is_flat`: no position is left, so that nothing goes on."""
    if halt is None:
        return []
    why, state = harmless(halt.reason or "no reason given"), halt.state or TradingState.HALTED
    said = [Text(f"{state} since {_since(halt)}: {why}", LOUD)]
    if source == RECORDED:  # whose halt is its own
        said.append(Text("a halt ends a run on recorded data, and is not the account's", DIM))
    else:
        means = MEANS[TradingState.HALTED if is_flat else state]
        said.append(Text(f"{means} until `tradectl clear-halt --confirm`", DIM))
    return said


def stands_by(process: int | None) -> list[Text]:
    """The one that is left of a run that was halted."""
    if process is None:
        return []
    ends = "`tradectl alerts ack ID`, `clear-halt` and Ctrl-C end that"
    return [Text(f"process {process} stays to tell of the halt: {ends}", DIM)]


def _since(halt: Halt) -> str:
    return f"{figures.moment(halt.since)} UTC" if halt.since else "an unknown time"


def paused(pause: Paused | None, source: str) -> list[Text]:
    if pause is None:
        return []
    why = harmless(pause.reason or "no reason given")
    ends = all(cause.reason.endswith(OR_RESUMED) for cause in pause.causes) and pause.causes
    until = "until that is over or `tradectl resume`" if ends else "until `tradectl resume`"
    means = (
        "no new entries; nobody can resume a run on recorded data"
        if source == RECORDED
        else f"no new entries, after a restart too, {until}"
    )
    return [
        Text(f"PAUSED since {figures.moment(pause.since)} UTC: {why}", WARN),
        Text(means, DIM),
    ]


def available(found: Availability | None, source: str = "") -> list[RenderableType]:
    """Nothing where nothing was ever held back, or nobody was there to enter anything."""
    if found is None or source in SHORT_RUNS:
        return []
    if not found.held_back and found.account_pct >= ALL:
        return []
    share = f"entries could leave {figures.percent(found.available_pct)} of the run"
    causes = ", ".join(
        f"{harmless(figures.cause(each.cause), 40)} {figures.percent(100 * each.share)}"
        for each in found.held_back[:MOST_CAUSES]
    )
    told = f"{share}: {causes}" if causes else share
    is_only_run = found.account_time_s <= found.time_s
    of_all = "" if is_only_run else f"; {figures.percent(found.account_pct)} of all runs"
    return [line("available", Cell(f"{told}{of_all}", WARN if causes else PLAIN))]


def external(rows: Sequence[ExternalRow], currency: str) -> list[Text]:
    held = figures.external(rows, currency)
    return [Text(held, DIM)] if held else []


def restricted(rows: Iterable[RestrictionRow]) -> list[Text]:
    return [Text(text, WARN) for text in figures.restrictions(rows)]


def refused(rows: Iterable[RefusalRow]) -> list[Text]:
    """An exit that is refused is an emergency."""
    exits_first = [(row, LOUD if row.kind == "exit" else WARN) for row in rows]
    return [Text(figures.refusals([row])[0], style) for row, style in exits_first]
