"""When the account is compared with the venue: at its pace, sooner where something is in question, and
whenever somebody asks.

A comparison takes several calls, so two never go on beside each other for nothing: while somebody asks,
the one at its pace waits. What a comparison finds out about orders is followed up at once.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from tradectl.domain.errors import AccessLost, ExchangeError, NotExecuted
from tradectl.domain.events import SystemEventKind
from tradectl.domain.resilience import pauses
from tradectl.exchange.base import Accepted, Compared
from tradectl.exchange.exchange_settings import ExchangeSettings
from tradectl.exchange.live.execution_reporter import ExecutionReporter
from tradectl.exchange.live.order_submitter import OrderSubmitter
from tradectl.exchange.live.order_tracker import OrderTracker
from tradectl.exchange.live.reconciler import BeforeBooking, Reconciler
from tradectl.exchange.live.tracked_order import TrackedOrder
from tradectl.exchange.tasks import BackgroundTasks
from tradectl.exchange.venue import Venue

DISTURBED = "something of ours moved there all the while: nothing was compared"
IN_QUESTION_S = 0.5
KEPT_BACK_S, LONGEST_KEPT_BACK_S = 1.0, 30.0
"""The rate limit must have room for all the calls of a comparison."""


class BeforeComparing(Protocol):
    """Raises AccessLost."""

    async def __call__(self, *, now: bool) -> None: ...


class Comparisons:
    """`reconciler` compares; `in_question` says whether what the account last reported still is, `before`
    is awaited before each comparison and told whether somebody asks for it, and `compared` hears of each
    that came to its end."""

    def __init__(
        self,
        venue: Venue,
        settings: ExchangeSettings,
        reconciler: Reconciler,
        tracker: OrderTracker,
        submitter: OrderSubmitter,
        reporter: ExecutionReporter,
        tasks: BackgroundTasks,
        before_booking: BeforeBooking,
        *,
        in_question: Callable[[], bool],
        before: BeforeComparing,
        compared: Callable[[], None],
    ) -> None:
        self._venue = venue
        self._settings = settings
        self._reconciler = reconciler
        self._tracker = tracker
        self._submitter = submitter
        self._reporter = reporter
        self._tasks = tasks
        self._before_booking = before_booking
        self._in_question = in_question
        self._before = before
        self._compared = compared
        self._now = asyncio.Event()
        self._asked = 0

    def soon(self) -> None:
        """Compare now."""
        self._now.set()

    async def keep(self) -> None:
        """At its pace; sooner, then ever later, while the last comparison left something in question: a
        difference that stays must not use up the rate limit. Where that is used up, ever later, and never
        beside a comparison that somebody asked for."""
        soon, later = pauses(IN_QUESTION_S), pauses(KEPT_BACK_S, LONGEST_KEPT_BACK_S)
        while True:
            self._now.clear()
            told = None if self._asked else await self._compare()
            kept_back = told.pause if told is not None else 0.0
            wait = self._settings.reconcile_seconds
            if not kept_back:
                later = pauses(KEPT_BACK_S, LONGEST_KEPT_BACK_S)
            if kept_back:
                wait = max(wait, kept_back, next(later))
            elif self._in_question() or (told is not None and told.error == DISTURBED):
                wait = min(wait, next(soon))
            else:
                soon = pauses(IN_QUESTION_S)
                if not self._venue.abilities.user_stream and self._tracker.working():
                    wait = min(wait, self._settings.poll_seconds)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._now.wait()

    async def on_demand(self, accepted: Accepted | None) -> Compared:
        """At once."""
        with self.put_off():
            return await self._compare(accepted)

    @contextlib.contextmanager
    def put_off(self) -> Iterator[None]:
        """None at its pace meanwhile."""
        self._asked += 1
        try:
            yield
        finally:
            self._asked -= 1

    async def _compare(self, accepted: Accepted | None = None) -> Compared:
        name = self._settings.prefix
        try:
            await self._before(now=self._asked > 0)
            picture = await self._reconciler.compare(self._before_booking, accepted)
        except AccessLost as error:
            self._reporter.access_refused(error)
            return Compared(exchange=name, error=str(error))
        except ExchangeError as error:
            self._reporter.problem(SystemEventKind.RECONCILE_FAILED, str(error))
            pause = error.retry_after if isinstance(error, NotExecuted) else 0.0
            return Compared(exchange=name, error=str(error), pause=pause)
        if picture is None:
            self._follow_up(())
            return Compared(exchange=name, error=DISTURBED)
        self._reporter.problem_over(SystemEventKind.RECONCILE_FAILED)
        self._compared()
        self._follow_up(picture.reopened)
        if accepted is not None and await self._submitter.accept_not_found():
            return await self._compare(accepted)  # what those orders had kept out is taken, too
        return Compared(exchange=name, left_out=picture.left_out)

    def _follow_up(self, reopened: Sequence[TrackedOrder]) -> None:
        start, submitter = self._tasks.start, self._submitter
        for tracked in self._reconciler.missing():
            start(submitter.resolve(tracked))
        for tracked in self._tracker.not_found():
            start(submitter.find_again(tracked))
        for tracked in reopened:
            if self._reconciler.is_last_stop(tracked.spec):
                continue  # what the next comparison finds decides
            self._reporter.post_system_event(
                SystemEventKind.ORDER_REOPENED,
                f"{tracked.client_id} was over and is open: cancelling",
            )
            start(submitter.cancel(tracked.spec.order_id))


__all__ = ["Comparisons"]
