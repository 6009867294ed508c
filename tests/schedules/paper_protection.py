"""Schedules on paper that try to leave a position without its stop.

A plan is made of a seed: the market moves, strategies change their minds, orders are refused, trading is
paused, reduced, flattened or halted, and the process is killed between any two steps; answers of the
exchange take their time. After each step the exchange itself is asked what it holds and what rests there.

    perpetual   once a position was covered, no moment without a stop for what stays of it
    spot        its coins may be free for an exit or another stop, and not for long
    at the end  every position is covered, closed, or beyond its stop while trading is halted; what was
                flattened is flat
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from random import Random
from typing import Any

from tradectl.adapters.gateway import Gateway
from tradectl.adapters.paper_gateway import PaperGateway
from tradectl.bus.clock import DataClock
from tradectl.bus.event_bus import EventBus
from tradectl.config.settings import OrchestratorConfig, Settings
from tradectl.domain.commands import OutboundCommand, SubmitOrder
from tradectl.domain.events import (
    Command,
    CommandReceived,
    EmergencyStopReceived,
    Event,
    LimitBreached,
    MarketDataEvent,
    OrderFilled,
    OrderInitialized,
    OrderRejected,
    PositionChanged,
    RiskAction,
    StrategySignalEvent,
)
from tradectl.domain.instruments import Instrument, InstrumentKind
from tradectl.domain.money import Side
from tradectl.domain.orders import PROTECTOR, Order, OrderSpec, OrderStatus
from tradectl.domain.protection import rests_as_protection
from tradectl.domain.states import TradingState
from tradectl.domain.time import SECOND
from tradectl.exchange.base import OpenOrder
from tradectl.exchange.exchange_settings import PaperSettings
from tradectl.portfolio.portfolio_settings import PortfolioSettings
from tradectl.risk.limits import RiskLimits
from tradectl.state.account import Account
from tradectl.state.books import Books
from tradectl.system.trading_system import TradingSystem

COIN = "COINUSDT"
BY_HAND = "hand-"
START = 1_723_161_255 * SECOND
STOP_PCT = Decimal(3)
HALTS = ("reduce", "flatten", "halt")
NOT_FOR_LONG = 20 * SECOND
"""Answers take their time, and what was refused once is asked for again."""
REFUSED_FOR_LONG = 150 * SECOND
"""What was refused often is left alone for up to a minute."""
D = Decimal
STEP = D("0.006")
"""The largest move from one price to the next."""


class StubbornExchange(PaperGateway):
    """Refuses what it is told to, `refusing` orders of a kind, and on spot what is bound by a stop."""

    def __init__(self, bus: EventBus, books: Books, settings: Settings) -> None:
        super().__init__(bus, books.instruments, settings.paper, settings.seed)
        self._spot = not books.instrument(COIN).can_short
        self.refusing: Counter[str] = Counter()
        self.last_refusal = 0
        self.beside_stops: list[str] = []
        """exits that nobody made room for"""

    def send(self, command: OutboundCommand, at: int) -> None:
        spec = command.order.spec if isinstance(command, SubmitOrder) else None
        if spec is None or not (why := self._refusal(spec)):
            super().send(command, at)
            return
        if spec.strategy == PROTECTOR:
            self.last_refusal = at
        report = OrderRejected(
            source_component="paper", order_id=spec.order_id, symbol=COIN, reason=why
        )
        self._bus.schedule(report, at + SECOND // 10)

    def _refusal(self, spec: OrderSpec) -> str:
        kind = "stop" if spec.is_protective else "exit" if spec.reduce_only else "entry"
        if self.refusing[kind]:
            self.refusing[kind] -= 1
            return "it does not want to"
        held, resting = self.there()
        bound = sum((order.quantity for order in resting if order.side is Side.SELL), D(0))
        if self._spot and spec.side is Side.SELL and spec.quantity + bound > held:
            if bound and not spec.is_protective and not spec.order_id.startswith(BY_HAND):
                self.beside_stops.append(spec.order_id)
            return "its coins are bound"
        return ""

    def there(self) -> tuple[Decimal, tuple[OpenOrder, ...]]:
        """What it holds and what rests."""
        (proof,) = (each.proof() for each in self._each.values())
        return proof.held.get(COIN, D(0)), proof.open_orders


class ProtectionSchedule:
    """One plan, played. `wrong` is what should never be; `seen` counts what happened."""

    def __init__(self, seed: int) -> None:
        self._random = Random(f"protection {seed}")
        kind = self._random.choice((InstrumentKind.SPOT, InstrumentKind.PERPETUAL))
        self._instrument = Instrument(COIN, "USDT", D("0.01"), D("0.001"), D(5), kind, D(10))
        self._spot = kind is InstrumentKind.SPOT
        self.settings = self._settings(seed)
        self.wrong: list[str] = []
        self.seen: Counter[str] = Counter()
        self.log: list[str] = []
        self._at, self._price, self._number = START, D(100), 0
        self._long, self._best, self._bare_since = True, D(0), 0
        self._last_refusal = 0
        self._begin(Account.open("run-0", "USDT", D(100_000)))

    def _settings(self, seed: int) -> Settings:
        choose = self._random.choice
        return Settings(
            symbols=(COIN,),
            strategies=(),
            instruments=(self._instrument,),
            seed=seed,
            portfolio=PortfolioSettings(
                sizing="fixed_quantity",
                quantity=D(10),
                stop_loss_pct=STOP_PCT,
                order_type=choose(("market", "limit")),
                min_trade_notional=D(0),
            ),
            paper=PaperSettings(
                latency_ms=choose((0, 40, 900)), latency_jitter_ms=choose((0, 300))
            ),
            orchestrator=OrchestratorConfig(
                risk_check_interval_seconds=1, portfolio_rebalance_interval_seconds=7
            ),
            risk=RiskLimits(
                daily_loss_pause_pct=None,
                daily_loss_halt_pct=None,
                drawdown_pause_pct=None,
                drawdown_halt_pct=None,
                max_order_notional=None,
                max_position_notional=None,
                max_gross_notional=None,
                max_leverage=None,
            ),
        )

    def _begin(self, account: Account) -> None:
        def gateway(bus: EventBus, books: Books) -> Gateway:
            self.exchange = StubbornExchange(bus, books, self.settings)
            return self.exchange

        self._number += 1
        run_id = f"run-{self._number}"
        self.system = TradingSystem(self.settings, account, run_id, DataClock(), gateway=gateway)
        self.system.bus.clock.stamp(self._at)
        self.system.open()

    # --- steps ------------------------------------------------------------------------------------------

    STEPS = (
        ("tick", 30), ("signal", 12), ("grow", 6), ("shrink", 4), ("refuse", 6), ("kill", 4),
        ("pause", 2), ("resume", 2), ("cancel_all", 2),
    )  # fmt: skip

    def play(self, steps: int = 90) -> None:
        names, weights = zip(*self.STEPS, strict=True)
        halts = self._random.sample(range(steps // 2, steps), self._random.choice((0, 1, 2)))
        for number in range(steps):
            is_halt = number in halts
            name = self._random.choices(HALTS if is_halt else names, None if is_halt else weights)[
                0
            ]
            self.seen[name] += 1
            getattr(self, f"_{name}")()
            self._tick()
        self._quiet()

    def _apply(self, event: Event) -> None:
        self.log.append(f"{(self._at - START) / SECOND:8.2f} {event}")
        for record in self.system.apply(event, at=self._at):
            self.seen[type(record.event).__name__] += 1
            if isinstance(record.event, PositionChanged | OrderFilled):
                self._follow(record.event)
            if not isinstance(record.event, MarketDataEvent):
                self.log.append(f"{(record.at - START) / SECOND:8.2f}     {record.event}")
        self._look()

    def _tick(self, away: Decimal = STEP, after: float | None = None) -> None:
        pause = self._random.choice((0.05, 0.4, 1.5)) if after is None else after
        self._at += int(pause * SECOND)
        move = D(self._random.randint(-10, 10)) / 10 * away
        self._price = max(D(50), (self._price * (1 + move)).quantize(D("0.01")))
        self._apply(
            MarketDataEvent(symbol=COIN, price=self._price, volume=D(1_000_000), ts=self._at)
        )

    def _signal(self) -> None:
        action: Any = self._random.choice(("buy", "buy", "sell", "close"))
        strength = self._random.choice((0.3, 1.0, 1.0))
        self._apply(
            StrategySignalEvent(symbol=COIN, action=action, strategy="s", strength=strength)
        )

    def _by_hand(self, *, grows: bool) -> None:
        held, _ = self.exchange.there()
        if not held:
            return
        quantity = D(self._random.randint(1, 3)) if grows else min(abs(held), D(1))
        buys = (held > 0) == grows
        order = OrderSpec(
            f"{BY_HAND}{self._at}", COIN, Side.BUY if buys else Side.SELL, quantity,
            reduce_only=not grows,
        )  # fmt: skip
        self._apply(OrderInitialized(order=order, reason="by hand"))

    def _grow(self) -> None:
        self._by_hand(grows=True)

    def _shrink(self) -> None:
        self._by_hand(grows=False)

    def _refuse(self) -> None:
        kind = self._random.choice(("stop", "exit", "exit", "entry"))
        self.exchange.refusing[kind] = self._random.choice((1, 2, 6))

    def _kill(self) -> None:
        """What is on its way is lost; the next run goes on with what the books of this one held."""
        if self._state in (TradingState.HALTED, TradingState.FLATTENING):
            return  # the next run would only finish it
        self.log.append("---- killed")
        account = self.system.books.snapshot()
        self._last_refusal = self.exchange.last_refusal
        self._begin(account)
        _, covered = self._covered()
        self._best = min(self._best, covered)  # what it never answered the paper exchange forgot

    def _pause(self) -> None:
        self._apply(CommandReceived(command=Command.PAUSE, reason="by the plan"))

    def _resume(self) -> None:
        self._apply(CommandReceived(command=Command.RESUME))

    def _cancel_all(self) -> None:
        self._apply(CommandReceived(command=Command.CANCEL_ALL))

    def _reduce(self) -> None:
        self._apply(LimitBreached(code="LOSS", message="by the plan", action=RiskAction.REDUCE))

    def _flatten(self) -> None:
        """Closing orders are refused, too, for a while."""
        self.exchange.refusing["exit"] += self._random.choice((0, 0, 0, 3, 6))
        self._apply(EmergencyStopReceived(reason="by the plan", flatten=True))

    def _halt(self) -> None:
        self._apply(EmergencyStopReceived(reason="by the plan"))

    # --- what has to hold -------------------------------------------------------------------------------

    @property
    def _state(self) -> TradingState:
        return self.system.books.trading_state

    def _covered(self) -> tuple[Decimal, Decimal]:
        """The size of the position as far as we can know of it, zero for dust, and how much of it is
        covered by stops that nobody asked to cancel."""
        held, resting = self.exchange.there()
        known = self.system.books.position(COIN).quantity
        held = min(held, known, key=abs) if held * known > 0 else D(0)
        side = Side.SELL if held > 0 else Side.BUY
        if self._instrument.is_dust(abs(held), self._price):
            return D(0), D(0)
        going = {o.spec.order_id for o in self.system.books.working_orders() if _is_going(o)}
        stops = [
            order.quantity
            for order in resting
            if order.protects and order.side is side and order.client_order_id not in going
        ]
        return abs(held), min(sum(stops, D(0)), abs(held))

    def _follow(self, event: PositionChanged | OrderFilled) -> None:
        """What was closed or reversed is another position from then on, also where more comes in the same
        step; a stop that did its work does not protect what is left."""
        if isinstance(event, PositionChanged):
            if not event.quantity or (event.quantity > 0) != self._long:
                self._long, self._best = event.quantity > 0, D(0)
            self._best = min(self._best, abs(event.quantity))
            return
        order = self.system.books.order(event.order_id)
        if order is not None and order.spec.is_protective:
            self._best = max(self._best - event.quantity, D(0))

    def _look(self) -> None:
        held, covered = self._covered()
        if self.exchange.beside_stops:
            self._say(f"{self.exchange.beside_stops.pop()} sells what a stop binds")
        if self._has_triggered():
            self._best = D(0)
        self._best = min(max(self._best, covered), held)
        if covered >= self._best:
            self._bare_since = 0
            return
        self._bare_since = self._bare_since or self._at
        refused = max(self._last_refusal, self.exchange.last_refusal)
        if self._spot and self._at - self._bare_since <= NOT_FOR_LONG:
            return
        if self._spot and self._at - refused <= REFUSED_FOR_LONG:
            return
        if self._is_beyond_in_a_halt():
            return
        self._say(f"{covered} of {held} is covered, and {self._best} of it was")

    def _has_triggered(self) -> bool:
        """A stop is gone that nobody asked to cancel: what it closed is on its way to us."""
        there = {order.client_order_id for order in self.exchange.there()[1]}
        return any(
            rests_as_protection(order) and order.spec.order_id not in there
            for order in self.system.books.working_orders()
        )

    def _quiet(self) -> None:
        """Nothing is refused any more, and time passes."""
        self.exchange.refusing.clear()
        for _ in range(100):
            self._tick(D(0), after=2)
        held, covered = self._covered()
        if held and self._state is TradingState.FLATTENING:
            self._say(f"at the end {held} is held, and it is flattening")
        if not held or covered == held:
            self.seen["covered" if held else "flat"] += 1
        elif not self._is_beyond_in_a_halt():
            self._say(f"at the end {covered} of {held} is covered, in {self._state}")

    def _is_beyond_in_a_halt(self) -> bool:
        """The market is where the stop would be, and to close is the operator's to say."""
        position = self.system.books.position(COIN)
        away = -STOP_PCT if position.quantity > 0 else STOP_PCT
        price = position.entry_price * (1 + away / 100)
        beyond = self._price <= price if position.quantity > 0 else self._price >= price
        return self._state is TradingState.HALTED and beyond

    def _say(self, what: str) -> None:
        self.wrong.append(f"{(self._at - START) / SECOND:.2f}: {what}")


def _is_going(order: Order) -> bool:
    return order.status is OrderStatus.PENDING_CANCEL


__all__ = ["ProtectionSchedule"]
