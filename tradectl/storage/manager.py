"""The state manager owns the books: it folds events into them and answers questions about them.

On a bus it is the first stage of every step, so whoever comes after asks about the present. With a store,
a `Projection` keeps the database up to date. Without a bus or a store it is the same books, held in
memory, and may be changed by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from types import MethodType
from typing import Any

import msgspec

from tradectl.bus.clock import Clock, WallClock
from tradectl.bus.core import AnyHandler, Core, Stage
from tradectl.bus.event_bus import EventBus
from tradectl.documents.account import AccountStatus, Availability
from tradectl.documents.reasons import Untraded
from tradectl.domain.errors import StateError
from tradectl.domain.money import decimal_text
from tradectl.domain.sealed import Sealed
from tradectl.domain.statistics import Durations
from tradectl.domain.time import iso
from tradectl.state import status
from tradectl.state.account import Account
from tradectl.state.availability import held_until
from tradectl.state.books import Books
from tradectl.state.consistency import fill_problems, problems_of, sum_problems
from tradectl.state.fold import FOLD
from tradectl.state.manual_changes import json_ready, set_cash, set_position
from tradectl.storage.projection import Projection
from tradectl.storage.store import Changes, Store

DEFAULT_CASH = Decimal(100_000)
REASONS_EVERY_S = 2.0


def attach_books(core: Core, books: Books) -> list[AnyHandler]:
    """Attach the books' handlers that are not attached yet, before every other stage; these handlers."""
    attached: list[AnyHandler] = []
    for kind in [kind for kind in FOLD if kind.__base__ not in FOLD]:
        handler = MethodType(FOLD[kind], books)
        if not core.has(kind, handler):
            core.attach(kind, handler, Stage.STATE)
            attached.append(handler)
    return attached


