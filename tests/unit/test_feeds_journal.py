from __future__ import annotations

import gzip
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures.journal import HEADER
from tests.fixtures.rows import each_row
from tests.unit.test_feeds_properties import assert_fit_to_trade_on, file_with, mutated, mutations
from tradectl.domain.errors import DataError, JournalDamaged, JournalError, UsageError
from tradectl.domain.events import (
    BarEvent,
    MarketDataEvent,
    QuoteEvent,
    Record,
    SignalAction,
    StrategySignalEvent,
    TimerFired,
)
from tradectl.domain.money import Side
from tradectl.domain.time import SECOND
from tradectl.feeds.recorded import RecordedFeed
from tradectl.journal.writer import HeaderLine, make_seal, seal_line

NOW = 1_750_000_000 * SECOND
T0 = 1_723_161_255 * SECOND


def trade(ts: int, price: str = "100", symbol: str = "BTCUSDT") -> MarketDataEvent:
    return MarketDataEvent(
        source_component="simulated",
        symbol=symbol,
        price=Decimal(price),
        volume=Decimal("0.5"),
        side=Side.SELL,
        ts=ts,
    )


def quote(ts: int, bid: str = "99", ask: str = "101") -> QuoteEvent:
    return QuoteEvent(
        symbol="BTCUSDT",
        price=Decimal(100),
        volume=Decimal(0),
        bid=Decimal(bid),
        ask=Decimal(ask),
        bid_size=Decimal(1),
        ask_size=Decimal(2),
        ts=ts,
    )


def bar(ts: int, high: str = "102") -> BarEvent:
    return BarEvent(
        symbol="BTCUSDT",
        price=Decimal(100),
        volume=Decimal(7),
        open=Decimal(100),
        high=Decimal(high),
        low=Decimal(98),
        interval=60 * SECOND,
        ts=ts,
    )


def line(event: MarketDataEvent | StrategySignalEvent | TimerFired, at: int = T0) -> bytes:
    return msgspec.json.encode(Record(seq=1, at=at, event=event))


def sealed(*groups: list[bytes]) -> bytes:
    """A journal of groups of lines, each with its seal."""
    content, last, chain = b"", 0, 0
    for lines in ([msgspec.json.encode(HeaderLine(HEADER))], *groups):
        group = b"".join(line + b"\n" for line in lines)
        seal, chain = make_seal(last, group, chain)
        content += group + seal_line(seal)
        last += len(lines)
    return content


def journal(path: Path, *lines: bytes) -> Path:
    path.write_bytes(sealed(list(lines)))
    return path


def read_feed(
    path: Path, symbols: tuple[str, ...] = (), *, allow_truncated: bool = False
) -> tuple[list[MarketDataEvent], RecordedFeed]:
    feed = RecordedFeed([path], symbols, allow_truncated=allow_truncated, now_ns=NOW)
    return [event for batch in feed.batches() for event in batch], feed


def test_the_market_data_of_a_journal_is_played_and_nothing_else(tmp_path: Path) -> None:
    signal = StrategySignalEvent(
        symbol="BTCUSDT", action=SignalAction.BUY, strategy="trade", reason='"quote" and "bar"'
    )
    wanted = [trade(T0), quote(T0 + 1), bar(T0 + 2), trade(T0 + 3)]
    others = [line(signal), line(TimerFired(name="trade"))]
    lines = [line(wanted[0]), *others, *map(line, wanted[1:])]
    events, feed = read_feed(journal(tmp_path / "run.jsonl", *lines))
    assert events == wanted
    assert (feed.progress.rows, feed.progress.bad) == (4, {})
    assert (feed.symbols, feed.simulated) == (("BTCUSDT",), False)


def test_a_journal_is_known_by_its_content_and_may_be_gzipped(tmp_path: Path) -> None:
    path = journal(tmp_path / "run.csv", line(trade(T0)))
    path.write_bytes(gzip.compress(path.read_bytes()))
    assert read_feed(path)[0] == [trade(T0)]


