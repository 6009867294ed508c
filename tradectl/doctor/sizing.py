"""How large a position would be now, by the portfolio's own sizing and the exchanges' prices.

The same sizer that trades is asked, for the case that every strategy asks for a full position: of all
symbols at once for the smallest, of one alone for the largest.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal

from msgspec import Struct

from tradectl.config.settings import Settings
from tradectl.domain.allocation import Allocated
from tradectl.domain.instruments import Instrument
from tradectl.domain.money import ONE, ZERO
from tradectl.domain.shares import StrategyTarget
from tradectl.portfolio.netting import Allocations, net_target
from tradectl.portfolio.sizing import sizer_for
from tradectl.portfolio.strategy_shares import base_shares


class Size(Struct, frozen=True):
    """Notionals, in the quote currency: a full position as `planned` (rounded to lots), at its `largest`,
    the `least` that one order can be, and the money that one order `needs`."""

    planned: Decimal
    largest: Decimal
    least: Decimal
    needs: Decimal


class Funds(Struct, frozen=True):
    """An account as a sizer sees it: so much equity, for these symbols. Where weights are worked out from
    how prices moved, equal ones stand for them."""

    amount: Decimal
    symbols: Collection[str]
    allotted: Decimal = ONE

    def equity(self) -> Decimal:
        return self.amount

    def wanted(self) -> Collection[str]:
        return self.symbols

    @property
    def allocation(self) -> Allocated:
        share = self.allotted / max(len(self.symbols), 1)
        return Allocated(weights=dict.fromkeys(self.symbols, share))


class Sizing:
    """`instruments` and `prices` are those of the traded symbols, as far as they are known."""

    def __init__(
        self,
        settings: Settings,
        equity: Decimal,
        instruments: Mapping[str, Instrument],
        prices: Mapping[str, Decimal],
    ) -> None:
        self.equity = equity
        self._settings = settings
        self._instruments = instruments
        self._prices = prices
        self._sizer = sizer_for(settings.portfolio)
        self._targets = full_targets(settings)

    def of(self, symbol: str) -> Size | None:
        """None where the symbol has no price or no rules."""
        instrument, price = self._instruments.get(symbol), self._prices.get(symbol)
        if instrument is None or not price or symbol not in self._targets:
            return None
        planned = self._quantity(symbol, self._targets, price, self.equity)
        alone = {symbol: self._targets[symbol]}
        largest = self._quantity(symbol, alone, price, self.equity)
        least = max(
            instrument.min_notional,
            self._settings.portfolio.min_trade_notional,
            instrument.lot_size * price,
        )
        rounded = instrument.floor_quantity(planned) * price
        return Size(
            planned=rounded,
            largest=instrument.floor_quantity(largest) * price,
            least=least,
            needs=self._needs(symbol, instrument, price, rounded, least),
        )

    def _needs(
        self, symbol: str, instrument: Instrument, price: Decimal, planned: Decimal, least: Decimal
    ) -> Decimal:
        """What the order costs; where it would be too small, the equity at which it would not be."""
        if planned < least:
            share = self._quantity(symbol, self._targets, price, ONE) * price
            return least / share if share and self._follows_equity else least
        leverage = min(instrument.max_leverage, self._settings.risk.max_leverage or ONE)
        return planned / leverage if instrument.can_short and leverage > ONE else planned

    @property
    def _follows_equity(self) -> bool:
        return self._settings.portfolio.sizing != "fixed_quantity"

    def _quantity(
        self, symbol: str, targets: Mapping[str, Decimal], price: Decimal, equity: Decimal
    ) -> Decimal:
        net = targets[symbol]
        return abs(
            self._sizer.quantity(
                symbol,
                net,
                net,
                price,
                Funds(equity, targets.keys(), ONE - self._settings.portfolio.cash_reserve),
            )
        )


def full_targets(settings: Settings) -> dict[str, Decimal]:
    """The net target of each traded symbol when every strategy asks for all that it may; those of zero
    left out."""
    configured = {s.name: s.allocation for s in settings.strategies}
    allocations = Allocations(base_shares(settings.allocation, configured))
    wanted: dict[str, list[StrategyTarget]] = {}
    for strategy in settings.strategies:
        for symbol in strategy.reach(settings.symbols):
            wanted.setdefault(symbol, []).append(StrategyTarget(strategy.name, ONE, ONE))
    nets = {symbol: net_target(targets, allocations) for symbol, targets in wanted.items()}
    return {symbol: net for symbol, net in nets.items() if net != ZERO}


__all__ = ["Size", "Sizing", "full_targets"]
