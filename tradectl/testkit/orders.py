"""What an order and a fill are inside the exchange: the ground truth, not what anybody was told."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from tradectl.testkit.symbols import SPOT
from tradectl.testkit.trades import Trade

ZERO = Decimal(0)
MARKET_MAKER = "market-maker"
"""the account of everybody else: it owns what it needs and hears of nothing"""

OPEN = frozenset({"NEW", "PARTIALLY_FILLED"})
STOPS = frozenset(
    {
        "STOP",
        "STOP_MARKET",
        "STOP_LOSS",
        "STOP_LOSS_LIMIT",
        "TAKE_PROFIT",
        "TAKE_PROFIT_MARKET",
        "TAKE_PROFIT_LIMIT",
    }
)
MARKETS = frozenset({"MARKET", "STOP_LOSS", "STOP_MARKET", "TAKE_PROFIT_MARKET"})


@dataclass(eq=False)
class Fill:
    id: int
    order_id: int
    symbol: str
    side: str
    quantity: Decimal
    price: Decimal
    maker: bool
    ms: int
    fee: Decimal = ZERO
    fee_asset: str = ""
    realized: Decimal = ZERO


@dataclass(eq=False)
class Order:
    """`working` is False for a stop that waits. `locked` is what is reserved for it now."""

    id: int
    market: str
    symbol: str
    account: str
    client_id: str
    side: str
    type: str
    quantity: Decimal
    price: Decimal | None = None
    stop_price: Decimal | None = None
    time_in_force: str = "GTC"
    reduce_only: bool = False
    quote_quantity: Decimal | None = None
    foreign: bool = False
    algo: bool = False
    """placed as a conditional order of its own kind (futures), with an id of its own kind"""
    child: bool = False
    """made by the exchange out of a conditional order that triggered"""
    forced: bool = False
    """the exchange's own, by which it closes a position"""
    position_side: str = "BOTH"
    """in hedge mode the position that it opens or closes: LONG or SHORT"""
    created_ms: int = 0
    updated_ms: int = 0
    status: str = "NEW"
    working: bool = True
    filled: Decimal = ZERO
    cost: Decimal = ZERO
    locked: Decimal = ZERO
    cancel_id: str = ""
    hidden_until: float = 0.0
    """the exchange denies to know it before this (loop's monotonic seconds)"""
    child_id: int = 0
    fills: list[Fill] = field(default_factory=list)

    @property
    def key(self) -> tuple[str, int]:
        """What tells it from all others of its market: on spot each symbol numbers its own."""
        return (self.symbol if self.market == SPOT else ""), self.id

    @property
    def open(self) -> bool:
        return self.status in OPEN

    @property
    def closes(self) -> bool:
        """In hedge mode: it is on the other side than its position, and can do nothing else."""
        return (self.position_side, self.side) in (("LONG", "SELL"), ("SHORT", "BUY"))

    @property
    def shown_reduce_only(self) -> bool:
        """In hedge mode there is no such thing: the position's side says it."""
        return self.reduce_only and self.position_side == "BOTH"

    @property
    def remaining(self) -> Decimal:
        return self.quantity - self.filled

    @property
    def average(self) -> Decimal:
        return self.cost / self.filled if self.filled else ZERO

    @property
    def takes_any_price(self) -> bool:
        return self.type == "MARKET" or (self.type in MARKETS and self.working)

    def crosses(self, price: Decimal) -> bool:
        """Whether it would trade at this price of the other side."""
        if self.price is None or self.takes_any_price:
            return True
        return price <= self.price if self.side == "BUY" else price >= self.price

    def triggered(self, order_id: int, ms: int) -> Order:
        """The order that the exchange makes out of this conditional one."""
        return Order(
            order_id,
            self.market,
            self.symbol,
            self.account,
            self.client_id,
            self.side,
            "MARKET" if self.type in MARKETS else "LIMIT",
            self.quantity,
            self.price,
            time_in_force=self.time_in_force,
            reduce_only=self.reduce_only,
            foreign=self.foreign,
            child=True,
            created_ms=ms,
            updated_ms=ms,
            position_side=self.position_side,
        )

    def trade(self, trade: Trade, maker: bool) -> Fill:
        """Its part in `trade`, recorded."""
        fill = Fill(
            trade.id,
            self.id,
            self.symbol,
            self.side,
            trade.quantity,
            trade.price,
            maker,
            trade.ms,
        )
        self.fills.append(fill)
        self.filled += fill.quantity
        self.cost += fill.quantity * fill.price
        self.updated_ms = fill.ms
        done = self.quote_quantity is None and self.remaining == 0
        self.status = "FILLED" if done else "PARTIALLY_FILLED"
        return fill


def opposite(side: str) -> str:
    return "SELL" if side == "BUY" else "BUY"
