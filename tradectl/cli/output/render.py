"""What commands print for people, from exactly the documents that `--json` prints.

Every function takes a document, or a list of rows, and returns a Rich renderable; `show` prints it.
Texts in it are shown, never obeyed: they become `Text`, no markup is read in them, and control
characters are made harmless.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.text import Text

from tradectl.cli.output import cells, columns, figures
from tradectl.cli.output.account_totals import by_strategy, totals
from tradectl.cli.output.allocated import allocated
from tradectl.cli.output.cells import BAD, BOLD, DIM, GOOD, LOUD, WARN, Cell
from tradectl.cli.output.held_back import denied, not_traded
from tradectl.cli.output.listing import Listing, console, line, names, value
from tradectl.cli.output.trading_state import (
    available,
    halted,
    paused,
)
from tradectl.documents.account import (
    FillRow,
    OrderRow,
    PortfolioTotals,
    PositionRow,
)
from tradectl.documents.reasons import Untraded
from tradectl.documents.run import AlertRow, RunRow, Summary
from tradectl.domain.event import ReasonCode
from tradectl.domain.text import harmless
from tradectl.files.places import home

if TYPE_CHECKING:  # not for the documents that are printed most
    from tradectl.documents.market import (
        ExchangeRow,
        MarketRow,
        RecordingSummary,
    )


COLOURS = {
    "RUNNING": GOOD, "PAUSED": WARN, "REDUCING": LOUD, "FLATTENING": LOUD, "HALTED": LOUD,
}  # fmt: skip
MOST_REASONS = 5
MENDABLE = (
    ReasonCode.NO_DATA, ReasonCode.TIMEFRAME, ReasonCode.RESTRICTED, ReasonCode.REFUSED,
    ReasonCode.DENIED, ReasonCode.TOO_SMALL,
)  # fmt: skip
"""Reasons for which something can be done."""
OF_A_RUN = "of a run on recorded data: --run ID, see `tradectl runs`"
NO_FUNDING = {
    "paper": "none was applied to perpetuals: --funding FILE or paper.funding_rate",
    "live": "what the exchange settles on perpetuals is not booked",
}
UNMET_FUNDING = "no rate of the file fell into a time in which a perpetual was held"
ALWAYS_SHOWN = ("received", "delivered")
"""Of a recording's counts: the others where they are not zero."""


def show(renderable: RenderableType, to: Console | None = None) -> None:
    """Under a pipe, lines end where their text does."""
    out = to or console()
    if out.is_terminal:
        out.print(renderable, crop=False)
        return
    with out.capture() as caught:
        out.print(renderable, crop=False)
    out.file.write("\n".join(line.rstrip(" ") for line in caught.get().split("\n")))


# --- lists ----------------------------------------------------------------------------------------


def positions(rows: Sequence[PositionRow]) -> RenderableType:
    has_perpetual = any(row.liquidation_price is not None for row in rows)
    wanted = columns.PERPETUALS if has_perpetual else columns.POSITIONS
    return Listing(wanted, rows, "no positions: the account is flat")


def orders(rows: Sequence[OrderRow]) -> RenderableType:
    return Listing(columns.ORDERS, rows, f"no orders; {OF_A_RUN}")


def orders_of_run(rows: Sequence[OrderRow]) -> RenderableType:
    return Listing(columns.ORDERS, rows, "no orders in this run")


def fills(rows: Sequence[FillRow]) -> RenderableType:
    return Listing(columns.FILLS, rows, f"no fills yet; {OF_A_RUN}")


def fills_of_run(rows: Sequence[FillRow]) -> RenderableType:
    return Listing(columns.FILLS, rows, "no fills in this run")


def alerts(rows: Sequence[AlertRow]) -> RenderableType:
    return Listing(columns.ALERTS, rows, "no alerts: nothing asks for attention")


def runs(rows: Sequence[RunRow]) -> RenderableType:
    """With the reasons of the newest that traded nothing."""
    listing = Listing(columns.RUNS, rows, "no runs recorded yet: `tradectl run --paper` makes one")
    idle = [row for row in rows if row.untraded and not row.run_fills]
    return Group(listing, *map(_idle_run, idle[-MOST_REASONS:]))


def _idle_run(row: RunRow) -> RenderableType:
    first, *others = _spelled(row.untraded or ())
    more = Cell(f"; and {figures.count(len(others))} more: --json" if others else "", DIM)
    return line("no trades", value(f"{row.run_id}: {first}", WARN), more)


def exchanges(rows: Sequence[ExchangeRow]) -> RenderableType:
    return Listing(columns.EXCHANGES, rows, "no exchanges")


def markets(rows: Sequence[MarketRow]) -> RenderableType:
    listing = Listing(columns.MARKETS, rows, "no such markets")
    return Group(listing, Text(figures.counted(len(rows), "market"), DIM)) if rows else listing


# --- a run ----------------------------------------------------------------------------------------


