"""Accounts and what they own: a spot wallet with locked amounts, and a futures wallet with positions.

A ledger reserves for an order before it may rest, settles each fill exactly, and gives back the rest.
Every amount is a Decimal, and what a fill reports as its fee is what was taken.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from typing import Literal, Protocol

from tradectl.testkit import errors
from tradectl.testkit.income import IncomeHistory
from tradectl.testkit.orders import ZERO, Fill, Order
from tradectl.testkit.symbols import Rules

COIN = Decimal("0.00000001")
FeeAsset = Literal["received", "quote", "BNB"]


@dataclass
class Fees:
    """`asset` is what spot fees are taken in; BNB falls back to what is received when there is none."""

    maker: Decimal = Decimal("0.001")
    taker: Decimal = Decimal("0.001")
    futures_maker: Decimal = Decimal("0.0002")
    futures_taker: Decimal = Decimal("0.0005")
    asset: FeeAsset = "received"


class Ledger(Protocol):
    def reserve(self, order: Order, rules: Rules, estimate: Decimal) -> None:
        """Lock what `order` needs; `estimate` is the cost of what has no price. Raises ApiError."""
        ...

    def settle(self, order: Order, rules: Rules, fill: Fill) -> None:
        """Move what `fill` moves; it is recorded in `order` already. Sets the fill's fee."""
        ...

    def release(self, order: Order) -> None: ...

    def touched(self, rules: Rules) -> tuple[str, ...]:
        """Assets that an order in the symbol may move."""
        ...


class SpotLedger:
    def __init__(
        self, balances: dict[str, Decimal], fees: Fees, price_of: Callable[[str], Decimal]
    ) -> None:
        self.free: dict[str, Decimal] = defaultdict(Decimal, balances)
        self.locked: dict[str, Decimal] = defaultdict(Decimal)
        self._fees = fees
        self._price_of = price_of
        self._assets: dict[tuple[str, int], str] = {}

    def total(self, asset: str) -> Decimal:
        return self.free[asset] + self.locked[asset]

    def assets(self) -> list[str]:
        return sorted(a for a in {*self.free, *self.locked} if self.total(a) or a == "USDT")

    def touched(self, rules: Rules) -> tuple[str, ...]:
        both = (rules.base, rules.quote)
        return (*both, "BNB") if self._fees.asset == "BNB" and "BNB" not in both else both

    def _need(self, order: Order) -> Decimal:
        if order.side == "SELL":
            return order.remaining
        dearest = max(self._fees.maker, self._fees.taker) if self._fees.asset == "quote" else ZERO
        need = order.remaining * (order.price or ZERO) * (1 + dearest)
        return need.quantize(COIN, ROUND_UP)

    def reserve(self, order: Order, rules: Rules, estimate: Decimal) -> None:
        asset = rules.quote if order.side == "BUY" else rules.base
        need = self._need(order)
        if order.side == "BUY" and order.price is None:
            need = estimate * (1 + (self._fees.taker if self._fees.asset == "quote" else 0))
            need = need.quantize(COIN, ROUND_UP)
        if need > self.free[asset]:
            raise errors.insufficient_balance()
        self._assets[order.key] = asset
        self.free[asset] -= need
        self.locked[asset] += need
        order.locked = need

    def settle(self, order: Order, rules: Rules, fill: Fill) -> None:
        cost = fill.quantity * fill.price
        buying = order.side == "BUY"
        paid, got = (cost, fill.quantity) if buying else (fill.quantity, cost)
        received = rules.base if buying else rules.quote
        rate = self._fees.maker if fill.maker else self._fees.taker
        self._pay(order, paid)
        self.free[received] += got
        fill.fee, fill.fee_asset = self._fee(rules, received, got, cost, rate)
        if buying and fill.fee_asset == rules.quote:
            self._pay(order, fill.fee)
        else:
            self.free[fill.fee_asset] -= fill.fee
        self._shrink(order)

    def _fee(
        self, rules: Rules, received: str, got: Decimal, cost: Decimal, rate: Decimal
    ) -> tuple[Decimal, str]:
        if self._fees.asset == "quote":
            return (cost * rate).quantize(COIN, ROUND_DOWN), rules.quote
        if self._fees.asset == "BNB":
            fee = (cost * rate / self._price_of("BNBUSDT")).quantize(COIN, ROUND_DOWN)
            if fee <= self.free["BNB"]:
                return fee, "BNB"
        return (got * rate).quantize(COIN, ROUND_DOWN), received

    def _pay(self, order: Order, amount: Decimal) -> None:
        """Out of what is locked for the order, then out of what is free."""
        asset = self._assets[order.key]
        part = min(amount, order.locked)
        order.locked -= part
        self.locked[asset] -= part
        self.free[asset] -= amount - part

    def _shrink(self, order: Order) -> None:
        """Give back what a better price has left over."""
        surplus = order.locked - self._need(order)
        if order.price is not None and surplus > 0:
            self._give_back(order, surplus)

    def release(self, order: Order) -> None:
        if order.locked:
            self._give_back(order, order.locked)

    def _give_back(self, order: Order, amount: Decimal) -> None:
        asset = self._assets[order.key]
        order.locked -= amount
        self.locked[asset] -= amount
        self.free[asset] += amount


