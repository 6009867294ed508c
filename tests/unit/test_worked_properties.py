"""Whatever the parameters, and whatever comes between: an order ends exactly, and never beyond itself."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fixtures.worked import ALGORITHMS, PERPETUAL, SYMBOL, Worked, execution
from tests.profiles import examples
from tradectl.domain.events import (
    Command,
    CommandReceived,
    RestrictionKind,
    SignalAction,
    SymbolRestricted,
)
from tradectl.domain.orders import OrderStatus
from tradectl.domain.time import SECOND
from tradectl.execution.schedule import done_by, ends_at, next_look

INTERVALS = st.sampled_from(("0.5", "1", "2.5", "3")).map(Decimal)
ACTS = st.lists(
    st.sampled_from(("up", "down", "long", "half", "close", "short", "pause", "resume", "stale",
                     "fresh", "hand", "kill")),
    max_size=12,
)  # fmt: skip


@settings(max_examples=examples(12))
@given(
    algorithm=st.sampled_from([*ALGORITHMS]),
    interval=INTERVALS,
    parts=st.integers(1, 7),
    rest=st.sampled_from(("sent", "left")),
    exits=st.booleans(),
    acts=ACTS,
)
def test_no_child_goes_beyond_its_order(
    algorithm: str, interval: Decimal, parts: int, rest: str, exits: bool, acts: list[str]
) -> None:
    seconds = {"interval_seconds": interval, "horizon_seconds": interval * parts}
    run = Worked(execution(algorithm, rest=rest, exits=exits, **seconds))
    run.price("100")
    run.long()
    for n, act in enumerate(acts):
        run = _act(run, act, f"run{n}")
        run.go_on(1)
        _is_exact(run)
    if run.system.books.account.pauses:
        run.post(CommandReceived(command=Command.RESUME))
    run.post(SymbolRestricted(symbol=SYMBOL, kind=RestrictionKind.STALE, restricted=False))
    run.go_on(float(interval * parts) * 2 + 5)
    _is_exact(run)
    books = run.system.books
    working = [order for order in books.working_orders() if order.spec.plan is not None]
    assert all(run.at - order.created_at < 3 * 60 * SECOND for order in working)
    assert run.replayed() == run.records


def _act(run: Worked, act: str, name: str) -> Worked:
    last = run.system.books.mark(SYMBOL) or Decimal(100)
    stale = SymbolRestricted(symbol=SYMBOL, kind=RestrictionKind.STALE, restricted=act == "stale")
    if act in ("up", "down"):
        run.price(str(last * Decimal("1.004" if act == "up" else "0.996")))
    elif act in ("long", "half"):
        run.long(strength=1.0 if act == "long" else 0.5)
    elif act in ("close", "short"):
        run.signal(SignalAction.CLOSE if act == "close" else SignalAction.SELL)
    elif act in ("pause", "resume"):
        run.post(CommandReceived(command=Command.PAUSE if act == "pause" else Command.RESUME))
    elif act in ("stale", "fresh"):
        run.post(stale)
    elif act == "hand":
        run.post(CommandReceived(command=Command.CLOSE, target=SYMBOL, reason="by hand"))
    else:
        return run.killed(name)
    return run


def _is_exact(run: Worked) -> None:
    books = run.system.books
    for spec in run.parents():
        parent = books.order(spec.order_id)
        assert parent is not None
        children = [books.order(child.order_id) for child in run.children()]
        own = [c for c in children if c is not None and c.spec.parent_id == spec.order_id]
        assert sum(child.filled for child in own) == parent.filled <= spec.quantity
        may = sum(child.remaining for child in own if child.is_working)
        assert parent.filled + may <= spec.quantity
        if parent.is_over:
            assert not may
        if parent.status is OrderStatus.FILLED:
            assert parent.filled == spec.quantity
    held = books.holdings(SYMBOL)
    assert sum((own.quantity for own in held.values()), Decimal(0)) == run.held()


@given(
    algorithm=st.sampled_from(("twap", "vwap", "arrival")),
    lots=st.integers(1, 10**7),
    parts=st.integers(1, 60),
    interval=INTERVALS,
    began=st.integers(0, 10**15),
)
def test_a_schedule_rises_to_the_whole(
    algorithm: str, lots: int, parts: int, interval: Decimal, began: int
) -> None:
    run = execution(algorithm, interval_seconds=interval, horizon_seconds=interval * parts)
    quantity = lots * PERPETUAL.lot_size
    plan = run.plan(quantity, Decimal(100), PERPETUAL, reduces=False)
    assert plan is not None
    done = [done_by(plan, quantity, began, k, PERPETUAL) for k in range(plan.intervals)]
    assert done == sorted(done)
    assert done[-1] == quantity
    assert all(each % PERPETUAL.lot_size == 0 for each in done)
    if algorithm == "twap":
        n = plan.intervals
        assert done == [lots * (k + 1) // n * PERPETUAL.lot_size for k in range(n)]
    looks, at = [], began
    while (at := next_look(plan, began, at)) <= ends_at(plan, began):
        looks.append(at)
    assert len(looks) == plan.intervals