def summary(summary: Summary) -> RenderableType:
    events = f"{figures.count(summary.events)} at {figures.rate(summary.rate)}"
    trades = _trades(summary.orders, summary.fills)
    parts: list[RenderableType] = [
        headline(summary.state, summary.mode, summary.source, summary.run_id),
        *halted(
            summary.halt,
            summary.source,
            is_flat=_is_flat(summary.portfolio),
        ),
        *paused(summary.paused, summary.source),
        *not_traded(summary),
        line("ended", value(summary.reason)),
        line("time", Cell(figures.took(summary.elapsed_s))),
        line("events", Cell(events)),
        line("trades", Cell(trades)),
        *denied(summary),
        *available(summary.availability),
        *allocated(summary.allocation, summary.not_worth_cost),
        *_of_this_run(summary),
        *totals(summary.portfolio),
        *by_strategy(summary.strategies),
    ]
    if missing := _missing_funding(summary):
        parts.append(line("funding", value(missing, WARN)))
    if summary.quarantined:
        parts.append(line("quarantine", *_quarantined(summary)))
    if summary.failed:
        parts += _failed(summary)
    parts += untraded(summary.untraded, everything=not summary.run_fills)
    if bad := summary.bad_rows:
        parts.append(line("bad rows", Cell(f"{figures.count(bad)}, never traded on", WARN)))
    if summary.state_hash:
        parts.append(line("state", value(summary.state_hash, DIM)))
    if summary.journal:
        parts += _how_to_replay(summary.journal)
    return Group(*parts)


def _missing_funding(summary: Summary) -> str:
    """Why perpetuals paid and got none, where that is not the market's doing."""
    if summary.funding_missing:
        symbols: dict[str, list[str]] = {}
        for symbol, why in summary.funding_missing.items():
            symbols.setdefault(why, []).append(symbol)
        return "; ".join(f"{names(of)}: {why}" for why, of in symbols.items())
    if summary.funding_from == "none":
        return NO_FUNDING[summary.mode]
    if summary.funding_from != "file" or figures.is_something(summary.portfolio.funding):
        return ""
    return UNMET_FUNDING


def untraded(reasons: Sequence[Untraded] | None, *, everything: bool) -> list[RenderableType]:
    """Why nothing was traded, the most important first; where something was (not `everything`), only what
    asks to be mended. The same reason at several symbols is said once; what held all of trading back has
    a line of its own."""
    found = _spelled(
        reason
        for reason in reasons or ()
        if reason.strategy
        and reason.code != ReasonCode.QUARANTINED
        and (everything or reason.code in MENDABLE)
    )
    lines = [line("no trades", value(why, WARN)) for why in found[:MOST_REASONS]]
    if (more := len(found) - MOST_REASONS) > 0:
        lines.append(line("", Cell(f"and {figures.count(more)} more: --json", DIM)))
    return lines


def _spelled(reasons: Iterable[Untraded]) -> list[str]:
    symbols: dict[tuple[str, str], list[str]] = {}
    for reason in reasons:
        symbols.setdefault((reason.strategy, reason.text), []).append(reason.symbol)
    return [
        f"{names(of)} by {strategy}: {text}" if strategy else text
        for (strategy, text), of in symbols.items()
    ]


def _quarantined(summary: Summary) -> list[Cell]:
    why = "; ".join(f"{name}: {reason}" for name, reason in summary.quarantined.items())
    left = [Cell("nothing that could trade is left; ", BAD)] if summary.nothing_trades else []
    return [*left, value(why, WARN)]


def _failed(summary: Summary) -> list[RenderableType]:
    """Strategies that failed and went on."""
    left = [Cell("nothing that could trade is left; ", BAD)] if summary.nothing_trades else []
    return [
        line("failed", *left, value(f"{name} {why}", WARN))
        for name, why in summary.failed.items()
        if name not in summary.quarantined
    ]


def _trades(orders: int, fills: int) -> str:
    return f"{figures.counted(orders, 'order')}, {figures.counted(fills, 'fill')}"


def _of_this_run(summary: Summary) -> list[RenderableType]:
    """Where the account is older than the run: what the run did of all that."""
    if (summary.run_orders, summary.run_pnl) == (summary.orders, summary.pnl):
        return []
    trades = _trades(summary.run_orders, summary.run_fills)
    return [line("this run", Cell(f"{trades}, "), cells.profit(summary.run_pnl))]


def recording(summary: RecordingSummary) -> RenderableType:
    rows = list(summary.by_symbol.items())
    counts = [
        f"{rule.replace('_', ' ')} {figures.count(number)}"
        for rule, number in summary.counts.items()
        if number or rule in ALWAYS_SHOWN
    ]
    return Group(
        Listing(columns.RECORDED, rows, "no symbols"),
        Text(),
        line("recorded", Cell(figures.counted(summary.events, "event"))),
        line("from", value(summary.source)),
        line("time", Cell(figures.took(summary.elapsed_s))),
        line("ended", value(summary.reason)),
        line("feed", Cell(", ".join(counts))),
        line("file", value(summary.journal)),
    )


# --- parts of them --------------------------------------------------------------------------------


def headline(state: str, mode: str, source: str, run_id: str | None) -> Text:
    word = harmless(state or "?", 16).upper()
    colour = COLOURS.get(word, BOLD)
    text = Text(word, colour + BOLD, overflow="fold")
    if traded := figures.mode_words(mode, source):
        text.append(f"  {traded}", BOLD)
    return text.append(f"  run {harmless(run_id or figures.NOTHING)}")


def _is_flat(portfolio: PortfolioTotals | None) -> bool:
    return portfolio is None or not figures.is_something(portfolio.exposure)


def _how_to_replay(journal: str) -> list[RenderableType]:
    """The command on a line of its own, which only the terminal breaks, so that it can be copied."""
    path = harmless(journal)
    begins = f"{home()}/"
    short = f"~/{shlex.quote(path.removeprefix(begins))}" if path.startswith(begins) else ""
    command = f"tradectl replay {short or shlex.quote(path)}"
    return [
        line("journal", Cell(path)),
        Text("to recompute every decision of this run and compare:", DIM),
        Text(command, BOLD, no_wrap=True, overflow="ignore"),
    ]
