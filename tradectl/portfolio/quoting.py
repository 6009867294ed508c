"""What rests is brought to what strategies want to rest, by the difference alone.

    kept       an order at a price, and of a tag, that is still wanted there, as far as all of it is
    cancelled  what is not wanted there any more, the newest first; and small pieces, to be placed as one
    placed     what is missing, once no more than is wanted can come of all that is there: what is being
               cancelled may still be filled, so its place is taken when it is gone

What is wanted is a folded wish, less what was filled of it (`state.resting_quotes`), so a restart after a
kill goes on with what rests; a run that ends in good order takes it away. Nothing new is placed on the
word of a run before: its strategy has to speak first.

Where only reductions go on (paused, reducing, a restricted symbol) what reduces the strategy's own
position rests, reduce-only; where nothing may, nothing is done here. Coins that a strategy does not have,
or that another order binds, are not offered; nor those that a stop is to have: what rests for them makes
way for it. Where a symbol's data is too old, or its position
is being closed by hand, its quotes go.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from decimal import Decimal

from tradectl.domain.events import (
    CancelRequested,
    Event,
    OrderFilled,
    OrderInitialized,
    OrderReport,
)
from tradectl.domain.instruments import Instrument
from tradectl.domain.money import ZERO, Side
from tradectl.domain.orders import Order, OrderSpec, OrderStatus, OrderType
from tradectl.domain.positions import leaving
from tradectl.domain.quotes import NO_QUOTES, Levels, QuoteLevel, QuoteSet, within
from tradectl.domain.states import TradingState
from tradectl.domain.views import AccountView
from tradectl.portfolio.position_delta import CANCELLABLE
from tradectl.portfolio.retries import RetryTimes

NAME = "portfolio"
SEVERAL = 2
"""Orders at a level."""
HALTING = (TradingState.FLATTENING, TradingState.HALTED)
WANTED, OUTDATED = "its strategy wants it to rest", "its strategy wants something else to rest"


class Quoting:
    """`allocations` names the strategies of the run, and none means that any may quote. Quotes go where
    the newest data is older than `stale_after` (ns), if that is given; `stops_bind` says how many of a
    spot position's coins its stops have or are to have."""

    def __init__(
        self,
        allocations: Mapping[str, Decimal],
        new_order_id: Callable[[], str],
        stops_bind: Callable[[str, AccountView], Decimal],
        *,
        stale_after: int | None = None,
    ) -> None:
        self._configured = allocations
        self._new_order_id = new_order_id
        self._stops_bind = stops_bind
        self.stale_after = stale_after
        self._spoken: set[tuple[str, str]] = set()
        """by symbol and strategy, in this run"""
        self._retries: dict[tuple[str, str], RetryTimes] = {}
        self._asked = _Asked()
        self._ended = False

    def heard(self, symbol: str, strategy: str) -> None:
        """It has spoken in this run: what it wants may be placed."""
        self._spoken.add((symbol, strategy))
        self._retries.pop((symbol, strategy), None)

    def denied(self, order_id: str, view: AccountView, at: int) -> None:
        """An order had no room: it is asked for again, each time later, or when its strategy speaks."""
        order = view.order(order_id)
        if order is not None and order.spec.tag:
            spec = order.spec
            retries = self._retries.setdefault((spec.symbol, spec.strategy), RetryTimes())
            retries.failed(_place(spec.side, spec.price, spec.tag), at)

    def end(self) -> None:
        """Nothing is placed any more."""
        self._ended = True

    def leave(self, view: AccountView) -> list[Event]:
        """The run ends: nobody looks after what rests. It is taken away, and placed again when the next
        run's strategies say so."""
        self._ended = True
        return [
            _cancel(order, "the run ends")
            for symbol in view.quoted()
            for order in view.working_in(symbol).quotes.values()
            if order.status in CANCELLABLE
        ]

    @staticmethod
    def concerned(event: OrderReport, view: AccountView) -> str | None:
        """Whose quotes what became of an order may change: everybody's (empty) where it binds what quotes
        would have, or leaves it to them, and where a stop or a target has closed what they were for;
        else those of the strategy whose quote it is, if it is one."""
        order, symbol = view.order(event.order_id), event.symbol
        reduces = view.trading_state.only_reduces or bool(view.restrictions(symbol))
        if order is None or reduces or not view.instrument(symbol).can_short:
            return ""
        if isinstance(event, OrderFilled) and (order.spec.is_stop_loss or order.spec.is_target):
            return ""
        return order.spec.strategy if order.spec.tag else None

    def bring_all(self, view: AccountView, at: int) -> list[Event]:
        return [event for symbol in view.quoted() for event in self.bring(symbol, view, at)]

    def bring(self, symbol: str, view: AccountView, at: int, strategy: str = "") -> list[Event]:
        """The cancels and orders that bring what rests in the symbol to what is wanted, by one strategy
        or by all."""
        if self._ended or view.trading_state in HALTING or symbol not in view.quoted():
            return []
        self._asked.begin(at)
        instrument, quotes = view.instrument(symbol), view.quotes(symbol)
        if strategy:
            quotes = {strategy: quotes[strategy]} if strategy in quotes else {}
        nothing = symbol in view.closing or self._is_stale(symbol, view, at)
        events: list[Event] = []
        for name, wish in quotes.items():
            is_of_run = not self._configured or name in self._configured
            wanted = wish if is_of_run and not nothing else NO_QUOTES
            for side in Side:
                events += self._bring_side(instrument, name, side, wanted, view, at)
        return events

    def _bring_side(
        self,
        instrument: Instrument,
        name: str,
        side: Side,
        wanted: QuoteSet,
        view: AccountView,
        at: int,
    ) -> list[Event]:
        symbol = instrument.symbol
        resting = self._resting(symbol, name, side, view)
        levels = wanted.on(side)
        if not (resting or levels):
            return []
        reduces = view.trading_state.only_reduces or bool(view.restrictions(symbol))
        if reduces or not (side is Side.BUY or instrument.can_short):
            levels = within(levels, self._closable(instrument, name, side, resting, view))
        going = [o for o in resting if reduces and not o.spec.reduce_only]
        due = self._due(symbol, name, side, levels, at)
        staying = [o for o in resting if o not in going]
        kept, missing = _kept_and_missing(levels, staying, due, instrument)
        there = _left(resting)
        events: list[Event] = []
        for order in resting:
            if order.spec.order_id not in kept and self._asked.to_cancel(order):
                events.append(_cancel(order, OUTDATED))
        room = sum((level.quantity for level in levels), ZERO) - there
        for level in missing:
            if (
                level.place not in due
                or level.quantity > room
                or not _is_tradable(level, instrument)
            ):
                continue
            room -= level.quantity
            for spec in self._orders(instrument, name, side, level, wanted, reduces=reduces):
                self._asked.place(spec)
                events.append(OrderInitialized(source_component=NAME, order=spec, reason=WANTED))
        return events

    def _due(
        self, symbol: str, name: str, side: Side, levels: Levels, at: int
    ) -> set[tuple[Decimal, str]]:
        """The places at which an order may be asked for now."""
        if (symbol, name) not in self._spoken:
            return set()
        retries = self._retries.get((symbol, name))
        places = (level.place for level in levels)
        return {p for p in places if retries is None or retries.is_due(_place(side, *p), at)}

    def _resting(self, symbol: str, name: str, side: Side, view: AccountView) -> list[Order]:
        """The oldest first, with those that were asked for in this very step."""
        known = view.working_in(symbol).quotes_of(name, side)
        return known + self._asked.placed(symbol, name, side, view)

    def _closable(
        self, instrument: Instrument, name: str, side: Side, resting: list[Order], view: AccountView
    ) -> Decimal:
        """How much may rest on that side where it may only reduce: of what the strategy holds, and the
        account, what no other order takes."""
        symbol, working = instrument.symbol, view.working_in(instrument.symbol)
        held = view.holdings(symbol).get(name)
        own = -side.signed(held.quantity) if held is not None else ZERO
        for order in working.on(side):
            own -= abs(order.coming_for(instrument.lot_size).get(name, ZERO))
        others = working.leaving(side) - _left(o for o in resting if o in working)
        others -= leaving(working.stops.values(), side)
        if not instrument.can_short:  # a perpetual's stop binds nothing
            others += self._stops_bind(symbol, view)
        return max(min(own, -side.signed(view.free(symbol)) - others), ZERO)

    def _orders(
        self,
        instrument: Instrument,
        name: str,
        side: Side,
        level: QuoteLevel,
        wanted: QuoteSet,
        *,
        reduces: bool,
    ) -> Iterable[OrderSpec]:
        """One, or as many as it takes where one may not have all of it."""
        left = instrument.floor_quantity(level.quantity)
        while left > 0:
            part = instrument.part(left, at_market=False)
            left -= part
            yield OrderSpec(
                order_id=self._new_order_id(),
                symbol=instrument.symbol,
                side=side,
                quantity=part,
                type=OrderType.LIMIT,
                price=level.price,
                post_only=wanted.post_only,
                reduce_only=reduces,
                strategy=name,
                tag=level.tag,
            )

    def _is_stale(self, symbol: str, view: AccountView, at: int) -> bool:
        if self.stale_after is None:
            return False
        newest = view.data_time(symbol)
        return newest is not None and newest > 0 and at - newest > self.stale_after


