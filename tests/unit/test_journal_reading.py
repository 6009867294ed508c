"""Whatever happens to the file, a reader tells whole records, says torn, or refuses: never else."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures.bus import note, tick
from tests.fixtures.command import records_of
from tests.fixtures.journal import (
    FOOTER,
    GROUPS,
    HEADER,
    RECORDS,
    ReaderAnswer,
    read_journal,
    records_named,
    write_journal,
    write_unversioned,
)
from tradectl.domain.errors import JournalDamaged, JournalError
from tradectl.domain.event import wire_name
from tradectl.domain.events import (
    KINDS,
    WIRE_VERSION,
    Event,
    FillShared,
    MarketDataEvent,
    PositionChanged,
    Record,
)
from tradectl.journal import groups
from tradectl.journal import reader as journal_reader
from tradectl.journal.groups import SEAL
from tradectl.journal.reader import JournalReader, NotBegun, read_header
from tradectl.journal.writer import BLOCK, FORMAT, make_seal
from tradectl.state.fold import FOLD


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("journals")


@pytest.fixture(scope="module")
def whole(folder: Path) -> bytes:
    return write_journal(folder / "whole.jsonl")


def reported(folder: Path, content: bytes) -> ReaderAnswer:
    path = folder / "changed.jsonl"
    path.write_bytes(content)
    return read_journal(path)


def seal_ends(content: bytes) -> list[int]:
    """Where each sealed group ends; the header's first."""
    ends, at = [], 0
    for line in content.splitlines(keepends=True):
        at += len(line)
        if line.startswith(SEAL):
            ends.append(at)
    return ends


# --- whole -------------------------------------------------------------------------------------------


def test_what_was_written_is_what_is_read(folder: Path, whole: bytes) -> None:
    assert reported(folder, whole) == ReaderAnswer(HEADER, RECORDS, FOOTER, False)


def test_groups_come_as_they_were_written(folder: Path, whole: bytes) -> None:
    with JournalReader(folder / "whole.jsonl") as reader:
        assert list(reader.groups()) == GROUPS
        assert reader.last_seq == 4


@pytest.mark.parametrize(("after", "seqs"), [(0, [1, 2, 3, 4]), (1, [1, 2, 3, 4]), (2, [3, 4])])
def test_groups_that_are_known_already_are_passed_over_whole(
    folder: Path, whole: bytes, after: int, seqs: list[int]
) -> None:
    with JournalReader(folder / "whole.jsonl") as reader:
        assert [record.seq for group in reader.groups(after=after) for record in group] == seqs
        assert (reader.last_seq, reader.footer) == (4, FOOTER)


def test_groups_that_are_passed_over_are_checked_all_the_same(folder: Path, whole: bytes) -> None:
    path = folder / "changed.jsonl"
    path.write_bytes(whole.replace(b'{"seq":1', b'{"seq":9'))
    with JournalReader(path) as reader, pytest.raises(JournalDamaged):
        list(reader.groups(after=4))


@given(st.lists(st.integers(1, 5), max_size=12), st.booleans())
def test_any_journal_reads_back_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], clean: bool
) -> None:
    path = tmp_path_factory.mktemp("any") / "r.jsonl"
    groups, seq = [], 0
    for size in sizes:
        groups.append([Record(seq + n, 5, note(f"n{n}")) for n in range(1, size + 1)])
        seq += size
    write_journal(path, groups, FOOTER if clean else None)
    assert read_journal(path) == ReaderAnswer(
        HEADER, [r for g in groups for r in g], FOOTER if clean else None, False
    )


