"""A cancel that was refused is asked for again after a second, whatever comes until then."""

from __future__ import annotations

from tradectl.domain.events import CancelRejected, CancelRequested, Event, OrderAccepted
from tradectl.domain.time import SECOND
from tradectl.portfolio.refused_cancels import KEPT, RefusedCancels


def cancel(order_id: str) -> CancelRequested:
    return CancelRequested(order_id=order_id, symbol="X")


def refused(order_id: str) -> CancelRejected:
    return CancelRejected(order_id=order_id, symbol="X")


def test_neither_at_once_nor_with_what_another_order_answers() -> None:
    cancels, accepted = RefusedCancels(), OrderAccepted(order_id="c", symbol="X")
    both: list[Event] = [cancel("a"), cancel("b")]
    assert cancels.after(accepted, both, 0) == both
    assert cancels.after(refused("a"), both, 0) == [cancel("b")]
    assert cancels.after(refused("b"), both, SECOND // 2) == []
    assert cancels.after(accepted, both, SECOND) == [cancel("a")]
    assert cancels.after(accepted, both, 2 * SECOND) == both


def test_of_many_the_newest_are_kept() -> None:
    cancels = RefusedCancels()
    for number in range(KEPT + 1):
        cancels.after(refused(f"{number}"), [], 0)
    assert cancels.after(refused("1"), [cancel("0"), cancel("1")], 0) == [cancel("0")]
