"""Rows for other programs: exact, harmless to a spreadsheet, and never many in memory."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow.parquet
import pytest
from msgspec import Struct
from msgspec.structs import replace

from tradectl.documents.account import FillRow
from tradectl.domain.event import Liquidity
from tradectl.domain.money import Side
from tradectl.report import row_files
from tradectl.report.row_files import WRITERS, write_parquet

FILL = FillRow(
    trade_id="t", order_id="o", client_order_id="c", account_id="a", run_id="r",
    symbol="BTCUSDT", side=Side.SELL, quantity="0.000000000000000001", price="60000.10",
    fee="-0.5", fee_currency="USDT", fee_value="-0.5", liquidity=Liquidity.MAKER,
    strategy="s", time="2026-11-29T08:30:00.000001Z",
)  # fmt: skip
FORMULAS = [
    "=cmd|'/c calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1", "\uff0b1",
    "\uff0d1", "\uff201", '=HYPERLINK("http://x","y")', "-", "+", "=", "--1", "+-1", "1e5=",
]  # fmt: skip


def written(kind: str, rows: list[FillRow]) -> str:
    file = io.StringIO(newline="")
    WRITERS[kind](FillRow, rows, file)
    return file.getvalue()


def test_no_text_is_a_formula_and_every_number_stays_one() -> None:
    rows = [replace(FILL, strategy=text) for text in FORMULAS]
    found = list(csv.DictReader(io.StringIO(written("csv", rows), newline="")))
    for text, row in zip(FORMULAS, found, strict=True):
        assert row["strategy"] in (f"'{text}", text)
        assert row["strategy"][0] not in "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"
        assert (row["fee"], row["quantity"]) == ("-0.5", "0.000000000000000001")


def test_json_is_a_list_whatever_is_in_it() -> None:
    odd = replace(FILL, strategy='"\u202e\x1b[31m\n')
    assert json.loads(written("json", [FILL, odd]))[1]["strategy"] == odd.strategy
    assert "\x1b" not in written("json", [odd])
    assert json.loads(written("json", [])) == []
    assert len(json.loads(written("json", [FILL]))) == 1


def parquet(path: Path, rows: Iterable[Struct]) -> None:
    with path.open("wb") as file:
        write_parquet(FillRow, rows, file)


def test_parquet_has_texts_for_amounts_and_times_for_times(tmp_path: Path) -> None:
    parquet(tmp_path / "fills.parquet", [FILL] * 25_000)
    table = pyarrow.parquet.read_table(tmp_path / "fills.parquet")
    assert table.num_rows == 25_000
    row = table.slice(24_999).to_pylist()[0]
    assert (row["fee"], row["quantity"]) == (FILL.fee, FILL.quantity)
    assert row["time"].isoformat() == "2026-11-29T08:30:00.000001+00:00"
    parquet(tmp_path / "none.parquet", [])
    assert pyarrow.parquet.read_table(tmp_path / "none.parquet").num_rows == 0


class Nowhere(io.StringIO):
    """What is written is gone."""

    def write(self, text: str) -> int:
        return len(text)


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_many_rows_take_no_more_memory_than_a_few(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = 400
    monkeypatch.setattr(row_files, "AT_ONCE", at_once)
    count = 2 * at_once

    def rows(number: int) -> Iterator[Struct]:
        return (replace(FILL, trade_id=str(n)) for n in range(number))

    def peak(number: int) -> int:
        tracemalloc.start()
        try:
            if kind == "parquet":
                parquet(tmp_path / "x", rows(number))
            else:
                WRITERS[kind](FillRow, rows(number), Nowhere())
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(10)
    assert peak(10 * count) < 1.5 * peak(count) + 100_000