BOOKS = {
    "symbol": "BTCUSDT",
    **dict.fromkeys(("quantity", "cost", "realized", "cash", "fees"), Decimal(1)),
}
EVENTS = st.one_of(
    st.just(PositionChanged(**BOOKS)),  # type: ignore[arg-type]  # a text, and Decimals
    st.just(FillShared(symbol="BTCUSDT", order_id="o", trade_id="t", price=Decimal(1), shares=())),
    st.builds(tick, symbol=st.sampled_from(["BTCUSDT", "ETHUSDT", 'A"B', 'A"C', "BTC\\"])),
    st.just(note('{"seq":1,"at":2,"event":{"type":"market_data","symbol":"BTCUSDT"')),
)


@given(st.lists(st.lists(EVENTS, min_size=1, max_size=8), max_size=4))
def test_who_folds_is_given_what_changes_the_books_and_of_trades_in_a_row_the_last(
    tmp_path_factory: pytest.TempPathFactory, written: list[list[Event]]
) -> None:
    path, seq, groups = tmp_path_factory.mktemp("folded") / "r.jsonl", 0, list[list[Record]]()
    for events in written:
        groups.append([Record(seq + n, 5, e) for n, e in enumerate(events, 1)])  # type: ignore[arg-type]  # one of AnyEvent
        seq += len(events)
    write_journal(path, groups, FOOTER)
    with JournalReader(path) as reader:
        read = list(reader.groups(folded=bool))
        assert (reader.last_seq, reader.footer) == (seq, FOOTER)
    assert read == [folded_of(group) for group in groups]


def folded_of(group: list[Record]) -> list[Record]:
    """Without what the books say and each trade that another one in its symbol follows, but for the last;
    names that JSON has to spell otherwise are read in full."""
    followers = [*group[1:], None]
    return [
        record
        for record, next_one in zip(group, followers, strict=True)
        if next_one is None
        or not isinstance(record.event, MarketDataEvent | PositionChanged | FillShared)
        or (isinstance(record.event, MarketDataEvent) and not is_followed(record.event, next_one))
    ]


def is_followed(tick: MarketDataEvent, by: Record) -> bool:
    same = isinstance(by.event, MarketDataEvent) and by.event.symbol == tick.symbol
    return same and not re.search(r'["\\\\]', tick.symbol)


def test_the_books_do_not_listen_to_what_is_not_folded() -> None:
    kinds = {kind: wire_name(kind.__name__).encode() for kind in KINDS}
    assert {*groups.NOT_FOLDED} <= {*kinds.values()}
    assert not {name for kind, name in kinds.items() if kind in FOLD} & {*groups.NOT_FOLDED}


@pytest.mark.parametrize("numbers", [(1, 3, 2), (0, 1, 2), (1, 1, 2)])
def test_records_that_stand_in_another_order_are_damage_for_who_folds_them_too(
    tmp_path: Path, numbers: tuple[int, ...]
) -> None:
    path = tmp_path / "r.jsonl"
    write_journal(path, [[Record(seq, 5, note("n")) for seq in numbers]], None)
    with JournalReader(path) as reader, pytest.raises(JournalDamaged, match="stands in its place"):
        list(reader.groups(folded=bool))


def test_a_gzipped_journal_is_read_as_it_is(folder: Path, whole: bytes) -> None:
    put_away = gzip.compress(whole)
    assert reported(folder, put_away) == reported(folder, whole)


@pytest.mark.parametrize("damage", [lambda b: b[:-9], lambda b: b[:30] + b"\0\0\0" + b[33:]])
def test_a_broken_archive_is_no_torn_tail(
    folder: Path, whole: bytes, damage: Callable[[bytes], bytes]
) -> None:
    path = folder / "broken.jsonl.gz"
    path.write_bytes(damage(gzip.compress(whole)))
    with pytest.raises(JournalError, match="is a broken gzip file"):
        [*JournalReader(path).records()]


def test_the_header_can_be_read_alone(folder: Path, whole: bytes) -> None:
    assert read_header(folder / "whole.jsonl") == HEADER


def test_a_journal_that_is_still_being_written_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    write_journal(path, GROUPS[:1], None)
    reader = JournalReader(path)
    assert [record.seq for record in reader.records()] == [1, 2]
    assert not reader.torn


