"""The books, told one event at a time: orders, fills, and what they refuse."""

from __future__ import annotations

import itertools
from decimal import Decimal

import pytest

from tests.fixtures.books import (
    CASH,
    PERP,
    SPOT,
    Ledger,
    approved,
    cancel,
    denied,
    fill,
    fold,
    intent,
    open_books,
    report,
    submitted,
)
from tradectl.domain.errors import CoreError, IllegalTransition
from tradectl.domain.events import (
    ExecutionEvent,
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderOutcomeLost,
    OrderRejected,
    PositionChanged,
    Record,
)
from tradectl.domain.money import ZERO
from tradectl.domain.orders import OrderStatus
from tradectl.domain.views import AccountView
from tradectl.state import order_books


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def status_of(ledger: Ledger, order_id: str) -> OrderStatus:
    order = ledger.books.order(order_id)
    assert order is not None
    return order.status


def test_the_books_answer_what_an_account_view_may_be_asked() -> None:
    view: AccountView = open_books()
    assert view.cash == view.equity() == view.peak_equity == view.day_start_equity == CASH


# --- orders ------------------------------------------------------------------------------------------


def test_an_intent_is_known_but_neither_judged_nor_working(ledger: Ledger) -> None:
    ledger.tell(intent("o1", "buy 2"))
    assert status_of(ledger, "o1") is OrderStatus.INITIALIZED
    assert not ledger.books.seen("o1")
    assert ledger.books.working_orders() == []
    assert ledger.books.account.orders_count == 1


def test_an_approved_order_works_and_its_quantity_is_pending(ledger: Ledger) -> None:
    ledger.work("o1", "buy 2").work("o2", "sell 0.5").work("o3", "sell 4", PERP)
    books = ledger.books
    assert [o.spec.order_id for o in books.working_orders()] == ["o1", "o2", "o3"]
    assert [o.spec.order_id for o in books.working_orders(PERP)] == ["o3"]
    assert (books.working_in(SPOT).coming, books.working_in(PERP).coming) == (
        Decimal("1.5"),
        Decimal(-4),
    )
    assert books.working_in("ELSEWHERE").coming == ZERO
    assert books.seen("o1")


def test_working_orders_are_the_same_whoever_asked_for_them_meanwhile() -> None:
    asked, unasked = Ledger(), Ledger()
    events = [
        *(intent("o1", "sell 4", PERP), approved("o1"), intent("o2", "buy 3"), approved("o2")),
        *(submitted("o1", PERP), submitted("o2"), fill("t1", "o2", "buy 1@100"), cancel("o2")),
        *(fill("t2", "o1", "sell 4@100", PERP), intent("o3", "buy 2"), approved("o3")),
        *(intent("o4", "buy 1", PERP), approved("o4"), submitted("o4", PERP)),
        fill("t3", "o4", "buy 0.5@90", PERP),
    ]
    for event in events:
        asked.tell(event)
        asked.books.working_orders()
    unasked.tell(*events)
    found = [
        (books.working_orders(), books.working_count(), books.working_in(SPOT).expected)
        for books in (asked.books, unasked.books)
    ]
    assert found[0] == found[1]
    assert [order.spec.order_id for order in unasked.books.working_orders()] == ["o4", "o2", "o3"]


def test_a_denied_order_is_over_and_says_why(ledger: Ledger) -> None:
    ledger.tell(intent("o1", "buy 2"), denied("o1"))
    order = ledger.books.order("o1")
    assert order is not None
    assert (order.status, order.reason) == (OrderStatus.DENIED, "too_big: by far")
    assert ledger.books.seen("o1")
    assert ledger.books.working_orders() == []
    assert ledger.books.account.denied_count == 1


def test_an_answer_brings_the_exchanges_id_and_reason(ledger: Ledger) -> None:
    ledger.work("o1", "buy 2")
    ledger.tell(report("o1", OrderAccepted, venue="v1"), report("o1", OrderExpired, reason="ioc"))
    order = ledger.books.order("o1")
    assert order is not None
    assert (order.status, order.venue_order_id, order.reason) == (
        OrderStatus.EXPIRED,
        "v1",
        "ioc",
    )


@pytest.mark.parametrize(
    ("kind", "still_working"),
    [
        (OrderAccepted, True),
        (OrderOutcomeLost, True),
        (OrderRejected, False),
        (OrderCanceled, False),
        (OrderExpired, False),
    ],
)
def test_an_order_that_is_over_reserves_nothing_and_an_unknown_one_does(
    ledger: Ledger, kind: type[ExecutionEvent], still_working: bool
) -> None:
    ledger.work("o1", "buy 2")
    ledger.tell(report("o1", kind))
    assert bool(ledger.books.working_orders(SPOT)) is still_working
    assert ledger.books.working_in(SPOT).coming == (2 if still_working else 0)
    assert ledger.books.order("o1") is not None


