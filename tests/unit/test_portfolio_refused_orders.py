"""What was refused and comes again: what it waits for, and what makes way for it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from tests.fixtures.fake_account import PERP, SPOT, FakeAccount
from tests.fixtures.rows import each_row
from tradectl.domain.events import (
    CancelRequested,
    OrderInitialized,
    SignalAction,
    StrategySignalEvent,
    TargetComputed,
)
from tradectl.domain.instruments import Instrument
from tradectl.domain.money import Side
from tradectl.domain.orders import OrderSpec, OrderStatus, OrderType
from tradectl.domain.refusals import RefusalCause, is_wanted, next_refusal
from tradectl.portfolio.engine import PortfolioEngine
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.portfolio.refused_orders import is_due, makes_way

D = Decimal
BUY, SELL = Side.BUY, Side.SELL
ACCEPTED, SUBMITTED = OrderStatus.ACCEPTED, OrderStatus.SUBMITTED
SYMBOL = PERP.symbol
NEIGHBOUR = replace(PERP, symbol="NEXT_PERP")
ELSEWHERE = replace(PERP, symbol="other:BTC_PERP")
AT = 10**12


def resting(symbol: str, side: Side = BUY, *, reduce_only: bool = False) -> OrderSpec:
    return OrderSpec(
        f"o-{symbol}", symbol, side, D(1), OrderType.LIMIT, D(90), reduce_only=reduce_only
    )


@each_row(
    ("exits", "side", "status", "due"),
    [
        (True, BUY, ACCEPTED, True),
        (True, BUY, SUBMITTED, True),
        (True, SELL, ACCEPTED, False),
        (False, BUY, ACCEPTED, True),
        (False, BUY, SUBMITTED, False),
        (False, BUY, OrderStatus.PENDING_CANCEL, False),
    ],
)
def test_it_waits_for_what_is_under_way_of_its_kind(
    exits: bool, side: Side, status: OrderStatus, due: bool
) -> None:
    view = FakeAccount().price(SYMBOL, "100").own(SYMBOL, "5")
    view.refusals[SYMBOL, exits] = next_refusal(None, RefusalCause.OTHER, "no", 0)
    view.work(resting(SYMBOL, side), status)
    assert is_due(SYMBOL, view, AT) is due
    assert not is_due(SYMBOL, view, 0)


@pytest.mark.parametrize(
    ("instrument", "later", "gone"), [(PERP, 0, ["o-NEXT_PERP"]), (PERP, 1, []), (SPOT, 0, [])]
)
def test_entries_make_way_once_where_they_bind_what_the_exit_lacks(
    instrument: Instrument, later: int, gone: list[str]
) -> None:
    """At the same exchange and not on spot, where an exit lacks coins."""
    view = FakeAccount(instruments=(SPOT, PERP, NEIGHBOUR, ELSEWHERE))
    symbol = instrument.symbol
    view.price(symbol, "100").own(symbol, "5")
    view.refusals[symbol, True] = next_refusal(None, RefusalCause.FUNDS, "no margin", AT)
    view.work(resting(NEIGHBOUR.symbol))
    view.work(resting(ELSEWHERE.symbol))
    view.work(resting(symbol, SELL, reduce_only=True))
    events = makes_way(symbol, view, AT + later)
    assert [event.order_id for event in events if isinstance(event, CancelRequested)] == gone


def test_an_entry_that_a_stop_has_answered_is_answered_once_more_and_so_over() -> None:
    view = FakeAccount().price(SYMBOL, "100")
    engine = PortfolioEngine(PortfolioSettings(), {}, lambda: "id")
    says = StrategySignalEvent(symbol=SYMBOL, action=SignalAction.BUY, strategy="s")
    view.take(engine.on_signal(says, view, 0))
    view.refusals[SYMBOL, False] = next_refusal(None, RefusalCause.OTHER, "no", 0)
    (_, order) = engine.on_refused(view, AT)
    assert isinstance(order, OrderInitialized)
    targets = view.targets(SYMBOL)
    assert isinstance(targets, dict)
    targets["s"] = targets["s"].stopped_out()
    (answer,) = engine.on_refused(view, AT)
    assert isinstance(answer, TargetComputed)
    assert answer.change == 0
    early = view.refusals[SYMBOL, False].due
    assert engine.on_refused(view, early) == []


def test_an_entry_that_is_within_the_drift_of_its_target_is_over() -> None:
    view = FakeAccount().price(SYMBOL, "100")
    settings = PortfolioSettings(sizing="fixed_quantity", quantity=D(10), drift=D("0.05"))
    engine = PortfolioEngine(settings, {}, lambda: "id")
    says = StrategySignalEvent(symbol=SYMBOL, action=SignalAction.BUY, strategy="s")
    view.take(engine.on_signal(says, view, 0))
    view.own(SYMBOL, "9.8")
    view.refusals[SYMBOL, False] = next_refusal(None, RefusalCause.OTHER, "no", 0)
    (answer,) = engine.on_refused(view, AT)
    assert isinstance(answer, TargetComputed)
    assert "within the drift" in answer.reason
    assert answer.code is not None
    assert not is_wanted(answer.code, view.targets(SYMBOL).values(), D("9.8"), exits=False)
