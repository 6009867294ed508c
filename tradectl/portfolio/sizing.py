"""From a net target signal to a quantity.

Four ways, each a few lines. A net of 1 is a full position, of -0.5 half a short one; a sizer is only
asked about symbols whose net is not zero, since being out needs no arithmetic.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from decimal import Decimal
from typing import Protocol

from tradectl.domain.money import ONE, ZERO
from tradectl.domain.statistics import EwmVolatility
from tradectl.portfolio.portfolio_settings import PortfolioSettings

WEIGHT_DIGITS = 8
DECAY = 0.94
"""Weight of the last estimate of volatility in the next one: RiskMetrics' (J.P. Morgan, 1996)."""
ENOUGH = 10
"""Returns needed before an estimate is worth anything."""
QUIETEST = 1e-6
"""No symbol counts as quieter than this from one look to the next, or one that never trades would take
all."""


class HasEquity(Protocol):
    """All that a sizer asks an account for."""

    def equity(self) -> Decimal: ...


class Sizer(ABC):
    @abstractmethod
    def quantity(
        self, symbol: str, nets: Mapping[str, Decimal], mark: Decimal, account: HasEquity
    ) -> Decimal:
        """The signed quantity to hold of `symbol`, not yet rounded to its lot.

        `nets` are the net target signals of all symbols, those of zero left out; `mark` is above zero.
        """

    def sample(self, symbol: str, mark: Decimal) -> None:  # noqa: B027 (most sizers measure nothing)
        """A mark at a regular moment, for sizers that measure."""


class FixedQuantity(Sizer):
    """quantity x net, whatever the equity."""

    def __init__(self, quantity: Decimal) -> None:
        self._quantity = quantity

    def quantity(
        self, symbol: str, nets: Mapping[str, Decimal], mark: Decimal, account: HasEquity
    ) -> Decimal:
        return self._quantity * nets[symbol]


class WeightSizer(Sizer):
    """equity x weight / mark, the weight held within +-max_weight."""

    def __init__(self, max_weight: Decimal) -> None:
        self._max_weight = max_weight

    @abstractmethod
    def weight(self, symbol: str, nets: Mapping[str, Decimal]) -> Decimal:
        """Signed share of equity."""

    def quantity(
        self, symbol: str, nets: Mapping[str, Decimal], mark: Decimal, account: HasEquity
    ) -> Decimal:
        equity = account.equity()
        if equity <= 0:
            return ZERO
        weight, cap = self.weight(symbol, nets), self._max_weight
        if weight > cap:
            weight = cap
        elif weight < -cap:
            weight = -cap
        return equity * weight / mark


class FixedFraction(WeightSizer):
    """weight = fraction x net."""

    def __init__(self, fraction: Decimal, max_weight: Decimal) -> None:
        super().__init__(max_weight)
        self._fraction = fraction

    def weight(self, symbol: str, nets: Mapping[str, Decimal]) -> Decimal:
        return self._fraction * nets[symbol]


class EqualWeight(WeightSizer):
    """weight = allotted x net / number of symbols with a target."""

    def __init__(self, allotted: Decimal, max_weight: Decimal) -> None:
        super().__init__(max_weight)
        self._allotted = allotted

    def weight(self, symbol: str, nets: Mapping[str, Decimal]) -> Decimal:
        return self._allotted * nets[symbol] / len(nets)


class InverseVolatility(WeightSizer):
    """weight = allotted x net x (1/v) / sum(1/v) over the symbols with a target: each brings about
    the same risk.

    A symbol not yet measured counts as moving as much as the measured ones do on average; while
    none is measured the weights are equal.
    """

    def __init__(self, allotted: Decimal, max_weight: Decimal) -> None:
        super().__init__(max_weight)
        self._allotted = allotted
        self._volatility: dict[str, EwmVolatility] = {}

    def sample(self, symbol: str, mark: Decimal) -> None:
        if symbol not in self._volatility:
            self._volatility[symbol] = EwmVolatility(ENOUGH, DECAY)
        self._volatility[symbol].update(float(mark))

    def volatility(self, symbol: str) -> float | None:
        """From one sample to the next; None before there are enough of them."""
        measured = self._volatility.get(symbol)
        if measured is None or measured.value is None:
            return None
        return max(measured.value, QUIETEST)

    def weight(self, symbol: str, nets: Mapping[str, Decimal]) -> Decimal:
        measured = {s: v for s in nets if (v := self.volatility(s)) is not None}
        usual = sum(measured.values()) / len(measured) if measured else 1.0
        calm = {s: 1 / measured.get(s, usual) for s in nets}
        share = calm[symbol] / sum(calm.values())
        # statistics end here: the share goes on as a decimal, in digits that mean something
        return self._allotted * nets[symbol] * Decimal(f"{share:.{WEIGHT_DIGITS}f}")


def sizer_for(settings: PortfolioSettings) -> Sizer:
    allotted = ONE - settings.cash_reserve
    match settings.sizing:
        case "fixed_quantity":
            return FixedQuantity(settings.quantity)
        case "fixed_fraction":
            return FixedFraction(settings.fraction, settings.max_weight)
        case "equal_weight":
            return EqualWeight(allotted, settings.max_weight)
        case "inverse_volatility":
            return InverseVolatility(allotted, settings.max_weight)
