"""How an exchange tells of the money that it moves by itself, a row for each of its histories: a part
of its table.

What is not a kind of income here, nor a transfer, is booked by nobody: it stays a difference, with the
name that the exchange gives it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from msgspec import Struct

from tradectl.domain.event import IncomeKind

DAY_MS = 86_400_000
Path = tuple[str | int, ...]
"""The steps from an answer to what is looked for in it."""


class Paging(StrEnum):
    """How the next page of a history is asked for; `page` is the parameter."""

    BY_TIME = "by time"
    """oldest first: from the time of the last row on, and a page full of one moment by its number"""
    BY_ROW = "by row"
    """with the id of the last row, found at `row_key`"""
    BY_CURSOR = "by cursor"
    """with what the answer has at `cursor`, until that is empty"""
    BY_COUNT = "by count"
    """with the number of rows so far"""


class Subject(StrEnum):
    """What a history is asked for one by one."""

    MARKET = "market"
    SETTLE = "settle"
    """the currency that perpetuals are settled in, in lower case"""


Row = Mapping[str, Any]


def _as_it_is(row: Row, _: str) -> Row:
    return row


class IncomeRules(Struct, frozen=True, kw_only=True):
    """A history of income: `method` is ccxt's, asked from `start` to `end`, times in ms or `in_seconds`,
    `limit` rows at most, for each `subject` by the parameter `subject_key`, and always with `asked`.
    Further back than `recent_ms` it is `archive` that is asked.

    Where it must be named whose history is asked for, `account` is the parameter.

    The answer has its rows at `at`, and at `more` whether there are others. `row` makes a flat row of one
    and the account's name; what moved nothing here has an amount of 0. A row's kind is what stands at
    `kind_keys` with a `/` between, else at the first of them, or the `name` of a history that has but
    one; its amount is the sum of `amount_keys`. Kinds in `outward` tell without a sign what moved out.
    `market_key` is the field of ccxt's market that a row names it by. Where there is a `status` a row
    counts once that is among `done`. `trades` are kinds of rows that fills tell better, or that are no
    money of the account."""

    method: str
    archive: str = ""
    recent_ms: int = 0
    asked: Mapping[str, str] = {}
    account: str = ""
    subject: Subject | None = None
    subject_key: str = ""
    start: str = "startTime"
    end: str = "endTime"
    in_seconds: bool = False
    limit_key: str = "limit"
    """empty: its pages are as long as they are"""
    limit: int
    window_ms: int
    history_ms: int
    paging: Paging = Paging.BY_TIME
    page: str = "page"
    """empty: pages of one moment have no number"""
    row_key: str = ""
    cursor: Path = ()
    at: Path = ()
    row: Callable[[Row, str], Row] = _as_it_is
    more: Path = ()
    id_keys: tuple[str, ...]
    name: str = ""
    kind_keys: tuple[str, ...] = ()
    amount_keys: tuple[str, ...]
    currency_key: str = ""
    """empty: that of the subject"""
    time_key: str
    symbol_key: str
    market_key: str = "id"
    status: str = ""
    done: frozenset[str] = frozenset()
    outward: frozenset[str] = frozenset()
    kinds: Mapping[str, IncomeKind]
    trades: frozenset[str] = frozenset()


def by_name(table: Mapping[IncomeKind, tuple[str, ...]]) -> dict[str, IncomeKind]:
    return {name: kind for kind, names in table.items() for name in names}


__all__ = ["DAY_MS", "IncomeRules", "Paging", "Path", "Subject", "by_name"]