# --- cut ---------------------------------------------------------------------------------------------


def test_cut_at_every_byte_the_prefix_is_whole_and_the_rest_is_torn(
    folder: Path, whole: bytes
) -> None:
    header_end, *ends = seal_ends(whole)
    for cut in range(len(whole)):
        if cut < header_end:
            with pytest.raises(JournalError, match="not a tradectl journal"):
                reported(folder, whole[:cut])
            continue
        groups = sum(end <= cut for end in ends)
        kept = [record for group in GROUPS[:groups] for record in group]
        torn = cut not in (header_end, *ends)
        assert reported(folder, whole[:cut]) == ReaderAnswer(HEADER, kept, None, torn), cut
        assert records_of(folder / "changed.jsonl") == kept, cut  # as the tests read one beside it


def test_a_torn_tail_of_another_kind_is_dropped_too(folder: Path, whole: bytes) -> None:
    for tail in (b"\0" * 500, b"junk", b'{"seq":5', b'{"seq":5}\n', b"\xff\xfe"):
        expected = ReaderAnswer(HEADER, RECORDS, FOOTER, True)
        assert reported(folder, whole + tail) == expected


@pytest.mark.parametrize("tail", [b"\n", b"\n\n", b"junk\n", b"\0" * 500 + b"\n", b'{"seam":{}}\n'])
def test_a_whole_line_that_no_journal_has_is_no_torn_tail(
    folder: Path, whole: bytes, tail: bytes
) -> None:
    with pytest.raises(JournalDamaged, match="none of a journal's"):
        reported(folder, whole + tail)


def numbers_in_seals(content: bytes) -> list[int]:
    return [found.end() for found in re.finditer(rb'\t{"seal":{"last":', content)]


# --- changed -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mask", [0x01, 0x04, 0x20, 0x80, 0xFF])
def test_a_changed_byte_is_refused_wherever_it_is_and_never_read(
    folder: Path, whole: bytes, mask: int
) -> None:
    """But for the line ends around the last seal: without one, what is left is an unfinished tail."""
    line_ends = (whole.rindex(b"\n" + SEAL), len(whole) - 1)
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= mask
        try:
            read = reported(folder, bytes(changed))
        except JournalError:
            continue
        assert place in line_ends
        assert read == ReaderAnswer(HEADER, RECORDS, None, True)


def test_a_changed_number_in_a_seal_does_not_take_its_group_with_it(
    folder: Path, whole: bytes
) -> None:
    for place in numbers_in_seals(whole):
        changed = bytearray(whole)
        changed[place] = ord("0") if changed[place] != ord("0") else ord("1")
        with pytest.raises(JournalDamaged):
            reported(folder, bytes(changed))


@pytest.mark.parametrize(
    ("seq", "named"), [(1, "records 1-2"), (2, "records 1-2"), (3, "record 3"), (4, "record 4")]
)
def test_damage_names_the_records_of_its_block(
    folder: Path, whole: bytes, seq: int, named: str
) -> None:
    marked = whole.replace(b'{"seq":%d,"at":1' % seq, b'{"seq":%d,"at":2' % seq)
    assert marked != whole
    with pytest.raises(JournalDamaged, match=f"damaged at {named}: what was written") as found:
        reported(folder, marked)
    assert found.value.seq <= seq


