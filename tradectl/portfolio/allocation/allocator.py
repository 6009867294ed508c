"""From what strategies want and how prices moved to a weight for each symbol, by the configured method.

The numeric libraries are loaded when a method needs them, and not before.
"""

from __future__ import annotations

from decimal import Decimal
from importlib.util import find_spec
from math import isfinite

from tradectl.domain.allocation import WEIGHT_STEP, Allocator, Targets, Weights
from tradectl.domain.errors import AllocationFailed, ConfigError
from tradectl.domain.market_history import MarketHistory
from tradectl.domain.money import ONE, ZERO
from tradectl.domain.text import counted
from tradectl.portfolio.allocation.plain import calm_of, shared
from tradectl.portfolio.allocation_settings import AllocationSettings
from tradectl.portfolio.portfolio_settings import PortfolioSettings

PACKAGES = ("numpy", "scipy", "clarabel")


def check_packages(settings: AllocationSettings) -> None:
    """Raises ConfigError where the method needs a package that is not installed."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing and not settings.is_plain:
        raise ConfigError(
            f"allocation.{_named(settings)} with these constraints needs {', '.join(missing)}: "
            "pip install 'tradectl[quant]'"
        )


def _named(settings: AllocationSettings) -> str:
    return f'method: "{settings.method}"' if not settings.allocator else "allocator"


class MethodAllocator(Allocator):
    """`max_weight` caps each symbol; what is `allotted` is 1 less the cash reserve."""

    def check(self) -> None:
        """Raises ConfigError where it cannot work here."""
        check_packages(self._settings)

    def __init__(self, settings: AllocationSettings, portfolio: PortfolioSettings) -> None:
        self._settings = settings
        self._cap = float(portfolio.max_weight)
        self._allotted = float(ONE - portfolio.cash_reserve)

    def __call__(self, targets: Targets, history: MarketHistory) -> Weights:
        """Who has too little history has no weight. Raises AllocationFailed, and ConfigError where a
        package is missing."""
        symbols = sorted(targets)
        if self._settings.method == "equal_weight" and self._settings.is_plain:
            return self._rounded(
                symbols, shared(dict.fromkeys(symbols, 1.0), self._allotted, self._cap)
            )
        known = [s for s in symbols if len(history.returns(s)) >= self._settings.min_history]
        if not known:
            raise AllocationFailed(self._too_little(symbols, history))
        return self._rounded(symbols, self._weights(known, targets, history))

    def within(self, wanted: dict[str, float], targets: Targets, history: MarketHistory) -> Weights:
        """Weights that somebody else worked out, as far as the constraints let them. Raises
        AllocationFailed, and ConfigError where a package is missing."""
        symbols, settings = sorted(targets), self._settings
        if settings.is_plain:
            cut = {s: max(min(w, self._cap), -self._cap) for s, w in wanted.items()}
            gross = sum(map(abs, cut.values()))
            part = min(1.0, self._allotted / gross) if gross else 1.0
            return self._rounded(symbols, {s: w * part for s, w in cut.items()})
        check_packages(settings)
        from tradectl.portfolio.allocation.optimising import optimised

        weights = optimised(
            settings,
            symbols,
            history.common(symbols),
            [targets[symbol].side for symbol in symbols],
            [targets[symbol].held for symbol in symbols],
            self._cap,
            self._allotted,
            own=[wanted.get(symbol, 0.0) for symbol in symbols],
        )
        return self._rounded(symbols, dict(zip(symbols, weights, strict=True)))

    def _weights(
        self, symbols: list[str], targets: Targets, history: MarketHistory
    ) -> dict[str, float]:
        returns = history.common(symbols)
        if self._settings.is_plain:
            calm = [calm_of(own, self._settings) for own in returns]
            return shared(dict(zip(symbols, calm, strict=True)), self._allotted, self._cap)
        check_packages(self._settings)
        from tradectl.portfolio.allocation.optimising import optimised

        weights = optimised(
            self._settings,
            symbols,
            returns,
            [targets[symbol].side for symbol in symbols],
            [targets[symbol].held for symbol in symbols],
            self._cap,
            self._allotted,
        )
        return dict(zip(symbols, weights, strict=True))

    def _too_little(self, symbols: list[str], history: MarketHistory) -> str:
        most = max((len(history.returns(symbol)) for symbol in symbols), default=0)
        wanted = counted(self._settings.min_history, "return")
        return f"too little history: {most} of {wanted} (allocation.min_history)"

    @staticmethod
    def _rounded(symbols: list[str], weights: dict[str, float]) -> Weights:
        def rounded(weight: float) -> Decimal:
            if not isfinite(weight):
                raise AllocationFailed("the numbers of the history give no weights")
            return Decimal(weight).quantize(WEIGHT_STEP) + ZERO  # no minus before a zero

        return {symbol: rounded(weights.get(symbol, 0.0)) for symbol in symbols}


__all__ = ["MethodAllocator", "check_packages"]
