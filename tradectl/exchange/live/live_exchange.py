"""A real exchange: orders go out once, and what became of them is found out, however long it takes.

    intent durable -> tracked -> last look -> sent -> answered
                                               `--> no answer that can be believed: UNKNOWN
                                                     asked for by its client order id, again and again,
                                                     until the venue has told; never sent again

Nothing here waits for anything else: each order (`submitter`), the account's news, clock and dead-man
switch (`account_monitors`), and the comparison (`reconciler`) are tasks of their own, and all that they
find out is reported as inputs to the core.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal

from tradectl.documents.run import ExchangeStatus
from tradectl.domain.backoff import pauses
from tradectl.domain.commands import CancelOrder, OutboundCommand, SubmitOrder
from tradectl.domain.errors import AccessLost, ExchangeError
from tradectl.domain.instruments import Instruments
from tradectl.domain.orders import Order, OrderStatus
from tradectl.domain.stall import StallDetector
from tradectl.domain.time import SECOND
from tradectl.exchange.base import OpenOrder, Proof, Whose
from tradectl.exchange.exchange_settings import ExchangeSettings
from tradectl.exchange.live import account_monitors
from tradectl.exchange.live.execution_reporter import ExecutionReporter, Post
from tradectl.exchange.live.fee_rates import FeeRates
from tradectl.exchange.live.order_submitter import OrderSubmitter
from tradectl.exchange.live.order_tracker import OrderTracker, TrackedOrder
from tradectl.exchange.live.reconciler import Reconciler
from tradectl.exchange.tasks import BackgroundTasks
from tradectl.exchange.venue import Venue, VenueFill, VenueOrder

OLDEST_INTENT_S = 5.0
"""An order that could not leave for so long is of another market: it is not sent."""
DRAIN_S, LOOKED_IN_S = 3.0, 0.3
UNSETTLED_S = 0.5

PreSendCheck = Callable[[SubmitOrder], str]
"""Why an order must not leave after all, asked in the last moment; empty when it may."""


def always_allowed(_command: SubmitOrder) -> str:
    return ""


class LiveExchange:
    """An `Exchange` over a `venue`, for the orders of `account_id` in `symbols`.

    `post` takes inputs for the core; `now` gives ns UTC, `monotonic` seconds; `unsettled` says whether
    the last statement is still in question.
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
        known: Callable[[str], bool] = lambda _: True,
        unsettled: Callable[[Sequence[str]], bool] = lambda _: False,
        pre_send_check: PreSendCheck = always_allowed,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = settings.prefix
        self.venue = venue
        self.symbols = tuple(symbols)
        self.pre_send_check = pre_send_check
        self._settings = settings
        self._instruments = instruments
        self._now = now
        self._monotonic = monotonic
        self._unsettled = unsettled
        self._kicked = asyncio.Event()
        self._drain_s = DRAIN_S
        self._arms = self._disarms = True
        self._stall_detector = StallDetector(account_monitors.STOOD_STILL_S, monotonic)
        self._reporter = ExecutionReporter(self.name, self.symbols, post, self._touched)
        self._tasks = BackgroundTasks(
            lambda e: self._reporter.halt("EXCHANGE_TASK_FAILED", f"{type(e).__name__}: {e}")
        )
        self._rates = FeeRates(venue, instruments, self._reporter, monotonic)
        self.desk = OrderTracker(self.name, account_id, instruments, known, self._rates.worth)
        self.reconciler = Reconciler(
            venue, self.desk, settings, self.symbols, instruments, self._reporter.say, post
        )
        self._submitter = OrderSubmitter(
            venue,
            self.desk,
            self._rates,
            self._reporter,
            settings,
            pre_send_check=self._pre_send_check,
            monotonic=monotonic,
        )

    def _touched(self) -> None:
        self.reconciler.touched()

    @property
    def troubles(self) -> list[str]:
        """What does not work at present, by kind; told as events when it began."""
        return self._reporter.troubles

    # --- the Exchange ---------------------------------------------------------------------------------

    def send(self, command: OutboundCommand, at: int) -> None:
        if isinstance(command, CancelOrder):
            self._tasks.start(self._submitter.cancel(command.order_id))
            return
        tracked = self.desk.track(command.order.spec, command.order.created_at)
        if tracked is not None:
            self.reconciler.touched()
            self._tasks.start(self._submitter.submit(command, tracked))

    def restore(self, orders: Iterable[Order], positions: Mapping[str, Decimal]) -> None:
        """Ask for every order that the books hold to be working; those being cancelled are again."""
        self.reconciler.since = self._now()
        self._reporter.hold_all("orders, fills and positions are being compared")
        for order in orders:
            tracked = self.desk.restore(order)
            if not order.is_working:
                continue
            self.reconciler.since = min(self.reconciler.since, order.created_at)
            tracked.cancel_wanted = order.status is OrderStatus.PENDING_CANCEL
            if tracked.cancel_wanted and not tracked.unknown:
                self._tasks.start(self._submitter.cancel(order.spec.order_id))
            else:
                self._tasks.start(self._submitter.resolve(tracked))

    def _pre_send_check(self, command: SubmitOrder, tracked: TrackedOrder) -> str:
        why = self.pre_send_check(command)
        if why:
            return why
        if tracked.cancel_wanted:
            return "not sent: it was cancelled before"
        age = (self._now() - tracked.created_at) / SECOND
        if age > OLDEST_INTENT_S and not command.order.spec.reduce_only:
            return f"not sent: the intent is {age:.1f} s old"
        if self._stall_detector.stalled_for():
            return "not sent: this process stood still, and what it knows is old"
        return ""

    # --- life -----------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Start what goes on beside the orders."""
        beside, reporter, every = (
            self._tasks.start_beside,
            self._reporter,
            self._settings.reconcile_seconds,
        )
        self._stall_detector.beat()
        beside(
            account_monitors.listen(
                self.venue, self._on_words, reporter, self.kick, self._monotonic
            )
        )
        beside(self._reconcile_for_ever())
        beside(account_monitors.watch_for_stalls(self._stall_detector, self._stood_still))
        beside(account_monitors.watch_clock(self.venue, reporter, every))
        if self._has_dead_man:
            seconds = self._settings.dead_man_seconds
            beside(
                account_monitors.keep_dead_man_armed(self.venue, self.symbols, reporter, seconds)
            )

    async def quiesce(self) -> None:
        """Let what is on its way be answered, for a while; what is not stays unknown in the books."""
        await self._tasks.end(self._drain_s)

    async def stop(self) -> None:
        """Who ends a run on purpose leaves what rests at the exchange on purpose: the switch is off."""
        await self.quiesce()
        if self._has_dead_man and self._disarms:
            with contextlib.suppress(ExchangeError, TimeoutError):  # it then fires: the safe side
                await asyncio.wait_for(self.venue.arm_dead_man(self.symbols, 0), DRAIN_S)

    def attach_read_only(self) -> None:
        """This run only looks in, or finishes for another one: the dead-man switch stays as that one left
        it, and at the end there is little to be waited for."""
        self._arms = self._disarms = False
        self._drain_s = LOOKED_IN_S

    def leave_switch_armed(self) -> None:
        """At the end, too: what could not be cancelled before it, the exchange cancels after it."""
        self._disarms = False

    @property
    def _has_dead_man(self) -> bool:
        wanted = self._arms and self._settings.dead_man_seconds
        return bool(wanted and self.venue.abilities.dead_man)

    def _stood_still(self, seconds: float) -> None:
        self._reporter.hold_all(f"this process stood still for {seconds:.0f} s")
        self.kick()

    # --- news -----------------------------------------------------------------------------------------

    def _on_words(self, words: Sequence[VenueOrder | VenueFill]) -> None:
        if self._reporter.over("user_stream_lost"):
            self.kick()
        unpriced = [w for w in words if isinstance(w, VenueFill) and self._rates.lacks(w)]
        if unpriced:
            self._tasks.start(self._take_later(words, unpriced))
        else:
            self._take(words)

    async def _take_later(
        self, words: Sequence[VenueOrder | VenueFill], unpriced: Sequence[VenueFill]
    ) -> None:
        await self._rates.learn(unpriced)
        self._take(words)

    def _take(self, words: Sequence[VenueOrder | VenueFill]) -> None:
        self._reporter.report(self.desk.told(words))
        for word in words:
            tracked = self.desk.find(word.client_order_id, word.venue_order_id)
            if tracked is not None and tracked.lacks_fills():
                self._tasks.start(self._submitter.fetch_fills(tracked))

    # --- comparing ------------------------------------------------------------------------------------

    def kick(self) -> None:
        """Compare now."""
        self._kicked.set()

    async def _reconcile_for_ever(self) -> None:
        """At its pace; sooner, then ever later, while the last comparison left something in question: a
        difference that stays must not use up the rate limit."""
        soon = pauses(UNSETTLED_S)
        while True:
            self._kicked.clear()
            await self.reconcile()
            wait = self._settings.reconcile_seconds
            if self._unsettled(self.symbols):
                wait = min(wait, next(soon))
            else:
                soon = pauses(UNSETTLED_S)
                if not self.venue.abilities.user_stream and self.desk.working():
                    wait = min(wait, self._settings.poll_seconds)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._kicked.wait()

    async def reconcile(self, *, accept: bool = False) -> bool:
        """Compare once; what is wrong is reported. False when the venue could not be asked."""
        reporter, submitter, go = self._reporter, self._submitter, self._tasks.start
        try:
            reopened = await self.reconciler.compare(self._rates.learn, accept=accept)
        except AccessLost as error:
            reporter.lose_access(error)
            return False
        except ExchangeError as error:
            reporter.trouble("reconcile_failed", str(error))
            return False
        reporter.over("reconcile_failed")
        for tracked in self.reconciler.missing():
            go(submitter.resolve(tracked))
        for tracked in self.desk.not_found():
            go(submitter.look_again(tracked))
        if accept:
            await submitter.take_denials()
        for tracked in reopened:
            reporter.say("order_revived", f"{tracked.client_id} was over and is open: cancelling")
            go(submitter.cancel(tracked.spec.order_id))
        return True

    # --- the last word ----------------------------------------------------------------------------------

    async def cancel_all(self, *, keep_protection: bool, whose: Whose) -> tuple[str, ...]:
        """Cancel open orders at the venue, past the core and without a report: what becomes of ours is
        heard like anything else. With `keep_protection` our reduce-only stops stay.

        Their client order ids, or the venue's where they have none. Raises ExchangeError for the first
        that could not be cancelled, when all were tried.
        """
        failed: ExchangeError | None = None
        cancelled = []
        symbols = () if whose is Whose.ALL_UNKNOWN else self.symbols
        for order in await self.venue.open_orders(symbols):
            if not self._is_meant(order, whose) or (keep_protection and self._protects(order)):
                continue
            ours, theirs = order.client_order_id, order.venue_order_id
            try:
                await self.venue.cancel(order.symbol, ours, theirs)
                cancelled.append(ours or theirs)
            except ExchangeError as error:
                failed = failed or error
        if failed is not None:
            raise failed
        return tuple(cancelled)

    def _is_meant(self, order: VenueOrder, whose: Whose) -> bool:
        if whose is not Whose.OURS:
            tracked = self.desk.find(order.client_order_id, order.venue_order_id)
            if tracked is not None and not tracked.over:
                return False
        return whose is Whose.ALL_UNKNOWN or self.desk.is_tagged(order.client_order_id)

    def _protects(self, order: VenueOrder) -> bool:
        tracked = self.desk.find(order.client_order_id, order.venue_order_id)
        return tracked is not None and tracked.spec.type.is_stop and tracked.spec.reduce_only

    async def proof(self, *, everything: bool) -> Proof:
        """By the venue's own word: the orders that are open, ours or those of anybody, and what it
        holds of each symbol. Raises ExchangeError."""
        orders = await self.venue.open_orders(() if everything else self.symbols)
        holdings = await self.venue.holdings()
        shown = [
            OpenOrder(
                order.symbol,
                order.client_order_id,
                order.venue_order_id,
                order.status,
                ours=self.desk.is_tagged(order.client_order_id),
            )
            for order in orders
        ]
        return Proof(
            exchange=self.name,
            symbols=self.symbols,
            open_orders=tuple(order for order in shown if everything or order.ours),
            held={s: holdings.of(self._instruments[s]) for s in self.symbols},
        )

    def status(self) -> ExchangeStatus:
        foreign = self.desk.foreign.values()
        return ExchangeStatus(
            name=self.name,
            symbols=self.symbols,
            troubles=tuple(self.troubles),
            foreign_orders=tuple(o.client_order_id or o.venue_order_id for o in foreign),
            unknown_orders=sum(tracked.unknown for tracked in self.desk.working()),
        )


__all__ = ["LiveExchange", "PreSendCheck", "always_allowed"]
