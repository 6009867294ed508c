"""How files are to be read: what the user said of them, where the files do not say it themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct


def as_it_is(symbol: str) -> str:
    return symbol


class Reading(Struct, frozen=True, kw_only=True):
    """`latest` is the last moment that can be (ns UTC); `max_bad_share` the share of a file's rows that
    may be bad, and `noise` that of those by which its direction and the length of its candles are told;
    `symbol` that of a file that names none; `are_trades`: rows that look like an order book's, or an
    order's, are not; `columns` by name or number, as `names.parse_columns` has them; `allow_truncated`: a
    compressed file that breaks off is played up to there. `spell` gives each symbol the name that it goes
    by here, and may refuse it."""

    latest: int
    max_bad_share: float
    noise: float
    symbol: str = ""
    are_trades: bool = False
    columns: Mapping[str, str] = {}
    allow_truncated: bool = False
    spell: Callable[[str], str] = as_it_is


__all__ = ["Reading", "as_it_is"]
