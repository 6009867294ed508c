"""How prices moved: a close for each period, folded, bounded, the same after a restart."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.fixtures.books import SPOT, Ledger, open_books, tick
from tradectl.domain.events import BarEvent, MarketDataEvent, TimerFired, WarmUpReceived
from tradectl.domain.market_history import MarketHistory
from tradectl.domain.time import DAY, HOUR
from tradectl.state.account import Account
from tradectl.state.price_history import from_recording, warmed_up

NAMES = ("A", "B")


def prices(**values: int) -> dict[str, Decimal]:
    return {name: Decimal(value) for name, value in values.items()}


def day(number: int) -> int:
    return number * DAY + 5


def after(*closes: dict[str, Decimal], length: int = 10) -> MarketHistory:
    """One for each day, from the second on."""
    history = MarketHistory(length=length).closed(day(1), {}, {})
    for number, known in enumerate(closes, 2):
        history = history.closed(day(number), known, {})
    return history


def test_the_first_period_is_not_whole_and_has_no_close() -> None:
    history = MarketHistory()
    assert history.is_due(day(7) + HOUR)
    history = history.closed(day(7) + HOUR, prices(A=100), {})
    assert not history.closes
    assert not history.is_due(day(7) + 2 * HOUR)
    assert history.closed(day(8), prices(A=110), {}).closes == {"A": (Decimal(110),)}


def test_returns_are_of_one_close_from_the_one_before_it() -> None:
    history = after(prices(A=100), prices(A=110), prices(A=99))
    assert history.returns("A") == pytest.approx((0.1, -0.1))
    assert history.returns("unknown") == ()


def test_who_is_silent_keeps_its_price_and_a_gap_is_filled_with_it() -> None:
    history = after(prices(A=100, B=50), prices(A=110), prices(A=120, B=60))
    assert history.closes["B"] == tuple(map(Decimal, (50, 50, 60)))
    later = history.closed(day(7), prices(A=130), {})
    assert later.closes["A"] == tuple(map(Decimal, (100, 110, 120, 120, 120, 130)))


def test_it_is_as_long_as_asked_for_and_forgets_who_was_silent_all_the_time() -> None:
    history = after(*(prices(A=100 + n) for n in range(9)), length=3)
    assert history.closes["A"] == tuple(map(Decimal, (105, 106, 107, 108)))
    history = after(prices(A=1, B=2), *(prices(A=n) for n in range(5)), length=3)
    assert [*history.closes] == ["A"]
    assert len(after(prices(A=1), length=3).closed(10**9 * DAY, prices(A=2), {}).closes["A"]) == 4


def test_symbols_are_compared_over_the_time_that_all_of_them_have() -> None:
    history = after(prices(A=100), prices(A=110, B=10), prices(A=121, B=20))
    assert [len(each) for each in history.common(NAMES)] == [1, 1]
    assert history.common(NAMES)[1] == (1.0,)


def test_books_look_at_prices_at_the_first_risk_check_after_a_period() -> None:
    ledger = Ledger()
    ledger.books.account.history = MarketHistory(length=5)
    for number, price in enumerate(("100", "110", "121"), 3):
        ledger.at = number * DAY - HOUR
        ledger.tell(tick(price))
        ledger.at = number * DAY + 1
        ledger.tell(TimerFired(name="other"))
        ledger.at = number * DAY + 2
        ledger.tell(TimerFired(name="risk"))
    history = ledger.books.account.history
    assert history is not None
    assert history.closes == {SPOT: (Decimal(110), Decimal(121))}
    dumped = Account.load(ledger.books.snapshot().dump())
    assert dumped.history == history


def test_a_price_that_a_snapshot_came_after_is_the_close_of_its_period_too() -> None:
    ledger = Ledger()
    ledger.books.account.history = MarketHistory(length=5)
    ledger.at = 3 * DAY
    ledger.tell(TimerFired(name="risk"), tick("100"))
    after = Ledger(Account.load(ledger.books.snapshot().dump()))
    for each in (ledger, after):
        each.at = 4 * DAY + 1
        each.tell(TimerFired(name="risk"))
        assert each.books.history is not None
        assert each.books.history.closes == {SPOT: (Decimal(100),)}


def test_without_anybody_who_asks_none_is_kept() -> None:
    books = open_books()
    assert books.history is None


def test_what_a_run_is_shown_before_it_counts_and_a_candle_belongs_to_the_day_that_it_ends() -> (
    None
):
    def bar(number: int, price: int) -> BarEvent:
        one = Decimal(price)
        return BarEvent(
            symbol=SPOT, price=one, open=one, high=one, low=one, volume=one, interval=DAY,
            ts=number * DAY,
        )  # fmt: skip

    bars = tuple(bar(n, p) for n, p in enumerate((100, 110, 121, 130), 10))
    history = warmed_up(MarketHistory(length=5), bars)
    assert history.closes == {SPOT: (Decimal(100), Decimal(110), Decimal(121))}
    ledger = Ledger()
    ledger.books.account.history = MarketHistory(length=5)
    ledger.tell(WarmUpReceived(run_id="", events=bars))
    assert ledger.books.history == history


def test_a_recording_of_one_symbol_after_the_other_tells_of_the_periods_before_a_run() -> None:
    def price(symbol: str, at: int, value: int) -> MarketDataEvent:
        return MarketDataEvent(symbol=symbol, price=Decimal(value), volume=Decimal(1), ts=at)

    events = [price("A", n * DAY, 100 + n) for n in range(1, 9)]
    events += [price("B", 4 * DAY - HOUR, 50), price("B", 7 * DAY - HOUR, 60)]
    found = from_recording(MarketHistory(length=3), events, 7 * DAY + HOUR)
    assert found.closes == {
        "A": tuple(map(Decimal, (104, 105, 106, 107))),
        "B": tuple(map(Decimal, (50, 50, 50, 60))),
    }
    assert not found.is_due(7 * DAY + 2 * HOUR)
    assert from_recording(found, [], 9 * DAY) == found


def test_profits_of_strategies_are_kept_beside_the_prices() -> None:
    ledger = Ledger()
    ledger.books.account.history = MarketHistory(length=5)
    ledger.at = day(1)
    ledger.tell(TimerFired(name="risk"))
    ledger.trade("o1", "buy 2@100", fee="1").tell(tick("110"))
    ledger.at = day(2)
    ledger.tell(TimerFired(name="risk"))
    assert ledger.books.history is not None
    assert ledger.books.history.profits == {"s": (Decimal(19),)}
