"""The event bus: what comes in waits by priority, is decided once, written down, then shown.

Edges post inputs. Each turn takes the waiting ones, highest class first, through the core's step; the
journal gets a turn's records in one write; only then do observers hear of them, and only once a step is
durable do its commands leave for an exchange. So nothing is ever seen, or sent, that a crash could undo.

Time moves with the inputs. Scheduled inputs (timers, an exchange's delayed answer) come when a live
clock reaches them, or, on recorded data, just before the first event that lies after them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from tradectl.bus.alarm import Alarm
from tradectl.bus.clock import Clock, WallClock
from tradectl.bus.command_release import CommandRelease, Computer, Journal, Sender, broken
from tradectl.bus.components import ComponentRegistry, Terms
from tradectl.bus.core import AnyHandler, Core, E, Handler, Stage, checked
from tradectl.bus.delivery import Observer
from tradectl.bus.input_queue import InputQueue, check_money
from tradectl.bus.mailbox import DeadLetter
from tradectl.bus.observers import Kind, Observers
from tradectl.bus.scheduler import Idle, Scheduler
from tradectl.bus.stage_times import StageTimes
from tradectl.bus.step_times import StepTimes
from tradectl.bus.turn import Turn
from tradectl.documents.run import BusFigures
from tradectl.domain.commands import StepCommand
from tradectl.domain.errors import JournalFailed, TradectlError
from tradectl.domain.events import (
    Event,
    EventPriority,
    EventType,
    MarketDataEvent,
    Record,
)
from tradectl.domain.statistics import Durations

YIELD_EVERY = 256
SLOW_STEP_NS = 250_000_000


class EventBus:
    """Priority classes in, one deterministic core, observers out.

    At most `max_queue_size` inputs wait in each of the two kinds: market data beyond it is shed, oldest
    first, and counted; for everything else the publisher waits.
    """

    def __init__(
        self,
        max_queue_size: int = 10_000,
        *,
        clock: Clock | None = None,
        journal: Journal | None = None,
        core: Core | None = None,
        components: ComponentRegistry | None = None,
        history: int = 1_000,
        slice_ns: int | None = None,
        slow_step_ns: int = SLOW_STEP_NS,
    ) -> None:
        self.clock: Clock = clock or WallClock()
        self.step_times = StepTimes(slow_step_ns)
        self.core = core or Core()
        self.stage_times = StageTimes(self.core, self.clock.ticks)
        self.components = components or ComponentRegistry()
        self.terms = Terms()
        self.command_release = CommandRelease(journal, self.clock, self._fail)
        self.failure: TradectlError | None = None
        self.failed = asyncio.Event()
        self._inputs = InputQueue(max_queue_size, self.clock.ticks if self.clock.live else None)
        self._scheduler = Scheduler()
        self._alarm = Alarm(self._scheduler, self.clock, self.post)
        self._turn = Turn(
            self.core,
            self._inputs,
            self._scheduler,
            self._alarm,
            self.command_release,
            clock=self.clock,
            step_times=self.step_times,
            stage_times=self.stage_times,
            slice_ns=slice_ns,
        )
        self._observers = Observers(max_queue_size, history, self.post, self.clock)
        self._turn_task: asyncio.Task[None] | None = None
        self._wake, self._room, self._quiet = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._quiet.set()
        self._unyielded = 0

    # --- inputs ------------------------------------------------------------------------------------

    def post(self, event: Event) -> None:
        """Queue one input, now: for edges that cannot wait. Market data may be shed to make room.
        Raises TypeError for what is no event that a journal can hold."""
        if event.priority is EventPriority.MARKET_DATA:
            self.post_market([event])  # type: ignore[list-item]  # its priority says so
            return
        self._inputs.put(checked(event))
        self._awake()

    def post_market(self, events: list[MarketDataEvent]) -> None:
        """Queue market data in order; what does not fit pushes the oldest out, counted as dropped."""
        self._inputs.put_market(events)
        self._awake()

    async def publish(self, event: Event) -> None:
        """Queue one input; waits while there is no room for it.

        Market data waits for a turn of the loop or two and is shed after that, never the rest. Raises
        TypeError for what is no event, and for market data whose money is not Decimal.
        """
        checked(event)
        if isinstance(event, MarketDataEvent):
            check_money(event)
            self._unyielded += 1
            if self._unyielded >= YIELD_EVERY:
                self._unyielded = 0
                await asyncio.sleep(0)
        else:
            while not self._inputs.has_room and self._turn_task is not None:
                if self.failure is not None:
                    raise self.failure
                self._room.clear()
                await self._room.wait()
        self.post(event)

    def schedule(self, event: Event, due: int) -> None:
        """Queue an input that comes at `due` (ns), or now if that has passed."""
        if due <= self.clock.now():
            self.post(event)
            return
        self._scheduler.put(event, due)
        self._alarm.set()

    def every(self, interval: int, name: str) -> None:
        """A TimerFired `name` at every multiple of `interval` ns; times passed over are not made up.

        On recorded data time begins with the first event, and the timers with it.
        """
        self._scheduler.every(interval, name, self.clock.now())
        self._alarm.set()

    def at_another_pace(self, interval: int, name: str) -> None:
        """The timer `name` comes so often from here on (ns), where it is set."""
        if self._scheduler.has_timer(name):
            self.every(interval, name)

    def pass_over(self, name: str, idle: Idle) -> None:
        """On recorded data the timer `name` does not come at a moment (ns) when it would be `idle`: it
        would change nothing, and there may be one for every candle."""
        self._scheduler.pass_over(name, idle)

    def end_of_data(self) -> None:
        """Recorded data has ended: let the answers that are still under way arrive."""
        self._scheduler.drop_timers()
        self._turn.data_ended = True
        self._awake()

    def conclude(self) -> None:
        """From a core handler: this step is the last one. What waits or comes later is not taken."""
        self._inputs.close()
        self._scheduler.close()

    @property
    def concluded(self) -> bool:
        return self._inputs.closed

    # --- the core ----------------------------------------------------------------------------------

    def attach(self, kind: type[E], handler: Handler[E], stage: Stage) -> None:
        """Make `handler` part of the core: called in the step, its returned events are derived."""
        self.core.attach(kind, handler, stage)

    def detach(self, handler: AnyHandler) -> None:
        self.core.detach(handler)

    def connect(self, sender: Sender, *, remote: bool) -> None:
        """Commands leave by `sender`, to an exchange that outlives this process or not (`remote`)."""
        self.command_release.sender, self.command_release.remote = sender, remote

    def compute_by(self, computer: Computer) -> None:
        """What is to be worked out goes to `computer`, which posts the answer."""
        self.command_release.computer = computer

    def disconnect(self) -> None:
        """Commands leave no more."""
        self.command_release.sender = None

    def send(self, command: StepCommand) -> None:
        """From a core handler: ask for this once the step is durable."""
        self.core.outbox.append(command)

    def run_dry(self) -> list[Record]:
        """Turn until no input waits, for who has no loop: all records that were made."""
        records: list[Record] = []
        while self._turn.has_work and self.failure is None:
            records += self.turn()
        return records

    def turn(self) -> list[Record]:
        """Take waiting inputs through the core for a few milliseconds, then write and show them."""
        if self.failure is not None:
            return []
        records: list[Record] = []
        try:
            self._turn.take(records)
        except JournalFailed as error:
            del records[self._turn.written :]
            self._fail(error)
        except Exception as error:  # the bus itself broke: stop, never go on in silence
            del records[self._turn.written :]
            self._fail(broken(error))
        self._observers.show(records)
        return records

    def _fail(self, error: TradectlError) -> None:
        """A journal that failed once is not believed again: nothing is decided or sent any more."""
        self.failure = error
        self.command_release.close()
        self.core.outbox.clear()
        self.failed.set()
        self._room.set()

    # --- observers -----------------------------------------------------------------------------------

    def subscribe(
        self, event_type: EventType, handler: Observer, *, name: str = "", records: bool = False
    ) -> None:
        """Call `handler(event)`, plain or async, for each event of a family, after it is durable.

        With `records` the handler gets the Record: sequence number, time and cause as well.
        """
        self.observe([event_type], handler, name=name, records=records)

    def observe(
        self, kinds: Iterable[Kind], handler: Observer, *, name: str = "", records: bool = True
    ) -> None:
        """Like subscribe, for several families or classes in one mailbox that keeps their order."""
        self._observers.add(kinds, handler, name, records=records)

    def keep(self, kinds: Iterable[Kind], size: int) -> deque[Record]:
        """A ring that always holds the newest `size` records of these kinds."""
        return self._observers.keep(kinds, size)

    def listen(self, kinds: Iterable[Kind], put: Callable[[Record], object]) -> None:
        """`put` gets each record of these kinds in the turn itself, without a mailbox: for who only
        leaves it somewhere, counts it, and never raises."""
        self._observers.listen(kinds, put)

    def unsubscribe(self, event_type: Kind, handler: Observer) -> None:
        """Stop calling `handler` for this family, or class, of events."""
        self._observers.remove(event_type, handler)

    def failed_events(self) -> list[DeadLetter]:
        """Events that an observer could not handle, oldest first; the newest 1,000 are kept."""
        return self._observers.dead_letters()

    def retry_failed(self) -> int:
        """Hand every dead letter to its observer once more; how many there were."""
        return self._observers.retry()

    def history(self, event_type: EventType | None = None) -> list[Record]:
        """The newest records, oldest first; of one family if given."""
        return [r for r in self._observers.newest if event_type in (None, r.event.event_type)]

    # --- life ----------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to dispatch; does nothing when already started."""
        if self._turn_task is not None:
            return
        self._turn_task = asyncio.ensure_future(self._run())
        self._observers.start()
        self.components.started("bus")
        self._alarm.start()
        self._awake()

    async def stop(self, drain_s: float = 5.0) -> None:
        """Finish what is queued, for at most `drain_s` seconds, then stop."""
        if self._turn_task is None:
            return
        try:
            async with asyncio.timeout(drain_s):
                await self.join()
        except TimeoutError:
            pass  # bounded by promise: an observer that hangs must not keep the system from ending
        task, self._turn_task = self._turn_task, None
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await self._observers.stop()
        self._alarm.stop()
        self.components.stopped("bus")

    @property
    def running(self) -> bool:
        return self._turn_task is not None

    def waiting(self) -> int:
        """Inputs queued and not yet dispatched, scheduled ones aside."""
        return len(self._inputs)

    def queue_depths(self) -> dict[EventPriority, int]:
        """The same by class."""
        return self._inputs.depths()

    @property
    def input_waits(self) -> Mapping[EventPriority, Durations]:
        """How long inputs waited to be dispatched, by class: of a live clock, and of a sample, of each
        class one after the other."""
        return self._inputs.waits

    async def dispatched(self) -> None:
        """Wait until no input is waiting (scheduled ones aside)."""
        await self._quiet.wait()

    async def written(self) -> None:
        """Wait until all that was posted is decided and written, as durably as the journal promises: what
        is answered to a human waits for it. Raises what broke the bus."""
        await self.dispatched()
        await self.synced()

    async def synced(self) -> None:
        """The same for what is decided by now."""
        if self.failure is None and self.running:
            await self.command_release.synced()
        if self.failure is not None:
            raise self.failure

    async def join(self) -> None:
        """Wait until no input is waiting and every observer has handled what it was given."""
        while True:
            await self._quiet.wait()
            await self.command_release.quiet()
            if self.failure is not None:
                return
            if self._quiet.is_set() and not self._observers.waiting():
                return
            await asyncio.sleep(0.001)

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._turn.has_work and self.failure is None:
                self.turn()
                if self._inputs.looks_for:
                    self._inputs.look(self.clock.ticks())
                self._room.set()
                await asyncio.sleep(0)
            self._room.set()
            self._quiet.set()

    def _awake(self) -> None:
        if self._quiet.is_set():
            self._quiet.clear()
        self._wake.set()

    # --- figures ---------------------------------------------------------------------------------------

    def get_metrics(self) -> dict[str, Any]:
        """Counters since the start, queue depth, step latency (us), figures by stage and per observer."""
        metrics: dict[str, Any] = msgspec.to_builtins(self.figures())
        return metrics

    def figures(self) -> BusFigures:
        """`get_metrics` as a document."""
        p50, p99 = self.step_times.percentiles_us(0.50, 0.99)
        return BusFigures(
            published=self._inputs.published,
            processed=self._inputs.processed,
            failed=self._observers.dead_count,
            dropped=self._inputs.dropped,
            queue_depth=self.waiting(),
            latency_p50_us=p50,
            latency_p99_us=p99,
            stages=self.stage_times.figures(),
            handlers=self._observers.figures(),
        )
