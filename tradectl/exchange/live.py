"""A real exchange: orders go out once, and what became of them is found out, however long it takes.

    intent durable -> tracked -> last look -> sent -> answered
                                               `--> no answer that can be believed: UNKNOWN
                                                     asked for by its client order id, again and again,
                                                     until the venue has told; never sent again

Nothing here waits for anything else: each order, the user stream, the reconciliation and the dead-man
switch are tasks of their own, and all that they find out is reported as inputs to the core.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from tradectl.domain.commands import CancelOrder, OutboundCommand, SubmitOrder
from tradectl.domain.errors import (
    AccessLost,
    ExchangeError,
    NotNow,
    OutcomeUnknown,
    Refused,
)
from tradectl.domain.events import Event, HoldEvent, HoldKind, RiskEvent, SystemEvent
from tradectl.domain.instruments import Instruments
from tradectl.domain.orders import Order, OrderStatus
from tradectl.domain.text import harmless
from tradectl.domain.time import SECOND
from tradectl.exchange.base import AT_ONCE
from tradectl.exchange.order_desk import OrderDesk, Reports, Tracked
from tradectl.exchange.reconciler import Reconciler
from tradectl.exchange.settings import ExchangeSettings
from tradectl.exchange.venue import Venue, VenueFill, VenueOrder

OLDEST_INTENT_S = 5.0
"""An order that could not leave for so long is of another market: it is not sent."""
DRAIN_S, LOOKED_IN_S = 3.0, 0.3
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0
ASKED_AT_LEAST = 3
STOOD_STILL_S = 5.0
BEAT_S = 0.5
GOOD_AFTER_S = 30.0
UNSETTLED_S = 0.5
LARGEST_SKEW_S = 1.0

Post = Callable[[Event, int], None]
LastLook = Callable[[SubmitOrder], str]
"""Why an order must not leave after all, asked in the last moment; empty when it may."""


def may_always(_command: SubmitOrder) -> str:
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
        last_look: LastLook = may_always,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = settings.prefix
        self.venue = venue
        self.symbols = tuple(symbols)
        self.desk = OrderDesk(self.name, account_id, instruments, known, self._worth)
        self.last_look = last_look
        self._settings = settings
        self._post = post
        self._now = now
        self._monotonic = monotonic
        self._unsettled = unsettled
        self._rates: dict[tuple[str, str], Decimal] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._in_flight: set[asyncio.Task[None]] = set()
        self._beat_at = monotonic()
        self._kicked = asyncio.Event()
        self._stopping = False
        self._drain_s = DRAIN_S
        self._arms = self._disarms = True
        self._troubles: set[str] = set()
        self.reconciler = Reconciler(
            venue, self.desk, settings, self.symbols, instruments, self._say, post
        )

    # --- the Exchange ---------------------------------------------------------------------------------

    def send(self, command: OutboundCommand, at: int) -> None:
        if isinstance(command, CancelOrder):
            self._go(self._cancel(command.order_id))
            return
        tracked = self.desk.track(command.order.spec, command.order.created_at)
        if tracked is not None:
            self.reconciler.touched()
            self._go(self._submit(command, tracked))

    def restore(self, orders: Iterable[Order], positions: Mapping[str, Decimal]) -> None:
        """Ask for every order that the books hold to be working; those being cancelled are again."""
        self.reconciler.since = self._now()
        self.hold_all("orders, fills and positions are being compared")
        for order in orders:
            tracked = self.desk.restore(order)
            if not order.is_working:
                continue
            self.reconciler.since = min(self.reconciler.since, order.created_at)
            tracked.cancel_wanted = order.status is OrderStatus.PENDING_CANCEL
            if tracked.cancel_wanted and not tracked.doubted:
                self._go(self._cancel(order.spec.order_id))
            else:
                self._go(self._resolve(tracked))

    # --- life -----------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Start what goes on beside the orders."""
        self._beat_at = self._monotonic()
        self._background(self._listen())
        self._background(self._reconcile_for_ever())
        self._background(self._beat())
        self._background(self._watch_clock())
        if self._has_dead_man:
            self._background(self._keep_dead_man_armed(self._settings.dead_man_seconds))

    async def quiesce(self) -> None:
        """Let what is on its way be answered, for a while; what is not stays unknown in the books."""
        self._stopping = True
        if self._in_flight:
            await asyncio.wait([*self._in_flight], timeout=self._drain_s)
        tasks = [*self._tasks, *self._in_flight]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def stop(self) -> None:
        """Who ends a run on purpose leaves what rests at the exchange on purpose: the switch is off."""
        await self.quiesce()
        if self._has_dead_man and self._disarms:
            with contextlib.suppress(ExchangeError, TimeoutError):  # it then fires: the safe side
                await asyncio.wait_for(self.venue.arm_dead_man(self.symbols, 0), DRAIN_S)

    def look_in(self) -> None:
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

    @property
    def troubles(self) -> list[str]:
        """What does not work at present, by kind; told as events when it began."""
        return sorted(self._troubles)

    def kick(self) -> None:
        """Reconcile now."""
        self._kicked.set()

    def hold_all(self, why: str) -> None:
        for symbol in self.symbols:
            kind = HoldKind.UNRECONCILED
            message = f"{self.name}: {why}"
            hold = HoldEvent(source_component=self.name, symbol=symbol, kind=kind, message=message)
            self._post(hold, AT_ONCE)

    # --- an order's way -------------------------------------------------------------------------------

    async def _submit(self, command: SubmitOrder, tracked: Tracked) -> None:
        spec = tracked.spec
        sent = False

        def may_go() -> None:
            nonlocal sent
            why_not = self._why_not(command, tracked)
            if why_not:
                raise Refused(why_not)
            sent = True

        try:
            order = await self.venue.submit(spec, tracked.client_id, may_go)
        except (Refused, NotNow) as error:
            self._report(self.desk.refused(tracked, str(error)))
        except AccessLost as error:
            self._report(self.desk.refused(tracked, str(error)))
            self._lose_access(error)
        except OutcomeUnknown as error:
            await self._doubt(tracked, str(error))
        except asyncio.CancelledError:
            if sent:
                self._report(self.desk.lost(tracked, "the run ended before an answer came"))
            else:
                self._report(self.desk.refused(tracked, "not sent: the run was ending"))
            raise
        except Exception as error:  # whatever broke, the order may have got through
            await self._doubt(tracked, harmless(f"{type(error).__name__}: {error}"))
        else:
            self._report(self.desk.told([order]))
            await self._fetch_fills(tracked)

    def _why_not(self, command: SubmitOrder, tracked: Tracked) -> str:
        why = self.last_look(command)
        if why:
            return why
        if tracked.cancel_wanted:
            return "not sent: it was cancelled before"
        age = (self._now() - tracked.created_at) / SECOND
        if age > OLDEST_INTENT_S and not command.order.spec.reduce_only:
            return f"not sent: the intent is {age:.1f} s old"
        if self._monotonic() - self._beat_at > STOOD_STILL_S:
            return "not sent: this process stood still, and what it knows is old"
        return ""

    async def _doubt(self, tracked: Tracked, reason: str) -> None:
        lost = self.desk.lost(tracked, reason)
        if lost:
            self._report(lost)
            self._say("order_unknown", f"{tracked.spec.symbol} {tracked.client_id}: {reason}")
        await self._resolve(tracked)

    async def _resolve(self, tracked: Tracked) -> None:
        """Ask for an order until the venue has told what became of it."""
        denied_since, denials = 0.0, 0
        for pause in _pauses():
            try:
                found = await self.venue.find(
                    tracked.spec.symbol, tracked.client_id, tracked.venue_id
                )
            except AccessLost as error:
                self._lose_access(error)
            except ExchangeError:
                denials = 0  # no word at all is no denial
            else:
                if found is not None:
                    self._report(self.desk.told([found]))
                    if tracked.cancel_wanted and not tracked.over:
                        await self._cancel(tracked.spec.order_id)
                    await self._fetch_fills(tracked)
                    return
                denied_since = self._monotonic() if not denials else denied_since
                denials += 1
                long_enough = self._monotonic() - denied_since >= self._settings.not_found_seconds
                if denials >= ASKED_AT_LEAST and long_enough:
                    self._report(self.desk.denied(tracked, "the exchange denies to know it"))
                    return
            if tracked.over:
                return
            await asyncio.sleep(pause)

    async def _cancel(self, order_id: str) -> None:
        """Cancel until it is over: asking again can do no harm."""
        tracked = self.desk.get(order_id)
        if tracked is None or (tracked.over and not tracked.venue_id):
            return
        tracked.cancel_wanted = True
        for pause in _pauses():
            if not tracked.answered or tracked.doubted:
                await asyncio.sleep(FIRST_PAUSE_S)  # who waits for its fate cancels it then
                if tracked.doubted or tracked.over:
                    return
                continue
            if await self._try_to_cancel(tracked):
                await self._fetch_fills(tracked)
                return
            await asyncio.sleep(pause)

    async def _try_to_cancel(self, tracked: Tracked) -> bool:
        """True once it is known to be over."""
        spec = tracked.spec
        try:
            order = await self.venue.cancel(spec.symbol, tracked.client_id, tracked.venue_id)
            if order is None or order.status in (
                OrderStatus.ACCEPTED,
                OrderStatus.PARTIALLY_FILLED,
            ):
                order = await self.venue.find(spec.symbol, tracked.client_id, tracked.venue_id)
        except AccessLost as error:
            self._lose_access(error)
            return False
        except ExchangeError as error:
            self._say("cancel_failed", f"{spec.symbol} {tracked.client_id}: {error}")
            return False
        if order is None:
            await self._resolve(tracked)
            return True
        self._report(self.desk.told([order]))
        return tracked.over or tracked.ending is not None or tracked.lacks_fills()

    async def _fetch_fills(self, tracked: Tracked) -> None:
        """Ask for the fills that the venue has counted and not yet told, unless the stream is faster."""
        if tracked.fetching:
            return
        tracked.fetching = True
        try:
            await self._fetch_until_told(tracked)
        finally:
            tracked.fetching = False

    async def _fetch_until_told(self, tracked: Tracked) -> None:
        if not tracked.lacks_fills():
            return
        for pause in _pauses():
            if self.venue.abilities.user_stream:
                await asyncio.sleep(pause)
                if not tracked.lacks_fills():
                    return
            try:
                fills = await self.venue.fills(
                    tracked.spec.symbol, tracked.created_at - 60 * SECOND
                )
            except AccessLost as error:
                self._lose_access(error)
            except ExchangeError:
                pass  # asked again
            else:
                await self._know_rates(fills, tracked.spec.symbol)
                self._report(self.desk.told(fills))
            if not tracked.lacks_fills():
                return
            await asyncio.sleep(pause)

    # --- what goes on beside --------------------------------------------------------------------------

    async def _listen(self) -> None:
        """Follow the user stream; after every loss of it, find out what was missed."""
        if not self.venue.abilities.user_stream:
            return
        pause = FIRST_PAUSE_S
        while True:
            began = self._monotonic()
            try:
                await self.venue.listen(self._on_words)
                return
            except AccessLost as error:
                self._lose_access(error)
            except ExchangeError as error:
                if self._trouble("user_stream_lost", str(error)):
                    self.hold_all(
                        "the account's news was lost: orders and fills are being compared"
                    )
            self.kick()
            await asyncio.sleep(pause)
            held = self._monotonic() - began > GOOD_AFTER_S
            pause = FIRST_PAUSE_S if held else min(pause * 2, LONGEST_PAUSE_S)

    def _on_words(self, words: Sequence[VenueOrder | VenueFill]) -> None:
        if self._recovered("user_stream_lost"):
            self.kick()
        unpriced = [w for w in words if isinstance(w, VenueFill) and self._lacks_rate(w)]
        if unpriced:
            self._go(self._take_later(words, unpriced))
        else:
            self._take(words)

    async def _take_later(
        self, words: Sequence[VenueOrder | VenueFill], unpriced: Sequence[VenueFill]
    ) -> None:
        await self._know_rates(unpriced, unpriced[0].symbol)
        self._take(words)

    def _take(self, words: Sequence[VenueOrder | VenueFill]) -> None:
        self._report(self.desk.told(words))
        for word in words:
            tracked = self.desk.find(word.client_order_id, word.venue_order_id)
            if tracked is not None and tracked.lacks_fills():
                self._go(self._fetch_fills(tracked))

    async def _reconcile_for_ever(self) -> None:
        """At its pace; sooner, then ever later, while the last comparison left something in question: a
        difference that stays must not use up the rate limit."""
        soon = _pauses(UNSETTLED_S)
        while True:
            self._kicked.clear()
            await self.reconcile()
            wait = self._settings.reconcile_seconds
            if self._unsettled(self.symbols):
                wait = min(wait, next(soon))
            else:
                soon = _pauses(UNSETTLED_S)
                if not self.venue.abilities.user_stream and self.desk.working():
                    wait = min(wait, self._settings.poll_seconds)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._kicked.wait()

    async def reconcile(self, *, accept: bool = False) -> bool:
        """Compare once; what is wrong is reported. False when the venue could not be asked."""
        try:
            zombies = await self.reconciler.compare(self._know_rates, accept=accept)
        except AccessLost as error:
            self._lose_access(error)
            return False
        except ExchangeError as error:
            self._trouble("reconcile_failed", str(error))
            return False
        self._recovered("reconcile_failed")
        for tracked in self.reconciler.missing():
            self._go(self._resolve(tracked))
        for tracked in self.desk.disowned():
            self._go(self._look_again(tracked))
        if accept:
            await self._take_denials()
        for tracked in zombies:
            self._say(
                "order_revived", f"{tracked.client_id} was over for us and is open: cancelling"
            )
            self._go(self._cancel(tracked.spec.order_id))
        return True

    async def _look_again(self, tracked: Tracked) -> None:
        """It was denied, and given up; the fills that nobody else's order explains may be its own."""
        with contextlib.suppress(ExchangeError):  # the next comparison asks again
            found = await self.venue.find(tracked.spec.symbol, tracked.client_id, tracked.venue_id)
            if found is not None:
                self._report(self.desk.told([found]))
                await self._fetch_fills(tracked)

    async def _take_denials(self) -> None:
        """The operator takes the venue's word: what it denies to know now does not exist."""
        for tracked in [tracked for tracked in self.desk.working() if tracked.doubted]:
            with contextlib.suppress(ExchangeError):  # it stays unknown then
                found = await self.venue.find(
                    tracked.spec.symbol, tracked.client_id, tracked.venue_id
                )
                words = self.desk.told([found]) if found is not None else None
                denied = "taken not to exist, by the operator's word"
                self._report(words if words is not None else self.desk.denied(tracked, denied))

    async def cancel_others(self, *, everything: bool) -> list[str]:
        """Cancel open orders that the books do not know: those with our tag, or those of anybody.

        Their client order ids, or the venue's where they have none. Raises ExchangeError.
        """
        cancelled = []
        for order in await self.venue.open_orders(() if everything else self.symbols):
            ours = self.desk.is_tagged(order.client_order_id)
            tracked = self.desk.find(order.client_order_id, order.venue_order_id)
            known = tracked is not None and not tracked.over
            if not known and (ours or everything):
                await self.venue.cancel(order.symbol, order.client_order_id, order.venue_order_id)
                cancelled.append(order.client_order_id or order.venue_order_id)
        return cancelled

    async def cancel_ours(self) -> None:
        """Cancel every open order with our tag, reporting nothing: for an end without a core to tell.

        Raises ExchangeError for the first that could not be cancelled, when all were tried.
        """
        failed: ExchangeError | None = None
        for order in await self.venue.open_orders(self.symbols):
            if self.desk.is_tagged(order.client_order_id):
                try:
                    await self.venue.cancel(
                        order.symbol, order.client_order_id, order.venue_order_id
                    )
                except ExchangeError as error:
                    failed = failed or error
        if failed is not None:
            raise failed

    async def proof(self, *, everything: bool) -> tuple[list[str], dict[str, Decimal]]:
        """By the venue's own word: the orders that are open, ours or those of anybody, and what it
        holds of each symbol (signed quantity). Raises ExchangeError."""
        orders = await self.venue.open_orders(() if everything else self.symbols)
        holdings = await self.venue.holdings()
        left = [
            order.client_order_id or order.venue_order_id
            for order in orders
            if everything or self.desk.is_tagged(order.client_order_id)
        ]
        return left, {s: holdings.of(self.reconciler.instruments[s]) for s in self.symbols}

    async def _beat(self) -> None:
        """Notice that the process stood still (stopped, suspended): what it knows is old then."""
        while True:
            await asyncio.sleep(BEAT_S)
            now = self._monotonic()
            late, self._beat_at = now - self._beat_at - BEAT_S, now
            if late > STOOD_STILL_S:
                self.hold_all(f"this process stood still for {late:.0f} s")
                self.kick()

    async def _watch_clock(self) -> None:
        """Say when the venue's clock and ours have parted: what we ask for is refused then."""
        while True:
            try:
                offset = await self.venue.clock_offset()
            except Refused:
                return  # it does not tell its time
            except ExchangeError:
                pass  # asked again
            else:
                if abs(offset) > LARGEST_SKEW_S * SECOND:
                    told = (
                        f"its clock is {offset / SECOND:+.1f} s from this machine's: set that one"
                    )
                    self._trouble("clock_skew", told)
                else:
                    self._recovered("clock_skew")
            await asyncio.sleep(self._settings.reconcile_seconds)

    async def _keep_dead_man_armed(self, seconds: float) -> None:
        while True:
            try:
                async with asyncio.timeout(seconds / 2):
                    await self.venue.arm_dead_man(self.symbols, seconds)
                self._recovered("dead_man_failed")
            except AccessLost as error:
                self._lose_access(error)
            except (ExchangeError, TimeoutError) as error:
                self._trouble("dead_man_failed", f"{error or 'no answer in time'}")
            await asyncio.sleep(seconds / 4)

    # --- money of a third kind ------------------------------------------------------------------------

    def _worth(self, currency: str, quote: str) -> Decimal | None:
        return self._rates.get((currency, quote))

    def _lacks_rate(self, fill: VenueFill) -> bool:
        instrument = self.reconciler.instruments[fill.symbol]
        own = ("", instrument.quote, instrument.base)
        pair = (fill.fee_currency, instrument.quote)
        return fill.fee_currency not in own and pair not in self._rates

    async def _know_rates(self, fills: Sequence[VenueFill], symbol: str) -> None:
        """Learn what fees of a third currency are worth before they are booked."""
        quote = self.reconciler.instruments[symbol].quote
        for fill in fills:
            if self._lacks_rate(fill):
                try:
                    rate = await self.venue.price_of(fill.fee_currency, quote)
                except ExchangeError:
                    rate = None
                if rate is not None:
                    self._rates[fill.fee_currency, quote] = rate
                else:
                    self._trouble("fee_not_valued", f"a fee in {fill.fee_currency} has no price")

    # --- telling --------------------------------------------------------------------------------------

    def _report(self, reports: Reports) -> None:
        if reports:
            self.reconciler.touched()
        for report in reports:
            self._post(report, AT_ONCE)

    def _say(self, kind: str, message: str) -> None:
        event = SystemEvent(
            source_component=self.name,
            kind=kind,
            component=f"exchange:{self.name}",
            message=harmless(f"{self.name}: {message}"),
        )
        self._post(event, AT_ONCE)

    def _trouble(self, kind: str, message: str) -> bool:
        """Said once, until it is over; True when it was said."""
        if kind in self._troubles:
            return False
        self._troubles.add(kind)
        self._say(kind, message)
        return True

    def _recovered(self, kind: str) -> bool:
        """Say that a trouble is over, if there was one."""
        was_there = kind in self._troubles
        if was_there:
            self._troubles.discard(kind)
            self._say(f"{kind}_over", "it works again")
        return was_there

    def _lose_access(self, error: AccessLost) -> None:
        if "access_lost" not in self._troubles:
            self._troubles.add("access_lost")
            event = RiskEvent(
                source_component=self.name,
                code="ACCESS_LOST",
                message=harmless(f"{self.name}: {error}"),
                action="halt",
            )
            self._post(event, AT_ONCE)

    # --- tasks ----------------------------------------------------------------------------------------

    def _go(self, work: Coroutine[Any, Any, None]) -> None:
        """Something on its way to the venue or back, that an end waits for."""
        self._keep(asyncio.ensure_future(work), self._in_flight)

    def _background(self, work: Coroutine[Any, Any, None]) -> None:
        self._keep(asyncio.ensure_future(work), self._tasks)

    def _keep(self, task: asyncio.Task[None], among: set[asyncio.Task[None]]) -> None:
        among.add(task)
        task.add_done_callback(lambda done: self._ended(done, among))

    def _ended(self, task: asyncio.Task[None], among: set[asyncio.Task[None]]) -> None:
        among.discard(task)
        if task.cancelled() or self._stopping:
            return
        error = task.exception()
        if error is not None:  # a fault of ours: trading on without that task would be blind
            event = RiskEvent(
                source_component=self.name,
                code="EXCHANGE_TASK_FAILED",
                message=harmless(f"{self.name}: {type(error).__name__}: {error}"),
                action="halt",
            )
            self._post(event, AT_ONCE)


def _pauses(first: float = FIRST_PAUSE_S) -> Iterator[float]:
    """Seconds to wait before the next try, growing, for ever."""
    pause = first
    while True:
        yield pause
        pause = min(pause * 2, LONGEST_PAUSE_S)


__all__ = ["LastLook", "LiveExchange", "may_always"]