@given(st.lists(st.integers(0, 1_500), min_size=1, max_size=30), st.data())
def test_of_a_long_group_only_a_handful_is_named(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("long") / "r.jsonl"
    records = [Record(seq, 1, note("w" * size)) for seq, size in enumerate(sizes, 1)]
    lines = write_journal(path, [records]).splitlines(keepends=True)
    seq = data.draw(st.integers(1, len(sizes)))
    lines[seq + 1] = lines[seq + 1].replace(b'"at":1', b'"at":2')
    with pytest.raises(JournalDamaged) as found:
        reported(path.parent, b"".join(lines))
    first, last = records_named(str(found.value))
    assert first == found.value.seq <= seq <= last
    assert sum(map(len, lines[first + 2 : last + 1])) <= BLOCK


def test_what_comes_before_the_damage_is_handed_out_whole(folder: Path, whole: bytes) -> None:
    path = folder / "changed.jsonl"
    path.write_bytes(whole.replace(b'{"seq":3', b'{"seq":9'))
    reader, read = JournalReader(path), list[Record]()
    with pytest.raises(JournalDamaged):
        read.extend(reader.records())
    reader = JournalReader(path)
    assert next(reader.groups()) == GROUPS[0]
    reader.close()


def test_a_changed_header_is_damage_that_names_it(folder: Path, whole: bytes) -> None:
    with pytest.raises(JournalDamaged, match="damaged at its header"):
        reported(folder, whole.replace(b'"seed":7', b'"seed":8'))


@given(st.data())
def test_lines_that_were_taken_out_doubled_or_swapped_are_refused(
    folder: Path, whole: bytes, data: st.DataObject
) -> None:
    lines = whole.splitlines(keepends=True)
    one = data.draw(st.integers(0, len(lines) - 2))
    other = data.draw(st.integers(0, len(lines) - 2))
    changed = list(lines)
    match data.draw(st.sampled_from(["take out", "double", "swap"])):
        case "take out":
            del changed[one]
        case "double":
            changed.insert(other, lines[one])
        case "swap":
            changed[one], changed[other] = lines[other], lines[one]
    if changed != lines:
        with pytest.raises(JournalError):
            reported(folder, b"".join(changed))


def test_a_group_that_was_taken_out_whole_is_noticed(folder: Path, whole: bytes) -> None:
    _, first, second, *_ = seal_ends(whole)
    with pytest.raises(JournalDamaged):
        reported(folder, whole[:first] + whole[second:])


def test_the_tail_of_another_journal_does_not_fit(folder: Path, whole: bytes) -> None:
    other = write_journal(folder / "other.jsonl", [[Record(1, 9, tick()), Record(2, 9, note("z"))]])
    end_of_first, start_of_last = seal_ends(whole)[1], seal_ends(other)[1]
    with pytest.raises(JournalDamaged):
        reported(folder, whole[:end_of_first] + other[start_of_last:])


def test_records_out_of_sequence_are_refused_though_their_seal_is_right(tmp_path: Path) -> None:
    write_journal(tmp_path / "r.jsonl", [[Record(1, 0, note("a")), Record(3, 0, note("b"))]])
    with pytest.raises(JournalDamaged, match="the record numbered 3 stands in its place") as found:
        read_journal(tmp_path / "r.jsonl")
    assert found.value.seq == 2


def test_damage_to_the_last_seal_is_not_taken_for_an_unfinished_tail(
    folder: Path, whole: bytes
) -> None:
    """Every line of it is there to its end: nobody stopped writing in the middle of one."""
    changed = bytearray(whole)
    changed[whole.rindex(SEAL) + 3] ^= 1
    with pytest.raises(JournalDamaged):
        reported(folder, bytes(changed))


# --- not a journal -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"hello\n",
        b"ts,price\n1,2\n",
        b"\0" * 1000,
        b'\t{"seal":{}}\n',
        b'\t{"seal":{"last":0,"blocks":"zz","chain":""}}\n',
        b'\t{"seal":' + b"[" * 100_000 + b"\n",
    ],
    ids=["empty", "blank", "words", "csv", "zeros", "bare seal", "no hex", "deep"],
)
def test_a_file_that_is_no_journal_is_refused_by_name(folder: Path, content: bytes) -> None:
    with pytest.raises(JournalError, match=r"changed\.jsonl"):
        reported(folder, content)


