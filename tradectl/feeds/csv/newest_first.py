"""Files that begin with the newest row are turned round: a market is played as time goes.

That takes all of the file into memory, so that there is a largest one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tradectl.domain.errors import DataError
from tradectl.feeds.csv.blocks import BLOCK, BrokenArchiveError
from tradectl.feeds.csv.file_state import FileState
from tradectl.feeds.csv.rows import split_row
from tradectl.feeds.quality import RowError

LARGEST = 1 << 29
LOOKED_AT = 400
"""Lines, spread over the text: so many tell which way time goes."""


def is_newest_first(state: FileState, text: str, noise: float) -> bool:
    """Time goes back in the lines of `text`, but for a share of `noise` of the steps."""
    back = forth = before = 0
    lines = text.splitlines()
    for line in lines[:: len(lines) // LOOKED_AT + 1]:
        try:
            moment = state.time(state.layout.time_in(split_row(line, state.layout.width)))
        except RowError:
            continue
        back += 0 < moment < before
        forth += 0 < before < moment
        before = moment
    return back > 0 and forth <= noise * (back + forth)


class Turned:
    """The lines of `blocks`, the last one first, in blocks again. `number` is that of a line in the file,
    by its place here; the first line of `blocks` has the number `first`."""

    def __init__(self, path: object, blocks: Iterable[bytes], first: int) -> None:
        self._path = path
        self._blocks = blocks
        self._first = first
        self._lines = 0

    def number(self, here: int) -> int:
        return 2 * self._first + self._lines - 1 - here

    def blocks(self) -> Iterator[bytes]:
        """Raises DataError for a file that is too large, BrokenArchiveError where one broke off."""
        held, broken = bytearray(), None
        try:
            for block in self._blocks:
                held += block
                if len(held) > LARGEST:
                    raise DataError(
                        f"{self._path} begins with the newest row, and is too large to be turned round: "
                        "sort it by time"
                    )
        except BrokenArchiveError as error:
            broken = error
        lines = held.splitlines(keepends=True)
        self._lines = len(lines)
        turned = bytearray()
        for line in reversed(lines):
            turned += line
            if len(turned) >= BLOCK:
                yield bytes(turned)
                turned.clear()
        if turned:
            yield bytes(turned)
        if broken is not None:
            raise broken


__all__ = ["Turned", "is_newest_first"]
