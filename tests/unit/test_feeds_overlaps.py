from __future__ import annotations

from pathlib import Path

import pytest

from tradectl.domain.errors import DataError, UsageError
from tradectl.domain.time import HOUR, SECOND
from tradectl.feeds.recorded import RecordedFeed

NOW = 1_750_000_000 * SECOND
MINUTE_MS, HOUR_MS = 60_000, 3_600_000
T0 = 1_723_161_600_000
"""2024-08-09T00:00Z in ms."""


def candles(path: Path, begin: int, count: int, step: int = HOUR_MS) -> Path:
    rows = [f"{begin + step * number},10,11,9,10,1" for number in range(count)]
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(["time,open,high,low,close,volume", *rows]) + "\n")
    return path


def trades(path: Path, begin: int, count: int) -> Path:
    rows = [f"{begin + 1000 * number},BTCUSDT,10,1,buy" for number in range(count)]
    path.write_text("\n".join(["ts_ms,symbol,price,qty,side", *rows]) + "\n")
    return path


def quotes(path: Path, begin: int, count: int) -> Path:
    rows = [f"{begin + 1000 * number},BTCUSDT,9,1,10,1" for number in range(count)]
    path.write_text("\n".join(["ts_ms,symbol,bid,bid_qty,ask,ask_qty", *rows]) + "\n")
    return path


def played(*paths: Path, symbols: tuple[str, ...] = (), decides_on: int = 0) -> int:
    feed = RecordedFeed(paths, symbols, decides_on=decides_on, now_ns=NOW)
    return sum(map(len, feed.batches()))


def test_the_same_file_is_not_named_twice(tmp_path: Path) -> None:
    file = candles(tmp_path / "BTCUSDT.csv", T0, 3)
    other = tmp_path / "other-BTCUSDT.csv"
    other.symlink_to(file)
    with pytest.raises(UsageError, match=r"BTCUSDT\.csv is named twice: leave one out"):
        played(file, file)
    with pytest.raises(
        UsageError, match=r"other-BTCUSDT\.csv is named twice, also as .*BTCUSDT\.csv"
    ):
        played(file, other)


@pytest.mark.parametrize("later", [0, 1, 9, 19_999])
def test_a_symbol_is_not_played_from_two_files_at_once(tmp_path: Path, later: int) -> None:
    one = candles(tmp_path / "spot" / "BTCUSDT.csv", T0, 20_000, MINUTE_MS)
    two = candles(tmp_path / "perp" / "BTCUSDT.csv", T0 + later * MINUTE_MS, 5, MINUTE_MS)
    said = r"^BTCUSDT is in two files at the same time, from 2024-.*spot/BTC.* and .*perp/BTC.*leave one"
    with pytest.raises(DataError, match=said):
        played(one, two)
    with pytest.raises(DataError, match="BTCUSDT is in two files"):
        played(two, one, symbols=("BTCUSDT",))


def test_two_files_that_meet_later_are_refused_before_they_are_played(tmp_path: Path) -> None:
    one = candles(tmp_path / "1-BTCUSDT.csv", T0, 9000, MINUTE_MS)
    two = candles(tmp_path / "2-BTCUSDT.csv", T0 + 5000 * MINUTE_MS, 9, MINUTE_MS)
    after = candles(tmp_path / "3-BTCUSDT.csv", T0 + 9000 * MINUTE_MS, 9, MINUTE_MS)
    with pytest.raises(
        DataError, match="BTCUSDT is in two files at the same time, from 2024-08-12"
    ):
        RecordedFeed([one, two], now_ns=NOW).refuse_overlaps()
    RecordedFeed([after, one], now_ns=NOW).refuse_overlaps()


def test_files_that_follow_each_other_are_one_recording(tmp_path: Path) -> None:
    one = candles(tmp_path / "BTCUSDT-1.csv", T0, 3)
    two = candles(tmp_path / "BTCUSDT-2.csv", T0 + 3 * HOUR_MS, 3)
    minutes = candles(tmp_path / "BTCUSDT-3.csv", T0 + 6 * HOUR_MS, 3, MINUTE_MS)
    assert played(two, one, minutes) == 18
    first = trades(tmp_path / "1.csv", T0, 3)
    seam = trades(tmp_path / "2.csv", T0 + 2000, 3)
    assert played(first, seam) == 6


def test_quotes_complete_trades(tmp_path: Path) -> None:
    assert played(trades(tmp_path / "t.csv", T0, 3), quotes(tmp_path / "q.csv", T0, 3)) == 6


def test_finer_data_beside_candles_is_for_intrabar(tmp_path: Path) -> None:
    hours = candles(tmp_path / "h-BTCUSDT.csv", T0, 3)
    minutes = candles(tmp_path / "m-BTCUSDT.csv", T0 + HOUR_MS, 30, MINUTE_MS)
    ticks = trades(tmp_path / "t.csv", T0, 9)
    with pytest.raises(
        DataError, match=r"candles of 1 h and candles of 1 min at .*--fill intrabar"
    ):
        played(hours, minutes)
    with pytest.raises(
        DataError, match=r"candles of 1 h and trades or quotes at .*--fill intrabar"
    ):
        played(hours, ticks)
    assert played(hours, minutes, ticks, decides_on=HOUR) == 3 + 60 + 9
    with pytest.raises(DataError, match="BTCUSDT is in two files"):
        played(hours, minutes, candles(tmp_path / "BTCUSDT.csv", T0, 3), decides_on=HOUR)


def test_other_symbols_of_two_files_may_be_of_one_time(tmp_path: Path) -> None:
    btc = candles(tmp_path / "BTCUSDT.csv", T0, 3)
    eth = candles(tmp_path / "ETHUSDT.csv", T0, 3)
    assert played(btc, eth) == 12
    twice = candles(tmp_path / "again-ETHUSDT.csv", T0, 3)
    assert played(btc, eth, twice, symbols=("BTCUSDT",)) == 6
