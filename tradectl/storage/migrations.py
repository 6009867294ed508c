"""What has become of the schema of `state.db` since the first that is still read, step by step.

A step adds (a table, a column with a default, an index) or converts; it is SQL alone, so that it goes
into one transaction with all others. It never changes once it was released: a database may have any of
them behind it. `TABLES` is where they lead, for a database that is new.

Of rows that are there before none may be missing after it, but in tables that a step names as
`recounted`: snapshots, which the journals can make again, are better deleted than converted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

FIRST = 12
"""What is older is refused: it was never released."""


class Migration(NamedTuple):
    """From schema `to - 1`; `what` says for the user what it is for."""

    to: int
    what: str
    statements: tuple[str, ...]
    recounted: frozenset[str] = frozenset()


MIGRATIONS: tuple[Migration, ...] = ()


def newest(migrations: Sequence[Migration] = MIGRATIONS) -> int:
    """The schema that they lead to."""
    return migrations[-1].to if migrations else FIRST


__all__ = ["FIRST", "MIGRATIONS", "Migration", "newest"]
