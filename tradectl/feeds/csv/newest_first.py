"""Files that begin with the newest row are turned round: a market is played as time goes.

They are written into a temporary file first, and that is read from its end, so that memory stays what it
is however large the file.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from tradectl.domain.errors import DataError
from tradectl.feeds.csv.file_state import FileState
from tradectl.feeds.csv.rows import split_row
from tradectl.feeds.csv.stored import BLOCK, BrokenArchiveError
from tradectl.feeds.quality import RowError

LOOKED_AT = 400
"""Lines, spread over the text: so many tell which way time goes."""


def is_newest_first(state: FileState, text: str, noise: float) -> bool:
    """Time goes back in most lines of `text`, at least in all but a share of `noise` of the steps."""
    back = forth = before = 0
    lines = text.splitlines()
    for line in lines[:: len(lines) // LOOKED_AT + 1]:
        try:
            moment = state.moment(
                state.layout.time_in(split_row(line, state.layout.width, state.layout.separator))
            )
        except RowError:
            continue
        back += 0 < moment < before
        forth += 0 < before < moment
        before = moment
    return back > forth and forth <= noise * (back + forth)


class Turned:
    """The lines of `blocks` of the file `path`, the last one first, in blocks again.

    `number` is that of a line in the file, by its place here; the first line of `blocks` has the number
    `first`.
    """

    def __init__(self, path: Path, blocks: Iterable[bytes], first: int) -> None:
        self._path = path
        self._blocks = blocks
        self._first = first
        self._lines = 0

    def number(self, here: int) -> int:
        return 2 * self._first + self._lines - 1 - here

    def blocks(self) -> Iterator[bytes]:
        """Raises BrokenArchiveError where one broke off, DataError where there is no room for it."""
        try:
            yield from self._turned()
        except OSError as error:
            folder = tempfile.tempdir or "any folder for temporary files"
            raise DataError(
                f"{self._path} begins with the newest row, and there is no room in {folder} to turn it "
                f"round ({error.strerror}): set TMPDIR to a folder that has it, or sort the file by time"
            ) from error

    def _turned(self) -> Iterator[bytes]:
        broken = None
        with tempfile.TemporaryFile() as spooled:
            try:
                for block in self._blocks:
                    spooled.write(block)
                    self._lines += block.count(b"\n")
            except BrokenArchiveError as error:
                broken = error
            yield from _from_the_end(spooled)
        if broken is not None:
            raise broken


def _from_the_end(file: IO[bytes]) -> Iterator[bytes]:
    """Blocks of the lines of `file`, each ending with a newline, the last one first."""
    place, cut = file.tell(), b""
    while place > 0:
        size = min(BLOCK, place)
        place -= size
        file.seek(place)
        piece = file.read(size) + cut
        if place:
            cut, end, piece = piece.partition(b"\n")
            cut += end
            if not end:
                continue
        turned = b"".join(line + b"\n" for line in reversed(piece.split(b"\n")[:-1]))
        if turned:
            yield turned


__all__ = ["Turned", "is_newest_first"]