def test_a_cancel_that_is_asked_for_leaves_the_order_working(ledger: Ledger) -> None:
    ledger.work("o1", "buy 2")
    ledger.tell(cancel("o1"))
    assert status_of(ledger, "o1") is OrderStatus.PENDING_CANCEL
    assert ledger.books.working_in(SPOT).coming == 2


@pytest.mark.parametrize(
    "event",
    [
        approved("nobody"),
        denied("nobody"),
        cancel("nobody"),
        report("nobody", OrderAccepted),
        fill("t1", "nobody", "buy 1@100"),
    ],
    ids=lambda e: type(e).__name__,
)
def test_word_of_an_order_that_is_not_ours_halts_and_changes_nothing(
    ledger: Ledger, event: OrderFilled
) -> None:
    before = ledger.hash()
    with pytest.raises(CoreError, match="order nobody, which is not ours or long over"):
        ledger.tell(event)
    assert ledger.hash() == before


def test_an_impossible_step_halts_and_changes_nothing(ledger: Ledger) -> None:
    ledger.work("o1", "buy 2").tell(report("o1", OrderRejected))
    before = ledger.hash()
    for event in (approved("o1"), cancel("o1")):
        with pytest.raises(IllegalTransition):
            ledger.tell(event)
    assert ledger.hash() == before


def test_the_oldest_finished_orders_are_forgotten_the_working_ones_never(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_books, "FINISHED_KEPT", 2)
    ledger.work("resting", "buy 1")
    for n in range(4):
        ledger.trade(f"o{n}", "buy 1@10")
    known = [o for o in ("resting", "o0", "o1", "o2", "o3") if ledger.books.order(o)]
    assert known == ["resting", "o2", "o3"]


# --- fills -------------------------------------------------------------------------------------------


def test_a_partial_fill_and_the_rest(ledger: Ledger) -> None:
    ledger.work("o1", "buy 3")
    ledger.tell(fill("t1", "o1", "buy 1@100", fee="0.1", venue="v1"))
    order = ledger.books.order("o1")
    assert order is not None
    assert (order.status, order.filled, order.remaining) == (
        OrderStatus.PARTIALLY_FILLED,
        Decimal(1),
        Decimal(2),
    )
    assert ledger.books.working_in(SPOT).coming == 2
    ledger.tell(fill("t2", "o1", "buy 2@103", fee="0.2"))
    assert (order.status, order.average_price) == (OrderStatus.FILLED, Decimal(102))
    assert ([*order.trades], order.fees, order.venue_order_id) == (
        ["t1", "t2"],
        Decimal("0.3"),
        "v1",
    )
    assert ledger.books.working_in(SPOT).coming == 0


def test_a_fill_is_answered_with_the_books_right_after_it(ledger: Ledger) -> None:
    ledger.work("o1", "buy 3")
    assert ledger.tell(fill("t1", "o1", "buy 1@100", fee="0.1")) == [
        PositionChanged(
            source_component="state",
            symbol=SPOT,
            quantity=Decimal(1),
            cost=Decimal(100),
            realized=ZERO,
            cash=Decimal("9899.9"),
            fees=Decimal("0.1"),
        )
    ]


def test_a_fill_is_booked_once_however_often_it_is_reported(ledger: Ledger) -> None:
    ledger.work("o1", "buy 3")
    trade = fill("t1", "o1", "buy 1@100")
    ledger.tell(trade)
    assert ledger.tell(trade, trade) == []
    assert ledger.books.position(SPOT).quantity == 1
    assert ledger.books.account.duplicates == 2
    assert ledger.books.account.fills_count == 1


def test_one_trade_may_fill_two_of_our_orders(ledger: Ledger) -> None:
    ledger.work("o1", "buy 1").work("o2", "buy 1")
    ledger.tell(fill("t1", "o1", "buy 1@100"), fill("t1", "o2", "buy 1@100"))
    assert ledger.books.position(SPOT).quantity == 2


def test_an_overfill_halts_and_changes_nothing(ledger: Ledger) -> None:
    ledger.work("o1", "buy 3").tell(fill("t1", "o1", "buy 2@100"))
    before = ledger.hash()
    with pytest.raises(CoreError, match="order o1 of 3 was filled 4: overfilled"):
        ledger.tell(fill("t2", "o1", "buy 2@100"))
    assert ledger.hash() == before


