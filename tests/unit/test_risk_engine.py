from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.fixtures.fake_account import PERP, SPOT, FakeAccount
from tests.fixtures.rows import each_row
from tradectl.domain.commands import ApprovedOrder
from tradectl.domain.errors import ConfigError
from tradectl.domain.events import LimitBreached, OrderDenied, RestrictionKind, RiskAction
from tradectl.domain.money import Side
from tradectl.domain.orders import OrderSpec, OrderType
from tradectl.domain.states import TradingState
from tradectl.domain.time import SECOND
from tradectl.risk.base import Check, Denial
from tradectl.risk.checks import default_checks
from tradectl.risk.context import RiskContext
from tradectl.risk.engine import RiskEngine
from tradectl.risk.limits import RiskLimits

D = Decimal
BTC, PERPETUAL = SPOT.symbol, PERP.symbol
OFF = RiskLimits(
    max_order_notional=None,
    max_position_notional=None,
    max_gross_notional=None,
    max_leverage=None,
    price_collar_pct=None,
    self_match_prevention=False,
    max_orders_per_second=None,
    max_messages_per_second=None,
    max_working_orders=None,
    duplicate_window_ms=0,
    daily_loss_alert_pct=None,
    daily_loss_pause_pct=None,
    daily_loss_halt_pct=None,
    drawdown_alert_pct=None,
    drawdown_pause_pct=None,
    drawdown_halt_pct=None,
)


class Broken(Check):
    code = "BROKEN"

    def check(self, case: RiskContext) -> Denial | None:
        raise KeyError("\x1b[31mno such thing")


def account(mark: str = "100") -> FakeAccount:
    return FakeAccount().price(BTC, mark).price(PERPETUAL, mark)


def order(n: int = 0, side: Side = Side.BUY, quantity: str = "1", **fields: Any) -> OrderSpec:
    return OrderSpec(f"id-{n}", fields.pop("symbol", BTC), side, D(quantity), **fields)


def code(event: ApprovedOrder | OrderDenied) -> str:
    return event.code if isinstance(event, OrderDenied) else "approved"


def test_an_order_that_every_check_lets_pass_is_approved() -> None:
    approved = RiskEngine(RiskLimits()).judge(order(), account(), 0)
    assert approved == ApprovedOrder(order(), 0)


def test_a_denial_names_the_check_its_limit_and_the_actual_value() -> None:
    engine = RiskEngine(RiskLimits(max_order_notional=D(50)))
    assert engine.judge(order(), account(), 0) == OrderDenied(
        source_component="risk",
        order_id="id-0",
        symbol=BTC,
        code="ORDER_NOTIONAL",
        message="order notional 100.00 USDT is over the limit of 50.00",
        limit="50",
        actual="100",
    )


def test_the_checks_are_asked_in_this_order() -> None:
    assert [check.code for check in default_checks(RiskLimits().with_at_most(10))] == [
        "HALTED", "PAUSED", "REDUCING", "RESTRICTED", "UNKNOWN_SYMBOL", "OTHER_CURRENCY", "BAD_ORDER",
        "BAD_NUMBER", "ENVELOPE", "REDUCE_ONLY", "MIN_NOTIONAL",
        "ORDER_NOTIONAL", "POSITION_NOTIONAL", "GROSS_EXPOSURE", "LEVERAGE", "PRICE_COLLAR",
        "NO_PRICE", "SELF_MATCH", "ORDER_RATE", "MESSAGE_RATE", "WORKING_ORDERS",
        "DUPLICATE", "DAILY_LOSS", "DRAWDOWN",
        "BALANCE", "MARGIN",
    ]  # fmt: skip


def test_a_limit_that_is_off_has_no_check() -> None:
    assert [check.code for check in default_checks(OFF)] == [
        "HALTED", "PAUSED", "REDUCING", "RESTRICTED", "UNKNOWN_SYMBOL", "OTHER_CURRENCY", "BAD_ORDER",
        "BAD_NUMBER", "ENVELOPE", "REDUCE_ONLY", "MIN_NOTIONAL",
        "NO_PRICE", "DUPLICATE", "BALANCE", "MARGIN",
    ]  # fmt: skip


