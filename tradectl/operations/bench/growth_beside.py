"""What a thing costs beside what it has nothing to do with: stops, brackets, halts, signals that wait.

Most of it is bounded by nothing but the account: an emergency stop above all is to be as quick for each
order among ten thousand as for one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import partial

from tradectl.domain.brackets import Bracket
from tradectl.domain.events import (
    EmergencyStopReceived,
    MarketDataEvent,
    PositionLiquidated,
    QuotesWanted,
    Record,
    SignalAction,
    StrategySignalEvent,
)
from tradectl.domain.instruments import InstrumentKind
from tradectl.domain.money import ONE, Side
from tradectl.domain.orders import BY_HAND, OrderSpec, OrderType
from tradectl.domain.quotes import QuoteLevel, QuoteSet
from tradectl.operations.bench.growth_kind import ORDERS, Growth, Take, as_many, passing, rising
from tradectl.operations.bench.sized_system import (
    COINS_AT_FULL_STRENGTH,
    PRICE,
    START,
    STEP,
    TRADER,
    SizedSystem,
    cpu_us,
    resting_buys,
)
from tradectl.strategy.base import Signal, Strategy
from tradectl.strategy.configured import StrategyInstance
from tradectl.strategy.engine import StrategyEngine

PERPETUAL = InstrumentKind.PERPETUAL
PLENTY_HELD = Decimal(1_000_000)
FIRST = "C0USDT"


# --- halts ----------------------------------------------------------------------------------------


def stopped_while_they_rest(count: int) -> Take:
    return partial(_stopped, count, lambda: SizedSystem(1, resting=_far_away(count)), flatten=False)


def flattened(count: int) -> Take:
    return partial(_stopped, count, lambda: SizedSystem(count, held=ONE), flatten=True)


def _stopped(count: int, make: Callable[[], SizedSystem], *, flatten: bool) -> float:
    made = make()
    made.system.apply(*made.ticks(len(made.symbols)))
    stop = EmergencyStopReceived(source_component="benchmark", reason="measured", flatten=flatten)

    def halt() -> int:
        made.system.apply(stop)
        left = made.system.books.working_count() + len(made.system.books.positions())
        return as_many(count - left, count)

    return cpu_us(halt)


def _far_away(count: int) -> list[OrderSpec]:
    return resting_buys([FIRST], count, below=PRICE / 2)


# --- stops and brackets ---------------------------------------------------------------------------


def stops_reached_one_by_one(kind: OrderType, count: int) -> Take:
    """Each trade reaches one more of them."""
    made = SizedSystem(1, kind=PERPETUAL, held=PLENTY_HELD, resting=_stops(kind, count))
    reached = 0

    def take() -> float:
        nonlocal reached
        few = min(ORDERS, count // 12)
        prices = [PRICE - (reached + n + 1) * STEP - STEP / 2 for n in range(few)]
        ticks = [made.tick(FIRST, price) for price in prices]
        reached += few
        return cpu_us(lambda: as_many(len(made.system.apply(*ticks)), few))

    return take


def _stops(kind: OrderType, count: int) -> list[OrderSpec]:
    """To sell a coin each, each a step below the one before."""
    return [
        OrderSpec(
            f"stop-{n}",
            FIRST,
            Side.SELL,
            ONE,
            kind,
            price=PRICE - 1 - n * STEP if kind.has_limit else None,
            stop_price=PRICE - (n + 1) * STEP,
            strategy=BY_HAND,
        )
        for n in range(count)
    ]


def brackets_elsewhere(count: int) -> Take:
    made = SizedSystem(count + 1, kind=PERPETUAL)
    for symbol in made.symbols[1:]:
        made.system.apply(made.tick(symbol), bought(symbol, TRADER))
    return rising(_of_the_first(made), first=1)


def brackets_in_one_symbol(count: int) -> Take:
    """So many strategies hold it, each with a stop far away."""
    made = SizedSystem(1, kind=PERPETUAL)
    for n in range(count):
        made.system.apply(made.tick(FIRST), bought(FIRST, f"strategy-{n}"))
    return passing(made)


def bought(symbol: str, strategy: str) -> StrategySignalEvent:
    return StrategySignalEvent(
        source_component="benchmark",
        symbol=symbol,
        action=SignalAction.BUY,
        strategy=strategy,
        strength=0.0001,
        bracket=Bracket(stop_loss_pct=Decimal(9)),
    )


# --- perpetuals, buys, quotes, signals -------------------------------------------------------------


def coins_beside_perpetuals(count: int) -> Take:
    """Coins are bid for, and the money may stand behind perpetuals by now."""
    made = SizedSystem(
        count + 1, kind=PERPETUAL, coins=1, held=ONE, resting=_far_away(min(count, 1_000))
    )
    made.system.apply(*made.ticks(2 * len(made.symbols)))
    return passing(_of_the_first(made))


def liquidated_one_by_one(count: int) -> Take:
    made = SizedSystem(count, kind=PERPETUAL, isolated=True, held=ONE)
    made.system.apply(*made.ticks(2 * count))
    symbols = iter(made.symbols)

    def take() -> float:
        ticks = [made.tick(next(symbols), PRICE / 2) for _ in range(count // 12)]
        return cpu_us(lambda: as_many(_how_many(made, ticks), len(ticks)))

    return take


def _how_many(made: SizedSystem, ticks: Iterable[MarketDataEvent]) -> int:
    return sum(isinstance(each.event, PositionLiquidated) for each in made.system.apply(*ticks))


def buys_wait_for_money(count: int) -> Take:
    """More is wanted of every other symbol than there is money for; of one a coin is bought and sold."""
    made = SizedSystem(count + 1, cash=Decimal(10_000))
    for symbol in made.symbols[1:]:
        made.want(symbol, COINS_AT_FULL_STRENGTH // 100)

    def trade() -> int:
        return as_many(sum(made.want(FIRST, n % 2 + 1) for n in range(ORDERS)), ORDERS)

    made.want(FIRST, 2)
    return partial(cpu_us, trade)


def quotes_of_others(count: int) -> Take:
    """So many strategies have a bid in the symbol, and one after the other is filled."""
    made = SizedSystem(1, kind=PERPETUAL)
    for n in range(count):
        made.system.apply(made.tick(FIRST), bid(n, Decimal(1_000)))

    def take() -> float:
        ticks = [made.tick(FIRST, PRICE - 3 * STEP / 2) for _ in range(ORDERS // 4)]
        return cpu_us(
            lambda: as_many(len(made.system.apply(*ticks)), 2 * len(ticks)) and len(ticks)
        )

    return take


def bid(number: int, quantity: Decimal) -> QuotesWanted:
    """Of a strategy of its own, a step further away for each `number`."""
    level = QuoteLevel(PRICE - (number + 1) * STEP, quantity, "bid")
    return QuotesWanted(
        source_component="benchmark",
        symbol=FIRST,
        strategy=f"strategy-{number}",
        quotes=QuoteSet(bids=(level,)),
    )


def signals_wait(count: int) -> Take:
    """A strategy has said too much of so many symbols, and may say it later."""
    engine = StrategyEngine([StrategyInstance("fast", "")], max_signals_per_second=1, find=talker)
    ticks = [_tick(f"C{n}USDT") for n in range(count)]
    for tick in (*ticks, *ticks):
        _hears(engine, tick)

    def take() -> float:
        def hear() -> int:
            for _ in range(ORDERS):
                _hears(engine, ticks[0])
            return as_many(engine.deferred("fast", FIRST), 1) and ORDERS

        return cpu_us(hear)

    return take


def _tick(symbol: str) -> MarketDataEvent:
    return MarketDataEvent(symbol=symbol, price=PRICE, volume=ONE, ts=START)


def _hears(engine: StrategyEngine, tick: MarketDataEvent) -> None:
    engine.on_market(tick, Record(1, START, tick))


class SaysSoAlways(Strategy):
    """Buys with every trade."""

    def on_trade(self, trade: MarketDataEvent) -> Signal | None:
        return self.long()


def talker(_name: str) -> type[Strategy]:
    return SaysSoAlways


def _of_the_first(made: SizedSystem) -> SizedSystem:
    """Only that one is traded."""
    made.symbols = made.symbols[:1]
    return made


BESIDE = (
    Growth(
        "an emergency stop cancels {} that rest",
        "each of them",
        (100, 5_000),
        stopped_while_they_rest,
    ),
    Growth(
        "an emergency stop closes {} positions",
        "each of them",
        (20, 500),
        flattened,
    ),
    Growth(
        "{} stops, reached one by one",
        "an event with its fill",
        (1_200, 10_000),
        partial(stops_reached_one_by_one, OrderType.STOP_MARKET),
    ),
    Growth(
        "{} stop-limits, reached one by one",
        "an event with its order",
        (1_200, 10_000),
        partial(stops_reached_one_by_one, OrderType.STOP_LIMIT),
    ),
    Growth("{} brackets in other symbols", "an order", (1, 500), brackets_elsewhere),
    Growth(
        "{} strategies with brackets in one symbol",
        "an event",
        (1, 50),
        brackets_in_one_symbol,
    ),
    Growth(
        "{} perpetuals beside coins that are bid for",
        "an event",
        (1, 500),
        coins_beside_perpetuals,
    ),
    Growth("{} isolated perpetuals", "a liquidation", (120, 1_200), liquidated_one_by_one),
    Growth("{} buys wait for money", "an order", (1, 100, 1_000), buys_wait_for_money),
    Growth("quotes of {} strategies in one symbol", "a fill", (2, 20, 100), quotes_of_others),
    Growth("signals of {} symbols wait", "an event", (1, 100, 1_000), signals_wait),
)
