"""What the books can be asked: an `AccountView`, and the figures that only people look at.

Questions are answered from what is kept, and change nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal

from tradectl.domain.allocation import Allocated
from tradectl.domain.brackets import BracketState
from tradectl.domain.events import RestrictionKind
from tradectl.domain.exposure_tally import ExposureTally
from tradectl.domain.instruments import Instruments
from tradectl.domain.margin import MarginAccount
from tradectl.domain.market_history import MarketHistory
from tradectl.domain.money import ZERO
from tradectl.domain.positions import Position, nearer_zero
from tradectl.domain.protection import price_known, too_small
from tradectl.domain.quotes import QuoteSet
from tradectl.domain.refusals import Refusal
from tradectl.domain.risk_memory import RiskMemory
from tradectl.domain.shares import StrategyTarget
from tradectl.domain.states import TradingState
from tradectl.risk.exposure_checks import tally_of
from tradectl.risk.limits import RiskLimits
from tradectl.state.account import Account
from tradectl.state.prices_view import PricesView


def drawdown_from(peak: Decimal, equity: Decimal) -> Decimal:
    """Share of `peak` that is lost; nothing without a peak."""
    return max(ZERO, (peak - equity) / peak) if peak > 0 else ZERO


_NOTHING_HELD: Mapping[str, Position] = {}
_NOTHING_WANTED: Mapping[str, StrategyTarget] = {}
_NOTHING_QUOTED: Mapping[str, QuoteSet] = {}
_UNRESTRICTED: Mapping[RestrictionKind, str] = {}


class BooksView(PricesView):
    """The account as of the last event; see `AccountView` for the questions. What is remembered for
    limits is as much as these `limits` look at."""

    def __init__(
        self,
        account: Account,
        instruments: Instruments | None = None,
        limits: RiskLimits | None = None,
    ) -> None:
        self.limits = limits or RiskLimits()
        super().__init__(account, instruments, tally_of(self.limits))
        self._counts_trips = self.limits.counts_trips
        self._configured: tuple[str, ...] = ()
        self._place: dict[str, int] = {}
        self._in_order: dict[str, tuple[Mapping[str, Position], Mapping[str, Position]]] = {}
        """by symbol, the strategies' positions as they were put in order, and in that order"""
        self._wanted = {
            symbol: None
            for symbol, targets in account.targets.items()
            if any(target.size for target in targets.values())
        }

    def change_limits(self, limits: RiskLimits) -> None:
        """What is remembered for limits is from now on what these look at."""
        self.limits = limits
        self._counts_trips = limits.counts_trips
        self.tally_by(tally_of(limits))

    def at_stake(self) -> ExposureTally:
        self.sums()
        tally = self._tally = self._tally or ExposureTally(())
        for symbol in self._untallied:
            held, mark = self.position(symbol).quantity, self.mark(symbol)
            orders = self.working_in(symbol)
            if mark and (orders or symbol in self.account.holdings):
                lot = self.instruments[symbol].lot_size
                tally.count(symbol, held, orders, mark, self.holdings(symbol), lot)
        self._untallied.clear()
        return tally

    @property
    def currency(self) -> str:
        return self.account.currency

    @property
    def trading_state(self) -> TradingState:
        return self.account.trading_state

    @property
    def protection_dropped(self) -> bool:
        return self.account.protection_dropped

    @property
    def lifted_stops(self) -> Mapping[str, Decimal]:
        return self.account.lifted_stops

    @property
    def brackets(self) -> Mapping[str, Mapping[str, BracketState]]:
        return self.account.brackets

    @property
    def closing(self) -> Mapping[str, str]:
        return self.account.closing

    @property
    def cash(self) -> Decimal:
        return self.account.cash

    def exchange_of(self, symbol: str) -> str:
        return self.instruments.exchange_of(symbol)

    def cash_at(self, exchange: str) -> Decimal:
        return self.account.cash_at(exchange, of_several=len(self.instruments.exchanges) > 1)

    def cash_for(self, symbol: str) -> Decimal:
        return self.cash_at(self.instruments.exchange_of(symbol))

    @property
    def risk(self) -> RiskMemory:
        return self.account.risk

    @property
    def peak_equity(self) -> Decimal:
        return self.account.peak_equity

    @property
    def day_start_equity(self) -> Decimal:
        return self.account.day_start_equity

    @property
    def limit_peak(self) -> Decimal:
        known = self.account.readings
        return self.account.peak_equity if known is None else known.peak

    def confirmed_equity(self) -> Decimal | None:
        if not self.holds_something():
            return self.account.cash
        known = self.account.readings
        return None if known is None else known.fell_to()

    def paused_at(self, cause: str) -> int | None:
        pause = self.account.pauses.get(cause)
        return None if pause is None else pause.since

    @property
    def history(self) -> MarketHistory | None:
        return self.account.history

    @property
    def allocation(self) -> Allocated | None:
        return self.account.allocation

    def price_of(self, symbol: str) -> Decimal:
        """The last price seen; before the first, that of the position's entry."""
        return price_known(self.position(symbol), self)

    def position(self, symbol: str) -> Position:
        return self.account.positions.get(symbol) or Position(symbol)

    def hold(self, position: Position) -> None:
        """Flat, there is nothing that a stop would protect."""
        account, symbol = self.account, position.symbol
        if self._counts_trips:
            self._note_trip(position)
        account.positions[symbol] = position
        self._changed[symbol] = None
        if account.lifted_stops and not position.quantity:
            account.lifted_stops.pop(symbol, None)
        if account.closing and not self.open_quantity(symbol):
            account.closing.pop(symbol, None)

    def _note_trip(self, after: Position) -> None:
        """What is too little to be traded is nothing."""
        symbol, before = after.symbol, self.position(after.symbol)
        mark = self.mark(symbol)
        had, has = (
            ZERO if self.is_dust(symbol, each.quantity, mark) else each.quantity
            for each in (before, after)
        )
        self.account.risk.note_trip(before, after, had, has)

    def holds_something(self) -> bool:
        return bool(self.sums().held)

    def positions(self) -> Collection[Position]:
        return [p for p in self.account.positions.values() if p.quantity]

    def holdings(self, symbol: str) -> Mapping[str, Position]:
        """The strategies' virtual positions in the symbol, flat ones too, in the order of the
        configuration: what nobody configured any more comes first."""
        held = self.account.holdings.get(symbol)
        if held is None:
            return _NOTHING_HELD
        if len(held) == 1:
            return held
        known = self._in_order.get(symbol)
        if known is None or known[0] is not held or self._configured is not self.account.configured:
            known = self._in_order[symbol] = held, self._by_configuration(held)
        return known[1]

    def _by_configuration(self, held: Mapping[str, Position]) -> Mapping[str, Position]:
        configured = self.account.configured
        if self._configured is not configured:
            self._configured = configured
            self._place = {name: n for n, name in enumerate(configured)}
            self._in_order.clear()
        place = self._place
        return {name: held[name] for name in sorted(held, key=lambda n: (place.get(n, -1), n))}

    def targets(self, symbol: str) -> Mapping[str, StrategyTarget]:
        """What strategies want of the symbol."""
        return self.account.targets.get(symbol, _NOTHING_WANTED)

    def quotes(self, symbol: str) -> Mapping[str, QuoteSet]:
        """What strategies want to rest in the symbol, less what was filled of it."""
        return self.account.quotes.get(symbol, _NOTHING_QUOTED)

    def quoted(self) -> Collection[str]:
        """The symbols that strategies have ever wanted something to rest in."""
        return self.account.quotes.keys()

    def targeted(self) -> Collection[str]:
        """The symbols that strategies have spoken of."""
        return self.account.targets.keys()

    def wanted(self) -> Collection[str]:
        """The symbols that a strategy wants to hold something of."""
        return self._wanted.keys()

    def restrictions(self, symbol: str) -> Mapping[RestrictionKind, str]:
        """Why trading in the symbol is restricted, by kind; empty where it is not."""
        known = self.account.reconciliation
        return _UNRESTRICTED if known is None else known.restrictions.get(symbol, _UNRESTRICTED)

    def open_quantity(self, symbol: str) -> Decimal:
        position = self.account.positions.get(symbol)
        if position is None or not position.quantity:
            return ZERO
        held = position.quantity
        return ZERO if self.is_dust(symbol, held, self.mark(symbol)) else held

    def is_dust(self, symbol: str, quantity: Decimal, price: Decimal | None) -> bool:
        return too_small(symbol, quantity, price, self)

    def refusal(self, symbol: str, *, exits: bool) -> Refusal | None:
        account = self.account
        return (account.refused_exits if exits else account.refused_entries).get(symbol)

    def rules_since(self, symbol: str) -> int:
        rules = self.account.rules.get(symbol)
        return 0 if rules is None else rules.since

    @property
    def anything_refused(self) -> bool:
        return bool(self.account.refused_exits or self.account.refused_entries)

    def refused_symbols(self) -> Collection[str]:
        return sorted({*self.account.refused_exits, *self.account.refused_entries})

    def external(self, symbol: str) -> Decimal:
        known = self.account.reconciliation
        return ZERO if known is None else known.external.get(symbol, ZERO)

    def there(self, symbol: str) -> Decimal:
        """How much of our position its exchange holds, signed."""
        held, known = self.position(symbol).quantity, self.account.reconciliation
        if known is None:
            return held
        return nearer_zero(held + self.external(symbol) + known.believed(symbol), held)

    def free(self, symbol: str) -> Decimal:
        there, known = self.there(symbol), self.account.reconciliation
        if known is None:
            return there
        bound = known.bound.get(symbol, ZERO)
        if not bound or self.is_dust(symbol, there - bound, self.mark(symbol)):
            return there
        return max(there - bound, ZERO) or there

    def profit(self) -> Decimal:
        """What the account is worth beyond what was put in."""
        return self.equity() - self.account.invested

    def equity(self) -> Decimal:
        return self.account.cash + self.sums().worth

    def unrealized(self) -> Decimal:
        return sum((p.unrealized(price_known(p, self)) for p in self.positions()), ZERO)

    def realized(self) -> Decimal:
        return sum((p.realized for p in self.account.positions.values()), ZERO)

    def fees(self) -> Decimal:
        return sum((p.fees for p in self.account.positions.values()), ZERO)

    def exposure(self) -> Decimal:
        return self.sums().exposure

    def margin(self, exchange: str | None = None) -> MarginAccount:
        """The perpetual positions at their marks, and what stands behind them: of one exchange, or of
        all."""
        held = self.positions() if self.instruments.any_perpetual else ()
        if exchange is None:
            return MarginAccount.of(self.account.cash, held, self.instrument, self.mark)
        there = [position for position in held if self.exchange_of(position.symbol) == exchange]
        return MarginAccount.of(self.cash_at(exchange), there, self.instrument, self.mark)

    def funded_until(self, symbol: str) -> int:
        return self.account.funded_until.get(symbol, 0)

    def drawdown(self) -> Decimal:
        """Share lost since the peak that limits measure from, 0 to 1."""
        return drawdown_from(self.account.peak_equity, self.equity())

    def max_drawdown(self) -> Decimal:
        """The largest share lost from a peak of equity to a trough after it: 0 to 1, and more where
        equity fell below zero. With M(t) the highest equity up to t, it is the maximum over t of
        (M(t) - equity(t)) / M(t): the definition of Magdon-Ismail and Atiya, "Maximum drawdown"
        (Risk 17(10), 2004), as a share of the peak.

        Equity is measured at every risk check since the account was opened, at the end of each run, and
        now, unless that is inside a candle. Peaks move with money that is put in or taken out.
        """
        if self.is_inside_bar():
            return self.account.max_drawdown
        now = drawdown_from(self.account.high_water, self.equity())
        return max(self.account.max_drawdown, now)


__all__ = ["BooksView", "drawdown_from"]
