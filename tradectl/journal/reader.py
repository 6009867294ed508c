"""Reading a journal back: only what its seals vouch for.

Groups come out whole or not at all. Lines after the last seal are an unfinished tail: they are dropped
and the reader says so (`torn`). A line that does not match its seal is damage, and is never skipped.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator
from pathlib import Path

import msgspec

from tradectl.domain.errors import JournalDamaged, JournalError
from tradectl.domain.events import WIRE_VERSION, Record
from tradectl.domain.sealed import Sealed
from tradectl.journal.decoding import LineDecoder, damaged, decoded
from tradectl.journal.groups import (
    SEAL,
    blocks,
    lines_at_a_time,
    opened,
    sealed_groups,
    without_seal,
)
from tradectl.journal.parts import first_of, lost_parts, was_taken_away
from tradectl.journal.reading import Folded, hearing, in_full
from tradectl.journal.reference import ROWS, OpenMarket, records_in
from tradectl.journal.signature import KnownKeys, Signature, Signed, SigningKey
from tradectl.journal.writer import (
    BLOCK,
    FORMAT,
    MARK,
    Beginning,
    BeginningLine,
    Footer,
    FooterLine,
    Header,
    HeaderLine,
    Seal,
    SealLine,
    make_seal,
)

HEADER = b'{"header":'
RECORD = b'{"seq":'
FOOTER = b'{"footer":'
KNOWN = (RECORD, FOOTER, HEADER, ROWS)
LONGEST_SEAL = LONGEST_GROUP = 64 * 1024 * 1024
LARGEST_UNSIGNED_HEADER = 8 * 1024 * 1024
"""Where nobody says that the journal is to be trusted; else it is a group like any other."""

SEALS = msgspec.json.Decoder(SealLine)
FOOTERS = msgspec.json.Decoder(FooterLine)
HEADERS, BEGINNINGS = msgspec.json.Decoder(HeaderLine), msgspec.json.Decoder(BeginningLine)
"""Made here and not when first asked for: two threads that make one at once crash the interpreter, and an
emergency stop reads journals in two."""


class NoKeys:
    """For who reads a journal whoever wrote it."""

    def named(self, name: str) -> SigningKey | None:
        return None


NO_KEYS = NoKeys()


class NotBegun(JournalError):
    """There is no sealed header: no journal, or one of a run that was killed before it did anything."""


class JournalReader:
    """The file `path`, gzipped or not, as a header, groups of records and perhaps a footer.

    `footer` is None until the end of a run that ended cleanly; `torn` tells, at the end of the file,
    that an unfinished tail was dropped; `sealed` is the end of the last group read. `market` opens the
    files of market data that is only referred to; `feeds.whole_log` has it. Raises JournalError for what
    is no journal and JournalDamaged for one that was changed. By `keys` its `signature` is looked at,
    too, which tells and does not raise; a header that is none of theirs has `largest` bytes. At a
    `glance` it has a `beginning` and no header.
    """

    def __init__(
        self,
        path: Path,
        market: OpenMarket | None = None,
        keys: KnownKeys = NO_KEYS,
        *,
        glance: bool = False,
        largest: int = LARGEST_UNSIGNED_HEADER,
    ) -> None:
        self.path = path
        self._keys = keys
        self._largest = largest
        self.footer: Footer | None = None
        self.torn = False
        self.last_seq = -1
        self.sealed: Sealed | None = None
        self._chain = 0
        self._offset = self._held = 0
        self._first: tuple[bytes, Seal] | None = None
        self._groups = self._read_groups()
        header = self._read_header(glance=glance)
        if header is not None:
            self.header = header
            self._decoder = LineDecoder(path, header.market, market)
        self.last_seq = 0

    def __enter__(self) -> JournalReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the file back; only needed when it was not read to its end."""
        self._groups.close()

    def records(self) -> Iterator[Record]:
        """Every sealed record, in order of sequence."""
        for group in self.groups():
            yield from group

    @property
    def position(self) -> int:
        """The sequence number of the last record read."""
        return self.last_seq

    def tail(self) -> Iterator[list[Record]]:
        """The groups that were sealed since the last one read; asked again, those sealed since."""
        self.close()
        self._groups = self._read_groups()
        return self.groups()

    def groups(self, after: int = 0, *, folded: Folded = in_full) -> Iterator[list[Record]]:
        """The records of each group, a part of it at a time; whole groups up to `after` are checked but
        passed over. Where a part is `folded`, so is what the books come out the same without: all but the
        last of trades in a row in one symbol, and what they do not listen to, but for the last record."""
        heard = hearing()
        if heard is None:
            yield from self._parts(after, folded)
            return
        try:
            for part in self._parts(after, folded):
                heard.read(self.path, self._offset, self.last_seq)
                yield part
        finally:
            heard.over(self.path)

    def _parts(self, after: int, folded: Folded) -> Iterator[list[Record]]:
        for last, lines in self._groups:
            if lines.startswith(FOOTER):
                self.footer = decoded(FOOTERS, lines).footer
            elif last <= after:
                self.last_seq = last
            else:
                for part in lines_at_a_time(lines):
                    decode = self._decoder.folded if folded(last) else self._decoder.records
                    records = decode(part, self.last_seq + 1)
                    if (
                        records
                    ):  # a line that refers to no rows is written by nobody, yet can be read
                        self.last_seq = records[-1].seq
                    yield records
                if self.last_seq != last:
                    why = f"the seal there is over record {last}"
                    raise damaged(self.path, self.last_seq, why)

    def go_on_from(self, sealed: Sealed) -> bool:
        """Pass over all up to a group that was read, or written, before. False, and nothing is passed
        over, where the file has no such seal there."""
        found, line = _seal_at(self.path, sealed)
        if found is None:
            return False
        self.close()
        self.signature.go_on_from(sealed.mac)
        self.last_seq, self._chain, self.sealed = found.last, int(found.chain, 16), sealed
        self._offset = sealed.at + len(line)
        self._groups = self._read_groups()
        return True

    def check(self) -> Iterator[int]:
        """Look at seals alone, group by group: the byte that each ends at."""
        for end, _ in self.lines():
            yield end

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """The lines of each group as they were written, checked against their seal and not decoded; the
        byte that the group ends at."""
        for last, lines in self._groups:
            self.last_seq = last
            yield self._offset, lines

    def _read_header(self, *, glance: bool) -> Header | None:
        first = next(self._groups, None)
        if first is None:
            if (whole := first_of(self.path)) is not None:
                raise JournalError(f"{self.path} is a later part of a journal: name {whole}")
            self._refuse_other_seals()
            raise NotBegun(f"{self.path} is not a tradectl journal: it has no sealed header")
        line = first[1]
        try:
            self.beginning = decoded(BEGINNINGS, line).header
            self._refuse_other(self.beginning)
            self.signature = Signature(self.beginning.signature, self._keys)
            self._take_signature_of_header()
            self._refuse_large(line)
            return None if glance else decoded(HEADERS, line).header
        except msgspec.DecodeError as error:
            raise JournalError(f"{self.path} is not a tradectl journal: {error}") from error

    def _refuse_other_seals(self) -> None:
        """A header that is there, and sealed, of a format whose seals look otherwise."""
        with opened(self.path) as file, contextlib.suppress(msgspec.DecodeError):
            if (begun := file.read(len(HEADER))) != HEADER:
                return
            line = begun + file.readline(LONGEST_GROUP)
            if file.readline(LONGEST_SEAL).startswith(SEAL.removeprefix(MARK)):
                self._refuse_other(decoded(BEGINNINGS, line).header)

    def _refuse_large(self, header_line: bytes) -> None:
        """What it would become in memory is many times as much."""
        is_asked = self._keys is not NO_KEYS and self.signature.signed is not Signed.YES
        if is_asked and len(header_line) > self._largest:
            raise JournalError(
                f"{self.path} begins with more than {self._largest >> 20} MiB that your key "
                "did not sign: it is not read, but with --trust-journal"
            )

    def _refuse_other(self, found: Beginning) -> None:
        if (found.format, found.wire) != (FORMAT, WIRE_VERSION):
            raise JournalError(
                f"{self.path} has format {found.format}.{found.wire}, and this tradectl reads "
                f"{FORMAT}.{WIRE_VERSION}: use the tradectl that wrote it"
            )

    def _read_groups(self) -> Generator[tuple[int, bytes], None, None]:
        """Lines between seals, each group checked against its seal before it is handed out."""
        with contextlib.ExitStack() as stack:
            try:
                file = stack.enter_context(opened(self.path))
            except OSError as error:
                raise JournalError(
                    f"cannot read the journal {self.path}: {error.strerror}"
                ) from error
            file.seek(self._offset)
            unsealed, looked_at = b"", 0
            for block in blocks(file, self.path, lambda: self._held):
                if not self._offset and not unsealed and not block.startswith(HEADER):
                    break  # whatever its size, no more of it is read
                unsealed += block
                done = 0
                for lines, seal_line, end in sealed_groups(unsealed, looked_at):
                    seal = self._check(lines, seal_line)
                    self._offset += end - done
                    at = self._offset - len(seal_line)
                    self.sealed = Sealed(at, seal.last, seal.chain, seal.mac)
                    done = end
                    yield seal.last, lines
                unsealed = unsealed[done:]
                self._held = len(unsealed)
                looked_at = without_seal(unsealed, 0 if done else looked_at)
                if len(unsealed) > LONGEST_GROUP:
                    raise damaged(self.path, max(self.last_seq + 1, 0), "what follows has no seal")
        self._refuse_foreign_line(unsealed)
        self._refuse_lost_parts(self._offset + len(unsealed))
        self.torn = bool(unsealed)

    def _refuse_lost_parts(self, end: int) -> None:
        """It goes on in a later part than the next one, or was removed while it was read."""
        if self.last_seq >= 0 and self.footer is None and was_taken_away(self.path):
            raise JournalError(f"{self.path} was taken away while it was read: it is not whole")
        lost = lost_parts(self.path, end) if self.last_seq >= 0 and self.footer is None else ()
        if lost:
            seq = self.last_seq + 1
            raise damaged(
                self.path, seq, f"the part that follows is missing, and {lost[0].name} is there"
            )

    def _refuse_foreign_line(self, unsealed: bytes) -> None:
        """A line that is whole was written as it is: one that no journal has is no unfinished tail."""
        *before, last, cut_off = [b"", *unsealed.split(b"\n")]
        is_journal = self.last_seq >= 0
        if is_journal and unsealed and not cut_off and not last.startswith(KNOWN):
            seq = self.last_seq + len(before)
            raise damaged(self.path, seq, "a whole line is there, and it is none of a journal's")

    def _check(self, group: bytes, seal_line: bytes) -> Seal:
        """The seal of the group, which is so."""
        try:
            seal = decoded(SEALS, seal_line).seal
        except ValueError as error:
            last = self.last_seq + records_in(group)
            raise damaged(self.path, last, f"its seal is broken ({error})") from error
        if not group:
            raise damaged(self.path, self.last_seq + 1, "a seal over nothing stands there")
        actual, chain = make_seal(seal.last, group, self._chain)
        if (actual.blocks, actual.chain) != (seal.blocks, seal.chain):
            raise self._does_not_match(group, actual.blocks, seal.blocks)
        self._chain = chain
        if self._first is None:
            self._first = group, seal  # whose it is, the header in it says
        else:
            self._take_signature(group, seal)
        return seal

    def _take_signature_of_header(self) -> None:
        if self._first is not None:
            self._take_signature(*self._first)

    def _take_signature(self, group: bytes, seal: Seal) -> None:
        at_an_end = group.startswith((HEADER, FOOTER))
        signed = (seal.last, seal.chain, seal.mac)
        self.signature.take(max(self.last_seq, 0), group, signed, at_an_end=at_an_end)

    def _does_not_match(self, group: bytes, actual: str, told: str) -> JournalDamaged:
        for n, start in enumerate(range(0, len(group), BLOCK)):
            if actual[8 * n : 8 * n + 8] != told[8 * n : 8 * n + 8]:
                before = group.rfind(b"\n", 0, start) + 1
                end = group.find(b"\n", min(start + BLOCK, len(group)) - 1) + 1
                first = self.last_seq + 1 + records_in(group[:before])
                last = first + max(records_in(group[before : end or len(group)]) - 1, 0)
                return damaged(self.path, first, "what was written there was changed", last)
        last = self.last_seq + records_in(group)
        return damaged(self.path, last, "the lines and their seal do not belong together")


