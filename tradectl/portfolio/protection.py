"""Stops that rest at the exchange: what limits a loss while nobody here is watching.

A position has one stop: reduce-only, of its whole size, `stop_loss_pct` from its entry price. When
the position changes, the old one is cancelled and, once that is confirmed, a new one is placed: never
two at a time. Where the market has gone through its price before it could be placed, the position is
closed instead. On spot a stop binds the coins, so that an exit has to wait until it is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from decimal import Decimal

from msgspec import Struct

from tradectl.domain.events import Event
from tradectl.domain.instruments import Instrument
from tradectl.domain.money import BPS, HUNDRED, ONE, Side, plain
from tradectl.domain.orders import Order, OrderSpec, OrderStatus, OrderType
from tradectl.domain.positions import Position, closable
from tradectl.domain.states import TradingState
from tradectl.domain.views import AccountView
from tradectl.portfolio.decisions import cancels, orders

PROTECTOR = "stop-loss"
"""The strategy that stops are entered under."""
NEAR_ENOUGH = 10 * BPS
"""A stop whose price is off by less than this part of it is left where it is."""


class StopOrder(Struct, frozen=True):
    """The stop that a position should have. Quantity in coins, price in the quote currency."""

    side: Side
    quantity: Decimal
    price: Decimal

    def is_reached(self, mark: Decimal) -> bool:
        """The market is there already: an exchange refuses such a stop."""
        return mark <= self.price if self.side is Side.SELL else mark >= self.price


def needed_stop(
    position: Position,
    instrument: Instrument,
    stop_loss_pct: Decimal,
    mark: Decimal,
    working: Collection[Order],
) -> StopOrder | None:
    """For what is not already on its way out; None where that is too little for an order."""
    long, away = position.quantity > 0, stop_loss_pct / HUNDRED
    side = Side.SELL if long else Side.BUY
    stops = stops_of(working)
    others = [order for order in working if order not in stops]
    quantity = instrument.floor_quantity(closable(position.quantity, side, others))
    price = instrument.round_price(position.entry_price * (ONE - away if long else ONE + away))
    if instrument.is_dust(quantity, mark):
        return None
    return StopOrder(side, quantity, price)


def stops_of(working: Collection[Order]) -> list[Order]:
    """The protective stops among the working orders, those that are being cancelled too."""
    return [order for order in working if order.spec.is_protective]


def serves(order: Order, stop: StopOrder) -> bool:
    """It is as good as the one that is needed."""
    spec, at = order.spec, order.spec.stop_price
    return (
        spec.side is stop.side
        and order.remaining == stop.quantity
        and at is not None
        and abs(at - stop.price) <= NEAR_ENOUGH * stop.price
    )


def as_order(stop: StopOrder, symbol: str, order_id: str, mark: Decimal) -> OrderSpec:
    """The stop; a market order where the market is beyond it already."""
    reached = stop.is_reached(mark)
    return OrderSpec(
        order_id,
        symbol,
        stop.side,
        stop.quantity,
        OrderType.MARKET if reached else OrderType.STOP_MARKET,
        stop_price=None if reached else stop.price,
        reduce_only=True,
        strategy=PROTECTOR,
    )


class Protection:
    """Sees to it that each position has its stop, `stop_loss_pct` from its entry price; without that it
    does nothing.

    It remembers the symbols whose stop closed the position: what the target was then is not bought back,
    however often it is repeated; the next entry takes another net target signal.
    """

    def __init__(self, stop_loss_pct: Decimal | None, new_order_id: Callable[[], str]) -> None:
        self._away = stop_loss_pct
        self._new_order_id = new_order_id
        self._stops: dict[str, str] = {}
        self._not_sent: dict[str, str] = {}
        self._stopped_out: dict[str, Decimal] = {}

    # --- what is asked by the portfolio ---------------------------------------------------------------

    def is_stopped_out(self, symbol: str) -> bool:
        return symbol in self._stopped_out

    def stops(self, symbol: str, view: AccountView) -> list[Order]:
        """The symbol's stops. None are looked for where none are placed."""
        return stops_of(view.working_orders(symbol)) if self._away is not None else []

    def protect(self, symbol: str, view: AccountView, _at: int) -> list[Event]:
        """See to the position's stop: place it, or cancel what does not serve any more. Nothing is done
        on the price of an earlier run, or about a position whose size is in question."""
        away, mark = self._away, view.mark(symbol)
        if (
            away is None
            or not mark
            or view.trading_state is TradingState.HALTED
            or view.data_time(symbol) is None
        ):
            return []
        if any(kind.blocks_exits for kind in view.restrictions(symbol)):
            return []
        position, instrument = view.position(symbol), view.instrument(symbol)
        stops = self.stops(symbol, view)
        stop = needed_stop(position, instrument, away, mark, view.working_orders(symbol))
        if stop is not None and len(stops) == 1 and serves(stops[0], stop):
            self._stops[symbol] = stops[0].spec.order_id
            return []
        if stops or stop is None:
            return [*cancels(cancellable(stops), "it is not the stop that the position needs")]
        spec = as_order(stop, symbol, self._new_order_id(), mark)
        self._stops[symbol] = spec.order_id
        beyond = "" if spec.type.is_stop else ", and the market is beyond it"
        return [orders(spec, f"{plain(away)}% from the entry price{beyond}")]

    # --- what it hears --------------------------------------------------------------------------------

    def on_execution(self, symbol: str, view: AccountView, net: Decimal) -> None:
        """Something became of an order: the stop may have closed the position. `net` is the net target
        signal."""
        stop = view.order(self._stops.get(symbol, ""))
        if stop is not None and stop.filled and not view.position(symbol).quantity:
            del self._stops[symbol]
            self._stopped_out[symbol] = net

    def on_not_sent(self, symbol: str, order_id: str) -> None:
        """The gate held an order back; it may be the symbol's stop."""
        self._not_sent[symbol] = order_id

    def on_target(self, symbol: str, net: Decimal) -> None:
        """Another target than the one that was stopped out may be entered."""
        if self._stopped_out.get(symbol) != net:
            self._stopped_out.pop(symbol, None)

    def was_refused(self, symbol: str, view: AccountView) -> bool:
        """The exchange would not take the stop, or the gate would not send it: asking again at once would
        go on for ever."""
        order_id = self._stops.get(symbol, "")
        if order_id and self._not_sent.get(symbol) == order_id:
            return True
        stop = view.order(order_id)
        return stop is not None and stop.status is OrderStatus.REJECTED

    def clear(self) -> None:
        self._stops.clear()
        self._not_sent.clear()
        self._stopped_out.clear()


def cancellable(orders: Collection[Order]) -> list[Order]:
    """Those that nobody has asked to cancel yet."""
    return [order for order in orders if order.status is not OrderStatus.PENDING_CANCEL]


__all__ = [
    "PROTECTOR",
    "Protection",
    "StopOrder",
    "as_order",
    "cancellable",
    "needed_stop",
    "serves",
    "stops_of",
]
