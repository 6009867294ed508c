"""Round trips: what each trade brought, from flat to flat.

A round trip is of one strategy in one symbol, on the strategy's own virtual position: it begins when that
leaves zero and is over when it is zero again, however many fills that takes. Prices are averages. A fill
that turns a position around is split: one part ends a trip, the rest begins the next. The result is net
of fees and of funding. What is too small for its exchange to sell counts as flat, and the next trip
begins with it, at the price at which the last one ended.

Results add up: all trips, and what came while no trip was under way (`outside`), are to the last digit
what the virtual positions, and so the account, have gained. A position that a run began with is entered
at the mark that it began with, and what is still held at its end is worth its last mark.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import NamedTuple

from msgspec import Struct

from tradectl.domain.money import CENT_OF_A_SATOSHI, ZERO, less_exactly, plus_exactly
from tradectl.domain.positions import Position
from tradectl.domain.time import EPOCH, MICROSECOND

LONG, SHORT = "long", "short"


class Why(NamedTuple):
    """What a change of a position came from: in words, the signal (when it was given, and the time of the
    data that it was given at, ns; 0 where there was none), the order, and what the price was when it was
    asked for (None: not known)."""

    reason: str = ""
    signal_at: int = 0
    data_at: int = 0
    order_id: str = ""
    asked_at: Decimal | None = None


NOBODY = Why()


class RoundTrip(Struct, frozen=True, kw_only=True):
    """Quantities in coins, money in the account's currency, times in ns UTC.

    `entered` and `exited` are the coins that all entries and all exits traded, `entry_value` and
    `exit_value` what they were worth. `pnl` is net: `gross` less `fees`, less `slippage`, with `funding`
    (below zero where it was paid). `slippage` is what fills cost against the price when their order was
    asked for (a stop's or a resting limit's: against that price). `carried` trips were under way when the
    run began, and those that `is_open` when it ended: `closed_at` is then the end of the run.
    `entry_seq` and `exit_seq` are the records of the first fill and of the last, `signal_data_at` and
    `exit_data_at` the time of the data that their signals were given at (0: there were none).
    """

    strategy: str
    symbol: str
    side: str
    entered: Decimal
    entry_value: Decimal
    exited: Decimal
    exit_value: Decimal
    held: Decimal
    mark: Decimal
    pnl: Decimal
    fees: Decimal
    slippage: Decimal
    funding: Decimal
    opened_at: int
    closed_at: int
    signal_at: int
    signal_data_at: int
    exit_data_at: int
    entry_seq: int
    exit_seq: int
    entry_reason: str
    exit_reason: str
    entry_order: str
    exit_order: str
    carried: bool = False
    is_open: bool = False

    @property
    def entry_price(self) -> Decimal:
        """The average."""
        return self.entry_value / self.entered if self.entered else ZERO

    @property
    def exit_price(self) -> Decimal:
        """The average; of what is still held, the mark."""
        exited = self.exited + abs(self.held)
        value = self.exit_value + abs(self.held) * self.mark
        return value / exited if exited else ZERO

    @property
    def gross(self) -> Decimal:
        """What prices alone would have brought."""
        return self.pnl + self.fees + self.slippage - self.funding

    @property
    def return_(self) -> float:
        """The result as a share of what was entered: 0.01 is 1 %."""
        return float(self.pnl / self.entry_value) if self.entry_value else 0.0

    @property
    def opened(self) -> datetime:
        """UTC, to the microsecond."""
        return EPOCH + self.opened_at // 1000 * MICROSECOND

    @property
    def closed(self) -> datetime:
        """UTC, to the microsecond."""
        return EPOCH + self.closed_at // 1000 * MICROSECOND

    @property
    def duration(self) -> int:
        """ns."""
        return self.closed_at - self.opened_at


class _Trip:
    """One under way."""

    __slots__ = (
        "carried", "cash_flow", "entered", "entry_value", "exit", "exit_seq", "exit_value", "exited",
        "fees", "funding", "is_long", "opened_at", "seq", "slippage", "why",
    )  # fmt: skip

    def __init__(self, quantity: Decimal, at: int, seq: int, why: Why, *, carried: bool) -> None:
        self.is_long = quantity > 0
        self.opened_at, self.seq, self.why, self.carried = at, seq, why, carried
        self.exit, self.exit_seq = NOBODY, 0
        self.entered = self.entry_value = self.exited = self.exit_value = ZERO
        self.cash_flow = self.fees = self.slippage = self.funding = ZERO

    def add(self, signed: Decimal, price: Decimal, cash_flow: Decimal, fee: Decimal) -> None:
        self.cash_flow = plus_exactly(self.cash_flow, cash_flow)
        self.fees = plus_exactly(self.fees, fee)
        size = abs(signed)
        if (signed > 0) == self.is_long:
            self.entered += size
            self.entry_value = plus_exactly(self.entry_value, size * price)
        else:
            self.exited += size
            self.exit_value = plus_exactly(self.exit_value, size * price)


OnTrip = Callable[[RoundTrip], None]
"""Told of each that is over."""


class TripBook:
    """Hears of every change of the virtual positions, and tells `finished` of each trip that is over.

    `is_flat` says of a symbol, a quantity and a price whether that is as good as nothing.
    """

    def __init__(
        self,
        finished: OnTrip,
        is_flat: Callable[[str, Decimal, Decimal], bool],
    ) -> None:
        self._finished = finished
        self._is_flat = is_flat
        self._under_way: dict[tuple[str, str], _Trip] = {}
        self._dust: dict[tuple[str, str], tuple[Decimal, Decimal]] = {}
        """quantity, and the price that it was last counted at"""
        self.outside: dict[tuple[str, str], Decimal] = {}
        """what came while no trip was under way, by strategy and symbol"""

    def under_way(self) -> Iterator[tuple[str, str, int]]:
        """Strategy, symbol, and the record of the first fill; 0 where the run began with it."""
        for (strategy, symbol), trip in self._under_way.items():
            yield strategy, symbol, trip.seq

    def begin(self, strategy: str, symbol: str, quantity: Decimal, mark: Decimal, at: int) -> None:
        """The run began with it."""
        if self._is_flat(symbol, quantity, mark):
            self._dust[strategy, symbol] = quantity, mark
        elif quantity:
            self._open((strategy, symbol), quantity, mark, at, 0, NOBODY, carried=True)

    def _open(
        self,
        key: tuple[str, str],
        quantity: Decimal,
        price: Decimal,
        at: int,
        seq: int,
        why: Why,
        *,
        carried: bool = False,
        fee: Decimal = ZERO,
    ) -> _Trip:
        trip = self._under_way[key] = _Trip(quantity, at, seq, why, carried=carried)
        trip.add(quantity, price, -quantity * price, fee)
        return trip

    def moved(
        self,
        strategy: str,
        before: Position,
        after: Position,
        price: Decimal,
        at: int,
        seq: int,
        why: Why,
    ) -> None:
        """A virtual position became another one, at `price`, by record `seq`."""
        key, fee = (strategy, after.symbol), after.fees - before.fees
        signed = after.quantity - before.quantity
        if not signed:
            self._paid(key, -fee, fee)
            return
        cash_flow = after.cash_flow - before.cash_flow
        turned = before.quantity * after.quantity < 0
        trip = self._under_way.get(key)
        if trip is None and before.quantity and abs(after.quantity) < abs(before.quantity):
            self._swept(key, before.quantity, after.quantity, price, cash_flow - fee)
            return
        if trip is None:
            trip = self._begun_on_dust(key, before.quantity, signed, price, at, seq, why)
            turned = False
        if turned:
            closing = -before.quantity
            part = (fee * closing / signed).quantize(CENT_OF_A_SATOSHI, ROUND_HALF_EVEN)
            flow = before.quantity * price
            self._traded(trip, closing, price, flow, part, seq, why)
            self._over(key, trip, ZERO, price, at)
            signed, cash_flow, fee = (
                after.quantity, less_exactly(cash_flow, flow), less_exactly(fee, part),
            )  # fmt: skip
            trip = self._under_way[key] = _Trip(signed, at, seq, why, carried=False)
        self._traded(trip, signed, price, cash_flow, fee, seq, why)
        left, reduces = after.quantity, (signed > 0) != trip.is_long
        if not left or (reduces and self._is_flat(key[1], left, price)):
            self._over(key, trip, left, price, at)

    def _swept(
        self, key: tuple[str, str], had: Decimal, left: Decimal, price: Decimal, got: Decimal
    ) -> None:
        """Leftovers were sold: no trip is made of them."""
        quantity, left_at = self._dust.pop(key, (had, price))
        self._paid(key, got + left * price - quantity * left_at, None)
        if left:
            self._dust[key] = left, price

    def _begun_on_dust(
        self,
        key: tuple[str, str],
        had: Decimal,
        signed: Decimal,
        price: Decimal,
        at: int,
        seq: int,
        why: Why,
    ) -> _Trip:
        """A new trip; what was left over from the last one comes with it, at the price it was left at."""
        quantity, left_at = self._dust.pop(key, (ZERO, price))
        trip = self._under_way[key] = _Trip(had + signed or signed, at, seq, why, carried=False)
        if quantity:
            trip.add(quantity, left_at, -quantity * left_at, ZERO)
        return trip

    def _traded(
        self,
        trip: _Trip,
        signed: Decimal,
        price: Decimal,
        cash_flow: Decimal,
        fee: Decimal,
        seq: int,
        why: Why,
    ) -> None:
        trip.add(signed, price, cash_flow, fee)
        if why.asked_at is not None:
            trip.slippage = plus_exactly(trip.slippage, signed * (price - why.asked_at))
        if (signed > 0) != trip.is_long:
            trip.exit, trip.exit_seq = why, seq

    def funded(self, strategy: str, symbol: str, amount: Decimal) -> None:
        """Income (+) or cost of holding it, of no fill."""
        self._paid((strategy, symbol), amount, None)

    def _paid(self, key: tuple[str, str], amount: Decimal, fee: Decimal | None) -> None:
        trip = self._under_way.get(key)
        if trip is None:
            self.outside[key] = plus_exactly(self.outside.get(key, ZERO), amount)
        elif fee is not None:
            trip.fees = plus_exactly(trip.fees, fee)
        else:
            trip.funding = plus_exactly(trip.funding, amount)

    def _over(
        self, key: tuple[str, str], trip: _Trip, left: Decimal, price: Decimal, at: int
    ) -> None:
        del self._under_way[key]
        if left:
            self._dust[key] = left, price
        self._finished(_as_trip(key, trip, left, price, at, is_open=False))

    def end(
        self, held: Callable[[str, str], Decimal], mark: Callable[[str], Decimal], at: int
    ) -> list[RoundTrip]:
        """The run is over: trips that are still under way, at their last mark. What is `held` of them is
        asked for by strategy and symbol. Leftovers gained or lost outside of any trip."""
        for (strategy, symbol), (quantity, left_at) in self._dust.items():
            gained = quantity * (mark(symbol) - left_at)
            self._paid((strategy, symbol), gained, None)
        return [
            _as_trip(key, trip, held(*key), mark(key[1]), at, is_open=True)
            for key, trip in self._under_way.items()
        ]


def _as_trip(
    key: tuple[str, str], trip: _Trip, held: Decimal, mark: Decimal, at: int, *, is_open: bool
) -> RoundTrip:
    worth = plus_exactly(trip.cash_flow, held * mark)
    pnl = plus_exactly(less_exactly(worth, trip.fees), trip.funding)
    return RoundTrip(
        strategy=key[0],
        symbol=key[1],
        side=LONG if trip.is_long else SHORT,
        entered=trip.entered,
        entry_value=trip.entry_value,
        exited=trip.exited,
        exit_value=trip.exit_value,
        held=held,
        mark=mark,
        pnl=pnl,
        fees=trip.fees,
        slippage=trip.slippage,
        funding=trip.funding,
        opened_at=trip.opened_at,
        closed_at=at,
        signal_at=trip.why.signal_at,
        signal_data_at=trip.why.data_at,
        exit_data_at=trip.exit.data_at,
        entry_seq=trip.seq,
        exit_seq=trip.exit_seq,
        entry_reason=trip.why.reason,
        exit_reason=trip.exit.reason,
        entry_order=trip.why.order_id,
        exit_order=trip.exit.order_id,
        carried=trip.carried,
        is_open=is_open,
    )


def by_strategy(holdings: Mapping[str, Mapping[str, Position]]) -> dict[tuple[str, str], Position]:
    """The virtual positions of an account, by strategy and symbol."""
    return {
        (strategy, symbol): position
        for symbol, held in holdings.items()
        for strategy, position in held.items()
    }


__all__ = ["LONG", "NOBODY", "SHORT", "OnTrip", "RoundTrip", "TripBook", "Why", "by_strategy"]
