"""Cash, positions and profit: conserved exactly, on spot and on perpetuals; peak, drawdown, modes."""

from __future__ import annotations

from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures.books import (
    CASH,
    PERP,
    SPOT,
    Ledger,
    amounts,
    fill,
    tick,
)
from tradectl.domain.events import (
    BarEvent,
    Command,
    CommandReceived,
    EmergencyStopReceived,
    LimitBreached,
    RiskAction,
    TimerFired,
    TradingConcluded,
)
from tradectl.domain.money import ZERO, Side
from tradectl.domain.states import TradingState, told_of_pause
from tradectl.domain.time import DAY, iso
from tradectl.state.account import OPERATOR, Account, Pause
from tradectl.state.consistency import problems_of
from tradectl.state.status import paused

RISK_CHECK = TimerFired(name="risk")


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def test_on_spot_cash_pays_for_coins_and_equity_counts_them(ledger: Ledger) -> None:
    ledger.trade("o1", "buy 2@100", fee="1").tell(tick("110"))
    books = ledger.books
    assert books.cash == CASH - 201
    assert books.equity() == CASH - 201 + 220
    assert (books.unrealized(), books.realized(), books.fees()) == amounts("20", "0", "1")
    assert (books.exposure(), books.margin().initial()) == amounts("220", "0")


def test_on_a_perpetual_cash_moves_by_profit_and_fees_alone(ledger: Ledger) -> None:
    ledger.trade("o1", "sell 2@100", PERP, fee="1").tell(tick("90", PERP))
    books = ledger.books
    assert (books.cash, books.equity()) == (CASH - 1, CASH - 1 + 20)
    assert (books.exposure(), books.margin().initial()) == amounts("180", "18")
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
    ledger.tell(tick("900"), TimerFired(name="rebalance"), tick("75"))
    books = ledger.books
    assert books.peak_equity == CASH + 500
    assert books.equity() == CASH - 250
    assert books.drawdown() == Decimal(750) / Decimal(10_500)


def test_there_is_no_drawdown_above_the_peak_nor_without_one(ledger: Ledger) -> None:
    ledger.trade("o1", "buy 10@100").tell(tick("150"))
    assert ledger.books.drawdown() == 0
    ledger.books.account.peak_equity = ZERO
    assert ledger.books.drawdown() == 0


def test_the_largest_drawdown_is_kept_when_the_loss_is_won_back(ledger: Ledger) -> None:
    ledger.trade("o1", "buy 10@100")
    for price in ("150", "75", "149", "160", "120"):
        ledger.tell(tick(price), RISK_CHECK)
    assert ledger.books.drawdown() == Decimal(400) / Decimal(10_600)
    assert ledger.books.max_drawdown() == Decimal(750) / Decimal(10_500)


def test_the_last_price_counts_for_the_largest_drawdown(ledger: Ledger) -> None:
    ledger.trade("o1", "buy 10@100").tell(tick("150"), RISK_CHECK, tick("50"))
    assert (
        ledger.books.max_drawdown() == ledger.books.drawdown() == Decimal(1_000) / Decimal(10_500)
    )
    ledger.tell(tick("150"))
    assert ledger.books.max_drawdown() == 0


PRICES = st.lists(st.tuples(st.decimals("0.01", "5000", places=2), st.booleans()), max_size=40)


@given(st.sampled_from([(SPOT, "buy"), (PERP, "buy"), (PERP, "sell")]), PRICES)
def test_the_largest_drawdown_is_the_worst_loss_from_a_peak_before_it(
    held: tuple[str, str], prices: list[tuple[Decimal, bool]]
) -> None:
    symbol, side = held
    ledger, seen = Ledger(), [CASH]
    ledger.trade("o1", f"{side} 5@100", symbol)
    for price, is_checked in prices:
        ledger.tell(tick(str(price), symbol), *([RISK_CHECK] if is_checked else []))
        if is_checked:
            seen.append(CASH + Side(side).signed(Decimal(5)) * (price - 100))
    if prices and not prices[-1][1]:
        seen.append(CASH + Side(side).signed(Decimal(5)) * (prices[-1][0] - 100))
    peaks = [max(seen[: n + 1]) for n in range(len(seen))]
    worst = max((peak - equity) / peak for peak, equity in zip(peaks, seen, strict=True))
    assert ledger.books.max_drawdown() == worst
    again = Ledger(ledger.books.snapshot()).books
    assert again.max_drawdown() == ledger.books.max_drawdown()


