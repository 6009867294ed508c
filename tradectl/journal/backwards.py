"""A journal read from its end, for those who want what came last, however long it is."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from hmac import compare_digest
from itertools import islice
from pathlib import Path

import msgspec

from tradectl.domain.errors import JournalError
from tradectl.domain.events import Record
from tradectl.files.own import open_named
from tradectl.journal.decoding import decoded
from tradectl.journal.groups import SEAL
from tradectl.journal.parts import JoinedParts
from tradectl.journal.reader import FOOTER, RECORD, SEALS
from tradectl.journal.signature import SigningKey
from tradectl.journal.writer import Seal

BACKWARDS = 256 * 1024
"""Bytes read at a time."""


def has_footer(path: Path) -> bool:
    """The run ended by itself, and its journal says so to the end; by its last lines alone."""
    try:
        lines = [line for line in islice(_lines_backwards(path, BACKWARDS), 3) if line]
    except OSError:
        return False
    return len(lines) == 2 and lines[0].startswith(SEAL) and lines[1].startswith(FOOTER)


def newest_records(
    path: Path, last_seq: int, most_bytes: int, key: SigningKey | None = None
) -> Iterator[Record]:
    """The records up to `last_seq`, newest first, of at most the last so many bytes. With the `key` that
    signed every group it ends where one was not signed by it.

    No checksum is looked at: a line that is missing does no harm. Raises JournalError.
    """
    decoder = msgspec.json.Decoder(Record)
    lines = _lines_backwards(path, most_bytes)
    try:
        for line in lines if key is None else _signed_lines(lines, key):
            if line.startswith(RECORD):
                with contextlib.suppress(msgspec.DecodeError):
                    record = decoded(decoder, line)
                    if record.seq <= last_seq:
                        yield record
    except OSError as error:
        raise JournalError(f"cannot read the journal {path}: {error.strerror}") from error


def _signed_lines(lines: Iterator[bytes], key: SigningKey) -> Iterator[bytes]:
    """Those of whole groups, each signed with what the seal before it says, as long as that is so."""
    seal: Seal | None = None
    group: list[bytes] = []
    for line in lines:
        if not line.startswith(SEAL):
            group.append(line)
            continue
        try:
            before = decoded(SEALS, line).seal
            if seal is not None and not _is_signed(group, seal, before, key):
                return
        except ValueError:
            return
        if seal is not None:
            yield from group
        seal, group = before, []


def _is_signed(group: list[bytes], seal: Seal, before: Seal, key: SigningKey) -> bool:
    """`group` has its lines in the order that they are read in."""
    text = b"".join(line + b"\n" for line in reversed(group))
    mac = key.of_group(bytes.fromhex(before.mac), seal.last, seal.chain, text)
    return compare_digest(mac.hex().encode(), seal.mac.encode())


def _lines_backwards(path: Path, most_bytes: int) -> Iterator[bytes]:
    with JoinedParts(os.fdopen(open_named(path), "rb"), path) as file:
        end = file.seek(0, os.SEEK_END)
        floor, rest = max(0, end - most_bytes), b""
        while end > floor:
            start = max(floor, end - BACKWARDS)
            file.seek(start)
            rest, *lines = (file.read_all(end - start) + rest).split(b"\n")
            yield from reversed(lines)
            end = start


__all__ = ["has_footer", "newest_records"]