def test_an_event_without_a_time_gets_that_of_its_record(tmp_path: Path) -> None:
    events, _ = read_feed(journal(tmp_path / "run.jsonl", line(trade(0), at=T0 + 5)))
    assert events == [trade(T0 + 5)]


def test_a_late_arrival_keeps_its_place(tmp_path: Path) -> None:
    path = journal(tmp_path / "run.jsonl", line(trade(T0)), line(trade(T0 - 3 * SECOND, "101")))
    events, feed = read_feed(path)
    assert events == [trade(T0), trade(T0, "101")]
    assert feed.progress.bad == {}


@each_row(
    ("bad", "fault"),
    [
        (line(trade(T0))[:-9], "not_an_event"),
        (b'{"seq":1,"at":5,"event":{"type":"market_data","symbol":"A"}}', "not_an_event"),
        (b'{"seq":1,"event":{"type":"market_data"}}' + b"[" * 5000, "not_an_event"),
        (b'{"type":"market_data","a":' + b"[" * 9000, "not_an_event"),
        (line(trade(T0, "NaN")), "not_finite"),
        (line(trade(T0, "Infinity")), "not_finite"),
        (line(trade(T0, "1e400")), "not_finite"),
        (line(trade(T0, "0")), "not_positive"),
        (line(trade(T0, "-1")), "not_positive"),
        (line(trade(T0, "5000")), "price_spike"),
        (line(trade(T0, symbol="A\x1b[2J")), "bad_symbol"),
        (line(quote(T0, "101", "99")), "crossed_quote"),
        (line(quote(T0, "NaN", "99")), "not_finite"),
        (line(quote(T0, "-1", "99")), "not_positive"),
        (line(msgspec.structs.replace(trade(T0), bid=Decimal("NaN"))), "not_finite"),
        (line(bar(T0, high="99")), "impossible_candle"),
        (line(trade(T0 - 61 * SECOND)), "time_goes_back"),
        (line(trade(NOW + 90_000 * SECOND)), "in_the_future"),
        (line(trade(0), at=-4), "not_a_time"),
    ],
)
def test_a_bad_line_is_left_out_and_counted(tmp_path: Path, bad: bytes, fault: str) -> None:
    path = journal(tmp_path / "run.jsonl", line(trade(T0)), bad, line(trade(T0 + 1)))
    events, feed = read_feed(path)
    assert events == [trade(T0), trade(T0 + 1)]
    assert feed.progress.bad == {fault: 1}
    assert feed.progress.bad_rows[0].line == 4
    assert feed.progress.bad_rows[0].reason.isprintable()


