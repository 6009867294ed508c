"""What a file has shown so far, against which its next row is judged.

The careful way (`rows`) and the fast way (`columns`) share one `FileState`, so that a file may change
between them at any line: each first checks everything, then commits what it accepted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from tradectl.domain.events import MarketDataEvent
from tradectl.domain.time import iso
from tradectl.feeds.csv.layout import Layout
from tradectl.feeds.csv.names import Kind
from tradectl.feeds.csv.reading import as_it_is
from tradectl.feeds.csv.times import FIRST_BITCOIN, to_ns, unit_of
from tradectl.feeds.price_band import PriceBand, UnconfirmedPrice
from tradectl.feeds.quality import RowError, TickFault, shown, symbol_name
from tradectl.feeds.unconfirmed import UnconfirmedRow


class FileState:
    """`latest` is the last moment that can be (ns UTC); `symbol` serves files without that column, and
    `spell` gives each symbol its name here;
    `interval` is the length of a candle in ns. `confirmed`: the last row confirmed a new price level."""

    def __init__(
        self,
        layout: Layout,
        symbol: str,
        latest: int,
        spell: Callable[[str], str] = as_it_is,
    ) -> None:
        self.layout = layout
        self.symbol = symbol
        self.latest = latest
        self.interval = 0
        self.last_time = 0
        self.price_band = PriceBand()
        self.confirmed = False
        self._spell = spell
        self._unit = layout.unit
        self._symbols: dict[str, str] = {}
        self._open_times: dict[str, int] = {}

    @property
    def symbols(self) -> list[str]:
        """Those accepted so far, in the order of their appearance."""
        return self.price_band.symbols

    @property
    def known_unit(self) -> int | None:
        """That of the last time that was read, ns; None before any was."""
        return self._unit

    def unit(self, text: str) -> int:
        """The file's unit of time; the first `text` that makes sense decides. Raises RowError."""
        if self._unit is None:
            self._unit = self._unit_of(text)
        return self._unit

    def time(self, text: str) -> int:
        """The moment `text` (ns UTC), not before the last one accepted. Raises RowError."""
        moment = self.moment(text)
        if moment < self.last_time:
            raise RowError(TickFault.TIME_GOES_BACK, f"{iso(moment)} after {iso(self.last_time)}")
        return moment

    def moment(self, text: str) -> int:
        """The moment `text` (ns UTC), whatever came before it. Where it makes no sense in the file's
        unit, it may in another: some files change it on their way. Raises RowError."""
        unit = self.unit(text)
        try:
            moment = to_ns(text, unit)
        except ValueError:
            moment = None
        may_change = self.layout.unit is None
        if may_change and (moment is None or not FIRST_BITCOIN <= moment <= self.latest):
            moment = self._in_another_unit(text, moment)
        if moment is None:
            raise RowError(TickFault.NOT_A_TIME, shown(text))
        if moment <= 0:
            raise RowError(TickFault.NOT_A_TIME, f"{shown(text)} is not after 1970")
        if moment > self.latest:
            raise RowError(TickFault.IN_THE_FUTURE, shown(text))
        return moment

    def _in_another_unit(self, text: str, moment: int | None) -> int | None:
        try:
            unit = self._unit_of(text)
        except RowError:
            if moment is not None and 0 < moment < FIRST_BITCOIN:
                raise
            return moment
        self._unit = unit
        return to_ns(text, unit)

    def _unit_of(self, text: str) -> int:
        try:
            return unit_of(text, self.latest, self.layout.dates)
        except ValueError as error:
            raise RowError(TickFault.NOT_A_TIME, f"{shown(text)}: {error}") from None

    def name(self, text: str) -> str:
        """The symbol `text`, one object for all its rows. Raises RowError."""
        known = self._symbols.get(text)
        if known is None:
            known = self._symbols[text] = self._spell(symbol_name(text))
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
