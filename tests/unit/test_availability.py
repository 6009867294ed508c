"""For how long entries were held back, counted in the books: live, from a journal, over restarts."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.fixtures.books import CASH, PERP, RUN, SPOT, fold, open_books, tick
from tests.fixtures.journal import HEADER
from tradectl.analysis.run_analysis import RunAnalysis
from tradectl.config.settings import Settings
from tradectl.domain.errors import JournalError
from tradectl.domain.events import (
    Command,
    CommandReceived,
    EmergencyStopReceived,
    Event,
    LimitBreached,
    PauseEnded,
    Record,
    RestrictionKind,
    RiskAction,
    SymbolRestricted,
)
from tradectl.domain.time import SECOND, from_iso
from tradectl.journal.writer import Footer
from tradectl.state.account import Account
from tradectl.state.availability import Available, RunTime, begin_counting, held_until
from tradectl.state.books import Books
from tradectl.state.status import availability

START = from_iso(HEADER.started_at)


def restricted(
    kind: RestrictionKind, symbol: str = SPOT, *, restricted: bool = True
) -> SymbolRestricted:
    return SymbolRestricted(symbol=symbol, kind=kind, restricted=restricted)


def records(*events: tuple[float, Event]) -> list[Record]:
    """At so many seconds after the start."""
    timed = [(START + int(at * SECOND), event) for at, event in events]
    return [Record(n, at, event) for n, (at, event) in enumerate(timed, 1)]  # type: ignore[arg-type]


DAY_OF_TROUBLE = records(
    (0, tick("10")),
    (0, tick("10", PERP)),
    (10, CommandReceived(command=Command.PAUSE)),
    (30, CommandReceived(command=Command.RESUME)),
    (30, restricted(RestrictionKind.STALE)),
    (50, restricted(RestrictionKind.UNRECONCILED)),
    (60, restricted(RestrictionKind.STALE, restricted=False)),
    (70, restricted(RestrictionKind.UNRECONCILED, restricted=False)),
    (80, LimitBreached(code="DAILY_LOSS", action=RiskAction.PAUSE, message="lost")),
    (84, EmergencyStopReceived(reason="that is it")),
    (85, PauseEnded(code="DAILY_LOSS")),
)
"""Of 100 s: 20 paused, one of two symbols restricted for 40, 4 paused by a limit, 16 halted."""
SHARES = {
    "operator": 0.2, "HALTED": 0.16, "stale": 0.15, "unreconciled": 0.1, "DAILY_LOSS": 0.05,
}  # fmt: skip


def troubled(begins: int = START) -> tuple[Books, RunTime]:
    account = Account.open(RUN, "USDT", CASH)
    begin_counting(account, begins)
    run = RunTime.of(account, START)
    return fold(open_books(account), DAY_OF_TROUBLE), run


def seen(found: Available) -> tuple[float, dict[str, float]]:
    return round(found.share, 9), {cause: round(share, 9) for cause, share in found.causes}


def test_each_cause_has_all_of_its_own_time() -> None:
    books, run = troubled()
    found = run.available(held_until(books, START + 100 * SECOND))
    assert seen(found) == (0.4, SHARES)
    assert [cause for cause, _ in found.causes] == [*SHARES]  # the largest first
    assert found.time == 100 * SECOND


def test_looking_counts_nothing() -> None:
    books, _ = troubled()
    first = held_until(books, START + 100 * SECOND)
    assert held_until(books, START + 100 * SECOND) == first
    assert held_until(books, START + 90 * SECOND).held == first.held - 10 * SECOND


@pytest.mark.parametrize("ended", [True, False])
def test_a_journal_says_the_same_and_after_its_footer_nothing_passes(ended: bool) -> None:
    state = Account.open(RUN, "USDT", CASH).dump()
    analysis = RunAnalysis(replace(HEADER, config=Settings().dump(), state=state, account="paper"))
    for record in DAY_OF_TROUBLE:
        analysis.take(record)
    footer = Footer("2026-01-01T00:01:40Z", "stopped", len(DAY_OF_TROUBLE), "") if ended else None
    until = footer.ended() if footer else DAY_OF_TROUBLE[-1].at
    books, run = troubled()
    assert analysis.end(footer).available == run.available(held_until(books, until))


def test_what_passed_while_nothing_ran_held_nothing_back() -> None:
    books, _ = troubled()
    left = held_until(books, START + 100 * SECOND)
    left.ran += 100 * SECOND
    account = replace(books.account, held_time=left)
    begin_counting(account, START + 900 * SECOND)
    later = RunTime.of(account, START + 900 * SECOND)
    told = availability(later, held_until(open_books(account), START + 1_000 * SECOND))
    assert (told.available_pct, told.time_s) == (0.0, 100.0)  # it is halted still
    assert (round(told.account_pct, 6), told.account_time_s) == (20.0, 200.0)
    assert [(each.cause, each.share) for each in told.held_back] == [("HALTED", 1.0)]


def test_recorded_data_begins_when_the_first_change_says_when() -> None:
    books, run = troubled(begins=0)
    assert seen(run.available(held_until(books, START + 100 * SECOND))) == (0.4, SHARES)


def test_a_run_of_no_time_was_available() -> None:
    account = Account.open(RUN, "USDT", CASH)
    run = RunTime.of(account, START)
    assert run.available(held_until(open_books(account), START)) == Available(1.0, (), 0)


def test_many_symbols_are_counted_once_for_each_kind() -> None:
    """Not walked through: a change of one costs what one costs."""
    known = Account.open(RUN, "USDT", CASH).at_exchange()
    for n in range(5):
        known.restrict(restricted(RestrictionKind.STALE, f"S{n}"))
        known.restrict(restricted(RestrictionKind.STALE, f"S{n}"))
    known.restrict(restricted(RestrictionKind.VOLATILE, "S1"))
    known.restrict(restricted(RestrictionKind.STALE, "S2", restricted=False))
    assert known.restricted == {RestrictionKind.STALE: 4, RestrictionKind.VOLATILE: 1}
    assert known.copy() == known
    known.begin_again(compared=False)
    assert known.restricted == {RestrictionKind.VOLATILE: 1}


def test_a_header_or_footer_without_a_time_is_refused_by_name() -> None:
    with pytest.raises(JournalError, match="no time at which the run ended, but 'late'"):
        Footer("late", "", 1, "").ended()
    with pytest.raises(JournalError, match="no time at which the run started, but 'soon'"):
        replace(HEADER, started_at="soon").began()