def test_what_was_never_sealed_is_left_out_as_replay_does(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_bytes(
        sealed([line(trade(T0))]) + line(trade(T0 + 1)) + b"\n" + line(trade(T0 + 2))[:-9]
    )
    events, feed = read_feed(path)
    assert events == [trade(T0)]
    assert feed.progress.bad == {}


def test_a_journal_that_was_changed_is_refused_as_replay_does(tmp_path: Path) -> None:
    path = journal(tmp_path / "run.jsonl", *[line(trade(T0 + n)) for n in range(5)])
    path.write_bytes(path.read_bytes().replace(b'"100"', b'"101"', 1))
    with pytest.raises(JournalDamaged, match="what was written there was changed"):
        read_feed(path)


def test_a_journal_of_another_version_is_refused_as_replay_does(tmp_path: Path) -> None:
    path = journal(tmp_path / "run.jsonl", line(trade(T0)))
    header = msgspec.structs.replace(HEADER, wire=HEADER.wire + 1)
    other = msgspec.json.encode(HeaderLine(header)) + b"\n"
    seal = seal_line(make_seal(0, other, 0)[0])
    path.write_bytes(other + seal)
    with pytest.raises(JournalError, match="use the tradectl that wrote it"):
        read_feed(path)


def test_a_broken_archive_is_refused_or_played_up_to_the_break(tmp_path: Path) -> None:
    lines = [line(trade(T0 + i, f"{100 + i % 7}.{i % 89:02d}")) for i in range(500)]
    path = tmp_path / "run.jsonl"
    path.write_bytes(gzip.compress(sealed(*([one] for one in lines)))[:-100])
    with pytest.raises(DataError, match="--allow-truncated"):
        read_feed(path)
    events, feed = read_feed(path, allow_truncated=True)
    assert 0 < len(events) < 500
    assert feed.progress.bad == {"broken_off": 1}


def test_columns_are_not_said_of_a_journal(tmp_path: Path) -> None:
    path = journal(tmp_path / "run.jsonl", line(trade(T0)))
    with pytest.raises(UsageError, match="--columns is of files with columns"):
        RecordedFeed([path], columns={"price": "4"}, now_ns=NOW)
    rows = tmp_path / "ETHUSDT.csv"
    rows.write_text(f"ts_ms,qty,a,b\n{T0 // 10**6},1,7,8\n")
    RecordedFeed([path, rows], columns={"price": "4"}, now_ns=NOW)


def test_too_many_bad_lines_stop_the_feed(tmp_path: Path) -> None:
    path = journal(tmp_path / "run.jsonl", line(trade(T0)), *[line(trade(T0, "NaN"))] * 5)
    with pytest.raises(DataError, match=r"5 of 6 rows are bad .* line 4, not_finite"):
        read_feed(path)


def test_a_journal_without_market_data_cannot_be_played(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no row that can be played; there are none"):
        read_feed(journal(tmp_path / "run.jsonl", line(TimerFired(name="risk"))))


def test_only_the_symbols_asked_for_are_played(tmp_path: Path) -> None:
    lines = [line(trade(T0 + i, symbol=s)) for i, s in enumerate(("AUSDT", "BUSDT", "AUSDT"))]
    path = journal(tmp_path / "run.jsonl", *lines)
    assert [event.symbol for event in read_feed(path, ("AUSDT",))[0]] == ["AUSDT", "AUSDT"]
    with pytest.raises(UsageError, match="no CUSDT in the data: it has AUSDT, BUSDT"):
        read_feed(path, ("CUSDT",))


EVENTS: list[MarketDataEvent] = [
    kind(T0 + i * SECOND) for i in range(10) for kind in (trade, quote, bar)
]
GOOD = sealed(*([line(event)] for event in EVENTS))


@given(changes=mutations, flip=st.integers(0, 8 * len(GOOD) - 1))
def test_a_damaged_journal_is_played_fit_to_trade_on_or_refused(
    changes: list[tuple[int, int, bytes]], flip: int
) -> None:
    content = bytearray(mutated(GOOD, changes))
    content[flip // 8 % len(content)] ^= 1 << flip % 8
    with file_with(bytes(content)) as path:
        events: list[MarketDataEvent] = []
        try:
            for batch in RecordedFeed([path], max_bad_share=0.2, now_ns=NOW).batches():
                events += batch
        except (DataError, JournalError):
            pass
        assert_fit_to_trade_on(events)


def test_a_level_that_later_lines_confirm_loses_none_of_them(tmp_path: Path) -> None:
    trades = [trade(T0 + n, price) for n, price in enumerate(["100", *["30"] * 5, "29"])]
    events, feed = read_feed(journal(tmp_path / "run.jsonl", *map(line, trades)))
    assert (events, feed.progress.bad) == (trades, {})


def test_too_many_bad_lines_of_one_symbol_do_not_stop_the_others(tmp_path: Path) -> None:
    lines = [
        line(trade(T0 + i, "NaN" if symbol == "BUSDT" else "100", symbol))
        for i in range(300)
        for symbol in ("AUSDT", "BUSDT")
    ]
    events, feed = read_feed(journal(tmp_path / "run.jsonl", *lines))
    assert [event.symbol for event in events] == ["AUSDT"] * 300
    assert [*feed.progress.left_out] == ["BUSDT"]
