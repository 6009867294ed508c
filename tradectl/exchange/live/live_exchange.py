"""A live exchange: orders go out once, and what became of them is found out, however long it takes.

    intent durable -> tracked -> pre-send check -> sent -> answered
                                                    `--> no answer that can be believed: UNKNOWN
                                                         asked for by its client order id, again and
                                                         again, until the venue tells; never sent again

Nothing here waits for anything else: each order (`order_submitter`), the user stream and clock
(`account_monitors`), the dead-man switch (`dead_man`) and the comparisons (`comparisons`) are tasks of
their own, and all that they find out is reported as inputs to the core.
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
from tradectl.domain.resilience import StallDetector
from tradectl.domain.time import SECOND
from tradectl.exchange.base import Accepted, Compared, PreSendCheck, Proof, Whose
from tradectl.exchange.exchange_settings import ExchangeSettings
from tradectl.exchange.live import account_monitors
from tradectl.exchange.live.access import AccessMonitor
from tradectl.exchange.live.comparisons import Comparisons
from tradectl.exchange.live.dead_man import DeadManSwitch
from tradectl.exchange.live.execution_reporter import ExecutionReporter, Post
from tradectl.exchange.live.fee_rates import FeeRates
from tradectl.exchange.live.moved_by_exchange import AccountBooks, MovedByExchange
from tradectl.exchange.live.order_submitter import OrderSubmitter
from tradectl.exchange.live.order_tracker import OrderTracker
from tradectl.exchange.live.orders_at_venue import OrdersAtVenue
from tradectl.exchange.live.other_bots import OtherBots
from tradectl.exchange.live.reconciler import Reconciler
from tradectl.exchange.live.stream_silence import StreamSilence
from tradectl.exchange.live.symbol_rules import SymbolRules
from tradectl.exchange.live.tracked_order import TrackedOrder
from tradectl.exchange.tasks import BackgroundTasks
from tradectl.exchange.venue import MoneyMoved, Venue, VenueFill, VenueReport

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
        self._now = now
        self._monotonic, self._sleep = monotonic, sleep
        self._drain_s = settings.drain_seconds
        self._is_read_only = self._leaves_armed = False
        self._stall_detector = StallDetector(settings.stall_seconds, monotonic)
        self._reporter = ExecutionReporter(
            self.name,
            self.symbols,
            post,
            self._on_activity,
            access_refused=self._on_access_refused,
        )
        self._tasks = BackgroundTasks(
            lambda e: self._reporter.halt("EXCHANGE_TASK_FAILED", f"{type(e).__name__}: {e}")
        )
        self._access = AccessMonitor(
            venue,
            self._reporter,
            settings,
            works_again=self.reconcile_soon,
            start=self._tasks.start_beside,
            monotonic=monotonic,
            sleep=sleep,
        )
        self._silence = StreamSilence(
            settings.silent_stream_seconds,
            tells_orders=lambda: venue.abilities.order_stream,
            monotonic=monotonic,
            sleep=sleep,
        )
        self._rates = FeeRates(venue, instruments, self._reporter, monotonic)
        self._rules = SymbolRules(
            venue,
            self.symbols,
            instruments,
            self._reporter,
            post,
            self.name,
            every=settings.rules_seconds,
            monotonic=monotonic,
            sleep=sleep,
        )
        self.tracker = OrderTracker(
            self.name, account_id, instruments, in_books, self._rates.quote_value
        )
        self._books = books
        self.moved = MovedByExchange(
            venue,
            books,
            self._reporter,
            self.name,
            self.symbols,
            instruments,
            post,
            self.tracker.fee_of,
            self.tracker.is_tagged,
            now=now,
            monotonic=monotonic,
        )
        self.reconciler = Reconciler(
            venue,
            self.tracker,
            self._reporter,
            settings,
            self.symbols,
            instruments,
            self._silence.noticing(post),
            monotonic,
            self.moved,
        )
        self._others = OtherBots(venue, self._reporter, self.tracker.is_tagged)
        self.dead_man = DeadManSwitch(
            venue,
            self.symbols,
            self.tracker,
            self._reporter,
            settings.dead_man_seconds,
            look=self._look_at_open_orders,
            monotonic=monotonic,
        )
        self._submitter = OrderSubmitter(
            venue,
            self.tracker,
            self._rates,
            self._reporter,
            settings,
            pre_send_check=self._pre_send_check,
            make_safe=self.dead_man.make_safe,
            answered=self._silence.answered,
            refused=self._on_refused,
            is_needed=lambda spec: books is not None and books.is_last_stop(spec),
            monotonic=monotonic,
            sleep=sleep,
        )
        self._comparisons = Comparisons(
            venue,
            settings,
            self.reconciler,
            self.tracker,
            self._submitter,
            self._reporter,
            self._tasks,
            self._rates.fetch,
            in_question=lambda: in_question(self.symbols) or self.moved.is_waiting,
            compared=self._on_compared,
        )
        self._open_orders = OrdersAtVenue(
            venue, self.symbols, self.tracker, is_spot=settings.market == "spot"
        )

    def _on_compared(self) -> None:
        self._others.heard(order.client_order_id for order in self.tracker.foreign.values())
        if not self._others.has_looked:
            self._tasks.start_beside(self._others.look_back(self.tracker.unknown_fills()))
        self.dead_man.on_compared()
        self._access.answered()
        self._silence.compared()

    def _on_access_refused(self, error: AccessLost) -> None:
        self._access.refused(error)

    async def _on_refused(self, cause: RefusalCause) -> None:
        """What may be mended is seen to at once."""
        if cause in (RefusalCause.FUNDS, RefusalCause.REDUCE_ONLY):
            self.reconcile_soon()
        await self._rules.on_refused(cause)

    def _on_activity(self) -> None:
        self.reconciler.note_activity()

    @property
    def problems(self) -> list[str]:
        """What does not work at present, by kind; reported as events when it began."""
        return self._reporter.problems

    # --- the Exchange ---------------------------------------------------------------------------------

    def send(self, command: OutboundCommand, at: int) -> None:
        if isinstance(command, CancelOrder):
            self._tasks.start(self._submitter.cancel(command.order_id))
            return
        tracked = self.tracker.track(command.order.spec, command.order.created_at)
        if tracked is not None:
            self.reconciler.note_activity()
            self._tasks.start(self._submitter.submit(command, tracked))

    def restore(self, orders: Iterable[Order], positions: Mapping[str, Decimal]) -> None:
        """Ask for every order that the books hold to be working; those being cancelled are again. A fill
        that shows late is told by any that the books know."""
        self.reconciler.since = self._now()
        if self._books is not None:
            known = (self._books.income_until(), self._books.compared_at())
            self.reconciler.since = min([self.reconciler.since, *filter(None, known)])
        self._reporter.restrict_all("orders, fills and positions are being compared")
        for order in orders:
            tracked = self.tracker.restore(order)
            if not order.is_working:
                continue
            self.reconciler.since = min(self.reconciler.since, order.created_at)
            tracked.cancel_wanted = order.status is OrderStatus.PENDING_CANCEL
            if tracked.cancel_wanted and not tracked.is_unknown:
                self._tasks.start(self._submitter.cancel(order.spec.order_id))
            else:
                self._tasks.start(self._submitter.resolve(tracked))

    def _pre_send_check(self, command: SubmitOrder, tracked: TrackedOrder) -> str:
        denial = self.pre_send_check(command)
        if denial:
            return denial
        if tracked.cancel_wanted:
            return "not sent: it was cancelled before"
        age = (self._now() - tracked.created_at) / SECOND
        if age > MAX_INTENT_AGE_S and not command.order.spec.reduce_only:
            return f"not sent: the intent is {age:.1f} s old"
        if self._stall_detector.stalled_for():
            return "not sent: this process stood still, and what it knows is old"
        return ""

    # --- life -----------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Start what goes on beside the orders."""
        venue, reporter, sleep = self.venue, self._reporter, self._sleep
        start, settings = self._tasks.start_beside, self._settings
        self._stall_detector.beat()
        start(
            account_monitors.follow_user_stream(
                venue,
                self._on_venue_reports,
                reporter,
                self._silence,
                self.reconcile_soon,
                self._monotonic,
                sleep,
            )
        )
        start(self._comparisons.keep())
        start(self._rules.keep())
        start(account_monitors.watch_for_stalls(self._stall_detector, self._on_stall, sleep))
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

    def _on_venue_reports(self, told: Sequence[VenueReport | MoneyMoved]) -> None:
        self._silence.heard()
        if self._reporter.problem_over(SystemEventKind.USER_STREAM_LOST):
            self.reconcile_soon()
        venue_reports = self._without_what_it_did_itself(told)
        fills = [one for one in venue_reports if isinstance(one, VenueFill)]
        unpriced = [fill for fill in fills if self._rates.is_missing(fill)]
        if unpriced:
            self._tasks.start(self._apply_priced(venue_reports, unpriced))
        else:
            self._apply(venue_reports)

    def _without_what_it_did_itself(
        self, told: Sequence[VenueReport | MoneyMoved]
    ) -> list[VenueReport]:
        """Money that it moved and positions that it closed are found out by comparing, now."""
        rest = [o for o in told if not isinstance(o, MoneyMoved) and o.forced is None]
        if len(rest) < len(told):
            self.reconciler.note_activity()
            self.reconcile_soon()
        if any(isinstance(one, MoneyMoved) for one in told):
            self.moved.announced()
        self.moved.heard(one for one in told if isinstance(one, VenueFill) and one.forced)
        return rest

    async def _apply_priced(
        self, venue_reports: Sequence[VenueReport], unpriced: Sequence[VenueFill]
    ) -> None:
        await self._rates.fetch(unpriced)
        self._apply(venue_reports)

    def _apply(self, venue_reports: Sequence[VenueReport]) -> None:
        self._reporter.report(self.tracker.apply(venue_reports))
        for one in venue_reports:
            tracked = self.tracker.find(one)
            if tracked is None:
                self.dead_man.on_foreign_order(one.symbol)
            elif tracked.lacks_fills():
                self._tasks.start(self._submitter.fetch_fills(tracked))

    async def _look_at_open_orders(self) -> None:
        known = tuple(self.tracker.foreign)
        orders = await self.venue.open_orders(self.symbols)
        self._reporter.report(self.tracker.apply_open_orders(orders, known))

    # --- compared, and past the core --------------------------------------------------------------------

    def reconcile_soon(self) -> None:
        """Compare now."""
        self._comparisons.soon()

    async def reconcile(self, accepted: Accepted | None = None) -> Compared:
        """Compare at once; what is wrong is reported."""
        return await self._comparisons.on_demand(accepted)

    async def cancel_all(self, *, keep_protection: bool, whose: Whose) -> tuple[str, ...]:
        """Cancel open orders at the venue, past the core and without a report: what becomes of ours is
        reported like anything else. With `keep_protection` our reduce-only stops stay.

        Their client order ids, or the venue's where they have none. Raises ExchangeError for the first
        that could not be cancelled, when all were tried.
        """
        return await self._open_orders.cancel(keep_protection=keep_protection, whose=whose)

    async def proof(self, *, everything: bool) -> Proof:
        """As the venue itself reports it: the orders that are open, ours or those of anybody, and what it
        holds of each symbol. Raises ExchangeError."""
        with self._comparisons.put_off():
            shown = await self._open_orders.shown(everything=everything)
            holdings = await self.venue.holdings()
        return Proof(
            exchange=self.name,
            symbols=self.symbols,
            open_orders=tuple(order for order in shown if everything or order.ours),
            held={s: holdings.of(self._instruments[s]) for s in self.symbols},
            cash=self.reconciler.cash(holdings) if holdings.wallets_known else None,
            foreign=tuple(o.known_as for o in shown if not o.ours and o.symbol in self.symbols),
        )

    def status(self) -> ExchangeStatus:
        foreign = self.tracker.foreign.values()
        return ExchangeStatus(
            name=self.name,
            symbols=self.symbols,
            problems=tuple(self.problems),
            foreign_orders=tuple(o.client_order_id or o.venue_order_id for o in foreign),
            other_bots=tuple(sorted(self._others.tags)),
            unknown_orders=sum(tracked.is_unknown for tracked in self.tracker.working()),
            dead_man=self.dead_man.status(),
        )


__all__ = ["LiveExchange", "always_allowed"]
