"""From a tick to its order and its fill, on a live clock: what a trader waits for.

The trading part of a run is put together as `run` does it, on the wall clock, with journal, database,
alerts and monitor on, and the strategy of configs/flip.toml. Recorded trades are posted one by one at an
even pace, whatever pace they were recorded at. Three moments are stamped with the same clock: a tick is
posted; risk has approved the order that it caused; its fill is shown to an observer, which happens only
after all of it is in the journal. Afterwards the journal tells which tick caused which order.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from msgspec import Struct, field

from tradectl.bus.clock import WallClock
from tradectl.bus.core import Stage
from tradectl.bus.event_bus import EventBus
from tradectl.config.load import load_settings
from tradectl.domain.events import (
    MarketDataEvent,
    OrderApproved,
    OrderFilled,
    OrderInitialized,
    Record,
)
from tradectl.domain.time import MILLISECOND, SECOND
from tradectl.journal.reader import JournalReader
from tradectl.monitoring.alert_manager import AlertManager
from tradectl.monitoring.monitor import SystemMonitor
from tradectl.operations.bench.bench import CONFIGS, Bench, percentile
from tradectl.operations.bench.table import Row, at_most
from tradectl.runtime.session import Session
from tradectl.state.account import Account
from tradectl.storage.directory import StateDir

TICKS_PER_SECOND = 1_000
BUS_EVENTS_PER_SECOND = 5_000
WARM_UP_S = 1.0
SETTLE_S = 0.3


class Stamps(Struct):
    """`posted` by the tick's number, the others by order id; all of them perf_counter, ns."""

    posted: list[int] = field(default_factory=list)
    decided: dict[str, int] = field(default_factory=dict)
    shown: dict[str, int] = field(default_factory=dict)


def measure(bench: Bench) -> Iterator[Row]:
    seconds = 3 if bench.quick else 20
    yield from on_the_bus(bench.events(BUS_EVENTS_PER_SECOND * seconds))
    ticks = bench.events(TICKS_PER_SECOND * seconds)
    yield from tick_to_fill(ticks, bench.new_folder() / "state")


# --- the bus alone --------------------------------------------------------------------------------


def on_the_bus(events: list[MarketDataEvent]) -> Iterator[Row]:
    waits = asyncio.run(waits_on_the_bus(events))
    what = f"event on the bus, {BUS_EVENTS_PER_SECOND:,} a second"
    mean = sum(waits) / len(waits) / MILLISECOND
    yield Row(what=f"{what}: mean", value=mean, unit="ms", floor=at_most(10))
    yield row(f"{what}: p99", waits, 0.99, goal_ms=0.1)


async def waits_on_the_bus(events: list[MarketDataEvent]) -> list[int]:
    """ns from posting to the core's handler, event by event."""
    posted: list[int] = []
    handled: list[int] = []
    bus = EventBus(clock=WallClock())
    bus.attach(
        MarketDataEvent, lambda _, __: handled.append(time.perf_counter_ns()), Stage.STRATEGY
    )
    await bus.start()
    with undisturbed():
        await paced(events, BUS_EVENTS_PER_SECOND, lambda event: post(bus, event, posted))
        await bus.join()
    await bus.stop()
    return [done - began for began, done in zip(posted, handled, strict=True)]


# --- the whole way --------------------------------------------------------------------------------


Watched = Callable[[Session], AlertManager]


def watched_by_alerts(session: Session) -> AlertManager:
    return AlertManager(session.bus, store=session.store, run_id=session.run_id)


