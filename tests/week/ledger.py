"""The books beside the exchange's own ledger, to the last digit.

Where others hold a part of a perpetual's position, the exchange takes its profit by the average price of
all of it, and the books by that of ours: what is the same is the money and what positions would yield,
taken together. `theirs` are the orders by which others got what is theirs.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from tests.schedules.invariant_checker import LINES
from tradectl.domain.money import ZERO
from tradectl.state.books import Books
from tradectl.testkit import LoopbackExchange
from tradectl.testkit.orders import Fill, Order

EXCHANGE = "binance"

Pair = tuple[str, Decimal, Decimal]


def differences(
    exchange: LoopbackExchange,
    market: str,
    symbols: tuple[str, ...],
    books: Books,
    theirs: list[Order],
) -> Iterator[str]:
    """What is not the same, in words."""
    held = _held(exchange, market, symbols, books)
    money = _spot(exchange, books) if market == "spot" else _futures(exchange, books, theirs)
    for what, there, ours in (*held, *money):
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


def _spot(exchange: LoopbackExchange, books: Books) -> Iterator[Pair]:
    yield "money", exchange.balance("USDT"), _expected(books)


def _futures(exchange: LoopbackExchange, books: Books, theirs: list[Order]) -> Iterator[Pair]:
    account, ledger = books.account, exchange.accounts["main"].futures
    cost = sum((p.cost for p in ledger.positions.values()), ZERO)
    others = sum((f.quantity * f.price * _sign(f) for o in theirs for f in o.fills), ZERO)
    fees = sum((f.fee for o in theirs for f in o.fills), ZERO)
    beside = _expected(books) - _sum(books, "cost") - others
    yield "money beside what positions cost", ledger.wallet - cost, beside
    known = account.at_exchange()
    # what others paid for what is theirs was taken out of our money
    taken_over = ledger.income.total("TRANSFER") - fees
    yield "transferred", taken_over, known.transferred + known.external_cash
    yield "fees", -ledger.income.total("COMMISSION"), _sum(books, "fees") + fees
    for line, kinds in LINES.items():
        yield line, ledger.income.total(*kinds), getattr(account, line)
    if not theirs:
        yield "money", ledger.wallet, _expected(books)
        yield "profit", ledger.income.total("REALIZED_PNL"), _sum(books, "realized")


def _expected(books: Books) -> Decimal:
    return books.account.at_exchange().expected_at(EXCHANGE, books.cash)


def _sign(fill: Fill) -> int:
    return 1 if fill.side == "BUY" else -1


def _sum(books: Books, what: str) -> Decimal:
    return sum((getattr(p, what) for p in books.account.positions.values()), ZERO)


__all__ = ["differences"]
