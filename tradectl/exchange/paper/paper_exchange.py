"""The paper exchange: matching at the far end of a line that takes time.

A command needs half the latency to get there, and its answer the other half to come back; whatever
the jitter, each way keeps its order. A command on its way waits here, and arrives before any market
data of its moment or later, no matter whether the timer or the market calls first: every rhythm of
calls gives the same result. Without latency all happens at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from random import Random

from tradectl.domain.commands import CancelOrder, OutboundCommand
from tradectl.domain.events import BarEvent, Event, MarketDataEvent, OrderFilled, Record
from tradectl.domain.instruments import Instruments
from tradectl.domain.margin import HeldPerpetual
from tradectl.domain.orders import Order, OrderSpec, OrderStatus
from tradectl.domain.time import MILLISECOND
from tradectl.domain.views import AccountView
from tradectl.exchange.base import AT_ONCE, OpenOrder, Proof, Report
from tradectl.exchange.exchange_settings import PaperSettings
from tradectl.exchange.paper.funding_rates import NO_FUNDING, FundingRates
from tradectl.exchange.paper.matching_engine import MatchingEngine
from tradectl.exchange.paper.perpetuals import CHANGING, PaperPerpetuals
from tradectl.exchange.paper.price_bounds import NO_BOUND, Bound
from tradectl.exchange.paper.reports import rejection

NOTHING_IN_FLIGHT = 1 << 63


class PaperExchange:
    """An `Exchange` without money.

    It keeps no timers: `wake_at` gets each moment (ns) at which `wake` must be called. Without
    latency, or where market data never pauses for long, it may be left out. Where it is shown the
    account (`view`) its perpetuals pay funding by `rates`, and are liquidated. With
    `next_event` orders meet the market with the next event.
    """

    def __init__(
        self,
        settings: PaperSettings,
        instruments: Instruments,
        report: Report,
        seed: int,
        *,
        wake_at: Callable[[int], None] | None = None,
        view: AccountView | None = None,
        rates: FundingRates = NO_FUNDING,
        next_event: bool = False,
        name: str = "paper",
    ) -> None:
        self.name = name
        self._engine = MatchingEngine(settings, instruments, seed, next_event=next_event)
        self._report = report
        self._wake_at = wake_at
        self._to_exchange = _OneWayDelay(settings, f"there {seed}")
        self._to_us = _OneWayDelay(settings, f"back {seed}")
        self._in_flight: deque[tuple[int, OutboundCommand]] = deque()
        self._next_arrival = NOTHING_IN_FLIGHT
        self._ended = False
        self._perpetuals: PaperPerpetuals | None = None
        self._held: Mapping[str, HeldPerpetual] = {}
        self._bounds: Mapping[str, Bound] = {}
        self._marks: dict[str, Decimal] = {}
        if view is not None and instruments.any_perpetual:
            self._perpetuals = PaperPerpetuals(view, self._engine, rates, self._answer)
            self._held = self._perpetuals.held
            self._bounds, self._marks = self._perpetuals.bounds, self._perpetuals.marks

    @property
    def duplicates(self) -> int:
        """Submissions ignored because their order id had been seen."""
        return self._engine.duplicates

    def send(self, command: OutboundCommand, at: int) -> None:
        if self._to_exchange.is_instant or self._ended:
            self._deliver(command, at)
            return
        arrival = self._to_exchange.arrival(at)
        self._in_flight.append((arrival, command))
        self._next_arrival = self._in_flight[0][0]
        if self._wake_at is not None:
            self._wake_at(arrival)

    def wake(self, at: int) -> None:
        """Let every command arrive that is due at `at`."""
        while self._next_arrival <= at:
            arrival, command = self._in_flight.popleft()
            waiting = self._in_flight
            self._next_arrival = waiting[0][0] if waiting else NOTHING_IN_FLIGHT
            self._deliver(command, arrival)

    def on_market(self, event: MarketDataEvent, record: Record) -> None:
        """Market data in the order of its moments: a handler of the core, called for every tick."""
        at = record.at
        if self._next_arrival <= at:
            self.wake(at)
        was_held = False
        if self._held:
            was_held, price = True, event.price
            lowest, highest, due = self._bounds.get(event.symbol, NO_BOUND)
            if (
                at >= due
                or not lowest < price < highest
                or (event.__class__ is BarEvent and (event.low <= lowest or event.high >= highest))
            ):
                self._on_market_near(event, at)
                return
            self._marks[event.symbol] = price
        reports = self._engine.on_market(event, at)
        if reports:
            self._answer(reports, at)
            if self._perpetuals is not None and (was_held or event.symbol in self._held):
                self._perpetuals.after(event, at, was_held=was_held)

    def _on_market_near(self, event: MarketDataEvent, at: int) -> None:
        """Perpetuals are held, and what comes may concern them."""
        perpetuals, is_held = self._perpetuals, event.symbol in self._held
        assert perpetuals is not None
        if is_held:
            perpetuals.before(event, at)
        else:
            perpetuals.keep_from_coins(event.symbol, at)
        reports = self._engine.on_market(event, at)
        if reports:
            self._answer(reports, at)
        if is_held or (reports and event.symbol in self._held):
            perpetuals.after(event, at, was_held=is_held)

    def end_of_data(self) -> None:
        """No market data comes any more: the last of it is traded on, and what is on its way arrives."""
        self._ended = True
        self.wake(NOTHING_IN_FLIGHT - 1)
        self._engine.end_of_data()

    def booked(self, event: Event, _record: Record) -> None:
        """A report that changes the account has come to the books: a handler of the core."""
        if self._perpetuals is not None:
            self._perpetuals.booked(event)

    def restore(
        self, orders: Iterable[Order], positions: Mapping[str, Decimal] | None = None
    ) -> None:
        """Work again what the books hold to be working, and report at once what is not so.

        `positions`, signed quantities by symbol, is what reduce-only orders may reduce. Call this
        before the first order is sent.
        """
        reports = self._engine.restore(orders)
        if positions is not None:
            reports += self._engine.restore_positions(positions)
        if self._perpetuals is not None:
            self._perpetuals.restore()
        for report in reports:
            self._report(report, AT_ONCE)

    # --- past the core ----------------------------------------------------------------------------

    def cancel_all(self, at: int, *, keep_protection: bool) -> tuple[str, ...]:
        """Cancel what rests here, reduce-only stops aside with `keep_protection`; the order ids."""
        found = [o.spec for o in self._engine.working()]
        meant = [spec for spec in found if not (keep_protection and spec.is_protective)]
        for spec in meant:
            cancel = CancelOrder(spec.order_id, spec.symbol)
            self._answer(self._engine.cancel(cancel), at)
        return tuple(spec.order_id for spec in meant)

    def proof(self) -> Proof:
        held = self._engine.positions()
        return Proof(
            exchange=self.name,
            symbols=tuple(held),
            open_orders=tuple(
                OpenOrder(
                    o.spec.symbol,
                    o.spec.order_id,
                    o.venue_order_id,
                    OrderStatus.ACCEPTED,
                    protects=o.spec.is_protective,
                    side=o.spec.side,
                    quantity=o.left,
                    stop_price=o.spec.stop_price,
                )
                for o in self._engine.working()
            ),
            held=held,
        )

    def _deliver(self, command: OutboundCommand, at: int) -> None:
        if isinstance(command, CancelOrder):
            self._answer(self._engine.cancel(command), at)
        elif self._opens_a_lost_account(command.order.spec):
            self._answer([rejection(command.order.spec, "the account was liquidated")], at)
        else:
            reports = self._engine.submit(command, at)
            self._answer(reports, at)
            if self._perpetuals is not None and OrderFilled in map(type, reports):
                self._perpetuals.cover(command.order.spec.symbol, at)

    def _opens_a_lost_account(self, spec: OrderSpec) -> bool:
        """An order that was on its way when the account was liquidated."""
        is_lost = self._perpetuals is not None and self._perpetuals.is_lost
        return is_lost and not spec.reduce_only

    def _answer(self, reports: Sequence[Event], at: int) -> None:
        perpetuals = self._perpetuals
        for report in reports:
            if perpetuals is not None and isinstance(report, CHANGING):
                perpetuals.reported(report, at)
            self._report(report, self._to_us.arrival(at))


class _OneWayDelay:
    """One way between us and the exchange: half the latency, with a jitter that never reorders."""

    def __init__(self, settings: PaperSettings, seed: str) -> None:
        self._latency = settings.latency_ms * MILLISECOND // 2
        self._jitter = settings.latency_jitter_ms * MILLISECOND // 2
        self.is_instant = not self._latency and not self._jitter
        self._random = Random(seed)
        self._last = 0

    def arrival(self, at: int) -> int:
        """When what leaves at `at` arrives, ns."""
        due = at + self._latency
        if self._jitter:
            due += self._random.randrange(self._jitter + 1)
        self._last = max(due, self._last)
        return self._last


__all__ = ["PaperExchange"]