class StateManager:
    """`store` is where the projection goes, if anywhere; intervals are in seconds. An event says when
    the projection has failed for `stalled_after`.

    `describe` makes the status that is stored of the account's, `why_untraded` has the reasons for which
    nothing was traded: a run adds what the books do not know. `started_at` is when it began, ns UTC.
    """

    name = "state"

    def __init__(
        self,
        bus: EventBus | None = None,
        *,
        books: Books | None = None,
        store: Store | None = None,
        flush_interval: float = 0.25,
        snapshot_interval: float | None = 60.0,
        stalled_after: float = 5.0,
        started_at: int = 0,
    ) -> None:
        run_id = bus.core.run_id if bus is not None else "run"
        self.books = books or Books(Account.open(run_id, "USDT", DEFAULT_CASH))
        self.began = status.RunStart.of(self.books, started_at)
        self.describe: Callable[[AccountStatus], AccountStatus] = lambda account: account
        self.why_untraded: Callable[[], list[Untraded] | None] = lambda: None
        self._reasons_at = -REASONS_EVERY_S
        self.problems: list[str] = []
        self._fill_problems: list[str] = []
        self._run_id = run_id
        self._bus = bus
        self._clock: Clock = bus.clock if bus is not None else WallClock()
        self._notes: dict[str, Any] = {}
        self._reported: dict[str, dict[str, Any]] = {}
        self._attached: list[AnyHandler] = []
        self._started = False
        self._projection: Projection | None = None
        if store is not None:
            self._projection = Projection(
                store,
                self.books,
                bus,
                self._changes,
                clock=self._clock,
                flush_interval=flush_interval,
                snapshot_interval=snapshot_interval,
                stalled_after=stalled_after,
            )

    # --- life ----------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Attach to the bus and begin to project; does nothing when already started."""
        if self._started:
            return
        self._started = True
        self.check()
        if self._bus is not None:
            self._attached = attach_books(self._bus.core, self.books)
            self._bus.components.started(self.name)
        if self._projection is not None:
            self._projection.start()

    async def stop(self) -> None:
        """Write what is left, with a snapshot, and detach."""
        if self._projection is not None:
            await self._projection.stop()
        if self._bus is not None:
            for handler in self._attached:
                self._bus.detach(handler)
            self._bus.components.stopped(self.name)
        self._attached.clear()
        self._started = False

    def write_every(self, interval: float) -> None:
        """So often (s) from here on."""
        if self._projection is not None:
            self._projection.flush_interval = interval

    @property
    def write_times(self) -> Durations | None:
        """What the projection's writes take; None without one."""
        return None if self._projection is None else self._projection.write_times

    async def flush(self, *, snapshot: bool = False) -> None:
        """Write every change to the database now. Raises StateError, and keeps the changes then.

        Once the journal has failed the books may be ahead of it, and nothing is written any more.
        """
        if self._projection is not None:
            await self._projection.flush(snapshot=snapshot)

    def _changes(self, snapshot: bool) -> Changes:
        books = self.books
        if snapshot:
            self.check()
        account = self.status()
        described = self.describe(account)
        saved = books.snapshot() if snapshot else None
        orders, fills = books.take_changed()  # last: what is taken must reach the projection
        return Changes(
            run_id=self._run_id,
            account_id=books.account.account_id,
            last_seq=account.last_seq,
            events=account.last_seq,
            pnl=decimal_text(books.profit()),
            run_orders=self.began.orders_since(books),
            run_fills=self.began.fills_since(books),
            run_pnl=self.began.pnl_since(books),
            run_funding=self.began.funding_since(books),
            run_insurance=self.began.insurance_since(books),
            max_drawdown_pct=status.max_drawdown_pct(books),
            untraded=self._untraded(now=snapshot),
            state_hash=account.state_hash or self.state_hash(),
            status=described,
            orders=orders,
            fills=fills,
            snapshot=saved,
            sealed=self._sealed(),
            taken_at=self._clock.wall(),
        )

    def _sealed(self) -> Sealed | None:
        """Whoever starts from these books reads the journal on from there: it is never ahead of them."""
        journal = self._bus.command_release.journal if self._bus is not None else None
        return journal.sealed if journal is not None else None

    def _untraded(self, *, now: bool) -> list[Untraded] | None:
        """Once in a while: it takes a look at every symbol."""
        at = self._clock.monotonic()
        if not now and at - self._reasons_at < REASONS_EVERY_S:
            return None
        self._reasons_at = at
        return self.why_untraded()

    @property
    def last_seq(self) -> int:
        """The record that the books reflect."""
        return self._bus.core.seq if self._bus is not None else self.books.last_seq

    # --- questions -----------------------------------------------------------------------------------

    def status(self) -> AccountStatus:
        """The account as of the last record."""
        return status.account_status(
            self.books, self._run_id, self.last_seq, self.problems, self.availability()
        )

    def availability(self) -> Availability | None:
        """In how much of the time entries could leave; None where it is not known when the run began."""
        return self.began.availability(held_until(self.books, self._clock.now()))

    async def get_system_state(self) -> dict[str, Any]:
        """`status` as a dictionary: portfolio, positions, open orders, strategies, halt, last_seq, ..."""
        account: dict[str, Any] = msgspec.to_builtins(self.status())
        return {**account, "portfolio": self._portfolio()}

    async def get_portfolio_state(self) -> dict[str, Any]:
        """Equity, cash, profit and fees as strings, and whatever update_portfolio_state added."""
        return self._portfolio()

    def _portfolio(self) -> dict[str, Any]:
        totals = status.portfolio_totals(self.books)
        reported = {"reported": dict(self._reported)} if self._reported else {}
        return {**self._notes, **msgspec.structs.asdict(totals), **reported}

    async def get_position(self, symbol: str) -> dict[str, Any] | None:
        """The position in `symbol`, or None when flat."""
        position = self.books.position(symbol)
        if not position.quantity:
            return None
        return msgspec.structs.asdict(
            status.position_row(
                self.books, position, self.books.margin(self.books.exchange_of(position.symbol))
            )
        )

    def state_hash(self) -> str:
        """SHA-256 of the state: equal for equal state on every machine."""
        return self.books.state_hash(self._run_id)

    def check(self, fills: Mapping[str, Decimal] | None = None) -> list[str]:
        """Validate that the books add up; what does not is returned and shown in the status.

        Called at the start and with every snapshot. `fills`, the stored ones by symbol, are compared
        when they are given; what was found then stays shown.
        """
        account = self.books.snapshot()
        if fills is not None:
            self._fill_problems = fill_problems(account, fills)
        self.problems = [
            *problems_of(account, self.books.instruments),
            *sum_problems(self.books),
            *self._fill_problems,
        ]
        return self.problems

    # --- changes by hand -------------------------------------------------------------------------------

    async def update_portfolio_state(self, values: Mapping[str, Any]) -> None:
        """Set `cash`. A figure that the books compute (`equity`, ...) is kept beside theirs, as
        `reported: {name: {value, at}}`; anything else is a note in the portfolio.

        Raises StateError on a journalled run: there cash moves by fills alone. Raises UsageError for
        a value that cannot be shown. A time without a zone is taken for UTC.
        """
        self._refuse_on_a_journalled_run("cash")
        shown = {name: json_ready(name, value) for name, value in values.items() if name != "cash"}
        if "cash" in values:
            set_cash(self.books.account, values["cash"])
        computed, at = status.portfolio_totals(self.books).__struct_fields__, iso(self._clock.now())
        for name, value in shown.items():
            if name in computed:
                self._reported[name] = {"value": value, "at": at}
            else:
                self._notes[name] = value
        self._mark_changed()

    async def update_position(self, symbol: str, values: Mapping[str, Any]) -> None:
        """Set a position: {side: long|short|flat, size, entry_price, current_price}.

        It is put in at its entry price: what it is worth beyond that is profit. Raises StateError on a
        journalled run, where positions move by fills alone, and UsageError for an impossible value.
        """
        self._refuse_on_a_journalled_run("positions")
        set_position(self.books, symbol, values)
        self._mark_changed()

    def _mark_changed(self) -> None:
        if self._projection is not None:
            self._projection.mark_changed()

    def _refuse_on_a_journalled_run(self, what: str) -> None:
        if self._bus is not None and self._bus.command_release.journal is not None:
            raise StateError(f"this run is journalled: its {what} change by fills only")
