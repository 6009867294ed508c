"""Income of a real exchange in the books: each row once, borne by who held the position when it was
settled, and only transfers are transfers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.fixtures.books import CASH, PERP, Ledger, fill
from tests.fixtures.rows import each_row
from tradectl.domain.events import (
    Acceptance,
    AccountReported,
    CashMoved,
    CloseCause,
    FundingPaid,
    IncomeKind,
    PositionLiquidated,
)
from tradectl.domain.money import Side
from tradectl.domain.time import DAY, HOUR, SECOND
from tradectl.state.consistency import problems_of
from tradectl.state.income import HeldAt, IncomeState

D = Decimal
NOON = 1_767_614_400 * SECOND  # a full hour


def followed() -> Ledger:
    ledger = Ledger()
    ledger.books.account.at_exchange().income.since["venue"] = 1
    return ledger


def funding(payment: str, ts: int = NOON, income_id: str = "f1", symbol: str = PERP) -> FundingPaid:
    return FundingPaid(
        symbol=symbol, payment=D(payment), ts=ts, exchange="venue", income_id=income_id
    )


def moved(kind: IncomeKind, amount: str, income_id: str = "m1", symbol: str = "") -> CashMoved:
    return CashMoved(
        exchange="venue", income_id=income_id, kind=kind, amount=D(amount), symbol=symbol, ts=NOON
    )


def closed(quantity: str, side: Side = Side.SELL, **more: Any) -> PositionLiquidated:
    told: dict[str, Any] = {"fee": D(3), "liquidation_id": "t1", "exchange": "venue", "ts": NOON}
    return PositionLiquidated(
        symbol=PERP, side=side, quantity=D(quantity), price=D(90), cause=CloseCause.ADL,
        **told | more,
    )  # fmt: skip


def report(**more: Any) -> AccountReported:
    return AccountReported(exchange="venue", positions={}, **more)


# --- each row once -----------------------------------------------------------------------------------


def test_a_row_is_booked_once_however_often_it_is_told() -> None:
    ledger = followed()
    ledger.tell(funding("-5"), funding("-5"), funding("-7", income_id="f2"), funding("-5"))
    account = ledger.books.account
    assert account.funding == -12
    assert account.cash == CASH - 12
    assert account.duplicates == 2


def test_rows_of_one_moment_and_rows_in_any_order_are_all_booked() -> None:
    ledger = followed()
    ledger.tell(
        funding("-1", NOON, "b"), funding("-2", NOON, "a"), funding("-4", NOON - DAY // 2, "c")
    )
    assert ledger.books.account.funding == -7


def test_what_was_moved_before_the_account_was_opened_is_in_its_cash() -> None:
    ledger = followed()
    ledger.books.account.at_exchange().income.since["venue"] = NOON
    ledger.tell(funding("-5", NOON - 1), funding("-6", NOON, "f2"))
    assert ledger.books.account.funding == -6


def test_what_the_operator_has_taken_is_not_booked_once_more() -> None:
    """The balance had it in; its row came later."""
    ledger = followed()
    ledger.tell(report(cash=CASH - 5, accept=Acceptance.TRANSFER, income_until=NOON + 1))
    ledger.tell(funding("-5", NOON), funding("-2", NOON + 2, "later"))
    assert ledger.books.cash == CASH - 7
    assert problems_of(ledger.books.snapshot(), ledger.books.instruments) == []


def test_ids_are_kept_as_long_as_a_row_may_be_told_again() -> None:
    income = IncomeState({"venue": 1})
    for day in range(10):
        income.book("venue", f"f{day}", NOON + day * DAY)
        income.asked("venue", NOON + day * DAY, accepted=False)
    assert list(income.booked) == ["venue f7", "venue f8", "venue f9"]


def test_two_exchanges_may_use_the_same_id() -> None:
    ledger = followed()
    ledger.tell(moved(IncomeKind.REBATE, "1"))
    other = CashMoved(
        exchange="other", income_id="m1", kind=IncomeKind.REBATE, amount=D(2), ts=NOON
    )
    ledger.tell(other)
    assert ledger.books.account.rebates == 3


# --- lines of their own ------------------------------------------------------------------------------


@each_row(
    ("kind", "line"),
    [
        (IncomeKind.FUNDING, "funding"),
        (IncomeKind.INSURANCE, "insurance"),
        (IncomeKind.INTEREST, "interest"),
        (IncomeKind.REBATE, "rebates"),
    ],
)
def test_income_is_profit_or_loss_and_moves_no_baseline(kind: IncomeKind, line: str) -> None:
    ledger = followed()
    before = ledger.books.account.peak_equity
    ledger.tell(moved(kind, "-40"))
    account = ledger.books.account
    assert getattr(account, line) == -40
    assert ledger.books.profit() == -40
    assert account.peak_equity == account.high_water == before
    assert account.at_exchange().transferred == 0


def test_a_transfer_is_neither_and_moves_them_all() -> None:
    ledger = followed()
    account = ledger.books.account
    before = account.peak_equity, account.high_water, account.day_start_equity
    ledger.tell(moved(IncomeKind.TRANSFER, "-4000"))
    assert ledger.books.profit() == 0
    assert account.cash == CASH - 4000
    after = account.peak_equity, account.high_water, account.day_start_equity
    assert after == tuple(baseline - 4000 for baseline in before)


# --- who bears it ------------------------------------------------------------------------------------


def test_funding_is_borne_by_who_held_the_position_when_it_was_settled() -> None:
    """Not by who holds it when it is told of, whatever happened between."""
    income = IncomeState({"venue": 1})
    income.note_held(PERP, {}, {"a": D(2)}, NOON - HOUR)
    income.note_held(PERP, {"a": D(2)}, {"b": D(1)}, NOON - SECOND)
    income.note_held(PERP, {"a": D(2), "b": D(1)}, {"a": D(0)}, NOON + 5 * SECOND)
    assert income.held_at(PERP, NOON) == {"a": D(2), "b": D(1)}
    assert income.held_at(PERP, NOON + 11 * SECOND) == {"a": D(2), "b": D(1)}  # stamped late
    assert income.held_at(PERP, NOON + HOUR) == {"b": D(1)}


def test_a_fill_that_is_told_late_counts_from_when_it_happened() -> None:
    income = IncomeState({"venue": 1})
    income.note_held(PERP, {}, {"a": D(3)}, NOON + 2 * HOUR)
    income.note_held(PERP, {"a": D(3)}, {"a": D(4)}, NOON - 1)
    assert income.held_at(PERP, NOON) == {"a": D(1)}
    assert income.held_at(PERP, NOON + 3 * HOUR) == {"a": D(4)}


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(-3, 3), st.integers(0, 30 * 3600)),
        max_size=30,
    )
)
def test_at_each_full_hour_it_is_known_what_was_held(changes: list[tuple[str, int, int]]) -> None:
    income, now = IncomeState({"venue": 1}), {"a": D(0), "b": D(0)}
    for name, quantity, second in changes:
        after = {name: now[name] + quantity}
        income.note_held(PERP, now, after, NOON + second * SECOND)
        now |= after
    for hour in range(32):
        at = NOON + hour * HOUR
        held = {
            n: sum((D(q) for m, q, s in changes if m == n and s <= hour * 3600), D(0)) for n in "ab"
        }
        known = income.held_at(PERP, at)
        expected = {name: quantity for name, quantity in held.items() if quantity}
        if known is not None and expected:
            assert known == expected
    assert len(income.held.get(PERP, ())) <= 33


def test_the_holders_before_the_first_change_are_known() -> None:
    income = IncomeState({"venue": 1})
    income.note_held(PERP, {"a": D(2)}, {"a": D(0)}, NOON)
    assert income.held[PERP][0] == HeldAt(0, {"a": D(2)})
    assert income.held_at(PERP, NOON - HOUR) == {"a": D(2)}
    assert income.last_held(PERP, NOON) == {"a": D(2)}


def test_what_is_held_beside_ours_bears_its_part() -> None:
    ledger = followed().trade("o1", "buy 2@100", symbol=PERP)
    ledger.books.account.at_exchange().external[PERP] = D(1)
    ledger.tell(funding("-9"))
    strategies = ledger.books.account.strategies
    assert strategies["s"].funding == -6
    assert strategies["external"].funding == -3
    assert ledger.books.account.funding == -9


# --- positions that the exchange closes ---------------------------------------------------------------


def test_a_position_that_is_closed_is_closed_once_with_its_fee() -> None:
    ledger = followed().trade("o1", "buy 2@100", symbol=PERP)
    ledger.tell(closed("2"), closed("2"))
    books = ledger.books
    assert books.position(PERP).quantity == 0
    assert books.cash == CASH - 20 - 3
    assert books.account.duplicates == 1
    assert problems_of(books.snapshot(), books.instruments) == []


def test_a_part_of_it_leaves_the_rest() -> None:
    ledger = followed().trade("o1", "buy 2@100", symbol=PERP)
    ledger.tell(closed("0.5"))
    assert ledger.books.position(PERP).quantity == D("1.5")


@each_row(
    ("ours", "external", "quantity", "left", "external_left"),
    [
        ("2", "1", "3", "0", "0"),
        ("2", "1", "2.5", "0", "0.5"),
        ("0", "1", "1", "0", "0"),
        ("2", "0", "3", "0", "0"),
        ("2", "-1", "1", "1", "-1"),
    ],
)
def test_of_what_is_closed_ours_comes_first_and_no_more_than_there_was(
    ours: str, external: str, quantity: str, left: str, external_left: str
) -> None:
    ledger = followed()
    if D(ours):
        ledger.trade("o1", f"buy {ours}@100", symbol=PERP)
    ledger.books.account.at_exchange().external[PERP] = D(external)
    ledger.tell(closed(quantity))
    books = ledger.books
    assert books.position(PERP).quantity == D(left)
    assert books.account.at_exchange().external[PERP] == D(external_left)
    assert problems_of(books.snapshot(), books.instruments) == []


def test_what_is_told_late_closed_what_was_held_then() -> None:
    """Meanwhile we have turned the position, not knowing of it."""
    ledger = followed()
    for name, words, at in (("o1", "sell 3@100", NOON - 9), ("o2", "buy 4@100", NOON + 9)):
        ledger.work(name, words.split("@", maxsplit=1)[0], PERP, "s")
        ledger.tell(replace(fill(f"{name}.1", name, words, PERP), ts=at))
    ledger.tell(closed("2", Side.BUY))
    books = ledger.books
    assert books.position(PERP).quantity == 3
    assert books.holdings(PERP)["s"].quantity == 3
    assert books.account.at_exchange().external.get(PERP, 0) == 0
    assert problems_of(books.snapshot(), books.instruments) == []


def test_a_fee_in_a_third_currency_costs_and_leaves_the_balance() -> None:
    ledger = followed().trade("o1", "buy 2@100", symbol=PERP)
    ledger.tell(closed("2", fee_paid=D("0.01")))
    books = ledger.books
    known = books.account.at_exchange()
    assert known.expected_at("venue", books.cash) == books.cash == CASH - 20
    assert [books.fees(), books.profit(), known.transferred] == [D(3), D(-23), D(3)]
