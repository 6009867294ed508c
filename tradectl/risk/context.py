"""An order before its judge: the context that every check looks at, and the impact of it.

Several checks ask for the same figures. They are worked out once, at the first question, which comes
after the checks that make sure there are figures to work with.
"""

from __future__ import annotations

from decimal import Decimal
from functools import cached_property

from msgspec import Struct

from tradectl.domain.instruments import Instrument
from tradectl.domain.money import ZERO
from tradectl.domain.orders import OrderSpec
from tradectl.domain.positions import widest
from tradectl.domain.views import AccountView
from tradectl.risk.measures import elsewhere, named_price, reach, reduces


class OrderImpact(Struct, frozen=True):
    """What the order comes to. Notionals in the quote currency; without a price they are zero.

    `price` is the order's own, else the mark. `reach` is the largest notional that its position can
    have once the order filled, and `gross` that of all positions together, whatever else works
    and fills; neither matters for an order that only `reduces`.
    """

    instrument: Instrument
    mark: Decimal
    price: Decimal
    notional: Decimal
    held: Decimal
    reduces: bool
    reach: Decimal
    gross: Decimal
    equity: Decimal


class RiskContext:
    """An `order` to be judged at `at` (ns UTC), in the account that `view` shows, whose trading state is
    `state`."""

    def __init__(self, order: OrderSpec, view: AccountView, at: int) -> None:
        self.order = order
        self.view = view
        self.at = at
        self.state = view.trading_state

    @cached_property
    def impact(self) -> OrderImpact:
        """For checks after BAD_NUMBER only: the symbol is known and the numbers are sane."""
        return _impact(self.order, self.view)

    @property
    def only_reduces(self) -> bool:
        """As in the impact, for checks that come before them."""
        symbol = self.order.symbol
        held = self.view.position(symbol).quantity
        return reduces(self.order, held, self.view.working_in(symbol))

    @property
    def reduces_what_is_there(self) -> bool:
        """By the word of its exchange, too."""
        symbol = self.order.symbol
        working = self.view.working_in(symbol)
        return reduces(self.order, self.view.there(symbol), working)


def _impact(order: OrderSpec, view: AccountView) -> OrderImpact:
    symbol = order.symbol
    mark = view.mark(symbol)
    if mark is None or mark <= 0:
        mark = ZERO
    price = named_price(order) or mark
    held = view.position(symbol).quantity
    here = view.working_in(symbol)
    exit_only = reduces(order, held, here)
    reached = gross = ZERO
    if not exit_only:
        # a child adds nothing to what its parent has reserved
        most = widest(held, here) if order.parent_id else reach(order, held, here)
        reached = most * mark
        gross = view.exposure() + reached - abs(held) * mark + elsewhere(symbol, view)
    return OrderImpact(
        view.instrument(symbol),
        mark,
        price,
        order.quantity * price,
        held,
        exit_only,
        reached,
        gross,
        view.equity(),
    )