def test_a_day_starts_with_what_was_measured_last_before_it(ledger: Ledger) -> None:
    ledger.trade("o1", "buy 10@100")
    started = []
    for at, price in ((DAY, "110"), (DAY + 5, "120"), (2 * DAY - 1, "130"), (2 * DAY, "90")):
        ledger.at = at
        ledger.tell(tick(price), RISK_CHECK)
        started.append(ledger.books.day_start_equity - CASH)
    assert started == [0, 0, 0, 300]


# --- modes -------------------------------------------------------------------------------------------

PAUSE = CommandReceived(command=Command.PAUSE, reason="lunch")
RESUME = CommandReceived(command=Command.RESUME)
CLEAR_HALT = CommandReceived(command=Command.CLEAR_HALT)
RISK_PAUSE = LimitBreached(code="loss", message="too much", action=RiskAction.PAUSE)
RISK_HALT = LimitBreached(code="loss", message="far too much", action=RiskAction.HALT)
RISK_REDUCE = LimitBreached(code="loss", message="far too much", action=RiskAction.REDUCE)
RISK_FLATTEN = LimitBreached(code="loss", message="far too much", action=RiskAction.FLATTEN)
FLATTEN = EmergencyStopReceived(reason="fire", flatten=True)
BOTH = "fire; before it: loss: far too much"
CONCLUDED = TradingConcluded(state=TradingState.REDUCING, reason="flat")
RISK_ALERT = LimitBreached(code="loss", message="a bit", action=RiskAction.ALERT)


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
        ([EmergencyStopReceived(reason="fire")], "HALTED", "fire"),
        ([EmergencyStopReceived()], "HALTED", "emergency stop"),
        ([PAUSE, RISK_HALT], "HALTED", "loss: far too much"),
        ([EmergencyStopReceived(reason="fire"), RISK_HALT], "HALTED", "fire"),
        ([RISK_HALT, PAUSE], "HALTED", "loss: far too much"),
        ([RISK_HALT, RESUME], "HALTED", "loss: far too much"),
        ([RISK_HALT, RISK_PAUSE], "HALTED", "loss: far too much"),
        ([CommandReceived(command=Command.CANCEL_ALL)], "RUNNING", ""),
        ([RISK_REDUCE], "REDUCING", "loss: far too much"),
        ([RISK_PAUSE, RISK_REDUCE], "REDUCING", "loss: far too much"),
        ([RISK_REDUCE, RISK_PAUSE], "REDUCING", "loss: far too much"),
        ([RISK_REDUCE, PAUSE, RESUME], "REDUCING", "loss: far too much"),
        ([RISK_FLATTEN], "FLATTENING", "loss: far too much"),
        ([RISK_FLATTEN, RISK_REDUCE], "FLATTENING", "loss: far too much"),
        ([RISK_FLATTEN, RISK_HALT], "HALTED", "loss: far too much"),
        ([RISK_FLATTEN, CONCLUDED], "HALTED", "loss: far too much"),
        ([RISK_REDUCE, CONCLUDED], "REDUCING", "loss: far too much"),
        ([RISK_HALT, RISK_FLATTEN], "HALTED", "loss: far too much"),
        ([RISK_REDUCE, EmergencyStopReceived(reason="fire")], "HALTED", BOTH),
        ([RISK_REDUCE, FLATTEN], "FLATTENING", BOTH),
        ([RISK_FLATTEN, FLATTEN, FLATTEN], "FLATTENING", BOTH),
        ([RISK_FLATTEN, FLATTEN, CONCLUDED], "HALTED", BOTH),
        ([RISK_HALT, FLATTEN], "FLATTENING", "loss: far too much"),
        ([FLATTEN], "FLATTENING", "fire"),
        ([FLATTEN, EmergencyStopReceived(reason="enough")], "HALTED", "enough; before it: fire"),
    ],
)
def test_modes_by_example(
    ledger: Ledger, events: list[CommandReceived | LimitBreached], mode: str, reason: str
) -> None:
    ledger.tell(*events)
    assert (ledger.books.trading_state, ledger.books.account.trading_state_reason) == (
        TradingState(mode),
        reason,
    )


