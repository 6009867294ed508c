"""Settings of the exchanges: how kind the paper one is, and how a real one is reached."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Literal
from urllib.parse import urlsplit

from msgspec import Struct

from tradectl.domain.errors import ConfigError
from tradectl.domain.money import ONE, ZERO, is_sane

LARGEST_SLIPPAGE = Decimal(5000)
_NAME = re.compile(r"[a-z][a-z0-9]{0,30}")
_URL = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]{1,200}")


class PaperSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How kind the paper exchange is. The defaults are those of a spot account without discounts, and
    lean to the pessimistic side: takers slip a little, and a resting order trades only when the market
    has gone through its price. Raises ConfigError for a value that cannot be."""

    maker_fee: Decimal = Decimal("0.0010")
    """part of the notional paid by an order that rested; below zero is a rebate"""
    taker_fee: Decimal = Decimal("0.0010")
    """part of the notional paid by an order that took"""

    slippage_bps: Decimal = ONE
    """how much worse than the market a taker trades, in 1/10,000 of the price"""
    impact_bps: Decimal = ZERO
    """the same again for every multiple of the last traded quantity that is taken at once"""
    slippage_jitter_bps: Decimal = ZERO
    """up to so much more, drawn evenly from the run's seed for each fill"""

    limit_fill: Literal["through", "touch"] = "through"
    """a resting limit order trades when a trade goes beyond its price, or already at its price"""
    market_fill: Literal["full", "bounded"] = "full"
    """what takes is filled whole at once, or per event by no more than was quoted or traded"""

    quote_max_age_ms: int = 1000
    """a quote older than the last trade by more than this is not traded on"""

    latency_ms: int = 0
    """time from us to the exchange and back: half for the order, half for the report"""
    latency_jitter_ms: int = 0
    """up to so much more for both ways together, drawn evenly from the run's seed"""

    def __post_init__(self) -> None:
        for key in ("maker_fee", "taker_fee"):
            lowest = -ONE if key == "maker_fee" else ZERO
            self._check(key, lowest, ONE)
        for key in ("slippage_bps", "impact_bps", "slippage_jitter_bps"):
            self._check(key, ZERO, LARGEST_SLIPPAGE)
        for key in ("quote_max_age_ms", "latency_ms", "latency_jitter_ms"):
            self._check(key, ZERO, Decimal(3_600_000))

    def _check(self, key: str, lowest: Decimal, largest: Decimal) -> None:
        value = Decimal(getattr(self, key))
        if not is_sane(value) or not lowest <= value <= largest:
            raise ConfigError(f"paper.{key}: expected {lowest} to {largest}, got {value}")


class ExchangeSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An exchange to take market data from, and with mode = "live" to trade on. Credentials come from the
    environment alone: TRADECTL_NAME_API_KEY, TRADECTL_NAME_API_SECRET and, where the exchange has one,
    TRADECTL_NAME_PASSPHRASE, with its name in upper case. Raises ConfigError for a value that cannot
    be."""

    id: str
    """as ccxt calls it; `tradectl exchanges` lists them"""
    name: str = ""
    """what its symbols are prefixed with (name:SYMBOL) where several are used; the id if empty"""
    market: Literal["spot", "perpetual"] = "spot"
    """which of its markets a symbol belongs to"""
    testnet: bool = False
    """its test network, with keys of that network"""
    url: str = ""
    """scheme, host and port to speak to in place of its own, such as http://127.0.0.1:8080"""
    channels: tuple[Literal["trades", "quotes", "book"], ...] = ("trades", "quotes")
    """what is listened to of each symbol"""
    timeout_seconds: float = 10.0
    """the longest wait for an answer; what was asked is of unknown fate after it"""
    poll_seconds: float = 2.0
    """how often it is asked where it does not push"""
    reconcile_seconds: float = 30.0
    """how often its orders, fills, positions and balances are compared with ours"""
    dead_man_seconds: float = 60.0
    """it cancels our orders when it has not heard of us for so long; 0: off"""
    not_found_seconds: float = 60.0
    """an unknown order that it does not know either for so long is taken not to exist"""
    balance_tolerance_pct: Decimal = Decimal("0.5")
    """how far its balance may be from our cash, in percent, before trading there is held"""
    allow_withdraw_key: bool = False
    """trade live even with a key that may withdraw"""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.id):
            raise ConfigError(f"exchanges.id: expected a name such as binance, got {self.id!r:.60}")
        if self.name and not _NAME.fullmatch(self.name):
            raise ConfigError(
                f"exchanges.name: expected lower case letters and digits, got {self.name!r:.60}"
            )
        if self.url and not _is_address(self.url):
            raise ConfigError(
                f"exchanges.url: expected one such as http://127.0.0.1:8080, got {self.url!r:.60}"
            )
        if not self.channels:
            raise ConfigError("exchanges.channels: expected at least one")
        for key, least, most in (
            ("timeout_seconds", 0.1, 120),
            ("poll_seconds", 0.05, 3600),
            ("reconcile_seconds", 0.1, 3600),
            ("not_found_seconds", 0.1, 86_400),
        ):
            if not least <= getattr(self, key) <= most:
                raise ConfigError(f"exchanges.{key}: expected {least} to {most} seconds")
        if self.dead_man_seconds and not 1 <= self.dead_man_seconds <= 3600:
            raise ConfigError(
                "exchanges.dead_man_seconds: expected 1 to 3600 seconds, or 0 for off"
            )
        if not is_sane(self.balance_tolerance_pct) or not 0 <= self.balance_tolerance_pct <= 100:
            raise ConfigError("exchanges.balance_tolerance_pct: expected 0 to 100")

    @property
    def prefix(self) -> str:
        return self.name or self.id


def _is_address(url: str) -> bool:
    try:
        return _URL.fullmatch(url) is not None and urlsplit(url).port != 0
    except ValueError:  # a port beyond the largest
        return False


__all__ = ["ExchangeSettings", "PaperSettings"]
