"""What a limit may act upon: one wild print is no loss, and limits begin anew at the present equity."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures.books import CASH, PERP, SPOT, Ledger, tick
from tests.fixtures.rows import each_row
from tradectl.domain.events import BarEvent, BarOpened, Command, CommandReceived, TimerFired
from tradectl.domain.market_history import MarketHistory
from tradectl.domain.states import TradingState
from tradectl.domain.time import DAY, SECOND
from tradectl.risk.daily_closes import read_closes
from tradectl.risk.engine import RiskEngine
from tradectl.risk.limits import RiskLimits
from tradectl.state.account import Account
from tradectl.state.baselines import shift

D = Decimal
RISK_CHECK = TimerFired(name="risk")
RESUME = CommandReceived(command=Command.RESUME)


class Reviewed:
    """A ledger that risk reviews: what it finds is booked at once, as in a step."""

    def __init__(self, ledger: Ledger | None = None, limits: RiskLimits | None = None) -> None:
        self.ledger = ledger or Ledger()
        self.risk = RiskEngine(limits or RiskLimits())
        self.said: list[str] = []

    @property
    def account(self) -> Account:
        return self.ledger.books.account

    def prints(
        self, prices: Iterable[object], symbol: str = SPOT, every: int = 60 * SECOND
    ) -> None:
        """A review after each."""
        for price in prices:
            self.ledger.tell(tick(str(price), symbol))
            self.review(every)

    def review(self, after: int = 60 * SECOND) -> None:
        self.ledger.at += after
        self.ledger.tell(RISK_CHECK)
        books, at = self.ledger.books, self.ledger.at
        ended = self.risk.ended_pauses(books, at)
        breaches = self.risk.review(books, [pause.code for pause in ended])
        self.ledger.tell(*ended, *breaches)
        self.said += [f"{each.code} over" for each in ended]
        self.said += [f"{each.code} {each.action}" for each in breaches]

    @property
    def state(self) -> TradingState:
        return self.account.trading_state

    def resume(self) -> None:
        self.ledger.tell(RESUME)
        self.risk.begin_anew()


def all_in(limits: RiskLimits | None = None, side: str = "buy", symbol: str = SPOT) -> Reviewed:
    """100 coins at 100, of a cash of 10,000."""
    reviewed = Reviewed(limits=limits)
    reviewed.ledger.trade("o1", f"{side} 100@100", symbol)
    reviewed.prints([100, 100], symbol)
    return reviewed


@each_row("bad", ["10", "1000", "1", "60", "160"])
@each_row(("side", "symbol"), [("buy", SPOT), ("buy", PERP), ("sell", PERP)])
def test_one_wild_print_neither_pauses_nor_halts(bad: str, side: str, symbol: str) -> None:
    reviewed = all_in(side=side, symbol=symbol)
    reviewed.prints([bad, 100, 100, 101, 100], symbol)
    assert reviewed.state is TradingState.RUNNING
    assert {each for each in reviewed.said if "alert" not in each} == set()
    assert reviewed.ledger.books.limit_peak <= CASH + 100


def test_the_same_print_read_again_confirms_nothing() -> None:
    reviewed = all_in()
    reviewed.prints([50])
    for _ in range(10):
        reviewed.review()
    assert reviewed.state is TradingState.RUNNING
    reviewed.prints([50])
    assert reviewed.state is not TradingState.RUNNING


def test_prints_of_another_symbol_confirm_nothing() -> None:
    reviewed = all_in()
    reviewed.ledger.trade("o2", "buy 1@10", PERP)
    reviewed.prints([10, 10], PERP)
    reviewed.prints([50])
    reviewed.prints([10, 11, 10, 9], PERP)
    assert reviewed.state is TradingState.RUNNING
    reviewed.prints([51])
    assert reviewed.state is not TradingState.RUNNING


@pytest.mark.parametrize(("every", "halts_at"), [(SECOND, 2), (SECOND // 2, 3), (1, 3)])
def test_two_readings_a_second_apart_or_three_running(every: int, halts_at: int) -> None:
    reviewed = all_in()
    states = []
    for price in (80, 81, 80):
        reviewed.prints([price], every=every)
        states.append(reviewed.state)
    running = halts_at - 1
    assert states[:running] == [TradingState.RUNNING] * running
    assert states[running] is not TradingState.RUNNING


def test_an_account_without_positions_needs_no_second_look() -> None:
    reviewed = Reviewed()
    reviewed.ledger.trade("o1", "buy 100@100").trade("o2", "sell 100@80")
    reviewed.review()
    assert reviewed.state is not TradingState.RUNNING


def test_readings_survive_a_snapshot_to_the_letter() -> None:
    """Wherever the snapshot is taken, between a price and its reading too."""
    prices = ["100", "80", None, "81", None, None, "130", "70", "70"]
    for cut in range(len(prices)):
        one, other = all_in(), all_in()
        for number, price in enumerate(prices):
            if number == cut:
                ledger = Ledger(Account.load(other.ledger.books.snapshot().dump()))
                ledger.at = other.ledger.at
                other.ledger = ledger
            for each in (one, other):
                if price is not None:
                    each.ledger.tell(tick(price))
                if number == cut:
                    continue  # the price is there, and nobody has read it yet
                each.review()
        assert one.ledger.books.snapshot() == other.ledger.books.snapshot()


def test_a_pause_by_the_day_is_over_with_the_day() -> None:
    reviewed = all_in(
        RiskLimits(daily_loss_halt_pct=None, drawdown_pause_pct=None, drawdown_halt_pct=None)
    )
    reviewed.ledger.at = DAY * 100 + 1
    reviewed.prints([100, 89, 89])
    assert [*reviewed.account.pauses] == ["DAILY_LOSS"]
    reviewed.ledger.at = DAY * 101 - 61 * SECOND
    reviewed.review()
    assert [*reviewed.account.pauses] == ["DAILY_LOSS"]
    reviewed.review(61 * SECOND)
    assert reviewed.account.pauses == {}
    assert reviewed.ledger.books.day_start_equity == 8_900
    reviewed.prints([89, 80, 79])
    assert [*reviewed.account.pauses] == ["DAILY_LOSS"]
    assert [each for each in reviewed.said if "alert" not in each] == [
        "DAILY_LOSS pause", "DAILY_LOSS over", "DAILY_LOSS pause",
    ]  # fmt: skip


def test_midnight_lifts_its_own_cause_alone() -> None:
    reviewed = all_in(RiskLimits(daily_loss_halt_pct=None, drawdown_halt_pct=None))
    reviewed.ledger.at = DAY * 100 + 1
    reviewed.prints([100, 79, 79])
    assert [*reviewed.account.pauses] == ["DAILY_LOSS", "DRAWDOWN"]
    reviewed.ledger.at = DAY * 101
    reviewed.review()
    assert [*reviewed.account.pauses] == ["DRAWDOWN"]
    assert reviewed.state is TradingState.PAUSED
    assert reviewed.account.trading_state_reason.startswith("DRAWDOWN")


def test_an_account_that_was_killed_before_midnight_goes_on_with_the_first_review_after_it() -> (
    None
):
    limits = RiskLimits(daily_loss_halt_pct=None, drawdown_pause_pct=None, drawdown_halt_pct=None)
    killed = all_in(limits)
    killed.ledger.at = DAY * 100 + 1
    killed.prints([100, 89, 89])
    ledger = Ledger(Account.load(killed.ledger.books.snapshot().dump()))
    again = Reviewed(ledger, limits)
    ledger.at = DAY * 101 - 60 * SECOND
    assert [*again.account.pauses] == ["DAILY_LOSS"]
    again.review()
    assert (again.state, again.said) == (TradingState.RUNNING, ["DAILY_LOSS over"])


def test_after_a_day_by_a_clock_that_was_ahead_its_loss_goes_on_and_its_pause_ends_tonight() -> (
    None
):
    limits = RiskLimits(daily_loss_halt_pct=None, drawdown_pause_pct=None, drawdown_halt_pct=None)
    tomorrow = all_in(limits)
    tomorrow.ledger.at = DAY * 465 + 1  # a year too late
    tomorrow.prints([100, 89, 89])
    assert [*tomorrow.account.pauses] == ["DAILY_LOSS"]
    ledger = Ledger(Account.load(tomorrow.ledger.books.snapshot().dump()))
    today = Reviewed(ledger, limits)
    ledger.at = DAY * 100 + 3600 * SECOND
    today.prints([89, 89])
    assert ledger.books.day_start_equity == CASH
    assert [*today.account.pauses] == ["DAILY_LOSS"]
    today.resume()
    today.prints([80, 80, 80])
    assert [*today.account.pauses] == ["DAILY_LOSS"]
    ledger.at = DAY * 101
    today.review()
    assert (today.state, today.account.day) == (TradingState.RUNNING, 101)
    assert ledger.books.day_start_equity == 8_000


@pytest.mark.parametrize("paused", [False, True])
def test_a_pause_dated_tomorrow_ends_with_the_day_of_today(paused: bool) -> None:
    limits = RiskLimits(daily_loss_halt_pct=None, drawdown_pause_pct=None, drawdown_halt_pct=None)
    tomorrow = all_in(limits)
    tomorrow.ledger.at = DAY * 101 + 1
    tomorrow.prints([100, 89, 89] if paused else [100, 95, 95])
    ledger = Ledger(Account.load(tomorrow.ledger.books.snapshot().dump()))
    today = Reviewed(ledger, limits)
    ledger.at = DAY * 100 + 3600 * SECOND
    today.prints([89, 89])
    assert [*today.account.pauses] == ["DAILY_LOSS"]
    assert ledger.books.day_start_equity == CASH
    ledger.at = DAY * 101
    today.review()
    assert (today.state, today.said[-1]) == (TradingState.RUNNING, "DAILY_LOSS over")


def test_a_daily_pause_may_last_until_resume() -> None:
    limits = RiskLimits(
        daily_loss_halt_pct=None, drawdown_pause_pct=None, drawdown_halt_pct=None,
        daily_pause_ends="resume",
    )  # fmt: skip
    reviewed = all_in(limits)
    reviewed.ledger.at = DAY * 100 + 1
    reviewed.prints([100, 89, 89])
    reviewed.ledger.at = DAY * 102
    reviewed.review()
    assert [*reviewed.account.pauses] == ["DAILY_LOSS"]


def test_after_resume_limits_measure_from_now_and_the_maximum_drawdown_stays() -> None:
    reviewed = all_in(RiskLimits(daily_loss_halt_pct=None, drawdown_halt_pct=None))
    reviewed.prints([79, 79])
    books = reviewed.ledger.books
    assert [*reviewed.account.pauses] == ["DAILY_LOSS", "DRAWDOWN"]
    reviewed.resume()
    assert reviewed.state is TradingState.RUNNING
    assert books.limit_peak == books.peak_equity == books.day_start_equity == 7_900
    reviewed.prints([79, 78, 79, 79])
    assert reviewed.state is TradingState.RUNNING
    assert books.max_drawdown() == D("0.22")
    reviewed.prints([63, 63])
    assert [*reviewed.account.pauses] == ["DAILY_LOSS", "DRAWDOWN"]
    assert books.max_drawdown() == D("0.37")


def test_a_resume_when_nothing_is_paused_moves_no_limit() -> None:
    reviewed = all_in()
    reviewed.prints([95, 95])
    reviewed.resume()
    assert reviewed.ledger.books.limit_peak == CASH


NO_HALT = RiskLimits(daily_loss_halt_pct=None, drawdown_pause_pct=None, drawdown_halt_pct=None)


def restarted(reviewed: Reviewed, at: int) -> Reviewed:
    """The next run, that begins at `at` (ns)."""
    ledger = Ledger(Account.load(reviewed.ledger.books.snapshot().dump()))
    ledger.at = at
    return Reviewed(ledger, NO_HALT)


@each_row("behind", [3600 * SECOND, DAY, 2 * DAY, 365 * DAY])
def test_a_run_by_a_clock_that_was_behind_begins_no_day_anew(behind: int) -> None:
    noon = DAY * 100 + 1800 * SECOND
    today = all_in(NO_HALT)
    today.ledger.at = noon
    today.prints([100, 97, 97])
    late = restarted(today, noon + 600 * SECOND - behind)
    late.prints([94, 94])
    assert late.ledger.books.day_start_equity == CASH
    again = restarted(late, noon + 1200 * SECOND)
    again.prints([94, 94])
    assert again.ledger.books.day_start_equity == CASH
    assert again.account.pauses == {}
    again.prints([89, 89])
    assert [*again.account.pauses] == ["DAILY_LOSS"]
    once_more = restarted(again, noon + 1800 * SECOND - behind)
    once_more.review()
    last = restarted(once_more, noon + 2400 * SECOND)
    last.review()
    assert [*last.account.pauses] == ["DAILY_LOSS"]
    last.ledger.at = DAY * 101 - 60 * SECOND
    last.review()
    assert last.account.pauses == {}
    assert last.ledger.books.day_start_equity == 8_900


def test_what_was_got_by_a_clock_that_was_behind_may_be_lost_again() -> None:
    today = all_in(NO_HALT)
    today.ledger.at = DAY * 100 + 1
    today.prints([100, 100])
    late = restarted(today, DAY * 99 + 1)
    late.prints([120, 120])
    again = restarted(late, DAY * 100 + 3600 * SECOND)
    again.prints([120, 107, 107])
    assert [*again.account.pauses] == ["DAILY_LOSS"]


def test_the_day_of_a_clock_that_was_ahead_parts_no_loss() -> None:
    """Five percent before it, and five by it and after it."""
    today = all_in(NO_HALT)
    today.ledger.at = DAY * 100 + 1
    today.prints([100, 95, 95])
    tomorrow = restarted(today, DAY * 101 + 1)
    tomorrow.prints([92, 92])
    assert tomorrow.ledger.books.day_start_equity == 9_500
    again = restarted(tomorrow, DAY * 100 + 3600 * SECOND)
    again.prints([89, 89])
    assert again.ledger.books.day_start_equity == CASH
    assert [*again.account.pauses] == ["DAILY_LOSS"]


def test_after_a_clock_that_was_ahead_days_have_closes_again() -> None:
    run = all_in(NO_HALT)
    run.account.history = MarketHistory(length=9)
    for day, price in ((100, 100), (101, 99), (465, 98), (102, 97), (103, 96), (104, 95)):
        run = restarted(run, DAY * day + SECOND)
        run.prints([price])
    assert read_closes(run.account.risk.closes[SPOT]) == {100: 99, 102: 96, 103: 95}
    history = run.account.history
    assert history is not None
    assert history.next_period == 104
    assert [*history.closes[SPOT][-2:]] == [D(96), D(95)]


def test_money_that_is_moved_moves_the_starts_of_other_days() -> None:
    today = all_in(NO_HALT)
    today.ledger.at = DAY * 100 + 1
    today.prints([100, 100])
    late = restarted(today, DAY * 99 + 1)
    late.prints([100])
    shift(late.account, D(500))
    again = restarted(late, DAY * 100 + 3600 * SECOND)
    again.review()
    assert again.ledger.books.day_start_equity == CASH + 500


def test_a_loss_over_midnight_while_nothing_runs_pauses_anew_where_a_pause_ends() -> None:
    today = all_in(NO_HALT)
    today.ledger.at = DAY * 100 + 1
    today.prints([100, 89, 89])
    tomorrow = restarted(today, DAY * 101)
    tomorrow.ledger.trade("o2", "sell 100@75")
    tomorrow.review()
    assert [*tomorrow.account.pauses] == ["DAILY_LOSS"]
    assert tomorrow.account.pauses["DAILY_LOSS"].since > DAY * 101


@pytest.mark.parametrize("bad", ["250", "40"])
def test_a_day_that_begins_with_a_wild_print_is_put_right_by_the_next(bad: str) -> None:
    reviewed = all_in()
    reviewed.ledger.at = DAY * 100 - 60 * SECOND
    reviewed.prints([bad])
    assert reviewed.account.day == 100
    reviewed.prints([100, 100, 100])
    assert reviewed.ledger.books.day_start_equity == CASH
    assert reviewed.state is TradingState.RUNNING


@pytest.mark.parametrize("bad", ["250", "40"])
def test_so_is_a_day_whose_eve_ended_with_one(bad: str) -> None:
    reviewed = all_in()
    reviewed.ledger.at = DAY * 100 - 120 * SECOND
    reviewed.prints([bad, 100, 100])
    assert reviewed.account.day == 100
    assert reviewed.ledger.books.day_start_equity == CASH
    assert reviewed.state is TradingState.RUNNING


@pytest.mark.parametrize("days", [1, 3])
def test_what_is_lost_over_midnight_while_nothing_runs_counts(days: int) -> None:
    limits = RiskLimits(drawdown_pause_pct=None, drawdown_halt_pct=None)
    before = all_in(limits)
    before.ledger.at = DAY * 100 - 120 * SECOND
    before.prints([100])
    ledger = Ledger(Account.load(before.ledger.books.snapshot().dump()))
    after = Reviewed(ledger, limits)
    ledger.at = DAY * (99 + days) + 60 * SECOND
    after.prints([88, 88])
    assert ledger.books.day_start_equity == CASH
    assert after.state is TradingState.REDUCING


@pytest.mark.parametrize("bad", ["250", "40"])
def test_so_are_limits_that_begin_anew_at_one(bad: str) -> None:
    reviewed = all_in(RiskLimits(daily_loss_halt_pct=None, drawdown_halt_pct=None))
    reviewed.prints([79, 79, bad])
    reviewed.resume()
    reviewed.prints([79, 79, 79])
    assert reviewed.ledger.books.limit_peak == reviewed.ledger.books.day_start_equity == 7_900
    assert reviewed.state is TradingState.RUNNING


def test_money_that_is_put_in_or_taken_out_is_neither_a_gain_nor_a_loss() -> None:
    reviewed = all_in()
    for amount in (D(50_000), D(-55_000)):
        reviewed.account.cash += amount
        shift(reviewed.account, amount)
        reviewed.prints([100, 100, 100])
    books = reviewed.ledger.books
    assert books.limit_peak == books.day_start_equity == books.peak_equity == books.equity()
    assert books.max_drawdown() == 0
    assert {each for each in reviewed.said if each.startswith("D")} == set()


# --- whatever the prices ----------------------------------------------------------------------------

steps = st.lists(st.integers(-4, 4), min_size=2, max_size=30)
wild = st.sampled_from(["0.1", "0.5", "0.7", "0.85", "1.2", "1.5", "3", "9"]).map(D)


@given(
    st.sampled_from([("buy", SPOT), ("buy", PERP), ("sell", PERP)]),
    steps,
    st.lists(st.booleans(), min_size=30, max_size=30),
    st.integers(0, 29),
    wild,
    st.sampled_from([1, SECOND // 2, SECOND, 60 * SECOND, DAY // 5]),
)
def test_one_bad_print_anywhere_never_changes_what_trading_may_do(
    held: tuple[str, str],
    moves: list[int],
    reviewed_then: list[bool],
    at: int,
    factor: D,
    every: int,
) -> None:
    side, symbol = held
    limits = RiskLimits(
        daily_loss_alert_pct=None, daily_loss_pause_pct=D(15), daily_loss_halt_pct=None,
        drawdown_alert_pct=None, drawdown_pause_pct=D(15), drawdown_halt_pct=None,
    )  # fmt: skip
    prices = [D(100)]
    for move in moves:
        prices.append(min(D(105), max(D(95), prices[-1] + move)))  # never a loss of 15 %
    reviewed = all_in(limits, side, symbol)
    for number, price in enumerate(prices):
        if number == at % len(prices):
            reviewed.prints([price * factor], symbol, every)
        reviewed.ledger.tell(tick(str(price), symbol))
        if reviewed_then[number % 30]:
            reviewed.review(every)
    reviewed.review(every)
    assert reviewed.state is TradingState.RUNNING
    assert {each for each in reviewed.said if "alert" not in each} == set()
    assert reviewed.ledger.books.limit_peak <= CASH + 500


def test_the_present_drawdown_is_never_deeper_than_the_maximum() -> None:
    reviewed = all_in()
    books, ts = reviewed.ledger.books, reviewed.ledger.at
    minute, five = 60 * SECOND, D(5)
    reviewed.ledger.tell(BarOpened(symbol=SPOT, price=D(110), volume=five, ts=ts))
    reviewed.review()  # inside the candle: its open is no peak
    bar = BarEvent(
        symbol=SPOT,
        open=D(110),
        high=D(110),
        low=D(99),
        price=D(99),
        volume=five,
        ts=ts + minute,
        interval=minute,
    )
    reviewed.ledger.tell(bar)
    reviewed.review()
    assert books.drawdown() == books.max_drawdown() == D("0.01")


actions = st.one_of(
    st.tuples(st.just("print"), st.integers(20, 300)),
    st.tuples(st.just("review"), st.sampled_from([SECOND // 2, 60 * SECOND, DAY])),
    st.tuples(st.just("transfer"), st.integers(-3_000, 3_000)),
    st.tuples(st.just("resume"), st.just(0)),
    st.tuples(st.just("restart"), st.just(0)),
)


@given(st.lists(actions, max_size=40))
def test_baselines_hold_whatever_happens(steps: list[tuple[str, int]]) -> None:
    reviewed = all_in(RiskLimits(daily_loss_halt_pct=None, drawdown_halt_pct=None))
    worst = D(0)
    for what, amount in steps:
        books, account = reviewed.ledger.books, reviewed.account
        if what == "print":
            reviewed.ledger.tell(tick(str(amount)))
        elif what == "review":
            reviewed.review(amount)
        elif what == "transfer":
            before = account.peak_equity - books.equity(), account.high_water - books.equity()
            account.cash += amount
            shift(account, D(amount))
            now = account.peak_equity - books.equity(), account.high_water - books.equity()
            assert now == before
        elif what == "resume" and reviewed.state is TradingState.PAUSED:
            reviewed.resume()
            assert account.peak_equity == account.day_start_equity == books.equity()
            said = len(reviewed.said)
            reviewed.review(1)  # the first review after it does not fall back
            assert [each for each in reviewed.said[said:] if "alert" not in each] == []
        elif what == "restart":
            hashed = reviewed.ledger.hash()
            again = Ledger(Account.load(books.snapshot().dump()))
            again.at = reviewed.ledger.at
            reviewed.ledger = again
            assert again.hash() == hashed
        account = reviewed.account
        assert account.peak_equity <= account.high_water
        assert reviewed.ledger.books.limit_peak <= account.high_water
        assert account.max_drawdown >= worst or what == "transfer"
        worst = account.max_drawdown


@given(
    st.lists(
        st.tuples(st.integers(70, 100), st.sampled_from([1, SECOND // 2, SECOND, 5 * SECOND])),
        min_size=1,
        max_size=12,
    )
)
def test_a_limit_acts_at_the_very_check_that_confirms_its_loss(
    checks: list[tuple[int, int]],
) -> None:
    """Not at the next one: each check here has a new price, and either it is the third running that
    is beyond the limit, or the second with a second in between."""
    reviewed = all_in(
        RiskLimits(daily_loss_halt_pct=None, drawdown_pause_pct=None, drawdown_halt_pct=None)
    )
    beyond: list[bool] = []
    for price, after in checks:
        reviewed.prints([price], every=after)
        beyond.append(price <= 90)
        apart = beyond[-2:] == [True, True] and after >= SECOND
        if apart or beyond[-3:] == [True, True, True]:
            assert reviewed.state is TradingState.PAUSED
            return
        assert reviewed.state is TradingState.RUNNING
