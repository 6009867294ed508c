"""When a halt is over with: nothing is left of it that this run could do."""

from __future__ import annotations

from decimal import Decimal

from tradectl.domain.positions import Position
from tradectl.domain.protection import is_dust, rests_as_protection, unprotected
from tradectl.domain.states import TradingState
from tradectl.domain.views import AccountView
from tradectl.portfolio.protection import needed_stop, stop_price


def concluded(view: AccountView, stop_loss_pct: Decimal | None) -> bool:
    """No order is on its way; and every position is closed, or where trading is HALTED, has the stop that
    it should have. Dust counts as closed."""
    state = view.trading_state
    if not state.is_halt:
        return False
    working = view.working_orders()
    if state is not TradingState.HALTED:
        return not working and all(is_dust(position, view) for position in view.positions())
    if not all(rests_as_protection(order) for order in working):
        return False
    return all(_has_its_stop(p, view, stop_loss_pct) for p in view.positions())


def _has_its_stop(position: Position, view: AccountView, stop_loss_pct: Decimal | None) -> bool:
    """As far as it is to have one, and can: where the market is beyond it, none can be placed."""
    mark = view.mark(position.symbol)
    if stop_loss_pct is None or view.protection_dropped or not mark:
        return True
    if not unprotected(position, view):
        return True
    instrument, working = view.instrument(position.symbol), view.working_orders(position.symbol)
    price = stop_price(position, instrument, stop_loss_pct)
    stop = needed_stop(position, instrument, price, working, halted=True)
    return stop is None or stop.is_reached(mark)


__all__ = ["concluded"]
