"""What `why` shows of a check is what it goes by: where it denies, the figures are the denial's."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures.fake_account import PERP, SPOT, FakeAccount
from tests.fixtures.rows import each_row
from tests.unit.test_risk_checks import order
from tradectl.domain.money import Side, plain
from tradectl.domain.orders import OrderType
from tradectl.domain.time import DAY, SECOND
from tradectl.risk.context import RiskContext
from tradectl.risk.engine import RiskEngine
from tradectl.risk.limits import RiskLimits

D = Decimal
STRICT = RiskLimits(
    max_order_notional=D(500),
    max_position_notional=D(600),
    max_gross_notional=D(800),
    max_leverage=D(1),
    max_orders_per_second=1,
    rate_window_seconds=3,
    max_working_orders=2,
    max_data_age_seconds=D(30),
    price_collar_pct=D(5),
)
COMPARED = {
    "ORDER_NOTIONAL", "POSITION_NOTIONAL", "GROSS_EXPOSURE", "LEVERAGE", "BALANCE", "MARGIN",
    "MIN_NOTIONAL", "STALE_DATA", "PRICE_COLLAR", "DAILY_LOSS", "DRAWDOWN", "ORDER_RATE",
    "WORKING_ORDERS",
}  # fmt: skip


@given(
    quantity=st.integers(1, 1_000_000).map(lambda n: D(n) / 1000),
    symbol=st.sampled_from([SPOT.symbol, PERP.symbol]),
    side=st.sampled_from(Side),
    cash=st.integers(1, 2_000),
    held=st.integers(-5, 5),
    lost=st.integers(0, 30),
    age=st.integers(0, 60),
    limit_price=st.one_of(st.none(), st.integers(80, 120)),
)
def test_the_figures_of_a_denial(
    quantity: Decimal,
    symbol: str,
    side: Side,
    cash: int,
    held: int,
    lost: int,
    age: int,
    limit_price: int | None,
) -> None:
    at = DAY + age * SECOND
    size = held if symbol == PERP.symbol else abs(held)
    account = FakeAccount(str(cash)).price(symbol, "100").own(symbol, str(size), "100")
    account.data_times[symbol] = DAY
    account.day_start_equity = account.peak_equity = account.equity() * (100 + lost) / 100
    fields: dict[str, Any] = (
        {} if limit_price is None else {"type": OrderType.LIMIT, "price": D(limit_price)}
    )
    spec = order(side, quantity, symbol, **fields)
    engine = RiskEngine(STRICT)
    weighed = engine.weigh(spec, account, at)
    *passed, last = weighed
    context = RiskContext(spec, account, at)
    for each in passed:
        assert each.denial is None
        if each.figures is not None and not context.only_reduces and each.code != "MIN_NOTIONAL":
            assert each.figures.actual <= each.figures.limit, each
    if last.denial is not None and last.code in COMPARED:
        check = next(c for c in engine._checks if c.code == last.code)
        figures = check.figures(context)
        if last.denial.actual and "holds" not in last.denial.message and figures is not None:
            assert plain(figures.actual) == last.denial.actual, last
    judged = engine.judge(spec, account, at)
    code = getattr(judged, "code", None)
    assert code == (last.denial.code if last.denial is not None else None)


@each_row("code", sorted(COMPARED))
def test_a_check_that_compares_has_figures(code: str) -> None:
    symbol = PERP.symbol if code == "MARGIN" else SPOT.symbol
    account = FakeAccount("10000").price(symbol, "100")
    account.data_times[symbol] = DAY
    account.day_start_equity = account.peak_equity = account.equity()
    fields: dict[str, Any] = (
        {"type": OrderType.LIMIT, "price": D(101)} if code == "PRICE_COLLAR" else {}
    )
    weighed = RiskEngine(STRICT).weigh(order(symbol=symbol, **fields), account, DAY)
    (found,) = [each for each in weighed if each.code == code]
    assert found.figures is not None
