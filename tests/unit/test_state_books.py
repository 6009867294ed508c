"""The books, told one event at a time: orders, fills, cash, modes, and what they refuse."""

from __future__ import annotations

import itertools
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.ledger_desk import (
    CASH,
    PERP,
    SPOT,
    Ledger,
    amounts,
    approved,
    cancel,
    denied,
    fill,
    intent,
    open_books,
    report,
    tick,
)
from tradectl.domain.errors import CoreError, IllegalTransition
from tradectl.domain.events import (
    BarEvent,
    Command,
    CommandEvent,
    EmergencyEvent,
    FillEvent,
    PositionEvent,
    Record,
    RiskEvent,
    TimerEvent,
)
from tradectl.domain.money import ZERO, Side
from tradectl.domain.orders import OrderStatus, Trigger
from tradectl.domain.time import DAY
from tradectl.domain.views import AccountView, TradingMode
from tradectl.state import books as books_module
from tradectl.state.consistency import problems_of

RISK_CHECK = TimerEvent(name="risk")


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def status_of(ledger: Ledger, order_id: str) -> OrderStatus:
    order = ledger.books.order(order_id)
    assert order is not None
    return order.status


def test_the_books_answer_what_an_account_view_may_be_asked() -> None:
    view: AccountView = open_books()
    assert view.cash == view.equity() == view.peak_equity == view.day_start_equity == CASH


# --- orders ------------------------------------------------------------------------------------------


def test_an_intent_is_known_but_neither_judged_nor_working(ledger: Ledger) -> None:
    ledger.tell(intent("o1", "buy 2"))
    assert status_of(ledger, "o1") is OrderStatus.INTENDED
    assert not ledger.books.seen("o1")
    assert ledger.books.working_orders() == []
    assert ledger.books.account.orders_count == 1


def test_an_approved_order_works_and_its_quantity_is_pending(ledger: Ledger) -> None:
    ledger.work("o1", "buy 2").work("o2", "sell 0.5").work("o3", "sell 4", PERP)
    books = ledger.books
    assert [o.spec.order_id for o in books.working_orders()] == ["o1", "o2", "o3"]
    assert [o.spec.order_id for o in books.working_orders(PERP)] == ["o3"]
    assert (books.pending(SPOT), books.pending(PERP)) == (Decimal("1.5"), Decimal(-4))
    assert books.pending("ELSEWHERE") == ZERO
    assert books.seen("o1")


def test_a_denied_order_is_over_and_says_why(ledger: Ledger) -> None:
    ledger.tell(intent("o1", "buy 2"), denied("o1"))
    order = ledger.books.order("o1")
    assert order is not None
    assert (order.status, order.reason) == (OrderStatus.DENIED, "too_big: by far")
    assert ledger.books.seen("o1")
    assert ledger.books.working_orders() == []
    assert ledger.books.account.denied_count == 1


def test_an_answer_brings_the_exchanges_id_and_reason(ledger: Ledger) -> None:
    ledger.work("o1", "buy 2")
    ledger.tell(
        report("o1", Trigger.ACCEPT, venue="v1"), report("o1", Trigger.EXPIRE, reason="ioc")
    )
    order = ledger.books.order("o1")
    assert order is not None
    assert (order.status, order.venue_order_id, order.reason) == (
        OrderStatus.EXPIRED,
        "v1",
        "ioc",
    )


@pytest.mark.parametrize(
    ("kind", "still_working"),
    [
        (Trigger.ACCEPT, True),
        (Trigger.LOSE, True),
        (Trigger.REJECT, False),
        (Trigger.CANCEL, False),
        (Trigger.EXPIRE, False),
    ],
)
def test_an_order_that_is_over_reserves_nothing_and_an_unknown_one_does(
    ledger: Ledger, kind: Trigger, still_working: bool
) -> None:
    ledger.work("o1", "buy 2")
    ledger.tell(report("o1", kind))
    assert bool(ledger.books.working_orders(SPOT)) is still_working
    assert ledger.books.pending(SPOT) == (2 if still_working else 0)
    assert ledger.books.order("o1") is not None


def test_a_cancel_that_is_asked_for_leaves_the_order_working(ledger: Ledger) -> None:
    ledger.work("o1", "buy 2")
    ledger.tell(cancel("o1"))
    assert status_of(ledger, "o1") is OrderStatus.PENDING_CANCEL
    assert ledger.books.pending(SPOT) == 2


