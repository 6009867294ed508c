"""What a file has shown so far, against which its next row is judged.

The careful way (`rows`) and the fast way (`columns`) share one `FileState`, so that a file may change
between them at any line: each first checks everything, then commits what it accepted.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from tradectl.domain.events import MarketDataEvent
from tradectl.domain.time import iso
from tradectl.feeds.csv.layout import Kind, Layout
from tradectl.feeds.csv.times import to_ns, unit_of
from tradectl.feeds.price_band import PriceBand, UnconfirmedPrice
from tradectl.feeds.quality import RowError, TickFault, shown, symbol_name
from tradectl.feeds.unconfirmed import UnconfirmedRow


class FileState:
    """`latest` is the last moment that can be (ns UTC); `symbol` serves files without that column;
    `interval` is the length of a candle in ns. `confirmed`: the last row confirmed a new price level."""

    def __init__(self, layout: Layout, symbol: str, latest: int) -> None:
        self.layout = layout
        self.symbol = symbol
        self.latest = latest
        self.interval = 0
        self.last_time = 0
        self.price_band = PriceBand()
        self.confirmed = False
        self._unit = layout.unit
        self._symbols: dict[str, str] = {}
        self._open_times: dict[str, int] = {}

    @property
    def symbols(self) -> list[str]:
        """Those accepted so far, in the order of their appearance."""
        return self.price_band.symbols

    def unit(self, text: str) -> int:
        """The file's unit of time; the first `text` that makes sense decides. Raises RowError."""
        if self._unit is None:
            try:
                self._unit = unit_of(text, self.latest)
            except ValueError as error:
                raise RowError(TickFault.NOT_A_TIME, f"{shown(text)}: {error}") from None
        return self._unit

    def time(self, text: str) -> int:
        """The moment `text` (ns UTC), not before the last one accepted. Raises RowError."""
        unit = self.unit(text)
        try:
            moment = to_ns(text, unit)
        except ValueError:
            raise RowError(TickFault.NOT_A_TIME, shown(text)) from None
        if moment <= 0:
            raise RowError(TickFault.NOT_A_TIME, f"{shown(text)} is not after 1970")
        if moment > self.latest:
            raise RowError(TickFault.IN_THE_FUTURE, shown(text))
        if moment < self.last_time:
            raise RowError(TickFault.TIME_GOES_BACK, f"{iso(moment)} after {iso(self.last_time)}")
        return moment

    def name(self, text: str) -> str:
        """The symbol `text`, one object for all its rows. Raises RowError."""
        known = self._symbols.get(text)
        if known is None:
            known = self._symbols[text] = symbol_name(text)
        return known

    def new_candle(self, symbol: str, opened: int) -> None:
        """Raises RowError when the last candle of `symbol` opened at this very moment."""
        if self._open_times.get(symbol) == opened:
            raise RowError(TickFault.REPEATED_CANDLE, f"{symbol} at {iso(opened)}")

    def commit(self, time: int, event: MarketDataEvent) -> None:
        """Accept one good row, if its price is within the band; raises UnconfirmedRow if it is not."""
        try:
            self.confirmed = self.price_band.check(event.symbol, event.price)
        except UnconfirmedPrice as fault:
            raise UnconfirmedRow(event, fault) from None
        self.last_time = self._open_times[event.symbol] = time

    def commit_all(
        self, times: Sequence[int], symbols: Sequence[str], prices: Sequence[Decimal]
    ) -> None:
        """Accept good rows at once, if their prices are within the band. Raises RowError."""
        self.price_band.check_all(symbols, prices)
        if self.layout.kind is Kind.CANDLES:
            self._open_times.update(zip(symbols, times, strict=True))
        self.last_time = times[-1]
