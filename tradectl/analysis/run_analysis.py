"""A run, read from its journal from beginning to end, once.

    analyse(path)                a journal; of a run that still trades, as far as it is written
    RunAnalysis(header)          the same of records as they are made: `take` each, then `end`

The records are folded into books of its own, as a recovery folds them; what changes in the strategies'
virtual positions becomes round trips, and what the account is worth at each mark becomes the equity.
Round trips are handed on as they end (`on_trip`): whoever wants all of them keeps them. What is kept here
does not grow with the number of records: two figures for each round trip, one line for each day.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from pathlib import Path

from msgspec import Struct

from tradectl.analysis.attribution import OTHERS, Attribution, reason_kind
from tradectl.analysis.benchmark import BuyAndHold
from tradectl.analysis.equity import EquityCurve
from tradectl.analysis.round_trips import OnTrip, RoundTrip
from tradectl.analysis.trip_analysis import TripAnalysis, Watch, no_watch
from tradectl.analysis.trip_figures import TripFigures
from tradectl.config.settings import Settings
from tradectl.domain.event import ReasonCode
from tradectl.domain.events import (
    BarOpened,
    Event,
    LimitBreached,
    MarketDataEvent,
    OrderDenied,
    Record,
    StrategySignalEvent,
    TargetComputed,
)
from tradectl.domain.money import less_exactly
from tradectl.feeds.whole_log import read_log
from tradectl.journal.writer import Footer, Header
from tradectl.state.availability import Available, RunTime, held_until
from tradectl.state.books import Books
from tradectl.storage.reader import RECORDED_ACCOUNT

Reason = tuple[str, str]
"""A code, and words."""

NO_REFUSAL = (None, ReasonCode.ON_TARGET, ReasonCode.NOT_FILLED)
"""Of a target: nothing was refused."""
MOST_REASONS = 200


class RunFigures(Struct, kw_only=True):
    """What came of it. `pnl` is the account's worth at the end less that at the start and less what was
    put in, and so is each way of looking at `attribution`; `unexplained` is the part of it that the
    books' 28 digits rounded: zero but for absurd numbers. `open_trips` are those still under way at the
    end, at their last mark. `refused` counts signals that led to no order and orders that were denied,
    by code and words without what was measured. `first_data` is when market data came first (ns): what
    comes before it only warms up."""

    header: Header
    settings: Settings
    footer: Footer | None
    torn: bool
    records: int
    curve: EquityCurve
    trips: TripFigures
    open_trips: list[RoundTrip]
    attribution: Attribution
    pnl: Decimal
    unexplained: Decimal
    available: Available
    hold: BuyAndHold
    refused: Counter[Reason]
    refused_first: dict[Reason, str]
    limits: Counter[str]
    signals: int
    orders: int
    fills: int
    turnover: Decimal
    currency: str
    started: int
    ended: int
    first_data: int

    @property
    def hold_return(self) -> Decimal:
        return self.hold.return_()

    @property
    def total_return(self) -> float:
        """Time-weighted: 0.01 is 1 %."""
        return self.curve.growth - 1.0


class RunAnalysis(TripAnalysis):
    """And what the account was worth at each mark, what its profit is made of, and what was refused."""

    def __init__(
        self, header: Header, on_trip: OnTrip | None = None, watch: Watch = no_watch
    ) -> None:
        super().__init__(header, on_trip, watch)
        account = self.books.account
        self.attribution = Attribution()
        self.trips = TripFigures()
        self._hold = BuyAndHold(self.settings.paper.taker_fee)
        self._refused: Counter[Reason] = Counter()
        self._refused_first: dict[Reason, str] = {}
        self._limits: Counter[str] = Counter()
        self._signals = self._records = 0
        self._begun: _Begun | None = None
        self._first_data = 0
        self._is_due = self._changed = False
        self._inside: set[str] = set()
        self._orders_before, self._fills_before = account.orders_count, account.fills_count
        self._turnover_before = account.turnover

    # --- records ---------------------------------------------------------------------------------------

    def take(self, record: Record) -> None:
        self._records += 1
        super().take(record)

    def _go_to(self, at: int) -> None:
        """What is known now is the mark of the moment before."""
        if self._is_begun:
            self._measure()
        super()._go_to(at)

    def _begin(self, at: int) -> None:
        self._begun = _Begun(self.books, at)
        super()._begin(at)

    def _on_market(self, event: MarketDataEvent, record: Record) -> None:
        opens = event.__class__ is BarOpened
        if opens:
            self._measure()
        super()._on_market(event, record)
        if opens:
            self._inside.add(event.symbol)
        else:
            if self._inside:
                self._inside.discard(event.symbol)
            self._is_due = True
        self._hold.see(event.symbol, event.price)
        self._first_data = self._first_data or record.at

    def _on_other(self, event: Event, record: Record) -> None:
        super()._on_other(event, record)
        if isinstance(event, StrategySignalEvent):
            self._signals += 1
        elif isinstance(event, OrderDenied):
            self._refuse(event.code, event.message)
        elif isinstance(event, TargetComputed):
            if event.code not in NO_REFUSAL:
                self._refuse(str(event.code), event.reason)
        elif isinstance(event, LimitBreached):
            self._limits[event.code] += 1

    def _on_money(self, event: Event, record: Record) -> None:
        if not self._is_begun:
            super()._on_money(event, record)
            return
        books = self.books
        before, invested = books.equity(), books.account.invested
        super()._on_money(event, record)
        put_in = books.account.invested - invested
        if put_in:
            self._curve.moved(record.at, before, put_in)
        self._changed = True

    def _refuse(self, code: str, words: str) -> None:
        why = code, reason_kind(words)
        known = why in self._refused or len(self._refused) < MOST_REASONS
        if not known:
            why = code, OTHERS
        self._refused[why] += 1
        self._refused_first.setdefault(why, words)

    # --- marks -----------------------------------------------------------------------------------------

    @property
    def _curve(self) -> EquityCurve:
        if self._begun is None:
            self._begin(self._at)
        assert self._begun is not None
        return self._begun.curve

    def _measure(self) -> None:
        if not (self._is_due or self._changed):
            return
        books, curve = self.books, self._curve
        sums = books.sums()
        equity = books.equity()
        inside = bool(self._inside) and not self._inside.isdisjoint(sums.held)
        if not inside:
            curve.mark(self._at, equity, sums.exposure, self._hold.gain)
        elif self._changed:
            curve.expose(self._at, equity, sums.exposure)
        self._is_due = self._changed = False

    # --- round trips -----------------------------------------------------------------------------------

    def _finished(self, trip: RoundTrip) -> None:
        self.trips.add(trip)
        self.attribution.add(trip)
        super()._finished(trip)

    # --- the end ---------------------------------------------------------------------------------------

    def end(self, footer: Footer | None = None, *, torn: bool = False) -> RunFigures:
        """All records were taken. A run that has none, or none with a time, began and ended when it was
        started. Raises JournalError."""
        if self._begun is None and not self._at:
            self._go_to(self.header.began())
        curve = self._curve
        self._inside.clear()
        self._is_due = True
        self._measure()
        curve.end(self._at)
        open_trips = self.open_trips()
        for trip in open_trips:
            self.attribution.add(trip)
        for (strategy, symbol), amount in self._movements.outside().items():
            self.attribution.add_outside(strategy, symbol, amount)
        assert self._begun is not None
        account, total = self.books.account, self.books.equity()
        put_in = account.invested - self._begun.invested
        pnl = less_exactly(less_exactly(total, self._begun.equity), put_in)
        unexplained = less_exactly(pnl, self.attribution.total.pnl)
        self.attribution.add_outside("", "", unexplained)
        return RunFigures(
            header=self.header,
            settings=self.settings,
            footer=footer,
            torn=torn,
            records=self._records,
            curve=curve,
            trips=self.trips,
            open_trips=open_trips,
            attribution=self.attribution,
            pnl=pnl,
            unexplained=unexplained,
            available=self._available(footer),
            hold=self._hold,
            refused=self._refused,
            refused_first=self._refused_first,
            limits=self._limits,
            signals=self._signals,
            orders=account.orders_count - self._orders_before,
            fills=account.fills_count - self._fills_before,
            turnover=account.turnover - self._turnover_before,
            currency=account.currency,
            started=curve.start,
            ended=self._at,
            first_data=self._first_data,
        )

    def _available(self, footer: Footer | None) -> Available:
        """Recorded data is as long as its records; a run goes on after the last one until it ends."""
        assert self._begun is not None
        run, until = self._begun.time, self._at
        if self.header.account != RECORDED_ACCOUNT:
            run = RunTime(self.header.began(), run.before)
            until = max(until, footer.ended() if footer is not None else 0)
        return run.available(held_until(self.books, until))


class _Begun:
    """What is known once the first record has come: it says when the run began."""

    def __init__(self, books: Books, at: int) -> None:
        self.equity = books.equity()
        self.invested = books.account.invested
        self.curve = EquityCurve(at, self.equity)
        self.time = RunTime.of(books.account, at)


def analyse(path: Path, on_trip: OnTrip | None = None, watch: Watch = no_watch) -> RunFigures:
    """The journal `path`, group by group. Raises JournalError, ConfigError."""
    with read_log(path) as log:
        analysis = RunAnalysis(log.header, on_trip, watch)
        for record in log.records():
            analysis.take(record)
        return analysis.end(log.footer, torn=log.torn)


__all__ = ["RunAnalysis", "RunFigures", "analyse"]
