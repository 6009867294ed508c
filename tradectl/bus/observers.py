"""Who watches: mailboxes by kind of event, their tasks and their dead letters."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Callable, Iterable

from tradectl.bus.clock import Clock
from tradectl.bus.delivery import Observer
from tradectl.bus.mailbox import DeadLetter, Mailbox
from tradectl.documents.run import HandlerFigures
from tradectl.domain.errors import UsageError
from tradectl.domain.events import Event, EventType, Record, SystemEvent, SystemEventKind

Kind = EventType | type[Event]
"""What can be watched: a whole family of events, or one class of them with its subclasses."""


Put = Callable[[Record], object]


class Subscriptions(dict[type[Event], tuple[Put, ...]]):
    """Where the records of each concrete class of event go, resolved at first sight."""

    def __init__(self) -> None:
        super().__init__()
        self.wanted: list[tuple[Kind, Put]] = []

    def __missing__(self, event_class: type[Event]) -> tuple[Put, ...]:
        found = tuple(dict.fromkeys(put for kind, put in self.wanted if _is_a(event_class, kind)))
        self[event_class] = found
        return found

    def update_kinds(self, wanted: list[tuple[Kind, Put]]) -> None:
        self.wanted = wanted
        self.clear()


def _is_a(event_class: type[Event], kind: Kind) -> bool:
    if isinstance(kind, EventType):
        return event_class.event_type is kind
    return issubclass(event_class, kind)


class Observers:
    """`limit` bounds each mailbox, `kept` the dead letters and the `newest` records that were shown; an
    event of an observer whose breaker opened is posted."""

    def __init__(self, limit: int, kept: int, post: Callable[[Event], None], clock: Clock) -> None:
        self.dead_count = 0
        self.newest: deque[Record] = deque(maxlen=kept)
        self._limit = limit
        self._post = post
        self._clock = clock
        self._subscriptions = Subscriptions()
        self._boxes: list[Mailbox] = []
        self._dead: deque[DeadLetter] = deque(maxlen=kept)
        self._running = False

    def add(self, kinds: Iterable[Kind], handler: Observer, name: str, *, records: bool) -> None:
        box = Mailbox(
            handler,
            name=self._unique(name or getattr(handler, "__qualname__", repr(handler))),
            limit=self._limit,
            on_dead=self._keep_dead_letter,
            on_open=self._keeps_failing,
            on_close=self._works_again,
            wants_records=records,
            clock=self._clock,
        )
        self._subscribe(kinds, box.put)
        self._boxes.append(box)
        if self._running:
            box.start()

    def _unique(self, name: str) -> str:
        """Dead letters and figures are found by name: a second one of a name gets a number."""
        taken = [box.name for box in self._boxes]
        names = itertools.chain([name], (f"{name}#{n}" for n in itertools.count(2)))
        return next(candidate for candidate in names if candidate not in taken)

    def keep(self, kinds: Iterable[Kind], size: int) -> deque[Record]:
        """A ring of the newest records: needs no task, and cannot fail or fall behind."""
        ring: deque[Record] = deque(maxlen=size)
        self._subscribe(kinds, ring.append)
        return ring

    def listen(self, kinds: Iterable[Kind], put: Put) -> None:
        """`put` is called at once, in the turn itself: it is quick, and never raises."""
        self._subscribe(kinds, put)

    def _subscribe(self, kinds: Iterable[Kind], put: Put) -> None:
        """Raises UsageError for what is no kind of event: nothing would ever match it."""
        kinds = list(kinds)
        for kind in kinds:
            is_class = isinstance(kind, type) and issubclass(kind, Event)
            if not (is_class or isinstance(kind, EventType)):
                raise UsageError(f"expected an EventType or a class of events, got {kind!r:.40}")
        self._subscriptions.update_kinds(
            [*self._subscriptions.wanted, *((kind, put) for kind in kinds)]
        )

    def remove(self, kind: Kind, handler: Observer) -> None:
        """Stop calling `handler` for this kind; what waits for it is dropped with its last one."""
        puts = [box.put for box in self._boxes if box.handler == handler]
        wanted = self._subscriptions.wanted
        self._subscriptions.update_kinds(
            [(k, put) for k, put in wanted if k is not kind or put not in puts]
        )
        still_used = [put for _, put in self._subscriptions.wanted]
        for box in [box for box in self._boxes if box.put in puts and box.put not in still_used]:
            self._boxes.remove(box)
            box.cancel()

    def show(self, records: list[Record]) -> None:
        self.newest.extend(records)
        subscriptions = self._subscriptions
        for record in records:
            for put in subscriptions[record.event.__class__]:
                put(record)

    def _keeps_failing(self, name: str, error: str) -> None:
        self._post(
            SystemEvent(
                source_component="bus",
                kind=SystemEventKind.HANDLER_FAILED,
                component=name,
                message=f"{name} keeps failing: {error}",
            )
        )

    def _works_again(self, name: str) -> None:
        self._post(
            SystemEvent(
                source_component="bus",
                kind=SystemEventKind.HANDLER_FAILED_OVER,
                component=name,
                message=f"{name} works again",
            )
        )

    def waiting(self) -> int:
        return sum(len(box) for box in self._boxes)

    def dead_letters(self) -> list[DeadLetter]:
        return list(self._dead)

    def retry(self) -> int:
        """Hand every dead letter to its observer once more; how many there were."""
        letters, boxes = list(self._dead), {box.name: box for box in self._boxes}
        self._dead.clear()
        for letter in letters:
            if letter.observer in boxes:
                boxes[letter.observer].breaker.succeeded()
                boxes[letter.observer].put(letter.record)
        return len(letters)

    def start(self) -> None:
        self._running = True
        for box in self._boxes:
            box.start()

    async def stop(self) -> None:
        self._running = False
        await asyncio.gather(*(box.stop() for box in self._boxes))

    def figures(self) -> dict[str, HandlerFigures]:
        return {box.name: box.row() for box in self._boxes}

    def _keep_dead_letter(self, letter: DeadLetter) -> None:
        self._dead.append(letter)
        self.dead_count += 1