@pytest.mark.parametrize(
    "event",
    [
        approved("nobody"),
        denied("nobody"),
        cancel("nobody"),
        report("nobody", Trigger.ACCEPT),
        fill("t1", "nobody", "buy 1@100"),
    ],
    ids=lambda e: type(e).__name__,
)
def test_word_of_an_order_that_is_not_ours_halts_and_changes_nothing(
    ledger: Ledger, event: FillEvent
) -> None:
    before = ledger.hash()
    with pytest.raises(CoreError, match="order nobody, which is not ours or long over"):
        ledger.tell(event)
    assert ledger.hash() == before


def test_an_impossible_step_halts_and_changes_nothing(ledger: Ledger) -> None:
    ledger.work("o1", "buy 2").tell(report("o1", Trigger.REJECT))
    before = ledger.hash()
    for event in (fill("t1", "o1", "buy 1@100"), approved("o1"), cancel("o1")):
        with pytest.raises(IllegalTransition):
            ledger.tell(event)
    assert ledger.hash() == before


def test_the_oldest_finished_orders_are_forgotten_the_working_ones_never(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(books_module, "FINISHED_KEPT", 2)
    ledger.work("resting", "buy 1")
    for n in range(4):
        ledger.trade(f"o{n}", "buy 1@10")
    known = [o for o in ("resting", "o0", "o1", "o2", "o3") if ledger.books.order(o)]
    assert known == ["resting", "o2", "o3"]


# --- fills -------------------------------------------------------------------------------------------


def test_a_partial_fill_and_the_rest(ledger: Ledger) -> None:
    ledger.work("o1", "buy 3")
    ledger.tell(fill("t1", "o1", "buy 1@100", fee="0.1", venue="v1"))
    order = ledger.books.order("o1")
    assert order is not None
    assert (order.status, order.filled, order.remaining) == (
        OrderStatus.PARTIALLY_FILLED,
        Decimal(1),
        Decimal(2),
    )
    assert ledger.books.pending(SPOT) == 2
    ledger.tell(fill("t2", "o1", "buy 2@103", fee="0.2"))
    assert (order.status, order.average_price) == (OrderStatus.FILLED, Decimal(102))
    assert (order.trades, order.fees, order.venue_order_id) == (["t1", "t2"], Decimal("0.3"), "v1")
    assert ledger.books.pending(SPOT) == 0


def test_a_fill_is_answered_with_the_books_right_after_it(ledger: Ledger) -> None:
    ledger.work("o1", "buy 3")
    assert ledger.tell(fill("t1", "o1", "buy 1@100", fee="0.1")) == [
        PositionEvent(
            source_component="state",
            symbol=SPOT,
            quantity=Decimal(1),
            cost=Decimal(100),
            realized=ZERO,
            cash=Decimal("9899.9"),
            fees=Decimal("0.1"),
        )
    ]


def test_a_fill_is_booked_once_however_often_it_is_reported(ledger: Ledger) -> None:
    ledger.work("o1", "buy 3")
    trade = fill("t1", "o1", "buy 1@100")
    ledger.tell(trade)
    assert ledger.tell(trade, trade) == []
    assert ledger.books.position(SPOT).quantity == 1
    assert ledger.books.account.duplicates == 2
    assert ledger.books.account.fills_count == 1


def test_one_trade_may_fill_two_of_our_orders(ledger: Ledger) -> None:
    ledger.work("o1", "buy 1").work("o2", "buy 1")
    ledger.tell(fill("t1", "o1", "buy 1@100"), fill("t1", "o2", "buy 1@100"))
    assert ledger.books.position(SPOT).quantity == 2


def test_an_overfill_halts_and_changes_nothing(ledger: Ledger) -> None:
    ledger.work("o1", "buy 3").tell(fill("t1", "o1", "buy 2@100"))
    before = ledger.hash()
    with pytest.raises(CoreError, match="order o1 of 3 was filled 4: overfilled"):
        ledger.tell(fill("t2", "o1", "buy 2@100"))
    assert ledger.hash() == before


def test_a_fill_may_come_before_the_acknowledgement(ledger: Ledger) -> None:
    ledger.work("o1", "buy 1").tell(fill("t1", "o1", "buy 1@100"))
    ledger.tell(report("o1", Trigger.ACCEPT, venue="v1"))
    assert status_of(ledger, "o1") is OrderStatus.FILLED


@pytest.mark.parametrize("end", [Trigger.CANCEL, Trigger.EXPIRE])
def test_a_late_fill_of_an_order_that_is_over_is_booked(ledger: Ledger, end: Trigger) -> None:
    ledger.work("o1", "buy 3").tell(report("o1", end))
    over = status_of(ledger, "o1")
    ledger.tell(fill("t1", "o1", "buy 1@100"))
    assert status_of(ledger, "o1") is over
    ledger.tell(fill("t2", "o1", "buy 2@100"))
    assert status_of(ledger, "o1") is OrderStatus.FILLED
    assert ledger.books.position(SPOT).quantity == 3
    assert ledger.books.working_orders() == []


def test_a_fill_that_wins_against_a_cancel_stays(ledger: Ledger) -> None:
    ledger.work("o1", "buy 3").tell(cancel("o1"), fill("t1", "o1", "buy 1@100"))
    assert status_of(ledger, "o1") is OrderStatus.PENDING_CANCEL
    ledger.tell(report("o1", Trigger.CANCEL))
    assert ledger.books.position(SPOT).quantity == 1


def test_a_strategy_has_a_record_of_its_own(ledger: Ledger) -> None:
    ledger.trade("o1", "buy 2@100", fee="1", strategy="a").trade("o2", "sell 3@110", strategy="b")
    ledger.trade("o3", "sell 2@120", strategy="a")
    account = ledger.books.account
    a, b = account.strategies["a"], account.strategies["b"]
    assert (a.orders, a.fills, a.realized, a.fees) == (2, 2, Decimal(40), Decimal(1))
    assert (b.positions[SPOT].quantity, b.realized) == (Decimal(-3), ZERO)


def test_what_changed_is_collected_for_the_projection(ledger: Ledger) -> None:
    ledger.trade("o1", "buy 2@100", fee="0.5").work("o2", "sell 1")
    books = ledger.books
    assert list(books.touched) == ["o1", "o2"]
    (row,) = books.new_fills
    assert (row.trade_id, row.order_id, row.side, row.strategy) == ("t-o1", "o1", "buy", "s")
    assert (row.quantity, row.price, row.fee) == amounts("2", "100", "0.5")
    assert row.at == ledger.at


def test_reports_and_fills_end_in_the_same_place_in_whatever_order_they_come() -> None:
    told = [
        report("o1", Trigger.ACCEPT),
        fill("t1", "o1", "buy 1@100"),
        fill("t2", "o1", "buy 2@101"),
    ]
    ends = set()
    for order in itertools.permutations(told):
        ledger = Ledger().work("o1", "buy 3")
        ledger.tell(*order)
        ends.add((status_of(ledger, "o1"), ledger.books.position(SPOT), ledger.books.cash))
    assert len(ends) == 1


# --- money -------------------------------------------------------------------------------------------


def test_on_spot_cash_pays_for_coins_and_equity_counts_them(ledger: Ledger) -> None:
    ledger.trade("o1", "buy 2@100", fee="1").tell(tick("110"))
    books = ledger.books
    assert books.cash == CASH - 201
    assert books.equity() == CASH - 201 + 220
    assert (books.unrealized(), books.realized(), books.fees()) == amounts("20", "0", "1")
    assert (books.exposure(), books.margin_used()) == amounts("220", "0")


def test_on_a_perpetual_cash_moves_by_profit_and_fees_alone(ledger: Ledger) -> None:
    ledger.trade("o1", "sell 2@100", PERP, fee="1").tell(tick("90", PERP))
    books = ledger.books
    assert (books.cash, books.equity()) == (CASH - 1, CASH - 1 + 20)
    assert (books.exposure(), books.margin_used()) == amounts("180", "18")
    ledger.trade("o2", "buy 3@95", PERP)
    assert books.cash == CASH - 1 + 10
    assert books.position(PERP).quantity == 1


def test_without_a_price_yet_a_position_is_worth_what_it_cost(ledger: Ledger) -> None:
    ledger.trade("o1", "buy 2@100").trade("o2", "sell 2@100", PERP)
    assert ledger.books.mark(SPOT) is None
    assert ledger.books.equity() == CASH
    assert (ledger.books.exposure(), ledger.books.unrealized()) == amounts("400", "0")


def test_the_last_price_counts_whichever_event_brought_it(ledger: Ledger) -> None:
    bar = BarEvent(
        symbol=SPOT,
        price=Decimal(7),
        volume=ZERO,
        open=Decimal(5),
        high=Decimal(9),
        low=Decimal(4),
        interval=60,
    )
    ledger.tell(tick("5"), bar, tick("6", PERP))
    assert (ledger.books.mark(SPOT), ledger.books.mark(PERP)) == amounts("7", "6")


def test_flat_positions_keep_their_profit_but_are_not_listed(ledger: Ledger) -> None:
    ledger.trade("o1", "buy 2@100").trade("o2", "sell 2@105")
    assert ledger.books.positions() == []
    assert (ledger.books.realized(), ledger.books.equity()) == (Decimal(10), CASH + 10)


TRADES = st.lists(
    st.tuples(
        st.sampled_from([SPOT, PERP]),
        st.sampled_from(["buy", "sell"]),
        st.decimals("0.001", "50", places=3),
        st.decimals("0.01", "5000", places=2),
        st.decimals("0", "2", places=8),
        st.sampled_from(["a", "b"]),
    ),
    max_size=25,
)


@given(TRADES, st.decimals("0.01", "5000", places=2))
def test_money_is_conserved_exactly(
    trades: list[tuple[str, str, Decimal, Decimal, Decimal, str]], mark: Decimal
) -> None:
    ledger = Ledger()
    expected = CASH
    for n, (symbol, side, quantity, price, fee, strategy) in enumerate(trades):
        ledger.trade(f"o{n}", f"{side} {quantity}@{price}", symbol, str(fee), strategy)
        expected += Side(side).signed(quantity) * (mark - price) - fee
    ledger.tell(tick(str(mark)), tick(str(mark), PERP))
    books = ledger.books
    assert books.equity() == expected
    assert books.equity() == CASH + books.realized() + books.unrealized() - books.fees()
    assert problems_of(books.snapshot(), books.instruments) == []


@given(TRADES.filter(lambda trades: len(trades) <= 8), st.randoms(use_true_random=False))
def test_fills_commute_and_duplicates_add_nothing(
    trades: list[tuple[str, str, Decimal, Decimal, Decimal, str]], random: Random
) -> None:
    fills = [
        fill(f"t{n}", f"o{n}", f"{side} {quantity}@{price}", symbol, str(fee))
        for n, (symbol, side, quantity, price, fee, _) in enumerate(trades)
    ]
    shuffled = fills + fills[::2]
    random.shuffle(shuffled)
    worth = []
    for order in (fills, shuffled):
        ledger = Ledger()
        for n, (symbol, side, quantity, *_, strategy) in enumerate(trades):
            ledger.work(f"o{n}", f"{side} {quantity}", symbol, strategy)
        ledger.tell(*order, tick("7"), tick("9", PERP))
        books = ledger.books
        quantities = [books.position(symbol).quantity for symbol in (SPOT, PERP)]
        worth.append((quantities, books.fees(), books.equity(), books.account.fills_count))
    assert worth[0] == worth[1]


# --- the risk timer ----------------------------------------------------------------------------------


def test_the_peak_is_the_highest_equity_seen_by_a_risk_check(ledger: Ledger) -> None:
    ledger.trade("o1", "buy 10@100")
    for price in ("150", "120"):
        ledger.tell(tick(price), RISK_CHECK)
    ledger.tell(tick("900"), TimerEvent(name="rebalance"), tick("75"))
    books = ledger.books
    assert books.peak_equity == CASH + 500
    assert books.equity() == CASH - 250
    assert books.drawdown() == Decimal(750) / Decimal(10_500)


def test_there_is_no_drawdown_above_the_peak_nor_without_one(ledger: Ledger) -> None:
    ledger.trade("o1", "buy 10@100").tell(tick("150"))
    assert ledger.books.drawdown() == 0
    ledger.books.account.peak_equity = ZERO
    assert ledger.books.drawdown() == 0


def test_a_day_starts_with_the_first_risk_check_of_its_utc_day(ledger: Ledger) -> None:
    ledger.trade("o1", "buy 10@100")
    started = []
    for at, price in ((DAY, "110"), (DAY + 5, "120"), (2 * DAY - 1, "130"), (2 * DAY, "90")):
        ledger.at = at
        ledger.tell(tick(price), RISK_CHECK)
        started.append(ledger.books.day_start_equity - CASH)
    assert started == [100, 100, 100, -100]


# --- modes -------------------------------------------------------------------------------------------

PAUSE = CommandEvent(command=Command.PAUSE, reason="lunch")
RESUME = CommandEvent(command=Command.RESUME)
RISK_PAUSE = RiskEvent(code="loss", message="too much", action="pause")
RISK_HALT = RiskEvent(code="loss", message="far too much", action="halt")
RISK_ALERT = RiskEvent(code="loss", message="a bit", action="alert")


@pytest.mark.parametrize(
    ("events", "mode", "reason"),
    [
        ([], "RUNNING", ""),
        ([PAUSE], "PAUSED", "lunch"),
        ([RISK_PAUSE], "PAUSED", "loss: too much"),
        ([RISK_ALERT], "RUNNING", ""),
        ([PAUSE, RESUME], "RUNNING", ""),
        ([RISK_PAUSE, PAUSE], "PAUSED", "loss: too much"),
        ([RESUME], "RUNNING", ""),
        ([RISK_HALT], "HALTED", "loss: far too much"),
        ([EmergencyEvent(reason="fire")], "HALTED", "fire"),
        ([EmergencyEvent()], "HALTED", "emergency stop"),
        ([PAUSE, RISK_HALT], "HALTED", "loss: far too much"),
        ([EmergencyEvent(reason="fire"), RISK_HALT], "HALTED", "fire"),
        ([RISK_HALT, PAUSE], "HALTED", "loss: far too much"),
        ([RISK_HALT, RESUME], "HALTED", "loss: far too much"),
        ([RISK_HALT, RISK_PAUSE], "HALTED", "loss: far too much"),
        ([CommandEvent(command=Command.CANCEL_ALL)], "RUNNING", ""),
    ],
)
def test_modes_by_example(
    ledger: Ledger, events: list[CommandEvent | RiskEvent], mode: str, reason: str
) -> None:
    ledger.tell(*events)
    assert (ledger.books.mode, ledger.books.account.mode_reason) == (TradingMode(mode), reason)


def test_a_halt_keeps_the_moment_at_which_it_began(ledger: Ledger) -> None:
    for at in (5_000, 6_000):
        ledger.at = at
        ledger.tell(EmergencyEvent())
    assert ledger.books.account.halted_at == 5_000


@pytest.mark.parametrize("flatten", [True, False])
def test_an_emergency_stop_says_whether_it_closes_positions(ledger: Ledger, flatten: bool) -> None:
    ledger.tell(EmergencyEvent(flatten=flatten))
    assert ledger.books.flattening is flatten


def test_a_second_stop_may_add_the_closing_of_positions(ledger: Ledger) -> None:
    ledger.tell(EmergencyEvent(), EmergencyEvent(flatten=True))
    assert ledger.books.flattening


@pytest.mark.xfail(strict=True, reason="the books forget it while the latch keeps it")
def test_a_second_stop_does_not_take_the_closing_of_positions_back(ledger: Ledger) -> None:
    ledger.tell(EmergencyEvent(flatten=True), EmergencyEvent())
    assert ledger.books.flattening


# --- doubts: what the books believe ------------------------------------------------------------------


@pytest.mark.xfail(strict=True, reason="not checked")
@pytest.mark.parametrize(
    "wrong",
    [
        fill("t1", "o1", "sell 1@100"),
        fill("t1", "o1", "buy 1@100", PERP),
        fill("t1", "o1", "buy -1@100"),
        fill("t1", "o1", "buy 0@100"),
    ],
    ids=["other side", "other symbol", "negative", "nothing"],
)
def test_a_fill_that_contradicts_its_order_halts_and_changes_nothing(
    ledger: Ledger, wrong: FillEvent
) -> None:
    ledger.work("o1", "buy 3")
    before = ledger.hash()
    with pytest.raises(CoreError):
        ledger.tell(wrong)
    assert ledger.hash() == before


@pytest.mark.xfail(strict=True, reason="the order is changed before the position is computed")
def test_a_fill_that_cannot_be_booked_changes_nothing(ledger: Ledger) -> None:
    """Such as one of a symbol that this run does not know: check, then swap."""
    ledger.work("o1", "buy 3", "UNKNOWN")
    before = ledger.hash()
    with pytest.raises(Exception, match="unknown symbol"):
        ledger.tell(fill("t1", "o1", "buy 1@100", "UNKNOWN"))
    assert ledger.hash() == before


@pytest.mark.xfail(strict=True, reason="live it costs one event, in a fold it ends the recovery")
def test_a_fold_survives_what_the_live_run_survived() -> None:
    books = open_books()
    events = [intent("o1", "buy 3", "UNKNOWN"), approved("o1")]
    events_and_fill = [*events, fill("t1", "o1", "buy 1@100", "UNKNOWN")]
    books.fold(Record(n, 0, e) for n, e in enumerate(events_and_fill, 1))  # type: ignore[arg-type]
