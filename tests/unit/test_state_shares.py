"""Fills, fees, funding and liquidations are shared out among the strategies, exactly."""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.fixtures.books import PERP, RUN, SPOT, Ledger, approved, fill, submitted, tick
from tradectl.domain.errors import CoreError
from tradectl.domain.events import (
    FillShare,
    FillShared,
    FundingPaid,
    OrderInitialized,
    PositionLiquidated,
    StrategiesCrossed,
)
from tradectl.domain.money import ZERO, Side
from tradectl.domain.orders import PROTECTOR, OrderSpec
from tradectl.domain.shares import Share, StrategyTarget
from tradectl.state import status
from tradectl.state.consistency import problems_of

D = Decimal


def work(ledger: Ledger, spec: OrderSpec) -> None:
    ledger.tell(
        OrderInitialized(order=spec), approved(spec.order_id), submitted(spec.order_id, spec.symbol)
    )


def order(order_id: str, symbol: str, **shares: str) -> OrderSpec:
    """For several: `a="3", b="-1"`."""
    each = tuple(Share(name, D(quantity)) for name, quantity in shares.items())
    whole = sum((share.quantity for share in each), ZERO)
    side = Side.BUY if whole > 0 else Side.SELL
    return OrderSpec(order_id, symbol, side, abs(whole), shares=each)


def held(ledger: Ledger, symbol: str) -> dict[str, D]:
    return {name: own.quantity for name, own in ledger.books.holdings(symbol).items()}


def adds_up(ledger: Ledger) -> bool:
    return not problems_of(ledger.books.account, ledger.books.instruments)


def test_a_fill_is_shared_out_by_what_each_wanted() -> None:
    ledger = Ledger()
    work(ledger, order("o", PERP, a="3", b="1"))
    _changed, shared = ledger.tell(fill("t", "o", "buy 2@100", PERP, fee="0.4"))
    assert isinstance(shared, FillShared)
    assert (shared.trade_id, shared.price) == ("t", D(100))
    assert shared.shares == (
        FillShare("a", D("1.5"), D("0.3")),
        FillShare("b", D("0.5"), D("0.1")),
    )
    ledger.tell(fill("u", "o", "buy 2@110", PERP))
    assert held(ledger, PERP) == {"a": D(3), "b": D(1)}
    assert adds_up(ledger)


def test_a_fill_too_small_to_be_shared_says_whose_it_is() -> None:
    """The journal alone must tell it: one lot of an order for two is one strategy's, and so is what a
    stop closes for the one that holds."""
    ledger = Ledger()
    work(ledger, order("o", PERP, a="3", b="0.001"))
    _changed, shared = ledger.tell(fill("t", "o", "buy 0.001@100", PERP, fee="0.4"))
    assert isinstance(shared, FillShared)
    assert shared.shares == (FillShare("a", D("0.001"), D("0.4")),)
    work(
        ledger, OrderSpec("stop", PERP, Side.SELL, D("0.001"), reduce_only=True, strategy=PROTECTOR)
    )
    _changed, shared = ledger.tell(fill("u", "stop", "sell 0.001@90", PERP))
    assert isinstance(shared, FillShared)
    assert shared.shares == (FillShare("a", D("-0.001"), D(0)),)
    assert adds_up(ledger)


def test_who_wanted_the_opposite_crosses_at_the_fills_price_and_pays_no_fee() -> None:
    ledger = Ledger().trade("b", "buy 10@90", PERP, strategy="b")
    work(ledger, order("o", PERP, a="6", b="-2"))
    ledger.tell(fill("t", "o", "buy 2@100", PERP, fee="0.2"))
    assert held(ledger, PERP) == {"a": D(3), "b": D(9)}
    b = ledger.books.holdings(PERP)["b"]
    assert (b.realized, b.fees) == (D(10), D(0))
    assert ledger.books.holdings(PERP)["a"].fees == D("0.2")
    assert adds_up(ledger)


