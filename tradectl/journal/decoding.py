"""The lines of a group, made into records.

What a seal vouches for was written as it is; a line that is no record, or stands under another number,
was still not written by this program: it is damage, and is named. Market data that is only referred to
is opened when the first such line comes.
"""

from __future__ import annotations

import contextlib
from operator import lt
from pathlib import Path
from typing import NoReturn, TypeVar

import msgspec

from tradectl.domain.errors import JournalDamaged, JournalError
from tradectl.domain.events import Record, SettingsChanged
from tradectl.journal.groups import folded
from tradectl.journal.reference import (
    ROWS,
    MarketSource,
    OpenMarket,
    ReferenceReader,
    has_rows,
    records_in,
)

RECORDS = msgspec.json.Decoder(Record)
"""Made here and not when first asked for: two threads that make one at once crash the interpreter, and an
emergency stop reads journals in two."""

Decoded = TypeVar("Decoded")


def decoded(decoder: msgspec.json.Decoder[Decoded], line: bytes) -> Decoded:
    """Raises DecodeError, of what is nested too deeply, too."""
    try:
        return decoder.decode(line)
    except RecursionError:
        raise msgspec.DecodeError("it is nested too deeply") from None


def damaged(path: Path, seq: int, why: str, last: int = 0) -> JournalDamaged:
    """At the record `seq`, or somewhere from there to `last`."""
    place = f"record {seq}" if seq else "its header"
    if last > seq:
        place = f"records {seq}-{last}"
    return JournalDamaged(
        f"{path} is damaged at {place}: {why}; what comes before it is whole", seq
    )


class LineDecoder:
    """Of the journal `path`, which refers to `source` for its market data, or has all of it. Lines begin
    with the record `first`; each method raises JournalDamaged, or JournalError where what is referred
    to is not at hand."""

    def __init__(self, path: Path, source: MarketSource | None, market: OpenMarket | None) -> None:
        self._path = path
        self._source = source
        self._market = market
        self._referred: ReferenceReader | None = None

    def records(self, lines: bytes, first: int) -> list[Record]:
        """All of them."""
        try:
            refers = self._source is not None and has_rows(lines)
            group = self._expanded(lines) if refers else RECORDS.decode_lines(lines)
        except (msgspec.DecodeError, RecursionError):
            self._name_what_is_no_record(lines, first)
        if [record.seq for record in group] != [*range(first, first + len(group))]:
            seq, record = next(each for each in enumerate(group, first) if each[1].seq != each[0])
            why = f"the record numbered {record.seq} stands in its place"
            raise damaged(self._path, seq, why)
        return group

    def folded(self, lines: bytes, first: int) -> list[Record]:
        """Those that the books are folded from, and the last; all, where settings change: of what comes
        then more may count. What is not as it should be is looked at line by line."""
        with contextlib.suppress(msgspec.DecodeError, RecursionError):
            group = RECORDS.decode_lines(folded(lines))
            numbers = [record.seq for record in group]
            is_whole = bool(numbers) and numbers[0] >= first and all(map(lt, numbers, numbers[1:]))
            if is_whole and SettingsChanged not in {record.event.__class__ for record in group}:
                return group
        return self.records(lines, first)

    def _expanded(self, lines: bytes) -> list[Record]:
        """With the market data that is referred to. Raises DecodeError, JournalError."""
        records: list[Record] = []
        for line in lines.splitlines():
            if not line.startswith(ROWS):
                records.append(RECORDS.decode(line))
                continue
            try:
                records += self._referred_to().records(line)
            except LookupError as error:
                raise JournalError(
                    f"{self._path} refers to more market data than the {error} events that its files "
                    "give now: use the tradectl that wrote it"
                ) from error
        return records

    def _referred_to(self) -> ReferenceReader:
        if self._referred is None:
            if self._source is None or self._market is None:
                raise JournalError(
                    f"{self._path} only refers to its market data, which is not at hand"
                )
            self._referred = ReferenceReader(self._market(self._source))
        return self._referred

    def _name_what_is_no_record(self, lines: bytes, first: int) -> NoReturn:
        seq = first - 1
        for line in lines.splitlines():
            seq += 1
            try:
                if line.startswith(ROWS):
                    seq += records_in(line) - 1
                else:
                    decoded(RECORDS, line)
            except msgspec.DecodeError as error:
                raise damaged(self._path, seq, f"it is not a record ({error})") from error
        raise AssertionError("decoded one by one, all of them are records")
