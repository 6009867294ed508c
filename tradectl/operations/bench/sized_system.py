"""A trading system without a process around it, as large as a benchmark asks for, traded by hand.

No strategy decides: signals are put in from outside, so that what is measured is the way of an order
through portfolio, risk, execution, the paper exchange and the books, or that of an event past them. All
checks of risk are made, with limits that such trading does not reach.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal

from tradectl.bus.clock import DataClock
from tradectl.config.settings import OrchestratorConfig, Settings
from tradectl.domain.events import MarketDataEvent, OrderFilled, SignalAction, StrategySignalEvent
from tradectl.domain.instruments import Instrument, InstrumentKind, MarginMode
from tradectl.domain.money import ONE, ZERO, Side
from tradectl.domain.orders import Order, OrderSpec, OrderStatus, OrderType
from tradectl.domain.positions import Position
from tradectl.domain.time import MILLISECOND
from tradectl.exchange.exchange_settings import PaperSettings
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.risk.limits import RiskLimits
from tradectl.state.account import Account
from tradectl.strategy.configured import StrategyInstance
from tradectl.strategy.engine_settings import EngineSettings
from tradectl.system.trading_system import TradingSystem, on_paper

START = 1_700_000_000_000 * MILLISECOND
PRICE = Decimal(100)
PLENTY = Decimal("1e12")
TRADER = "trader"
COINS_AT_FULL_STRENGTH = 1_000_000
NO_LIMIT_REACHED = RiskLimits(
    max_order_notional=PLENTY,
    max_position_notional=PLENTY,
    max_gross_notional=PLENTY,
    max_leverage=PLENTY,
    max_orders_per_second=None,
    max_messages_per_second=None,
    max_working_orders=1_000_000,
    duplicate_window_ms=0,
)


class SizedSystem:
    """`count` symbols of one kind, of which the first may be `coins` all the same, with what is held
    (coins of each) and the orders that rest. An `isolated` perpetual is lost for itself, a tenth of its
    price away from its entry."""

    def __init__(
        self,
        count: int,
        *,
        kind: InstrumentKind = InstrumentKind.SPOT,
        coins: int = 0,
        isolated: bool = False,
        held: Decimal | None = None,
        resting: Iterable[OrderSpec] = (),
        strategies: tuple[StrategyInstance, ...] = (),
        risk: RiskLimits = NO_LIMIT_REACHED,
        cash: Decimal = PLENTY,
    ) -> None:
        self.symbols = [f"C{n}USDT" for n in range(count)]
        settings = Settings(
            symbols=tuple(self.symbols),
            strategies=strategies,
            engine=EngineSettings(max_signals_per_second=1_000),
            portfolio=PortfolioSettings(
                sizing="fixed_quantity",
                quantity=Decimal(COINS_AT_FULL_STRENGTH),
                min_trade_notional=ONE,
            ),
            risk=risk,
            paper=PaperSettings(fill="close"),
            orchestrator=OrchestratorConfig(max_concurrent_orders=1_000_000),
            instruments=tuple(
                _instrument(symbol, InstrumentKind.SPOT if n < coins else kind, isolated)
                for n, symbol in enumerate(self.symbols)
            ),
        )
        account = Account.open("benchmark", "USDT", cash)
        for symbol in self.symbols if held is not None else ():
            account.positions[symbol] = Position(symbol, held or Decimal(0), PRICE * (held or 0))
            account.holdings[symbol] = {TRADER: account.positions[symbol]}
        account.marks = dict.fromkeys(self.symbols, PRICE)
        account.orders = [_rests(spec, number) for number, spec in enumerate(resting, 1)]
        self.system = TradingSystem(
            settings, account, "benchmark", DataClock(START), gateway=on_paper(settings)
        )
        self.system.open()
        self._ticks = 0

    def tick(self, symbol: str, price: Decimal = PRICE) -> MarketDataEvent:
        """The next trade: there are four thousand in a second."""
        self._ticks += 1
        at = START + self._ticks * MILLISECOND // 4
        return MarketDataEvent(symbol=symbol, price=price, volume=ONE, ts=at)

    def ticks(self, count: int) -> list[MarketDataEvent]:
        """Trades that go up and down by a step, the symbols in turn."""
        symbols = self.symbols
        return [self.tick(symbols[n % len(symbols)], PRICE + n % 2) for n in range(count)]

    def want(self, symbol: str, coins: int, action: SignalAction = SignalAction.BUY) -> int:
        """A trade, and a signal to hold so many coins of it: how many fills came of that."""
        strength = coins / COINS_AT_FULL_STRENGTH
        signal = StrategySignalEvent(
            source_component="benchmark",
            symbol=symbol,
            action=action,
            strategy=TRADER,
            strength=strength,
        )
        self.system.apply(self.tick(symbol))
        records = self.system.apply(signal)
        return sum(isinstance(record.event, OrderFilled) for record in records)

    def part(self, order: OrderSpec, number: int) -> OrderFilled:
        """The next fill of an order, of a step."""
        return OrderFilled(
            source_component="benchmark",
            order_id=order.order_id,
            symbol=order.symbol,
            trade_id=f"{order.order_id}.{number}",
            side=order.side,
            quantity=STEP,
            price=order.price or PRICE,
            fee=ZERO,
            fee_currency="USDT",
        )


def resting_buys(
    symbols: Sequence[str], count: int, *, below: Decimal = PRICE, strategy: str = TRADER
) -> list[OrderSpec]:
    """Limit orders for a coin each, symbol by symbol in turn, each a step below the one before."""
    return [
        OrderSpec(
            f"resting-{n}",
            symbols[n % len(symbols)],
            Side.BUY,
            ONE,
            OrderType.LIMIT,
            price=below - (n // len(symbols) + 1) * STEP,
            strategy=strategy,
        )
        for n in range(count)
    ]


STEP = Decimal("0.0001")


def _rests(spec: OrderSpec, number: int) -> Order:
    return Order(spec, START, START, OrderStatus.ACCEPTED, venue_order_id=f"P{number}")


def _instrument(symbol: str, kind: InstrumentKind, isolated: bool) -> Instrument:
    margin = MarginMode.ISOLATED if isolated else MarginMode.CROSS
    leverage = Decimal(10) if isolated else ONE
    return Instrument(symbol, "USDT", STEP, STEP, ONE, kind, max_leverage=leverage, margin=margin)


# --- the processor's time -------------------------------------------------------------------------


def cpu_us(work: Callable[[], int]) -> float:
    """Microseconds that the processor was busy with each of the things that `work` did."""
    started = time.process_time_ns()
    done = work()
    return (time.process_time_ns() - started) / 1_000 / done


@contextmanager
def garbage_as_in_a_run() -> Iterator[None]:
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
