"""What must hold on the paper exchange whatever the orders and the market do."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures.paper_exchange import PaperHarness, bar, order, quote, trade
from tradectl.domain.commands import SubmitOrder
from tradectl.domain.events import MarketDataEvent
from tradectl.domain.money import Side
from tradectl.domain.orders import OrderStatus

Action = tuple[str, object]

PRICES = st.integers(90, 110).map(str)
SIZES = st.integers(1, 6).map(str)
KINDS = st.sampled_from(["", " @{p}", " stop {s}", " @{p} stop {s}"])


@st.composite
def orders(draw: st.DrawFn) -> SubmitOrder:
    side, size, kind = draw(st.sampled_from(["buy", "sell"])), draw(SIZES), draw(KINDS)
    text = f"{side} {size}" + kind.format(p=draw(PRICES), s=draw(PRICES))
    return order(
        f"o{draw(st.integers(0, 30))}",
        text,
        tif=draw(st.sampled_from(["gtc", "gtc", "ioc", "fok"])),
        post_only=draw(st.booleans()) and draw(st.booleans()),
        reduce_only=draw(st.booleans()) and draw(st.booleans()),
    )


@st.composite
def market(draw: st.DrawFn) -> MarketDataEvent:
    kind = draw(st.sampled_from(["trade", "trade", "quote", "bar"]))
    if kind == "trade":
        return trade(draw(PRICES), draw(SIZES))
    if kind == "quote":
        bid = draw(st.integers(90, 109))
        return quote(str(bid), str(bid + draw(st.integers(1, 3))), draw(SIZES), draw(SIZES))
    low, a, b, high = sorted(draw(st.lists(st.integers(90, 110), min_size=4, max_size=4)))
    return bar(f"{a} {high} {low} {b}", draw(SIZES))


ACTIONS = st.lists(
    st.one_of(
        orders().map(lambda o: ("send", o)),
        market().map(lambda m: ("see", m)),
        market().map(lambda m: ("see", m)),
        st.integers(0, 30).map(lambda n: ("cancel", f"o{n}")),
    ),
    max_size=60,
)
CHOSEN = st.fixed_dictionaries(
    {
        "market_fill": st.sampled_from(["full", "bounded"]),
        "limit_fill": st.sampled_from(["through", "touch"]),
        "slippage_bps": st.sampled_from(["0", "7"]),
        "impact_bps": st.sampled_from(["0", "3"]),
        "slippage_jitter_bps": st.sampled_from(["0", "5"]),
    }
)


def run_through(harness: PaperHarness, actions: list[Action]) -> dict[str, SubmitOrder]:
    """Do all of `actions`; the first order sent under each id."""
    sent: dict[str, SubmitOrder] = {}
    for what, thing in actions:
        if isinstance(thing, SubmitOrder):
            sent.setdefault(thing.order.spec.order_id, thing)
            harness.send(thing)
        elif isinstance(thing, MarketDataEvent):
            harness.see(thing)
        elif what == "cancel":
            harness.cancel(str(thing))
    return sent


@given(ACTIONS, CHOSEN)
def test_orders_trade_once_and_within_their_quantity_and_limit(
    actions: list[Action], chosen: dict[str, Any]
) -> None:
    """Every report is legal too: the harness steps each through the table of states."""
    harness = PaperHarness(**chosen)
    sent = run_through(harness, actions)
    filled: Counter[str] = Counter()
    for fill in harness.fills:
        spec = sent[fill.order_id].order.spec
        filled[fill.order_id] += fill.quantity  # type: ignore[assignment]
        assert fill.quantity > 0
        assert fill.side is spec.side
        if spec.price is not None:
            assert fill.price <= spec.price if spec.side is Side.BUY else fill.price >= spec.price
    for order_id, submitted in sent.items():
        quantity, status = submitted.order.spec.quantity, harness.status[order_id]
        assert filled[order_id] <= quantity
        assert (status is OrderStatus.FILLED) == (filled[order_id] == quantity)
    assert len({f.trade_id for f in harness.fills}) == len(harness.fills)


@given(ACTIONS, CHOSEN)
def test_no_event_fills_more_than_it_offers(actions: list[Action], chosen: dict[str, Any]) -> None:
    """Makers on one event; with bounded takers, all fills between one event and the next."""
    harness = PaperHarness(**{**chosen, "market_fill": "bounded"})
    offered = {"buy": Decimal(0), "sell": Decimal(0)}
    for what, thing in actions:
        before = len(harness.fills)
        run_through(harness, [(what, thing)])
        if isinstance(thing, MarketDataEvent):
            makers = [f for f in harness.fills[before:] if f.liquidity == "maker"]
            bid, ask = getattr(thing, "bid_size", None), getattr(thing, "ask_size", None)
            offered = {"buy": ask or thing.volume, "sell": bid or thing.volume}
            if not ask:
                assert sum(f.quantity for f in makers) <= thing.volume
            for side in ("buy", "sell"):
                assert sum(f.quantity for f in makers if f.side == side) <= offered[side]


@given(ACTIONS)
def test_one_event_in_a_bounded_market_is_shared_by_makers_and_takers(
    actions: list[Action],
) -> None:
    harness = PaperHarness(market_fill="bounded", limit_fill="touch")
    taken = offered = Decimal(0)
    for what, thing in actions:
        if isinstance(thing, MarketDataEvent):
            if thing.bid is not None:
                continue
            taken, offered = Decimal(0), thing.volume
        before = len(harness.fills)
        run_through(harness, [(what, thing)])
        taken += sum((f.quantity for f in harness.fills[before:]), Decimal(0))
        assert taken <= offered


@given(ACTIONS, CHOSEN, st.integers(0, 5))
def test_the_same_seed_gives_the_same_reports(
    actions: list[Action], chosen: dict[str, Any], seed: int
) -> None:
    one, two = PaperHarness(seed=seed, **chosen), PaperHarness(seed=seed, **chosen)
    run_through(one, actions)
    run_through(two, actions)
    assert one.reports == two.reports


@given(ACTIONS, CHOSEN)
def test_reduce_only_orders_never_open_or_turn_a_position(
    actions: list[Action], chosen: dict[str, Any]
) -> None:
    harness = PaperHarness(**chosen)
    sent = run_through(harness, actions)
    position = Decimal(0)
    for fill in harness.fills:
        change = fill.side.signed(fill.quantity)
        if sent[fill.order_id].order.spec.reduce_only:
            assert abs(position + change) == abs(position) - fill.quantity
        position += change


@given(ACTIONS, CHOSEN)
def test_a_post_only_order_never_takes(actions: list[Action], chosen: dict[str, Any]) -> None:
    harness = PaperHarness(**chosen)
    sent = run_through(harness, actions)
    for fill in harness.fills:
        assert not (sent[fill.order_id].order.spec.post_only and fill.liquidity == "taker")
