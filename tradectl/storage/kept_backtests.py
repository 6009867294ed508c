"""Results of backtests, kept: one small file each, `backtests/RUN_ID.KEY.json` in the state directory.

The key is a hash of the whole question. So the same one is found by its file's name, and the answer shown
again without being worked out again.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tradectl.documents.backtest import Backtest
from tradectl.domain.errors import StateError, UsageError
from tradectl.files.own import open_own, read_own
from tradectl.files.places import make_folders

if TYPE_CHECKING:
    from tradectl.storage.reader import Page

LARGEST = 16 * 1024 * 1024
_DECODER = msgspec.json.Decoder(Backtest)


class KeptBacktests:
    """Those in `folder`, which is made when the first is kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, found: Backtest) -> None:
        """Raises StateError."""
        path = self._folder / f"{found.run_id}.{found.key}.json"
        try:
            make_folders(self._folder)
            with os.fdopen(open_own(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file:
                file.write(msgspec.json.encode(found))
        except OSError as error:
            with contextlib.suppress(OSError):
                path.unlink()
            raise StateError(f"cannot keep the result in {path}: {error.strerror}") from error

    def find(self, key: str) -> Backtest | None:
        """The newest answer to the question of this key. Raises StateError."""
        for path in reversed(self._files()):
            if path.name.endswith(f".{key}.json") and (found := self._read(path)) is not None:
                return found
        return None

    def of_run(self, run_id: str) -> Backtest | None:
        """Raises StateError."""
        for path in self._files():
            if path.name.startswith(f"{run_id}.") and (found := self._read(path)) is not None:
                return found
        return None

    def refuse_without_journal(self, beginning: str, known: Iterable[str]) -> None:
        """Where no run that is `known` has an id that begins so, but a backtest has that left nothing
        but its result. Raises UsageError, StateError."""
        if not beginning or any(run_id.startswith(beginning) for run_id in known):
            return
        for path in self._files():
            found = self._read(path) if path.name.startswith(beginning) else None
            if found is not None and not found.journal:
                raise UsageError(
                    f"the backtest {found.run_id} was made with --no-journal, and nothing but its result "
                    "is left (`tradectl backtests`): make it again without --no-journal"
                )

    def page(self, page: Page) -> Iterator[Backtest]:
        """Newest first, each read when it is asked for; one of another version that cannot be read is
        passed over. Raises StateError."""
        read = (self._read(path) for path in reversed(self._files()))
        wanted = (each for each in read if each is not None and each.made_at >= page.since)
        return islice(wanted, page.skip, None if page.limit is None else page.skip + page.limit)

    def _files(self) -> list[Path]:
        """Run ids begin with their time: oldest first."""
        try:
            return sorted(path for path in self._folder.iterdir() if path.suffix == ".json")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StateError(
                f"cannot read the results in {self._folder}: {error.strerror}"
            ) from error

    @staticmethod
    def _read(path: Path) -> Backtest | None:
        with contextlib.suppress(OSError, msgspec.DecodeError):
            return _DECODER.decode(read_own(path, LARGEST))
        return None


__all__ = ["KeptBacktests"]
