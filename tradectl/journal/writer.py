"""The journal: what happened, one JSON object a line, in groups that are sealed.

    {"header": {...}}                      who, when, with what config, from which state
    {"seq":1,"at":...,"event":{...}}       an input
    {"seq":2,"at":...,"event":{...},"cause":1}   and what followed from it
        {"seal":{"last":2,"blocks":"...","chain":"...","mac":"..."}}
    ...
    {"footer": {...}}                      only at a clean end, and sealed like the rest

A group is one write to the operating system and ends in a seal: a CRC-32 of each kilobyte since the last
seal, and a chain over all seals. So a reader can tell an unfinished tail (lines without a seal: nobody
was told of them) from a damaged middle (a block that does not match), and name the lines of that block.
With a key it is signed, too (`signature`). A seal's line begins with a tab, and there is no other: JSON
has none in its texts."""

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn
from zlib import crc32

import msgspec
from msgspec import Struct

from tradectl.domain.errors import JournalError, JournalFailed
from tradectl.domain.events import WIRE_VERSION, Record
from tradectl.domain.sealed import Sealed
from tradectl.domain.text import harmless
from tradectl.domain.time import DAY, from_iso
from tradectl.files.own import open_folder, open_own
from tradectl.journal.parts import part_at, parts_of
from tradectl.journal.reference import MarketSource, ReferenceWriter
from tradectl.journal.signature import NONE, Signing, SigningKey

FORMAT = 11
MARK = b"\t"
"""What a line begins with that is a seal."""
BLOCK = 1024
"""Bytes of a group under one checksum: a handful of lines."""

EMERGENCY, RECONCILE = "emergency", "reconcile"
SHORT = (EMERGENCY, RECONCILE)
"""What a run without a feed and without strategies is for, as its header names its source."""


class Header(Struct):
    """First line. `state` is what the run started from, as the books dump it; `config` the effective
    configuration without secrets; `strategies` name -> hash of its source, `modules` the same of what
    these load; `market` the files that its market data is in, where the journal only refers to it;
    `signature` the name of the key that the writer signs with. `format` and `wire`, the versions of the
    lines and of the events in them, are always written."""

    run_id: str
    program: str
    started_at: str
    mode: str
    source: str
    account: str
    seed: int
    config: dict[str, Any]
    config_hash: str
    strategies: dict[str, str]
    state: dict[str, Any]
    continues: str = ""
    modules: dict[str, str] = {}
    market: MarketSource | None = None
    signature: Signing | None = None
    format: int = FORMAT
    wire: int = WIRE_VERSION

    def began(self) -> int:
        """When the run was started, ns UTC. Raises JournalError where it does not say."""
        try:
            return from_iso(self.started_at)
        except ValueError as error:
            told = harmless(self.started_at, 40)
            raise JournalError(
                f"the header says no time at which the run started, but {told!r}"
            ) from error


class Beginning(Struct):
    """What the header of any version can be asked for, without the account in it. One that names no
    versions is of the first."""

    run_id: str = ""
    account: str = ""
    source: str = ""
    signature: Signing | None = None
    format: int = 1
    wire: int = 1


class BeginningLine(Struct):
    header: Beginning


class Footer(Struct, omit_defaults=True):
    """Last line of a run that ended by itself."""

    ended_at: str
    reason: str
    last_seq: int
    state_hash: str

    def ended(self) -> int:
        """When the run ended, ns UTC. Raises JournalError where it does not say."""
        try:
            return from_iso(self.ended_at)
        except ValueError as error:
            told = harmless(self.ended_at, 40)
            raise JournalError(
                f"the footer says no time at which the run ended, but {told!r}"
            ) from error


class Seal(Struct, omit_defaults=True):
    """`blocks` are the CRC-32s of the lines since the last seal, a block each, in eight hex digits."""

    last: int
    blocks: str
    chain: str
    mac: str = ""


class SealLine(Struct):
    seal: Seal


def seal_line(seal: Seal) -> bytes:
    return MARK + msgspec.json.encode(SealLine(seal)) + b"\n"


class HeaderLine(Struct):
    header: Header


class FooterLine(Struct):
    footer: Footer


def make_seal(last_seq: int, group: bytes, chain: int) -> tuple[Seal, int]:
    """The seal over the lines of `group`, and the chain that the next seal goes on from."""
    whole = memoryview(group)
    checksums = [crc32(whole[at : at + BLOCK]) for at in range(0, len(group), BLOCK)]
    packed = struct.pack(f">{len(checksums)}I", *checksums)
    chain = crc32(b"%d:%b" % (last_seq, packed), chain)
    return Seal(last_seq, packed.hex(), f"{chain:08x}"), chain


class PartLength(Struct, frozen=True):
    """When a new part of the log begins: at so many `bytes` (0: never), and with each day (UTC)."""

    bytes: int = 0
    daily: bool = False


ONE_PART = PartLength()


