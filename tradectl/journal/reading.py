"""Who waits for long journals hears how far they have been read.

with heard_by(progress):
    ...                     whatever is read in here, by whomever, tells it
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Protocol


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


__all__ = ["Hears", "heard_by", "hearing"]
