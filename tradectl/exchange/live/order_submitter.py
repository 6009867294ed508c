"""The way of an order to the venue and back, walked once.

What is sent is sent once. Where no answer came that can be believed, the order is asked for by its
client order id, again and again, until the venue has told; and what the venue has counted of it is
asked for until each fill is known. Cancels are asked for until the order is over: that can do no harm
twice.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from tradectl.domain.backoff import FIRST_PAUSE_S, pauses
from tradectl.domain.commands import SubmitOrder
from tradectl.domain.errors import (
    AccessLost,
    ExchangeError,
    NotExecuted,
    OutcomeUnknown,
    VenueRefusal,
)
from tradectl.domain.orders import OrderStatus
from tradectl.domain.text import harmless
from tradectl.domain.time import SECOND
from tradectl.exchange.exchange_settings import ExchangeSettings
from tradectl.exchange.live.execution_reporter import ExecutionReporter
from tradectl.exchange.live.fee_rates import FeeRates
from tradectl.exchange.live.order_tracker import OrderTracker, TrackedOrder
from tradectl.exchange.venue import Venue, VenueOrder

ASKED_AT_LEAST = 3
"""Denials before one is believed, however long they took."""
BEFORE_IT_WAS_MADE = 60 * SECOND
STILL_OPEN = (OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED)


class OrderSubmitter:
    """`pre_send_check` is asked in the last moment before an order leaves: empty when it may.
    `monotonic` gives seconds."""

    def __init__(
        self,
        venue: Venue,
        desk: OrderTracker,
        rates: FeeRates,
        reporter: ExecutionReporter,
        settings: ExchangeSettings,
        *,
        pre_send_check: Callable[[SubmitOrder, TrackedOrder], str],
        monotonic: Callable[[], float],
    ) -> None:
        self._venue = venue
        self._desk = desk
        self._rates = rates
        self._reporter = reporter
        self._settings = settings
        self._pre_send_check = pre_send_check
        self._monotonic = monotonic

    async def submit(self, command: SubmitOrder, tracked: TrackedOrder) -> None:
        """Send it, once, and find out what became of it."""
        sent, held_back = False, ""

        def pre_send_check() -> None:
            nonlocal sent, held_back
            held_back = self._pre_send_check(command, tracked)
            if held_back:
                raise VenueRefusal(held_back)
            sent = True

        report, desk = self._reporter.report, self._desk
        try:
            order = await self._venue.submit(tracked.spec, tracked.client_id, pre_send_check)
        except (VenueRefusal, NotExecuted) as error:
            if held_back:
                report(desk.unsent(tracked, held_back))
            else:
                report(desk.refused(tracked, str(error)))
        except AccessLost as error:
            report(desk.refused(tracked, str(error)))
            self._reporter.lose_access(error)
        except OutcomeUnknown as error:
            await self._doubt(tracked, str(error))
        except asyncio.CancelledError:
            if sent:
                report(desk.lost(tracked, "the run ended before an answer came"))
            else:
                report(desk.unsent(tracked, "not sent: the run was ending"))
            raise
        except Exception as error:  # whatever broke, the order may have got through
            await self._doubt(tracked, harmless(f"{type(error).__name__}: {error}"))
        else:
            report(desk.told([order]))
            await self.fetch_fills(tracked)

    async def _doubt(self, tracked: TrackedOrder, reason: str) -> None:
        lost = self._desk.lost(tracked, reason)
        if lost:
            self._reporter.report(lost)
            self._reporter.trouble("order_unknown", f"{_named(tracked)}: {reason}")
        await self.resolve(tracked)

    async def resolve(self, tracked: TrackedOrder) -> None:
        """Ask for an order until the venue has told what became of it."""
        denied_since, denials = 0.0, 0
        for pause in pauses():
            try:
                found = await self._find(tracked)
            except AccessLost as error:
                self._reporter.lose_access(error)
            except ExchangeError:
                denials = 0  # no word at all is no denial
            else:
                if found is not None:
                    await self._found(tracked, found)
                    return
                denied_since = self._monotonic() if not denials else denied_since
                denials += 1
                long_enough = self._monotonic() - denied_since >= self._settings.not_found_seconds
                if denials >= ASKED_AT_LEAST and long_enough:
                    self._give_up(tracked, "the exchange denies to know it")
                    return
            if tracked.over:
                return
            await asyncio.sleep(pause)

    async def _find(self, tracked: TrackedOrder) -> VenueOrder | None:
        return await self._venue.find(tracked.spec.symbol, tracked.client_id, tracked.venue_id)

    async def _found(self, tracked: TrackedOrder, order: VenueOrder) -> None:
        self._reporter.report(self._desk.told([order]))
        self._say_when_all_are_known()
        if tracked.cancel_wanted and not tracked.over:
            await self.cancel(tracked.spec.order_id)
        await self.fetch_fills(tracked)

    def _give_up(self, tracked: TrackedOrder, reason: str) -> None:
        self._reporter.report(self._desk.denied(tracked, reason))
        self._say_when_all_are_known()

    def _say_when_all_are_known(self) -> None:
        if not any(tracked.unknown for tracked in self._desk.working()):
            self._reporter.over("order_unknown")

    async def look_again(self, tracked: TrackedOrder) -> None:
        """It was denied, and given up; the fills that nobody else's order explains may be its own."""
        with contextlib.suppress(ExchangeError):  # the next comparison asks again
            found = await self._find(tracked)
            if found is not None:
                await self._found(tracked, found)

    async def take_denials(self) -> None:
        """The operator takes the venue's word: what it denies to know now does not exist."""
        for tracked in [tracked for tracked in self._desk.working() if tracked.unknown]:
            with contextlib.suppress(ExchangeError):  # it stays unknown then
                found = await self._find(tracked)
                if found is not None:
                    await self._found(tracked, found)
                else:
                    self._give_up(tracked, "taken not to exist, by the operator's word")

    async def cancel(self, order_id: str) -> None:
        """Cancel until it is over."""
        tracked = self._desk.get(order_id)
        if tracked is None or (tracked.over and not tracked.venue_id):
            return
        tracked.cancel_wanted = True
        for pause in pauses():
            if not tracked.answered or tracked.unknown:
                await asyncio.sleep(FIRST_PAUSE_S)  # who waits for its fate cancels it then
                if tracked.unknown or tracked.over:
                    return
                continue
            if await self._try_to_cancel(tracked):
                await self.fetch_fills(tracked)
                return
            await asyncio.sleep(pause)

    async def _try_to_cancel(self, tracked: TrackedOrder) -> bool:
        """True once it is known to be over."""
        symbol = tracked.spec.symbol
        try:
            order = await self._venue.cancel(symbol, tracked.client_id, tracked.venue_id)
            if order is None or order.status in STILL_OPEN:
                order = await self._find(tracked)
        except AccessLost as error:
            self._reporter.lose_access(error)
            return False
        except ExchangeError as error:
            self._reporter.trouble("cancel_failed", f"{_named(tracked)}: {error}")
            return False
        self._reporter.over("cancel_failed")
        if order is None:
            await self.resolve(tracked)
            return True
        self._reporter.report(self._desk.told([order]))
        return tracked.over or tracked.ending is not None or tracked.lacks_fills()

    async def fetch_fills(self, tracked: TrackedOrder) -> None:
        """Ask for the fills that the venue has counted and not yet told, unless the stream is faster."""
        if tracked.fetching:
            return
        tracked.fetching = True
        try:
            await self._fetch_until_told(tracked)
        finally:
            tracked.fetching = False

    async def _fetch_until_told(self, tracked: TrackedOrder) -> None:
        since = tracked.created_at - BEFORE_IT_WAS_MADE
        for pause in pauses():
            if not tracked.lacks_fills():
                return
            if self._venue.abilities.user_stream:
                await asyncio.sleep(pause)
                if not tracked.lacks_fills():
                    return
            try:
                fills = await self._venue.fills(tracked.spec.symbol, since)
            except AccessLost as error:
                self._reporter.lose_access(error)
            except ExchangeError:
                pass  # asked again
            else:
                await self._rates.learn(fills)
                self._reporter.report(self._desk.told(fills))
            if not tracked.lacks_fills():
                return
            await asyncio.sleep(pause)


def _named(tracked: TrackedOrder) -> str:
    return f"{tracked.spec.symbol} {tracked.client_id}"


__all__ = ["OrderSubmitter"]
