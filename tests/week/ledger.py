"""The books beside the exchange's own ledger, to the last digit."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from tests.loopback import LoopbackExchange
from tests.schedules.invariant_checker import LINES
from tradectl.domain.money import ZERO
from tradectl.state.books import Books

EXCHANGE = "binance"

Pair = tuple[str, Decimal, Decimal]


def differences(
    exchange: LoopbackExchange, market: str, symbols: tuple[str, ...], books: Books
) -> Iterator[str]:
    """What is not the same, in words."""
    pairs = [*_held(exchange, market, symbols, books), *_money(exchange, market, books)]
    for what, there, ours in pairs:
        if there != ours:
            yield f"{what}: {there} there, {ours} by the books"


def _held(
    exchange: LoopbackExchange, market: str, symbols: tuple[str, ...], books: Books
) -> Iterator[Pair]:
    external = books.account.at_exchange().external
    for symbol in symbols:
        ours = books.position(symbol).quantity + external.get(symbol, ZERO)
        if market == "spot":
            yield symbol, exchange.balance(symbol.removesuffix("USDT")), ours
        else:
            yield symbol, exchange.position(symbol), ours


def _money(exchange: LoopbackExchange, market: str, books: Books) -> Iterator[Pair]:
    account, known = books.account, books.account.at_exchange()
    cash = known.expected_at(EXCHANGE, books.cash)
    if market == "spot":
        yield "money", exchange.balance("USDT"), cash
        return
    income = exchange.accounts["main"].futures.income
    yield "money", exchange.wallet(), cash
    yield "transferred", income.total("TRANSFER"), known.transferred
    yield "fees", -income.total("COMMISSION"), _sum(books, "fees")
    yield "profit", income.total("REALIZED_PNL"), _sum(books, "realized")
    for line, kinds in LINES.items():
        yield line, income.total(*kinds), getattr(account, line)


def _sum(books: Books, what: str) -> Decimal:
    return sum((getattr(p, what) for p in books.account.positions.values()), ZERO)


__all__ = ["differences"]
