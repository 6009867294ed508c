"""The account at a point of a run, and what changed between two, for people."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from rich.console import Group, RenderableType
from rich.text import Text

from tradectl.cli.output import columns, figures
from tradectl.cli.output.account_totals import by_strategy, totals
from tradectl.cli.output.cells import BOLD, DIM, TITLE, Cell, Column
from tradectl.cli.output.listing import Listing, line, value
from tradectl.cli.output.render import positions
from tradectl.cli.output.trading_state import external, halted, paused, refused, restricted
from tradectl.documents.account import PositionRow
from tradectl.documents.explain import StateAt, StateDifference
from tradectl.documents.values import Time
from tradectl.domain.money import ZERO
from tradectl.domain.text import harmless


def state_at(state: StateAt) -> RenderableType:
    account = state.account
    newest = ", the newest" if state.is_last else ""
    head = Text(f"run {harmless(state.run_id)} after record {figures.count(state.seq)}", BOLD)
    head.append(f"{newest}{_when(state.time)}", DIM)
    currency = account.portfolio.currency if account.portfolio else ""
    return Group(
        head,
        *halted(account.halt, state.source, is_flat=not account.positions),
        *paused(account.paused, state.source),
        *restricted(account.restrictions),
        *refused(account.refused),
        *external(account.external, currency),
        Text(),
        *totals(account.portfolio, account.cash_at),
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
    parts: list[RenderableType] = [head, Text(spans, DIM)]
    if not found.changes:
        return Group(*parts, Text(), Text("nothing of the account is another", DIM))
    parts += [Text(), Listing(CHANGES, _figures(found), "no figure is another")]
    if held := _positions(found):
        parts += [Text(), Text("Positions", TITLE), Listing(CHANGES, held, "")]
    if found.orders:
        parts += [Text(), Text("Orders that began, changed or ended", TITLE)]
        parts.append(Listing(columns.ORDERS, found.orders, ""))
    if found.after.halt != found.before.halt or found.after.paused != found.before.paused:
        said = [
            *halted(found.after.halt, found.source, is_flat=not found.after.positions),
            *paused(found.after.paused, found.source),
        ]
        parts += [Text(), *(said or [Text("trading goes on")])]
    return Group(*parts)


def _when(time: Time | None) -> str:
    return f", {figures.moment(time)} UTC" if time else ""


class _Changed(NamedTuple):
    what: str
    before: str
    after: str
    by: str


def _figures(found: StateDifference) -> list[_Changed]:
    """Money, and what is held: only what is another."""
    before, after = found.before.portfolio, found.after.portfolio
    amounts = [
        (name, figures.decimal(one), figures.decimal(other))
        for name, one, other in (
            ("equity", before and before.equity, after and after.equity),
            ("cash", before and before.cash, after and after.cash),
            ("P&L net", figures.net(before), figures.net(after)),
            ("realised", before and before.realized_pnl, after and after.realized_pnl),
            ("unrealised", before and before.unrealized_pnl, after and after.unrealized_pnl),
            ("fees", before and before.fees, after and after.fees),
            ("funding", before and before.funding, after and after.funding),
        )
    ]
    return [
        _Changed(name, figures.money(one), figures.money(other), figures.money(by, signed=True))
        for name, one, other in amounts
        if (by := (other or ZERO) - (one or ZERO))
    ]


def _positions(found: StateDifference) -> list[_Changed]:
    """What is held of each symbol, below zero of a short; only what is another."""
    before, after = (
        {row.symbol: _held(row) for row in account.positions}
        for account in (found.before, found.after)
    )
    return [
        _Changed(
            harmless(symbol),
            figures.quantity(before.get(symbol, ZERO), signed=True),
            figures.quantity(after.get(symbol, ZERO), signed=True),
            figures.quantity(by, signed=True),
        )
        for symbol in dict.fromkeys([*before, *after])
        if (by := after.get(symbol, ZERO) - before.get(symbol, ZERO))
    ]


def _held(row: PositionRow) -> Decimal:
    return Decimal(row.size) * (-1 if row.side == "short" else 1)


CHANGES: tuple[Column[_Changed], ...] = (
    Column("", lambda row: Cell(row.what), keep=4),
    Column("before", lambda row: Cell(row.before), keep=2, right=True),
    Column("after", lambda row: Cell(row.after), keep=3, right=True),
    Column("by", lambda row: Cell(row.by, BOLD), keep=3, right=True),
)

__all__ = ["state_at", "state_difference"]
