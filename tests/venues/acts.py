"""What can be asked of any exchange, carried out on the loopback one.

Each act has the method and the path that faults name it by, so that one plan of faults fits all. What
is asked comes by the loopback exchange's own parameters: symbol, side, type, quantity, price, stopPrice,
newClientOrderId, timeInForce, reduceOnly, positionSide, quoteOrderQty; orderId or
origClientOrderId; startTime, endTime.
Of an act on the book of stops (`algo`): triggerPrice, clientAlgoId; algoId.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from tradectl.testkit import errors, trading
from tradectl.testkit.accounts import Account, Position
from tradectl.testkit.calls import Call
from tradectl.testkit.income import Income
from tradectl.testkit.orders import Fill, Order
from tradectl.testkit.symbols import Rules
from tradectl.testkit.trades import Trade

FAR = 10**15


class Act(NamedTuple):
    method: str
    path: str
    do: Callable[[Call], Any]
    public: bool = False


def _place(call: Call, *, algo: bool = False) -> Order:
    return call.engine.place(trading.new_order(call, algo=algo))


def _find(call: Call, *, algo: bool = False) -> Order:
    order = trading.find(call, algo=algo)
    if order is None:
        raise errors.no_such_order()
    return order


def _look(call: Call, *, algo: bool = False) -> list[Order]:
    """None or one; without a name those that are open."""
    if not call.params.get("orderId") and not call.params.get("origClientOrderId"):
        return trading.open_orders(call, algo=algo)
    order = trading.find(call, algo=algo)
    return [] if order is None else [order]


def _cancel(call: Call, *, algo: bool = False) -> Order:
    return trading.cancel(call, algo=algo)


def _listed(call: Call, *, algo: bool = False) -> list[Order]:
    """All that there ever were, oldest first."""
    symbol = call.params.get("symbol", "")
    return [
        order
        for order in call.engine.orders.values()
        if order.account == call.account.name
        and order.algo == algo
        and symbol in ("", order.symbol)
        and not trading.hidden(order)
        and _between(call, order.created_ms)
    ]


def _over(call: Call, *, algo: bool = False) -> list[Order]:
    return [order for order in _listed(call, algo=algo) if not order.open]


def _fills(call: Call) -> list[tuple[Order, Fill]]:
    """All that are asked for, oldest first: the dialect makes pages of them."""
    symbol, of_order = call.params.get("symbol", ""), call.integer("orderId")
    found = [
        (order, fill)
        for order in call.engine.orders.values()
        if order.account == call.account.name
        and symbol in ("", order.symbol)
        and of_order in (None, order.id)
        and not trading.hidden(order)
        for fill in order.fills
        if _between(call, fill.ms)
    ]
    return sorted(found, key=lambda pair: (pair[1].ms, pair[1].id))


def _between(call: Call, ms: int) -> bool:
    return (call.integer("startTime") or 0) <= ms <= (call.integer("endTime") or FAR)


def _account(call: Call) -> Account:
    return call.account


class Held(NamedTuple):
    """A position; `side` is LONG or SHORT in hedge mode, else BOTH."""

    rules: Rules
    side: str
    position: Position


def _positions(call: Call) -> list[Held]:
    """All that are not flat; of a symbol that is named a flat one, too."""
    ledger, symbol = call.account.futures, call.params.get("symbol", "")
    return [
        Held(rules, side, position)
        for name, rules in call.engine.rules.items()
        if symbol in ("", name)
        for side, position in ledger.sides(name, hedged=call.account.is_hedged(name))
        if position.amount or symbol
    ]


def _income(call: Call) -> list[Income]:
    """Oldest first."""
    rows = call.account.futures.income
    start, end = call.integer("startTime") or 0, call.integer("endTime") or FAR
    kind = call.params.get("kind", "")
    shown = rows.listed(start, end, call.exchange.now_ms(), window_ms=FAR)
    return [row for row in shown if kind in ("", row.kind)]


def _recent(call: Call) -> list[Trade]:
    """Newest last."""
    return call.engine.trades[call.rules.symbol].trades[-100:]


PLACE = Act("POST", "order", _place)
PLACE_STOP = Act("POST", "algoOrder", partial(_place, algo=True))
FIND = Act("GET", "order", _find)
FIND_STOP = Act("GET", "algoOrder", partial(_find, algo=True))
LOOK = Act("GET", "order", _look)
LOOK_STOP = Act("GET", "algoOrder", partial(_look, algo=True))
CANCEL = Act("DELETE", "order", _cancel)
CANCEL_STOP = Act("DELETE", "algoOrder", partial(_cancel, algo=True))
OPEN = Act("GET", "openOrders", trading.open_orders)
OPEN_STOPS = Act("GET", "openAlgoOrders", partial(trading.open_orders, algo=True))
OVER = Act("GET", "allOrders", _over)
OVER_STOPS = Act("GET", "allAlgoOrders", partial(_over, algo=True))
LISTED = Act("GET", "allOrders", _listed)
LISTED_STOPS = Act("GET", "openAlgoOrders", partial(_listed, algo=True))
FILLS = Act("GET", "userTrades", _fills)
ACCOUNT = Act("GET", "account", _account)
POSITIONS = Act("GET", "positionRisk", _positions)
INCOME = Act("GET", "income", _income)
MODE = Act("GET", "positionSide/dual", _account)
NOTHING = Act("GET", "nothing", lambda _: None)
"""Asked, signed, and of no consequence: the dialect's answer is always the same."""
TIME = Act("GET", "time", lambda call: call.exchange.now_ms(), public=True)
MARKETS = Act("GET", "exchangeInfo", lambda call: [*call.engine.rules.values()], public=True)
BOOK = Act("GET", "depth", lambda call: call.engine.books[call.rules.symbol], public=True)
TRADES = Act("GET", "trades", _recent, public=True)
TICKERS = Act("GET", "ticker/24hr", lambda call: [*call.engine.rules.values()], public=True)
CONSTANT = Act("GET", "constant", lambda _: None, public=True)
