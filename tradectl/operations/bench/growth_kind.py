"""What a row of growth is made of: sizes, what prepares one, and the rounds in which it is measured."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from tradectl.operations.bench.sized_system import SizedSystem, cpu_us

ORDERS = 200
EVENTS = 20_000
"""As many as lie between two checks of risk."""

Take = Callable[[], float]
"""One round: microseconds for each thing that is done."""


class Growth(NamedTuple):
    """`make` prepares a size, and gives its rounds."""

    what: str
    each: str
    sizes: tuple[int, ...]
    make: Callable[[int], Take]

    def quick_sizes(self) -> tuple[int, int]:
        """The smallest and the largest, a tenth of each; they differ, or nothing would be measured."""
        smallest, largest = (size // 10 or min(size, 1) for size in (self.sizes[0], self.sizes[-1]))
        return smallest, largest


def rising(made: SizedSystem, first: int) -> Take:
    """Of one symbol after the other a coin more is wanted, each time round."""
    symbols, bought = made.symbols, 0

    def buy() -> int:
        nonlocal bought
        filled = 0
        for _ in range(ORDERS):
            turn, which = divmod(bought, len(symbols))
            filled += made.want(symbols[which], first + turn + 1)
            bought += 1
        return as_many(filled, ORDERS)

    return partial(cpu_us, buy)


def passing(made: SizedSystem) -> Take:
    """Trades that concern no order."""

    def take() -> float:
        ticks = made.ticks(EVENTS)
        return cpu_us(lambda: as_many(len(made.system.apply(*ticks)), EVENTS))

    return take


def as_many(found: int, expected: int) -> int:
    if found < expected:
        raise RuntimeError(f"{found} of {expected} came about")
    return expected


__all__ = ["EVENTS", "ORDERS", "Growth", "Take", "as_many", "passing", "rising"]
