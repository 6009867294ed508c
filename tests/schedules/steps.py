"""What a step of a plan does, by its name: `reply-fault` is `_reply_fault`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.schedules.how_it_is_worked import worked_by
from tests.schedules.invariant_checker import InvariantChecker
from tests.schedules.order_steps import OrderSteps
from tests.schedules.plans import DOORS, Plan, Step
from tests.schedules.session_steps import SessionSteps
from tests.simulated_os.system import Process, SimulatedOS
from tradectl.domain.errors import NotRunning
from tradectl.domain.events import (
    Acceptance,
    Command,
    CommandReceived,
    Event,
    OrderCommandReceived,
    OrderInitialized,
    QuotesWanted,
    StrategySignalEvent,
)
from tradectl.domain.events import SignalAction as Action
from tradectl.domain.money import Side
from tradectl.domain.orders import OrderSpec, OrderType, client_order_id
from tradectl.exchange.base import Accepted
from tradectl.runtime.in_process_reconcile import compare
from tradectl.runtime.run import TradingRun
from tradectl.storage.latch import HaltLatch
from tradectl.strategy.quote_words import Level, Quotes, quote_set
from tradectl.testkit import LoopbackExchange
from tradectl.testkit.errors import ApiError
from tradectl.testkit.faults import Fault

LOOKS_INTO_IT_S = 4.0
"""How long the operator thinks about a halt before clearing it."""
BPS = Decimal("0.0001")
UNANSWERED = ("no-reply", "late", "empty", "truncated", "cut", "reset", "html")
TURNED_AWAY = ("429", "503")
STREAMS = ("duplicate", "reorder", "drop", "delay")
SOURCE = "schedule"


@dataclass
class Life:
    """One process, and what became of it."""

    process: Process
    run: TradingRun | None = None
    end: str = "killed"
    power: bool = False
    in_quiet: bool = False


class Steps(SessionSteps, OrderSteps):
    """Everything that a step needs is here; a `ScheduledRun` brings it."""

    plan: Plan
    system: SimulatedOS
    folder: Path
    checker: InvariantChecker
    exchange: LoopbackExchange
    latch: HaltLatch
    lives: list[Life]
    prices: dict[str, Decimal]
    starts: dict[str, Decimal]
    stopping = False
    """another process finishes the job of one that was stopped"""

    def __init__(self) -> None:
        self._orders = 0
        self.faults: list[Fault] = []
        """of replies, whether anybody met them or not"""
        self._tasks: set[asyncio.Future[Any]] = set()

    def do(self, step: Step) -> None:
        action: Callable[..., None] = getattr(self, "_" + step.do.replace("-", "_"))
        action(**step.more)

    @property
    def life(self) -> Life | None:
        return self.lives[-1] if self.lives and not self.lives[-1].process.dead else None

    @property
    def run(self) -> TradingRun | None:
        """The run, once it trades."""
        return self.life.run if self.life is not None else None

    def post(self, event: Event) -> None:
        """Something comes to the run, if it is there to hear it."""
        if self.run is not None:
            self.lives[-1].process.run(self.run.bus.post, event)

    def move(self, symbol: str, price: Decimal, size: str | None = None) -> None:
        """Never further than a percent from where it began."""
        start = self.starts[symbol]
        price = min(max(price, start * Decimal("0.992")), start * Decimal("1.008"))
        self.prices[symbol] = price
        self.exchange.move(symbol, price, size, market=self.plan.market)

    def _begin(self, work: Any, process: Process | None = None) -> None:
        """Let it go on beside the plan."""
        start = process.run if process is not None else lambda function, *args: function(*args)
        task = start(asyncio.ensure_future, work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- trading --------------------------------------------------------------------------------

    def _signal(self, symbol: str, strategy: str, action: str, strength: float) -> None:
        signal = StrategySignalEvent(
            source_component=SOURCE,
            symbol=symbol,
            action=Action(action),
            strategy=strategy,
            strength=strength,
            bracket=self.plan.brackets.get(strategy),
        )
        self.post(signal)

    def _quotes(
        self,
        symbol: str,
        strategy: str,
        bids: tuple[tuple[int, int, str], ...],
        asks: tuple[tuple[int, int, str], ...],
        post_only: bool,
    ) -> None:
        """All that a strategy wants to rest from now on."""
        if self.run is None:
            return
        mark = self.prices[symbol]

        def levels(side: int, drawn: tuple[tuple[int, int, str], ...]) -> tuple[Level, ...]:
            return tuple(
                (mark * (1 + BPS * bps * side), notional / mark, tag)
                for bps, notional, tag in drawn
            )

        said = Quotes(levels(-1, bids), levels(1, asks), post_only)
        self.post(
            QuotesWanted(
                source_component=SOURCE,
                symbol=symbol,
                strategy=strategy,
                quotes=quote_set(said, self.run.books.instrument(symbol)),
            )
        )

    def _order(
        self, symbol: str, side: str, notional: int, kind: str, offset_bps: int, reduce_only: bool
    ) -> None:
        run = self.run
        if run is None:
            return
        held = run.books.position(symbol).quantity
        if self.plan.market == "spot" and not held:
            side = "buy"
        self._orders += 1
        instrument, mark = run.books.instrument(symbol), self.prices[symbol]
        sign = -1 if side == "buy" else 1
        limit = instrument.round_price(mark * (1 + BPS * offset_bps * sign))
        stop = instrument.round_price(mark * (1 - BPS * 8 * sign))
        spec = OrderSpec(
            order_id=f"by-hand-{self._orders}",
            symbol=symbol,
            side=Side(side),
            quantity=instrument.floor_quantity(notional / mark),
            type=OrderType(kind),
            price=limit if kind == "limit" else None,
            stop_price=stop if kind == "stop_market" else None,
            reduce_only=reduce_only and kind == "market" and held * sign > 0,
        )
        self.post(OrderInitialized(source_component=SOURCE, order=spec, reason="by hand"))

    def _hand_order(
        self, symbol: str, side: str, notional: int, offset_bps: int | None, algorithm: str
    ) -> None:
        """As `tradectl order` asks for it."""
        run = self.run
        if run is None:
            return
        instrument, mark = run.books.instrument(symbol), self.prices[symbol]
        sign = -1 if side == "buy" else 1
        price = None if offset_bps is None else mark * (1 + BPS * offset_bps * sign)
        quantity = instrument.floor_quantity(notional / mark)
        self.post(
            OrderCommandReceived(
                source_component=SOURCE,
                symbol=symbol,
                side=Side(side),
                quantity=quantity,
                price=None if price is None else instrument.round_price(price),
                plan=worked_by(algorithm, "1", 4).plan(quantity, mark, instrument, reduces=False),
                reason="by hand",
            )
        )

    def _hand_close(self, symbol: str) -> None:
        self.post(
            CommandReceived(
                source_component=SOURCE, command=Command.CLOSE, target=symbol, reason="by hand"
            )
        )

    def _hand_cancel(self, number: int) -> None:
        """Of one of those that work."""
        run = self.run
        working = [] if run is None else run.books.sent_orders()
        if working:
            order_id = working[number % len(working)].spec.order_id
            self.post(
                CommandReceived(source_component=SOURCE, command=Command.CANCEL, target=order_id)
            )

    def _cancel_all(self) -> None:
        self.post(CommandReceived(source_component=SOURCE, command=Command.CANCEL_ALL))

    def _pause(self) -> None:
        self.post(CommandReceived(source_component=SOURCE, command=Command.PAUSE))

    def _resume(self) -> None:
        self.post(CommandReceived(source_component=SOURCE, command=Command.RESUME))

    def _move(self, symbol: str, bps: int, size: str | None) -> None:
        self.move(symbol, self.starts[symbol] * (1 + BPS * bps), size)

    def _print(self, symbol: str, fraction: float) -> None:
        """Somebody trades with one of our resting orders."""
        engine = self.exchange.engines[self.plan.market]
        for order in self.exchange.truth.open_orders(market=self.plan.market):
            if order.symbol == symbol and order.working and order.price and not order.foreign:
                lot = engine.rules[symbol].lot
                quantity = order.remaining * Decimal(str(fraction)) // lot * lot
                if quantity:
                    engine.take(order, quantity)
                return

    # --- the exchange ---------------------------------------------------------------------------

    def _reply_fault(self, kind: str, door: str, **more: Any) -> None:
        method, path = DOORS[door]
        self.faults.append(self.exchange.misbehave(kind, method=method, path=path, **more))

    def _stream_fault(self, kind: str, **more: Any) -> None:
        self.exchange.misbehave(kind, stream="user", **more)

    def _storm(self, share: float, seconds: float) -> None:
        """Nothing can be relied on, for a while."""
        for kinds, placed in ((UNANSWERED, None), (UNANSWERED, False), (TURNED_AWAY, False)):
            self._for(seconds, kinds, probability=share / 3, seconds=0.5, placed=placed)

    def _stream_storm(self, share: float, seconds: float) -> None:
        self._for(seconds, STREAMS, stream="user", probability=share, seconds=0.7)

    def _line_down(self, seconds: float) -> None:
        self._for(seconds, ("reset",), placed=False)
        self._for(seconds, ("disconnect",), stream="*")
        self.exchange.restart_streams()

    def _for(self, lasting: float, kinds: Sequence[str], **more: Any) -> None:
        fault = self.exchange.misbehave(kinds, count=-1, **more)
        asyncio.get_running_loop().call_later(lasting, fault.remove)

    def _streams_cut(self) -> None:
        self.exchange.restart_streams()

    def _forget_next(self, seconds: float) -> None:
        self.exchange.misbehave("forget", seconds=seconds)

    def _forget_last(self, seconds: float) -> None:
        if ours := self.exchange.truth.client_ids():
            self.exchange.forget(ours[-1], seconds)

    def _forget_for_long(self, seconds: float) -> None:
        """Longer than we are told to wait for it: from then on a limit may be passed."""
        self.checker.bounded = False
        self._forget_next(seconds)

    def _fill_race(self, fraction: str) -> None:
        self.exchange.misbehave("fill-before-cancel", fraction=fraction)

    def _skew(self, seconds: float) -> None:
        self.exchange.skew_clock(seconds - self.system.clock.off)

    def _clock_jump(self, seconds: float) -> None:
        """Ours jumps; the exchange's does not."""
        theirs = self.exchange.clock_offset_ns / 1e9 + self.system.clock.off
        self.system.clock.off = seconds
        self.exchange.skew_clock(theirs - seconds)

    def _all_well(self) -> None:
        self.exchange.behave()

    # --- from outside ---------------------------------------------------------------------------

    def _external_trade(self, symbol: str, side: str) -> None:
        self._external(symbol, side, None)

    def _external_order(self, symbol: str) -> None:
        """It rests some way off, and is none of our business."""
        price = (self.starts[symbol] * Decimal("0.985")).quantize(Decimal(1))
        self._external(symbol, "BUY", price)

    def _by_hand(self, symbol: str, side: str) -> None:
        """The owner trades what he likes: more than ours, or a part of it."""
        self._external(symbol, side, None)

    def _second_bot(self, symbol: str, side: str, offset_bps: int | None, number: int) -> None:
        """Another tradectl on the account, with orders of its own name."""
        price = None
        if offset_bps is not None:
            away = 1 + (offset_bps if side == "BUY" else -offset_bps) * BPS
            price = (self.starts[symbol] * away).quantize(Decimal(1))
        self._external(symbol, side, price, client_order_id("a second account", str(number)))

    def _deposit(self, symbol: str, notional: int) -> None:
        self._move_coins(symbol, notional)

    def _withdraw(self, symbol: str, notional: int) -> None:
        """What is free and not ours: an exchange lets nobody take out more than there is."""
        self._move_coins(symbol, -notional)

    def _move_coins(self, symbol: str, notional: int) -> None:
        coin = symbol.removesuffix("USDT")
        amount = (notional / self.starts[symbol]).quantize(Decimal("0.00001"))
        free = self.exchange.accounts["main"].spot.free[coin]
        amount = max(amount, min(self.checker.own.held(symbol) - free, Decimal(0)))
        if amount:
            self.exchange.outside_transfer("main", coin, amount)

    def _external(self, symbol: str, side: str, price: Decimal | None, client_id: str = "") -> None:
        quantity = (Decimal(3_000) / self.starts[symbol]).quantize(Decimal("0.001"))
        market = self.plan.market
        try:
            self.exchange.outside_order(
                "main", symbol, side, quantity, price, market=market, client_order_id=client_id
            )
        except ApiError:
            return  # it has nothing to sell, say

    def _transfer(self, amount: int) -> None:
        self.exchange.outside_transfer("main", "USDT", amount, market=self.plan.market)

    # --- the exchange itself --------------------------------------------------------------------

    def _funding(self, symbol: str, rate: str, **how: Any) -> None:
        self.exchange.fund(symbol, rate, **how)

    def _income(self, kind: str, amount: str, **how: Any) -> None:
        self.exchange.pay(kind, amount, **how)

    def _income_transfer(self, amount: int, **how: Any) -> None:
        self.exchange.pay("TRANSFER", amount, **how)

    def _deleverage(self, symbol: str, fraction: str) -> None:
        self.exchange.deleverage(symbol, fraction=fraction)

    def _liquidate(self, symbol: str, **how: Any) -> None:
        self.exchange.liquidate(symbol, **how)

    def _accept(self) -> None:
        """The operator says that what is there is ours, and trades on."""
        life, run = self.life, self.run
        if life is not None and run is not None and not life.process.stopped:
            self.checker.own.operator_accepted = True
            self._begin(self._settle(run), life.process)

    async def _settle(self, run: TradingRun) -> None:
        with contextlib.suppress(NotRunning):  # it has ended meanwhile
            await compare(run, Accepted(Acceptance.POSITION), confirm=True)
            await run.orchestrator.resume()


__all__ = ["LOOKS_INTO_IT_S", "Life", "Steps"]
