"""What can be started and stopped: adapters, feeds, watchers."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


class Component(Protocol):
    """Anything with a beginning and an end."""

    async def start(self) -> None: ...
    async def stop(self) -> None: ...


@runtime_checkable
class Quiesces(Protocol):
    """A component that has something to bring to an end while the bus still runs."""

    async def quiesce(self) -> None: ...
