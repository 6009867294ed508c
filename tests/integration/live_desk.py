"""A live run on a simulated machine, beside a loopback exchange, and everything that a plan does to it.

    outcome = perform(plan_of(seed), folder)
    assert not outcome.wrong

The run is `runtime.run.trade` itself with ccxt itself, from the lock to the footer of the journal. It
is killed, stopped and started again as the plan says; whoever starts it again is the operator, who also
clears a halt after a look at it.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

from tests.integration.live_witness import Witness
from tests.integration.machine import Machine, Process, nothing_left_behind
from tests.integration.schedules import DOORS, LIMIT, Plan, Step
from tests.loopback import KEY, SECRET, Fees, LoopbackExchange
from tests.loopback import server as doors
from tests.loopback.answers import reply
from tests.loopback.errors import ApiError
from tests.loopback.orders import Order
from tradectl.domain.errors import ExchangeError, Halted
from tradectl.domain.events import (
    Command,
    CommandEvent,
    Event,
    HoldKind,
    OrderEvent,
    SignalAction,
    StrategySignalEvent,
)
from tradectl.domain.money import Side
from tradectl.domain.orders import OrderSpec, OrderStatus, OrderType
from tradectl.exchange.settings import ExchangeSettings
from tradectl.portfolio.settings import PortfolioSettings
from tradectl.risk.limits import RiskLimits
from tradectl.runtime import session as sessions
from tradectl.runtime.commands import control_handlers
from tradectl.runtime.emergency import _finishing_run
from tradectl.runtime.opening import RunOptions
from tradectl.runtime.paths import StateDir
from tradectl.runtime.reconcile import side_by_side
from tradectl.runtime.recovery import LIVE_ACCOUNT, recover
from tradectl.runtime.run import TradingRun, trade
from tradectl.runtime.settings import OrchestratorConfig, Settings
from tradectl.runtime.stop_session import Stop
from tradectl.state.latch import HaltLatch

LOOKS_INTO_IT_S = 4.0
"""How long the operator thinks about a halt before clearing it."""
QUIET_S = 150.0
"""How long it may take, after the last fault, until everything is settled."""
BPS = Decimal("0.0001")


@dataclass
class Outcome:
    wrong: list[str]
    counts: dict[str, int]
    lives: list[str]
    callbacks: int


@dataclass
class Life:
    """One process, and what became of it."""

    process: Process
    run: TradingRun | None = None
    end: str = "killed"
    power: bool = False
    in_quiet: bool = False


def perform(plan: Plan, folder: Path) -> Outcome:
    """The whole plan, in no time."""
    with nothing_left_behind():
        return _performed(plan, folder)


def _performed(plan: Plan, folder: Path) -> Outcome:
    machine = Machine(plan.seed)
    keys = {"TRADECTL_BINANCE_API_KEY": KEY, "TRADECTL_BINANCE_API_SECRET": SECRET}
    with mock.patch.dict(os.environ, keys), mock.patch.object(sessions, "LIVE_FLUSH_S", 2.0):
        desk = Desk(plan, machine, folder)
        machine.run(desk.perform())
    witness, lives = desk.witness, [life.end for life in desk.lives]
    return Outcome([*witness.wrong], dict(witness.counts), lives, machine.loop.count)


@dataclass
class Desk:
    plan: Plan
    machine: Machine
    folder: Path
    lives: list[Life] = field(default_factory=list)
    quiet: bool = False
    over: bool = False
    stopping: bool = False
    prices: dict[str, Decimal] = field(default_factory=dict)
    witness: Witness = field(init=False)
    exchange: LoopbackExchange = field(init=False)

    def __post_init__(self) -> None:
        plan = self.plan
        self.random = Random(f"desk {plan.seed}")
        fees = Fees(asset=plan.fee_asset)  # type: ignore[arg-type]
        self.exchange = LoopbackExchange(plan.seed, fees=fees)
        self.exchange.accounts["main"].spot.free["BNB"] = Decimal(1)
        self.latch = StateDir(self.folder).latch
        self.witness = Witness(self.machine, self.exchange, plan.market, self.folder)
        self.starts = {s: self.exchange.engines[plan.market].last[s] for s in plan.symbols}
        self.witness.lowest = {s: price * Decimal("0.98") for s, price in self.starts.items()}
        self.orders = 0

    # --- the plan -------------------------------------------------------------------------------

    async def perform(self) -> None:
        latched = mock.patch.object(HaltLatch, "_write", self._latching())
        with latched, mock.patch.object(doors, "reply", self._slowly):
            async with self.exchange:
                for symbol, price in self.starts.items():
                    self.move(symbol, price)
                await self._perform()

    async def _perform(self) -> None:
        operator = asyncio.ensure_future(self._operate())
        market = asyncio.ensure_future(self._market())
        await self._first_life()
        begun = self.machine.clock.now
        for step in self.plan.steps:
            await asyncio.sleep(max(0.0, begun + step.at - self.machine.clock.now))
            self._do(step)
            if operator.done():
                operator.result()
        settled = await self._settle()
        self.over = True
        market.cancel()
        if settled:
            await self._end()
        operator.cancel()
        await self.witness.replayed()

    async def _first_life(self) -> None:
        """Plans begin with a run that trades, if it lives so long."""
        for _ in range(40):
            if (run := self.run) is not None and not any(map(run.books.holds, self.plan.symbols)):
                return
            await asyncio.sleep(0.5)

    def _do(self, step: Step) -> None:
        action: Callable[..., None] = getattr(self, "_" + step.do.replace("-", "_"))
        action(**step.more)

    @property
    def life(self) -> Life | None:
        return self.lives[-1] if self.lives and not self.lives[-1].process.ended else None

    @property
    def run(self) -> TradingRun | None:
        return self.life.run if self.life is not None else None

    def _in_run(self, function: Callable[[TradingRun], object]) -> None:
        """Something that comes to the run from outside, if it is there to hear it."""
        life = self.life
        if life is not None and life.run is not None:
            life.process.run(function, life.run)

    def _post(self, event: Event) -> None:
        self._in_run(lambda run: run.bus.post(event))

    # --- the operator ---------------------------------------------------------------------------

    async def _operate(self) -> None:
        """Start it, and start it again whenever it has ended."""
        while not self.over:
            life = self._begin()
            await life.process.gone.wait()
            self.witness.run = None
            self._close_life(life)
            number = len(self.lives) - 1
            pauses = self.plan.restart_after
            await asyncio.sleep(0.0 if self.quiet else pauses[number % len(pauses)])
            while self.stopping:
                await asyncio.sleep(0.1)
            if self.latch.read() is not None and life.end != "refused":
                continue  # it must refuse
            if self.latch.read() is not None:
                await asyncio.sleep(LOOKS_INTO_IT_S)
                self.latch.clear()

    def _begin(self) -> Life:
        fuses = self.plan.fuses
        process = self.machine.process(f"life {len(self.lives) + 1}")
        life = Life(process, in_quiet=self.quiet)
        life.process.fuse = None if self.quiet else fuses[len(self.lives) % len(fuses)]
        self.lives.append(life)
        life.process.start(self._main(life))
        return life

    async def _main(self, life: Life) -> None:
        options = RunOptions(settings=self._settings(), state_dir=StateDir(self.folder))
        try:
            summary = await trade(options, _Screen(self, life))
            life.end = f"ended: {summary.get('end_reason', summary.get('ended'))}"
        except Halted:
            life.end = "refused"
            if self.latch.read() is None:
                self.witness.say("it refused to start, and nothing was latched")
        except ExchangeError as error:
            life.end = f"failed: {error}"
        except Exception as error:  # nothing else may ever fall out of it
            life.end = f"broke: {type(error).__name__}: {error}"
            self.witness.say(f"it broke: {type(error).__name__}: {error}")

    def _close_life(self, life: Life) -> None:
        for journal in life.process.journals:
            if life.power and not journal._closed:
                self.machine.lose_power(self.folder / "journals")
                self.machine.clock.now += 5.0
        if life.in_quiet and life.run is None and life.end not in ("killed", "refused"):
            self.witness.say(f"it did not start in quiet: {life.end}")
        self.witness.recovered()

    def _settings(self) -> Settings:
        plan = self.plan
        return Settings(
            mode="live",
            symbols=plan.symbols,
            strategies=(),
            exchanges=(
                ExchangeSettings(
                    id="binance",
                    market="spot" if plan.market == "spot" else "perpetual",
                    url=self.exchange.url,
                    channels=plan.channels,  # type: ignore[arg-type]
                    timeout_seconds=plan.timeout,
                    reconcile_seconds=plan.reconcile,
                    not_found_seconds=plan.not_found,
                    dead_man_seconds=plan.dead_man,
                ),
            ),
            portfolio=PortfolioSettings(
                fraction=Decimal(str(plan.fraction)),
                order_type=plan.order_type,  # type: ignore[arg-type]
                limit_offset_bps=Decimal(plan.offset_bps),
            ),
            risk=RiskLimits(
                max_position_notional=Decimal(LIMIT),
                max_leverage=Decimal(10),
                daily_loss_pause_pct=None,
                daily_loss_halt_pct=None,
                drawdown_pause_pct=None,
                drawdown_halt_pct=None,
            ),
            orchestrator=OrchestratorConfig(portfolio_rebalance_interval_seconds=plan.rebalance),
        )

    # --- the market -----------------------------------------------------------------------------

    async def _market(self) -> None:
        """It never stands still for long."""
        while True:
            await asyncio.sleep(2.0)
            for symbol, price in self.prices.items():
                self.move(symbol, price + self.starts[symbol] * BPS * self.random.choice((-1, 1)))

    def move(self, symbol: str, price: Decimal, size: str | None = None) -> None:
        """Never further than a percent from where it began."""
        start = self.starts[symbol]
        price = min(max(price, start * Decimal("0.992")), start * Decimal("1.008"))
        self.prices[symbol] = price
        self.exchange.move(symbol, price, size, market=self.plan.market)

    async def _slowly(self, *args: Any) -> Any:
        """The way to the exchange and back takes time."""
        latency = 0.0 if self.quiet else self.plan.latency
        await asyncio.sleep(self.random.uniform(0, latency))
        answer = await reply(*args)
        await asyncio.sleep(self.random.uniform(0, latency))
        return answer

    # --- steps: trading -------------------------------------------------------------------------

    def _signal(self, symbol: str, strategy: str, action: str, strength: float) -> None:
        self._post(
            StrategySignalEvent(
                source_component="schedule",
                symbol=symbol,
                action=SignalAction(action),
                strategy=strategy,
                strength=strength,
            )
        )

    def _order(
        self, symbol: str, side: str, notional: int, type: str, offset_bps: int, reduce_only: bool
    ) -> None:
        run = self.run
        if run is None:
            return
        self.orders += 1
        instrument, mark = run.books.instrument(symbol), self.prices[symbol]
        away = BPS * offset_bps * (-1 if side == "buy" else 1)
        price = instrument.round_price(mark * (1 + away))
        stop = type == "stop_market"
        stop_price = instrument.round_price(mark * (1 + BPS * (8 if side == "buy" else -8)))
        spec = OrderSpec(
            order_id=f"by-hand-{self.orders}",
            symbol=symbol,
            side=Side(side),
            quantity=instrument.floor_quantity(notional / mark),
            type=OrderType(type),
            price=price if type == "limit" else None,
            stop_price=stop_price if stop else None,
            reduce_only=reduce_only and type == "market",
        )
        self._post(OrderEvent(source_component="schedule", order=spec, reason="by hand"))

    def _cancel_all(self) -> None:
        self._post(CommandEvent(source_component="schedule", command=Command.CANCEL_ALL))

    def _pause(self) -> None:
        self._post(CommandEvent(source_component="schedule", command=Command.PAUSE))

    def _resume(self) -> None:
        self._post(CommandEvent(source_component="schedule", command=Command.RESUME))

    def _move(self, symbol: str, bps: int, size: str | None) -> None:
        self.move(symbol, self.starts[symbol] * (1 + BPS * bps), size)

    def _print(self, symbol: str, fraction: float) -> None:
        """Somebody trades with one of our resting orders."""
        resting = [o for o in self._open() if o.symbol == symbol and o.working and o.price]
        if resting:
            order = resting[0]
            lot = self.exchange.engines[self.plan.market].rules[symbol].lot
            quantity = order.remaining * Decimal(str(fraction)) // lot * lot
            if quantity:
                self.exchange.engines[self.plan.market].take(order, quantity)

    def _open(self) -> list[Order]:
        return [o for o in self.exchange.truth.open_orders(market=self.plan.market) if not o.foreign]

    # --- steps: the exchange --------------------------------------------------------------------

    def _reply_fault(self, kind: str, door: str, **more: Any) -> None:
        method, path = DOORS[door]
        self.exchange.misbehave(kind, method=method, path=path, **more)

    def _stream_fault(self, kind: str, **more: Any) -> None:
        self.exchange.misbehave(kind, stream="user", **more)

    def _streams_cut(self) -> None:
        self.exchange.restart_streams()

    def _forget_next(self, seconds: float) -> None:
        self.exchange.misbehave("forget", seconds=seconds)

    def _forget_last(self, seconds: float) -> None:
        ours = self.exchange.truth.client_ids()
        if ours:
            self.exchange.forget(ours[-1], seconds)

    def _fill_race(self, fraction: str) -> None:
        self.exchange.misbehave("fill-before-cancel", fraction=fraction)

    def _skew(self, seconds: float) -> None:
        self.exchange.skew_clock(seconds + self.machine.clock.off * -1)

    def _clock_jump(self, seconds: float) -> None:
        """Ours jumps; the exchange's does not."""
        theirs = self.exchange.clock_offset_ns / 1e9 + self.machine.clock.off
        self.machine.clock.off = seconds
        self.exchange.skew_clock(theirs - seconds)

    def _all_well(self) -> None:
        self.exchange.behave()

    # --- steps: from outside --------------------------------------------------------------------

    def _outside_trade(self, symbol: str, side: str) -> None:
        quantity = (Decimal(3_000) / self.starts[symbol]).quantize(Decimal("0.001"))
        self._try_outside(symbol, side, quantity, None)

    def _outside_order(self, symbol: str) -> None:
        """It rests some way off, and is none of our business."""
        quantity = (Decimal(3_000) / self.starts[symbol]).quantize(Decimal("0.001"))
        price = (self.starts[symbol] * Decimal("0.985")).quantize(Decimal(1))
        self._try_outside(symbol, "BUY", quantity, price)

    def _try_outside(
        self, symbol: str, side: str, quantity: Decimal, price: Decimal | None
    ) -> None:
        try:
            self.exchange.outside_order(
                "main", symbol, side, quantity, price, market=self.plan.market
            )
        except ApiError:
            return  # it has nothing to sell, say

    @property
    def moved_outside(self) -> bool:
        """Somebody else traded on the account, or moved money."""
        truth, market = self.exchange.truth, self.plan.market
        traded = any(o.foreign and o.fills for o in truth.orders if o.market == market)
        return traded or bool(truth.entries("transfer"))

    def _transfer(self, amount: int) -> None:
        self.exchange.outside_transfer("main", "USDT", amount, market=self.plan.market)

    def _accept(self) -> None:
        """The operator takes the exchange's word for ours."""
        life, run = self.life, self.run
        if life is None or run is None or life.process.stopped:
            return

        async def accept() -> None:
            told = await side_by_side(run, accept=True)
            if not told["unreachable"]:
                self.witness.adopt()

        life.process.run(lambda: asyncio.ensure_future(accept()))

    # --- steps: life and death ------------------------------------------------------------------

    def _kill(self, after: int, power: bool) -> None:
        if self.life is not None:
            self.life.power = power
            self.life.process.fuse = after

    def _terminate(self) -> None:
        if self.life is not None:
            self.life.process.send_signal(signal.SIGTERM)

    def _freeze(self, seconds: float) -> None:
        life = self.life
        if life is not None:
            life.process.stop()
            asyncio.get_running_loop().call_later(seconds, life.process.resume)

    # --- steps: stops ---------------------------------------------------------------------------

    def _latching(self) -> Any:
        write = HaltLatch._write

        def written(path: Path, state: Any) -> None:
            write(path, state)
            before = self.witness.latched
            if state is None:
                self.witness.latched = None
            else:
                since = before[0] if before is not None else self.machine.clock.now
                self.witness.latched = since, state.flatten

        return staticmethod(written)

    def _latch(self) -> None:
        """And the process is not even told."""
        if self.latch_made:
            self.latch.set("by the schedule")
            asyncio.get_running_loop().call_later(LOOKS_INTO_IT_S, self._terminate)

    @property
    def latch_made(self) -> bool:
        return (self.folder / "halt").exists()

    def _emergency(self, flatten: bool) -> None:
        life = self.life
        if life is None or life.run is None or life.process.stopped:
            return
        run = life.run
        self.latch.set("by the schedule", flatten=flatten)

        async def stop() -> None:
            told = await control_handlers(run)["emergency_stop"](
                "by the schedule", flatten=flatten
            )
            self.witness.receipt(told, flatten=flatten)

        life.process.run(lambda: asyncio.ensure_future(stop()))

    def _direct_stop(self, flatten: bool) -> None:
        """The process does not answer: it is ended, and another one finishes the job."""
        if not self.latch_made or self.stopping:
            return
        self.stopping = True
        self.latch.set("by the schedule", flatten=flatten)
        if self.life is not None:
            self.life.process.kill()
        asyncio.ensure_future(self._stop_directly(flatten))

    async def _stop_directly(self, flatten: bool) -> None:
        process = self.machine.process("stop")
        process.start(self._finish(flatten))
        try:
            async with asyncio.timeout(60):
                await process.gone.wait()
        except TimeoutError:
            self.witness.say("the direct stop took more than a minute")
            process.kill()
        self.stopping = False

    async def _finish(self, flatten: bool) -> None:
        state_dir, loop = StateDir(self.folder), asyncio.get_running_loop()
        stop = Stop(flatten=flatten)
        try:
            with state_dir.owned():
                recovered = recover(state_dir, LIVE_ACCOUNT)
                if recovered is None:
                    return
                told = await _finishing_run(
                    state_dir, recovered, "by the schedule", stop, loop.time() + 8.0
                )
        except ExchangeError:
            return
        except Exception as error:  # nothing else may ever fall out of it
            self.witness.say(f"the direct stop broke: {type(error).__name__}: {error}")
        else:
            self.witness.receipt(told, flatten=flatten)

    # --- quiet ----------------------------------------------------------------------------------

    async def _settle(self) -> bool:
        """Every fault ends, and everything must come to rest."""
        self.quiet = True
        self.exchange.behave()
        self._clock_jump(0)
        self.exchange.skew_clock(0)
        self.machine.slow_disk = 0.0
        for order in self.exchange.truth.orders:
            order.hidden_until = 0.0
        if self.life is not None:
            self.life.process.fuse = None
            self.life.process.resume()
        trading = await self._until("a run trades", lambda: self.run and not self._latched())
        return trading and await self._until("everything is settled", self._settled)

    def _latched(self) -> bool:
        return self.latch.read() is not None

    def _settled(self) -> bool:
        """No question is open, and the last answer is from after the last fault."""
        run = self.run
        if run is None:
            return False
        if any(o.status not in _AT_REST for o in run.books.working_orders()):
            return False
        live = run.books.account.live
        holds = {kind for s in self.plan.symbols for kind in run.books.holds(s)}
        if any(s.do == "clock-jump" for s in self.plan.steps):
            holds.discard(HoldKind.STALE)  # a clock that was ahead makes everything look old for long
        if self.moved_outside:
            return live is not None and not any(s.seen < 2 for s in live.suspects.values())
        return live is not None and not live.suspects and not holds

    async def _until(self, what: str, done: Callable[[], object]) -> bool:
        """It has been so for a while."""
        deadline, held = self.machine.clock.now + QUIET_S, 0
        while held < 12:
            held = held + 1 if done() else 0
            if self.machine.clock.now > deadline:
                self.witness.say(f"it never came to this: {what}; {self._state()}")
                return False
            await asyncio.sleep(0.5)
        return True

    def _state(self) -> str:
        run = self.run
        if run is None:
            return f"no run: {[life.end for life in self.lives]}, latch {self.latch.read()}"
        holds = {s: dict(run.books.holds(s)) for s in self.plan.symbols}
        orders = [(o.spec.order_id, o.status.value) for o in run.books.working_orders()]
        live = run.books.account.live
        suspects = live.suspects if live is not None else None
        return f"holds {holds}, suspects {suspects}, orders {orders}, mode {run.books.mode}"

    async def _end(self) -> None:
        """Compare, end as asked, and compare what a next run would find."""
        life, run = self.life, self.run
        assert life is not None and run is not None
        if self.moved_outside:
            await self._in_life(life, side_by_side(run, accept=True))
        self.witness.compare(run.books)
        told = await self._in_life(life, side_by_side(run, accept=False))
        if told is None or not told["clean"]:
            self.witness.say(f"the reconciliation is not clean: {told}")
        state = run.state.state_hash()
        del state
        life.process.send_signal(signal.SIGTERM)
        await life.process.gone.wait()
        self.witness.recovered()

    async def _in_life(self, life: Life, work: Coroutine[Any, Any, Any]) -> Any:
        task = life.process.run(asyncio.ensure_future, work)
        done, _ = await asyncio.wait([task], timeout=60)
        return task.result() if done else None


_AT_REST = (OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED)


class _Screen:
    """Tells the desk of the run, once it trades."""

    def __init__(self, desk: Desk, life: Life) -> None:
        self._desk = desk
        self._life = life

    async def start(self, run: TradingRun) -> None:
        self._life.run = run
        self._desk.witness.run = run

    async def stop(self) -> None:
        pass


__all__ = ["Desk", "Outcome", "perform"]