def test_what_rounding_leaves_goes_to_the_last_by_configuration() -> None:
    ledger = Ledger()
    ledger.books.account.configured = ("c", "a", "b")
    for name in "abc":
        ledger.trade(name, "buy 1@100", PERP, strategy=name)
    assert list(ledger.books.holdings(PERP)) == ["c", "a", "b"]
    work(ledger, OrderSpec("s", PERP, Side.SELL, D(1), reduce_only=True))
    ledger.tell(fill("t", "s", "sell 1@90", PERP, fee="0.1"))
    lot = ledger.books.instrument(PERP).lot_size
    third = (D(1) / 3 / lot).to_integral_value() * lot
    left = held(ledger, PERP)
    assert left == {"c": 1 - third, "a": 1 - third, "b": 2 * third}
    assert adds_up(ledger)


@pytest.mark.parametrize("strategy", ["", PROTECTOR])
def test_what_closes_the_position_closes_it_for_all(strategy: str) -> None:
    ledger = Ledger().trade("a", "buy 3@100", PERP, strategy="a")
    ledger.trade("b", "sell 1@110", PERP, strategy="b")
    work(ledger, OrderSpec("s", PERP, Side.SELL, D(2), reduce_only=True, strategy=strategy))
    ledger.tell(fill("t", "s", "sell 1@90", PERP))
    assert held(ledger, PERP) == {"a": D("1.5"), "b": D("-0.5")}
    ledger.tell(fill("u", "s", "sell 1@80", PERP))
    assert held(ledger, PERP) == {"a": D(0), "b": D(0)}
    assert adds_up(ledger)


def test_a_fill_that_flattens_the_account_flattens_all() -> None:
    ledger = Ledger().trade("a", "buy 3@100", PERP, strategy="a")
    ledger.trade("b", "sell 1@110", PERP, strategy="b").trade("c", "sell 2@90", PERP, strategy="a")
    assert held(ledger, PERP) == {"a": D(0), "b": D(0)}
    assert adds_up(ledger)


def test_on_spot_nobody_sells_what_a_stop_has_sold_already() -> None:
    ledger = Ledger().trade("a", "buy 4@100", strategy="a")
    work(ledger, order("o", SPOT, a="-4", b="6"))
    work(ledger, OrderSpec("s", SPOT, Side.SELL, D(4), reduce_only=True, strategy=PROTECTOR))
    ledger.tell(fill("t", "s", "sell 4@90"), fill("u", "o", "buy 2@95"))
    assert held(ledger, SPOT) == {"a": D(0), "b": D(2)}
    assert adds_up(ledger)


def test_coins_that_are_kept_as_the_fee_are_kept_of_those_who_bought() -> None:
    ledger = Ledger().trade("c", "buy 1@100", strategy="c")
    base = ledger.books.instrument(SPOT).base
    work(ledger, order("o", SPOT, a="2", b="1", c="-1"))
    paid = replace(fill("t", "o", "buy 2@100", fee="0.6"), fee_currency=base, fee_paid=D("0.006"))
    ledger.tell(paid)
    assert held(ledger, SPOT) == {"a": D("1.996"), "b": D("0.998"), "c": D(0)}
    assert adds_up(ledger)


def test_a_cross_moves_nothing_of_the_account() -> None:
    ledger = Ledger().trade("a", "buy 3@100", PERP, strategy="a")
    before, cash = ledger.books.position(PERP), ledger.books.cash
    shares = (Share("a", D(-3)), Share("b", D(3)))
    ledger.tell(StrategiesCrossed(symbol=PERP, price=D(120), shares=shares))
    assert (ledger.books.position(PERP), ledger.books.cash) == (before, cash)
    assert held(ledger, PERP) == {"a": D(0), "b": D(3)}
    assert ledger.books.holdings(PERP)["a"].realized == 60
    assert adds_up(ledger)


def test_a_cross_with_a_larger_side_is_refused_and_changes_nothing() -> None:
    ledger = Ledger().trade("a", "buy 3@100", PERP, strategy="a")
    shares = (Share("a", D(-3)), Share("b", D(2)))
    before = ledger.hash()
    with pytest.raises(CoreError, match="one side is larger"):
        ledger.tell(StrategiesCrossed(symbol=PERP, price=D(120), shares=shares))
    assert ledger.hash() == before