def test_a_check_that_raises_has_refused() -> None:
    denied = RiskEngine(RiskLimits(), [Broken()]).judge(order(), account(), 0)
    assert isinstance(denied, OrderDenied)
    assert denied.code == "CHECK_FAILED"
    assert denied.message.startswith("the check BROKEN failed: KeyError: ")
    assert "\x1b" not in denied.message


@each_row(
    ("spec", "expected"),
    [
        (order(quantity="NaN"), "BAD_NUMBER"),
        (order(quantity="sNaN"), "BAD_NUMBER"),
        (order(quantity="Infinity"), "BAD_NUMBER"),
        (order(symbol="LUNA"), "UNKNOWN_SYMBOL"),
        (order(quantity="1000000"), "ORDER_NOTIONAL"),
        (order(quantity="200"), "BALANCE"),
        (order(quantity="0.01"), "MIN_NOTIONAL"),
        (order(type=OrderType.LIMIT, price=D(200)), "PRICE_COLLAR"),
        (order(symbol=PERPETUAL, quantity="300"), "LEVERAGE"),
    ],
)
def test_fat_fingers_are_denied_with_the_code_that_fits(spec: OrderSpec, expected: str) -> None:
    assert code(RiskEngine(RiskLimits()).judge(spec, account(), 0)) == expected


@pytest.mark.parametrize("fields", [{}, {"type": OrderType.LIMIT, "price": D(100)}])
def test_an_order_in_a_market_without_a_price_is_denied(fields: dict[str, Any]) -> None:
    assert code(RiskEngine(RiskLimits()).judge(order(**fields), FakeAccount(), 0)) == "NO_PRICE"


@pytest.mark.parametrize("mode", [TradingState.PAUSED, TradingState.HALTED])
def test_the_mode_comes_first(mode: TradingState) -> None:
    view = account()
    view.trading_state = mode
    assert code(RiskEngine(RiskLimits()).judge(order(quantity="NaN"), view, 0)) == mode.value


def test_an_emergency_closes_everything_at_once_past_rate_and_working_limits() -> None:
    view = FakeAccount("100000", known=False)
    engine = RiskEngine(RiskLimits(max_orders_per_second=1, rate_window_seconds=1))
    symbols = [f"COIN{n}USDT" for n in range(150)]
    for symbol in symbols:
        view.price(symbol, "100").own(symbol, "1")
    view.trading_state = TradingState.FLATTENING
    for n, symbol in enumerate(symbols):
        spec = order(n, Side.SELL, symbol=symbol, reduce_only=True)
        assert code(engine.judge(spec, view, 0)) == "approved"
        view.work(spec)


def test_only_approved_orders_count_toward_the_rate() -> None:
    engine = RiskEngine(RiskLimits(max_orders_per_second=2, rate_window_seconds=1))
    view = account()
    sent = [order(n, quantity=f"1.{n}") for n in range(4)]
    assert [code(engine.judge(o, view, 0)) for o in [order(9, quantity="NaN"), *sent]] == [
        "BAD_NUMBER", "approved", "approved", "ORDER_RATE", "ORDER_RATE",
    ]  # fmt: skip
    assert code(engine.judge(sent[2], view, SECOND)) == "approved"


