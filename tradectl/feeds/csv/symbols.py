"""The symbol in a file's name: `BTCUSDT-1h-2025-01.csv`, `XRP_ETH-1m.feather`, `Coinbase_BTCUSD.csv`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tradectl.domain.currencies import COINS, QUOTE_CURRENCIES, coin_in, is_known_coin, quote_in

_WORD = re.compile(r"[A-Za-z0-9]+")
_SEPARATORS = ("-", "_")
_MARKETS = ("PERP", "SWAP")


def symbol_in_name(name: str) -> str | None:
    """In capitals as it stands there, with its separator; None where there is none. A coin that is known
    comes before one that is not, and that only counts in capitals: many words end like a currency."""
    found = list(_symbols(name))
    known = [symbol for symbol, is_known in found if is_known]
    return next(iter(known or [symbol for symbol, _ in found]), None)


def _symbols(name: str) -> Iterator[tuple[str, bool]]:
    """All that may be one, and whether its coin is known."""
    words = list(_WORD.finditer(name))
    for index, word in enumerate(words):
        following = words[index + 1 : index + 3]
        quote = following[0][0].upper() if following else ""
        is_capital = word[0].isupper()
        if quote in QUOTE_CURRENCIES and name[word.end() : following[0].start()] in _SEPARATORS:
            is_known = is_known_coin(word[0].upper()) and word[0].upper() != quote
            if is_known or (is_capital and quote not in COINS and word[0] != quote):
                end = following[0].end()
                yield _with_market(name, word.start(), end, following[1:]), is_known
        elif quote_in(word[0]):
            is_known = is_known_coin(coin_in(word[0]))
            if is_known or is_capital:
                yield _with_market(name, word.start(), word.end(), following), is_known


def _with_market(name: str, start: int, end: int, following: list[re.Match[str]]) -> str:
    """With the `_PERP` that may follow."""
    if following and following[0].start() == end + 1 and following[0][0].upper() in _MARKETS:
        end = following[0].end()
    return name[start:end].upper()


__all__ = ["symbol_in_name"]
