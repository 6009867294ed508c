"""Fees that are paid in another coin: external holdings pay first, and no position goes below zero."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures.books import CASH, RUN, Ledger, approved, fill, intent, submitted, tick
from tests.fixtures.rows import each_row
from tradectl.domain.events import ForeignTrade
from tradectl.domain.instruments import Instrument, Instruments
from tradectl.domain.money import ZERO, Side
from tradectl.state.account import Account
from tradectl.state.books import Books
from tradectl.state.consistency import fill_problems, problems_of
from tradectl.state.foreign_trades import settle

BTC, BNB = "BTCUSDT", "BNBUSDT"
D = Decimal


def two_coins(external: str = "0") -> Ledger:
    ledger, step = Ledger(), D("0.001")
    described = [
        Instrument(symbol, "USDT", step, step, D(5), base=symbol.removesuffix("USDT"))
        for symbol in (BTC, BNB)
    ]
    ledger.books = Books(Account.open(RUN, "USDT", CASH), Instruments(described))
    if D(external):
        ledger.books.account.at_exchange().external[BNB] = D(external)
    return ledger


def traded(
    ledger: Ledger, n: int, words: str, symbol: str, paid: str, worth: str, currency: str = "BNB"
) -> None:
    """An order filled whole, its fee `paid` in coins that were `worth` so much."""
    ledger.work(f"o{n}", words.split("@", maxsplit=1)[0], symbol)
    told = fill(f"t{n}", f"o{n}", words, symbol, fee=worth)
    ledger.tell(msgspec.structs.replace(told, fee_currency=currency, fee_paid=D(paid)))


def bnb(ledger: Ledger) -> tuple[Decimal, Decimal]:
    """What is ours, and what is not."""
    return ledger.books.position(BNB).quantity, ledger.books.external(BNB)


@pytest.mark.parametrize(("external", "left"), [("1", ("2", "0.995")), ("0", ("1.995", "0"))])
def test_so_are_those_of_what_others_traded_for_us(external: str, left: tuple[str, str]) -> None:
    """Half of what the owner sold was ours: so is half of the fee."""
    ledger = two_coins(external)
    traded(ledger, 1, "buy 2@500", BNB, "0", "0", "USDT")
    traded(ledger, 2, "buy 1@100", BTC, "0", "0", "USDT")
    known = ledger.books.account.at_exchange()
    known.external[BTC] = D(1)
    sold = ForeignTrade("f1", BTC, Side.SELL, D(2), D(100), D(5), 1, D("0.01"), "BNB")
    equity = ledger.books.equity()
    (told,) = settle(known, "venue", [sold], D(1), can_short=False)
    ledger.tell(told)
    books = ledger.books
    assert bnb(ledger) == (D(left[0]), D(left[1]))
    assert books.position(BTC).quantity == 0
    assert books.fees() == D("2.5")
    assert books.profit() == D("-2.5")
    assert books.equity() == equity - (D("2.5") if external == "0" else 0)
    assert problems_of(books.snapshot(), books.instruments) == []


@each_row(
    ("external", "ours_left", "external_left"),
    [("1", "2", "0.99"), ("0.01", "2", "0"), ("0.004", "1.994", "0"), ("0", "1.99", "0")],
)
def test_external_coins_pay_first_and_then_our_own(
    external: str, ours_left: str, external_left: str
) -> None:
    ledger = two_coins(external)
    traded(ledger, 1, "buy 2@500", BNB, "0", "0", "USDT")
    ledger.tell(tick("500", BNB), tick("100", BTC))
    traded(ledger, 2, "buy 50@100", BTC, "0.01", "5")
    books = ledger.books
    assert bnb(ledger) == (D(ours_left), D(external_left))
    assert (books.profit(), books.fees()) == (D(-5), D(5))
    assert books.account.at_exchange().transferred == 5 - (2 - D(ours_left)) * 500
    assert books.peak_equity - books.equity() == 5
    assert problems_of(books.snapshot(), books.instruments) == []
    sums = {
        s: sum((_signed(f) for f in books.new_fills if f.report.symbol == s), ZERO)
        for s in (BTC, BNB)
    }
    assert fill_problems(books.snapshot(), sums) == []


def _signed(booked: object) -> Decimal:
    report, kept = booked.report, booked.kept  # type: ignore[attr-defined]
    signed: Decimal = report.side.signed(report.quantity) - kept
    return signed


def test_coins_that_an_order_of_ours_binds_pay_no_fee() -> None:
    ledger = two_coins()
    traded(ledger, 1, "buy 2@500", BNB, "0", "0", "USDT")
    ledger.tell(intent("out", "sell 2", BNB), approved("out"), submitted("out", BNB))
    traded(ledger, 2, "buy 50@100", BTC, "0.01", "5")
    assert bnb(ledger) == (D(2), D(0))
    ledger.tell(fill("t3", "out", "sell 2@500", BNB))
    assert bnb(ledger) == (D(0), D(0))


@pytest.mark.parametrize(("external", "left"), [("0.5", "0.499"), ("0", "0")])
def test_who_sells_all_of_the_fee_coin_is_flat_and_not_short(external: str, left: str) -> None:
    ledger = two_coins(external)
    traded(ledger, 1, "buy 2@500", BNB, "0", "0", "USDT")
    traded(ledger, 2, "sell 2@500", BNB, "0.001", "0.5")
    assert bnb(ledger) == (D(0), D(left))
    assert ledger.books.profit() == D("-0.5")
    assert problems_of(ledger.books.snapshot(), ledger.books.instruments) == []


def test_of_what_was_bought_of_the_fee_coin_its_fee_is_kept() -> None:
    ledger = two_coins("1")
    traded(ledger, 1, "buy 2@500", BNB, "0.002", "1")
    assert bnb(ledger) == (D("1.998"), D(1))


TRADES = st.lists(
    st.tuples(st.sampled_from([BTC, BNB]), st.booleans(), st.integers(1, 30)), max_size=15
)


@given(TRADES, st.sampled_from(["0", "0.003", "0.02", "5"]))
def test_our_coins_and_the_external_ones_are_those_that_are_there(
    trades: list[tuple[str, bool, int]], external: str
) -> None:
    """As the exchange does it: no fee in coins that are not there."""
    ledger, there = two_coins(external), {BTC: ZERO, BNB: D(external)}
    for n, (symbol, buys, tenths) in enumerate(trades):
        quantity = D(tenths) / 10
        if not buys:
            quantity = min(quantity, ledger.books.position(symbol).quantity)
            quantity = ledger.books.instrument(symbol).floor_quantity(quantity)
        if not quantity:
            continue
        price = 500 if symbol == BNB else 100
        there[symbol] += quantity if buys else -quantity
        paid = (quantity * price / D(500_000)).quantize(D("0.00000001"))
        coins = paid <= there[BNB]
        there[BNB] -= paid if coins else 0
        words = f"{'buy' if buys else 'sell'} {quantity}@{price}"
        traded(
            ledger,
            n,
            words,
            symbol,
            str(paid if coins else 0),
            str(paid * 500),
            "BNB" if coins else "USDT",
        )
        ours, beside = bnb(ledger)
        assert ours >= 0
        assert beside >= 0
        assert ours + beside == there[BNB]
    assert problems_of(ledger.books.snapshot(), ledger.books.instruments) == []
