"""What risk denied is still wanted, and asked for again once risk would let it pass, or once somebody
wants something else: not with every candle and timer in between."""

from __future__ import annotations

from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures.fake_account import PERP, FakeAccount
from tradectl.domain.commands import ApprovedOrder
from tradectl.domain.event import ReasonCode
from tradectl.domain.events import (
    CancelRequested,
    Event,
    OrderInitialized,
    RestrictionKind,
    StrategySignalEvent,
    TargetComputed,
)
from tradectl.domain.money import Side
from tradectl.domain.orders import OrderSpec, OrderType
from tradectl.domain.refusals import RefusalCause, next_refusal
from tradectl.portfolio.engine import PortfolioEngine
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.risk.engine import RiskEngine
from tradectl.risk.limits import RiskLimits

D = Decimal
SYMBOL = PERP.symbol
SECOND = 10**9
STILL = "asked before, and still denied: "


class Harness:
    """A portfolio before its judge, with an account at `mark`."""

    def __init__(
        self,
        limits: dict[str, Any],
        held: str = "0",
        *,
        has_strategies: bool = True,
        **settings: Any,
    ) -> None:
        ids = count(1)
        self.risk = RiskEngine(RiskLimits(**limits))
        self.view = FakeAccount().price(SYMBOL, "100").own(SYMBOL, held)
        self.portfolio = PortfolioEngine(
            PortfolioSettings(**{"fraction": D("0.5"), "max_weight": D(1), **settings}),
            {},
            lambda: f"id-{next(ids)}",
            would_deny=self.risk.would_deny,
            has_strategies=has_strategies,
        )
        self.at = SECOND

    def says(self, action: str, **fields: Any) -> list[Event]:
        """One strategy; a minute later each time."""
        self.at += 60 * SECOND
        spoken = StrategySignalEvent(symbol=SYMBOL, action=action, strategy="s", **fields)  # type: ignore[arg-type]
        return self.view.take(self.portfolio.on_signal(spoken, self.view, self.at))

    def rebalances(self) -> list[Event]:
        self.at += 60 * SECOND
        return self.view.take(self.portfolio.rebalance(self.view, "scheduled", self.at))

    def denied(self, events: list[Event]) -> str:
        """The code for which risk denies the one order of the events; empty where it lets it pass."""
        (order,) = orders(events)
        judged = self.risk.judge(order, self.view, self.at)
        return "" if isinstance(judged, ApprovedOrder) else judged.code


def orders(events: list[Event]) -> list[OrderSpec]:
    return [event.order for event in events if isinstance(event, OrderInitialized)]


def reason(events: list[Event]) -> tuple[ReasonCode | None, str]:
    (answer,) = events
    assert isinstance(answer, TargetComputed)
    assert answer.change == 0
    return answer.code, answer.reason


SMALL = {"max_order_notional": D(2000)}


def test_the_same_word_again_is_answered_and_not_ordered() -> None:
    harness = Harness(SMALL)
    assert harness.denied(harness.says("buy")) == "ORDER_NOTIONAL"
    for _ in range(3):
        assert reason(harness.says("buy")) == (ReasonCode.DENIED, f"{STILL}ORDER_NOTIONAL")
        assert harness.rebalances() == []


@pytest.mark.parametrize("again", ["rebalances", "says"])
def test_it_is_asked_for_as_soon_as_the_limit_gives_way(again: str) -> None:
    harness = Harness({"max_leverage": D("0.25")}, sizing="fixed_quantity", quantity=D(30))
    assert harness.denied(harness.says("buy")) == "LEVERAGE"
    assert harness.rebalances() == []
    harness.view.price(SYMBOL, "80")
    events = harness.says("buy") if again == "says" else harness.rebalances()
    assert harness.denied(events) == ""


@pytest.mark.parametrize("fields", [{"action": "sell"}, {"action": "buy", "strength": 0.9}])
def test_another_word_is_asked_for_anew(fields: dict[str, Any]) -> None:
    harness = Harness(SMALL)
    assert harness.denied(harness.says("buy")) == "ORDER_NOTIONAL"
    assert harness.denied(harness.says(**fields)) == "ORDER_NOTIONAL"


