"""Trades as people are told of them: an order that traded, once it is over, and each day's summary.

An observer: it keeps positions of its own, from the fills that it hears, to say what was entered and what
an exit brought. What else changes a position (a liquidation, a trade by hand) is taken from the books.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from msgspec import Struct

from tradectl.bus.event_bus import EventBus
from tradectl.domain.errors import StateError
from tradectl.domain.events import (
    AccountReported,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    PositionLiquidated,
    Record,
)
from tradectl.domain.money import ZERO, money_text, plain
from tradectl.domain.positions import Position
from tradectl.domain.states import AlertSeverity
from tradectl.domain.text import counted, harmless
from tradectl.domain.time import SECOND, iso, local_day, zone
from tradectl.monitoring.account_days import AccountDays, DaySoFar
from tradectl.notification.notice import TRADES, Notice

if TYPE_CHECKING:
    from tradectl.state.books import Books

ENTRY, EXIT, DAY_SUMMARY = "trade_entry", "trade_exit", "day_summary"
KINDS = (OrderFilled, OrderCanceled, OrderExpired, PositionLiquidated, AccountReported)
MOST_OPEN = 1_000
"""Orders that have traded a part, and of which the rest is waited for."""

log = logging.getLogger("tradectl.alerts")


class Traded(Struct):
    """What an order has traded so far; `brought` is what it realised before fees, of one that had traded
    a part `before` anybody heard of it the rest of it."""

    symbol: str
    is_exit: bool
    side: str
    quantity: Decimal = ZERO
    cost: Decimal = ZERO
    fees: Decimal = ZERO
    brought: Decimal = ZERO
    before: bool = False


class TradeNotices:
    """`tell` gets a notice for each order that traded, and one for each day of the `time_zone`; `days`
    knows what came of it in runs before. One that `joins` a run that trades knows the day from there
    on."""

    name = "trade-notices"

    def __init__(
        self,
        bus: EventBus,
        books: Books,
        run_id: str,
        tell: Callable[[Notice], None],
        *,
        time_zone: str = "UTC",
        days: AccountDays | None = None,
        joins: bool = False,
    ) -> None:
        self._zone, self._past, self._joins = zone(time_zone), days, joins
        self._bus = bus
        self._books = books
        self._run_id = run_id
        self._tell = tell
        self._positions: dict[str, Position] = {}
        self._open: dict[str, Traded] = {}
        self._day = DaySoFar(local_day(0, self._zone))
        self._days: asyncio.Task[None] | None = None

    async def start(self) -> None:
        if self._days is None:
            await self._begin_day()
            self._positions = dict(self._books.account.positions)
            self._open = dict(self._begun())
            self._bus.observe(KINDS, self._on_record, name=self.name)
            self._days = asyncio.ensure_future(self._run_days())

    async def stop(self) -> None:
        if self._days is not None:
            self._tell_if_the_day_is_over()  # the run may be stopped just then
            for kind in KINDS:
                self._bus.unsubscribe(kind, self._on_record)
            self._days.cancel()
            await asyncio.gather(self._days, return_exceptions=True)
            self._days = None

    # --- orders --------------------------------------------------------------------------------------

    def _begun(self) -> Iterator[tuple[str, Traded]]:
        """Orders that work, and have traded a part before: in another run, or before this joined."""
        books = self._books
        for order in (*books.working_orders(), *books.working_children()):
            spec = order.spec
            if not order.filled or spec.plan is not None:
                continue  # what is worked by others is told by them
            position = self._positions.get(spec.symbol) or Position(spec.symbol)
            closes = bool(position.quantity) and spec.side is position.closing_side
            is_exit = spec.reduce_only or closes
            traded = Traded(spec.symbol, is_exit, spec.side.value, before=True)
            traded.quantity, traded.cost, traded.fees = order.filled, order.cost, order.fees
            yield spec.order_id, traded

    def _on_record(self, record: Record) -> None:
        event = record.event
        if isinstance(event, OrderFilled):
            self._filled(event)
            self._tell_if_over(event.order_id, record)
        elif isinstance(event, OrderCanceled | OrderExpired):
            self._tell_if_over(event.order_id, record)
        else:
            self._positions = dict(self._books.account.positions)

    def _filled(self, fill: OrderFilled) -> None:
        before = self._positions.get(fill.symbol) or Position(fill.symbol)
        after = before.after_fill(fill.side.signed(fill.quantity), fill.price, fill.fee)
        self._positions[fill.symbol] = after
        is_exit = before.quantity != 0 and fill.side is before.closing_side
        while len(self._open) >= MOST_OPEN:
            del self._open[next(iter(self._open))]
        traded = self._open.setdefault(fill.order_id, Traded(fill.symbol, is_exit, fill.side.value))
        traded.quantity += fill.quantity
        traded.cost += fill.quantity * fill.price
        traded.fees += fill.fee
        traded.brought += after.realized - before.realized
        self._day.fills += 1
        self._day.fees += fill.fee

    def _tell_if_over(self, order_id: str, record: Record) -> None:
        """The books are ahead: an order may be over there, with fills that are still to be heard."""
        traded, order = self._open.get(order_id), self._books.order(order_id)
        is_whole = order is None or (order.is_over and traded and traded.quantity >= order.filled)
        if traded is not None and is_whole:
            del self._open[order_id]
            kind = EXIT if traded.is_exit else ENTRY
            self._tell(self._notice(order_id, kind, self._words(traded), record.at))

    def _words(self, traded: Traded) -> str:
        what = "exit" if traded.is_exit else "entry"
        price = traded.cost / traded.quantity
        told = (
            f"{what}: {traded.side} {plain(traded.quantity)} {traded.symbol} at {price:.8g}, "
            f"fee {money_text(traded.fees)}"
        )
        if traded.is_exit:
            rest = " of the rest" if traded.before else ""
            told += f", profit{rest} {money_text(traded.brought)} before fees"
        left = (self._positions.get(traded.symbol) or Position(traded.symbol)).quantity
        return f"{told}; now {plain(left)}"

    # --- days ----------------------------------------------------------------------------------------

    async def _begin_day(self) -> None:
        """That in which the run begins, or goes on; before it the one is told whose end nobody saw."""
        now = self._bus.clock.now()
        day = local_day(now, self._zone)
        self._day = DaySoFar(day, self._books.profit(), since=now if self._joins else 0)
        if self._past is None:
            return
        try:
            left = await asyncio.to_thread(self._past.last_lived)
            if left >= day.begin:
                self._day = await asyncio.to_thread(self._past.so_far, day)
            elif left:
                over = await asyncio.to_thread(self._past.so_far, local_day(left, self._zone))
                self._tell_of_day(over, left)
        except StateError as error:
            log.warning("the day's summary begins with this run: %s", error)

    async def _run_days(self) -> None:
        clock = self._bus.clock
        while True:
            await clock.sleep(max(0, self._day.day.end - clock.now()) / SECOND)
            self._tell_if_the_day_is_over()

    def _tell_if_the_day_is_over(self) -> None:
        now = self._bus.clock.now()
        if now >= self._day.day.end:
            self._tell_of_day(self._day, now)
            self._day = DaySoFar(local_day(now, self._zone), self._books.profit())

    def _tell_of_day(self, over: DaySoFar, at: int) -> None:
        """Of one that is `over`, with what the account has come to."""
        name = over.day.name
        since = f" (since {iso(over.since)[:16]}Z)" if over.since else ""
        least = "" if over.whole else "at least "
        words = (
            f"{name}{since}: profit {money_text(self._books.profit() - over.before)}, "
            f"{least}{counted(over.fills, 'fill')}, fees {least}{money_text(over.fees)}, "
            f"equity {money_text(self._books.equity())}"
        )
        self._tell(self._notice(name, DAY_SUMMARY, words, at))

    def _notice(self, name: str, kind: str, words: str, at: int) -> Notice:
        return Notice(
            id=f"{self._run_id}-{name}",
            run_id=self._run_id,
            type=kind,
            severity=AlertSeverity.INFO,
            component="execution",
            message=harmless(words),
            created_at=at,
            updated_at=at,
            about=TRADES,
            listed=False,
        )


__all__ = ["TradeNotices"]
