"""What all adapters have in common: handlers on a bus, from `bind` or `start` until `stop`."""

from __future__ import annotations

from typing import Protocol

from tradectl.bus.core import AnyHandler, E, Handler, Stage
from tradectl.bus.event_bus import EventBus
from tradectl.state.books import Books


class HasBooks(Protocol):
    """The state manager, or a trading system."""

    books: Books


class Adapter:
    """Binds an engine to `bus`. `bind` needs no loop and does nothing twice; `start` binds, too, and
    makes the adapter one of the bus' components."""

    name = ""

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus
        self._handlers: list[AnyHandler] = []

    def attach_all(self) -> None:
        """Call `attach` for each handler."""
        raise NotImplementedError

    def attach(self, kind: type[E], handler: Handler[E], stage: Stage) -> None:
        self._bus.attach(kind, handler, stage)
        self._handlers.append(handler)

    def bind(self) -> None:
        if not self._handlers:
            self.attach_all()

    async def start(self) -> None:
        self.bind()
        self._bus.components.started(self.name)

    async def stop(self) -> None:
        for handler in self._handlers:
            self._bus.detach(handler)
        self._handlers.clear()
        self._bus.components.stopped(self.name)


__all__ = ["Adapter", "HasBooks"]
