"""What is said of a halt: that a position stands without protection, and that nothing is left to do.

In REDUCING and HALTED nothing limits what a position without a stop may lose: it is said once, as long as
it lasts, with the command that closes it. What has a stop or an exit on its way is waited for. A halt is
over with when no order is on its way and every position is closed, or where trading is HALTED, has the
stop that it should have; dust counts as closed, and so does what its exchange holds no more.

Whether it is over is asked with every report of an exchange. What stood against that the last time is
asked first: as long as it does, nothing else is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal

from tradectl.domain.events import Event, SystemEventKind, TradingConcluded
from tradectl.domain.money import plain
from tradectl.domain.orders import Order
from tradectl.domain.positions import Position
from tradectl.domain.protection import is_closed, price_known, rests_as_protection, unprotected
from tradectl.domain.states import TradingState
from tradectl.domain.views import AccountView
from tradectl.portfolio.brackets import Brackets
from tradectl.portfolio.decisions import NAME, says
from tradectl.portfolio.needed_stops import needed_stops, of_owner
from tradectl.portfolio.protection import IN_FLIGHT

UNPROTECTED = SystemEventKind.POSITION_UNPROTECTED
PROTECTED_AGAIN = SystemEventKind.POSITION_UNPROTECTED_OVER
WATCHED = (TradingState.REDUCING, TradingState.HALTED)


class HaltWord:
    """`stop_loss_pct` is how far from its entry price each position's stop should be, if it should have
    one; `brackets` have those of strategies."""

    def __init__(self, stop_loss_pct: Decimal | None, brackets: Brackets) -> None:
        self._stop_loss_pct = stop_loss_pct
        self._brackets = brackets
        self._bare: dict[str, None] = {}
        self._concluded: TradingState | None = None
        self._open_order = self._open_symbol = ""
        """which order, and which position, stood against it at the last look"""

    def look(self, symbols: Iterable[str], view: AccountView, reason: str) -> list[Event]:
        """What is to be said now, of these symbols and of the whole; `reason` is the halt's."""
        events = [*self._of_protection(symbols, view)]
        state = view.trading_state if self.is_over(view) else None
        if state is not None and state is not self._concluded:
            events.append(TradingConcluded(source_component=NAME, state=state, reason=reason))
        self._concluded = state
        return events

    def is_over(self, view: AccountView) -> bool:
        """The halt has nothing left to do."""
        if not view.trading_state.is_halt:
            return False
        if view.trading_state is not TradingState.HALTED:
            return not view.working_count() and self._all_are(is_closed, view)
        return not self._waits_for_an_order(view) and self.all_protected(view)

    def _waits_for_an_order(self, view: AccountView) -> bool:
        """One works that is more than a stop at rest."""
        known = view.order(self._open_order)
        if known is None or not _is_under_way(known):
            working = [order for order in view.working_orders() if _is_under_way(order)]
            self._open_order = working[-1].spec.order_id if working else ""
        return bool(self._open_order)

    def _all_are(self, so: Callable[[Position, AccountView], bool], view: AccountView) -> bool:
        """Every position is."""
        known = self._open_symbol
        if not known or so(view.position(known), view):
            last_first = reversed([*view.positions()])
            found = (each.symbol for each in last_first if not so(each, view))
            self._open_symbol = next(found, "")
        return not self._open_symbol

    def all_protected(self, view: AccountView) -> bool:
        """Every position has the stop that it should have, as far as it can."""
        return self._all_are(self._has_its_stop, view)

    def _has_its_stop(self, position: Position, view: AccountView) -> bool:
        """As far as it is to have one, and can: where the market is beyond it, none can be placed."""
        if view.protection_dropped or not unprotected(position, view):
            return True
        needs = needed_stops(
            position.symbol, view, self._stop_loss_pct, self._brackets, halted=True
        )
        known, stops = price_known(position, view), view.working_in(position.symbol).stops.values()
        return all(
            stop.is_reached(known)
            or (needs.owners and stop.is_covered(of_owner(stops, stop.owner, needs.owners)))
            for stop in needs.stops
        )

    def _of_protection(self, symbols: Iterable[str], view: AccountView) -> Iterable[Event]:
        for symbol in symbols:
            bare = view.trading_state in WATCHED and unprotected(view.position(symbol), view)
            if not bare and symbol in self._bare:
                del self._bare[symbol]
                yield says(PROTECTED_AGAIN, symbol, "it is protected, or being closed")
            elif bare and symbol not in self._bare and not _help_comes(symbol, view):
                self._bare[symbol] = None
                yield says(UNPROTECTED, symbol, _what_to_do(symbol, view))


def _is_under_way(order: Order) -> bool:
    return order.is_working and not rests_as_protection(order)


def _help_comes(symbol: str, view: AccountView) -> bool:
    return any(
        order.spec.reduce_only and (order.spec.is_at_once or order.status in IN_FLIGHT)
        for order in view.working_orders(symbol)
    )


def _what_to_do(symbol: str, view: AccountView) -> str:
    held = plain(view.position(symbol).quantity)
    return (
        f"trading is {view.trading_state}, and no stop covers the position of {held} {symbol}: "
        "`tradectl emergency-stop --flatten` closes it"
    )


__all__ = ["HaltWord"]