def _seal_at(path: Path, sealed: Sealed) -> tuple[Seal | None, bytes]:
    """The seal that is to be there, and its line. Raises OSError."""
    with opened(path) as file:
        file.seek(sealed.at)
        line = file.readline(LONGEST_SEAL)
    if not line.startswith(SEAL):
        return None, line
    try:
        found = decoded(SEALS, line).seal
    except ValueError:
        return None, line
    same = (found.last, found.chain, found.mac) == (sealed.last, sealed.chain, sealed.mac)
    return (found if same and line.endswith(b"\n") else None), line


def holds_seal(path: Path, sealed: Sealed) -> bool:
    """The journal came as far as to that group, and still has it."""
    with contextlib.suppress(OSError):
        return _seal_at(path, sealed)[0] is not None
    return False


def refuse_damaged(path: Path) -> None:
    """Look at every seal. Raises JournalError."""
    with JournalReader(path) as journal:
        for _ in journal.check():
            pass


def read_beginning(path: Path) -> Beginning:
    """Whose it is, however large the account is that it began with. Raises JournalError."""
    with JournalReader(path, glance=True) as journal:
        return journal.beginning


def read_header(path: Path) -> Header:
    """The header alone. Raises JournalError."""
    with JournalReader(path) as journal:
        return journal.header
