"""Who watches: mailboxes by kind of event, their tasks and their dead letters."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from tradectl.bus.mailbox import DeadLetter, Mailbox, Observer
from tradectl.domain.events import Event, EventType, Record

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

    def change(self, wanted: list[tuple[Kind, Put]]) -> None:
        self.wanted = wanted
        self.clear()


def _is_a(event_class: type[Event], kind: Kind) -> bool:
    if isinstance(kind, EventType):
        return event_class.event_type is kind
    return issubclass(event_class, kind)


class Observers:
    """`limit` bounds each mailbox; `on_trouble` hears of an observer whose breaker opened."""

    def __init__(self, limit: int, kept: int, on_trouble: Callable[[DeadLetter], None]) -> None:
        self.dead_count = 0
        self._limit = limit
        self._on_trouble = on_trouble
        self._watching = Subscriptions()
        self._boxes: list[Mailbox] = []
        self._tasks: dict[Mailbox, asyncio.Task[None]] = {}
        self._dead: deque[DeadLetter] = deque(maxlen=kept)
        self._running = False

    def add(self, kinds: Iterable[Kind], handler: Observer, name: str, *, records: bool) -> None:
        name = self._unique(name or getattr(handler, "__qualname__", repr(handler)))
        box = Mailbox(
            handler, name=name, limit=self._limit, on_dead=self._bury, wants_records=records
        )
        self._boxes.append(box)
        self._watch(kinds, box.put)
        if self._running:
            self._tasks[box] = asyncio.ensure_future(box.run())

    def _unique(self, name: str) -> str:
        """Dead letters and figures are found by name: a second one of a name gets a number."""
        taken = [box.name for box in self._boxes]
        names = itertools.chain([name], (f"{name}#{n}" for n in itertools.count(2)))
        return next(candidate for candidate in names if candidate not in taken)

    def keep(self, kinds: Iterable[Kind], size: int) -> deque[Record]:
        """A ring of the newest records: needs no task, and cannot fail or fall behind."""
        ring: deque[Record] = deque(maxlen=size)
        self._watch(kinds, ring.append)
        return ring

    def _watch(self, kinds: Iterable[Kind], put: Put) -> None:
        self._watching.change([*self._watching.wanted, *((kind, put) for kind in kinds)])

    def remove(self, kind: Kind, handler: Observer) -> None:
        """Stop calling `handler` for this kind; what waits for it is dropped with its last one."""
        puts = [box.put for box in self._boxes if box.handler == handler]
        wanted = self._watching.wanted
        self._watching.change([(k, put) for k, put in wanted if k is not kind or put not in puts])
        still_used = [put for _, put in self._watching.wanted]
        for box in [box for box in self._boxes if box.put in puts and box.put not in still_used]:
            self._boxes.remove(box)
            if box in self._tasks:
                self._tasks.pop(box).cancel()

    def show(self, records: list[Record]) -> None:
        watching = self._watching
        for record in records:
            for put in watching[record.event.__class__]:
                put(record)

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
        self._tasks = {box: asyncio.ensure_future(box.run()) for box in self._boxes}

    async def stop(self) -> None:
        self._running = False
        tasks, self._tasks = list(self._tasks.values()), {}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def figures(self) -> dict[str, dict[str, Any]]:
        return {box.name: _figures(box) for box in self._boxes}

    def _bury(self, letter: DeadLetter, breaker_opened: bool) -> None:
        self._dead.append(letter)
        self.dead_count += 1
        if breaker_opened:
            self._on_trouble(letter)


def _figures(box: Mailbox) -> dict[str, Any]:
    figures = box.figures
    return {
        "handled": figures.handled,
        "failures": figures.failures,
        "dropped": figures.dropped,
        "missed": figures.missed,
        "waiting": len(box),
        "mean_us": round(figures.busy_ns / max(1, figures.handled) / 1000, 1),
        "max_us": round(figures.max_ns / 1000, 1),
    }