def test_pauses_are_a_set_by_cause_each_with_its_first_reason_and_moment(ledger: Ledger) -> None:
    for at, event in ((5, RISK_PAUSE), (6, PAUSE), (7, RISK_PAUSE), (8, PAUSE)):
        ledger.at = at
        ledger.tell(event)
    assert ledger.books.account.pauses == {
        "loss": Pause("loss: too much", 5),
        OPERATOR: Pause("lunch", 6),
    }
    told = paused(ledger.books)
    assert told is not None
    assert (told.reason, told.since) == ("loss: too much; lunch", iso(5))
    assert [cause.cause for cause in told.causes] == ["loss", OPERATOR]


def test_resume_lifts_every_pause(ledger: Ledger) -> None:
    ledger.tell(RISK_PAUSE, PAUSE, RESUME)
    account = ledger.books.account
    assert (account.pauses, account.trading_state) == ({}, TradingState.RUNNING)
    assert paused(ledger.books) is None


@pytest.mark.parametrize("state", TradingState)
def test_a_pause_in_a_halt_is_said_to_count_once_that_is_cleared(state: TradingState) -> None:
    assert ("once that is cleared" in told_of_pause(state.value)) is state.is_halt


def test_a_copy_of_the_account_has_pauses_of_its_own(ledger: Ledger) -> None:
    ledger.tell(RISK_PAUSE)
    copy = ledger.books.snapshot()
    ledger.tell(RESUME)
    assert [*copy.pauses] == ["loss"]
    assert Account.load(copy.dump()) == copy


@pytest.mark.parametrize(
    ("events", "mode", "causes"),
    [
        ([], "RUNNING", []),
        ([PAUSE], "PAUSED", [OPERATOR]),
        ([RISK_PAUSE], "PAUSED", ["loss"]),
        ([RISK_PAUSE, PAUSE], "PAUSED", ["loss", OPERATOR]),
        ([PAUSE, RESUME], "RUNNING", []),
        ([RISK_HALT], "RUNNING", []),
        ([RISK_PAUSE, RISK_HALT], "RUNNING", []),
        ([RISK_PAUSE, PAUSE, RISK_HALT], "PAUSED", [OPERATOR]),
        ([RISK_PAUSE, PAUSE, RISK_REDUCE], "PAUSED", [OPERATOR]),
        ([RISK_FLATTEN], "RUNNING", []),
        ([RISK_REDUCE, PAUSE, RISK_PAUSE], "PAUSED", [OPERATOR]),
        ([RISK_HALT, PAUSE, RESUME], "PAUSED", [OPERATOR]),
    ],
)
def test_a_cleared_halt_leaves_a_pause_that_was_there_alone_and_the_operators_own_beside_it(
    ledger: Ledger, events: list[CommandReceived | LimitBreached], mode: str, causes: list[str]
) -> None:
    ledger.tell(*events)
    ledger.tell(CLEAR_HALT)
    account = ledger.books.snapshot()
    assert (account.trading_state, [*account.pauses]) == (TradingState(mode), causes)
    assert (account.trading_state_reason != "") == bool(causes)
    assert (account.state_since == 0, account.protection_dropped) == (not causes, False)


def test_a_halt_keeps_the_moment_at_which_it_began(ledger: Ledger) -> None:
    for at in (5_000, 6_000):
        ledger.at = at
        ledger.tell(EmergencyStopReceived())
    assert ledger.books.account.state_since == 5_000


def test_a_halt_that_has_closed_its_positions_is_as_old_as_it_was(ledger: Ledger) -> None:
    for at, event in ((5, EmergencyStopReceived()), (6, FLATTEN), (7, CONCLUDED)):
        ledger.at = at
        ledger.tell(event)
    assert ledger.books.account.state_since == 5


@pytest.mark.parametrize("drop", [True, False])
def test_protection_is_dropped_by_an_emergency_stop_that_says_so(
    ledger: Ledger, drop: bool
) -> None:
    ledger.tell(EmergencyStopReceived(drop_protection=drop), EmergencyStopReceived())
    assert ledger.books.protection_dropped is drop
