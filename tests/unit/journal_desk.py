"""Small journals for tests: written by the real writer, and read back in one word."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from tests.unit.bus_desk import note, tick
from tradectl.domain.events import Record
from tradectl.journal.reader import JournalReader
from tradectl.journal.writer import Footer, Header, JournalWriter

HEADER = Header(
    run_id="r1",
    program="0.1.0",
    started_at="2026-01-01T00:00:00.000000Z",
    mode="paper",
    source="simulated",
    account="r1",
    seed=7,
    config={"a": 1},
    config_hash="c",
    strategies={"ema": "h"},
    state={"cash": "100"},
)
FOOTER = Footer("2026-01-02T00:00:00.000000Z", "stopped", 4, "hash")

GROUPS = [
    [Record(1, 10, tick(10)), Record(2, 10, note("a"), 1)],
    [Record(3, 11, note("b"))],
    [Record(4, 12, note("c \u20ac"), 3)],
]
RECORDS = [record for group in GROUPS for record in group]


def write_journal(
    path: Path, groups: list[list[Record]] = GROUPS, footer: Footer | None = FOOTER
) -> bytes:
    writer = JournalWriter(path, HEADER)
    for group in groups:
        writer.write(group)
    writer.close(footer)
    return path.read_bytes()


class Told(Struct, frozen=True):
    """All that a reader says of a file that it can read to its end."""

    header: Header
    records: list[Record]
    footer: Footer | None
    torn: bool


def read_journal(path: Path) -> Told:
    with JournalReader(path) as reader:
        records = list(reader.records())
        return Told(reader.header, records, reader.footer, reader.torn)