def sync_file(path: Path) -> None:
    """What a killed run has written survives a loss of power from now on. Raises JournalFailed."""
    try:
        *_, (_, last) = parts_of(path)  # the others were synced when they were finished
        fd = open_own(last)
        try:
            os.fdatasync(fd)
        finally:
            os.close(fd)
    except OSError as error:
        raise JournalFailed(f"cannot sync the journal {path}: {error.strerror}") from error


class JournalWriter:
    """Appends to a new file `path`, mode 0600, and to the `parts` that follow it. `strict`: synced before
    any command leaves. With a `key` every group is signed, or not `every` one but the header and the
    footer; `note` is told of each that will survive a loss of power.

    Raises JournalFailed when the file cannot be made or a write fails; after that every call does.
    """

    def __init__(
        self,
        path: Path,
        header: Header,
        *,
        strict: bool = False,
        key: SigningKey | None = None,
        every: bool = True,
        note: Callable[[Sealed], None] | None = None,
        parts: PartLength = ONE_PART,
    ) -> None:
        self.path = path
        self.parts = parts
        self._part_began, self._part_day = 0, -1
        self._finished_fd = -1
        self.strict = strict
        self.last_seq = 0
        self.bytes_written = 0
        self.sealed: Sealed | None = None
        self._chain = 0
        self._key, self._every, self._mac = key, every, NONE
        self._note = note
        if key is not None:
            header = msgspec.structs.replace(header, signature=Signing(key.name, every))
        self._failure = ""
        self._closed = False
        self._encoder = msgspec.json.Encoder(decimal_format="string")
        self._lines = (
            self._encoder.encode_lines if header.market is None else ReferenceWriter().lines
        )
        try:
            self._fd = open_own(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        except OSError as error:
            raise JournalFailed(f"cannot create the journal {path}: {error.strerror}") from error
        self._write_group(self._encoder.encode(HeaderLine(header)) + b"\n", at_an_end=True)
        self.sync()

    def append(self, records: list[Record]) -> None:
        """One sealed group, in one write to the operating system."""
        try:
            group = self._lines(records)
        except (msgspec.EncodeError, TypeError, ValueError) as error:
            self._fail(str(error), error)
        if self.parts.bytes or self.parts.daily:
            self._see_to_part(records[-1].at)
        self.last_seq = records[-1].seq
        self._write_group(group)

    def _see_to_part(self, at: int) -> None:
        """Before a group of the time `at` (ns): whether a new part begins with it."""
        day, before = at // DAY, self._part_day
        is_full = 0 < self.parts.bytes <= self.bytes_written - self._part_began
        self._part_day = day
        if is_full or (self.parts.daily and 0 < before < day):
            self._begin_part()

    def _begin_part(self) -> None:
        """What the one before has is on the disk first. A sync that is under way in another thread may
        still hold that, so it stays open until the next one begins."""
        self.sync()
        part = part_at(self.path, self.bytes_written)
        try:
            fd = open_own(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            folder = open_folder(part.parent)
            os.fsync(folder)
            os.close(folder)
        except OSError as error:
            self._fail(error.strerror or str(error), error)
        if self._finished_fd >= 0:
            os.close(self._finished_fd)
        self._finished_fd, self._fd = self._fd, fd
        self._part_began = self.bytes_written

    def sync(self) -> None:
        """Wait until what was written would survive a power loss."""
        self._check()
        sealed = self.sealed
        try:
            os.fdatasync(self._fd)
        except OSError as error:
            self._fail(error.strerror or str(error), error)
        if self._note is not None and sealed is not None:
            self._note(sealed)

    def close(self, footer: Footer | None) -> None:
        """Write the footer of a clean end, if there is one, and close."""
        if self._closed:
            return
        self._closed = True
        try:
            if footer is not None:
                line = self._encoder.encode(FooterLine(footer)) + b"\n"
                self._write_group(line, at_an_end=True)
                self.sync()
        finally:
            os.close(self._fd)
            if self._finished_fd >= 0:
                os.close(self._finished_fd)
            self._failure = "it is closed"

    def _write_group(self, group: bytes, *, at_an_end: bool = False) -> None:
        self._check()
        seal, chain = make_seal(self.last_seq, group, self._chain)
        mac = self._mac
        if self._key is not None and (self._every or at_an_end):
            mac = self._key.of_group(mac, seal.last, seal.chain, group)
            seal.mac = mac.hex()
        sealed = Sealed(self.bytes_written + len(group), seal.last, seal.chain, seal.mac)
        data = memoryview(group + seal_line(seal))
        try:
            while data:
                written = os.write(self._fd, data)
                self.bytes_written += written
                data = data[written:]
        except OSError as error:
            self._fail(error.strerror or str(error), error)
        self._chain, self._mac, self.sealed = chain, mac, sealed

    def _check(self) -> None:
        if self._failure:
            raise JournalFailed(f"the journal {self.path} cannot be written: {self._failure}")

    def _fail(self, why: str, error: Exception) -> NoReturn:
        """One failed write or sync ends it: a later success would prove nothing."""
        self._failure = why
        raise JournalFailed(f"the journal {self.path} cannot be written: {why}") from error
