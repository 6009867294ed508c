"""Ground truth: what really happened at the exchange, whatever anybody was told.

It is written by the engine alone and only read by tests. `log` is in order; its times are of the
monotonic clock, ns. Orders of somebody else on the account (`foreign`) and those that the exchange made
out of a triggered conditional order (`child`) are told apart.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tradectl.testkit.orders import MARKET_MAKER, ZERO, Fill, Order

MAIN = "main"


@dataclass(frozen=True)
class Entry:
    at_ns: int
    kind: str
    """accepted, fill, canceled, expired, triggered, rejected, transfer, fault, request, dead-man, ..."""
    detail: dict[str, Any]


class Truth:
    def __init__(self) -> None:
        self.log: list[Entry] = []
        self.orders: list[Order] = []
        self._by_client: dict[str, list[Order]] = defaultdict(list)
        self._open: dict[tuple[str, str, int], Order] = {}
        self._net: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
        self._last: dict[tuple[str, str], Decimal] = {}
        self._most: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
        self._most_reserved: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
        self._most_notional: dict[tuple[str, str], Decimal] = defaultdict(Decimal)

    # --- writing: the engine's ----------------------------------------------------------------

    def note(self, kind: str, **detail: Any) -> None:
        self.log.append(Entry(time.monotonic_ns(), kind, detail))

    def order_accepted(self, order: Order) -> None:
        if order.account == MARKET_MAKER:
            return
        self.orders.append(order)
        self._by_client[order.client_id].append(order)
        self._open[order.market, *order.key] = order
        self.note("accepted", **_brief(order))
        self._weigh(order)

    def order_ended(self, order: Order) -> None:
        if order.account != MARKET_MAKER:
            self._open.pop((order.market, *order.key), None)
            self.note(order.status.lower(), **_brief(order))

    def filled(self, order: Order, fill: Fill) -> None:
        self._last[order.market, order.symbol] = fill.price
        if order.account == MARKET_MAKER:
            return
        detail = _brief(order) | {
            "trade_id": fill.id,
            "quantity": fill.quantity,
            "price": fill.price,
            "maker": fill.maker,
            "fee": fill.fee,
            "fee_asset": fill.fee_asset,
        }
        self.note("fill", **detail)
        if order.foreign:
            return
        signed = fill.quantity if fill.side == "BUY" else -fill.quantity
        key = (order.account, order.market, order.symbol)
        self._net[key] += signed
        self._most[key] = max(self._most[key], abs(self._net[key]))
        account = (order.account, order.market)
        notional = sum(
            (
                abs(net) * self._last.get((m, s), ZERO)
                for (a, m, s), net in self._net.items()
                if (a, m) == account
            ),
            ZERO,
        )
        self._most_notional[account] = max(self._most_notional[account], notional)

    def _weigh(self, order: Order) -> None:
        """Position plus all that is open on the side of a new order: the most it could become."""
        if order.foreign or order.child or order.reduce_only:
            return
        key = (order.account, order.market, order.symbol)
        pending = sum(
            (
                o.remaining
                for o in self._open.values()
                if not o.foreign
                and not o.reduce_only
                and o.side == order.side
                and (o.account, o.market, o.symbol) == key
            ),
            ZERO,
        )
        net = self._net[key] if order.side == "BUY" else -self._net[key]
        self._most_reserved[key] = max(self._most_reserved[key], net + pending)

    # --- reading: the tests' ------------------------------------------------------------------

    def accepted(self, client_order_id: str, account: str = "") -> int:
        """How many orders with this client id were ever accepted."""
        return len(self.orders_of(client_order_id, account))

    def orders_of(self, client_order_id: str, account: str = "") -> list[Order]:
        found = self._by_client.get(client_order_id, [])
        return [o for o in found if not o.child and account in {"", o.account}]

    def ours(self, account: str = MAIN, market: str = "") -> list[Order]:
        """Orders placed through the API by the account's own client, oldest first."""
        return [
            o
            for o in self.orders
            if o.account == account and not o.foreign and not o.child and market in {"", o.market}
        ]

    def client_ids(self, account: str = MAIN) -> list[str]:
        return [order.client_id for order in self.ours(account)]

    def duplicates(self, account: str = MAIN) -> list[str]:
        """Client ids that were accepted more than once: always empty if all is well."""
        counted = Counter(self.client_ids(account))
        return sorted(client_id for client_id, count in counted.items() if count > 1)

    def open_orders(self, account: str = MAIN, market: str = "") -> list[Order]:
        return [
            o for o in self.orders if o.open and o.account == account and market in {"", o.market}
        ]

    def fills(
        self, account: str = MAIN, market: str = "", symbol: str = "", *, foreign: bool = True
    ) -> list[Fill]:
        """In the order in which they happened."""
        chosen = [
            fill
            for o in self.orders
            if o.account == account
            and market in {"", o.market}
            and symbol in {"", o.symbol}
            and (foreign or not o.foreign)
            for fill in o.fills
        ]
        return sorted(chosen, key=lambda fill: fill.id)

    def net(self, symbol: str, account: str = MAIN, market: str = "spot") -> Decimal:
        """What our own orders bought less what they sold, in coins, fees left aside."""
        return self._net[account, market, symbol]

    def max_exposure(self, symbol: str, account: str = MAIN, market: str = "spot") -> Decimal:
        """The largest that `net` ever was, without its sign, in coins."""
        return self._most[account, market, symbol]

    def max_reserved(self, symbol: str, account: str = MAIN, market: str = "spot") -> Decimal:
        """The largest that it could have become, had all open orders of a side filled, in coins."""
        return self._most_reserved[account, market, symbol]

    def max_notional(self, account: str = MAIN, market: str = "spot") -> Decimal:
        """The largest sum over symbols of |net| at the last price, in the quote currency."""
        return self._most_notional[account, market]

    def entries(self, *kinds: str) -> list[Entry]:
        return [entry for entry in self.log if entry.kind in kinds]

    def requests(self, method: str = "", path: str = "") -> list[Entry]:
        """What was asked of the exchange by REST, answered or not."""
        return [
            e
            for e in self.entries("request")
            if method in {"", e.detail["method"]} and path in e.detail["path"]
        ]


def _brief(order: Order) -> dict[str, Any]:
    return {
        "account": order.account,
        "market": order.market,
        "symbol": order.symbol,
        "client_id": order.client_id,
        "order_id": order.id,
        "side": order.side,
        "type": order.type,
        "order_quantity": order.quantity,
        "filled": order.filled,
        "foreign": order.foreign,
    }