def tick_to_fill(ticks: list[MarketDataEvent], folder: Path) -> Iterator[Row]:
    stamps = Stamps()
    journal = asyncio.run(trade(ticks, StateDir(folder), stamps))
    caused = tick_of_order(journal)
    causes = {i: n for i, n in caused.items() if i in stamps.decided and i in stamps.shown}
    if not causes:
        raise RuntimeError(f"none of {len(caused)} orders was filled in time")
    decision = [stamps.decided[i] - stamps.posted[n] for i, n in causes.items()]
    fill = [stamps.shown[i] - stamps.posted[n] for i, n in causes.items()]
    order_to_fill = [stamps.shown[i] - stamps.decided[i] for i in causes]
    pace = f"at {TICKS_PER_SECOND:,} ticks a second"
    late = len(caused) - len(causes)
    note = f"{len(ticks)} ticks, {len(causes)} orders; {late} more had no fill at the end"
    yield row(f"tick to order approved, {pace}: p50", decision, 0.50, note=note)
    yield row(f"tick to order approved, {pace}: p99", decision, 0.99, floor_ms=100, goal_ms=0.5)
    yield row(f"order approved to fill shown, {pace}: p50", order_to_fill, 0.50)
    yield row(f"order approved to fill shown, {pace}: p99", order_to_fill, 0.99, 200, goal_ms=1)
    yield row(f"tick to fill shown, {pace}: p50", fill, 0.50)
    yield row(f"tick to fill shown, {pace}: p99", fill, 0.99)
    yield row(f"tick to fill shown, {pace}: worst", fill, 1.0)


async def trade(
    ticks: list[MarketDataEvent],
    state_dir: StateDir,
    stamps: Stamps,
    watched: Watched = watched_by_alerts,
) -> Path:
    """Post the ticks into a running system, and stamp what becomes of them; its journal."""
    async with trading(state_dir, watched) as session:
        bus = session.bus
        bus.attach(OrderApproved, lambda _, r: note(r, stamps.decided), Stage.PORTFOLIO)
        bus.observe([OrderFilled], lambda r: note(r, stamps.shown), name="benchmark")
        await asyncio.sleep(WARM_UP_S)
        with undisturbed():
            await paced(ticks, TICKS_PER_SECOND, lambda tick: post(bus, tick, stamps.posted))
            await asyncio.sleep(SETTLE_S)
    return session.journal_path


@asynccontextmanager
async def trading(
    state_dir: StateDir, watched: Watched = watched_by_alerts
) -> AsyncIterator[Session]:
    """A session as `run` composes it, but for feed, screen and control socket."""
    settings = load_settings(CONFIGS / "flip.toml")
    state_dir.create()
    account = Account.open("", settings.account.currency, settings.account.cash)
    session = Session(
        settings, state_dir, account, WallClock(), source="recorded", account_kind="recorded"
    )
    alerts = watched(session)
    session.orchestrator.add("alerts", alerts)
    session.orchestrator.add("monitor", SystemMonitor(session.bus, session.state, alerts))
    for name, component in session.system.components():
        session.orchestrator.add(name, component)
    with state_dir.owned():
        await session.open()
        await session.orchestrator.start()
        yield session
        await session.orchestrator.stop()
        await session.close("end of data")


def tick_of_order(journal: Path) -> dict[str, int]:
    """Order id -> how many ticks came before the one that caused it."""
    causes: dict[str, int] = {}
    ticks = 0
    with JournalReader(journal) as reader:
        for record in reader.records():
            if isinstance(record.event, MarketDataEvent):
                ticks += 1
            elif isinstance(record.event, OrderInitialized):
                causes[record.event.order.order_id] = ticks - 1
    return causes


def note(record: Record, moments: dict[str, int]) -> None:
    moments[record.event.order_id] = time.perf_counter_ns()  # type: ignore[union-attr]


def post(bus: EventBus, event: MarketDataEvent, posted: list[int]) -> None:
    posted.append(time.perf_counter_ns())
    bus.post(event)


# --- an even pace ---------------------------------------------------------------------------------


async def paced(
    events: list[MarketDataEvent], per_second: int, post: Callable[[MarketDataEvent], None]
) -> None:
    """Post events when they are due; of those that came due together, each in a turn of its own."""
    began, apart = time.perf_counter_ns(), SECOND // per_second
    for number, event in enumerate(events):
        ahead = began + number * apart - time.perf_counter_ns()
        await asyncio.sleep(max(0, ahead) / SECOND)
        post(event)


@contextmanager
def undisturbed() -> Iterator[None]:
    """As in a run: events cannot form circles, so the garbage collector is asked seldom."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def row(
    what: str,
    waits: list[int],
    share: float,
    floor_ms: float | None = None,
    goal_ms: float | None = None,
    note: str = "",
) -> Row:
    return Row(
        what=what,
        value=percentile(waits, share) / MILLISECOND,
        unit="ms",
        floor=at_most(floor_ms) if floor_ms else None,
        goals=(at_most(goal_ms),) if goal_ms else (),
        note=note,
    )
