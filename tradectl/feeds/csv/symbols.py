"""The symbol in a file's name: `BTCUSDT-1h-2025-01.csv`, `XRP_ETH-1m.feather`, `Coinbase_BTCUSD.csv`."""

from __future__ import annotations

import re

from tradectl.domain.currencies import COINS, QUOTE_CURRENCIES, coin_in, is_known_coin, quote_in

_WORD = re.compile(r"[A-Za-z0-9]+")
_SEPARATORS = ("-", "_")
_MARKETS = ("PERP", "SWAP")
_NO_COINS = frozenset((
    "BINANCE", "BINANCEUS", "BITFINEX", "BITFLYER", "BITGET", "BITHUMB", "BITMEX", "BITSTAMP", "BITTREX",
    "BITVAVO", "BYBIT", "COINBASE", "CRYPTO", "DATA", "DERIBIT", "GATE", "GEMINI", "HTX", "HUOBI",
    "KRAKEN", "KUCOIN", "MEXC", "OKX", "POLONIEX", "SPOT", "TRADES", "UPBIT", "YAHOO",
))  # fmt: skip


def symbol_in_name(name: str) -> str | None:
    """In capitals as it stands there, with its separator; None where there is none. In small letters
    only a coin that is known counts: many words end like a currency."""
    words = list(_WORD.finditer(name))
    for index, word in enumerate(words):
        following = words[index + 1 : index + 3]
        nxt = following[0] if following else None
        between = name[word.end() : nxt.start()] if nxt else ""
        if nxt and between in _SEPARATORS and _is_pair(word[0], nxt[0].upper()):
            return _with_market(name, word.start(), nxt.end(), following[1:])
        if quote_in(word[0]) and (is_known_coin(coin_in(word[0])) or word[0].isupper()):
            return _with_market(name, word.start(), word.end(), following[:1])
    return None


def _is_pair(word: str, quote: str) -> bool:
    coin = word.upper()
    if quote not in QUOTE_CURRENCIES or coin in _NO_COINS:
        return False
    return is_known_coin(coin) or (word.isupper() and quote not in COINS)


def _with_market(name: str, start: int, end: int, following: list[re.Match[str]]) -> str:
    """With the `_PERP` that may follow."""
    if following and following[0].start() == end + 1 and following[0][0].upper() in _MARKETS:
        end = following[0].end()
    return name[start:end].upper()


__all__ = ["symbol_in_name"]
