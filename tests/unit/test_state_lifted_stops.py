"""Stops that made room for an exit: the books keep where they were, over the end of a process."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.fixtures.books import SPOT, Ledger, approved, cancel, report, submitted, tick
from tradectl.domain.events import (
    CancelRequested,
    EmergencyStopReceived,
    OrderAccepted,
    OrderCanceled,
    OrderInitialized,
)
from tradectl.domain.money import Side
from tradectl.domain.orders import OrderSpec, OrderType
from tradectl.state.account import Account

D = Decimal


@pytest.fixture
def ledger() -> Ledger:
    """A position of 3, stops at 90 (of 2) and 95 (of 1)."""
    ledger = Ledger().trade("o1", "buy 3@100")
    for order_id, quantity, price in (("s1", 2, 90), ("s2", 1, 95)):
        spec = OrderSpec(
            order_id, SPOT, Side.SELL, D(quantity), OrderType.STOP_MARKET, None, D(price),
            reduce_only=True,
        )  # fmt: skip
        ledger.tell(
            OrderInitialized(order=spec), approved(order_id), submitted(order_id),
            report(order_id, OrderAccepted),
        )  # fmt: skip
    return ledger


def lifted(ledger: Ledger) -> Ledger:
    for order_id in ("s2", "s1"):
        ledger.tell(CancelRequested(order_id=order_id, symbol=SPOT, makes_room=True))
        ledger.tell(report(order_id, OrderCanceled))
    return ledger


def test_the_nearest_of_them_counts_and_a_snapshot_has_it(ledger: Ledger) -> None:
    assert lifted(ledger).books.lifted_stops == {SPOT: D(95)}
    again = Ledger(Account.load(ledger.books.snapshot().dump()))
    assert again.books.lifted_stops == {SPOT: D(95)}
    assert again.hash() == ledger.hash()


def test_a_stop_that_is_cancelled_for_another_reason_is_none_of_them(ledger: Ledger) -> None:
    ledger.tell(cancel("s1"))
    assert not ledger.books.lifted_stops


def test_it_is_kept_until_nothing_is_held(ledger: Ledger) -> None:
    lifted(ledger).trade("o2", "sell 1@98")
    assert ledger.books.lifted_stops == {SPOT: D(95)}
    ledger.trade("o3", "sell 2@98")
    assert not ledger.books.lifted_stops


def test_protection_that_is_dropped_does_not_come_back(ledger: Ledger) -> None:
    lifted(ledger).tell(EmergencyStopReceived(reason="the test", drop_protection=True))
    assert not ledger.books.lifted_stops


def test_what_a_falling_price_makes_dust_keeps_it_and_what_is_added_then_has_none(
    ledger: Ledger,
) -> None:
    lifted(ledger).tell(tick("1"))
    assert not ledger.books.open_quantity(SPOT)
    ledger.trade("o2", "sell 1@1")
    assert ledger.books.lifted_stops == {SPOT: D(95)}
    ledger.trade("o3", "buy 8@1")
    assert not ledger.books.lifted_stops
