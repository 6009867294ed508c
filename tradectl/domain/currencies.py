"""What a symbol is quoted in, read from its name where nobody said so: from a separator, or from a list.

    BTCUSDT  ETH-BTC  XBT/USD  BTC_USDT_PERP  BTC-USD-240628     the currency comes last
    KRW-BTC                                                      or first, where only that is money
    BTC/USDT:USDT  binance:BTC/USDT  BTCUSDT.P                   what an exchange adds is left out

Where two currencies would do, XBTUSD as XBT in USD or as XB in TUSD, it is the longer one unless the
shorter one leaves a coin that is known. Of most longer ones there are fewer pairs than there are coins
that end like them: there the coin has to be known.
"""

from __future__ import annotations

import re
from itertools import pairwise

STABLE = (
    "USDT", "USDC", "BUSD", "FDUSD", "TUSD", "USDP", "USDD", "USDE", "USDS", "GUSD", "PYUSD",
    "RLUSD", "HUSD", "USD1", "DAI", "EURI", "EURT", "EURC", "AEUR", "EURS", "BIDR", "IDRT",
)  # fmt: skip
STATE = (
    "USD", "EUR", "GBP", "JPY", "KRW", "TRY", "BRL", "AUD", "CAD", "CHF", "INR", "RUB", "UAH",
    "PLN", "CZK", "NGN", "ZAR", "MXN", "ARS", "COP", "IDR", "SGD", "HKD", "TWD", "THB", "VND",
    "PHP", "MYR", "CNY", "CNH", "CNYT", "NZD", "SEK", "NOK", "DKK", "HUF", "RON", "ILS", "AED",
    "KZT", "AMD", "AZN", "BDT", "BGN", "BHD", "BOB", "BYN", "CLP", "CRC", "DOP", "DZD", "EGP",
    "ETB", "GEL", "GHS", "GTQ", "HNL", "HRK", "IQD", "IRR", "IRT", "ISK", "JMD", "JOD", "KES",
    "KGS", "KHR", "KWD", "LBP", "LKR", "MAD", "MDL", "MKD", "MMK", "MNT", "MUR", "NIO", "NPR",
    "OMR", "PAB", "PEN", "PKR", "PYG", "QAR", "RSD", "RWF", "SAR", "SYP", "TND", "TZS", "UGX",
    "UYU", "UZS", "VES", "XAF", "XOF", "ZMW",
)  # fmt: skip
COINS = ("BTC", "XBT", "ETH", "BNB")
COUNTED_IN = frozenset((*STABLE, *STATE))
"""What is money and no coin."""
QUOTE_CURRENCIES = (*STABLE, *STATE, *COINS)

_KNOWN = frozenset((
    "1INCH", "AAVE", "ADA", "AGIX", "ALGO", "ALICE", "ANKR", "ANT", "APE", "APT", "AR", "ARB",
    "ATOM", "AUDIO", "AVAX", "AXS", "BAL", "BAND", "BAT", "BCH", "BLUR", "BNB", "BNT", "BONK",
    "BSV", "BTC", "BTG", "BTS", "BTT", "CAKE", "CELO", "CHZ", "COMP", "CRV", "CVX", "DASH", "DOG",
    "DOGE", "DOGS", "DOT", "EGLD", "ENJ", "ENS", "EOS", "ETC", "ETH", "ETHW", "FET", "FIL", "FLOKI",
    "FLOW", "FTM", "FTT", "FXS", "GALA", "GMT", "GRT", "GT", "HBAR", "HNT", "HOT", "ICP", "ICX",
    "IMX", "INJ", "IOST", "IOTA", "JST", "JTO", "JUP", "KAVA", "KSM", "LDO", "LINK", "LIT", "LPT",
    "LRC", "LTC", "LUNA", "LUNC", "MANA", "MATIC", "MINA", "MKR", "NEAR", "NEO", "NFT", "NMR",
    "NOT", "OMG", "ONE", "ONT", "OP", "ORDI", "PAXG", "PEPE", "POL", "QNT", "QTUM", "RAY", "REN",
    "RNDR", "ROSE", "RUNE", "SAND", "SEI", "SHIB", "SKL", "SNT", "SNX", "SOL", "SOLO", "SOLV",
    "STORJ", "STRK", "STX", "SUI", "SUSHI", "SXP", "TAO", "THETA", "TIA", "TON", "TRB", "TRX",
    "UMA", "UNI", "USDC", "USDP", "USDT", "UST", "VET", "WAVES", "WBTC", "WETH", "WIF", "WLD",
    "XBT", "XEM", "XLM", "XMR", "XPR", "XRP", "XTZ", "YFI", "ZEC", "ZIL", "ZRX",
))  # fmt: skip
_ONLY_OF_KNOWN_COINS = frozenset((
    "TUSD", "GUSD", "HUSD", "PYUSD", "RLUSD", "AEUR", "BIDR", "CNYT",
))  # fmt: skip
_MARKET_OF = re.compile(
    r"[-_/:.](?:P|PERP|PERPETUAL|SWAP|SPOT|FUTURES?|\d{6}|\d{8}|\d{1,2}[A-Z]{3}\d{2})$"
)
_VENUE_OF = re.compile(r"\.[A-Z][A-Z_]+$")
_SEPARATOR = re.compile(r"[-_/]")


def quote_in(symbol: str) -> str | None:
    """The currency that a symbol is quoted in; None where its name has none."""
    return _read(symbol)[1]


def coin_in(symbol: str) -> str:
    """What is quoted: the rest of the symbol's name."""
    return _read(symbol)[0]


def is_known_coin(coin: str) -> bool:
    return coin in _KNOWN or coin in QUOTE_CURRENCIES


def _read(symbol: str) -> tuple[str, str | None]:
    """The coin, and what it is quoted in."""
    words = [_VENUE_OF.sub("", _MARKET_OF.sub("", word)) for word in symbol.upper().split(":")]
    # BTC/USDT:USDT is settled in the last, and of binance:BTCUSDT the first is an exchange
    return next((told for told in map(_in_parts, words) if told[1]), (words[0], None))


def _in_parts(name: str) -> tuple[str, str | None]:
    parts = [part for part in _SEPARATOR.split(name) if part]
    if len(parts) < 2:
        return _in_one_word(name)
    for first, second in pairwise(parts):
        quote = _of_two(first, second)
        if quote is not None and (len(parts) == 2 or is_known_coin(first)):
            return (second if quote == first else first), quote
    return next((told for told in map(_in_one_word, parts) if told[1]), (parts[0], None))


def _of_two(first: str, second: str) -> str | None:
    if first in COUNTED_IN and second not in COUNTED_IN:
        return first
    return second if second in QUOTE_CURRENCIES else None


def _in_one_word(name: str) -> tuple[str, str | None]:
    found = [q for q in QUOTE_CURRENCIES if name.endswith(q) and name != q]
    if not found:
        return name, None
    found.sort(key=len)
    shorter, longer = found[0], found[-1]
    is_shorter = is_known_coin(name.removesuffix(shorter)) or (
        longer in _ONLY_OF_KNOWN_COINS and not is_known_coin(name.removesuffix(longer))
    )
    quote = shorter if is_shorter else longer
    return name.removesuffix(quote), quote


__all__ = ["QUOTE_CURRENCIES", "coin_in", "is_known_coin", "quote_in"]
