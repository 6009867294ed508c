"""What the books know of the market: the newest price of each symbol, and the sums that follow from it.

What arrives is taken in when somebody asks; a symbol is counted anew when its position, its orders or its
price changed, and no other one.
"""

from __future__ import annotations

from collections.abc import Set
from decimal import Decimal

from tradectl.domain.account_sums import AccountSums
from tradectl.domain.events import BarEvent, BarOpened, MarketDataEvent
from tradectl.domain.exposure_tally import ExposureTally
from tradectl.domain.instruments import Instrument, Instruments
from tradectl.domain.money import ZERO, Side
from tradectl.domain.sums_by_exchange import SumsByExchange
from tradectl.state.account import Account
from tradectl.state.orders_view import OrdersView


class PricesView(OrdersView):
    """Of the `account`, whose working orders are counted by the `tally`, where limits ask for one."""

    def __init__(
        self, account: Account, instruments: Instruments | None, tally: ExposureTally | None
    ) -> None:
        super().__init__(account)
        self.instruments = Instruments() if instruments is None else instruments
        for rules in account.rules.values():
            self.instruments.describe(rules.instrument)
        self._arrived: dict[str, MarketDataEvent] = {}
        self._last: dict[str, MarketDataEvent] = {}
        self._sums = self.new_sums()
        self._tally = tally
        self._untallied: dict[str, object] = {}
        self._priced = set(account.risk.priced)
        self._heard = set(account.history.heard if account.history is not None else ())
        self._unread = set(account.readings.unread if account.readings is not None else ())
        if account.readings is not None and account.readings.is_none:
            account.readings = None
        self._candles = account.candles
        """of symbols that no data came of since these books were made"""

    def tally_by(self, tally: ExposureTally | None) -> None:
        """Count the working orders by another one, each symbol anew."""
        self._tally = tally
        self._untallied = dict.fromkeys((*self.account.holdings, *self.last, *self.account.marks))

    def new_sums(self) -> AccountSums:
        """Of nothing yet."""
        if len(self.instruments.exchanges) < 2:
            return AccountSums()
        return SumsByExchange(self.instruments.exchange_of)

    @property
    def last(self) -> dict[str, MarketDataEvent]:
        """The newest market data of each symbol. What arrives is taken in when somebody asks."""
        if self._arrived:
            self._take_in()
        return self._last

    def _take_in(self) -> None:
        sums, changed = self._sums, self._changed
        if self._tally is not None:
            self._untallied.update(self._arrived)
        for symbol, tick in self._arrived.items():
            if symbol in changed:
                continue  # it is counted anew, by this price
            if symbol in sums.working or symbol in sums.unpriced:
                changed[symbol] = None
            elif symbol in sums.held:
                sums.price(symbol, tick.price)
        self._unread.update(self._arrived)
        self._priced.update(self._arrived)
        if self.account.history is not None:
            self._heard.update(self._arrived)
        self._last.update(self._arrived)
        self._arrived.clear()

    def sums(self) -> AccountSums:
        if self._arrived:
            self._take_in()
        if self._changed:
            self._count_anew()
        return self._sums

    def _count_anew(self) -> None:
        """Those symbols that changed since the sums were asked for last."""
        sums, last, working = self._sums, self._last, self._working()
        positions, marks = self.account.positions, self.account.marks
        if self._tally is not None:
            self._untallied.update(self._changed)
        for symbol in self._changed:
            position, orders = positions.get(symbol), working.get(symbol)
            if position is None and orders is None:
                continue
            tick = last.get(symbol)
            mark = tick.price if tick is not None else marks.get(symbol)
            perpetual = self.instruments.perpetual(symbol)
            if position is not None:
                sums.hold(position, mark, perpetual)
            if orders is not None:
                held = ZERO if position is None else position.quantity
                sums.work(symbol, orders, held, mark, perpetual)
        self._changed.clear()

    def days_were_noted(self) -> None:
        self._priced.clear()

    def priced(self) -> tuple[str, ...]:
        """The symbols that there was data of since the last day was over."""
        self.sums()
        return tuple(sorted(self._priced))

    def period_was_noted(self) -> None:
        self._heard.clear()

    def heard(self) -> tuple[str, ...]:
        """The symbols that there was data of since the last period, where a history is kept."""
        self.sums()
        return tuple(sorted(self._heard))

    def unread(self) -> Set[str]:
        """The symbols whose newest price no reading of equity has seen."""
        if self._arrived:
            self._take_in()
        return self._unread

    def prices_were_read(self) -> None:
        """Those of what is held, as it was counted last."""
        self._unread.difference_update(self._sums.held)

    def instrument(self, symbol: str) -> Instrument:
        return self.instruments[symbol]

    def knows(self, symbol: str) -> bool:
        return symbol in self.instruments

    def mark(self, symbol: str) -> Decimal | None:
        if self._arrived:
            self._take_in()
        tick = self._last.get(symbol)
        return tick.price if tick is not None else self.account.marks.get(symbol)

    def spread(self, symbol: str) -> Decimal:
        tick = self.last.get(symbol)
        if tick is None or tick.bid is None or tick.ask is None or tick.price <= 0:
            return ZERO
        return max(tick.ask - tick.bid, ZERO) / tick.price

    def best(self, symbol: str, side: Side) -> Decimal | None:
        """What stands first on that side of the market, where it was told; else one price step from the
        mark to that side, where an order rests."""
        tick = self.last.get(symbol)
        quote = None if tick is None else tick.bid if side is Side.BUY else tick.ask
        mark = self.mark(symbol)
        if quote is not None or mark is None:
            return quote
        return mark - side.signed(self.instrument(symbol).tick_at(mark))

    def awaits_open(self, symbol: str) -> bool:
        """Its candle has closed, and this is data that tells of opens."""
        return bool(self.account.opened_at) and self.is_candle_open(symbol) is False

    def has_opens(self, symbol: str) -> bool:
        """What comes of it are recorded candles, each with its open."""
        return bool(self.account.opened_at) and self.is_candle_open(symbol) is not None

    def is_inside_bar(self) -> bool:
        """Of the open candle of something held only the open is known."""
        if not self.account.opened_at:
            return False
        held, last = self.sums().held, self._last
        for symbol in held:
            tick = last.get(symbol)
            if tick.__class__ is BarOpened or (tick is None and self._candles.get(symbol)):
                return True
        return False

    def candles(self) -> dict[str, bool]:
        """Of each symbol whose newest data is a candle whether it is open."""
        if not self.account.opened_at:
            return {}
        known = {s: self.is_candle_open(s) for s in sorted({*self._candles, *self.last})}
        return {symbol: is_open for symbol, is_open in known.items() if is_open is not None}

    def is_candle_open(self, symbol: str) -> bool | None:
        """Only its open is known, or it has closed; None where the newest data is no candle."""
        tick = self.last.get(symbol)
        if tick is None:
            return self._candles.get(symbol)
        kind = type(tick)
        return True if kind is BarOpened else False if kind is BarEvent else None

    def data_time(self, symbol: str) -> int | None:
        """When the newest market data of this run was made, ns UTC; 0 where it does not say, None
        where there is none yet."""
        tick = self.last.get(symbol)
        return tick.ts if tick is not None else None


__all__ = ["PricesView"]
