"""The way of an order to the venue and back, walked once.

What is sent is sent once. Where no answer came that can be believed, the order is asked for by its
client order id, again and again, until the venue has reported what became of it; and what it has counted
is asked for until each fill is known. Cancels are asked for until the order is over: that can do no harm
twice.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from tradectl.bus.clock import Sleep
from tradectl.domain.commands import SubmitOrder
from tradectl.domain.errors import (
    AccessLost,
    ExchangeError,
    NotExecuted,
    OutcomeUnknown,
    VenueRefusal,
)
from tradectl.domain.events import SystemEventKind
from tradectl.domain.orders import OrderSpec, OrderStatus
from tradectl.domain.refusals import RefusalCause
from tradectl.domain.resilience import FIRST_PAUSE_S, pauses
from tradectl.domain.text import harmless
from tradectl.domain.time import SECOND
from tradectl.exchange.exchange_settings import ExchangeSettings
from tradectl.exchange.live.execution_reporter import ExecutionReporter
from tradectl.exchange.live.fee_rates import FeeRates
from tradectl.exchange.live.order_tracker import OrderTracker
from tradectl.exchange.live.tracked_order import TrackedOrder, TrackingState
from tradectl.exchange.venue import TakenUnseen, Venue, VenueOrder

LEAST_MISSES = 3
"""How often a venue must say that it knows no such order before it is believed, however long it took."""
CLOCK_MARGIN = 60 * SECOND
"""Fills are asked for from so long before the order was made: the venue's clock is another one."""
STILL_OPEN = (OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED)

SendCheck = Callable[[SubmitOrder, TrackedOrder], str]
"""Why an order does not leave, as it is about to; empty where it does."""


