"""How large a position would be now, by the portfolio's own sizing and the exchanges' prices.

The same sizer that trades is asked, for the case that every strategy wishes for a full position: of all
symbols at once for the smallest, of one alone for the largest.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, cast

from msgspec import Struct

from tradectl.config.settings import Settings
from tradectl.domain.instruments import Instrument
from tradectl.domain.money import ONE, ZERO
from tradectl.portfolio.netting import TargetSignal, net_target
from tradectl.portfolio.sizing import Sizer, sizer_for

if TYPE_CHECKING:
    from tradectl.domain.views import AccountView


class Size(Struct, frozen=True):
    """Notionals, in the quote currency: a full position as `planned` (rounded to lots), at its `largest`,
    the `least` that one order can be, and the money that one order `needs`."""

    planned: Decimal
    largest: Decimal
    least: Decimal
    needs: Decimal


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
        self._wishes = full_targets(settings)

    def of(self, symbol: str) -> Size | None:
        """None where the symbol has no price or no rules."""
        instrument, price = self._instruments.get(symbol), self._prices.get(symbol)
        if instrument is None or not price or symbol not in self._wishes:
            return None
        planned = self._quantity(symbol, self._wishes, price, self.equity)
        alone = {symbol: self._wishes[symbol]}
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
            share = self._quantity(symbol, self._wishes, price, ONE) * price
            return least / share if share and self._follows_equity else least
        leverage = min(instrument.max_leverage, self._settings.risk.max_leverage or ONE)
        return planned / leverage if instrument.can_short and leverage > ONE else planned

    @property
    def _follows_equity(self) -> bool:
        return self._settings.portfolio.sizing != "fixed_quantity"

    def _quantity(
        self, symbol: str, wishes: Mapping[str, Decimal], price: Decimal, equity: Decimal
    ) -> Decimal:
        view = cast("AccountView", _Worth(equity))
        return _absolute(self._sizer, symbol, wishes, price, view)


def _absolute(
    sizer: Sizer, symbol: str, wishes: Mapping[str, Decimal], price: Decimal, view: AccountView
) -> Decimal:
    return abs(sizer.quantity(symbol, wishes, price, view))


class _Worth:
    """All that a sizer asks an account for."""

    def __init__(self, equity: Decimal) -> None:
        self._equity = equity

    def equity(self) -> Decimal:
        return self._equity


def full_targets(settings: Settings) -> dict[str, Decimal]:
    """The net wish of each traded symbol when every strategy wishes for all that it may; those of zero
    left out."""
    wishes: dict[str, list[TargetSignal]] = {}
    for strategy in settings.strategies:
        for symbol in strategy.reach(settings.symbols):
            wish = TargetSignal(symbol, strategy.name, ONE, allocation=strategy.allocation)
            wishes.setdefault(symbol, []).append(wish)
    nets = {symbol: net_target(of_symbol) for symbol, of_symbol in wishes.items()}
    return {symbol: net for symbol, net in nets.items() if net != ZERO}


def money(value: Decimal) -> str:
    return f"{value:,.2f}" if abs(value) >= ONE else f"{value.normalize():,f}"[:12]


__all__ = ["Size", "Sizing", "full_targets", "money"]