def test_a_fill_may_come_before_the_acknowledgement(ledger: Ledger) -> None:
    ledger.work("o1", "buy 1").tell(fill("t1", "o1", "buy 1@100"))
    ledger.tell(report("o1", OrderAccepted, venue="v1"))
    assert status_of(ledger, "o1") is OrderStatus.FILLED


@pytest.mark.parametrize("end", [OrderCanceled, OrderExpired])
def test_a_late_fill_of_an_order_that_is_over_is_booked(
    ledger: Ledger, end: type[ExecutionEvent]
) -> None:
    ledger.work("o1", "buy 3").tell(report("o1", end))
    over = status_of(ledger, "o1")
    ledger.tell(fill("t1", "o1", "buy 1@100"))
    assert status_of(ledger, "o1") is over
    ledger.tell(fill("t2", "o1", "buy 2@100"))
    assert status_of(ledger, "o1") is OrderStatus.FILLED
    assert ledger.books.position(SPOT).quantity == 3
    assert ledger.books.working_orders() == []


def test_a_fill_that_wins_against_a_cancel_stays(ledger: Ledger) -> None:
    ledger.work("o1", "buy 3").tell(cancel("o1"), fill("t1", "o1", "buy 1@100"))
    assert status_of(ledger, "o1") is OrderStatus.PENDING_CANCEL
    ledger.tell(report("o1", OrderCanceled))
    assert ledger.books.position(SPOT).quantity == 1


def test_a_strategy_has_a_record_of_its_own(ledger: Ledger) -> None:
    ledger.trade("o1", "buy 2@100", fee="1", strategy="a").trade("o2", "sell 3@110", strategy="b")
    ledger.trade("o3", "sell 2@120", strategy="a")
    totals, held = ledger.books.account.strategies["a"], ledger.books.holdings(SPOT)
    assert (totals.orders, totals.fills) == (2, 2)
    assert (held["a"].realized, held["a"].fees) == (Decimal(40), Decimal(1))
    assert (held["b"].quantity, held["b"].realized) == (Decimal(-3), ZERO)


def test_what_changed_is_collected_for_the_projection(ledger: Ledger) -> None:
    ledger.trade("o1", "buy 2@100", fee="0.5").work("o2", "sell 1")
    books = ledger.books
    assert list(books.touched) == ["o1", "o2"]
    (row,) = books.new_fills
    assert row.report == fill("o1.1", "o1", "buy 2@100", fee="0.5")
    assert (row.strategy, row.at) == ("s", ledger.at)


def test_reports_and_fills_end_in_the_same_place_in_whatever_order_they_come() -> None:
    told = [
        report("o1", OrderAccepted),
        fill("t1", "o1", "buy 1@100"),
        fill("t2", "o1", "buy 2@101"),
    ]
    ends = set()
    for order in itertools.permutations(told):
        ledger = Ledger().work("o1", "buy 3")
        ledger.tell(*order)
        ends.add((status_of(ledger, "o1"), ledger.books.position(SPOT), ledger.books.cash))
    assert len(ends) == 1


# --- doubts: what the books believe ------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        fill("t1", "o1", "sell 1@100"),
        fill("t1", "o1", "buy 1@100", PERP),
        fill("t1", "o1", "buy -1@100"),
        fill("t1", "o1", "buy 0@100"),
    ],
    ids=["other side", "other symbol", "negative", "nothing"],
)
def test_a_fill_that_contradicts_its_order_halts_and_changes_nothing(
    ledger: Ledger, wrong: OrderFilled
) -> None:
    ledger.work("o1", "buy 3")
    before = ledger.hash()
    with pytest.raises(CoreError):
        ledger.tell(wrong)
    assert ledger.hash() == before


def test_a_fill_that_cannot_be_booked_changes_nothing(ledger: Ledger) -> None:
    """Such as one of a symbol that this run does not know: check, then swap."""
    ledger.work("o1", "buy 3", "UNKNOWN")
    before = ledger.hash()
    with pytest.raises(Exception, match="unknown symbol"):
        ledger.tell(fill("t1", "o1", "buy 1@100", "UNKNOWN"))
    assert ledger.hash() == before


def test_a_fold_survives_what_the_live_run_survived() -> None:
    books = open_books()
    events = [intent("o1", "buy 3", "UNKNOWN"), approved("o1")]
    events_and_fill = [*events, fill("t1", "o1", "buy 1@100", "UNKNOWN")]
    fold(books, (Record(n, 0, e) for n, e in enumerate(events_and_fill, 1)))  # type: ignore[arg-type]
    assert not books.positions()
