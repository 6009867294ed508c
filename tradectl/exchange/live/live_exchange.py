"""A live exchange: orders go out once, and what became of them is found out, however long it takes.

    intent durable -> tracked -> pre-send check -> sent -> answered
                                                    `--> no answer that can be believed: UNKNOWN
                                                         asked for by its client order id, again and
                                                         again, until the venue tells; never sent again

Nothing here waits for anything else: each order (`order_submitter`), the user stream and clock
(`account_monitors`), the dead-man switch (`dead_man`) and the comparisons (`comparisons`) are tasks of
their own, and all that they find out is reported as inputs to the core. Who knows whom is in `rooms`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal

from tradectl.bus.clock import ComputerClock, Sleep
from tradectl.documents.run import ExchangeStatus
from tradectl.domain.commands import CancelOrder, OutboundCommand, SubmitOrder
from tradectl.domain.errors import AccessLost
from tradectl.domain.events import SystemEventKind
from tradectl.domain.instruments import Instruments
from tradectl.domain.orders import Order, OrderStatus
from tradectl.domain.refusals import RefusalCause
from tradectl.domain.time import MILLISECOND, SECOND
from tradectl.exchange.base import Accepted, Compared, PreSendCheck, Proof, Whose
from tradectl.exchange.exchange_settings import ExchangeSettings
from tradectl.exchange.live import account_monitors
from tradectl.exchange.live.account_books import AccountBooks
from tradectl.exchange.live.execution_reporter import ExecutionReporter, Post
from tradectl.exchange.live.rooms import (
    CompareRoom,
    OrderRoom,
    SessionRoom,
    SymbolRoom,
)
from tradectl.exchange.live.surroundings import Surroundings
from tradectl.exchange.live.tracked_order import TrackedOrder
from tradectl.exchange.tasks import BackgroundTasks
from tradectl.exchange.venue import (
    MoneyMoved,
    PositionSideSeen,
    Told,
    Venue,
    VenueFill,
    VenueReport,
)

MAX_INTENT_AGE_S = 5.0
"""An order that could not leave for so long is of another market: it is not sent."""
READ_ONLY_DRAIN_S = 0.3


def always_allowed(_command: SubmitOrder) -> str:
    return ""


class LiveExchange:
    """An `Exchange` over a `venue`, for the orders of `account_id` in `symbols`.

    `post` takes inputs for the core; `now` gives ns UTC, `monotonic` seconds; `in_books` says whether the
    books know an order id, `in_question` whether what the account last reported is still in question;
    `books` are what they expect to be here, where that is known.
    """

    def __init__(
        self,
        venue: Venue,
        settings: ExchangeSettings,
        symbols: Sequence[str],
        account_id: str,
        instruments: Instruments,
        post: Post,
        *,
        now: Callable[[], int],
        in_books: Callable[[str], bool] = lambda _: True,
        in_question: Callable[[Sequence[str]], bool] = lambda _: False,
        books: AccountBooks | None = None,
        pre_send_check: PreSendCheck = always_allowed,
        monotonic: Callable[[], float] = ComputerClock.monotonic,
        sleep: Sleep = ComputerClock.sleep,
    ) -> None:
        self.name = settings.prefix
        self.venue = venue
        self.symbols = tuple(symbols)
        self.pre_send_check = pre_send_check
        self._settings = settings
        self._instruments = instruments
        self._books = books
        self._now = now
        self._monotonic, self._sleep = monotonic, sleep
        self._drain_s = settings.drain_seconds
        self._is_read_only = self._leaves_armed = False
        self._reporter = ExecutionReporter(
            self.name, self.symbols, post, self._on_activity, access_refused=self._on_access_refused
        )
        self._tasks = BackgroundTasks(
            lambda e: self._reporter.halt("EXCHANGE_TASK_FAILED", f"{type(e).__name__}: {e}")
        )
        at = Surroundings(
            venue, settings, self.symbols, instruments, post, self._reporter, self._tasks,
            now, monotonic, sleep,
        )  # fmt: skip
        self._by_symbol = SymbolRoom(at)
        self._sessions = SessionRoom(at, self.reconcile_soon)
        self._orders = OrderRoom(
            at, account_id, self._by_symbol, self._sessions, books,
            in_books=in_books, pre_send_check=self._pre_send_check, refused=self._on_refused,
        )  # fmt: skip
        self._compare = CompareRoom(
            at, self._by_symbol, self._sessions, self._orders, books,
            in_question=in_question, compared=self._on_compared,
        )  # fmt: skip
        self.tracker, self.dead_man = self._orders.tracker, self._orders.dead_man
        self.reconciler, self.moved = self._compare.reconciler, self._compare.moved

    def _on_compared(self) -> None:
        self._by_symbol.modes.note()
        others = self._compare.others
        others.heard(order.client_order_id for order in self.tracker.foreign.values())
        if not others.has_looked:
            self._tasks.start_beside(others.look_back(self.tracker.unknown_fills()))
        self.dead_man.on_compared()
        self._sessions.compared()

    def _on_access_refused(self, error: AccessLost) -> None:
        self._sessions.access.refused(error)

    async def _on_refused(self, cause: RefusalCause, symbol: str) -> None:
        """What may be mended is seen to at once."""
        if cause in (RefusalCause.FUNDS, RefusalCause.REDUCE_ONLY):
            self.reconcile_soon()
        await self._by_symbol.modes.on_refused(cause, symbol)
        await self._by_symbol.steps.on_refused(cause)

    def _on_activity(self) -> None:
        self.reconciler.note_activity()

    @property
    def problems(self) -> list[str]:
        """What does not work at present, by kind; reported as events when it began."""
        return self._reporter.problems

    # --- the Exchange ---------------------------------------------------------------------------------

    def send(self, command: OutboundCommand, at: int) -> None:
        if isinstance(command, CancelOrder):
            self._tasks.start(self._orders.submitter.cancel(command.order_id))
            return
        tracked = self.tracker.track(command.order.spec, command.order.created_at)
        if tracked is not None:
            self.reconciler.note_activity()
            self._tasks.start(self._orders.submitter.submit(command, tracked))

    def restore(self, orders: Iterable[Order], positions: Mapping[str, Decimal]) -> None:
        """Ask for every order that the books hold to be working; those being cancelled are again. A fill
        that shows late is told by any that the books know."""
        self.reconciler.since = self._now()
        if self._books is not None:
            known = (self._books.income_until(), self._books.compared_at())
            self.reconciler.since = min([self.reconciler.since, *filter(None, known)])
        self._reporter.restrict_all("orders, fills and positions are being compared")
        self._by_symbol.modes.note()
        for order in orders:
            tracked = self.tracker.restore(order)
            if not order.is_working:
                continue
            self.reconciler.since = min(self.reconciler.since, order.created_at)
            tracked.cancel_wanted = order.status is OrderStatus.PENDING_CANCEL
            if tracked.cancel_wanted and not tracked.is_unknown:
                self._tasks.start(self._orders.submitter.cancel(order.spec.order_id))
            else:
                self._tasks.start(self._orders.submitter.resolve(tracked))

    def _pre_send_check(self, command: SubmitOrder, tracked: TrackedOrder) -> str:
        denial = self.pre_send_check(command)
        if denial:
            return denial
        if tracked.cancel_wanted:
            return "not sent: it was cancelled before"
        age = (self._now() - tracked.created_at) / SECOND
        if age > MAX_INTENT_AGE_S and not command.order.spec.reduce_only:
            return f"not sent: the intent is {age:.1f} s old"
        if self._sessions.stall.stalled_for():
            return "not sent: this process stood still, and what it knows is old"
        return ""

    # --- life -----------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Start what goes on beside the orders."""
        venue, reporter, sleep = self.venue, self._reporter, self._sleep
        start, settings = self._tasks.start_beside, self._settings
        self._sessions.stall.beat()
        if not self._is_read_only:
            self._sessions.breaker.begin()
        start(
            account_monitors.follow_user_stream(
                venue,
                self._on_venue_reports,
                reporter,
                self._sessions.silence,
                self.reconcile_soon,
                self._monotonic,
                sleep,
            )
        )
        start(self._compare.comparisons.keep())
        start(self._by_symbol.steps.keep())
        start(account_monitors.watch_for_stalls(self._sessions.stall, self._on_stall, sleep))
        start(account_monitors.watch_clock(venue, reporter, settings.reconcile_seconds, sleep))
        if settings.dead_man_seconds and venue.abilities.dead_man and not self._is_read_only:
            start(self.dead_man.keep())

    async def quiesce(self) -> None:
        """Let what is on its way be answered, for a while; what is not stays unknown in the books."""
        await self._tasks.end(self._drain_s)

    async def stop(self) -> None:
        await self.quiesce()
        if self._leaves_armed or not self._is_read_only:
            await self.dead_man.end(leave_armed=self._leaves_armed)

    def attach_read_only(self) -> None:
        """This run only reads, or finishes for another one: the dead-man switch is that one's, and at the
        end there is little to be waited for."""
        self._is_read_only = True
        self._drain_s = READ_ONLY_DRAIN_S

    def leave_switch_armed(self) -> None:
        """At the end, too, wherever no stop and no order of others rests: what could not be cancelled
        before it, the exchange cancels after it."""
        self._leaves_armed = True

    def _on_stall(self, seconds: float) -> None:
        self._reporter.restrict_all(f"this process stood still for {seconds:.0f} s")
        self.reconcile_soon()

    # --- the venue's reports ---------------------------------------------------------------------------

    def _on_venue_reports(self, told: Sequence[Told]) -> None:
        self._sessions.silence.heard()
        if self._reporter.problem_over(SystemEventKind.USER_STREAM_LOST):
            self.reconcile_soon()
        venue_reports = self._without_what_it_did_itself(told)
        fills = [one for one in venue_reports if isinstance(one, VenueFill)]
        unpriced = [fill for fill in fills if self._by_symbol.fees.is_missing(fill)]
        if unpriced:
            self._tasks.start(self._apply_priced(venue_reports, unpriced))
        else:
            self._apply(venue_reports)

    def _without_what_it_did_itself(self, told: Sequence[Told]) -> list[VenueReport]:
        """Money that it moved, positions that it closed and another position mode are found out by
        comparing, now."""
        reports = [one for one in told if isinstance(one, VenueReport)]
        rest = [one for one in reports if one.forced is None]
        if len(rest) < len(told):
            self.reconciler.note_activity()
            self.reconcile_soon()
        if any(isinstance(one, MoneyMoved) for one in told):
            self.moved.announced()
        if any(isinstance(one, PositionSideSeen) for one in told):
            self._by_symbol.modes.ask_soon()
        self._compare.unplaced.heard(
            one for one in told if isinstance(one, VenueFill) and one.forced
        )
        return rest

    async def _apply_priced(
        self, venue_reports: Sequence[VenueReport], unpriced: Sequence[VenueFill]
    ) -> None:
        await self._by_symbol.fees.fetch(unpriced)
        self._apply(venue_reports)

    def _apply(self, venue_reports: Sequence[VenueReport]) -> None:
        self._reporter.report(self.tracker.apply(venue_reports))
        for one in venue_reports:
            tracked = self.tracker.find(one)
            if tracked is None:
                self.dead_man.on_foreign_order(one.symbol)
            elif tracked.lacks_fills():
                self._tasks.start(self._orders.submitter.fetch_fills(tracked))

    # --- compared, and past the core --------------------------------------------------------------------

    def reconcile_soon(self) -> None:
        """Compare now."""
        self._compare.comparisons.soon()

    async def reconcile(self, accepted: Accepted | None = None) -> Compared:
        """Compare at once; what is wrong is reported."""
        return await self._compare.comparisons.on_demand(accepted)

    async def cancel_all(self, *, keep_protection: bool, whose: Whose) -> tuple[str, ...]:
        """Cancel open orders at the venue, past the core and without a report: what becomes of ours is
        reported like anything else. With `keep_protection` our reduce-only stops stay.

        Their client order ids, or the venue's where they have none. Raises ExchangeError for the first
        that could not be cancelled, when all were tried.
        """
        return await self._orders.at_venue.cancel(keep_protection=keep_protection, whose=whose)

    async def proof(self, *, everything: bool) -> Proof:
        """As the venue itself reports it: the orders that are open, ours or those of anybody, and what it
        holds of each symbol. Raises ExchangeError."""
        with self._compare.comparisons.put_off():
            shown = await self._orders.at_venue.shown(everything=everything)
            holdings = await self.venue.holdings()
        return Proof(
            exchange=self.name,
            symbols=self.symbols,
            open_orders=tuple(order for order in shown if everything or order.ours),
            held={s: self._compare.side.held(holdings, s) for s in self.symbols},
            cash=self.reconciler.cash(holdings) if holdings.wallets_known else None,
            foreign=tuple(o.known_as for o in shown if not o.ours and o.symbol in self.symbols),
        )

    def status(self) -> ExchangeStatus:
        foreign, offset = self.tracker.foreign.values(), self._reporter.clock_offset
        return ExchangeStatus(
            name=self.name,
            symbols=self.symbols,
            problems=tuple(self.problems),
            foreign_orders=tuple(o.client_order_id or o.venue_order_id for o in foreign),
            other_bots=tuple(sorted(self._compare.others.tags)),
            unknown_orders=sum(tracked.is_unknown for tracked in self.tracker.working()),
            dead_man=self.dead_man.status(),
            clock_offset_ms=None if offset is None else round(offset / MILLISECOND, 3),
            breaker=self._sessions.breaker.figures(),
            calls=self.venue.calls.figures(),
        )


__all__ = ["LiveExchange", "always_allowed"]
