"""What the check of an order takes before it may leave, with every limit on.

Of an account that holds perpetuals, with orders that rest in each, budgets over groups of symbols and
over a strategy. Each order follows a new price of its symbol, so that what the account adds up to is part
of what is measured. None is denied: each is asked everything.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from decimal import Decimal
from resource import RUSAGE_THREAD, getrusage

from tradectl.domain.events import OrderDenied
from tradectl.domain.instruments import InstrumentKind
from tradectl.domain.money import Side
from tradectl.domain.orders import OrderSpec, OrderType
from tradectl.operations.bench.bench import Bench, percentile
from tradectl.operations.bench.latency import undisturbed
from tradectl.operations.bench.sized_system import PLENTY, TRADER, SizedSystem, resting_buys
from tradectl.operations.bench.table import Row, at_most
from tradectl.risk.limits import RiskLimits, SizeStep
from tradectl.risk.order_limits import Budget

FEW, MANY = 10, 500
RESTING = 4
COLD = 2
"""Checks after which the caches are one's own again."""
LOWER = Decimal(99)


def measure(bench: Bench) -> Iterator[Row]:
    orders = 2_000 if bench.quick else 20_000
    for count in (FEW, MANY):
        taken = check_times(count, orders)
        what = f"check of an order, every limit on, {count} positions"
        for name, share in (("p50", 0.5), ("p99", 0.99)):
            yield Row(
                what=f"{what}: {name}",
                value=percentile(taken, share) / 1000,
                unit="us",
                goals=(at_most(100),),
                note=f"{len(taken)} of {orders} orders",
            )


def every_limit(symbols: list[str]) -> RiskLimits:
    """On, and out of reach."""
    half = len(symbols) // 2
    groups = (tuple(symbols[:half]), tuple(symbols[half:]), tuple(symbols))
    far = Decimal(10_000_000)
    return RiskLimits(
        max_order_notional=PLENTY,
        max_order_quantity={"*": PLENTY},
        max_position_notional=PLENTY,
        max_gross_notional=PLENTY,
        max_leverage=far,
        min_equity=Decimal(1),
        restricted_symbols=("NONE",),
        price_collar_pct=Decimal(50),
        max_orders_per_second=1_000_000,
        max_messages_per_second=1_000_000,
        max_repeated_executions=1_000,
        max_working_orders=1_000_000,
        max_data_age_seconds=Decimal(60),
        max_same_direction=100_000,
        max_same_direction_notional=PLENTY,
        budgets=(
            *(Budget(name=f"g{n}", symbols=of, max_pct=far) for n, of in enumerate(groups)),
            Budget(name="hand", strategies=(TRADER,), max_pct=far),
        ),
        daily_loss_sizes=(SizeStep(at_pct=Decimal(3), size=Decimal("0.5")),),
        volatility_target_pct=Decimal(40),
        profit_lock_from_pct=Decimal(50),
        cooldown_losses=1_000,
        breaker_move_pct=Decimal(90),
    )


def check_times(count: int, orders: int) -> list[int]:
    """ns of each check, of the processor. Left out are those right after this process was off it: they
    say how much another one has left in its caches."""
    symbols = [f"C{n}USDT" for n in range(count)]
    made = SizedSystem(
        count,
        kind=InstrumentKind.PERPETUAL,
        held=Decimal(5),
        resting=resting_buys(symbols, count * RESTING, below=LOWER),
        risk=every_limit(symbols),
    )
    engine, books = made.system.risk.engine, made.system.books
    for tick in made.ticks(count):
        made.system.apply(tick)
    taken: list[int] = []
    calm, switches = 0, switched()
    with undisturbed():
        for n in range(orders):
            symbol = symbols[n % count]
            tick = made.tick(symbol, Decimal(100) + n % 3)
            made.system.apply(tick)
            spec = OrderSpec(
                f"id-{n}", symbol, Side.BUY, Decimal(1 + n % 7), OrderType.LIMIT,
                price=Decimal("99.5"), strategy=TRADER,
            )  # fmt: skip
            began = time.thread_time_ns()
            judged = engine.judge(spec, books, tick.ts)
            took = time.thread_time_ns() - began
            calm = calm + 1 if switched() == switches else 0
            switches = switched()
            if calm > COLD:
                taken.append(took)
            if isinstance(judged, OrderDenied):
                raise RuntimeError(f"an order was denied: {judged.message}")
    return taken


def switched() -> int:
    """How often this thread was off the processor."""
    usage = getrusage(RUSAGE_THREAD)
    return usage.ru_nvcsw + usage.ru_nivcsw