class _Asked:
    """What was asked for in this very step, and is not in the books yet."""

    def __init__(self) -> None:
        self._at = 0
        self._placed: dict[tuple[str, str, Side], list[OrderSpec]] = {}
        """by symbol, strategy and side"""
        self._cancelled: set[str] = set()

    def begin(self, at: int) -> None:
        """At another moment it is in the books, or was refused."""
        if at != self._at:
            self._at = at
            self._placed.clear()
            self._cancelled.clear()

    def place(self, spec: OrderSpec) -> None:
        self._placed.setdefault((spec.symbol, spec.strategy, spec.side), []).append(spec)

    def placed(self, symbol: str, name: str, side: Side, view: AccountView) -> list[Order]:
        """Of one side of a strategy, not yet judged, as if they were there."""
        asked = self._placed.pop((symbol, name, side), None)
        if asked is None:
            return []
        left = [spec for spec in asked if not _is_judged(spec, view)]
        if left:
            self._placed[symbol, name, side] = left
        return [Order(spec, self._at, self._at) for spec in left]

    def to_cancel(self, order: Order) -> bool:
        """It can be asked to be cancelled, and was not."""
        order_id = order.spec.order_id
        if order.status not in CANCELLABLE or order_id in self._cancelled:
            return False
        self._cancelled.add(order_id)
        return True


