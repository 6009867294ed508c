"""The deterministic core: one input runs to completion before the next.

A step takes one input, gives it the next sequence number, and calls the handlers attached to its kind
in the order of their stages. The events they return join a first-in-first-out cascade, each with the
record that caused it, and are handled in the same way until none is left. Nothing here waits, reads a
clock or knows where inputs come from; that is why a journal of the inputs is enough to do it all again.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import Any, TypeVar

from tradectl.bus.input_queue import InputQueue
from tradectl.bus.scheduler import Scheduler
from tradectl.domain.commands import StepCommand
from tradectl.domain.errors import CoreError, RunawayCascade
from tradectl.domain.events import (
    KINDS,
    Event,
    LimitBreached,
    Record,
    RiskAction,
    SystemEvent,
    SystemEventKind,
    TimerFired,
)
from tradectl.domain.text import harmless

E = TypeVar("E", bound=Event)

Emitted = Iterable[Event] | None
Handler = Callable[[E, Record], Emitted]
"""Takes an event of its kind with the record that holds it; gives the events that follow from it."""
AnyHandler = Callable[[Any, Record], Emitted]
"""A handler in the table, where its kind is the key beside it."""

CORE = "core"
MAX_CASCADE = 10_000
_AT_ONCE = frozenset(kind for kind in KINDS if kind.at_once)


class Stage(IntEnum):
    """Who sees an event first: the books, so that everyone else asks them about the present."""

    STATE = 0
    EXCHANGE = 1
    STRATEGY = 2
    RISK = 3
    EXECUTION = 4
    PORTFOLIO = 5


Entry = tuple[Stage, type[Event], AnyHandler]
Attached = list[Entry]
Wrap = Callable[[Stage, AnyHandler], AnyHandler]


class HandlersByKind(dict[type[Event], tuple[AnyHandler, ...]]):
    """The handlers of each concrete kind of event, resolved at first sight, in order of stage; of the
    stages up to `last`. `wrap` makes what is called instead of a handler."""

    def __init__(self, attached: Attached, last: Stage, wrap: Wrap | None = None) -> None:
        super().__init__()
        self._attached = attached
        self._last = last
        self._wrap = wrap

    def __missing__(self, kind: type[Event]) -> tuple[AnyHandler, ...]:
        found = tuple(
            handler if self._wrap is None else self._wrap(stage, handler)
            for stage, wanted, handler in self._attached
            if stage <= self._last and issubclass(kind, wanted)
        )
        self[kind] = found
        return found


class Core:
    """Handlers by kind of event, and the step that runs them.

    `seq` is the last sequence number given, `at` the time (ns) of the step, and `outbox` what the step
    asked of exchanges, or of whoever computes: the bus takes it once the step is durable. An input that
    causes more than `max_cascade` events halts trading.
    """

    def __init__(self, run_id: str = "run", *, max_cascade: int = MAX_CASCADE) -> None:
        self.run_id = run_id
        self._max_cascade = max_cascade
        self.seq = 0
        self.at = 0
        self.outbox: list[StepCommand] = []
        self._attached: Attached = []
        self._plain = self._timed = HandlersByKind(self._attached, max(Stage))
        self._handlers = self._plain
        self._books = HandlersByKind(self._attached, Stage.STATE)
        self._caused: deque[tuple[int, Event]] = deque()
        self._ids_given = 0
        self.happened = 0
        """the newest record that was no market data, and no timer"""

    def attach(self, kind: type[E], handler: Handler[E], stage: Stage) -> None:
        """Call `handler` with every event that is a `kind`, subclasses included, and its record."""
        attached: Entry = (stage, kind, handler)
        insort(self._attached, attached, key=lambda entry: entry[0])
        self._forget()

    def detach(self, handler: AnyHandler) -> None:
        self._attached[:] = [entry for entry in self._attached if entry[2] != handler]
        self._forget()

    def has(self, kind: type[Event], handler: AnyHandler) -> bool:
        """`handler` is attached for just this kind."""
        return any(entry[1] is kind and entry[2] == handler for entry in self._attached)

    def time_by(self, wrap: Wrap) -> None:
        """What `wrap` makes of the handlers is called in their place, while they are timed."""
        self._timed = HandlersByKind(self._attached, max(Stage), wrap)

    def time_handlers(self, timed: bool) -> None:
        """Or call them as they are."""
        self._handlers = self._timed if timed else self._plain

    def _forget(self) -> None:
        self._plain.clear()
        self._timed.clear()
        self._books.clear()

    def new_id(self) -> str:
        """An id that no other run, step or call gives: made of (run, seq, n), the same in a replay."""
        self._ids_given += 1
        return f"{self.run_id}-{self.seq}-{self._ids_given}"

    def step(self, event: Event, at: int, records: list[Record]) -> None:
        """Handle one input at time `at` (ns), and all that follows; append every record made."""
        self.at = at
        self._ids_given = 0
        self._caused.append((0, event))
        self._cascade(records, self.seq + 1)

    def march(
        self,
        inputs: InputQueue,
        scheduler: Scheduler,
        stamp: Callable[[int], int],
        records: list[Record],
        most: int,
    ) -> int:
        """A step for each market event that waits, up to `most`, while nothing else is to be done: no
        command is to leave, no other input waits, and nothing of the `scheduler` is due. How many there
        were, one at least.

        Market data is what there is most of: what `step` does is spelled out.
        """
        market, caused, handlers = inputs.market, self._caused, self._handlers
        take, keep = market.popleft, records.append
        for done in range(1, most + 1):
            event = take()
            self.at = at = stamp(event.ts)
            self._ids_given = 0
            self.seq = seq = self.seq + 1
            record = Record(seq, at, event)
            keep(record)
            for handler in handlers[event.__class__]:
                try:
                    emitted = handler(event, record)
                    if emitted:
                        self._follow(seq, emitted)
                except Exception as error:  # as in _cascade
                    caused.append((seq, _failure(handler, error)))
            if caused:
                self._cascade(records, seq)
            if self.outbox or inputs.urgent_waiting:
                return done
            if not market or market[0].ts >= scheduler.next_due:
                return done
        return most

    def meet(
        self,
        inputs: InputQueue,
        scheduler: Scheduler,
        stamp: Callable[[int], int],
        records: list[Record],
        now: int,
    ) -> int:
        """Recorded time comes to `now` (ns), or begins there: a step for each input of the `scheduler`
        that is due by then, while nothing else is to be done. How many there were, one at
        least, with the timers that are passed over."""
        if scheduler.begins:
            scheduler.begin(stamp(now))
            return 1
        done = 0
        while True:
            due, event = scheduler.take(now)
            done += 1
            if event is not None:
                self.step(event, stamp(due), records)
            if self.outbox or inputs.urgent_waiting or scheduler.next_due > now:
                return done

    def repeat(self, record: Record, records: list[Record]) -> None:
        """A step with an input out of a journal, with its number and its time. Commands go nowhere: what
        became of them is in the journal, too."""
        self.seq = record.seq - 1
        self.step(record.event, record.at, records)
        self.outbox.clear()

    def fold(self, *records: Record) -> None:
        """Take records of a journal, inputs and derived ones, as they happened: the books hear of them,
        and nobody decides anything anew."""
        books = self._books
        for record in records:
            event = record.event
            for handler in books[event.__class__]:
                try:
                    handler(event, record)
                except Exception:  # what it led to then, a halt say, is among the records
                    continue
        if records:
            self.seq, self.at = records[-1].seq, records[-1].at

    def _cascade(self, records: list[Record], first: int) -> None:
        """Handle all that waits, and what follows from it; `first` is the number of the input."""
        caused, handlers, at = self._caused, self._handlers, self.at
        seq, last_allowed, halted = self.seq, first + self._max_cascade, False
        while caused:
            cause, event = caused.popleft()
            self.seq = seq = seq + 1
            if event.__class__ is not TimerFired:
                self.happened = seq
            record = Record(seq, at, event, cause)  # type: ignore[arg-type]  # one of AnyEvent
            records.append(record)
            for handler in handlers[event.__class__]:
                try:
                    emitted = handler(event, record)
                    if emitted:
                        self._follow(seq, emitted)
                except (
                    Exception
                ) as error:  # a component's bug must not stop the others: _failure tells
                    caused.append((seq, _failure(handler, error)))
            if seq < last_allowed:
                continue
            caused.clear()
            if not halted:
                # What follows from this halt (cancels, above all) still counts, as far again.
                halted, last_allowed = True, seq + self._max_cascade
                self.outbox.clear()
                runaway = RunawayCascade(f"one input caused more than {self._max_cascade:,} events")
                caused.append((cause, _halt("runaway_cascade", str(runaway))))

    def _follow(self, cause: int, emitted: Iterable[Event]) -> None:
        """They wait in their order; one that is `at_once` goes before all that wait."""
        caused = self._caused
        for event in emitted:
            if event.__class__ not in KINDS:
                checked(event)
            if event.__class__ in _AT_ONCE:
                caused.appendleft((cause, event))
            else:
                caused.append((cause, event))


def checked(event: Event) -> Event:
    """The event, if a journal can hold it. Raises TypeError for anything else: the base of a family,
    say, or a class of somebody's own."""
    if event.__class__ not in KINDS:
        raise TypeError(f"expected one of tradectl's events, got {type(event).__name__}")
    return event


def _failure(handler: AnyHandler, error: Exception) -> Event:
    name = getattr(handler, "__qualname__", repr(handler))
    message = harmless(f"{name}: {type(error).__name__}: {error}")
    if isinstance(error, CoreError):
        return _halt("core_error", message)
    component = getattr(getattr(handler, "__self__", None), "name", None)
    return SystemEvent(
        source_component=CORE,
        kind=SystemEventKind.COMPONENT_FAILED,
        component=component if isinstance(component, str) else name,
        message=message,
    )


def _halt(code: str, message: str) -> LimitBreached:
    return LimitBreached(source_component=CORE, code=code, message=message, action=RiskAction.HALT)
