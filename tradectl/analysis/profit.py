"""What an account made, by day, week or month: each figure as it changed, with nothing rounded.

Every run's journal is folded into books of its own, as a recovery folds it, and each record that moves
money is looked at before and after. So the periods add up to the account's own figures to the last digit,
whatever moved them; between two runs nothing moves, and what does is of a journal that is not there.

Profit that is realised depends on which lots a sale sells. By average cost it is the books' own; first
in, first out it is what each position's trades brought, and what those lots cost that are left: both come
to the same profit once what is open is counted, too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import ROUND_HALF_EVEN, Decimal

from msgspec import Struct

from tradectl.analysis.movements import concerned
from tradectl.analysis.profit_words import By, Lots, Per
from tradectl.bus.core import Core
from tradectl.config.settings import Settings
from tradectl.domain.events import (
    AccountReported,
    CashMoved,
    Event,
    FundingPaid,
    OrderFilled,
    PositionLiquidated,
    Record,
    StrategiesCrossed,
)
from tradectl.domain.money import CENT_OF_A_SATOSHI, ZERO, less_exactly, plus_exactly
from tradectl.domain.positions import Position
from tradectl.domain.time import SECOND, from_local
from tradectl.journal.writer import Header
from tradectl.state.account import INCOME, Account
from tradectl.state.books import Books
from tradectl.storage.manager import attach_books

MISSING = "missing"
FIGURES = ("realized", "unrealized", "fees", *INCOME)
MOVES_MONEY = (
    OrderFilled, StrategiesCrossed, PositionLiquidated, FundingPaid, CashMoved, AccountReported,
)  # fmt: skip
Owned = tuple[str, str]
"""Whose position: a symbol, and a strategy, empty for the account's."""


def books_of(header: Header) -> tuple[Books, Core]:
    """As a run began with them, and what folds its records. Raises JournalError, ConfigError."""
    settings = Settings.load(header.config)
    account = Account.begun_with(header.state, header.run_id)
    account.configured = tuple(strategy.name for strategy in settings.strategies)
    books = Books(account, settings.all_instruments(), limits=settings.risk, projected=False)
    core = Core(header.run_id)
    attach_books(core, books)
    return books, core


class Profit(Struct):
    """How much each figure changed; `pnl` is what all of them come to."""

    fills: int = 0
    realized: Decimal = ZERO
    unrealized: Decimal = ZERO
    fees: Decimal = ZERO
    funding: Decimal = ZERO
    insurance: Decimal = ZERO
    interest: Decimal = ZERO
    rebates: Decimal = ZERO

    def add(self, name: str, amount: Decimal) -> None:
        setattr(self, name, plus_exactly(getattr(self, name), amount))

    def add_all(self, other: Profit) -> None:
        self.fills += other.fills
        for name in FIGURES:
            self.add(name, getattr(other, name))

    @property
    def pnl(self) -> Decimal:
        total = less_exactly(plus_exactly(self.realized, self.unrealized), self.fees)
        for name in INCOME:
            total = plus_exactly(total, getattr(self, name))
        return total


class LotQueue:
    """Of one position, oldest first: signed quantities, and what they cost, which is always the sum of
    what is left."""

    def __init__(self, held: Position | None = None) -> None:
        self._lots: deque[tuple[Decimal, Decimal]] = deque()
        self.cost = ZERO
        if held is not None and (held.quantity or held.cost):
            self._put(held.quantity, held.cost)

    def _put(self, quantity: Decimal, cost: Decimal) -> None:
        self._lots.append((quantity, cost))
        self.cost = plus_exactly(self.cost, cost)

    def move(self, before: Position, after: Position) -> None:
        """One that turns begins anew; one that shrinks lets go of its oldest."""
        old, new = before.quantity, after.quantity
        if not new or (old and (old > 0) != (new > 0)):
            self._lots.clear()
            self.cost = ZERO
            self._put(new, after.cost)
        elif abs(new) >= abs(old):
            self._put(new - old, less_exactly(after.cost, before.cost))
        else:
            self._take(abs(old) - abs(new))

    def _take(self, size: Decimal) -> None:
        while size and self._lots:
            quantity, cost = self._lots.popleft()
            if abs(quantity) <= size:
                size -= abs(quantity)
                self.cost = less_exactly(self.cost, cost)
                continue
            part = (cost * size / abs(quantity)).quantize(CENT_OF_A_SATOSHI, ROUND_HALF_EVEN)
            self.cost = less_exactly(self.cost, part)
            left = quantity - size if quantity > 0 else quantity + size
            self._lots.appendleft((left, less_exactly(cost, part)))
            return


