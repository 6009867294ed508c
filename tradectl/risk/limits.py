"""What the account may do, in numbers.

The defaults suit a paper account of 10,000 to 100,000 USDT. `None` switches a limit off. Shares are
in percent (5 is 5%), money in the account's currency.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec
from msgspec import Struct

from tradectl.domain.errors import ConfigError
from tradectl.domain.events import RiskAction
from tradectl.domain.money import is_sane

Loss = Literal["daily_loss", "drawdown"]
ABOVE_ZERO = (
    "max_order_notional",
    "max_position_notional",
    "max_gross_notional",
    "max_leverage",
    "price_collar_pct",
    "max_data_age_seconds",
)
COUNTS = {
    "max_orders_per_second": 1,
    "rate_window_seconds": 1,
    "max_working_orders": 1,
    "duplicate_window_ms": 0,
}


class RiskLimits(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Raises ConfigError for an impossible value."""

    max_order_notional: Decimal | None = Decimal(50_000)
    """of one order that does more than reduce a position"""
    max_position_notional: Decimal | None = Decimal(50_000)
    """of one symbol, its working orders counted as filled"""
    max_gross_notional: Decimal | None = Decimal(200_000)
    """of all positions, long and short added up, working orders counted as filled"""
    max_leverage: Decimal | None = Decimal(2)
    """the same as a multiple of equity"""
    price_collar_pct: Decimal | None = Decimal(10)
    """how far a limit or stop price may be from the mark, in percent of the mark, either way"""
    fee_margin_pct: Decimal = Decimal("0.2")
    """cash that a spot buy must leave for fees and slippage, in percent of its notional"""

    max_orders_per_second: int | None = 10
    """average over the window below; a burst may use all of the window's orders at once"""
    rate_window_seconds: int = 10
    max_working_orders: int | None = 100
    """orders that may still trade, this one not counted (`max_concurrent_orders`)"""
    duplicate_window_ms: int = 500
    """an order that repeats the symbol's last one within this time is a mistake; 0: off"""

    max_data_age_seconds: Decimal | None = None
    """no entry on market data older than this; a run on an exchange's data has it at
    `feed.stale_after_seconds` where it is off"""

    daily_loss_alert_pct: Decimal | None = Decimal(8)
    """of the equity that the UTC day began with"""
    daily_loss_pause_pct: Decimal | None = Decimal(10)
    daily_loss_halt_pct: Decimal | None = Decimal(12)
    drawdown_alert_pct: Decimal | None = Decimal(16)
    """of the highest equity there was"""
    drawdown_pause_pct: Decimal | None = Decimal(20)
    drawdown_halt_pct: Decimal | None = Decimal(24)

    def __post_init__(self) -> None:
        for name in ABOVE_ZERO:
            value = getattr(self, name)
            if value is not None and _decimal(name, value) <= 0:
                raise ConfigError(
                    f"risk.{name}: expected more than 0, or none for off, got {value}"
                )
        if _decimal("fee_margin_pct", self.fee_margin_pct) < 0:
            raise ConfigError(f"risk.fee_margin_pct: expected 0 or more, got {self.fee_margin_pct}")
        for name, least in COUNTS.items():
            value = getattr(self, name)
            if value is not None and not (isinstance(value, int) and value >= least):
                raise ConfigError(
                    f"risk.{name}: expected a whole number from {least} up, got {value!r}"
                )
        self._check_levels("daily_loss")
        self._check_levels("drawdown")

    def levels(self, loss: Loss) -> tuple[tuple[Decimal, RiskAction], ...]:
        """The (percent, action) that are on, mildest first."""
        found = ((getattr(self, f"{loss}_{action}_pct"), action) for action in RiskAction)
        return tuple((value, action) for value, action in found if value is not None)

    def no_entries_from(self, loss: Loss) -> Decimal | None:
        """The percentage from which on no position is opened or enlarged."""
        return next(
            (value for value, action in self.levels(loss) if action is not RiskAction.ALERT), None
        )

    def with_at_most(self, orders: int | None) -> RiskLimits:
        """These limits with no more than so many working orders; None leaves them as they are."""
        own = self.max_working_orders
        if orders is None or (own is not None and own <= orders):
            return self
        return msgspec.structs.replace(self, max_working_orders=orders)

    def _check_levels(self, loss: Loss) -> None:
        before, floor = Decimal(0), "0"
        for value, action in self.levels(loss):
            name = f"{loss}_{action}_pct"
            if _decimal(name, value) <= before:
                raise ConfigError(f"risk.{name}: expected a percentage above {floor}, got {value}")
            before, floor = value, f"the {value} of {name}"


def _decimal(name: str, value: object) -> Decimal:
    if not isinstance(value, Decimal) or not is_sane(value):
        raise ConfigError(
            f"risk.{name}: expected a finite Decimal such as Decimal(10), got {value!r}"
        )
    return value