def test_funding_and_liquidations_are_borne_by_who_holds() -> None:
    ledger = Ledger().trade("a", "buy 3@100", PERP, strategy="a")
    ledger.trade("b", "sell 1@110", PERP, strategy="b").tell(tick("100", PERP, ts=1))
    paid = FundingPaid(
        symbol=PERP, rate=D("0.001"), quantity=D(2), price=D(100), payment=D("-0.2"), ts=2 * 10**18
    )
    ledger.tell(paid)
    totals = ledger.books.account.strategies
    assert (totals["a"].funding, totals["b"].funding) == (D("-0.3"), D("0.1"))
    assert adds_up(ledger)
    closed = PositionLiquidated(
        symbol=PERP, liquidation_id="l", side=Side.SELL, quantity=D(2), price=D(60), fee=D("1.2"),
        insurance=D(4),
    )  # fmt: skip
    ledger.books.account.targets[PERP] = {"a": StrategyTarget("a", D(1), D(1), D(3))}
    ledger.tell(closed)
    assert ledger.books.targets(PERP)["a"].stopped
    assert held(ledger, PERP) == {"a": D(0), "b": D(0)}
    assert (totals["a"].insurance, ledger.books.holdings(PERP)["a"].fees) == (D(4), D("1.2"))
    assert adds_up(ledger)


Act = tuple[str, list[int], D, int, D]
ACTS = st.lists(
    st.tuples(
        st.sampled_from(["one", "several", "all", "cross"]),
        st.lists(st.integers(-400, 400), min_size=3, max_size=3),
        st.decimals("0.01", "70000", places=2),
        st.integers(1, 3),
        st.decimals("0", "9", places=8),
    ),
    max_size=14,
)


def asked(ledger: Ledger, symbol: str, order_id: str, what: str, wants: dict[str, D]) -> OrderSpec:
    """An order of one strategy, of several, or for all; of nothing where there is nothing to trade."""
    whole, strategy = sum(wants.values(), ZERO), ""
    if what == "all":
        whole = -(ledger.books.position(symbol).quantity * wants["a"] / 4).quantize(D("0.01"))
    elif what == "one":
        whole, strategy = wants["a"], "a"
    elif whole:
        return order(order_id, symbol, **{name: str(want) for name, want in wants.items()})
    side = Side.BUY if whole > 0 else Side.SELL
    return OrderSpec(order_id, symbol, side, abs(whole), strategy=strategy)


def filled(ledger: Ledger, spec: OrderSpec, price: D, parts: int, fee: D) -> None:
    work(ledger, spec)
    left = spec.quantity
    for part in range(parts, 0, -1):
        quantity = left if part == 1 else (left / part).quantize(D("0.001"), ROUND_DOWN)
        if quantity:
            words = f"{spec.side} {quantity}@{price}"
            trade_id = f"{spec.order_id}.{part}"
            ledger.tell(fill(trade_id, spec.order_id, words, spec.symbol, str(fee)))
        left -= quantity


@given(st.sampled_from([SPOT, PERP]), ACTS)
def test_whatever_is_traded_the_strategies_add_up_to_the_account(
    symbol: str, acts: list[Act]
) -> None:
    ledger = Ledger()
    for n, (what, lots, price, parts, fee) in enumerate(acts):
        ledger.tell(tick(str(price), symbol))
        own, wants = held(ledger, symbol), {}
        for name, lot in zip("abc", lots, strict=True):
            least = -own.get(name, ZERO) if symbol == SPOT else D(-4)
            wants[name] = max(D(lot) / 100, least)
        if what == "cross":
            pair = (Share("a", wants["a"]), Share("b", -wants["a"]))
            if symbol == PERP:
                ledger.tell(StrategiesCrossed(symbol=symbol, price=price, shares=pair))
        else:
            spec = asked(ledger, symbol, str(n), what, wants)
            if spec.quantity:
                filled(ledger, spec, price, parts, fee)
        told = status.account_status(ledger.books, RUN, 0)
        assert adds_up(ledger)
        assert sum(D(row.total_pnl) for row in told.strategies) == ledger.books.profit()
        assert symbol == PERP or all(quantity >= 0 for quantity in held(ledger, SPOT).values())
