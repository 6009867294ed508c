"""An account that a test arranges by hand and asks questions of: a plain implementation of
`AccountView`.

It books what it is told, keeps cash the way the books do (a perpetual moves cash only by its
profit), and refuses nothing: whatever an engine lets happen to it, happens.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal

from tradectl.domain.events import RestrictionKind
from tradectl.domain.instruments import Instrument, InstrumentKind, Instruments
from tradectl.domain.money import ZERO
from tradectl.domain.orders import Order, OrderSpec, OrderStatus, Trigger, step
from tradectl.domain.positions import Position
from tradectl.domain.views import AccountView, TradingMode

SPOT = Instrument("BTCUSDT", "USDT", Decimal("0.01"), Decimal("0.00001"), Decimal(5))
PERP = Instrument(
    "BTCUSDT_PERP",
    "USDT",
    Decimal("0.01"),
    Decimal("0.001"),
    Decimal(5),
    InstrumentKind.PERPETUAL,
    Decimal(10),
)


class FakeAccount:
    def __init__(
        self,
        cash: str = "10000",
        instruments: Collection[Instrument] = (SPOT, PERP),
        known: bool = True,
    ) -> None:
        self.mode = TradingMode.RUNNING
        self.flattening = False
        self.currency = "USDT"
        self.cash = Decimal(cash)
        self.peak_equity = ZERO
        self.day_start_equity = ZERO
        self.instruments = Instruments(instruments, known=known)
        self.marks: dict[str, Decimal] = {}
        self.orders: dict[str, Order] = {}
        self.held: dict[str, dict[RestrictionKind, str]] = {}
        self.data_times: dict[str, int] = {}
        self._positions: dict[str, Position] = {}

    # --- arranging ------------------------------------------------------------------------------

    def price(self, symbol: str, mark: str | Decimal) -> FakeAccount:
        """A tick of this run, which does not say when it was made."""
        self.marks[symbol] = Decimal(mark)
        self.data_times.setdefault(symbol, 0)
        return self

    def hold(
        self, symbol: str, quantity: str | Decimal, price: str | Decimal = "100"
    ) -> FakeAccount:
        """Trade to a position of `quantity` at `price`, without a fee."""
        self._book(symbol, Decimal(quantity) - self.position(symbol).quantity, Decimal(price))
        return self

    def work(self, spec: OrderSpec, status: OrderStatus = OrderStatus.ACCEPTED) -> Order:
        """`spec` is in the books with this status."""
        order = self.orders[spec.order_id] = Order(spec, 0, 0, status)
        return order

    def fill(self, order_id: str, price: str | Decimal, quantity: Decimal | None = None) -> None:
        """Fill all that remains of a working order, or `quantity` of it."""
        order = self.orders[order_id]
        traded = order.remaining if quantity is None else quantity
        whole = order.filled + traded == order.spec.quantity
        order.status = step(order.status, Trigger.FILL if whole else Trigger.PARTIAL_FILL)
        order.filled += traded
        self._book(order.spec.symbol, order.spec.side.signed(traded), Decimal(price))

    def _book(self, symbol: str, signed: Decimal, price: Decimal) -> None:
        before = self.position(symbol)
        after = self._positions[symbol] = before.after_fill(signed, price, ZERO)
        if self.instrument(symbol).can_short:
            self.cash += after.realized - before.realized
        else:
            self.cash -= signed * price

    # --- questions ------------------------------------------------------------------------------

    def knows(self, symbol: str) -> bool:
        return symbol in self.instruments

    def instrument(self, symbol: str) -> Instrument:
        return self.instruments[symbol]

    def mark(self, symbol: str) -> Decimal | None:
        return self.marks.get(symbol)

    def position(self, symbol: str) -> Position:
        return self._positions.get(symbol) or Position(symbol)

    def positions(self) -> Collection[Position]:
        return [p for p in self._positions.values() if p.quantity]

    def working_orders(self, symbol: str = "") -> Collection[Order]:
        return [o for o in self.orders.values() if o.is_working and symbol in ("", o.spec.symbol)]

    def pending(self, symbol: str) -> Decimal:
        working = self.working_orders(symbol)
        return sum((o.spec.side.signed(o.remaining) for o in working), ZERO)

    def equity(self) -> Decimal:
        worth = self.cash
        for p in self.positions():
            mark = self.marks.get(p.symbol, p.entry_price)
            can_short = self.instrument(p.symbol).can_short
            worth += p.unrealized(mark) if can_short else p.quantity * mark
        return worth

    def exposure(self) -> Decimal:
        return sum(
            (abs(p.quantity) * self.marks.get(p.symbol, p.entry_price) for p in self.positions()),
            ZERO,
        )

    def holds(self, symbol: str) -> Mapping[RestrictionKind, str]:
        return self.held.get(symbol, {})

    def data_time(self, symbol: str) -> int | None:
        return self.data_times.get(symbol)

    def order(self, order_id: str) -> Order | None:
        return self.orders.get(order_id)

    def seen(self, order_id: str) -> bool:
        order = self.orders.get(order_id)
        return order is not None and order.status is not OrderStatus.INTENDED


_is_a_view: AccountView = FakeAccount()
