"""A live run on a simulated system, beside a loopback exchange, and a plan carried out on both.

    outcome = perform(plan_of(seed), folder)
    assert not outcome.wrong

The run is `runtime.trade.trade` itself with ccxt itself, from the lock to the footer of the journal. It
is killed, stopped and started again as the plan says; whoever starts it again is the operator, who also
clears a halt after a look at it. After the last step every fault ends, everything must come to rest, and
then all is compared.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

from tests.schedules.attention import Attention
from tests.schedules.brakes_held import entered_in_spite
from tests.schedules.exits_held_back import exits_held_back
from tests.schedules.expectations import Expectations, unmet_of
from tests.schedules.invariant_checker import InvariantChecker
from tests.schedules.limited_plans import BRAKES, LEGS, legs_apart
from tests.schedules.plan_settings import settings_of
from tests.schedules.plans import Plan
from tests.schedules.screen import Screen
from tests.schedules.steps import BPS, LOOKS_INTO_IT_S, Life
from tests.schedules.stops import Stops
from tests.simulated_os.patches import nothing_left_behind, run_on
from tests.simulated_os.system import SimulatedOS
from tests.venues import speaks_for
from tests.venues.dialect import Dialect
from tests.venues.harness import under_its_names, without_streams
from tradectl.documents.operations import Reconciliation
from tradectl.domain.errors import ExchangeError, Halted, JournalFailed
from tradectl.domain.events import Acceptance, RestrictionKind, SystemEventKind
from tradectl.domain.orders import OrderStatus
from tradectl.domain.states import TradingState
from tradectl.exchange.base import Accepted
from tradectl.runtime.in_process_reconcile import compare
from tradectl.runtime.run import TradingRun
from tradectl.runtime.run_options import RunOptions
from tradectl.runtime.trade import trade
from tradectl.storage.directory import StateDir
from tradectl.storage.latch import Halt, HaltLatch
from tradectl.testkit import KEY, SECRET, Fees, LoopbackExchange
from tradectl.testkit import server as doors
from tradectl.testkit.answers import reply

QUIET_S = 150.0
"""How long it may take, after the last fault, until everything is settled."""
MOST_LIVES = 500
HELD_FOR = 10
"""looks, 0.5 s apart, at which it must be so"""
OFF_S = 5.0
"""How long the system is off after a loss of power."""
LOOKS_AT_ALERTS_S = 20.0
"""How long the operator leaves it alone with what an alert tells."""
ASKED_AGAIN_S = 5.0
"""How long it may take until what is late is asked for again."""
SETTLES = (Accepted(Acceptance.POSITION), Accepted(Acceptance.TRANSFER))
"""what the operator says of what the trade history does not explain"""
AT_REST = (OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED)


@dataclass
class Outcome:
    """`wrong` is what was seen that must not be; `unmet` what the plan says and did not come about."""

    wrong: list[str]
    unmet: list[str]
    counts: dict[str, int]
    lives: list[str]
    callbacks: int


def perform(plan: Plan, folder: Path, dialect: Dialect | None = None) -> Outcome:
    """The whole plan, in no time; at an exchange that speaks the dialect."""
    with nothing_left_behind(), contextlib.ExitStack() as stack:
        if dialect is not None and not dialect.is_native:
            stack.enter_context(without_streams())
            stack.enter_context(under_its_names(dialect))
        return _performed(plan, folder, dialect)


def _performed(plan: Plan, folder: Path, dialect: Dialect | None) -> Outcome:
    if dialect is not None and "stops" in dialect.cannot:
        plan = replace(plan, stop_loss=None)  # a run that needs them is refused there
    if dialect is not None and dialect.any_contracts:
        told = tuple(step for step in plan.steps if "lot" not in step.more)
        plan = replace(plan, steps=told)
    system = SimulatedOS(plan.seed)
    system.slow_disk = plan.slow_disk
    with mock.patch.dict(os.environ, _keys(dialect)):
        performed = ScheduledRun(plan, system, folder, dialect)
        run_on(system, performed.perform())
    checker, lives = performed.checker, [life.end for life in performed.lives]
    unmet = [*unmet_of(plan, performed.faults, checker.counts, lives)]
    return Outcome([*checker.wrong], unmet, dict(checker.counts), lives, system.loop.count)


def _keys(dialect: Dialect | None) -> dict[str, str]:
    if dialect is None:
        return {"TRADECTL_BINANCE_API_KEY": KEY, "TRADECTL_BINANCE_API_SECRET": SECRET}
    parts = zip(("API_KEY", "API_SECRET", "PASSPHRASE"), dialect.credentials, strict=True)
    return {f"TRADECTL_{dialect.exchange_id.upper()}_{part}": value for part, value in parts}


class ScheduledRun(Stops, Expectations):
    """The system, the exchange and the operator; what steps do is `Stops` and `Steps`."""

    def __init__(
        self, plan: Plan, system: SimulatedOS, folder: Path, dialect: Dialect | None = None
    ) -> None:
        super().__init__()
        self.plan = plan
        self.system = system
        self.folder = folder
        asset = (dialect.fees_in if dialect is not None else "") or plan.fee_asset
        fees = Fees(asset=asset)  # type: ignore[arg-type]
        self._allows = dialect.allows if dialect is not None else None
        self._is_played_back = dialect is not None and not dialect.is_native
        self.exchange = LoopbackExchange(plan.seed, fees=fees, dialect=dialect)
        self.exchange.accounts["main"].spot.free["BNB"] = Decimal(1)
        cuts = Random(f"cuts {plan.seed}").random() < 0.5
        self.exchange.engines["futures"].cuts_reduce_only = cuts
        self.latch = StateDir(folder).latch
        self.checker = InvariantChecker(system, self.exchange, plan.market, folder)
        self.starts = {s: self.exchange.engines[plan.market].last[s] for s in plan.symbols}
        self.checker.protection.stops_pass = plan.stops_pass
        self.checker.protection.is_calm = self.checker.countdown.is_calm = plan.calm
        attention = Attention(system.clock, lambda: self.life)
        self.checker.protection.nobody_sees_to = attention.is_missing
        self.checker.lowest = {s: price * Decimal("0.98") for s, price in self.starts.items()}
        self.prices = {}
        self.lives = []
        self._random = Random(f"desk {plan.seed}")  # a salt: kept seeds keep their meaning
        self._quiet = self._over = False
        self._compared_at = 0.0
        self._asked_to_end: Life | None = None
        self._bound_since: float | None = None

    async def perform(self) -> None:
        latching = mock.patch.object(HaltLatch, "_write", self._latching())
        with latching, mock.patch.object(doors, "reply", self._slowly):
            async with self.exchange:
                for symbol, price in self.starts.items():
                    self.move(symbol, price)
                await self._perform()

    async def _perform(self) -> None:
        operator = asyncio.ensure_future(self._operate())
        market = asyncio.ensure_future(self._market())
        await self._first_life()
        begun = self.system.clock.now
        for step in self.plan.steps:
            await asyncio.sleep(max(0.0, begun + step.at - self.system.clock.now))
            self.do(step)
        settled = await self._end_orders()
        self._over = True
        market.cancel()
        if settled and self._is_played_back:
            # nothing is pushed there: what was traded last is known when it is asked for
            self._compared_at = self.system.clock.now + 2 * self.plan.reconcile + ASKED_AGAIN_S
            settled = await self._until("what was traded last is known", self._orders_ended)
        if settled:
            await self._end()
        if operator.done():
            operator.result()
        operator.cancel()
        await self.checker.journals.replayed()
        if self.plan.ends_flat:
            self.checker.wrong += exits_held_back(self.folder / "journals")
        if self.plan.about == BRAKES:
            self.checker.wrong += entered_in_spite(self.folder / "journals")
        self.checker.wrong += [f"nobody heard of this: {error}" for error in self.system.errors]

    # --- the operator ---------------------------------------------------------------------------

    async def _operate(self) -> None:
        """Start it, and start it again whenever it has ended."""
        while not self._over:
            if len(self.lives) > MOST_LIVES:
                raise AssertionError(f"it never lives: {self.lives[-1].end}")
            life = self._start()
            await life.process.gone.wait()
            self.checker.run = None
            self._close(life)
            pauses = self.plan.restart_after
            await asyncio.sleep(0.0 if self._quiet else pauses[len(self.lives) % len(pauses)])
            await self._stopped_directly()
            halt = self.latch.read()
            goes_on = halt is not None and halt.state is TradingState.REDUCING and self._quiet
            if halt is not None and life.end != "refused" and not goes_on:
                continue  # it must refuse, or see the halt through
            if halt is not None:
                await asyncio.sleep(LOOKS_INTO_IT_S)
                await self._stopped_directly()
                self._clear_halt(halt)

    async def _first_life(self) -> None:
        """Plans begin with a run that trades, if it lives so long."""
        for _ in range(40):
            if (run := self.run) is not None and not any(
                map(run.books.restrictions, self.plan.symbols)
            ):
                return
            await asyncio.sleep(0.5)

    def _clear_halt(self, halt: Halt) -> None:
        """As `clear-halt` does."""
        in_time = not self.checker.counts["unconfirmed"]
        if self.plan.ends_flat and in_time and halt.state is not TradingState.REDUCING:
            self.checker.protection.must_be_flat([*self.plan.symbols], "it was flattened")
        StateDir(self.folder).cleared_halt.note(halt)
        self.latch.clear()

    async def _stopped_directly(self) -> None:
        while self.stopping:  # noqa: ASYNC110  a stop has no event of its own
            await asyncio.sleep(0.1)

    def _start(self) -> Life:
        kills_after = self.plan.kills_after
        process = self.system.process(f"life {len(self.lives) + 1}")
        process.kill_after = (
            None if self._quiet else kills_after[len(self.lives) % len(kills_after)]
        )
        life = Life(process, in_quiet=self._quiet)
        self.system.disk_full = self.checker.protection.fails = False
        self.lives.append(life)
        self.checker.countdown.life_begins()
        process.start(self._main(life))
        return life

    async def _main(self, life: Life) -> None:
        options = RunOptions(
            settings=settings_of(
                self.plan, self.exchange.url, speaks_for(self.exchange), self._allows
            ),
            state_dir=StateDir(self.folder),
        )
        halt = self.latch.read()
        is_cleared = StateDir(self.folder).cleared_halt.read() is not None
        left_in = TradingState.RUNNING if halt is None and is_cleared else self.left_in()
        try:
            await trade(options, Screen(self.checker, life, left_in))
            life.end = "ended"
        except Halted:
            life.end = "refused"
            self._refused(halt)
            if self.latch.read() is None:
                self.checker.say("it refused to start, and nothing was latched")
        except ExchangeError as error:
            life.end = f"failed: {error}"
        except JournalFailed:
            life.end = "the journal failed"
            if not self.system.disk_full:
                self.checker.say("the journal failed, and the disk has room")
        except Exception as error:  # nothing else may ever fall out of it
            life.end = f"broke: {type(error).__name__}: {error}"
            self.checker.say(f"it {life.end}")

    def _refused(self, halt: Halt | None) -> None:
        """What a loss limit began to close is closed by whoever starts next."""
        if halt is None or halt.state is TradingState.HALTED or not self.plan.calm:
            return
        left = self.latch.read()
        if halt.state is TradingState.FLATTENING or (left is not None and left.state is halt.state):
            self.checker.protection.must_be_flat([*self.plan.symbols], f"it refused {halt.state}")

    def _close(self, life: Life) -> None:
        self.system.latch_fails = False
        if life.power and life.end == "killed":
            self.system.lose_power(self.folder / "journals")
            self.system.clock.now += OFF_S
        if life.in_quiet and life.run is None and life.end not in ("killed", "refused"):
            self.checker.say(f"it did not start in quiet: {life.end}")
        self.checker.journals.recovered()
        if self.plan.calm and life.end == "ended" and life.run is not None:
            self.checker.protection.compare([*self.plan.symbols], life.run.books)
            stopped = any(step.do in ("emergency", "direct-stop") for step in self.plan.steps)
            self.checker.countdown.ended([*self.plan.symbols], may_stay=stopped)
        if self.plan.calm and life.end == "the journal failed":
            self.checker.protection.only_stops_rest()

    # --- the world around it --------------------------------------------------------------------

    async def _market(self) -> None:
        """It never stands still for long."""
        while True:
            await asyncio.sleep(3.0)
            for symbol, price in self.prices.items():
                self.move(symbol, price + self.starts[symbol] * BPS * self._random.choice((-1, 1)))

    async def _slowly(self, *args: Any) -> Any:
        """The way to the exchange and back takes time."""
        latency = 0.0 if self._quiet else self.plan.latency
        await asyncio.sleep(self._random.uniform(0, latency))
        answer = await reply(*args)
        await asyncio.sleep(self._random.uniform(0, latency))
        return answer

    def _latching(self) -> Any:
        """Whoever sets or clears the latch, the checker knows since when."""
        write = HaltLatch._write

        def written(path: Path, halt: Halt | None) -> None:
            if self.system.latch_fails:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            write(path, halt)
            self.checker.latched_now(halt.state if halt is not None else None)

        return staticmethod(written)

    # --- quiet ----------------------------------------------------------------------------------

    async def _end_orders(self) -> bool:
        """Every fault ends, and everything must come to rest."""
        self._quiet = True
        rows = self.exchange.accounts["main"].futures.income.rows
        shown = max([self.system.clock.now, *(row.shown_from for row in rows)])
        self._compared_at = shown + 2 * self.plan.reconcile + ASKED_AGAIN_S
        self.exchange.behave()
        self._clock_jump(0)
        self.exchange.skew_clock(0)
        self.system.slow_disk = 0.0
        for order in self.exchange.truth.orders:
            order.hidden_until = 0.0
        if self.life is not None:
            self.life.process.kill_after = None
            self.life.process.resume()
        return await self._until("a run trades", self._trades) and await self._until(
            "everything is settled", self._orders_ended
        )

    def _trades(self) -> bool:
        reducing = self.latch.state() is TradingState.REDUCING
        if reducing and self.run is not None and self.life is not self._asked_to_end:
            self._asked_to_end = self.life
            self._terminate()  # nobody closes what it waits for
        self._look_at_what_binds()
        return self.run is not None and self.latch.read() is None

    def _look_at_what_binds(self) -> None:
        """Orders of others keep it from flattening, and an alert names them: the operator has them
        cancelled."""
        flattening = self.latch.state() is TradingState.FLATTENING
        alerts = self.run.alerts.get_active_alerts() if flattening and self.run is not None else []
        bound = [alert for alert in alerts if alert.type == SystemEventKind.COINS_BOUND]
        if not bound:
            self._bound_since = None
            return
        now = self.system.clock.now
        self._bound_since = self._bound_since or now
        if now - self._bound_since > LOOKS_AT_ALERTS_S:
            self._bound_since = None
            self.checker.protection.binding_orders_are_named(alert.message for alert in bound)
            self._emergency(flatten=True, everything=True)

    def _orders_ended(self) -> bool:
        """No question is open, and all was compared twice since the last fault."""
        run = self.run
        live = run.books.account.reconciliation if run is not None else None
        if run is None or live is None or self.system.clock.now < self._compared_at:
            return False
        if any(order.status not in AT_REST for order in run.books.working_orders()):
            return False
        holds = {kind for symbol in self.plan.symbols for kind in run.books.restrictions(symbol)}
        if self._moved_outside():
            is_compared = RestrictionKind.UNRECONCILED not in holds
            return is_compared and not any(s.seen < 2 for s in live.discrepancies.values())
        if any(step.do == "clock-jump" for step in self.plan.steps):
            holds.discard(
                RestrictionKind.STALE
            )  # a clock that was ahead makes all look old for long
        return not live.discrepancies and not holds

    def _nothing_on_its_way(self) -> bool:
        run = self.run
        return run is not None and all(o.status in AT_REST for o in run.books.working_orders())

    def _moved_outside(self) -> bool:
        """Somebody else traded on the account, or moved money without the exchange's saying so."""
        truth, market = self.exchange.truth, self.plan.market
        traded = any(o.foreign and o.fills for o in truth.orders if o.market == market)
        return traded or (market == "spot" and bool(truth.entries("transfer")))

    async def _until(self, what: str, done: Callable[[], bool]) -> bool:
        """It has been so for a while."""
        deadline, held = self.system.clock.now + QUIET_S, 0
        while held < HELD_FOR:
            held = held + 1 if done() else 0
            if self.system.clock.now > deadline:
                self.checker.say(f"it never came to this: {what}; {self._state()}")
                return False
            await asyncio.sleep(0.5)
        return True

    def _state(self) -> str:
        run = self.run
        if run is None:
            return f"no run: {[life.end for life in self.lives]}, latch {self.latch.read()}"
        holds = {s: dict(run.books.restrictions(s)) for s in self.plan.symbols}
        live = run.books.account.reconciliation
        discrepancies = live.discrepancies if live is not None else None
        orders = [(o.spec.order_id, o.status.value) for o in run.books.working_orders()]
        said = f"restrictions {holds}, discrepancies {discrepancies}, orders {orders}"
        return f"{said}, trading state {run.books.trading_state}"

    async def _end(self) -> None:
        """Compare, end as asked, and compare what a next run would find."""
        life, run = self.life, self.run
        assert life is not None
        assert run is not None
        if self._moved_outside():
            self.checker.what_others_did_is_held(run.books)
            if self._is_held(run):
                await self._reconciled(life, run, *SETTLES)
                await life.process.run(asyncio.ensure_future, run.orchestrator.resume())
            # what was held back is ordered now, and what becomes of it is compared, too
            await self._until("all is settled once more", self._nothing_on_its_way)
        self.checker.compare(run.books)
        if self.plan.stop_loss is not None:
            self.checker.protection.compare([*self.plan.symbols], run.books)
        if self.plan.brackets:
            self.checker.protection.stops_of_strategies([*self.plan.symbols], run.books)
        elif self.plan.stop_loss is not None:
            self.checker.protection.one_stop_each([*self.plan.symbols])
        if self.plan.about == LEGS:
            self.checker.wrong += legs_apart(run.books)
        told = await self._reconciled(life, run)
        if not told.clean:
            self.checker.say(f"the reconciliation is not clean: {told}")
        life.process.send_signal(signal.SIGTERM)
        await life.process.gone.wait()
        self.checker.journals.recovered()

    def _is_held(self, run: TradingRun) -> bool:
        held = {kind for symbol in self.plan.symbols for kind in run.books.restrictions(symbol)}
        return bool(held & {RestrictionKind.MISMATCH, RestrictionKind.BALANCE})

    async def _reconciled(self, life: Life, run: TradingRun, *accepted: Accepted) -> Reconciliation:
        """Asked until the exchange could be asked, and nothing was just then on its way there; what is
        accepted is, one after the other."""
        self.checker.own.accepted_at_the_end |= bool(accepted)
        for each in [*accepted, None]:
            for _ in range(20):
                still = self._nothing_on_its_way()
                told: Reconciliation = await life.process.run(
                    asyncio.ensure_future, compare(run, each, confirm=True)
                )
                still = still and self._nothing_on_its_way()
                if not told.unreachable and (still or told.clean or each is not None):
                    break
                await asyncio.sleep(5.0)
        return told


__all__ = ["Outcome", "ScheduledRun", "perform"]