class Periods:
    """The period that a time (ns UTC) is in, by its name, and when it ends."""

    def __init__(self, by: By, zone: tzinfo) -> None:
        self._by, self._zone = by, zone
        self._begin = self._end = 0
        self.name = ""

    def holds(self, at: int) -> bool:
        return self._begin <= at < self._end

    def go_to(self, at: int) -> None:
        local = datetime.fromtimestamp(at // SECOND, UTC).astimezone(self._zone)
        day = local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        if self._by is By.DAY:
            self.name, last = f"{day:%Y-%m-%d}", day + timedelta(days=1)
        elif self._by is By.WEEK:
            year, week, weekday = day.isocalendar()
            self.name, day = f"{year}-W{week:02d}", day - timedelta(days=weekday - 1)
            last = day + timedelta(days=7)
        else:
            self.name, day = f"{day:%Y-%m}", day.replace(day=1)
            last = (day + timedelta(days=31)).replace(day=1)
        self._begin, self._end = from_local(day, self._zone), from_local(last, self._zone)


class ProfitByPeriod:
    """Takes the logs of an account's runs in their order; `rows` has what each period made, by name where
    it is `per` symbol or strategy. What no journal here has made is of the period MISSING."""

    def __init__(self, periods: Periods, lots: Lots, per: Per | None) -> None:
        self._periods, self._lots, self._per = periods, lots, per
        self.rows: dict[tuple[str, str], Profit] = {}
        self._queues: dict[Owned, LotQueue] = {}
        self._known: dict[Owned, Position] = {}
        self._income: dict[str, dict[str, Decimal]] = {}
        self._marked: dict[Owned, Decimal] = {}
        self.currency = ""

    # --- runs ------------------------------------------------------------------------------------------

    def take(self, header: Header, records: Iterable[Record]) -> None:
        """One run. Raises JournalError, ConfigError."""
        books, core = books_of(header)
        self.currency = books.account.currency
        self._begin(books)
        for record in records:
            if record.at and not self._periods.holds(record.at):
                self._mark(books)
                self._periods.go_to(record.at)
            event = record.event
            if isinstance(event, MOVES_MONEY):
                self._see(event, record, core, books)
            else:
                core.fold(record)
        self._mark(books)

    def _begin(self, books: Books) -> None:
        """With what it begins with and the runs before do not account for: of journals that are not
        here."""
        name, self._periods.name = self._periods.name, MISSING
        for owned, position in self._positions(books):
            known = self._known.get(owned) or Position(owned[0])
            if position != known:
                self._moved(owned, known, position)
        for whose, totals in self._incomes(books).items():
            for line in INCOME:
                self._earned(whose, line, getattr(totals, line), "")
        self._mark(books)
        self._periods.name = name

    # --- records ---------------------------------------------------------------------------------------

    def _see(self, event: Event, record: Record, core: Core, books: Books) -> None:
        symbols = {*concerned(event, books)}
        core.fold(record)
        for owned, position in self._positions(books, symbols):
            known = self._known.get(owned)
            if position is not known:
                self._moved(owned, known or Position(owned[0]), position)
                if isinstance(event, OrderFilled):
                    self._row(owned).fills += owned[0] == event.symbol
        if isinstance(event, FundingPaid | CashMoved | PositionLiquidated):
            for whose, totals in self._incomes(books).items():
                for line in INCOME:
                    self._earned(whose, line, getattr(totals, line), event.symbol)

    def _positions(
        self, books: Books, symbols: set[str] | None = None
    ) -> Iterator[tuple[Owned, Position]]:
        account = books.account
        if self._per is not Per.STRATEGY:
            positions: Mapping[str, Position] = account.positions
            for symbol in positions if symbols is None else symbols & positions.keys():
                yield (symbol, ""), positions[symbol]
            return
        for symbol in account.holdings if symbols is None else symbols & account.holdings.keys():
            for strategy, position in account.holdings[symbol].items():
                yield (symbol, strategy), position

    def _incomes(self, books: Books) -> Mapping[str, object]:
        account = books.account
        return account.strategies if self._per is Per.STRATEGY else {"": account}

    def _moved(self, owned: Owned, before: Position, after: Position) -> None:
        self._known[owned] = after
        row = self._row(owned)
        row.add("fees", less_exactly(after.fees, before.fees))
        realized = less_exactly(after.realized, before.realized)
        if self._lots is Lots.FIFO:
            queue = self._queues.setdefault(owned, LotQueue())
            was = less_exactly(before.cost, queue.cost)
            queue.move(before, after)
            # what its trades brought is the same: the lots that are left cost more, or less
            realized = less_exactly(
                plus_exactly(realized, was), less_exactly(after.cost, queue.cost)
            )
        row.add("realized", realized)

    def _earned(self, whose: str, line: str, total: Decimal, symbol: str) -> None:
        known = self._income.setdefault(whose, {})
        gained = less_exactly(total, known.get(line, ZERO))
        if gained:
            known[line] = total
            self._row((symbol, whose)).add(line, gained)

    def _row(self, owned: Owned) -> Profit:
        symbol, strategy = owned
        name = {Per.SYMBOL: symbol, Per.STRATEGY: strategy, None: ""}[self._per]
        return self.rows.setdefault((self._periods.name, name), Profit())

    # --- what is open ----------------------------------------------------------------------------------

    def _mark(self, books: Books) -> None:
        """A period ends: what is open, at the last prices."""
        for owned, position in self._positions(books):
            cost = self._queues[owned].cost if owned in self._queues else position.cost
            worth = position.quantity * books.price_of(owned[0]) if position.quantity else ZERO
            open_now = less_exactly(worth, cost)
            known = self._marked.get(owned, ZERO)
            if open_now != known:
                self._marked[owned] = open_now
                self._row(owned).add("unrealized", less_exactly(open_now, known))


__all__ = ["FIGURES", "MISSING", "Periods", "Profit", "ProfitByPeriod", "books_of"]
