"""What orders and accounts amount to: the quantities that limits are about.

Exposure is reckoned for the worst case. A working order may fill or not, in any order, so a
position is as large as any subset of the fills could make it. Positions are valued at the mark, as
the books do.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from tradectl.domain.money import HUNDRED, LARGEST, ZERO, Side, plain
from tradectl.domain.orders import OrderSpec
from tradectl.domain.positions import closable, widest
from tradectl.domain.views import AccountView
from tradectl.domain.working_orders import WorkingOrders

BUY, SELL = Side.BUY, Side.SELL


def reduces(order: OrderSpec, held: Decimal, working: WorkingOrders) -> bool:
    """It can only bring the position nearer to zero. For a reduce-only order the exchange sees to
    that; another must leave room for what else is `working` on its side of the symbol: a child is a
    part of what its parent takes."""
    quantity = order.quantity
    if not held or (held > 0) == (order.side == BUY) or not quantity.is_finite():
        return False
    if quantity > abs(held):
        return False
    side = BUY if order.side == BUY else SELL  # which may be a text in an order built by hand
    leaving = working.leaving(side) - (quantity if order.parent_id else ZERO)
    return quantity <= closable(held, side, ZERO if order.reduce_only else leaving)


def named_price(order: OrderSpec) -> Decimal | None:
    """The limit price, else the stop price; a market order names none."""
    return order.price if order.price is not None else order.stop_price


def reach(order: OrderSpec, held: Decimal, working: WorkingOrders) -> Decimal:
    """The largest size that a position of `held` can have once `order` has filled."""
    return widest(held, working, order.side.signed(order.quantity))


def elsewhere(symbol: str, view: AccountView) -> Decimal:
    """What working orders of other symbols may add to the exposure, in money.

    Raises ValueError where one cannot be valued.
    """
    sums = view.sums()
    total = sums.orders_add(but=symbol)
    for other in sums.unpriced:
        held, orders = view.position(other).quantity, view.working_in(other)
        more = widest(held, orders) - abs(held)
        if other != symbol and more > 0:
            total += more * max(value_of(order.spec, view) for order in orders)
    return total


def value_of(order: OrderSpec, view: AccountView) -> Decimal:
    """What one coin of a working order is worth: at the mark, else at the order's own price.

    Raises ValueError where there is neither.
    """
    price = view.mark(order.symbol)
    if price is None:
        price = named_price(order)
    if price is None:
        raise ValueError(f"a working order of {order.symbol} cannot be valued: no price yet")
    return price


def leverage(exposure: Decimal, equity: Decimal) -> Decimal:
    """Exposure as a multiple of equity; `LARGEST` stands for exposure without any equity."""
    if equity > 0:
        return exposure / equity
    return LARGEST if exposure else ZERO


def lost_pct(before: Decimal, now: Decimal) -> Decimal:
    """Percent of the equity `before` that is lost; zero when nothing is, or nothing was known."""
    if before <= now or before <= 0:
        return ZERO
    return (before - now) / before * HUNDRED


def fixed(pct: Decimal, limits: Iterable[Decimal] = ()) -> str:
    """With two decimals, or with as many as it takes to tell it from the limits."""
    return f"{pct:.{max([2, *(len(plain(each).partition('.')[2]) for each in limits)])}f}"


def confirmed_loss_pct(before: Decimal, view: AccountView) -> Decimal:
    """The same of the equity that readings agree on; zero where they do not."""
    now = view.confirmed_equity()
    return ZERO if now is None else lost_pct(before, now)
