"""The life of an order is a table, and these are the laws that the table keeps."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures.rows import each_row
from tradectl.domain.errors import CoreError, IllegalTransition
from tradectl.domain.events import AnyEvent, ExecutionEvent
from tradectl.domain.money import Side
from tradectl.domain.orders import (
    NEXT,
    WORKING,
    Order,
    OrderSpec,
    OrderStatus,
    OrderType,
    Trigger,
    step,
)

S, T = OrderStatus, Trigger
TERMINAL = [s for s in S if s not in WORKING and s is not S.INITIALIZED]
ABSENT = [(s, t) for s in S for t in T if (s, t) not in NEXT]


def reachable(start: Iterable[OrderStatus]) -> list[OrderStatus]:
    found = list(start)
    for status in found:
        found += [new for (old, _), new in NEXT.items() if old is status and new not in found]
    return found


def test_a_step_is_looked_up_in_the_table() -> None:
    for (status, trigger), after in NEXT.items():
        assert step(status, trigger) is after, (status, trigger)


def test_what_the_table_does_not_have_raises() -> None:
    for status, trigger in ABSENT:
        with pytest.raises(IllegalTransition, match=f"is {status} cannot be {trigger}"):
            step(status, trigger)


def test_an_illegal_step_is_an_error_of_the_core_which_halts() -> None:
    assert issubclass(IllegalTransition, CoreError)


@each_row("status", TERMINAL)
def test_an_order_that_is_over_never_works_again(status: OrderStatus) -> None:
    assert not WORKING & set(reachable([status]))


def lawful_after(over: OrderStatus, trigger: Trigger) -> set[OrderStatus]:
    """An expiry may have been presumed, of one that was not to be found: then the exchange says more."""
    truths = {T.CANCEL: S.CANCELED, T.REJECT: S.REJECTED}
    return {S.FILLED, truths.get(trigger, over) if over is S.EXPIRED else over}


def test_an_order_that_is_over_changes_to_nothing_but_filled() -> None:
    for (status, trigger), after in NEXT.items():
        if status in TERMINAL:
            assert after in lawful_after(status, trigger), (status, trigger)


def test_a_filled_order_stays_filled() -> None:
    assert reachable([S.FILLED]) == [S.FILLED]


def test_an_order_that_never_was_at_the_exchange_cannot_be_filled() -> None:
    assert reachable([S.DENIED]) == [S.DENIED]
    assert not {(S.APPROVED, fill) for fill in (T.PARTIAL_FILL, T.FILL)} & NEXT.keys()


def test_an_exchange_answers_only_what_was_submitted() -> None:
    """But for the end of what a crash kept from leaving."""
    answers = {kind.trigger for kind in get_args(AnyEvent) if issubclass(kind, ExecutionEvent)}
    assert {t for s, t in NEXT if s is S.APPROVED and t in answers} == {T.EXPIRE}
    assert not {t for s, t in NEXT if s is S.INITIALIZED and t in answers}


def test_the_gate_denies_only_what_was_submitted() -> None:
    """Risk's own denial aside."""
    assert {s for s, t in NEXT if t is T.DENY} == {S.INITIALIZED, S.SUBMITTED, S.PENDING_CANCEL}


@pytest.mark.parametrize("status", [S.APPROVED, S.PENDING_CANCEL])
def test_an_order_is_submitted_when_it_is_approved_even_if_its_cancel_was_quicker(
    status: OrderStatus,
) -> None:
    assert step(status, T.SUBMIT) is (S.SUBMITTED if status is S.APPROVED else status)


def test_a_fill_is_a_fact_even_of_an_order_that_was_said_to_be_rejected() -> None:
    assert reachable([S.REJECTED]) == [S.REJECTED, S.FILLED]


@each_row("status", [S.INITIALIZED, *sorted(WORKING)])
def test_every_order_that_is_not_over_can_come_to_an_end(status: OrderStatus) -> None:
    assert set(reachable([status])) & set(TERMINAL)


def test_every_status_is_reached_from_an_intent() -> None:
    assert set(reachable([S.INITIALIZED])) == set(S)


