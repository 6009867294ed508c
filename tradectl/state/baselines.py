"""What losses are measured from: equity when it was highest, and at the start of the day.

Equity is measured at every risk check. A day (UTC) starts with what was measured last before it, however
long ago: what is lost over midnight while nothing runs, or before the first check of the day, counts.
None starts where time has gone back, after a run by a clock that was ahead: the loss is measured on. Nor
does one start twice, after a run by a clock that was behind: a day that goes on starts with the higher of
what it started with before and of what it would now, so that no clock makes a loss count for no day. The
highest since the account was opened (`high_water`) is what the maximum drawdown is measured from, and
nothing resets it. Limits have a peak and a day's start of their own: they begin anew when an operator
lets trading go on. Money put in or taken out moves them all.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from tradectl.domain.money import ZERO, plus_exactly
from tradectl.domain.time import DAY
from tradectl.state import trading_state
from tradectl.state.account import Account, DayStart
from tradectl.state.books_view import BooksView, drawdown_from
from tradectl.state.readings import Prices, Reading, Readings, middle

DAYS_KEPT = 3
"""Beside the present one: as many as a clock that is set to and fro comes by."""


def measure(books: BooksView, at: int, *, reads: bool) -> None:
    """At a risk check (it `reads`), or as a run ends; `at` is ns UTC. A drawdown is of what stood: inside
    a candle it waits for the close, and no open is a peak."""
    account, equity, day = books.account, books.equity(), at // DAY
    before, stood = readings_of(account), not books.is_inside_bar()
    after = _read(books, before, at, equity) if reads else before
    has_read = after is not before
    day_start, peak = account.day_start_equity, account.peak_equity
    if stood and equity > peak:
        peak = equity
    if before.start is not None and after.start is None:  # what began between two readings
        day_start = middle(before.start, day_start, equity)
        if before.limits_began:
            peak = max(middle(before.start, account.peak_equity, equity), equity)
    other_days = account.other_days
    if day != account.day:
        left, begins = day_start, account.measured_equity if day > account.day else day_start
        day_start = max(begins, _started_with(account, at))
        other_days = _with_left(account, left)
        if day > account.day:
            start = _before_last(before) if day_start is begins else None
            after = replace(after, start=start)
    # in place
    if day < account.day:
        trading_state.date_back(account, at)
    account.other_days = other_days
    account.peak_equity = peak
    if stood:
        _note_extremes(account, equity)
    account.day, account.day_start_equity = day, day_start
    account.measured_equity, account.measured_at = equity, at
    account.readings = after
    if has_read:
        books.prices_were_read()


def _started_with(account: Account, at: int) -> Decimal:
    """Zero where the day of `at` has not begun, as far as is known. Time that comes up to a day again,
    and finds it measured further on, says that the clock was ahead then: only now it begins."""
    day = at // DAY
    for known in account.other_days:
        if known.day == day and (day < account.day or known.until <= at):
            return known.equity
    return ZERO


def _with_left(account: Account, start: Decimal) -> tuple[DayStart, ...]:
    """The newest days but the present one; that, which began with `start`, is left."""
    others = [known for known in account.other_days if known.day != account.day]
    if account.day:
        others.append(DayStart(account.day, start, account.measured_at))
    return tuple(others[-DAYS_KEPT:])


def is_settled(books: BooksView, at: int) -> bool:
    """A risk check at `at` would measure what was measured last: nothing is held, the equity and the day
    are the same."""
    account, read = books.account, books.account.readings
    if books.holds_something() or read is None or at // DAY != account.day:
        return False
    equity = account.cash
    if len(read.newest) != 1 or read.newest[0].equity != equity or read.start is not None:
        return False
    highest = min(account.peak_equity, account.high_water)
    fallen = drawdown_from(account.high_water, equity)
    return (
        equity == account.measured_equity and equity <= highest and fallen <= account.max_drawdown
    )


def measure_closes(books: BooksView) -> None:
    """Candles have closed, and the next ones open."""
    if books.is_inside_bar():
        return
    account, equity = books.account, books.equity()
    account.peak_equity = max(account.peak_equity, equity)
    _note_extremes(account, equity)


def _note_extremes(account: Account, equity: Decimal) -> None:
    """It stood there: higher than ever, or so far below that."""
    if equity > account.high_water:
        account.high_water = equity
        return
    fallen = drawdown_from(account.high_water, equity)
    account.max_drawdown = max(account.max_drawdown, fallen)


def begin_anew(books: BooksView) -> None:
    """Limits measure from the present equity on: an operator lets trading go on."""
    account, equity = books.account, books.equity()
    before = readings_of(account)
    start = _before_now(books, before)
    # in place
    account.peak_equity = account.day_start_equity = account.measured_equity = equity
    account.other_days = ()
    account.readings = replace(before, peak=equity, start=start, limits_began=start is not None)


def shift(account: Account, amount: Decimal) -> None:
    """Money was put in, or (below zero) taken out."""
    account.high_water += amount
    account.peak_equity += amount
    account.day_start_equity += amount
    account.measured_equity += amount
    account.other_days = tuple(
        replace(known, equity=known.equity + amount) for known in account.other_days
    )
    account.risk.shift(amount)
    if account.readings is not None:
        account.readings = account.readings.shifted(amount)


def count_cash(account: Account, amount: Decimal) -> None:
    """Cash was got (+) or paid that no price can be wrong about: it is seen without another one."""
    if account.readings is not None:
        account.readings = account.readings.with_cash(amount)


def readings_of(account: Account) -> Readings:
    return account.readings or Readings(peak=account.peak_equity)


def with_unread(books: BooksView) -> Readings | None:
    """The readings as a snapshot keeps them: with the symbols whose price none has seen."""
    known, unread = books.account.readings, tuple(sorted(books.unread()))
    if known is None:
        return Readings(unread=unread) if unread else None
    return replace(known, unread=unread)


def _read(books: BooksView, before: Readings, at: int, equity: Decimal) -> Readings:
    """The readings after this check: the same where it found no new price."""
    held, unread = books.sums().held, books.unread()
    if not held:
        return _without_prices(before, at, equity)
    if unread.isdisjoint(held):
        return before
    prices: dict[str, Prices] = {}
    best = worst = books.account.cash
    for symbol, now in held.items():
        known = before.prices.get(symbol)
        if known is None:  # what was paid for it stands for the price before the first
            known = now.position.entry_price, now.price
        elif symbol in unread:
            known = known[1], now.price
        earlier, last = prices[symbol] = known
        one = now.worth_at(earlier)
        other = now.worth if last is now.price else now.worth_at(last)
        better, worse = (one, other) if one > other else (other, one)
        best, worst = plus_exactly(best, better), plus_exactly(worst, worse)
    if before.start is not None:
        began = {"peak": middle(before.start, before.peak, equity)} if before.limits_began else {}
        before = replace(before, start=None, limits_began=False, **began)
    return before.taken(Reading(at, equity, +best, +worst), prices)


def _without_prices(before: Readings, at: int, equity: Decimal) -> Readings:
    """Nothing is held: equity is cash, and no price can be wrong."""
    if len(before.newest) == 1 and before.newest[0].equity == equity and before.start is None:
        return before
    return Readings((Reading(at, equity, equity, equity),), peak=max(before.peak, equity))


def _before_now(books: BooksView, before: Readings) -> Decimal | None:
    """The equity that was read before the prices of now; None where there was none, or none is needed."""
    held = books.sums().held
    if not held:
        return None
    if not books.unread().isdisjoint(held):
        return before.newest[-1].equity if before.newest else None
    return _before_last(before)


def _before_last(read: Readings) -> Decimal | None:
    """The equity of the reading before the last one, if there was one."""
    return read.newest[-2].equity if len(read.newest) > 1 else None
