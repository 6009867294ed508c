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

from tradectl.domain.money import ZERO
from tradectl.domain.orders import OrderSpec

Window = tuple[int, int]
"""How many there may be, in how many ns."""

PriceRange = tuple[int, Decimal, Decimal]
"""When a part of a window began, the highest price in it, and the lowest."""

KEYS_KEPT = 1_000


class RiskMemory(Struct, omit_defaults=True):
    """`messages` are the times of the newest orders and cancels that left, `executions` those of the
    orders that were executed, by `execution_key`; oldest first.

    `losing_trips` are the round trips in a row that lost money, `losing` is how much, and `opened` what a
    position's symbol had made before it was opened, after fees.

    `sizes` is what positions are scaled by, by its cause. `day_high` is the highest equity of the day,
    and `run_high` that of the run, which began with `run_start`, as far as two readings agree on it.

    `ranges` are the prices of the newest window, by symbol and in parts of it, and `volatile` since when
    a symbol is held because they moved too far.

    `closes` are the prices at the end of each day (UTC), by symbol: `day=price`, with a blank between
    them, oldest first. A text, because a year of many symbols is copied with each snapshot. `closed_at`
    is when the last ones were noted.
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
    closed_at: int = 0

    def copy(self) -> RiskMemory:
        return replace(
            self,
            messages=list(self.messages),
            executions={key: list(times) for key, times in sorted(self.executions.items())},
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

    # --- how often ------------------------------------------------------------------------------------

    def note_message(self, at: int, window: Window) -> None:
        _note(self.messages, at, window)

    def note_execution(self, spec: OrderSpec, at: int, window: Window) -> None:
        executions, key = self.executions, execution_key(spec)
        if key not in executions and len(executions) >= KEYS_KEPT:
            begins = at - window[1]
            self.executions = executions = {k: t for k, t in executions.items() if t[-1] > begins}
        _note(executions.setdefault(key, []), at, window)

    def repeated(self, spec: OrderSpec, at: int, window: Window) -> int:
        """How many orders like this one were executed within the window."""
        return lately(self.executions.get(execution_key(spec), []), at, window)


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


__all__ = ["PriceRange", "RiskMemory", "Window", "execution_key", "is_full", "lately"]
