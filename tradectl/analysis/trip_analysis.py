"""A run's round trips, read from its records: who held what, from when to when, and why.

The records are folded into books of its own, as a recovery folds them; what changes in the strategies'
virtual positions becomes round trips. They are handed on as they end (`on_trip`): whoever wants all of
them keeps them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tradectl.analysis.causes import Causes
from tradectl.analysis.movements import Movements
from tradectl.analysis.round_trips import OnTrip, RoundTrip
from tradectl.bus.core import Core
from tradectl.config.settings import Settings
from tradectl.domain.events import (
    AccountReported,
    BracketTriggered,
    CashMoved,
    Event,
    FundingPaid,
    MarketDataEvent,
    OrderFilled,
    OrderInitialized,
    OrderSubmitted,
    PositionLiquidated,
    Record,
    StrategiesCrossed,
    StrategySignalEvent,
)
from tradectl.journal.writer import Header
from tradectl.state.account import Account
from tradectl.state.books import Books
from tradectl.storage.manager import attach_books

Watch = Callable[[Record, Books], None]

MOVES_MONEY: frozenset[type[Event]] = frozenset(
    {OrderFilled, StrategiesCrossed, PositionLiquidated, FundingPaid, CashMoved, AccountReported}
)


def no_watch(_record: Record, _books: Books) -> None:
    """Nobody else looks on."""


class TripAnalysis:
    """Takes the records of a run in their order. `on_trip` hears of each round trip that is over, `watch`
    of each record once it is in the books. It begins with the `account` that the run had at some record;
    without it as the run began. `data_at` is the time (ns) of the data that the records of a step came
    from: its own, where it is known."""

    def __init__(
        self,
        header: Header,
        on_trip: OnTrip | None = None,
        watch: Watch = no_watch,
        account: Account | None = None,
    ) -> None:
        self.header = header
        self.settings = settings = Settings.load(header.config)
        account = account or Account.begun_with(header.state, header.run_id)
        if account.applied:
            from tradectl.config.reload import patched  # hardly ever

            self.settings = settings = patched(settings, account.applied)
        account.configured = tuple(strategy.name for strategy in settings.strategies)
        self.books = Books(
            account, settings.all_instruments(), limits=settings.risk, projected=False
        )
        self._core = Core(header.run_id)
        attach_books(self._core, self.books)
        self._on_trip, self._watch = on_trip, watch
        self.causes = Causes(self.books)
        self._movements = Movements(self.books, self.causes, self._finished)
        self._at = 0
        self.data_at = 0
        self._is_begun = False

    def fold(self, records: list[Record]) -> None:
        """Before it takes any: the books alone hear of these."""
        self._core.fold(*records)

    def begin(self) -> None:
        """With what is held now: those trips are `carried`."""
        self._begin(self._core.at)

    # --- records ---------------------------------------------------------------------------------------

    def take(self, record: Record) -> None:
        """The next one."""
        if record.at != self._at:
            self._go_to(record.at)
        event = record.event
        if isinstance(event, MarketDataEvent):
            self._on_market(event, record)
        else:
            self._on_other(event, record)
        self._watch(record, self.books)

    def _go_to(self, at: int) -> None:
        """Another moment. Before there is data its clock stands still."""
        if at > 0 and not self._is_begun:
            self._begin(at)
        self._at = at

    def _begin(self, at: int) -> None:
        """The first record that has a time says when the run began."""
        self._is_begun = True
        self._movements.begin(at)

    def _on_market(self, event: MarketDataEvent, record: Record) -> None:
        self.data_at = event.ts or record.at
        self._core.fold(record)

    def _on_other(self, event: Event, record: Record) -> None:
        if not record.cause:
            self.data_at = record.at
        if event.__class__ in MOVES_MONEY:
            self._on_money(event, record)
            return
        self._core.fold(record)
        if isinstance(event, StrategySignalEvent):
            self.causes.on_signal(event, record, self.data_at)
        elif isinstance(event, BracketTriggered):
            self.causes.on_triggered(event, record, self.data_at)
        elif isinstance(event, OrderInitialized):
            self.causes.on_order(event, record)
        elif isinstance(event, OrderSubmitted):
            self.causes.on_submitted(event, record)

    def _on_money(self, event: Event, record: Record) -> None:
        """Positions, cash, or what was put in may be others after it. Before there is data the run only
        begins with them."""
        if not self._is_begun:
            self._core.fold(record)
            return
        self._movements.before(event)
        self._core.fold(record)
        self._movements.after(event, record)

    # --- round trips -----------------------------------------------------------------------------------

    def _finished(self, trip: RoundTrip) -> None:
        if self._on_trip is not None:
            self._on_trip(trip)

    def under_way(self) -> Iterable[tuple[str, str, int]]:
        """Of each round trip strategy, symbol, and the record of its first fill; 0 where the run began
        with it."""
        return self._movements.under_way()

    def open_trips(self) -> list[RoundTrip]:
        """Once all records were taken: those still under way, at their last mark."""
        return self._movements.end(self._at)


__all__ = ["TripAnalysis", "Watch", "no_watch"]
