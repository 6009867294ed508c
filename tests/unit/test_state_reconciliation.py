"""What an exchange says of our account, and what the books make of it."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures.books import CASH, PERP, RUN, SPOT, Ledger, fill, tick
from tradectl.domain.events import AccountReported, Event, RestrictionKind, SymbolRestricted
from tradectl.domain.instruments import Instrument, Instruments
from tradectl.domain.money import ZERO
from tradectl.state.account import Account
from tradectl.state.books import Books
from tradectl.state.consistency import problems_of

MISMATCH, BALANCE = RestrictionKind.MISMATCH, RestrictionKind.BALANCE


def account_report(
    positions: dict[str, str],
    cash: str | None = None,
    *,
    accept: bool = False,
    transfer: bool = False,
) -> AccountReported:
    return AccountReported(
        exchange="venue",
        positions={symbol: Decimal(q) for symbol, q in positions.items()},
        cash=None if cash is None else Decimal(cash),
        tolerance=Decimal("0.005"),
        accept=accept,
        transfer=transfer,
    )


def tell(ledger: Ledger, *statements: AccountReported) -> list[Event]:
    """Tell the books, and fold what they answer, as the core does."""
    answers: list[Event] = []
    for each in statements:
        said = ledger.tell(each)
        ledger.tell(*[event for event in said if isinstance(event, SymbolRestricted)])
        answers += said
    return answers


def held(ledger: Ledger, symbol: str = SPOT) -> list[RestrictionKind]:
    return [*ledger.books.restrictions(symbol)]


def test_a_report_that_agrees_says_nothing() -> None:
    ledger = Ledger().trade("o1", "buy 2@100")
    assert tell(ledger, account_report({SPOT: "2"}, "9800")) == []


def test_a_difference_stated_once_may_be_a_fill_under_way_twice_it_holds_the_symbol() -> None:
    ledger = Ledger().trade("o1", "buy 2@100")
    tell(ledger, account_report({SPOT: "3"}))
    assert held(ledger) == []
    (hold,) = tell(ledger, account_report({SPOT: "3"}))
    assert isinstance(hold, SymbolRestricted)
    assert held(ledger) == [MISMATCH]
    assert "tradectl reconcile --accept exchange" in hold.message
    assert tell(ledger, account_report({SPOT: "3"})) == []


@pytest.mark.parametrize(
    ("symbol", "held", "reported", "there"),
    [
        (SPOT, "buy 2@100", "3", "2"),  # what is there beyond ours is not ours
        (SPOT, "buy 2@100", "0.5", "0.5"),
        (PERP, "buy 2@100", "0", "0"),
        (PERP, "buy 2@100", "-1", "0"),
        (PERP, "sell 2@100", "-0.5", "-0.5"),
        (PERP, "sell 2@100", "1", "0"),
        (PERP, "sell 2@100", "-3", "-2"),
    ],
)
def test_of_a_position_as_much_is_there_as_two_reports_agree_on(
    symbol: str, held: str, reported: str, there: str
) -> None:
    ledger = Ledger().trade("o1", held, symbol)
    ours = ledger.books.position(symbol).quantity
    tell(ledger, account_report({symbol: reported}))
    assert ledger.books.there(symbol) == ours
    tell(ledger, account_report({symbol: reported}))
    assert ledger.books.there(symbol) == Decimal(there)
    tell(ledger, account_report({symbol: str(ours)}))
    assert ledger.books.there(symbol) == ours


def test_differences_that_differ_are_of_two_moments() -> None:
    ledger = Ledger()
    tell(ledger, *(account_report({SPOT: str(n)}) for n in (1, 2, 3, 4)))
    assert held(ledger) == []


def test_five_that_all_disagree_are_somebody_else_trading_there() -> None:
    ledger = Ledger()
    tell(ledger, *(account_report({SPOT: str(n)}) for n in (1, 2, 3, 4, 5)))
    assert held(ledger) == [MISMATCH]


def test_a_mismatch_that_went_away_lets_the_symbol_go() -> None:
    ledger = Ledger()
    tell(ledger, account_report({SPOT: "1"}), account_report({SPOT: "1"}))
    (gone,) = tell(ledger, account_report({SPOT: "0"}))
    assert isinstance(gone, SymbolRestricted)
    assert not gone.restricted
    assert held(ledger) == []


def test_an_unreconciled_symbol_is_free_again_by_a_clean_report_alone() -> None:
    ledger = Ledger()
    ledger.tell(SymbolRestricted(symbol=SPOT, kind=RestrictionKind.UNRECONCILED, message="start"))
    tell(ledger, account_report({SPOT: "1"}))
    assert held(ledger) == [RestrictionKind.UNRECONCILED]
    tell(ledger, account_report({PERP: "0"}))
    assert held(ledger) == [RestrictionKind.UNRECONCILED]
    tell(ledger, account_report({SPOT: "0"}))
    assert held(ledger) == []


def test_what_was_there_before_us_is_not_ours() -> None:
    ledger = Ledger()
    ledger.books.account.at_exchange().external[SPOT] = Decimal(7)
    assert tell(ledger, account_report({SPOT: "7"}), account_report({SPOT: "7"})) == []


def test_a_balance_within_its_tolerance_is_well_beyond_it_entries_are_held() -> None:
    ledger = Ledger()
    ledger.books.account.at_exchange().cash_at["venue"] = CASH
    assert (
        tell(ledger, account_report({SPOT: "0"}, "9951"), account_report({SPOT: "0"}, "9951")) == []
    )
    tell(ledger, account_report({SPOT: "0"}, "9900"), account_report({SPOT: "0"}, "9900"))
    assert held(ledger) == [BALANCE]
    assert not BALANCE.blocks_exits
    tell(ledger, account_report({SPOT: "0"}, "10000"))
    assert held(ledger) == []


def test_balances_of_several_exchanges_add_up() -> None:
    ledger = Ledger()
    ledger.books.account.at_exchange().cash_at.update(venue=Decimal(4000), other=Decimal(6000))
    assert (
        tell(ledger, account_report({SPOT: "0"}, "4000"), account_report({SPOT: "0"}, "4000")) == []
    )


@pytest.mark.parametrize(("symbol", "cash"), [(SPOT, "9500"), (PERP, "9990")])
@pytest.mark.parametrize("there", ["5", "0", "-1", "2"])
def test_accepting_makes_our_books_the_exchanges_and_is_no_profit(
    symbol: str, cash: str, there: str
) -> None:
    ledger = Ledger().trade("o1", "buy 2@100", symbol)
    ledger.tell(tick("110", symbol))
    if symbol == SPOT and there == "-1":
        there = "1"
    profit, unrealized = ledger.books.profit(), ledger.books.unrealized()
    tell(ledger, *[account_report({symbol: there}, cash)] * 2)
    tell(ledger, account_report({symbol: there}, cash, accept=True, transfer=symbol == PERP))
    books = ledger.books
    assert books.position(symbol).quantity == Decimal(there)
    assert books.cash == Decimal(cash)
    assert books.profit() == profit
    assert held(ledger, symbol) == []
    assert problems_of(books.snapshot(), books.instruments) == []
    assert unrealized == 20


@pytest.mark.parametrize("there", ["2", "0", "-1", "5"])
def test_money_that_is_missing_where_a_perpetual_is_held_is_a_loss(there: str) -> None:
    """It was liquidated there, say, or paid funding: no loss limit may miss that."""
    ledger = Ledger().trade("o1", "buy 2@100", PERP, strategy="a")
    ledger.tell(tick("110", PERP))
    books = ledger.books
    profit, peak, day = books.profit(), books.peak_equity, books.day_start_equity
    before = books.cash + (20 if there in ("0", "-1") else 0)  # what closing at the mark brings
    tell(ledger, account_report({PERP: there}, "9000", accept=True))
    assert books.position(PERP).quantity == Decimal(there)
    assert books.cash == 9_000
    assert books.profit() == profit - (before - 9_000)
    assert (books.peak_equity, books.day_start_equity) == (peak, day)
    assert books.account.invested == CASH
    assert problems_of(books.snapshot(), books.instruments) == []


def test_money_beyond_what_is_known_is_a_deposit_and_what_the_operator_took_out_no_loss() -> None:
    for cash, transfer in (("12000", False), ("7000", True)):
        ledger = Ledger().trade("o1", "buy 2@100", PERP)
        ledger.tell(tick("110", PERP))
        profit = ledger.books.profit()
        lost = ledger.books.peak_equity - ledger.books.equity()
        tell(ledger, account_report({PERP: "2"}, cash, accept=True, transfer=transfer))
        assert ledger.books.profit() == profit
        assert ledger.books.peak_equity - ledger.books.equity() == lost
        assert ledger.books.account.invested == Decimal(cash)


@pytest.mark.parametrize("cash", ["4000", "25000"])
def test_money_put_in_or_taken_out_is_neither_a_drawdown_nor_a_loss_of_the_day(cash: str) -> None:
    ledger = Ledger().trade("o1", "buy 2@100")
    ledger.tell(tick("80"))
    books = ledger.books
    lost = books.peak_equity - books.equity(), books.day_start_equity - books.equity()
    tell(ledger, account_report({SPOT: "5"}, cash, accept=True))
    assert (books.peak_equity - books.equity(), books.day_start_equity - books.equity()) == lost
    assert lost == (Decimal(40), Decimal(40))


def test_what_is_accepted_is_among_the_fills_so_that_they_still_add_up() -> None:
    ledger = Ledger().trade("o1", "buy 2@100")
    tell(ledger, account_report({SPOT: "1.5"}, accept=True))
    moved = ledger.books.new_fills[-1]
    assert (moved.report.side, moved.report.quantity, moved.strategy) == (
        "sell",
        Decimal("0.5"),
        "external",
    )


# --- fees paid in coins ---------------------------------------------------------------------------


def coin_ledger() -> Ledger:
    ledger = Ledger()
    step = Decimal("0.001")
    coin = Instrument(SPOT, "USDT", step, step, Decimal(5), base="COIN")
    ledger.books = Books(Account.open(RUN, "USDT", CASH), Instruments([coin]))
    return ledger


def test_a_fee_kept_in_coins_makes_the_position_smaller_and_costs_no_cash() -> None:
    ledger = coin_ledger().work("o1", "buy 2")
    paid = fill("t1", "o1", "buy 2@100", fee="0.2")
    ledger.tell(msgspec.structs.replace(paid, fee_currency="COIN", fee_paid=Decimal("0.002")))
    books = ledger.books
    assert books.position(SPOT).quantity == Decimal("1.998")
    assert books.cash == Decimal(9800)
    assert books.fees() == Decimal("0.2")
    assert books.new_fills[0].kept == Decimal("0.002")
    assert problems_of(books.snapshot(), books.instruments) == []


def test_a_fee_in_a_third_currency_is_a_cost_that_the_quote_balance_does_not_show() -> None:
    ledger = coin_ledger().work("o1", "buy 2")
    paid = fill("t1", "o1", "buy 2@100", fee="0.2")
    ledger.tell(msgspec.structs.replace(paid, fee_currency="BNB", fee_paid=Decimal("0.0003")))
    books = ledger.books
    books.account.at_exchange().cash_at["venue"] = CASH
    assert (books.cash, books.position(SPOT).quantity) == (Decimal("9799.8"), Decimal(2))
    assert tell(ledger, *[account_report({SPOT: "2"}, "9800")] * 2) == []
    assert problems_of(books.snapshot(), books.instruments) == []


TRADES = st.lists(
    st.tuples(
        st.sampled_from(["buy", "sell"]),
        st.integers(1, 50),
        st.integers(90, 110),
        st.sampled_from(["USDT", "COIN", "BNB"]),
    ),
    max_size=12,
)


@given(TRADES)
def test_cash_positions_and_fees_are_conserved_whatever_the_fees_are_paid_in(
    trades: list[tuple[str, int, int, str]],
) -> None:
    ledger = coin_ledger()
    for n, (side, quantity, price, currency) in enumerate(trades):
        words = f"{side} {quantity}@{price}"
        ledger.work(f"o{n}", f"{side} {quantity}")
        paid = fill(f"t{n}", f"o{n}", words, fee=str(Decimal(quantity * price) / 1000))
        amount = {"USDT": ZERO, "COIN": Decimal(quantity) / 1000, "BNB": Decimal("0.01")}[currency]
        ledger.tell(msgspec.structs.replace(paid, fee_currency=currency, fee_paid=amount))
    books = ledger.books
    assert problems_of(books.snapshot(), books.instruments) == []


def test_holds_survive_a_dump_and_make_a_difference_to_the_hash() -> None:
    ledger = Ledger()
    before = ledger.hash()
    ledger.tell(SymbolRestricted(symbol=SPOT, kind=MISMATCH, message="x"))
    assert ledger.hash() != before
    again = Account.load(msgspec.json.decode(msgspec.json.encode(ledger.books.snapshot().dump())))
    assert again.hash(RUN) == ledger.hash()


def test_a_new_run_keeps_what_an_exchange_said_only_where_it_will_be_compared_again() -> None:
    ledger = Ledger()
    for kind in RestrictionKind:
        ledger.tell(SymbolRestricted(symbol=SPOT, kind=kind))
    live = ledger.books.account.at_exchange()
    live.begin_again(compared=True)
    assert [*live.restrictions[SPOT]] == [MISMATCH, BALANCE]
    live.begin_again(compared=False)
    assert live.restrictions == {}


def test_a_mismatch_of_the_run_before_stays_until_a_report_agrees() -> None:
    ledger = Ledger()
    tell(ledger, account_report({SPOT: "1"}), account_report({SPOT: "1"}))
    live = ledger.books.account.at_exchange()
    live.begin_again(compared=True)
    assert live.discrepancies == {}
    tell(ledger, account_report({SPOT: "1"}))
    assert held(ledger) == [MISMATCH]
    tell(ledger, account_report({SPOT: "0"}))
    assert held(ledger) == []