def _is_judged(spec: OrderSpec, view: AccountView) -> bool:
    known = view.order(spec.order_id)
    return known is not None and known.status is not OrderStatus.INITIALIZED


def _kept_and_missing(
    levels: Levels,
    resting: Iterable[Order],
    due: Container[tuple[Decimal, str]],
    instrument: Instrument,
) -> tuple[set[str], list[QuoteLevel]]:
    """The ids of the orders that stay, and what the levels lack beside them."""
    there: dict[tuple[Decimal | None, str], list[Order]] = {}
    for order in resting:
        if _stays(order):
            there.setdefault((order.spec.price, order.spec.tag), []).append(order)
    kept: set[str] = set()
    missing: list[QuoteLevel] = []
    for level in levels:
        left, staying = level.quantity, list[Order]()
        for order in there.get(level.place, ()):
            if order.remaining <= left:
                staying.append(order)
                left -= order.remaining
        if left > 0 and level.place in due:
            staying, left = _made_one(staying, left, level, instrument)
        kept.update(order.spec.order_id for order in staying)
        if left > 0:
            missing.append(QuoteLevel(level.price, left, level.tag))
    return kept, missing


def _made_one(
    orders: list[Order], left: Decimal, level: QuoteLevel, instrument: Instrument
) -> tuple[list[Order], Decimal]:
    """Where several rest at a level already, those that are no larger than what comes in their place go,
    the smallest first: so pieces double, and stay few. One of all that an order may have is no piece."""
    if len(orders) < SEVERAL:
        return orders, left
    whole = instrument.part(level.quantity, at_market=False)
    staying: list[Order] = []
    for order in sorted(orders, key=lambda order: order.remaining):
        if order.remaining > left or order.remaining >= whole or order.status not in CANCELLABLE:
            staying.append(order)
        else:
            left += order.remaining
    return staying, left


def _place(side: Side, price: Decimal | None, tag: str) -> str:
    return f"{side} {price} {tag}"


def _stays(order: Order) -> bool:
    """Nobody has asked to cancel it; one that is not in the books yet is on its way there."""
    return order.status in CANCELLABLE or not (order.is_working or order.is_over)


def _left(orders: Iterable[Order]) -> Decimal:
    return sum((order.remaining for order in orders), ZERO)


def _is_tradable(level: QuoteLevel, instrument: Instrument) -> bool:
    return not instrument.is_dust(level.quantity, level.price)


def _cancel(order: Order, reason: str) -> CancelRequested:
    spec = order.spec
    return CancelRequested(
        source_component=NAME, order_id=spec.order_id, symbol=spec.symbol, reason=reason
    )


__all__ = ["Quoting"]
