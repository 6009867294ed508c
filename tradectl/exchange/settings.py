"""How kind the paper exchange is.

The defaults are those of a spot account without discounts, and lean to the pessimistic side: takers
slip a little, and a resting order trades only when the market has gone through its price.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from msgspec import Struct

from tradectl.domain.errors import ConfigError
from tradectl.domain.money import ONE, ZERO, is_sane

LARGEST_SLIPPAGE = Decimal(5000)


class PaperSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the paper exchange. Raises ConfigError for a value that cannot be."""

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


__all__ = ["PaperSettings"]