def test_a_thousand_signals_a_second_are_throttled() -> None:
    engine, view = RiskEngine(RiskLimits()), account()
    codes = [
        code(engine.judge(order(n, list(Side)[n % 2], symbol=PERPETUAL), view, n * SECOND // 1000))
        for n in range(1000)
    ]
    assert codes.count("approved") == 100
    assert codes[100:] == ["ORDER_RATE"] * 900


def test_the_same_orders_at_the_same_times_are_judged_the_same() -> None:
    def run() -> list[ApprovedOrder | OrderDenied]:
        engine, view = RiskEngine(RiskLimits(max_orders_per_second=1)), account()
        return [
            engine.judge(order(n // 2, quantity=f"{1 + n % 3}"), view, n * SECOND // 7)
            for n in range(200)
        ]

    assert run() == run()


# --- the whole account ----------------------------------------------------------------------------


def reviews(engine: RiskEngine, view: FakeAccount, equities: list[str]) -> list[list[str]]:
    """What each review says while the equity goes this way, as `CODE action`."""
    said = []
    for equity in equities:
        view.cash = D(equity)
        said.append([f"{event.code} {event.action}" for event in engine.review(view)])
    return said


def test_a_loss_escalates_from_alert_to_pause_to_halt() -> None:
    view = FakeAccount()
    view.day_start_equity = D(10_000)
    equities = ["10000", "9200.01", "9200", "9100", "9000", "8999", "8800"]
    assert reviews(RiskEngine(RiskLimits()), view, equities) == [
        [], [], ["DAILY_LOSS alert"], [], ["DAILY_LOSS pause"], [], ["DAILY_LOSS reduce"],
    ]  # fmt: skip


def test_a_halt_by_a_loss_flattens_by_setting() -> None:
    view = FakeAccount()
    view.peak_equity = view.day_start_equity = D(10_000)
    assert reviews(RiskEngine(RiskLimits(on_halt="flatten")), view, ["7000"]) == [
        ["DAILY_LOSS flatten", "DRAWDOWN flatten"]
    ]


def test_a_sudden_loss_says_only_the_worst() -> None:
    view = FakeAccount()
    view.peak_equity = D(10_000)
    assert reviews(RiskEngine(RiskLimits()), view, ["7000", "7000"]) == [["DRAWDOWN reduce"], []]


def test_a_level_is_said_again_only_after_it_has_clearly_passed() -> None:
    view = FakeAccount()
    view.day_start_equity = D(10_000)
    equities = ["9200", "9250", "9200", "9280", "9200", "9280.01", "9200"]
    said = reviews(RiskEngine(RiskLimits()), view, equities)
    assert said == [["DAILY_LOSS alert"], [], [], [], [], [], ["DAILY_LOSS alert"]]


def test_a_breach_is_an_event_with_figures() -> None:
    view = FakeAccount("8500")
    view.day_start_equity = D(10_000)
    assert RiskEngine(RiskLimits()).review(view) == [
        LimitBreached(
            source_component="risk",
            code="DAILY_LOSS",
            message="today's loss is 15.00%: the limit is 12%, beyond the pause at 10%",
            limit="12",
            actual="15",
            action=RiskAction.REDUCE,
        )
    ]


def test_exposure_and_leverage_that_the_market_made_are_alerts() -> None:
    view = FakeAccount().price(PERPETUAL, "100").own(PERPETUAL, "190", "100")
    engine = RiskEngine(RiskLimits(max_gross_notional=D(19_500)))
    assert engine.review(view) == []
    view.price(PERPETUAL, "110")
    assert [(e.code, e.action) for e in engine.review(view)] == [("GROSS_EXPOSURE", "alert")]
    view.cash = D(5_000)
    assert [(e.code, e.action) for e in engine.review(view)] == [("LEVERAGE", "alert")]
    assert engine.review(view) == []


@pytest.mark.parametrize("cash", ["0", "-100"])
def test_exposure_without_equity_is_beyond_any_leverage(cash: str) -> None:
    view = FakeAccount(cash).price(PERPETUAL, "100").own(PERPETUAL, "1", "100")
    assert [event.code for event in RiskEngine(RiskLimits()).review(view)] == ["LEVERAGE"]


def test_with_everything_off_a_review_says_nothing() -> None:
    view = FakeAccount("1").price(PERPETUAL, "100").own(PERPETUAL, "500", "100")
    view.peak_equity = view.day_start_equity = D(10**6)
    assert RiskEngine(OFF).review(view) == []


# --- limits ---------------------------------------------------------------------------------------


@each_row(
    ("fields", "complaint"),
    [
        (
            {"max_order_notional": D(0)},
            "max_order_notional: expected a number above 0 to below 1e15",
        ),
        ({"max_leverage": D("NaN")}, "max_leverage: expected a number above 0 to below 1e15"),
        (
            {"max_gross_notional": 1000.0},
            "max_gross_notional: expected a Decimal, a number above 0",
        ),
        ({"fee_margin_pct": D(-1)}, "fee_margin_pct: expected a number from 0 to"),
        ({"max_orders_per_second": 0}, "max_orders_per_second: expected a whole number from 1"),
        ({"rate_window_seconds": 0.5}, "rate_window_seconds: expected a whole number from 1"),
        ({"duplicate_window_ms": -1}, "duplicate_window_ms: expected a whole number from 0"),
        ({"drawdown_alert_pct": D(-1)}, "drawdown_alert_pct: expected a number above 0"),
        (
            {"daily_loss_pause_pct": D(8)},
            "daily_loss_pause_pct: expected a percentage above the 8 of daily_loss_alert_pct",
        ),
        (
            {"drawdown_pause_pct": None, "drawdown_halt_pct": D(16)},
            "drawdown_halt_pct: expected a percentage above the 16 of drawdown_alert_pct",
        ),
    ],
)
def test_impossible_limits_are_refused_by_name(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError, match=rf"risk\.{complaint}"):
        RiskLimits(**fields)


def test_a_fee_margin_may_be_nothing() -> None:
    assert RiskLimits(fee_margin_pct=D(0)).fee_margin_pct == 0


@pytest.mark.parametrize(
    ("fields", "limit"),
    [
        ({}, D(10)),
        ({"daily_loss_pause_pct": None}, D(12)),
        ({"daily_loss_pause_pct": None, "daily_loss_halt_pct": None}, None),
    ],
)
def test_entries_end_at_the_first_level_that_is_more_than_an_alert(
    fields: dict[str, Any], limit: D | None
) -> None:
    assert RiskLimits(**fields).no_entries_from("daily_loss") == limit


def test_an_exit_closes_no_more_than_its_exchange_holds() -> None:
    view = account().own(BTC, "2")
    view.held[BTC] = {RestrictionKind.MISMATCH: "one is gone"}
    view.gone[BTC] = D(1)
    engine = RiskEngine(RiskLimits())
    whole = order(side=Side.SELL, quantity="2", reduce_only=True)
    rest = order(1, side=Side.SELL, reduce_only=True)
    assert code(engine.judge(whole, view, 0)) == "RESTRICTED"
    assert code(engine.judge(rest, view, 0)) == "approved"


@each_row("kind", RestrictionKind)
def test_a_hold_keeps_entries_back_and_exits_only_where_their_size_is_unknown(
    kind: RestrictionKind,
) -> None:
    view, leave = account().own(BTC, "2"), order(side=Side.SELL, reduce_only=True)
    view.held[BTC] = {RestrictionKind.STALE: "old", kind: "why"}
    engine = RiskEngine(RiskLimits())
    assert code(engine.judge(order(), view, 0)) == "RESTRICTED"
    denied = engine.judge(leave, view, 0)
    assert code(denied) == ("RESTRICTED" if kind.blocks_exits else "approved")
    assert not isinstance(denied, OrderDenied) or "why" in denied.message
    view.trading_state = TradingState.FLATTENING
    again = msgspec.structs.replace(leave, order_id="again")
    assert code(engine.judge(again, view, SECOND)) == "approved"


@each_row(
    ("made", "expected"),
    [(71 * SECOND, "approved"), (69 * SECOND, "STALE_DATA"), (0, "approved"), (None, "STALE_DATA")],
)
def test_nothing_is_begun_on_old_data_or_on_none_of_this_run(
    made: int | None, expected: str
) -> None:
    view = account().own(BTC, "2")
    view.data_times.pop(BTC)
    if made is not None:
        view.data_times[BTC] = made
    engine = RiskEngine(RiskLimits(max_data_age_seconds=D(30)))
    assert code(engine.judge(order(), view, 100 * SECOND)) == expected
    leave = order(1, Side.SELL, reduce_only=True)
    assert code(engine.judge(leave, view, 101 * SECOND)) == "approved"
