"""A run that the database knows in part only: its journal, stored once more, in a database of the moment.

The database keeps the newest of everything, and the journals all of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from tradectl.journal.signing_keys import SigningKeys
from tradectl.recovery.catch_up import store_journal
from tradectl.storage.reader import StateReader
from tradectl.storage.store import Store

Row = TypeVar("Row")


@contextmanager
def read_again(journal: Path, keys: SigningKeys) -> Iterator[StateReader]:
    """What the run of `journal` left, for as long as the block lasts: a second for each million records.
    Raises JournalError, StateError."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "state.db"

        async def stored() -> None:
            store = Store(path, prunes=False, keys=keys)
            await store.open()
            try:
                await store_journal(journal, store, StateReader(path))
            finally:
                await store.close()

        with ThreadPoolExecutor(1) as thread:  # whoever looks may have a loop of his own
            thread.submit(asyncio.run, stored()).result()
        yield StateReader(path)


def rows_of(
    journal: Path, keys: SigningKeys, rows: Callable[[StateReader], Iterator[Row]]
) -> Iterator[Row]:
    with read_again(journal, keys) as reader:
        yield from rows(reader)


__all__ = ["read_again", "rows_of"]
