"""Two ways of counting must agree; where they do not, it is said in plain words."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.fixtures.books import PERP, SPOT, Ledger, fill, instruments
from tradectl.domain.instruments import Instruments
from tradectl.domain.positions import Position
from tradectl.state.account import Account
from tradectl.state.consistency import fill_problems, problems_of

HELD = {SPOT: Decimal(1), PERP: Decimal(-2)}


@pytest.fixture
def account() -> Account:
    ledger = Ledger()
    ledger.trade("o1", "buy 3@100.10", fee="0.03", strategy="a")
    ledger.trade("o2", "sell 2@101", fee="0.01", strategy="b")
    ledger.trade("o3", "sell 2@100", PERP, fee="0.02", strategy="a")
    ledger.work("o4", "buy 4")
    ledger.tell(fill("t4", "o4", "buy 1@99"))
    ledger.trade("o5", "sell 1@99")
    return ledger.books.snapshot()


def test_books_that_were_kept_by_the_rules_add_up(account: Account) -> None:
    assert problems_of(account, instruments()) == []
    assert problems_of(account, instruments()) + fill_problems(account, HELD) == []


def test_an_account_that_was_only_opened_adds_up() -> None:
    account = Account.open("x", "USDT", Decimal(5))
    assert problems_of(account, instruments()) + fill_problems(account, {}) == []


def test_cash_that_came_from_nowhere_is_found(account: Account) -> None:
    right = account.cash
    account.cash += Decimal("0.00000001")
    (problem,) = problems_of(account, instruments())
    assert problem.startswith("cash is ")
    assert problem.endswith(f"make it {right}")


def test_a_position_that_no_strategy_made_is_found(account: Account) -> None:
    account.positions["OTHER"] = Position("OTHER", Decimal(5))
    account.holdings[PERP].clear()
    assert problems_of(account, Instruments(instruments().all())) == [
        f"the position in {PERP} is -2, the strategies make it 0",
        f"the cash flow in {PERP} is 200, the strategies make it 0",
        f"the sum of fees in {PERP} is 0.02, the strategies make it 0",
        "the position in OTHER is 5, the strategies make it 0",
    ]


@pytest.mark.parametrize("filled", ["-1", "4.5"])
def test_an_order_filled_by_an_impossible_quantity_is_found(account: Account, filled: str) -> None:
    account.orders[0].filled = Decimal(filled)
    assert problems_of(account, instruments()) == [f"order o4 of 4 is filled {filled}"]


@pytest.mark.parametrize(
    ("stored", "problem"),
    [
        ({SPOT: "2", PERP: "-2"}, f"the position in {SPOT} is 1, the stored fills make it 2"),
        ({PERP: "-2"}, f"the position in {SPOT} is 1, the stored fills make it 0"),
        ({SPOT: "1", PERP: "-2", "X": "1"}, "the position in X is 0, the stored fills make it 1"),
    ],
)
def test_stored_fills_that_make_another_position_are_found(
    account: Account, stored: dict[str, str], problem: str
) -> None:
    fills = {symbol: Decimal(quantity) for symbol, quantity in stored.items()}
    assert problems_of(account, instruments()) + fill_problems(account, fills) == [problem]
