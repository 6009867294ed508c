"""No protection is removed from a position that stays: watched at the exchange, as orders end.

On futures a new stop comes before the old one goes, so that at no moment a position stands without one.
On spot a stop binds the coins and has to make room for an exit: there it must be back once all is quiet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from tradectl.domain.money import Side
from tradectl.domain.orders import Order as BooksOrder
from tradectl.domain.orders import OrderStatus, OrderType, client_order_id
from tradectl.domain.positions import nearer_zero
from tradectl.state.books import Books
from tradectl.testkit.exchange import LoopbackExchange
from tradectl.testkit.orders import STOPS, Order

PENDING_CANCEL = OrderStatus.PENDING_CANCEL
SMALL = Decimal(110)
"""A position of no more than this is dust, or close to it."""
LOOKED_BEFORE_NS = 2_000_000_000
"""So long before a countdown is armed it may have been asked what rests there."""


class ProtectionChecker:
    """`held` is what the exchange holds of ours, by symbol; `books` those of the run that trades now."""

    def __init__(
        self,
        exchange: LoopbackExchange,
        market: str,
        say: Callable[[str], None],
        held: Callable[[str], Decimal],
        books: Callable[[], Books | None],
    ) -> None:
        self._exchange = exchange
        self._market = market
        self._say = say
        self._held = held
        self._books = books
        self.fails = False
        """nothing can be journalled now"""
        self.others_go = False
        """the operator had the orders of others cancelled"""
        self.stops_pass = False
        """nothing keeps a stop from being placed"""
        self.is_calm = False
        """the exchange behaves: what is wrong was done by us"""
        self.nobody_sees_to: Callable[[Order], bool] = lambda _: False
        """whether nobody can see to an order of somebody else now"""
        truth: Any = exchange.truth
        end = truth.order_ended

        def ended(order: Order) -> None:
            end(order)
            self._ended(order)

        truth.order_ended = ended

    def sent(self, symbol: str, side: str, quantity: Decimal) -> None:
        """An order of ours is on its way. On spot a stop binds its coins: an order that needs them waits
        until it is gone."""
        if not self.is_calm or self._market != "spot" or side != "SELL":
            return
        stops = [o for o in self.open_against(symbol, quantity) if o.type in STOPS]
        bound = sum(order.remaining for order in stops)
        there = self._exchange.balance(symbol.removesuffix("USDT"))
        if stops and bound + quantity > there:
            self._say(f"{quantity} of {there} {symbol} are to be sold, and a stop binds {bound}")

    def open_against(self, symbol: str, held: Decimal) -> list[Order]:
        """Our open orders on the side that closes what is held."""
        side = "SELL" if held > 0 else "BUY"
        return [
            order
            for order in self._exchange.truth.open_orders(market=self._market)
            if order.symbol == symbol and order.side == side and not order.foreign
        ]

    def _ended(self, order: Order) -> None:
        if order.symbol == self._exchange.liquidating:
            return
        if order.foreign and order.status == "CANCELED" and not self._is_excused(order):
            self._say(f"{order.client_id} of somebody else was cancelled")
        if order.foreign or order.child or order.status == "FILLED":
            return
        if self._market == "spot" and not (self.fails and self._is_kept(order)):
            return
        if order.type not in STOPS or not order.reduce_only or order.filled or order.child_id:
            return
        if order.working and order.status.startswith("EXPIRED"):
            return  # it was triggered, and found nobody to trade with
        symbol, books = order.symbol, self._books()
        held = nearer_zero(self._exchange.position(symbol), self._held(symbol))
        known = books.position(symbol).quantity if books is not None else held
        if not self._matters(symbol, held) or not self._matters(symbol, known):
            return
        if (held > 0) != (order.side == "SELL") or (known > 0) != (held > 0):
            return
        if books is not None and (_comes(order, books) or _leaves(order, books, held)):
            return
        if not any(other.type in STOPS for other in self.open_against(symbol, held)):
            self._say(f"the stop {order.client_id} went, and {held} {symbol} is kept without one")

    def _is_excused(self, order: Order) -> bool:
        """Somebody else's order: the operator had it cancelled; or it came when the countdown ran
        already, or was to be armed by what had been looked at, and nobody was there to switch that off,
        or could hear of the order, or get through."""
        armed = [
            entry.at_ns
            for entry in self._exchange.truth.entries("dead-man-armed")
            if entry.detail["symbol"] == order.symbol
        ]
        came = next(
            entry.at_ns
            for entry in self._exchange.truth.entries("accepted")
            if entry.detail["client_id"] == order.client_id
        )
        came_later = bool(armed) and came > armed[-1] - LOOKED_BEFORE_NS
        return self.others_go or (came_later and self.nobody_sees_to(order))

    def _is_kept(self, order: Order) -> bool:
        """Nobody had asked to cancel it."""
        books = self._books()
        if books is None:
            return False
        working = books.working_orders(order.symbol)
        return any(_is(order, o, books) and o.status is not PENDING_CANCEL for o in working)

    def _matters(self, symbol: str, held: Decimal) -> bool:
        engine = self._exchange.engines[self._market]
        return abs(held) >= engine.rules[symbol].lot and abs(held) * engine.last[symbol] > SMALL

    # --- once all is quiet ----------------------------------------------------------------------

    def compare(self, symbols: list[str], books: Books) -> None:
        """Every position has its stop, or is on its way out: as far as its exchange holds it. What others
        hold against it there is no stop's to close."""
        for symbol in symbols:
            held = books.position(symbol).quantity
            if self._market != "spot":
                held = nearer_zero(held, self._exchange.position(symbol))
            if not self._matters(symbol, held) or books.restrictions(symbol):
                continue
            left = abs(held) - sum(o.remaining for o in self.open_against(symbol, held))
            left -= self._bound_by_others(symbol)
            if left > 0 and self._matters(symbol, left):
                self._say(f"{left} of {held} {symbol} has no stop")

    def one_stop_each(self, symbols: list[str]) -> None:
        """What was replaced is gone; while an exit is on its way, it is not known yet which will fit."""
        for symbol in symbols:
            orders = self.open_against(symbol, self._held(symbol))
            stops = [o for o in orders if o.type in STOPS and o.reduce_only]
            if len(stops) > 1 and len(stops) == len(orders):
                self._say(f"{symbol} has {len(stops)} stops: {[o.client_id for o in stops]}")

    def stops_of_strategies(self, symbols: list[str], books: Books) -> None:
        """No strategy has two stops or two targets, and together they are of no more than is held: on a
        perpetual, where they only reduce, once no other order may close it first."""
        for symbol in symbols:
            held, orders = self._held(symbol), books.working_orders(symbol)
            closes = Side.SELL if held > 0 else Side.BUY
            others = [o for o in orders if o.spec.side is closes and not o.spec.waits_apart]
            fits_later = self._market != "spot" and bool(others)
            for kind in ("is_protective", "is_target"):
                legs = [o for o in orders if getattr(o.spec, kind) and o.spec.leg is not None]
                owners = [order.spec.strategy for order in legs]
                if len(owners) > len(set(owners)):
                    self._say(f"{symbol}: two of one strategy: {[str(o.spec) for o in legs]}")
                if sum(order.remaining for order in legs) > abs(held) > 0 and not fits_later:
                    self._say(f"{symbol}: {held} is held, and closed by {[str(o) for o in legs]}")

    def _bound_by_others(self, symbol: str) -> Decimal:
        """Coins of ours that somebody else offers: no stop can bind them, and it is said (critical)."""
        if self._market != "spot":
            return Decimal(0)
        offered = (o.remaining for o in self._offered_by_others() if o.symbol == symbol)
        return sum(offered, Decimal(0))

    def _offered_by_others(self) -> list[Order]:
        open_orders = self._exchange.truth.open_orders(market="spot")
        return [order for order in open_orders if order.foreign and order.side == "SELL"]

    def binding_orders_are_named(self, alerts: Iterable[str]) -> None:
        """By what is said of the coins that they bind."""
        for alert in alerts:
            if not any(order.client_id in alert for order in self._offered_by_others()):
                self._say(f"no order of others is open that this names: {alert}")

    def must_be_flat(self, symbols: list[str], why: str) -> None:
        for symbol in symbols:
            if self._matters(symbol, self._held(symbol)):
                self._say(f"{why}, and {self._held(symbol)} {symbol} is held")

    def stops_rest(self, symbols: list[str]) -> None:
        """Of every position, for all of it."""
        for symbol in symbols:
            held = self._held(symbol)
            stops = [o for o in self.open_against(symbol, held) if o.type in STOPS]
            bare = abs(held) - sum((stop.remaining for stop in stops), Decimal(0))
            if bare > 0 and self._matters(symbol, bare):
                self._say(f"no stop rests for {bare} of {held} {symbol}")

    def only_stops_rest(self) -> None:
        """It could not go on: what rests at the exchange protects."""
        left = [
            order.client_id
            for order in self._exchange.truth.open_orders(market=self._market)
            if order.type not in STOPS and not (order.foreign or order.child)
        ]
        if left:
            self._say(f"it could not go on, and {left} are left open")

    # --- a receipt ------------------------------------------------------------------------------

    def has_stops(self, told: Mapping[str, Any]) -> None:
        """Those that made room for a sale are back before a receipt is given, be it confirmed or not."""
        if self.stops_pass and told["unprotected"]:
            self._say(f"the receipt names {told['unprotected']} as unprotected")

    def rests(self, told: Mapping[str, Any], known_as: Mapping[str, str]) -> None:
        """What is confirmed to protect does, whatever else is not. `known_as` are our order ids by client
        order id."""
        there = {
            known_as.get(order.client_id, ""): order
            for order in self._exchange.truth.open_orders(market=self._market)
            if order.type in STOPS
        }
        for stop in told["protection"]:
            order = there.get(stop["order_id"])
            is_there = order is not None and order.remaining >= Decimal(stop["quantity"])
            if not is_there and (stop["confirmed"] or told["confirmed"]):
                self._say(f"the receipt says that {stop} protects, and the exchange has {order}")

    def receipt(self, told: Mapping[str, Any], symbols: list[str]) -> None:
        """What it does not say to protect is said to be bare."""
        covered: dict[str, Decimal] = {}
        for stop in told["protection"]:
            covered[stop["symbol"]] = covered.get(stop["symbol"], Decimal(0)) + Decimal(
                stop["quantity"]
            )
        for symbol in symbols:
            held = self._held(symbol)
            bare = abs(held) - covered.get(symbol, Decimal(0))
            if bare > 0 and self._matters(symbol, bare) and symbol not in told["unprotected"]:
                self._say(f"the receipt does not say that {bare} of {held} {symbol} is unprotected")


def _is(order: Order, ours: BooksOrder, books: Books) -> bool:
    name = client_order_id(books.account.account_id, ours.spec.order_id)
    return name in (order.client_id, order.cancel_id)


def _comes(order: Order, books: Books) -> bool:
    """Another stop is on its way: the position was opened anew while this one was being cancelled."""
    return any(
        other.spec.is_protective and other.status in (OrderStatus.APPROVED, OrderStatus.SUBMITTED)
        for other in books.working_orders(order.symbol)
        if not _is(order, other, books)
    )


def _leaves(order: Order, books: Books, held: Decimal) -> bool:
    """The position was opened anew while this one was being cancelled, and is on its way out, all of it:
    by an order made after that cancel was asked for."""
    working = books.working_orders(order.symbol)
    asked = [o.updated_at for o in working if _is(order, o, books) and o.status is PENDING_CANCEL]
    side = Side.SELL if held > 0 else Side.BUY
    return any(
        other.spec.type is OrderType.MARKET
        and other.spec.side is side
        and other.remaining >= abs(held)
        and other.created_at > asked[0]
        for other in working
        if asked
    )


__all__ = ["ProtectionChecker"]
