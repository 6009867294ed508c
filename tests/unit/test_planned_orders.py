"""Orders that are worked by children over time: each algorithm ends exactly, whatever comes between."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from tests.fixtures.rows import each_row
from tests.fixtures.worked import ALGORITHMS, BEGIN, PERPETUAL, SPOT, SYMBOL, Worked, execution
from tradectl.domain.brackets import Bracket
from tradectl.domain.events import (
    Command,
    CommandReceived,
    EmergencyStopReceived,
    Event,
    LimitBreached,
    Liquidity,
    MarketDataEvent,
    OrderCommandReceived,
    OrderDenied,
    OrderFilled,
    OrderInitialized,
    OrderRejected,
    RestrictionKind,
    RiskAction,
    SignalAction,
    StrategySignalEvent,
    SymbolRestricted,
    TimerFired,
)
from tradectl.domain.money import Side
from tradectl.domain.orders import OrderSpec, OrderStatus, OrderType
from tradectl.domain.plans import Algorithm, ExecutionPlan
from tradectl.domain.time import SECOND

TEN = Decimal(10)


@pytest.fixture(params=[*ALGORITHMS])
def algorithm(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def begun(algorithm: str, **parameters: object) -> Worked:
    run = Worked(execution(algorithm, **parameters))
    run.price("100")
    run.long()
    return run


def sizes(run: Worked) -> list[str]:
    return [str(child.quantity.normalize()) for child in run.children()]


# --- to its end ---------------------------------------------------------------------------------------


def test_an_order_is_worked_to_its_end_and_no_further(algorithm: str) -> None:
    run = begun(algorithm)
    run.go_on(15)
    (parent,) = run.parents()
    order = run.order(parent)
    assert order.status is OrderStatus.FILLED
    assert run.held() == run.filled() == order.filled == parent.quantity == TEN
    assert all(child.parent_id == parent.order_id for child in run.children())
    fills = [run.order(child) for child in run.children()]
    assert order.cost == sum(child.cost for child in fills)
    assert order.fees == sum(child.fees for child in fills)
    assert not run.system.books.working_orders()
    assert not run.system.books.sent_orders()


def test_it_replays(algorithm: str) -> None:
    run = begun(algorithm)
    run.go_on(15)
    assert run.replayed() == run.records


def test_a_killed_run_goes_on_wherever_it_was(algorithm: str) -> None:
    """Killed after each half second: no child twice, and the parent ends exactly."""
    for killed_after in (1, 5, 6, 15, 20, 21):
        run = begun(algorithm)
        run.go_on(killed_after / 2)
        after = run.killed("next")
        after.go_on(20)
        (parent,) = run.parents()
        assert after.held() == TEN, killed_after
        assert run.filled() + after.filled() == TEN, killed_after
        known = after.system.books.order(parent.order_id)
        assert known is not None
        assert known.status is OrderStatus.FILLED
        assert not after.parents(), killed_after
        assert after.replayed() == after.records


def test_a_killed_run_goes_on_with_the_first_price(algorithm: str) -> None:
    """Its exchange does not know one before: no child is sent to be rejected."""
    run = begun(algorithm)
    run.go_on(4)
    after = run.killed("next")
    for _ in range(4):
        after.at += SECOND
        after.post(TimerFired(source_component="test", name="a second"))
    assert not after.children()
    after.price("100")
    assert list(after.system.books.working_children()) or after.children() or algorithm == "pov"
    after.go_on(15)
    assert not [r for r in after.records if isinstance(r.event, OrderRejected)]
    assert after.held() == TEN
    assert after.replayed() == after.records


def test_killed_in_the_middle_of_each_step_it_goes_on(algorithm: str) -> None:
    """The journal ends after any record at all, an order perhaps approved and not begun."""
    run = begun(algorithm)
    run.go_on(6)
    for cut in range(4, len(run.records), 19):
        kept = Worked(execution(algorithm))
        kept.system.fold(*run.records[:cut])
        kept.at = run.records[cut - 1].at
        after = kept.killed("next")
        after.go_on(14)
        already = sum((e.side.signed(e.quantity) for e in _fills(run, cut)), Decimal(0))
        assert after.held() == already + after.filled()
        assert after.held() in (TEN, Decimal(0)), cut
        assert not after.system.books.working_orders(), cut


def _fills(run: Worked, cut: int) -> list[OrderFilled]:
    events = (record.event for record in run.records[:cut])
    return [event for event in events if isinstance(event, OrderFilled)]


# --- schedules ----------------------------------------------------------------------------------------


def test_equal_parts_the_first_at_once() -> None:
    run = begun("twap")
    run.go_on(15)
    assert sizes(run) == ["2.5", "2.5", "2.5", "2.5"]
    made = [r.at for r in run.records if isinstance(r.event, OrderInitialized)][1:]
    assert [(at - BEGIN) / SECOND for at in made] == [0, 2.5, 5, 7.5]


def test_a_refused_child_joins_the_next() -> None:
    run = begun("twap")
    for _ in range(2):
        run.go_on(1)
    run.post(SymbolRestricted(symbol=SYMBOL, kind=RestrictionKind.STALE))
    run.go_on(4)
    run.post(SymbolRestricted(symbol=SYMBOL, kind=RestrictionKind.STALE, restricted=False))
    run.go_on(10)
    denied = [r.event for r in run.records if isinstance(r.event, OrderDenied)]
    assert [event.code for event in denied] == ["RESTRICTED"] * 2
    assert sizes(run) == ["2.5", "2.5", "5", "7.5"]
    assert run.held() == TEN


@pytest.mark.parametrize(("rest", "held"), [("sent", TEN), ("left", Decimal("2.5"))])
def test_what_was_refused_to_the_end_is_sent_or_left(rest: str, held: Decimal) -> None:
    run = begun("twap", rest=rest)
    run.post(SymbolRestricted(symbol=SYMBOL, kind=RestrictionKind.STALE))
    run.go_on(8)
    run.post(SymbolRestricted(symbol=SYMBOL, kind=RestrictionKind.STALE, restricted=False))
    run.go_on(5)
    (parent,) = run.parents()
    assert run.order(parent).is_over
    assert run.held() == run.order(parent).filled == held


def test_what_stands_against_the_rest_may_pass() -> None:
    """We did not let it leave at the end: it is tried for as long again, and no longer."""
    run = begun("twap")
    run.post(SymbolRestricted(symbol=SYMBOL, kind=RestrictionKind.STALE))
    run.go_on(13)
    run.post(SymbolRestricted(symbol=SYMBOL, kind=RestrictionKind.STALE, restricted=False))
    run.go_on(5)
    assert run.held() == TEN
    late = begun("twap")
    late.post(SymbolRestricted(symbol=SYMBOL, kind=RestrictionKind.STALE))
    late.go_on(25)
    (parent,) = late.parents()[:1]
    assert late.order(parent).status is OrderStatus.EXPIRED
    assert late.held() == Decimal("2.5")


def test_what_was_asked_for_long_ago_is_not_bought_when_the_run_is_back() -> None:
    run = begun("twap")
    run.go_on(4)
    run.at += 3_600 * SECOND
    after = run.killed("next")
    after.go_on(3)
    (parent,) = run.parents()
    known = after.system.books.order(parent.order_id)
    assert known is not None
    assert known.status is OrderStatus.EXPIRED
    assert after.held() == known.filled == 5


def test_what_is_too_small_joins_the_next_and_a_tail_the_one_before() -> None:
    """An order is worth 300 at least: neither a part of 2.5 coins at 100, nor the last of what is
    left."""
    least = replace(PERPETUAL, min_notional=Decimal(300))
    run = Worked(execution("twap"), instrument=least)
    run.price("100")
    run.long()
    run.go_on(15)
    assert sizes(run) == ["5", "5"]
    uneven = Worked(execution("twap", horizon_seconds=Decimal("7.5")), instrument=least)
    uneven.price("100")
    uneven.long()
    uneven.go_on(15)
    assert sizes(uneven) == ["3.333", "3.333", "3.334"]
    tail = Worked(execution("arrival"), instrument=least)
    tail.price("100")
    tail.long()
    tail.go_on(15)
    assert tail.held() == TEN
    assert len(tail.children()) == 2


def test_most_of_it_early_by_arrival_and_by_the_profile_by_vwap() -> None:
    early = begun("arrival")
    early.go_on(15)
    assert sizes(early) == sorted(sizes(early), key=Decimal, reverse=True)
    assert Decimal(sizes(early)[0]) > 5
    flat = begun("arrival", urgency=Decimal(0))
    flat.go_on(15)
    assert sizes(flat) == ["2.5"] * 4
    profile = tuple(Decimal(1 + second % 2) for second in range(86_400 * 2 // 5))
    by_volume = begun("vwap", volume_profile=profile)
    by_volume.go_on(15)
    assert sizes(by_volume) in (
        ["1.666", "3.334", "1.666", "3.334"],
        ["3.333", "1.667", "3.333", "1.667"],
    )


def test_a_share_of_the_volume() -> None:
    run = begun("pov", horizon_seconds=Decimal(60), participation=Decimal("0.01"))
    run.go_on(30)
    assert sizes(run)[:4] == ["0.8", "1", "1", "1"]  # 20 each half second, 1 % of five of them


def test_a_part_rests_and_the_next_follows_it() -> None:
    run = begun("iceberg", rest="left")
    assert [(c.type, c.price) for c in run.children()] == [(OrderType.LIMIT, Decimal("99.95"))]
    run.go_on(1, lambda n: "100")
    assert len(run.children()) == 1
    run.at += SECOND
    run.price("99.9")
    assert sizes(run) == ["3", "3"]


@pytest.mark.parametrize("algorithm", ["iceberg", "peg"])
def test_what_rests_takes_nothing(algorithm: str) -> None:
    """Also where nobody tells what stands in the book."""
    run = Worked(execution(algorithm, rest="left"))
    for n in range(30):
        price = Decimal("99.5") if n % 4 == 3 else Decimal(100)
        run.post(MarketDataEvent(symbol=SYMBOL, price=price, volume=Decimal(20), ts=run.at))
        if not n:
            run.long()
        run.at += SECOND // 2
    fills = [r.event for r in run.records if isinstance(r.event, OrderFilled)]
    assert fills
    assert {fill.liquidity for fill in fills} == {Liquidity.MAKER}


def test_it_follows_the_best_price_and_takes_at_the_end() -> None:
    run = begun("peg")
    run.go_on(9, lambda n: str(100 + n))
    assert all(child.post_only for child in run.children())
    assert len({child.price for child in run.children()}) == 4
    assert not run.held()
    run.go_on(2, lambda n: "120")
    assert run.children()[-1].type is OrderType.MARKET
    assert run.held() == TEN


# --- the envelope -------------------------------------------------------------------------------------


def test_the_envelope_counts_once_in_the_limits() -> None:
    run = Worked(
        execution("twap"), max_position_notional=Decimal(1_002), max_order_notional=Decimal(300)
    )
    run.price("100")
    run.long()
    run.go_on(15)
    assert run.held() == TEN
    assert not [r for r in run.records if isinstance(r.event, OrderDenied)]


def test_a_child_of_too_much_is_denied() -> None:
    run = begun("twap")
    (parent,) = run.parents()
    left = run.order(parent).remaining
    forged = OrderSpec(
        "x", SYMBOL, Side.BUY, left + Decimal("0.001"), strategy="s", parent_id=parent.order_id
    )
    run.post(OrderInitialized(order=forged))
    assert [r.event.code for r in run.records if isinstance(r.event, OrderDenied)] == ["ENVELOPE"]


def test_two_strategies_share_it_exactly() -> None:
    run = Worked(execution("twap"))
    run.price("100")
    run.post(
        StrategySignalEvent(
            symbol=SYMBOL, action=SignalAction.BUY, strategy="a", strength=0.3, followed=True
        ),
        StrategySignalEvent(symbol=SYMBOL, action=SignalAction.BUY, strategy="b", strength=0.8),
    )
    run.go_on(15)
    held = run.system.books.holdings(SYMBOL)
    assert sum(own.quantity for own in held.values()) == run.held() > 0
    wanted = {name: t.quantity for name, t in run.system.books.targets(SYMBOL).items()}
    assert {name: own.quantity for name, own in held.items()} == wanted


# --- what ends it -------------------------------------------------------------------------------------

ENDS: dict[str, tuple[Event, ...]] = {
    "pause": (CommandReceived(command=Command.PAUSE, reason="by hand"),),
    "reducing": (LimitBreached(code="DAILY_LOSS", message="", action=RiskAction.REDUCE),),
    "flattening": (LimitBreached(code="DAILY_LOSS", message="", action=RiskAction.FLATTEN),),
    "halt": (LimitBreached(code="CORE", message="", action=RiskAction.HALT),),
    "emergency stop": (EmergencyStopReceived(reason="now"),),
    "flatten": (EmergencyStopReceived(reason="now", flatten=True),),
    "cancel all": (CommandReceived(command=Command.CANCEL_ALL, reason="x"),),
}


@pytest.mark.parametrize("ending", [*ENDS])
def test_it_ends_at_once_and_no_child_comes_after(algorithm: str, ending: str) -> None:
    run = begun(algorithm)
    run.go_on(3)
    run.post(*ENDS[ending])
    before = len(run.children())
    run.go_on(15)
    (parent,) = run.parents()[:1]
    assert run.order(parent).status is OrderStatus.CANCELED
    assert len(run.children()) == before
    assert not run.system.books.sent_orders()
    assert run.replayed() == run.records


def test_the_opposite_target_ends_it(algorithm: str) -> None:
    run = begun(algorithm)
    run.go_on(3)
    (first,) = run.parents()
    run.signal(SignalAction.CLOSE)
    assert run.order(first).status in (OrderStatus.CANCELED, OrderStatus.PENDING_CANCEL)
    run.go_on(20)
    assert run.order(first).status is OrderStatus.CANCELED
    assert not run.held()


# --- slippage -----------------------------------------------------------------------------------------


def test_too_much_slippage_ends_it() -> None:
    run = begun("twap", stop_at_bps=Decimal(50))
    run.go_on(15, lambda n: str(100 + n))
    (parent,) = run.parents()
    assert run.order(parent).status is OrderStatus.CANCELED
    assert run.held() == Decimal("2.5")


def test_slippage_slows_it() -> None:
    run = begun("twap", slow_at_bps=Decimal(50))
    run.go_on(15, lambda n: str(100 + n))
    assert sizes(run) == ["2.5", "5", "2.5"]
    assert run.held() == TEN


@each_row(
    ("budget", "spread", "held"),
    [
        ({"stop_at_mid_bps": 50}, "2", "2.5"),  # a percent from the middle, with the first child
        ({"stop_at_mid_bps": 50}, "0.5", "10"),
        ({"slow_at_mid_bps": 50}, "2", "10"),
        ({"stop_at_bps": 500}, "2", "10"),
    ],
)
def test_a_wide_market_slows_or_ends_it_though_its_price_stays(
    budget: dict[str, int], spread: str, held: str
) -> None:
    run = Worked(execution("twap", **{name: Decimal(bps) for name, bps in budget.items()}))
    run.price("100", spread=spread)
    run.long()
    run.go_on(15, lambda _: "100", spread=spread)
    assert run.held() == Decimal(held)
    parts = ["2.5", "5", "2.5"] if "slow_at_mid_bps" in budget else ["2.5"] * len(run.children())
    assert sizes(run) == parts
    assert run.replayed() == run.records


def test_the_middle_is_known_of_a_child_after_a_restart_too() -> None:
    run = begun("twap", stop_at_mid_bps=Decimal(500))
    run.go_on(6)
    (parent,) = run.parents()
    known = run.order(parent)
    assert known.cost_with_mid == known.cost > 0
    assert known.beyond_mid > 0
    again = run.killed("run2").order(parent)
    assert (again.beyond_mid, again.cost_with_mid) == (known.beyond_mid, known.cost_with_mid)


# --- exits ----------------------------------------------------------------------------------------------


def test_on_spot_an_exit_is_worked_where_no_stop_would_be_away_for_it() -> None:
    run = Worked(execution("twap", exits=True), instrument=SPOT)
    run.price("100")
    run.long()
    run.go_on(15)
    run.signal(SignalAction.CLOSE)
    run.go_on(3)
    assert run.held() == 5
    run.go_on(12)
    assert not run.held()
    assert len(run.parents()) == 2
    guarded = Worked(execution("twap", exits=True), instrument=SPOT, stop_loss=Decimal(3))
    guarded.price("100")
    guarded.long()
    guarded.go_on(15)
    guarded.signal(SignalAction.CLOSE)
    guarded.go_on(2)
    assert not guarded.held()
    assert len(guarded.parents()) == 1


def test_on_spot_all_that_is_held_is_sold_by_child_orders() -> None:
    """What the whole order takes of the coins, its children do not take once more."""
    run = Worked(execution("none"), instrument=SPOT)
    run.price("100")
    whole = OrderCommandReceived(symbol=SYMBOL, side=Side.BUY, quantity=TEN, reason="by hand")
    run.post(whole)
    run.go_on(1)
    plan = ExecutionPlan(Algorithm.TWAP, horizon=4 * SECOND, interval=SECOND)
    run.post(replace(whole, side=Side.SELL, plan=plan))
    run.go_on(2)
    assert 0 < run.held() < TEN
    run.go_on(4)
    assert not run.held()
    assert not [r for r in run.records if isinstance(r.event, OrderDenied)]


def test_on_a_perpetual_the_stop_rests_beside_what_takes_the_position_down() -> None:
    run = Worked(execution("twap", exits=True), stop_loss=Decimal(3))
    run.price("100")
    run.long()
    for _ in range(10):
        run.go_on(1)
        (stop,) = run.system.books.working_in(SYMBOL).stops.values()
        assert stop.remaining == run.held()
    run.signal(SignalAction.CLOSE)
    run.go_on(4)
    assert 0 < run.held() < 10
    assert run.system.books.working_in(SYMBOL).stops
    run.go_on(10)
    assert not run.held()
    assert not run.system.books.sent_orders()


@pytest.mark.parametrize("leg", ["stop", "target"])
def test_what_closes_the_position_ends_the_entry_that_is_still_worked(
    algorithm: str, leg: str
) -> None:
    """A stop, or a target, is filled while the entry is not whole: nothing more is bought."""
    run = Worked(execution(algorithm))
    run.price("100")
    bracket = Bracket(stop_loss_pct=Decimal(3), take_profit_pct=Decimal(3))
    run.post(
        StrategySignalEvent(symbol=SYMBOL, action=SignalAction.BUY, strategy="s", bracket=bracket)
    )
    run.go_on(4)
    if not run.held():  # a peg waits for its price
        return
    run.go_on(2, lambda n: "95" if leg == "stop" else "105")
    (parent,) = run.parents()
    run.go_on(12, lambda n: "100")
    assert run.order(parent).is_over
    assert run.order(parent).filled < TEN or algorithm == "iceberg"
    assert not run.held()
    assert run.replayed() == run.records
