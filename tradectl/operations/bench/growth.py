"""What a thing costs when there is much of it: a cost that grows with what is not concerned is a fault.

Each row is one size; it is compared with the smallest of its kind, and the ratio is the slope. Sizes take
turns, and of their rounds the median counts, in time of the processor: the machine may be busy, the
ratios stand. An order is a trade, a signal, and all that follows up to the fill in the books. Strategies
are called one by one, so that what they cost grows with their number, and is told for each of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from functools import partial

from msgspec.structs import replace

from tradectl.domain.events import SignalAction
from tradectl.domain.instruments import InstrumentKind
from tradectl.domain.orders import BY_HAND
from tradectl.operations.bench.bench import Bench, medians
from tradectl.operations.bench.growth_beside import BESIDE
from tradectl.operations.bench.growth_kind import ORDERS, Growth, Take, as_many, passing, rising
from tradectl.operations.bench.sized_system import (
    PRICE,
    STEP,
    SizedSystem,
    cpu_us,
    garbage_as_in_a_run,
    resting_buys,
)
from tradectl.operations.bench.table import Row, at_most_times
from tradectl.strategy.configured import StrategyInstance

FLAT = at_most_times(1.25)
SPOT, PERPETUAL = InstrumentKind.SPOT, InstrumentKind.PERPETUAL


def measure(bench: Bench) -> Iterator[Row]:
    for growth in GROWTHS:
        sizes = growth.quick_sizes() if bench.quick else growth.sizes
        takes = [growth.make(size) for size in sizes]
        for take in [] if bench.quick else takes:
            take()  # to be warm
        with garbage_as_in_a_run():
            costs = medians(1 if bench.quick else 9, *takes)
        for size, cost in zip(sizes, costs, strict=True):
            yield Row(
                what=f"{growth.what.format(f'{size:,}')}: {growth.each}",
                value=cost,
                unit="us",
                against=growth.what.format(f"{sizes[0]:,}"),
                other=costs[0],
                goals=(FLAT,),
            )


# --- orders ---------------------------------------------------------------------------------------


def positions(kind: InstrumentKind, count: int) -> Take:
    """So many are held, and each is added to in turn."""
    return rising(SizedSystem(count, kind=kind, held=Decimal(1)), first=1)


def working_in_one_symbol(count: int) -> Take:
    """Buys rest far below, and more is bought at the market."""
    made = SizedSystem(1)
    resting = resting_buys(made.symbols, count, below=PRICE / 2)
    return rising(SizedSystem(1, resting=resting), first=count)


def by_hand_in_one_symbol(count: int) -> Take:
    """The same, and those that rest are the operator's: no strategy counts on them."""
    made = SizedSystem(1)
    resting = resting_buys(made.symbols, count, below=PRICE / 2, strategy=BY_HAND)
    return rising(SizedSystem(1, resting=resting), first=1)


def working_over_symbols(kind: InstrumentKind, count: int) -> Take:
    symbols = 500
    made = SizedSystem(symbols)
    resting = resting_buys(made.symbols, count, below=PRICE / 2)
    return rising(SizedSystem(symbols, kind=kind, resting=resting), first=count // symbols + 1)


def filled_in_parts(count: int) -> Take:
    """An order has had so many fills, each of a small part of it."""
    symbols = SizedSystem(1).symbols
    (buy,) = resting_buys(symbols, 1, below=PRICE / 2)
    made = SizedSystem(1, resting=[replace(buy, quantity=Decimal(100))])
    had = 0

    def fill(times: int) -> int:
        nonlocal had
        for _ in range(times):
            had += 1
            made.system.apply(made.part(buy, had))
        return times

    fill(count)
    return partial(cpu_us, partial(fill, ORDERS))


def flip(count: int) -> Take:
    """Buys rest, and then the strategy wants to be short: each of them is cancelled."""
    symbols = SizedSystem(1).symbols
    resting = resting_buys(symbols, count, below=PRICE / 2)

    def take() -> float:
        made = SizedSystem(1, kind=PERPETUAL, resting=resting)

        def sell() -> int:
            as_many(made.want(symbols[0], 10, SignalAction.SELL), 1)
            return count

        return cpu_us(sell)

    return take


# --- events ---------------------------------------------------------------------------------------


def symbols_entered_once(kind: InstrumentKind, count: int) -> Take:
    made = SizedSystem(count, kind=kind)
    for symbol in made.symbols:
        as_many(made.want(symbol, 1), 1)
    return passing(made)


def strategies(count: int) -> Take:
    """Averages that are kept and compared, and never cross: the microseconds for each strategy."""
    cross = StrategyInstance(
        "cross", "ema-cross", parameters={"fast": 2, "slow": 11, "band_bps": 9000.0}
    )
    named = tuple(replace(cross, name=f"cross-{n}") for n in range(count))
    take = passing(SizedSystem(1, strategies=named))
    return lambda: take() / count


def resting_far_away(count: int) -> Take:
    symbols = SizedSystem(1).symbols
    return passing(SizedSystem(1, resting=resting_buys(symbols, count, below=PRICE / 2)))


def resting_reached_one_by_one(count: int) -> Take:
    """Each trade goes through one more of them."""
    symbols = SizedSystem(1).symbols
    made = SizedSystem(1, resting=resting_buys(symbols, count))
    reached = 0

    def take() -> float:
        nonlocal reached
        few = min(ORDERS, count // 12)
        prices = [PRICE - (reached + n + 1) * STEP - STEP / 2 for n in range(few)]
        ticks = [made.tick(symbols[0], price) for price in prices]
        reached += few
        return cpu_us(lambda: as_many(len(made.system.apply(*ticks)), few) and few)

    return take


GROWTHS = (
    Growth("{} spot positions", "an order", (1, 50, 500, 1_000), partial(positions, SPOT)),
    Growth("{} perpetuals held", "an order", (1, 50, 500, 1_000), partial(positions, PERPETUAL)),
    Growth("{} orders work in one symbol", "an order", (0, 100, 1_000), working_in_one_symbol),
    Growth("{} orders by hand in one symbol", "an order", (0, 100, 1_000), by_hand_in_one_symbol),
    Growth(
        "{} orders work in 500 spot symbols",
        "an order",
        (0, 1_000, 10_000),
        partial(working_over_symbols, SPOT),
    ),
    Growth(
        "{} orders work in 500 perpetuals",
        "an order",
        (0, 1_000, 10_000),
        partial(working_over_symbols, PERPETUAL),
    ),
    Growth("{} fills of one order", "a fill", (1, 1_000, 10_000), filled_in_parts),
    Growth("one flip cancels {} that rest", "each of them", (100, 1_000, 9_000), flip),
    Growth(
        "{} spot symbols, one order each",
        "an event",
        (1, 100, 1_000),
        partial(symbols_entered_once, SPOT),
    ),
    Growth(
        "{} perpetuals, one order each",
        "an event",
        (1, 100, 1_000),
        partial(symbols_entered_once, PERPETUAL),
    ),
    Growth("{} orders rest far away", "an event", (1, 1_000, 100_000), resting_far_away),
    Growth(
        "{} orders rest, reached one by one",
        "an event with its fill",
        (1_200, 10_000, 100_000),
        resting_reached_one_by_one,
    ),
    Growth("{} strategies on one symbol", "an event, for each of them", (1, 10, 100), strategies),
    *BESIDE,
)
