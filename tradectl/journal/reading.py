"""How a journal is read: in full or what the books are folded from; and who waits for long ones hears how
far they have been read.

with heard_by(progress):
    ...                     whatever is read in here, by whomever, tells it
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Protocol

Folded = Callable[[int], bool]
"""Whether what the books come out the same without may be passed over, in a group that ends with that
record: asked of each part of it, once the part before was used."""


def in_full(_last: int) -> bool:
    """All is read."""
    return False


class Hears(Protocol):
    def read(self, path: Path, position: int, records: int) -> None:
        """Up to byte `position` of the file, `records` so far."""
        ...

    def over(self, path: Path) -> None:
        """It is not read any further."""
        ...


_HEARS: ContextVar[Hears | None] = ContextVar("journal_reading", default=None)


@contextmanager
def heard_by(progress: Hears) -> Iterator[None]:
    token = _HEARS.set(progress)
    try:
        yield
    finally:
        _HEARS.reset(token)


def hearing() -> Hears | None:
    return _HEARS.get()


__all__ = ["Folded", "Hears", "heard_by", "hearing", "in_full"]
