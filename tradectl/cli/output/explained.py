"""The account at a point of a run, and what changed between two, for people."""

from __future__ import annotations

import json
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from tradectl.cli.output import cells, columns, figures
from tradectl.cli.output.account_totals import by_strategy, totals
from tradectl.cli.output.cells import BOLD, DIM, TITLE, Cell, Column
from tradectl.cli.output.listing import Listing, line, value
from tradectl.cli.output.render import positions
from tradectl.cli.output.trading_state import external, halted, paused, refused, restricted
from tradectl.documents.explain import StateAt, StateChanged, StateDifference
from tradectl.documents.values import Time
from tradectl.domain.text import harmless


def state_at(state: StateAt) -> RenderableType:
    account = state.account
    newest = ", the newest" if state.is_last else ""
    head = Text(f"run {harmless(state.run_id)} after record {figures.count(state.seq)}", BOLD)
    head.append(f"{newest}{_when(state.time)}", DIM)
    currency = account.portfolio.currency if account.portfolio else ""
    return Group(
        head,
        *halted(account.halt, "", is_flat=not account.positions),
        *paused(account.paused, ""),
        *restricted(account.restrictions),
        *refused(account.refused),
        *external(account.external, currency),
        Text(),
        *totals(account.portfolio),
        *by_strategy(account.strategies),
        Text(),
        Text("Positions", TITLE),
        positions(account.positions),
        Text(),
        Text("Open orders", TITLE),
        Listing(columns.ORDERS, account.open_orders, "none working"),
        Text(),
        line("state", value(account.state_hash, DIM)),
    )


def state_difference(found: StateDifference) -> RenderableType:
    head = Text(f"run {harmless(found.run_id)}", BOLD)
    spans = (
        f"from record {figures.count(found.from_seq)}{_when(found.from_time)}\n"
        f"  to record {figures.count(found.to_seq)}{_when(found.to_time)}"
    )
    same = "nothing of the account is another"
    return Group(head, Text(spans, DIM), Text(), Listing(CHANGES, found.changes, same))


def _when(time: Time | None) -> str:
    return f", {figures.moment(time)} UTC" if time else ""


def _spell(found: Any) -> str:
    if found is None:
        return figures.NOTHING
    return harmless(found if isinstance(found, str) else json.dumps(found))


CHANGES: tuple[Column[StateChanged], ...] = (
    Column("what", lambda row: cells.text(row.path), least=24, keep=3, flexible=True),
    Column("before", lambda row: Cell(_spell(row.before)), least=16, keep=2, flexible=True),
    Column("after", lambda row: Cell(_spell(row.after)), least=16, keep=2, flexible=True),
)

__all__ = ["state_at", "state_difference"]
