"""What exchanges would not take: when the portfolio tries it again, and what makes way for it.

    due              an exit once no other order on its side works; an entry once none is on its way:
                     what rests is counted with it
    held off         until then
    held             what was cancelled by hand, again and again: until somebody asks for something else
    not wanted       any more: over, after a while
    want of money    at a refused exit of a perpetual, entries of its exchange that still rest give theirs
                     back; on spot an exit lacks coins, and entries bind none

All of it is read from the books: a restart loses nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tradectl.domain.event import Reason
from tradectl.domain.events import Event, TargetComputed
from tradectl.domain.protection import RESTS
from tradectl.domain.refusals import Refusal, RefusalCause, is_wanted
from tradectl.domain.views import AccountView
from tradectl.portfolio.decisions import cancels, held_off
from tradectl.portfolio.position_delta import CANCELLABLE, PositionDelta


def next_try(symbol: str, view: AccountView) -> int | None:
    """When (ns) what was refused of the symbol is due, the next of it; None where nothing was."""
    found = (refusal.due for _, refusal in _refusals(symbol, view) if not refusal.is_held)
    return min(found, default=None)


def is_due(symbol: str, view: AccountView, at: int) -> bool:
    """Something of it is, and nothing on its way that comes first."""
    return any(
        at >= refusal.due and not refusal.is_held and not _is_under_way(symbol, view, exits=exits)
        for exits, refusal in _refusals(symbol, view)
    )


def all_due(symbols: Iterable[str], view: AccountView, at: int) -> list[str]:
    """Those of the symbols of which a strategy has spoken."""
    return [each for each in symbols if view.targets(each) and is_due(each, view, at)]


def is_over(answer: Event, symbol: str, view: AccountView, at: int) -> bool:
    """By the answer, something that was refused of the symbol is not wanted any more."""
    if not isinstance(answer, TargetComputed):
        return False
    targets, held = view.targets(symbol).values(), view.open_quantity(symbol)
    return any(
        at >= refusal.forgotten_at and not is_wanted(answer.code, targets, held, exits=exits)
        for exits, refusal in _refusals(symbol, view)
    )


def not_yet(change: PositionDelta, view: AccountView, at: int, *, is_new: bool) -> Reason | None:
    """Its exchange would not take it, and it is not due again. What `is_new` is held by nothing that
    stood against the wish before it."""
    refusal = view.refusal(change.instrument.symbol, exits=not change.adds)
    if refusal is None or (refusal.is_held and is_new):
        return None
    return held_off(refusal) if refusal.is_held or at < refusal.due else None


def makes_way(symbol: str, view: AccountView, at: int) -> list[Event]:
    """For an exit that was refused just now, for want of money."""
    refusal = view.refusal(symbol, exits=True)
    if refusal is None or refusal.cause is not RefusalCause.FUNDS or refusal.at != at:
        return []
    if not view.instrument(symbol).can_short:
        return []
    entries = [
        order
        for order in view.working_orders()
        if order.status in CANCELLABLE
        and not order.spec.reduce_only
        and view.exchange_of(order.spec.symbol) == view.exchange_of(symbol)
    ]
    return [*cancels(entries, "an exit is refused for want of money")]


def _refusals(symbol: str, view: AccountView) -> Iterator[tuple[bool, Refusal]]:
    """Of an exit, and of an entry."""
    for exits in (True, False):
        refusal = view.refusal(symbol, exits=exits)
        if refusal is not None:
            yield exits, refusal


def _is_under_way(symbol: str, view: AccountView, *, exits: bool) -> bool:
    """An order, stops apart, whose end is waited for."""
    working = [order for order in view.working_orders(symbol) if not order.spec.waits_apart]
    if exits:
        side = view.position(symbol).closing_side
        return any(order.spec.side is side for order in working)
    return any(order.status not in RESTS for order in working)


__all__ = ["all_due", "is_due", "is_over", "makes_way", "next_try", "not_yet"]