@dataclass
class Position:
    """One-way: long above zero, short below. `cost` is signed like `amount`."""

    amount: Decimal = ZERO
    cost: Decimal = ZERO

    @property
    def entry(self) -> Decimal:
        return self.cost / self.amount if self.amount else ZERO

    def add(self, signed: Decimal, price: Decimal) -> Decimal:
        """Trade `signed` at `price`; what that realized."""
        realized = ZERO
        if self.amount * signed < 0:
            closed = min(abs(signed), abs(self.amount)) * (1 if self.amount > 0 else -1)
            share = self.cost
            if closed != self.amount:
                share = (self.cost * closed / self.amount).quantize(COIN)
            realized = closed * price - share
            self.amount -= closed
            self.cost -= share
            signed += closed
        self.amount += signed
        self.cost += signed * price
        return realized


class FuturesLedger:
    """`positions` are those of one-way mode, or in hedge mode the first of two that a symbol may have;
    the other is among those `beside`."""

    def __init__(self, wallet: Decimal, fees: Fees) -> None:
        self.wallet = wallet
        self.positions: dict[str, Position] = defaultdict(Position)
        self.beside: dict[str, Position] = defaultdict(Position)
        self.leverage: dict[str, int] = defaultdict(lambda: 20)
        self.order_margin = ZERO
        self.income = IncomeHistory()
        self._fees = fees

    def position_margin(self) -> Decimal:
        held = (*self.positions.items(), *self.beside.items())
        return sum((abs(p.cost) / self.leverage[s] for s, p in held), ZERO)

    def profit(self, last: Mapping[str, Decimal]) -> Decimal:
        """What open positions would yield at the `last` prices."""
        held = (*self.positions.items(), *self.beside.items())
        return sum((p.amount * last[s] - p.cost for s, p in held if p.amount), ZERO)

    def sides(self, symbol: str, *, hedged: bool) -> list[tuple[str, Position]]:
        """Each position in it and what it is called: at least one, which may be flat."""
        main, other = self.positions[symbol], self.beside[symbol]
        if not hedged:
            return [("BOTH", main)]
        held = [p for p in (main, other) if p.amount] or [main]
        return [("LONG" if p.amount >= 0 else "SHORT", p) for p in held]

    def of(self, order: Order) -> Position:
        """That which the order opens or closes."""
        main, other = self.positions[order.symbol], self.beside[order.symbol]
        sign = {"BOTH": 0, "LONG": 1, "SHORT": -1}[order.position_side]
        if not sign or main.amount * sign > 0:
            return main
        if other.amount * sign > 0:
            return other
        return other if main.amount else main

    def available(self) -> Decimal:
        return self.wallet - self.position_margin() - self.order_margin

    def touched(self, rules: Rules) -> tuple[str, ...]:
        return (rules.quote,)

    def reducible(self, order: Order) -> Decimal:
        """How much of `order`'s side would make the position smaller."""
        amount = self.of(order).amount
        if order.position_side != "BOTH" and not order.closes:
            return ZERO
        return max(ZERO, -amount if order.side == "BUY" else amount)

    def reserve(self, order: Order, rules: Rules, estimate: Decimal) -> None:
        cost = order.remaining * order.price if order.price is not None else estimate
        opening = max(ZERO, order.remaining - self.reducible(order))
        margin = ZERO
        if opening and order.remaining and not order.reduce_only:
            margin = cost * opening / order.remaining / self.leverage[order.symbol]
        if margin > self.available():
            raise errors.margin_insufficient()
        order.locked = margin
        self.order_margin += margin

    def settle(self, order: Order, rules: Rules, fill: Fill) -> None:
        before = order.remaining + fill.quantity
        share = order.locked if not before else order.locked * fill.quantity / before
        order.locked -= share
        self.order_margin -= share
        rate = self._fees.futures_maker if fill.maker else self._fees.futures_taker
        rate = ZERO if order.client_id.startswith("adl_") else rate
        fill.fee = (fill.quantity * fill.price * rate).quantize(COIN, ROUND_DOWN)
        fill.fee_asset = rules.quote
        signed = fill.quantity if fill.side == "BUY" else -fill.quantity
        fill.realized = self.of(order).add(signed, fill.price)
        self.wallet += fill.realized - fill.fee
        self.income.traded(fill)

    def release(self, order: Order) -> None:
        self.order_margin -= order.locked
        order.locked = ZERO


@dataclass
class Account:
    name: str
    key: str
    secret: str
    spot: SpotLedger
    futures: FuturesLedger
    may_trade: bool = True
    may_withdraw: bool = False
    listen_key: str = field(default="")
    hedge: bool = False
    """long and short positions of a perpetual beside each other"""
    hedge_of: tuple[str, ...] = ()
    """the only symbols that are, at an exchange where each has a mode of its own; empty: all"""

    def is_hedged(self, symbol: str) -> bool:
        return self.hedge and symbol in (self.hedge_of or (symbol,))

    def ledger(self, rules: Rules) -> Ledger:
        return self.futures if rules.futures else self.spot
