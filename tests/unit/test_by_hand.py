"""Orders, cancels and closes by hand: through the same gate, and no strategy undoes them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.fixtures.worked import SPOT, SYMBOL, Worked, execution
from tradectl.domain.events import (
    Command,
    CommandReceived,
    EmergencyStopReceived,
    Event,
    LimitBreached,
    OrderCommandReceived,
    OrderDenied,
    RestrictionKind,
    RiskAction,
    SignalAction,
    SymbolRestricted,
    TimerFired,
)
from tradectl.domain.money import Side
from tradectl.domain.orders import BY_HAND, Order, OrderStatus
from tradectl.domain.time import SECOND

HAND = Decimal(2)
PAUSED = CommandReceived(command=Command.PAUSE)
REDUCING = LimitBreached(code="DAILY_LOSS", message="", action=RiskAction.REDUCE)


@pytest.fixture
def run() -> Worked:
    """A strategy holds ten."""
    run = Worked(execution("none"))
    run.price("100")
    run.long()
    run.go_on(1)
    assert run.held() == 10
    return run


def order(run: Worked, side: Side = Side.BUY, price: str | None = None) -> Order:
    limit = None if price is None else Decimal(price)
    run.post(
        OrderCommandReceived(symbol=SYMBOL, side=side, quantity=HAND, price=limit, reason="by hand")
    )
    (spec,) = (spec for spec in run.specs if spec.strategy == BY_HAND)
    run.go_on(1)
    return run.order(spec)


def owned(run: Worked) -> dict[str, Decimal]:
    held = run.system.books.holdings(SYMBOL)
    assert sum(own.quantity for own in held.values()) == run.held()
    return {name: own.quantity for name, own in held.items()}


def command(run: Worked, what: Command, target: str = SYMBOL) -> None:
    run.post(CommandReceived(command=what, target=target, reason="by hand"))
    run.go_on(1)


def test_it_is_a_position_of_its_own_that_no_strategy_undoes(run: Worked) -> None:
    assert order(run).status is OrderStatus.FILLED
    assert owned(run) == {"s": Decimal(10), BY_HAND: HAND}
    run.long()
    run.post(TimerFired(name="rebalance"))
    run.go_on(1)
    assert owned(run) == {"s": Decimal(10), BY_HAND: HAND}
    run.signal(SignalAction.CLOSE)
    run.go_on(1)
    assert owned(run) == {"s": Decimal(0), BY_HAND: HAND}
    assert run.replayed() == run.records


def test_what_rests_is_left_alone_and_counts_for_no_strategy(run: Worked) -> None:
    resting = order(run, price="95")
    run.signal(SignalAction.CLOSE)
    run.go_on(1)
    run.long()
    run.go_on(1)
    assert resting.status is OrderStatus.ACCEPTED
    assert owned(run)["s"] == 10
    run.at += SECOND
    run.price("94")
    assert owned(run) == {"s": Decimal(10), BY_HAND: HAND}


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (PAUSED, "PAUSED"),
        (REDUCING, "REDUCING"),
        (EmergencyStopReceived(reason="x"), "HALTED"),
    ],
)
def test_the_gate_refuses_it_where_the_state_does(
    run: Worked, state: CommandReceived | LimitBreached, code: str
) -> None:
    run.post(state)
    denied = order(run)
    assert denied.status is OrderStatus.DENIED
    assert [r.event.code for r in run.records if isinstance(r.event, OrderDenied)] == [code]


@pytest.mark.parametrize("price", [None, "102"])
@pytest.mark.parametrize("state", [PAUSED, REDUCING])
def test_what_reduces_passes_beside_a_stop_for_all_that_is_held(
    state: Event, price: str | None
) -> None:
    run = Worked(execution("none"), stop_loss=Decimal(3))
    run.price("100")
    run.long()
    run.go_on(2)
    run.post(state)
    sold = order(run, Side.SELL, price)
    run.at += SECOND
    run.price("103")
    run.go_on(1)
    assert sold.status is OrderStatus.FILLED
    assert owned(run) == {"s": Decimal(10), BY_HAND: -HAND}
    (stop,) = [o for o in run.system.books.working_orders() if o.spec.is_protective]
    assert stop.spec.quantity == 8
    assert run.replayed() == run.records


def test_a_position_is_closed_whoever_holds_it_and_no_strategy_comes_back(run: Worked) -> None:
    order(run)
    command(run, Command.CLOSE)
    assert owned(run) == {"s": Decimal(0), BY_HAND: Decimal(0)}
    run.long()
    run.go_on(10)
    run.post(TimerFired(name="flatten"), TimerFired(name="rebalance"))
    assert not run.held()
    run.signal(SignalAction.SELL)
    run.go_on(1)
    assert owned(run)["s"] == -10
    run.post(TimerFired(name="flatten"))
    run.go_on(1)
    assert owned(run)["s"] == -10
    assert run.replayed() == run.records


def test_a_close_goes_on_after_a_restart(run: Worked) -> None:
    begun = len(run.records)
    run.post(CommandReceived(command=Command.CLOSE, target=SYMBOL, reason="by hand"))
    kept = Worked(execution("none"))
    kept.system.fold(*run.records[: begun + 1])
    kept.at = run.at
    assert kept.held() == 10
    after = kept.killed("next")
    after.price("100")
    after.post(TimerFired(name="risk"))
    after.go_on(1)
    assert not after.held()
    assert not after.system.books.closing


def test_a_cancelled_entry_is_held_until_its_target_changes() -> None:
    run = Worked(execution("iceberg", horizon_seconds=Decimal(600)))
    run.price("100")
    run.long()
    (child,) = run.children()
    command(run, Command.CANCEL, child.order_id)
    (parent,) = run.parents()
    assert run.order(parent).status is OrderStatus.CANCELED
    run.long()
    run.go_on(120)
    run.post(TimerFired(name="rebalance"))
    assert len(run.parents()) == 1
    run.long(strength=0.5)
    assert len(run.parents()) == 2


@pytest.mark.parametrize("state", [None, Command.PAUSE])
def test_on_spot_the_stop_that_binds_the_coins_goes_first(state: Command | None) -> None:
    run = Worked(execution("none"), instrument=SPOT, stop_loss=Decimal(3))
    run.price("100")
    run.long()
    run.go_on(2)
    assert run.system.books.working_in(SYMBOL).stops
    if state is not None:
        run.post(CommandReceived(command=state))
    command(run, Command.CLOSE)
    run.go_on(3)
    assert not run.held()
    assert not run.system.books.sent_orders()
    assert not run.system.books.closing
    assert run.replayed() == run.records


def test_what_is_closed_in_a_halt_is_left_to_the_halt(run: Worked) -> None:
    run.post(EmergencyStopReceived(reason="x"))
    command(run, Command.CLOSE)
    run.go_on(10)
    assert run.held() == 10
    assert not run.system.books.closing
    assert run.replayed() == run.records


@pytest.mark.parametrize(
    "halt",
    [
        EmergencyStopReceived(reason="x"),
        LimitBreached(code="DRAWDOWN", message="x", action=RiskAction.HALT),
    ],
)
def test_a_halt_calls_off_what_is_being_closed(run: Worked, halt: Event) -> None:
    run.post(SymbolRestricted(symbol=SYMBOL, kind=RestrictionKind.NOT_TRADED, restricted=True))
    run.post(CommandReceived(command=Command.CLOSE, target=SYMBOL, reason="by hand"))
    assert run.system.books.closing
    run.post(halt)
    assert not run.system.books.closing
    run.post(SymbolRestricted(symbol=SYMBOL, kind=RestrictionKind.NOT_TRADED, restricted=False))
    run.post(CommandReceived(command=Command.CLEAR_HALT, reason="x"))
    run.go_on(10)
    assert run.held() == 10, "nobody asked for it any more"
    assert run.replayed() == run.records


@pytest.mark.parametrize("state", [None, PAUSED, REDUCING])
def test_a_denied_sale_names_the_stop_that_binds_the_coins(state: Event | None) -> None:
    run = Worked(execution("none"), instrument=SPOT, stop_loss=Decimal(3))
    run.price("100")
    run.long()
    run.go_on(2)
    if state is not None:
        run.post(state)
    assert order(run, Side.SELL).status is OrderStatus.DENIED
    (denial,) = (r.event for r in run.records if isinstance(r.event, OrderDenied))
    assert "a protective stop binds coins; `tradectl close COINUSDT`" in denial.message


def test_a_close_ends_the_entry_that_is_still_worked() -> None:
    run = Worked(execution("twap"))
    run.price("100")
    run.long()
    run.go_on(3)
    command(run, Command.CLOSE)
    run.go_on(15)
    (parent,) = run.parents()
    assert run.order(parent).status is OrderStatus.CANCELED
    assert not run.held()
    assert run.replayed() == run.records
