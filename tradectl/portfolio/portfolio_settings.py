"""How much the portfolio wants of what strategies wish for, and when a change is worth an order."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, get_args

from msgspec import Struct

from tradectl.domain.errors import ConfigError
from tradectl.domain.money import ONE, ZERO, is_sane

SizingName = Literal["fixed_quantity", "fixed_fraction", "equal_weight", "inverse_volatility"]
EntryType = Literal["market", "limit"]

ONE_HUNDRED_PERCENT_IN_BPS = Decimal(10_000)


class PortfolioSettings(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Sizes and thresholds. Raises ConfigError for an impossible value."""

    sizing: SizingName = "fixed_fraction"
    """how a net wish becomes a quantity; see `sizing.py`"""
    fraction: Decimal = Decimal("0.2")
    """fixed_fraction: share of equity in a position wished for with full strength (0.2 is 20%)"""
    quantity: Decimal = ZERO
    """fixed_quantity: coins in a position wished for with full strength"""
    max_weight: Decimal = Decimal("0.3")
    """largest share of equity in one symbol, long or short; fixed_quantity does not look at it"""
    cash_reserve: Decimal = Decimal("0.02")
    """share of equity that equal_weight and inverse_volatility never allot: it pays the fees"""
    drift: Decimal = Decimal("0.25")
    """share of the target by which a position may be off before it is rebalanced"""
    min_trade_notional: Decimal = Decimal(10)
    """quote currency; a smaller change is not worth its cost, unless it closes the position"""
    order_type: EntryType = "market"
    """of orders that only add to a position; what reduces or turns one always goes to market"""
    limit_offset_bps: Decimal = ZERO
    """hundredths of a percent from the mark to a limit entry's price: buys below, sells above it
    (negative: through the mark)"""

    replace_bps: Decimal | None = None
    """a resting limit entry is cancelled, and replaced once that is confirmed, when the price it would be
    given now is further from its own than this (1/10,000)"""
    stop_loss_pct: Decimal | None = None
    """a reduce-only stop rests at the exchange so far from each position's entry price, in percent; what
    it closed is entered again when a strategy target_signals for something else than before"""

    def __post_init__(self) -> None:
        _one_of("sizing", self.sizing, get_args(SizingName))
        _one_of("order_type", self.order_type, get_args(EntryType))
        for name in ("fraction", "max_weight"):
            value = _decimal(name, getattr(self, name))
            if value <= 0:
                raise ConfigError(f"portfolio.{name}: expected a share above 0, got {value}")
        for name in ("quantity", "drift", "min_trade_notional"):
            value = _decimal(name, getattr(self, name))
            if value < 0:
                raise ConfigError(f"portfolio.{name}: expected 0 or more, got {value}")
        for name, largest in (("replace_bps", ONE_HUNDRED_PERCENT_IN_BPS), ("stop_loss_pct", 100)):
            value = getattr(self, name)
            if value is not None and not 0 < _decimal(name, value) < largest:
                raise ConfigError(
                    f"portfolio.{name}: expected more than 0 and less than {largest}, or none for "
                    f"off, got {value}"
                )
        if not ZERO <= _decimal("cash_reserve", self.cash_reserve) < ONE:
            raise ConfigError(
                f"portfolio.cash_reserve: expected a share from 0 to below 1, "
                f"got {self.cash_reserve}"
            )
        if abs(_decimal("limit_offset_bps", self.limit_offset_bps)) >= ONE_HUNDRED_PERCENT_IN_BPS:
            raise ConfigError(
                f"portfolio.limit_offset_bps: expected less than 10000 bps (100%) either way, "
                f"got {self.limit_offset_bps}"
            )
        if self.sizing == "fixed_quantity" and not self.quantity:
            raise ConfigError(
                "portfolio.quantity: sizing 'fixed_quantity' needs a quantity above 0, in coins"
            )


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ConfigError(f"portfolio.{name}: expected one of {', '.join(allowed)}, got {value!r}")


def _decimal(name: str, value: object) -> Decimal:
    if not isinstance(value, Decimal) or not is_sane(value):
        raise ConfigError(
            f"portfolio.{name}: expected a finite Decimal such as Decimal('0.2'), got {value!r}"
        )
    return value
