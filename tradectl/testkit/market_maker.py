"""Everybody else: quotes around a price, trades of their own, and a random walk.

Prices and sizes come from a seeded generator; nothing else moves the market but our own orders.
"""

from __future__ import annotations

import random
from decimal import ROUND_FLOOR, Decimal

from tradectl.testkit.engine import Engine
from tradectl.testkit.orders import Order
from tradectl.testkit.symbols import Rules

LEVELS = 5


class MarketMaker:
    """The participants of one market."""

    def __init__(self, engine: Engine, seed: int) -> None:
        self._engine = engine
        self._random = random.Random(f"crowd {seed}")  # a salt: kept seeds keep their meaning
        self._quotes: dict[str, list[Order]] = {symbol: [] for symbol in engine.rules}
        for rules in engine.rules.values():
            self.move(rules.symbol, rules.price)

    def quote(
        self,
        symbol: str,
        bid: Decimal,
        ask: Decimal,
        size: Decimal | None = None,
        levels: int = LEVELS,
        ask_size: Decimal | None = None,
    ) -> None:
        """Quotes are taken back and put anew: `levels` a side, a tick apart at least, each of `size`.
        A quote through one of our orders trades with it."""
        rules = self._engine.rules[symbol]
        gap = max(rules.tick, _round(bid / 10_000, rules.tick))
        orders = []
        for n in range(levels):
            for side, price in (("BUY", bid - n * gap), ("SELL", ask + n * gap)):
                shown = ask_size if side == "SELL" and ask_size is not None else size
                quantity = shown if shown is not None else rules.size
                if price > 0 and quantity > 0:
                    orders.append(self._engine.market_maker_order(symbol, side, quantity, price))
        old, self._quotes[symbol] = self._quotes[symbol], orders
        self._engine.quote(symbol, orders, old)

    def withdraw(self, symbol: str) -> None:
        """Nobody quotes: the book holds our orders only."""
        old, self._quotes[symbol] = self._quotes[symbol], []
        self._engine.quote(symbol, [], old)

    def print_trade(self, symbol: str, price: Decimal, quantity: Decimal) -> None:
        self._engine.print_trade(symbol, price, quantity)

    def move(self, symbol: str, price: Decimal, size: Decimal | None = None) -> None:
        """Quotes go around `price`, then a trade at it: what rests beyond is filled, stops trigger."""
        rules = self._engine.rules[symbol]
        bid, ask = self._around(rules, price)
        self.quote(symbol, bid, ask, size)
        self.print_trade(symbol, (bid + ask) / 2, rules.lot * 10)

    def step(self, symbol: str, sigma: Decimal) -> None:
        """One step of the walk: quotes move by about `sigma` of the price, and somebody trades."""
        rules = self._engine.rules[symbol]
        change = Decimal(str(round(self._random.gauss(0, float(sigma)), 9)))
        bid, ask = self._around(rules, self._engine.last[symbol] * (1 + change))
        self.quote(symbol, bid, ask)
        quantity = _round(rules.size * self._random.randint(1, 1000) / 10_000, rules.lot)
        price = self._random.choice((bid, ask))
        self.print_trade(symbol, price, max(quantity, rules.lot))

    def _around(self, rules: Rules, price: Decimal) -> tuple[Decimal, Decimal]:
        """A bid and an ask about a basis point apart."""
        half = max(rules.tick, _round(price / 20_000, rules.tick))
        middle = max(_round(price, rules.tick), rules.tick * 2)
        return max(middle - half, rules.tick), middle + half


def _round(value: Decimal, step: Decimal) -> Decimal:
    return (value / step).to_integral_value(ROUND_FLOOR) * step
