"""The matching engine of one market (spot or futures): books, orders, fills, stops.

Every public call runs to its end: it matches, settles, triggers stops, and only then tells the listener
about the changed levels. The market maker trades here like anybody, but from an account without
limits, and its orders are not kept. Nothing here knows of requests or sockets.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Protocol

from tradectl.testkit import checks, errors
from tradectl.testkit.accounts import Account, Ledger
from tradectl.testkit.depth_book import DepthBook
from tradectl.testkit.errors import ApiError
from tradectl.testkit.orders import MARKET_MAKER, MARKETS, STOPS, ZERO, Fill, Order, opposite
from tradectl.testkit.symbols import Rules
from tradectl.testkit.trades import Trade, Trades

FIRST_ID = 10_000_001
Changes = list[tuple[str, Decimal, Decimal]]


class FillListener(Protocol):
    """Who hears of what happened, in the order in which it did."""

    def on_accepted(self, order: Order) -> None: ...

    def on_report(self, order: Order, execution: str, fill: Fill | None) -> None: ...

    def on_trade(self, rules: Rules, trade: Trade) -> None: ...

    def on_book(self, rules: Rules, changes: Changes, first_id: int) -> None: ...


class Engine:
    def __init__(
        self,
        rules: dict[str, Rules],
        accounts: dict[str, Account],
        now_ms: Callable[[], int],
        listener: FillListener,
    ) -> None:
        self.rules = rules
        self.books = {symbol: DepthBook() for symbol in rules}
        self.trades = {s: Trades(1_000_000 * (i + 1)) for i, s in enumerate(rules)}
        self.last = {symbol: r.price for symbol, r in rules.items()}
        self.orders: dict[tuple[str, int], Order] = {}
        self.live: dict[tuple[str, int], Order] = {}
        self.cuts_reduce_only = False
        """a reduce-only order is made as small as the position when it comes, and filled like that"""
        """the open ones of `orders`"""
        self.prevents_self_trades = False
        """who would trade with an order of its own account expires in the match"""
        self._by_client: dict[str, list[Order]] = defaultdict(list)
        self._accounts = accounts
        self._now_ms = now_ms
        self._market_maker_ids = itertools.count(1)
        self._ids: dict[str, Iterator[int]] = {}
        self.number_anew()
        self._fill_listener = listener
        self._stops: dict[str, dict[int, Order]] = {symbol: {} for symbol in rules}
        self._client_ids = (f"loopback-{n}" for n in itertools.count(1))

    # --- asked from outside -------------------------------------------------------------------

    def place(self, order: Order) -> Order:
        """Accept and match it. Raises ApiError, and then nothing was done."""
        rules, book = self.rules[order.symbol], self.books[order.symbol]
        order.created_ms = order.updated_ms = self._now_ms()
        order.client_id = order.client_id or next(self._client_ids)
        self._check(order)
        taken, cost = book.would_trade(order) if order.type not in STOPS else (ZERO, ZERO)
        in_force = checks.in_force(order, taken, futures=rules.futures)
        if order.type in STOPS:
            cost = order.quantity * (order.stop_price or ZERO)
        order.id = self._next_id(order.symbol)
        if order.account != MARKET_MAKER and not (order.algo and rules.futures):
            self._ledger(order).reserve(order, rules, cost)
        self._accept(order)
        if not in_force:
            self._end(order, "EXPIRED")
        elif order.working:
            self._match(order)
        self.settle_down(order.symbol)
        return order

    def cancel(self, order: Order, cancel_id: str = "") -> Order:
        """End an open order. Raises ApiError (-2011) for one that is over."""
        if not order.open:
            raise errors.unknown_order_sent()
        order.cancel_id = cancel_id
        self._end(order, "CANCELED")
        self.settle_down(order.symbol)
        return order

    def expire(self, order: Order) -> None:
        """Its time is up, if it is still open."""
        if order.open:
            self._end(order, "EXPIRED")
            self.settle_down(order.symbol)

    def close_position(self, order: Order) -> None:
        """The exchange's own order: it trades at once, with nobody in the book."""
        price = order.price or self.last[order.symbol]
        order.id = self._next_id(order.symbol)
        order.created_ms = order.updated_ms = self._now_ms()
        self._accept(order)
        trade = self._print(order.symbol, price, order.quantity, order.side)
        self._fill(order, trade, is_maker=False)
        self.settle_down(order.symbol)

    def print_trade(self, symbol: str, price: Decimal, quantity: Decimal) -> None:
        """Somebody else's trade. Resting orders that are better than its price get their share first."""
        bid, ask = (self.books[symbol].top(side) for side in ("BUY", "SELL"))
        middle = (bid[0] + ask[0]) / 2 if bid and ask else self.last[symbol]
        aggressor = "SELL" if price <= middle else "BUY"
        left = self.fill_through(symbol, price, aggressor, quantity)
        if left:
            self._print(symbol, price, left, aggressor)
        self.settle_down(symbol)

    def fill_through(
        self, symbol: str, price: Decimal, aggressor: str, quantity: Decimal
    ) -> Decimal:
        """Accounts' orders at `price` or better trade with somebody; what is left of `quantity`."""
        taker = self.market_maker_order(symbol, aggressor, quantity, price)
        for maker in self.books[symbol].orders(opposite(aggressor)):
            if not taker.remaining or maker.price is None or not taker.crosses(maker.price):
                break
            if maker.account != MARKET_MAKER:
                self._trade(maker, taker, maker.price)
        return taker.remaining

    def take(self, maker: Order, quantity: Decimal) -> None:
        """Somebody else trades with this very order, wherever it stands in the book."""
        price = maker.price if maker.price is not None else self.last[maker.symbol]
        taker = self.market_maker_order(maker.symbol, opposite(maker.side), quantity, price)
        self._trade(maker, taker, price)
        self.settle_down(maker.symbol)

    def quote(self, symbol: str, orders: list[Order], old: list[Order]) -> None:
        """The market maker takes back `old` and rests `orders`."""
        book = self.books[symbol]
        for order in old:
            if order.open:
                order.status = "CANCELED"
                book.take_out(order)
        for order in orders:
            self._match(order)
        self.settle_down(symbol)

    def market_maker_order(
        self, symbol: str, side: str, quantity: Decimal, price: Decimal
    ) -> Order:
        market = self.rules[symbol].market
        return Order(
            next(self._market_maker_ids),
            market,
            symbol,
            MARKET_MAKER,
            "",
            side,
            "LIMIT",
            quantity,
            price,
        )

    def settle_down(self, symbol: str) -> None:
        """Trigger what the last price triggers, again and again, then tell of the changed levels."""
        while due := [o for o in self._stops[symbol].values() if self._triggered(o)]:
            for order in due:
                self._trigger(order)
        if self.rules[symbol].futures:
            self._expire_reduce_only(symbol)
        book = self.books[symbol]
        first = book.update_id + 1
        if changes := book.take_changes():
            self._fill_listener.on_book(self.rules[symbol], changes, first)

    def of_client(self, client_id: str) -> list[Order]:
        """Every order with this client id, of any account, oldest first."""
        return self._by_client.get(client_id, [])

    # --- matching -----------------------------------------------------------------------------

    def _match(self, taker: Order) -> None:
        rules, book = self.rules[taker.symbol], self.books[taker.symbol]
        while taker.open and self._wants(taker, rules):
            maker = book.best(opposite(taker.side))
            if maker is None or maker.price is None or not taker.crosses(maker.price):
                break
            if not self._trade(maker, taker, maker.price):
                break
        if not taker.open:
            return
        rests = taker.price is not None and taker.type not in MARKETS
        if not rests and taker.quote_quantity is not None and taker.filled:
            taker.quantity = taker.filled
            taker.status = "FILLED"
            self._finish(taker)
        elif not rests or taker.time_in_force in {"IOC", "FOK"}:
            self._end(taker, "EXPIRED")
        else:
            book.rest(taker)

    def _wants(self, order: Order, rules: Rules) -> bool:
        return order.remaining > 0 or order.quote_quantity is not None

    def _cap(self, order: Order, price: Decimal) -> Decimal:
        """The most that it may trade at `price` now."""
        if order.quote_quantity is not None:
            lot = self.rules[order.symbol].lot
            return ((order.quote_quantity - order.cost) / price // lot * lot).quantize(lot)
        if order.reduce_only and order.account != MARKET_MAKER:
            ledger = self._accounts[order.account].futures
            return min(order.remaining, ledger.reducible(order))
        return order.remaining

    def _trade(self, maker: Order, taker: Order, price: Decimal) -> bool:
        """One trade between two; False if the taker cannot go on."""
        own = maker.account == taker.account != MARKET_MAKER
        if own and self.prevents_self_trades:
            self._end(taker, "EXPIRED_IN_MATCH")
            return False
        if not self._cap(maker, price):
            self._end(maker, "EXPIRED")
            return True
        quantity = min(self._cap(maker, price), self._cap(taker, price))
        if quantity <= 0:
            return False
        trade = self._print(taker.symbol, price, quantity, taker.side)
        for order, is_maker in ((maker, True), (taker, False)):
            self._fill(order, trade, is_maker)
        self.books[maker.symbol].touch(maker)
        return True

    def _fill(self, order: Order, trade: Trade, is_maker: bool) -> None:
        fill = order.trade(trade, is_maker)
        if order.account != MARKET_MAKER:
            self._ledger(order).settle(order, self.rules[order.symbol], fill)
        if not order.open:
            self._finish(order)
        if order.account != MARKET_MAKER:
            forced = order.client_id.startswith("autoclose-")
            self._fill_listener.on_report(order, "CALCULATED" if forced else "TRADE", fill)

    def _print(self, symbol: str, price: Decimal, quantity: Decimal, aggressor: str) -> Trade:
        trade = self.trades[symbol].make(price, quantity, self._now_ms(), aggressor == "SELL")
        self.last[symbol] = price
        self._fill_listener.on_trade(self.rules[symbol], trade)
        return trade

    def number_anew(self) -> None:
        """Order ids begin again, on spot those of each symbol; what is over is forgotten."""
        self.orders = dict(self.live)
        shared = itertools.count(FIRST_ID)
        self._ids = {
            symbol: shared if rules.futures else itertools.count(FIRST_ID)
            for symbol, rules in self.rules.items()
        }

    def _next_id(self, symbol: str) -> int:
        return next(self._ids[symbol])

    # --- an order's life ----------------------------------------------------------------------

    def _accept(self, order: Order) -> None:
        order.working = order.type not in STOPS
        if not order.working:
            self._stops[order.symbol][order.id] = order
        if order.account != MARKET_MAKER:
            self.orders[order.key] = self.live[order.key] = order
            self._by_client[order.client_id].append(order)
            self._fill_listener.on_accepted(order)
            self._fill_listener.on_report(order, "NEW", None)

    def _finish(self, order: Order) -> None:
        """It is over: nothing is locked for it, and it stands nowhere."""
        self.books[order.symbol].take_out(order)
        self._stops[order.symbol].pop(order.id, None)
        if order.account != MARKET_MAKER:
            self.live.pop(order.key, None)
            self._ledger(order).release(order)

    def _end(self, order: Order, status: str) -> None:
        order.status = status
        order.updated_ms = self._now_ms()
        self._finish(order)
        if order.account != MARKET_MAKER:
            self._fill_listener.on_report(order, status, None)

    def _expire_reduce_only(self, symbol: str) -> None:
        for order in [o for o in self.live.values() if o.reduce_only and o.symbol == symbol]:
            if not order.algo and not self._accounts[order.account].futures.reducible(order):
                self._end(order, "EXPIRED")

    def _triggered(self, order: Order) -> bool:
        last, stop = self.last[order.symbol], order.stop_price or ZERO
        upward = (order.side == "BUY") != order.type.startswith("TAKE_PROFIT")
        return last >= stop if upward else last <= stop

    def _trigger(self, order: Order) -> None:
        self._stops[order.symbol].pop(order.id)
        if not order.algo:
            order.working = True
            self._match(order)
            return
        child = order.triggered(self._next_id(order.symbol), self._now_ms())
        order.child_id = child.id
        order.working = True
        self._end(order, "FINISHED")
        try:
            self._check_reduce_only(child)
            cost = self.books[order.symbol].would_trade(child)[1]
            self._ledger(child).reserve(child, self.rules[order.symbol], cost)
        except ApiError:
            order.status = "REJECTED"
            self._fill_listener.on_report(order, "REJECTED", None)
            return
        self._accept(child)
        self._match(child)

    def _ledger(self, order: Order) -> Ledger:
        return self._accounts[order.account].ledger(self.rules[order.symbol])

    def _check(self, order: Order) -> None:
        rules = self.rules[order.symbol]
        checks.sense(order, rules)
        checks.client_id(order.client_id, futures=rules.futures)
        checks.filters(order, rules, self.last[order.symbol])
        checks.unique(order, self.live.values(), futures=rules.futures)
        if order.type in STOPS and self._triggered(order):
            raise checks.triggers_at_once(futures=rules.futures)
        self._check_reduce_only(order)

    def _check_reduce_only(self, order: Order) -> None:
        if not order.reduce_only or order.algo:
            return
        reducible = self._accounts[order.account].futures.reducible(order)
        if not reducible:
            raise ApiError(-2022, "ReduceOnly Order is rejected.")
        if self.cuts_reduce_only:
            order.quantity = min(order.quantity, reducible)
