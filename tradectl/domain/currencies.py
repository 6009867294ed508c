"""What a symbol is quoted in, read from its name where nobody said so.

    BTCUSDT  ETH-BTC  XBT/USD  BTC_USDT_PERP     the currency comes last
    KRW-BTC                                      a currency that only money is counted in comes first

Where two currencies would do, XBTUSD as XBT in USD or as XB in TUSD, it is the longer one unless the
shorter one leaves a coin that is known. More coins end in a T than are quoted in TUSD: there the coin has
to be known.
"""

from __future__ import annotations

import re

STABLE = (
    "USDT", "USDC", "BUSD", "FDUSD", "TUSD", "USDP", "USDD", "USDE", "USDS", "GUSD", "PYUSD",
    "RLUSD", "HUSD", "USD1", "DAI", "EURI", "EURT", "EURC", "AEUR", "EURS", "BIDR", "IDRT",
)  # fmt: skip
STATE = (
    "USD", "EUR", "GBP", "JPY", "KRW", "TRY", "BRL", "AUD", "CAD", "CHF", "INR", "RUB", "UAH",
    "PLN", "CZK", "NGN", "ZAR", "MXN", "ARS", "COP", "IDR", "SGD", "HKD", "TWD", "THB", "VND",
    "PHP", "MYR", "CNY", "CNH", "CNYT", "NZD", "SEK", "NOK", "DKK", "HUF", "RON", "ILS", "AED", "KZT",
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
_MARKET_OF = re.compile(r"[-_/:.](?:PERP|PERPETUAL|SWAP|SPOT|FUTURES?)$")
_SEPARATOR = re.compile(r"[-_/:]")


def quote_in(symbol: str) -> str | None:
    """The currency that a symbol is quoted in; None where its name has none."""
    name = _MARKET_OF.sub("", symbol.upper())
    parts = [part for part in _SEPARATOR.split(name) if part]
    if len(parts) > 1:
        return _of_parts(parts[0], parts[1])
    found = [q for q in QUOTE_CURRENCIES if name.endswith(q) and name != q]
    if not found:
        return None
    found.sort(key=len)
    shorter, longer = found[0], found[-1]
    if name.removesuffix(shorter) in _KNOWN:
        return shorter
    return shorter if longer == "TUSD" and name.removesuffix(longer) not in _KNOWN else longer


def coin_in(symbol: str) -> str:
    """What is quoted: the rest of the symbol's name."""
    name, quote = _MARKET_OF.sub("", symbol.upper()), quote_in(symbol) or ""
    parts = [part for part in _SEPARATOR.split(name) if part]
    if len(parts) > 1:
        return parts[1] if parts[0] == quote else parts[0]
    return name.removesuffix(quote)


def is_known_coin(coin: str) -> bool:
    return coin in _KNOWN or coin in QUOTE_CURRENCIES


def _of_parts(first: str, second: str) -> str | None:
    counts = (*STABLE, *STATE)
    if first in counts and second not in counts:
        return first
    return second if second in QUOTE_CURRENCIES else None


__all__ = ["QUOTE_CURRENCIES", "coin_in", "is_known_coin", "quote_in"]
