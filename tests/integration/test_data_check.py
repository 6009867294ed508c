"""`data check`: what would be read of a file, and whether a run plays it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.command import command, tradectl

FORMATS = Path(__file__).parents[1] / "data" / "formats"
T0 = 1_720_886_400


def checked(path: Path, *options: str, code: int = 0) -> dict[str, Any]:
    answer = command("data", "check", "--json", path, *options)
    assert answer.code == code
    found: dict[str, Any] = json.loads(answer.out)
    return found


def test_what_a_file_is_is_said(tmp_path: Path) -> None:
    path = tmp_path / "export.csv.gz"
    minutes = [*range(10), 10, 10, *range(14, 20), 10**7]
    rows = [f"{T0 + 60 * n};100,5;101,5;99,5;{900 if n == 16 else 100},5;7" for n in minutes]
    path.write_bytes(gzip.compress("\n".join(["Date;Open;High;Low;Close;Volume", *rows]).encode()))
    found = checked(path, "--symbol", "BTC/KRW", "--set", "feed.max_bad_share=0.1")
    assert (found["refused"], found["kind"], found["compression"]) == (None, "candles", "gzip")
    assert (found["separator"], found["header"], found["newest_first"]) == (";", True, False)
    assert (found["time_unit"], found["candle_seconds"]) == ("s", 60.0)
    assert found["columns"]["volume"] == "Volume"
    assert (found["gaps"], found["duplicates"], found["bad_rows"]) == (2, 1, 3)
    assert found["bad"] == {"repeated_candle": 1, "impossible_candle": 1, "in_the_future": 1}
    (symbol,) = found["symbols"]
    assert (symbol["symbol"], symbol["currency"], symbol["rows"]) == ("BTC/KRW", "KRW", 16)
    assert (symbol["first"], symbol["missing"]) == ("2024-07-13T16:00:00.000000Z", 4)


@pytest.mark.parametrize("name", ["tardis_book.csv", "bbgo_trades_FXSUSDT.csv", "none.csv"])
def test_what_a_run_refuses_is_refused_with_the_same_words(name: str, tmp_path: Path) -> None:
    path = FORMATS / name
    answer = tradectl(tmp_path / "state", "run", "--headless", "--data", path)
    found = command("data", "check", "--json", path)
    assert (answer.code, found.code) == (1, 1)
    assert (
        answer.complaint().removeprefix("tradectl: ")
        == json.loads(found.out)["refused"].strip()[:1000]
    )


def test_candles_last_as_long_as_in_a_run(tmp_path: Path) -> None:
    """Many more rows may be bad than in a run, which tells the length by the usual share of them."""
    path = tmp_path / "BTCUSDT.csv"
    rows = [f"{T0 + 60 * (n * 2 + n // 5)},100,101,99,100,1" for n in range(500)]
    path.write_text("\n".join(["time,open,high,low,close,volume", *rows]))
    assert checked(path)["candle_seconds"] == 60.0


def test_two_currencies_are_told(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(f"ts,symbol,price,qty\n{T0},BTC/JPY,1,1\n{T0},ETH/BRL,1,1\n")
    assert "BRL and JPY cannot share an account" in checked(path, code=1)["refused"]
    assert [one["currency"] for one in checked(path, code=1)["symbols"]] == ["JPY", "BRL"]


def test_people_get_it_in_lines() -> None:
    answer = command("data", "check", FORMATS / "Coinbase_BTCUSD_1h.csv")
    assert answer.code == 0
    assert "candles, separated by ',', a header, newest first" in answer.out
    assert "would play it" in answer.out


def test_of_several_files_it_says_whether_they_are_played_together(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("one.csv", "next.csv", "both.csv")]
    for file, minutes in zip(files, (range(9), range(9, 20), range(5, 15)), strict=True):
        rows = [f"{T0 + 60 * n},100,101,99,100,1" for n in minutes]
        file.write_text("\n".join(["time,open,high,low,close,volume", *rows]))
    one, after, both = files
    symbol = ("--symbol", "BTCUSDT")
    assert command("data", "check", one, after, *symbol).out.count("would play it") == 2
    answer = command("data", "check", one, both, *symbol)
    assert answer.out.count("would play it") == 2
    assert "BTCUSDT is in two files at the same time, from 2024-07-13" in answer.complaint()
    assert f"{one} and {both}" in answer.complaint()