def test_an_order_works_only_after_risk_has_let_it_pass() -> None:
    from_intended = {t: new for (old, t), new in NEXT.items() if old is S.INITIALIZED}
    assert from_intended == {T.DENY: S.DENIED, T.APPROVE: S.APPROVED}
    assert [old for (old, t) in NEXT if t is T.APPROVE] == [S.INITIALIZED]


@each_row("trigger", [T.PARTIAL_FILL, T.FILL])
@each_row("status", [*sorted(WORKING - {S.APPROVED}), S.CANCELED, S.EXPIRED])
def test_a_fill_is_a_fact_wherever_the_exchange_may_have_worked_the_order(
    status: OrderStatus, trigger: Trigger
) -> None:
    assert (status, trigger) in NEXT


@each_row("status", sorted(WORKING))
def test_asking_to_cancel_an_unknown_order_does_not_end_the_doubt(status: OrderStatus) -> None:
    asked = step(status, T.REQUEST_CANCEL)
    assert asked is (S.UNKNOWN if status is S.UNKNOWN else S.PENDING_CANCEL)


@each_row("trigger", [T.ACCEPT, T.REJECT, T.PARTIAL_FILL, T.FILL, T.CANCEL, T.EXPIRE])
def test_the_exchanges_word_ends_the_doubt_about_an_unknown_order(trigger: Trigger) -> None:
    assert step(S.UNKNOWN, trigger) is not S.UNKNOWN


@pytest.mark.parametrize(
    "ending",
    [
        T.CANCEL,
        T.EXPIRE,
        T.REJECT,
    ],
)
def test_an_ending_that_is_reported_twice_changes_nothing(ending: Trigger) -> None:
    over = step(S.ACCEPTED, ending)
    assert step(over, ending) is over


@pytest.mark.parametrize("status", [S.FILLED, S.CANCELED, S.EXPIRED])
def test_a_lost_answer_about_an_order_that_is_over_changes_nothing(status: OrderStatus) -> None:
    assert step(status, T.LOSE) is status


@pytest.mark.parametrize("status", [S.ACCEPTED, S.PARTIALLY_FILLED, S.UNKNOWN])
def test_a_cancel_refused_after_the_order_moved_on_changes_nothing(status: OrderStatus) -> None:
    assert step(status, T.CANCEL_REJECT) is status


@given(st.lists(st.sampled_from(Trigger), max_size=30))
def test_any_sequence_of_triggers_either_raises_or_obeys_the_laws(triggers: list[Trigger]) -> None:
    status = S.INITIALIZED
    for trigger in triggers:
        before = status
        try:
            status = step(status, trigger)
        except IllegalTransition:
            continue
        if before is S.EXPIRED:  # it may have been presumed: the exchange's word is final
            assert status in (before, S.FILLED, S.CANCELED, S.REJECTED)
        elif before in TERMINAL:
            assert status in (before, S.FILLED)


# --- what an order answers ---------------------------------------------------------------------------

SPEC = OrderSpec("o1", "BTCUSDT", Side.BUY, Decimal(3))


@each_row("status", list(S))
def test_an_order_is_intended_working_or_over_and_only_one_of_them(status: OrderStatus) -> None:
    order = Order(SPEC, 0, 0, status)
    assert [status is S.INITIALIZED, order.is_working, order.is_over].count(True) == 1


def test_an_order_knows_what_remains_and_what_it_paid_on_average() -> None:
    order = Order(SPEC, 0, 0, filled=Decimal(2), cost=Decimal(201))
    assert order.remaining == 1
    assert order.average_price == Decimal("100.5")
    assert Order(SPEC, 0, 0).average_price is None


def test_orders_do_not_share_their_trades() -> None:
    first, second = Order(SPEC, 0, 0), Order(SPEC, 0, 0)
    first.trades["t1"] = None
    assert second.trades == {}


@each_row(
    ("kind", "is_stop", "has_limit"),
    [
        (OrderType.MARKET, False, False),
        (OrderType.LIMIT, False, True),
        (OrderType.STOP_MARKET, True, False),
        (OrderType.STOP_LIMIT, True, True),
    ],
)
def test_an_order_type_says_which_prices_it_needs(
    kind: OrderType, is_stop: bool, has_limit: bool
) -> None:
    assert (kind.is_stop, kind.has_limit) == (is_stop, has_limit)
