"""What fees cost that are paid in a third currency, such as an exchange's own coin.

The books count in the quote currency, so a fill with such a fee waits, for the moment that one question
takes, until the coin has a price.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from tradectl.domain.errors import ExchangeError
from tradectl.domain.events import SystemEventKind
from tradectl.domain.instruments import Instruments
from tradectl.exchange.live.execution_reporter import ExecutionReporter
from tradectl.exchange.venue import Venue, VenueFill

RATE_LASTS_S = 60.0
"""A price is asked for again after so long."""


class FeeRates:
    """`monotonic` gives seconds."""

    def __init__(
        self,
        venue: Venue,
        instruments: Instruments,
        reporter: ExecutionReporter,
        monotonic: Callable[[], float],
    ) -> None:
        self._venue = venue
        self._instruments = instruments
        self._reporter = reporter
        self._monotonic = monotonic
        self._rates: dict[tuple[str, str], tuple[Decimal, float]] = {}

    def quote_value(self, currency: str, quote: str) -> Decimal | None:
        """What one `currency` cost in `quote` when it was last asked for."""
        known = self._rates.get((currency, quote))
        return known[0] if known is not None else None

    def is_missing(self, fill: VenueFill) -> bool:
        """Whether its fee is in a currency whose price is not known, or not any more."""
        instrument = self._instruments[fill.symbol]
        if fill.fee_currency in ("", instrument.quote, instrument.base):
            return False
        known = self._rates.get((fill.fee_currency, instrument.quote))
        return known is None or self._monotonic() - known[1] > RATE_LASTS_S

    async def fetch(self, fills: Sequence[VenueFill]) -> None:
        """Ask for what is lacking. What has no price costs nothing in the books, and is reported."""
        for fill in fills:
            if self.is_missing(fill):
                await self._ask(fill.fee_currency, self._instruments[fill.symbol].quote)

    async def _ask(self, currency: str, quote: str) -> None:
        try:
            rate = await self._venue.price_of(currency, quote)
        except ExchangeError:
            rate = None
        if rate is not None:
            self._rates[currency, quote] = rate, self._monotonic()
        elif (currency, quote) not in self._rates:
            self._reporter.problem(
                SystemEventKind.FEE_NOT_VALUED, f"a fee in {currency} has no price"
            )


__all__ = ["FeeRates"]
