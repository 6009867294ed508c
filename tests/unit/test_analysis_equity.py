"""Equity by hand: marks, days that end at midnight, drawdowns, money put in and taken out."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest
from msgspec.structs import replace

from tests.fixtures.journal import HEADER
from tests.fixtures.rows import each_row
from tradectl.analysis.benchmark import BuyAndHold
from tradectl.analysis.downsampling import Downsampled
from tradectl.analysis.equity import Day, EquityCurve
from tradectl.analysis.run_analysis import RunAnalysis
from tradectl.config.settings import Settings
from tradectl.domain.errors import JournalError
from tradectl.domain.event import IncomeKind
from tradectl.domain.events import CashMoved, MarketDataEvent, Record, SystemEvent
from tradectl.domain.money import ZERO
from tradectl.domain.time import DAY, HOUR, iso
from tradectl.report.builder import statistics_of
from tradectl.state.account import Account

D = Decimal
NOON = 20_000 * DAY + 12 * HOUR
MINUTE = HOUR // 60
MOVED = CashMoved(exchange="paper", income_id="i1", kind=IncomeKind.TRANSFER, amount=D(7))


def curve(*marks: tuple[int, int], most: int = 2048) -> EquityCurve:
    """From 100 at noon on; hours since then and equity."""
    found = EquityCurve(NOON, D(100), most)
    for hours, equity in marks:
        found.mark(NOON + hours * HOUR, D(equity), ZERO, 0.0)
    return found


def test_a_mark_at_midnight_is_the_last_of_its_day() -> None:
    found = curve((6, 110), (12, 121), (13, 110), (24, 99))
    found.end(NOON + 24 * HOUR)
    days = [(day.day, day.equity, day.pnl, round(day.change, 9)) for day in found.days]
    assert days == [
        (20_000, D(121), D(21), 0.21),
        (20_001, D(99), D(-22), round(99 / 121 - 1, 9)),
    ]
    assert found.growth == pytest.approx(0.99)


def test_days_without_a_mark_have_no_return() -> None:
    found = curve((1, 110), (70, 121))
    found.end(NOON + 70 * HOUR)
    assert [(round(day.change, 9), day.mark) for day in found.days] == [
        (0.1, True), (0.0, False), (0.0, False), (0.1, True),
    ]  # fmt: skip


def test_a_run_that_begins_at_midnight_has_no_day_before_it() -> None:
    found = EquityCurve(20_000 * DAY, D(100))
    found.mark(20_000 * DAY, D(100), ZERO, 0.0)
    found.mark(20_000 * DAY + HOUR, D(90), ZERO, 0.0)
    found.end(20_000 * DAY + HOUR)
    assert [day.day for day in found.days] == [20_000]


def test_a_run_of_one_moment_has_a_day() -> None:
    found = curve((0, 90))
    found.end(NOON)
    assert [day.pnl for day in found.days] == [D(-10)]


def test_drawdowns_with_their_dates() -> None:
    found = curve((1, 120), (2, 90), (3, 60), (4, 120), (5, 110), (6, 130), (7, 117))
    found.end(NOON + 7 * HOUR)
    told = [
        (
            each.depth,
            each.amount,
            *((at - NOON) // HOUR for at in (each.peak_at, each.trough_at)),
            each.recovered_at and (each.recovered_at - NOON) // HOUR,
        )
        for each in found.worst
    ]
    assert told[0] == (D("0.5"), D(60), 1, 3, 4)
    assert told[1] == (D("0.1"), D(13), 6, 7, 0)
    assert told[2][1:] == (D(10), 4, 5, 6)
    assert found.max_drawdown == D("0.5")
    assert (found.lowest, found.highest) == (D(60), D(130))
    assert found.worst_day == pytest.approx(0.4)


def test_money_put_in_is_no_profit_and_money_taken_out_no_loss() -> None:
    found = curve((1, 110))
    found.moved(NOON + 2 * HOUR, D(110), D(890))
    found.mark(NOON + 3 * HOUR, D(1100), ZERO, 0.0)
    found.moved(NOON + 4 * HOUR, D(1100), D(-600))
    found.mark(NOON + 5 * HOUR, D(450), ZERO, 0.0)
    found.end(NOON + 5 * HOUR)
    assert found.growth == pytest.approx(1.1 * 1.1 * 0.9)
    assert found.max_drawdown == D("0.1")
    assert [day.pnl for day in found.days] == [D(60)]
    assert found.days[0].change == pytest.approx(1.1 * 1.1 * 0.9 - 1)
    assert found.transferred == D(290)


def test_time_that_something_was_held() -> None:
    found = curve()
    found.mark(NOON + HOUR, D(100), D(50), 0.0)
    found.expose(NOON + 3 * HOUR, D(100), D(200))
    found.mark(NOON + 4 * HOUR, D(100), ZERO, 0.0)
    found.end(NOON + 10 * HOUR)
    assert found.exposed_ns == 3 * HOUR
    assert found.leverage_time == pytest.approx((0.5 * 2 + 2.0) * HOUR)
    assert found.max_leverage == 2.0
    assert found.max_exposure == 200


def test_a_long_curve_is_short_and_keeps_its_extremes() -> None:
    dice = random.Random(1)
    marks = [(hour, 100 + dice.randrange(50)) for hour in range(1, 10_000)]
    found = curve(*marks, most=64)
    points = found.points
    assert 32 <= len(points) <= 65
    assert min(point.low for point in points) == float(found.lowest)
    assert max(point.high for point in points) == float(found.highest)
    assert max(point.drawdown for point in points) == pytest.approx(float(found.max_drawdown))
    assert points[-1].equity == float(found.equity)


@each_row("count", [0, 1, 7, 8, 9, 100])
def test_downsampling_loses_nothing(count: int) -> None:
    kept = Downsampled[tuple[int, ...]](8, lambda first, second: first + second)
    for n in range(count):
        kept.add((n,))
    assert [n for point in kept.all() for n in point] == list(range(count))
    assert len(kept.all()) <= 8


def test_buy_and_hold_has_equal_parts_and_waits_for_who_comes_late() -> None:
    hold = BuyAndHold(D("0.01"))
    hold.see("A", D(100))
    hold.see("A", D(202))
    alone = hold.gain
    hold.see("B", D(10))
    assert hold.return_() == (D(2) / 1 - 1 + D(10) / D("10.1") - 1) / 2
    assert hold.worth(D(1000), hold.gain) == pytest.approx(1000 * (1 + float(hold.return_())))
    assert hold.worth(D(1000), alone) == pytest.approx(1500)


def test_what_is_said_before_there_is_data_begins_nothing() -> None:
    account = Account.open("a", "USDT", D(100))
    header = replace(HEADER, config=Settings().dump(), state=account.dump())
    analysis = RunAnalysis(header)
    analysis.take(Record(1, 0, SystemEvent(kind="note")))
    tick = MarketDataEvent(symbol="BTCUSDT", price=D(1), volume=D(1), ts=NOON)
    analysis.take(Record(2, NOON, tick))
    figures = analysis.end()
    assert figures.started == NOON
    assert len(figures.curve.days) == 0


def analysis_of(**changed: str) -> RunAnalysis:
    account = Account.open("a", "USDT", D(100))
    return RunAnalysis(replace(HEADER, config=Settings().dump(), state=account.dump(), **changed))


def test_a_run_of_no_records_began_and_ended_when_it_was_started() -> None:
    without, untimed = analysis_of(), analysis_of()
    untimed.take(Record(1, 0, SystemEvent(kind="note")))
    untimed.take(Record(2, 0, MOVED))
    for found, invested in ((without.end(), 100), (untimed.end(), 107)):
        assert iso(found.started) == iso(found.ended) == HEADER.started_at
        assert found.curve.equity == found.curve.first == invested
        assert found.pnl == len(found.curve.days) == 0
    with pytest.raises(JournalError, match="no time at which the run started, but 'soon'"):
        analysis_of(started_at="soon").end()


@pytest.mark.parametrize(("minutes", "is_said"), [(25, False), (1439, False), (1441, True)])
def test_what_is_said_of_a_year_is_said_of_a_day_at_least(minutes: int, is_said: bool) -> None:
    """However many midnights it went over."""
    found = analysis_of().end()
    found.curve = EquityCurve(NOON, D(100))
    last = NOON + minutes * MINUTE
    for n, at in enumerate((NOON + MINUTE, last)):
        found.curve.mark(at, D(100) + n, D(0), 0.0)
    for moved in range(3):
        found.curve.days.append(Day(moved, D(100), D(0), 0.01 * moved - 0.005, 0.0, mark=True))
    found.curve.end(last)
    figures = statistics_of(found)
    of_year = (figures.sharpe, figures.sortino, figures.volatility_pct, figures.cagr_pct)
    assert [each is not None for each in of_year] == [is_said] * 4
    assert figures.calmar is None  # nothing was lost