class OrderSubmitter:
    """`pre_send_check` is asked in the last moment before an order leaves, and says why it must not:
    empty when it may. `make_safe` is awaited before a protective stop is placed in a symbol; `answered`
    hears when what was sent (monotonic s) changed something at the venue; `refused` is awaited before
    it is reported that the venue would not take an order; `is_needed` says whether an order that was to
    be cancelled has to stay.
    `monotonic` gives seconds."""

    def __init__(
        self,
        venue: Venue,
        tracker: OrderTracker,
        rates: FeeRates,
        reporter: ExecutionReporter,
        settings: ExchangeSettings,
        *,
        pre_send_check: SendCheck,
        make_safe: Callable[[str], Awaitable[None]],
        answered: Callable[[float], None],
        refused: Callable[[RefusalCause, str], Awaitable[None]],
        is_needed: Callable[[OrderSpec], bool],
        monotonic: Callable[[], float],
        sleep: Sleep,
    ) -> None:
        self._venue = venue
        self._tracker = tracker
        self._rates = rates
        self._reporter = reporter
        self._settings = settings
        self._pre_send_check = pre_send_check
        self._make_safe = make_safe
        self._answered = answered
        self._refused = refused
        self._is_needed = is_needed
        self._monotonic = monotonic
        self._sleep = sleep
        self._fetching_fills: set[str] = set()
        self._still_unknown: TrackedOrder | None = None

    # --- submitting -----------------------------------------------------------------------------------

    async def submit(self, command: SubmitOrder, tracked: TrackedOrder) -> None:
        """Send it, once, and find out what became of it."""
        sent, denial = False, ""

        def check_before_send() -> None:
            nonlocal sent, denial
            denial = self._pre_send_check(command, tracked)
            if denial:
                raise VenueRefusal(denial)
            sent = True

        report, tracker = self._reporter.report, self._tracker
        began = self._monotonic()
        try:
            if tracked.spec.is_protective:
                await self._make_safe(tracked.spec.symbol)
            order = await self._venue.submit(tracked.spec, tracked.client_id, check_before_send)
        except VenueRefusal as error:
            if denial:
                report(tracker.mark_denied(tracked, denial))
            else:
                await self._rejected(tracked, error)
        except NotExecuted as error:
            report(tracker.mark_rejected(tracked, str(error)))
        except AccessLost as error:
            self._access_lost(tracked, error)
        except OutcomeUnknown as error:
            await self._resolve_unknown(tracked, str(error))
        except asyncio.CancelledError:
            if sent:
                report(tracker.mark_unknown(tracked, "the run ended before an answer came"))
            else:
                report(tracker.mark_denied(tracked, "not sent: the run was ending"))
            raise
        except Exception as error:  # whatever broke, the order may have got through
            await self._resolve_unknown(tracked, harmless(f"{type(error).__name__}: {error}"))
        else:
            self._answered(began)
            report(tracker.apply([order]))
            await self.fetch_fills(tracked)

    def _access_lost(self, tracked: TrackedOrder, error: AccessLost) -> None:
        if isinstance(error, TakenUnseen):
            self._reporter.report(self._tracker.apply([error.order]))
        else:
            self._reporter.report(self._tracker.mark_rejected(tracked, str(error)))
        self._reporter.access_refused(error)

    async def _rejected(self, tracked: TrackedOrder, error: VenueRefusal) -> None:
        """What may be mended is, before the core hears of it; it does whatever becomes of that."""
        try:
            await self._refused(error.cause, tracked.spec.symbol)
        except AccessLost as lost:
            self._reporter.access_refused(lost)
        finally:
            self._reporter.report(self._tracker.mark_rejected(tracked, str(error), error.cause))

    async def _resolve_unknown(self, tracked: TrackedOrder, reason: str) -> None:
        reports = self._tracker.mark_unknown(tracked, reason)
        if reports:
            self._reporter.report(reports)
            self._reporter.problem(SystemEventKind.ORDER_UNKNOWN, f"{_named(tracked)}: {reason}")
        await self.resolve(tracked)

    # --- asking for it --------------------------------------------------------------------------------

    async def resolve(self, tracked: TrackedOrder) -> None:
        """Ask for an order until the venue has reported what became of it."""
        missing_since, misses = 0.0, 0
        for pause in pauses():
            try:
                found = await self._find(tracked)
            except AccessLost as error:
                self._reporter.access_refused(error)
            except ExchangeError:
                misses = 0  # no answer at all does not say that it is not there
            else:
                if found is not None:
                    await self._apply_found(tracked, found)
                    return
                missing_since = self._monotonic() if not misses else missing_since
                misses += 1
                long_enough = self._monotonic() - missing_since >= self._settings.not_found_seconds
                if misses >= LEAST_MISSES and long_enough:
                    self._give_up(tracked, "the exchange knows no such order")
                    return
            if tracked.is_over:
                return
            await self._sleep(pause)

    async def find_again(self, tracked: TrackedOrder) -> None:
        """It was not found, and given up; the fills that no other order explains may be its own."""
        with contextlib.suppress(ExchangeError):  # the next comparison asks again
            found = await self._find(tracked)
            if found is not None:
                await self._apply_found(tracked, found)

    async def accept_not_found(self) -> bool:
        """The operator takes the venue's word: an order that it does not know now does not exist. Whether
        more is known now."""
        known_more = False
        for tracked in [tracked for tracked in self._tracker.working() if tracked.is_unknown]:
            with contextlib.suppress(ExchangeError):  # it stays unknown then
                found = await self._find(tracked)
                if found is not None:
                    await self._apply_found(tracked, found)
                else:
                    self._give_up(tracked, "taken not to exist, by the operator's word")
                known_more = True
        return known_more

    async def _find(self, tracked: TrackedOrder) -> VenueOrder | None:
        return await self._venue.find(tracked.spec.symbol, tracked.client_id, tracked.venue_id)

    async def _apply_found(self, tracked: TrackedOrder, order: VenueOrder) -> None:
        self._reporter.report(self._tracker.apply([order]))
        self._end_unknown_problem()
        if tracked.cancel_wanted and not tracked.is_over:
            await self.cancel(tracked.spec.order_id)
        await self.fetch_fills(tracked)

    def _give_up(self, tracked: TrackedOrder, reason: str) -> None:
        self._reporter.report(self._tracker.mark_not_found(tracked, reason))
        self._end_unknown_problem()

    def _end_unknown_problem(self) -> None:
        """Of many that were resolved one after the other all are looked through again once the one that
        was still unknown the last time is known."""
        known = self._still_unknown
        if known is None or not known.is_unknown:
            unknown = [tracked for tracked in self._tracker.working() if tracked.is_unknown]
            self._still_unknown = unknown[-1] if unknown else None
        if self._still_unknown is None:
            self._reporter.problem_over(SystemEventKind.ORDER_UNKNOWN)

    # --- cancelling -----------------------------------------------------------------------------------

    async def cancel(self, order_id: str) -> None:
        """Cancel until it is over; what could not be cancelled, and is needed again by then, stays. That
        is not said of one whose own answer is awaited: it may not even have left."""
        tracked = self._tracker.get(order_id)
        if tracked is None or (tracked.is_over and not tracked.venue_id):
            return
        tracked.cancel_wanted = True
        for attempt, pause in enumerate(pauses()):
            is_there = not tracked.is_over and tracked.state is not TrackingState.SENDING
            if attempt and is_there and self._is_needed(tracked.spec):
                reason = "it is all that protects the position by now"
                self._reporter.report(self._tracker.mark_not_cancelled(tracked, reason))
                self._reporter.problem_over(SystemEventKind.CANCEL_FAILED)
                return
            if tracked.is_unresolved:
                await self._sleep(FIRST_PAUSE_S)
                if tracked.is_unknown or tracked.is_over:
                    return  # who asks for it cancels it when it is found
                continue
            if await self._try_to_cancel(tracked):
                await self.fetch_fills(tracked)
                return
            await self._sleep(pause)

    async def _try_to_cancel(self, tracked: TrackedOrder) -> bool:
        """True once it is known to be over."""
        symbol, began = tracked.spec.symbol, self._monotonic()
        try:
            order = await self._venue.cancel(symbol, tracked.client_id, tracked.venue_id)
            if order is None or order.status in STILL_OPEN:
                order = await self._find(tracked)
            elif order.status is OrderStatus.CANCELED:
                self._answered(began)
        except AccessLost as error:
            self._reporter.access_refused(error)
            return False
        except ExchangeError as error:
            self._reporter.problem(SystemEventKind.CANCEL_FAILED, f"{_named(tracked)}: {error}")
            return False
        self._reporter.problem_over(SystemEventKind.CANCEL_FAILED)
        if order is None:
            await self.resolve(tracked)
            return True
        self._reporter.report(self._tracker.apply([order]))
        ends = tracked.is_over or tracked.state is TrackingState.ENDING
        return ends or tracked.lacks_fills()

    # --- fills ----------------------------------------------------------------------------------------

    async def fetch_fills(self, tracked: TrackedOrder) -> None:
        """Ask for the fills that the venue has counted and not yet reported, unless its stream is faster.
        Does nothing while that goes on already."""
        if tracked.client_id in self._fetching_fills:
            return
        self._fetching_fills.add(tracked.client_id)
        try:
            await self._fetch_until_complete(tracked)
        finally:
            self._fetching_fills.discard(tracked.client_id)

    async def _fetch_until_complete(self, tracked: TrackedOrder) -> None:
        since = tracked.created_at - CLOCK_MARGIN
        for pause in pauses():
            if not tracked.lacks_fills():
                return
            if self._venue.abilities.user_stream:
                await self._sleep(pause)
                if not tracked.lacks_fills():
                    return
            try:
                fills = await self._venue.fills(tracked.spec.symbol, since)
            except AccessLost as error:
                self._reporter.access_refused(error)
            except ExchangeError:
                pass  # asked again
            else:
                await self._rates.fetch(fills)
                self._reporter.report(self._tracker.apply(fills))
            if not tracked.lacks_fills():
                return
            await self._sleep(pause)


def _named(tracked: TrackedOrder) -> str:
    return f"{tracked.spec.symbol} {tracked.client_id}"


__all__ = ["OrderSubmitter"]
