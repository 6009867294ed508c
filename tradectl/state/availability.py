"""How much of the time entries could leave, and what held them back: folded into the account, so that it
outlives the process that counted it.

A pause or a halt holds back all symbols; a restriction (old data, an exchange that is away, a difference
from it) one of them, and counts for its share. Causes overlap: each has all of its own time, so that they
may add up to more than what entries were held back in all.

Time passes as the account is until something changes it. So it is counted just before each change, and
costs nothing in between. Times are ns, and whole: a replay counts the same to the last one.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from tradectl.domain.events import Event, Record
from tradectl.domain.states import TradingState
from tradectl.state.account import Account
from tradectl.state.books import Books
from tradectl.state.books_view import BooksView
from tradectl.state.held_time import HeldTime

FREE = (TradingState.RUNNING, TradingState.PAUSED)
"""A pause has causes of its own."""

Fold = Callable[[Books, Any, Record], Iterable[Event] | None]


def _spend(account: Account, held: HeldTime, at: int, symbols: int) -> None:
    """The time until `at` passed as the account is now; `symbols` are traded."""
    since, held.at = held.at, max(at, held.at)
    if not since or at <= since:
        return
    passed, causes, known = at - since, [*_of_all(account)], account.reconciliation
    restricted = {} if known is None else known.restrictions
    if not causes and not restricted:
        return
    symbols = max(symbols, len(restricted), 1)
    held.held += passed if causes else passed * len(restricted) // symbols
    for cause in causes:
        held.add(cause, passed)
    for kind, count in known.restricted.items() if known is not None else ():
        held.add(kind.value, passed * count // symbols)


def _of_all(account: Account) -> Iterator[str]:
    """The causes for which nothing is entered anywhere."""
    yield from account.pauses
    if account.trading_state not in FREE:
        yield account.trading_state.value


class Available(Struct, frozen=True):
    """`share` of `time` (ns) in which entries could leave, 0 to 1; by cause the share in which that one
    held them back, the largest first."""

    share: float
    causes: tuple[tuple[str, float], ...]
    time: int


class RunTime(Struct, frozen=True):
    """When a run began (ns UTC), and what was counted `before` it."""

    start: int
    before: HeldTime

    @classmethod
    def of(cls, account: Account, start: int) -> RunTime:
        return cls(start, account.held_time.copy())

    def available(self, held: HeldTime) -> Available:
        """In the run, up to where `held` was counted."""
        whole, before = max(held.at - self.start, 0), self.before.by_cause
        by_cause = {cause: ns - before.get(cause, 0) for cause, ns in held.by_cause.items()}
        return _available(held.held - self.before.held, by_cause, whole)

    def of_account(self, held: HeldTime) -> Available:
        """In all runs of the account together."""
        whole = held.ran + max(held.at - self.start, 0)
        return _available(held.held, held.by_cause, whole)


def _available(held: int, by_cause: dict[str, int], whole: int) -> Available:
    causes = sorted(by_cause.items(), key=lambda entry: (-entry[1], entry[0]))
    return Available(
        max(0.0, 1.0 - held / whole) if whole else 1.0,
        tuple((cause, min(1.0, ns / whole)) for cause, ns in causes if ns and whole),
        whole,
    )


def counted(fold: Fold) -> Fold:
    """`fold`, which may change what holds entries back: the time before it is counted first."""

    @functools.wraps(fold)
    def count_and_fold(books: Books, event: Any, record: Record) -> Iterable[Event] | None:
        _spend(books.account, books.account.held_time, record.at, len(books.last))
        return fold(books, event, record)

    return count_and_fold


def held_until(books: BooksView, at: int) -> HeldTime:
    """As it would be counted at `at` (ns UTC), were something to change then."""
    held = books.account.held_time.copy()
    _spend(books.account, held, at, len(books.last))
    return held


def begin_counting(account: Account, at: int) -> None:
    """A run begins at `at` (ns UTC): what passed while none was under way held nothing back. Of recorded
    data (0) the first change says when."""
    is_held = any(_of_all(account)) or bool(
        account.reconciliation and account.reconciliation.restrictions
    )
    account.held_time = replace(account.held_time.copy(), at=at if is_held else 0)


__all__ = ["Available", "RunTime", "begin_counting", "counted", "held_until"]
