"""From a net target to quantities.

Five ways, each a few lines. A net of 1 is a full position, of -0.5 half a short one; each strategy has a
part of it. What is sized is always one part.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from decimal import Decimal
from typing import Protocol

from tradectl.domain.allocation import Allocated
from tradectl.domain.money import ONE, ZERO
from tradectl.domain.statistics import EwmVolatility
from tradectl.domain.views import AccountView
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

    @property
    def allocation(self) -> Allocated | None: ...

    def wanted(self) -> Collection[str]:
        """The symbols that a strategy wants to hold something of."""
        ...


class Sizer(ABC):
    measures = False
    """It wants to `sample` marks."""
    follows_marks = True
    """What it says is another where a mark is."""

    @abstractmethod
    def quantity(
        self, symbol: str, part: Decimal, net: Decimal, mark: Decimal, account: HasEquity
    ) -> Decimal:
        """The signed quantity that a strategy's `part` of the symbol's `net` target makes, not yet
        rounded to its lot; `mark` is above zero."""

    def largest(self, mark: Decimal, account: HasEquity) -> Decimal | None:
        """The largest position of all strategies together; None where there is no limit."""
        return None

    def go_on_from(self, other: Sizer) -> None:  # noqa: B027 (most sizers measure nothing)
        """Know what `other`, by the settings before, has measured."""

    def sample(self, symbol: str, mark: Decimal) -> None:  # noqa: B027 (most sizers measure nothing)
        """A mark at a regular moment, for sizers that measure."""


def sample_marks(sizer: Sizer, view: AccountView) -> None:
    """Those of all symbols that strategies have spoken of."""
    for symbol in view.targeted():
        mark = view.mark(symbol)
        if mark is not None and mark > 0:
            sizer.sample(symbol, mark)


class FixedQuantity(Sizer):
    """quantity x part, whatever the equity."""

    follows_marks = False

    def __init__(self, quantity: Decimal) -> None:
        self._quantity = quantity

    def quantity(
        self, symbol: str, part: Decimal, net: Decimal, mark: Decimal, account: HasEquity
    ) -> Decimal:
        return self._quantity * part


class WeightSizer(Sizer):
    """equity x weight x part / mark, the weight of the whole net held within +-max_weight."""

    def __init__(self, max_weight: Decimal) -> None:
        self._max_weight = max_weight

    @abstractmethod
    def weight(self, symbol: str, account: HasEquity) -> Decimal:
        """The share of equity of a full position."""

    def quantity(
        self, symbol: str, part: Decimal, net: Decimal, mark: Decimal, account: HasEquity
    ) -> Decimal:
        equity = account.equity()
        if equity <= 0 or not part:
            return ZERO
        full, cap = self.weight(symbol, account), self._max_weight
        weight = full * part if abs(full * net) <= cap else cap * part / abs(net)
        return equity * weight / mark

    def largest(self, mark: Decimal, account: HasEquity) -> Decimal | None:
        return max(account.equity(), ZERO) * self._max_weight / mark


class FixedFraction(WeightSizer):
    """weight = fraction."""

    def __init__(self, fraction: Decimal, max_weight: Decimal) -> None:
        super().__init__(max_weight)
        self._fraction = fraction

    def weight(self, symbol: str, account: HasEquity) -> Decimal:
        return self._fraction


class EqualWeight(WeightSizer):
    """weight = allotted / number of symbols with a target."""

    def __init__(self, allotted: Decimal, max_weight: Decimal) -> None:
        super().__init__(max_weight)
        self._allotted = allotted

    def weight(self, symbol: str, account: HasEquity) -> Decimal:
        wanted = account.wanted()
        return self._allotted / (len(wanted) + (symbol not in wanted))


class InverseVolatility(WeightSizer):
    """weight = allotted x (1/v) / sum(1/v) over the symbols with a target: each brings about
    the same risk.

    A symbol not yet measured counts as moving as much as the measured ones do on average; while
    none is measured the weights are equal.
    """

    def __init__(self, allotted: Decimal, max_weight: Decimal) -> None:
        super().__init__(max_weight)
        self.measures = True
        self._allotted = allotted
        self._volatility: dict[str, EwmVolatility] = {}

    def sample(self, symbol: str, mark: Decimal) -> None:
        if symbol not in self._volatility:
            self._volatility[symbol] = EwmVolatility(ENOUGH, DECAY)
        self._volatility[symbol].update(float(mark))

    def go_on_from(self, other: Sizer) -> None:
        if isinstance(other, InverseVolatility):
            self._volatility = other._volatility

    def volatility(self, symbol: str) -> float | None:
        """From one sample to the next; None before there are enough of them."""
        measured = self._volatility.get(symbol)
        if measured is None or measured.value is None:
            return None
        return max(measured.value, QUIETEST)

    def weight(self, symbol: str, account: HasEquity) -> Decimal:
        wanted = sorted({*account.wanted(), symbol})  # floats are added up in one order
        measured = {s: v for s in wanted if (v := self.volatility(s)) is not None}
        usual = sum(measured.values()) / len(measured) if measured else 1.0
        calm = {s: 1 / measured.get(s, usual) for s in wanted}
        share = calm[symbol] / sum(calm.values())
        # statistics end here: the share goes on as a decimal, in digits that mean something
        return self._allotted * Decimal(f"{share:.{WEIGHT_DIGITS}f}")


class ByWeights(WeightSizer):
    """weight = that of the allocation in force; none before there is one."""

    def weight(self, symbol: str, account: HasEquity) -> Decimal:
        known = account.allocation
        return ZERO if known is None else known.weights.get(symbol, ZERO)


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
        case "allocation":
            return ByWeights(settings.max_weight)
