"""A request as a dialect reads it, and the exchange that it is asked of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from tradectl.testkit import errors
from tradectl.testkit.accounts import Account
from tradectl.testkit.engine import Engine
from tradectl.testkit.exchange_acts import ADL
from tradectl.testkit.orders import Fill, Order
from tradectl.testkit.symbols import Rules

if TYPE_CHECKING:
    from tests.venues.dialect import Dialect
    from tradectl.testkit.exchange import LoopbackExchange


@dataclass
class Asked:
    """`query` are the parameters of the address, `body` what was sent as JSON or as a form."""

    exchange: LoopbackExchange
    dialect: Dialect
    method: str
    path: str
    query: dict[str, str]
    text: str
    headers: Mapping[str, str]
    body: Any = field(init=False)

    def __post_init__(self) -> None:
        try:
            self.body = json.loads(self.text) if self.text else {}
        except json.JSONDecodeError:
            self.body = dict(parse_qsl(self.text, keep_blank_values=True))

    @property
    def first(self) -> dict[str, Any]:
        """Of a body that is a list of orders, the one; else the body; the query where there is none."""
        found = self.body[0] if isinstance(self.body, list) else self.body
        return found or self.query

    @property
    def tail(self) -> str:
        """The last part of the path."""
        return self.path.rsplit("/", 1)[1]

    # --- the exchange ---------------------------------------------------------------------------

    @property
    def engine(self) -> Engine:
        return self.exchange.engines[self.dialect.market]

    @property
    def account(self) -> Account:
        return self.exchange.accounts["main"]

    @property
    def now_ms(self) -> int:
        return self.exchange.now_ms()

    def name(self, symbol: str) -> str:
        """The dialect's for one of ours; what is not listed there is called as it is."""
        rules = self.engine.rules.get(symbol)
        return symbol if rules is None else self.dialect.name(rules)

    def symbol(self, name: Any) -> str:
        """Ours for one of the dialect's; empty for none named. Raises ApiError."""
        if not name:
            return ""
        for rules in self.engine.rules.values():
            if self.dialect.name(rules) == name:
                return rules.symbol
        raise errors.no_such_symbol()

    def symbol_of(self, ours: str, order_id: str = "") -> str:
        """Ours, of the order with that id of ours or of its own; of one that nobody sent any."""
        for order in self.engine.orders.values():
            if order.client_id == ours if ours else str(order.id) == order_id:
                return order.symbol
        return "BTCUSDT"

    def is_closed(self, rules: Rules) -> bool:
        return (rules.market, rules.symbol) in self.exchange.sessions.closed

    # --- quantities -----------------------------------------------------------------------------

    def size(self, coins: Decimal) -> str:
        """As the dialect counts: contracts where it has them."""
        return plain(coins / self.dialect.contract)

    def coins(self, size: Any) -> str:
        return plain(Decimal(str(size)) * self.dialect.contract)


def plain(value: Decimal | None) -> str:
    """Without an exponent and without zeros at the end; `0` for none."""
    text = f"{value or 0:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def newest(pairs: list[tuple[Order, Fill]], limit: int) -> list[tuple[Order, Fill]]:
    """A page of the newest, newest first."""
    return pairs[::-1][:limit]


def oldest(pairs: list[tuple[Order, Fill]], limit: int) -> list[tuple[Order, Fill]]:
    return pairs[:limit]


def said_of(order: Order, usual: str, liquidation: str, adl: str) -> str:
    """Why it traded: the exchange's own orders name it."""
    if not order.forced:
        return usual
    return adl if order.client_id.startswith(ADL) else liquidation


def fees_of(order: Order) -> Decimal:
    return sum((fill.fee for fill in order.fills), Decimal(0))


def fee_asset(order: Order) -> str:
    return order.fills[-1].fee_asset if order.fills else "USDT"