def test_a_sealed_line_that_is_no_header_is_refused(folder: Path, whole: bytes) -> None:
    lines = whole.splitlines(keepends=True)
    seal = make_seal(0, b'{"footer":1}\n', 0)[0]
    content = b'{"footer":1}\n\t{"seal":{"last":0,"blocks":"%s","chain":"%s"}}\n' % (
        seal.blocks.encode(),
        seal.chain.encode(),
    )
    with pytest.raises(JournalError, match="not a tradectl journal"):
        reported(folder, content + b"".join(lines))


@pytest.mark.parametrize("place", ["missing.jsonl", "."])
def test_a_file_that_cannot_be_opened_is_named_with_the_reason(folder: Path, place: str) -> None:
    with pytest.raises(JournalError, match="cannot read the journal"):
        JournalReader(folder / place)


@pytest.mark.parametrize("name", ["FORMAT", "WIRE_VERSION"])
@pytest.mark.parametrize("read", [0, 99])
def test_a_journal_of_another_format_is_refused_by_name_with_advice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, read: int
) -> None:
    write_journal(tmp_path / "r.jsonl")
    monkeypatch.setattr(journal_reader, name, read)
    now = rf"{FORMAT}\.{WIRE_VERSION}"
    others = rf"{read}\.{WIRE_VERSION}|{FORMAT}\.{read}"
    reads = rf"this tradectl reads ({others}): use the tradectl that wrote it"
    with pytest.raises(JournalError, match=rf"has format {now}, and {reads}"):
        JournalReader(tmp_path / "r.jsonl")


def test_a_header_that_names_no_version_is_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    write_unversioned(path)
    reads = rf"this tradectl reads {FORMAT}\.{WIRE_VERSION}"
    with pytest.raises(JournalError, match=rf"has format 1\.1, and {reads}"):
        JournalReader(path)


def test_one_whose_seals_look_otherwise_is_refused_by_name_too(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    earlier = f'"format":{FORMAT - 1},'.encode()
    whole = write_journal(path).replace(f'"format":{FORMAT},'.encode(), earlier)
    path.write_bytes(whole.replace(SEAL, b'{"seal":'))
    with pytest.raises(JournalError, match=rf"has format {FORMAT - 1}\.{WIRE_VERSION}, and"):
        JournalReader(path)


def test_a_header_names_its_versions(tmp_path: Path) -> None:
    whole = write_journal(tmp_path / "r.jsonl")
    assert f'"format":{FORMAT},"wire":{WIRE_VERSION}'.encode() in whole.splitlines()[0]


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_raise_nothing_but_a_journal_error(folder: Path, content: bytes) -> None:
    with pytest.raises(JournalError):
        reported(folder, content)


def test_a_seal_over_nothing_is_refused_like_other_damage(folder: Path, whole: bytes) -> None:
    end = seal_ends(whole)[-1]
    chain = int(whole[whole.rindex(b'"chain":"') + 9 :][:8], 16)
    seal, _ = make_seal(4, b"", chain)
    line = b'\t{"seal":{"last":4,"blocks":"","chain":"%s"}}\n' % seal.chain.encode()
    with pytest.raises(JournalError):
        reported(folder, whole[:end] + line)


def test_of_a_file_that_begins_otherwise_no_more_is_read(tmp_path: Path) -> None:
    """However large it is."""
    path = tmp_path / "zeros.jsonl"
    with path.open("wb") as file:
        file.truncate(64 * 1024**3)
    with pytest.raises(NotBegun, match="has no sealed header"):
        JournalReader(path)


def test_wherever_a_block_ends_the_groups_are_the_same(
    folder: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of a seal, too."""
    for at_first in [*range(1, 40), 200, 1000]:
        monkeypatch.setattr(groups, "AT_FIRST", 10 + at_first)
        monkeypatch.setattr(groups, "AT_ONCE", at_first)
        monkeypatch.setattr(groups, "AT_MOST", at_first)
        assert reported(folder, whole) == ReaderAnswer(HEADER, RECORDS, FOOTER, False), at_first
