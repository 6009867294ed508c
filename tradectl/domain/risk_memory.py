"""What limits remember of the time before, as a part of the account.

Some limits are about more than the present: how many messages left lately, how often one thing was
done again, how a symbol's price has moved from day to day. What they need is folded from the events like
all else in the books, so that it outlives a restart and is the same in a replay. It is no more than the
limits look at: what they have no use for is forgotten, and where one is off nothing is kept. Times are
ns UTC.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from tradectl.domain.market_events import BarEvent, MarketDataEvent
from tradectl.domain.money import HUNDRED, ONE, ZERO
from tradectl.domain.orders import OrderSpec
from tradectl.domain.positions import Position

Window = tuple[int, int]
"""How many there may be, in how many ns."""

PriceRange = tuple[int, Decimal, Decimal]
"""When a part of a window began, the highest price in it, and the lowest."""

KEYS_KEPT = 1_000
PARTS = 10
"""Of a window: so exact is when it begins."""

DAILY_LOSS, DRAWDOWN, VOLATILITY = "DAILY_LOSS", "DRAWDOWN", "VOLATILITY"
COOLDOWN = "COOLDOWN"
PROFIT_LOCK = "PROFIT_LOCK"
"""Causes, by the names that they have in events."""

OR_RESUMED = ", or until resumed"
"""How the reason of a pause ends that is over by itself."""


class RiskMemory(Struct, omit_defaults=True):
    """`messages` are the times of the newest orders and cancels that left, `executions` those of the
    orders that were executed, by `execution_key`: oldest first, and first the one whose newest is oldest.

    `losing_trips` are the round trips in a row that lost money, `losing` is how much, and `opened` what a
    position's symbol had made before it was opened, after fees.

    `sizes` is what positions are scaled by, by its cause. `day_high` is the highest equity of the day,
    and `run_high` that of the run, which began with `run_start`, as far as two readings agree on it.

    `ranges` are the prices of the newest window, by symbol and in parts of it, and `volatile` since when
    a symbol is held because they moved too far.

    `closes` are the prices at the end of each day (UTC), by symbol: `day=price`, with a blank between
    them, oldest first. A text, because a year of many symbols is copied with each snapshot. `closed_at`
    is when the last ones were noted, and `priced` are the symbols that there was data of
    since then, in a snapshot.
    """

    messages: list[int] = []
    executions: dict[str, list[int]] = {}
    losing_trips: int = 0
    losing: Decimal = ZERO
    opened: dict[str, Decimal] = {}
    sizes: dict[str, Decimal] = {}
    day_high: Decimal = ZERO
    run_high: Decimal = ZERO
    run_start: Decimal = ZERO
    ranges: dict[str, list[PriceRange]] = {}
    volatile: dict[str, int] = {}
    closes: dict[str, str] = {}
    priced: tuple[str, ...] = ()
    closed_at: int = 0

    def copy(self) -> RiskMemory:
        return replace(
            self,
            messages=list(self.messages),
            executions={
                key: list(times) for key, times in sorted(self.executions.items(), key=_newest)
            },
            opened=dict(sorted(self.opened.items())),
            sizes=dict(sorted(self.sizes.items())),
            ranges={symbol: list(parts) for symbol, parts in sorted(self.ranges.items())},
            volatile=dict(sorted(self.volatile.items())),
            closes=dict(sorted(self.closes.items())),
        )

    def begin_anew(self) -> None:
        """A person has looked, and lets trading go on."""
        self.executions = {}
        self.losing_trips, self.losing = 0, ZERO
        self.day_high = self.run_high = self.run_start = ZERO

    def begin_run(self) -> None:
        """The profit of a run is its own."""
        self.run_high = self.run_start = ZERO

    # --- sizes ----------------------------------------------------------------------------------------

    def scale(self, cause: str, symbol: str, size: Decimal) -> None:
        key = f"{cause} {symbol}".strip()
        if size == ONE:
            self.sizes.pop(key, None)
        else:
            self.sizes[key] = size

    def size_by(self, cause: str, symbol: str = "") -> Decimal:
        """What positions are scaled by for this cause."""
        return self.sizes.get(f"{cause} {symbol}".strip(), ONE)

    def size_of(self, symbol: str) -> Decimal:
        """What a position in the symbol is scaled by at present, whatever the causes: the smaller of
        those by a loss, times that by its volatility."""
        if not self.sizes:
            return ONE
        by_loss = min(self.size_by(DAILY_LOSS), self.size_by(DRAWDOWN))
        return by_loss * self.size_by(VOLATILITY, symbol)

    # --- profits and losses ---------------------------------------------------------------------------

    def note_equity(self, before: Decimal, now: Decimal) -> None:
        """What two readings in a row have reached is a high; one print alone may be wrong."""
        agreed = min(before, now)
        self.day_high, self.run_high = max(self.day_high, agreed), max(self.run_high, agreed)
        if not self.run_start:
            self.run_start = now

    def shift(self, amount: Decimal) -> None:
        """Money was put in, or (below zero) taken out: that is no profit."""
        for name in ("day_high", "run_high", "run_start"):
            if known := getattr(self, name):
                setattr(self, name, known + amount)

    def note_trip(self, before: Position, after: Position, had: Decimal, has: Decimal) -> None:
        """A position has changed; it was worth trading as far as it `had` coins, and now `has`. A round
        trip begins with the first of them, and ends flat or on the other side."""
        symbol, made = after.symbol, after.realized - after.fees
        goes_on = had * has > 0
        if had and not goes_on:
            won = made - self.opened.pop(symbol, before.realized - before.fees)
            self.losing_trips = self.losing_trips + 1 if won < 0 else 0
            self.losing = self.losing - won if won < 0 else ZERO
        if has and not goes_on:
            self.opened[symbol] = made if had else before.realized - before.fees

    def forget_trips(self) -> None:
        self.losing_trips, self.losing = 0, ZERO

    # --- how far a price moves ------------------------------------------------------------------------

    def note_price(self, event: MarketDataEvent, at: int, window: int) -> None:
        """Into the parts of the newest window (ns): what is older is forgotten."""
        high, low, symbol = event.price, event.price, event.symbol
        if isinstance(event, BarEvent):
            high, low = event.high, event.low
        if low <= 0:
            return
        parts, part = self.ranges.setdefault(symbol, []), window // PARTS
        begins = at - at % part
        if not parts or parts[-1][0] < begins:
            parts.append((begins, high, low))
            while parts[0][0] <= begins - window:
                del parts[0]
        elif high > parts[-1][1] or low < parts[-1][2]:
            last = parts[-1]
            parts[-1] = last[0], max(last[1], high), min(last[2], low)

    def move_pct(self, symbol: str) -> Decimal:
        """From the lowest to the highest price of the window, in percent of the lowest."""
        parts = self.ranges.get(symbol)
        if not parts:
            return ZERO
        low = min(part[2] for part in parts)
        return (max(part[1] for part in parts) - low) / low * HUNDRED

    def note_volatile(self, symbol: str, at: int, *, restricted: bool) -> None:
        if restricted:
            self.volatile[symbol] = at
        else:
            self.volatile.pop(symbol, None)

    # --- how often ------------------------------------------------------------------------------------

    def note_message(self, at: int, window: Window) -> None:
        _note(self.messages, at, window)

    def note_execution(self, spec: OrderSpec, at: int, window: Window) -> None:
        executions, key = self.executions, execution_key(spec)
        known = executions.pop(key, None)
        if known is None and len(executions) >= KEYS_KEPT:
            _forget(executions, at - window[1])
        times = executions[key] = known or []
        _note(times, at, window)

    def repeated(self, spec: OrderSpec, at: int, window: Window) -> int:
        """How many orders like this one were executed within the window."""
        return lately(self.executions.get(execution_key(spec), []), at, window)


def _forget(executions: dict[str, list[int]], before: int) -> None:
    """Those whose newest is no later than that."""
    while executions:
        key, times = next(iter(executions.items()))
        if times[-1] > before:
            return
        del executions[key]


def _newest(execution: tuple[str, list[int]]) -> tuple[int, str]:
    key, times = execution
    return times[-1], key


def execution_key(spec: OrderSpec) -> str:
    """What makes two executions the same: who wanted them, of what, on which side."""
    return f"{spec.entered_by} {spec.side} {spec.symbol}"


def is_full(times: list[int], at: int, window: Window) -> bool:
    """One more would be too many."""
    most, length = window
    return len(times) >= most and at - times[-most] < length


def lately(times: list[int], at: int, window: Window) -> int:
    return sum(at - time < window[1] for time in times)


def _note(times: list[int], at: int, window: Window) -> None:
    times.append(at)
    if len(times) > window[0]:
        del times[0]


__all__ = [
    "COOLDOWN",
    "DAILY_LOSS",
    "DRAWDOWN",
    "OR_RESUMED",
    "PROFIT_LOCK",
    "VOLATILITY",
    "PriceRange",
    "RiskMemory",
    "Window",
    "execution_key",
    "is_full",
    "lately",
]