def test_of_a_reversal_that_is_still_denied_the_part_that_reduces_passes() -> None:
    """It came to be held after the denial: a late fill."""
    harness = Harness(SMALL)
    assert harness.denied(harness.says("sell")) == "ORDER_NOTIONAL"
    harness.view.own(SYMBOL, "30")
    events = harness.says("sell")
    (order,) = orders(events)
    assert (order.quantity, order.reduce_only) == (D(30), True)
    assert order.quantity == -events[0].change  # type: ignore[attr-defined]
    assert harness.denied(events) == ""
    harness.view.own(SYMBOL, "0")
    assert reason(harness.says("sell"))[1] == f"{STILL}ORDER_NOTIONAL"


def test_what_rests_the_other_way_is_cancelled_all_the_same() -> None:
    harness = Harness(SMALL)
    assert harness.denied(harness.says("buy")) == "ORDER_NOTIONAL"
    harness.view.work(OrderSpec("old", SYMBOL, Side.SELL, D(3), OrderType.LIMIT, D(105)))
    answer, cancel = harness.says("buy")
    assert isinstance(answer, TargetComputed)
    assert isinstance(cancel, CancelRequested)
    assert cancel.order_id == "old"


def test_a_restricted_symbol_is_not_asked_for_with_every_timer() -> None:
    harness = Harness({})
    harness.view.held[SYMBOL] = {RestrictionKind.MISMATCH: "differs"}
    assert harness.denied(harness.says("buy")) == "RESTRICTED"
    assert reason(harness.says("buy")) == (ReasonCode.RESTRICTED, f"{STILL}RESTRICTED")
    assert harness.rebalances() == []
    harness.view.held.clear()
    freed = harness.portfolio.on_unrestricted(SYMBOL, harness.view, harness.at)
    assert harness.denied(freed) == ""


def test_where_no_strategies_run_nothing_is_ordered_that_one_wanted() -> None:
    """Neither as the symbol is free again nor by the timer, and nothing that an exchange refused in the
    run before: a comparison of an account is no trader."""
    harness = Harness({}, has_strategies=False)
    harness.view.held[SYMBOL] = {RestrictionKind.MISMATCH: "differs"}
    assert harness.denied(harness.says("buy")) == "RESTRICTED"
    harness.view.held.clear()
    assert harness.portfolio.on_unrestricted(SYMBOL, harness.view, harness.at) == []
    assert harness.rebalances() == []
    harness.view.refusals[SYMBOL, False] = next_refusal(None, RefusalCause.TURNED_AWAY, "busy", 0)
    assert harness.portfolio.on_refused(harness.view, harness.at) == []
    assert harness.portfolio.on_execution(SYMBOL, harness.view, harness.at) == []


def test_where_strategies_run_what_was_refused_before_is_tried_again() -> None:
    harness = Harness({})
    harness.view.held[SYMBOL] = {RestrictionKind.MISMATCH: "differs"}
    harness.says("buy")
    harness.view.held.clear()
    harness.view.refusals[SYMBOL, False] = next_refusal(None, RefusalCause.TURNED_AWAY, "busy", 0)
    assert orders(harness.portfolio.on_refused(harness.view, harness.at))
    assert orders(harness.portfolio.on_execution(SYMBOL, harness.view, harness.at))


@given(
    held=st.integers(-80, 80),
    action=st.sampled_from(["buy", "sell", "close"]),
    mark=st.integers(20, 300),
    order=st.integers(100, 9_000),
    position=st.integers(100, 9_000),
    leverage=st.sampled_from(["0.1", "0.5", "3"]),
    turn=st.sampled_from(["one_order", "two_orders"]),
)
def test_what_a_timer_orders_is_never_denied(
    held: int, action: str, mark: int, order: int, position: int, leverage: str, turn: str
) -> None:
    limits = {
        "max_order_notional": D(order),
        "max_position_notional": D(position),
        "max_leverage": D(leverage),
    }
    harness = Harness(limits, str(held), turn=turn)
    harness.says(action)
    harness.view.price(SYMBOL, str(mark))
    events = harness.rebalances()
    if orders(events):
        assert harness.denied(events) == ""
