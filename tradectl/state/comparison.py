"""What follows from an exchange's report on the account: what others traded is booked where it explains a
difference, what is external is noted, restrictions begin and end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from tradectl.domain.events import AccountReported, Event, SystemEvent, SystemEventKind
from tradectl.domain.instruments import Instruments
from tradectl.domain.money import ZERO, plain
from tradectl.state.foreign_trades import explaining, settle
from tradectl.state.reconciliation import (
    ReconciliationState,
    compare_cash,
    compare_position,
    note_beside,
)

MOST_NAMED = 3


def compared(
    report: AccountReported,
    noted: ReconciliationState,
    ours: Mapping[str, Decimal],
    cash: Decimal,
    instruments: Instruments,
) -> list[Event]:
    """`ours` are our positions by symbol, `cash` is the account's; what is found is `noted`. Money is
    compared once all trades of others are booked."""
    closed: list[Event] = []
    said: list[Event] = []
    for symbol, reported in report.positions.items():
        can_short, held = instruments[symbol].can_short, ours[symbol]
        difference = reported - held - noted.external.get(symbol, ZERO)
        believed = noted.believed(symbol) == difference
        trades = explaining(
            noted, report, symbol, difference, can_short=can_short, believed=believed
        )
        if trades:
            closed += settle(noted, report.exchange, trades, held, can_short=can_short)
            noted.discrepancies.pop(symbol, None)
        else:
            said += compare_position(noted, symbol, reported, held, can_short=can_short)
        if can_short:
            said += note_beside(noted, symbol, report.beside.get(symbol, ZERO))
        if not can_short:
            said += _bound(noted, symbol, report, held)
    if not closed:
        said += compare_cash(noted, report, cash, is_spot=not instruments.any_perpetual)
    return [*closed, *said]


def _bound(
    noted: ReconciliationState, symbol: str, report: AccountReported, held: Decimal
) -> Iterator[Event]:
    """What of ours the orders of others offer; what is external is offered first."""
    offered = report.bound.get(symbol, ZERO)
    ours = min(max(offered - noted.external.get(symbol, ZERO), ZERO), max(held, ZERO))
    before = noted.bound.pop(symbol, ZERO)
    if ours:
        noted.bound[symbol] = ours
    if ours and not before:
        yield _says(
            SystemEventKind.COINS_BOUND,
            symbol,
            f"{symbol}: orders of others ({_named(report.bound_by.get(symbol, ()))}) offer "
            f"{plain(ours)} of our {plain(held)}: before they are cancelled no stop covers that, and no "
            "exit sells it; `tradectl emergency-stop --flatten --all --yes` cancels them and closes all",
        )
    elif before and not ours:
        yield _says(SystemEventKind.COINS_BOUND_OVER, symbol, "")


def _named(names: Sequence[str]) -> str:
    beyond = [f"and {len(names) - MOST_NAMED} more"] if len(names) > MOST_NAMED else []
    return ", ".join([*names[:MOST_NAMED], *beyond])


def _says(kind: SystemEventKind, symbol: str, message: str) -> SystemEvent:
    return SystemEvent(
        source_component="state", kind=kind, component=f"symbol:{symbol}", message=message
    )


__all__ = ["compared"]
