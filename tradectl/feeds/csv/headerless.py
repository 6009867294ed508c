"""Files without a header, of which there is one that can be told from its first row: candles as Binance
gives them to download,

    open time, open, high, low, close, volume, close time, quote volume, trades, taker volumes, ignored

in milliseconds, or since 2025 in microseconds.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from tradectl.feeds.csv.layout import EXPECTED, Kind, Layout
from tradectl.feeds.csv.times import to_ns, unit_of
from tradectl.feeds.quality import shown

COLUMNS, CLOSE_TIME = 12, 6


def is_row(line: str) -> bool:
    """`line` is no header: its first cell is a number."""
    return line.partition(",")[0].strip(' "').isdecimal()


def layout_of_row(line: str, latest: int) -> Layout:
    """The layout of a file whose first line is the row `line`; `latest` is the last moment that can be,
    ns. Raises ValueError for what cannot be told."""
    cells = [cell.strip(' "') for cell in line.split(",")]
    if not _is_candle(cells, latest):
        raise ValueError(
            f"its first line is a row, {shown(line)}, and no header says what its columns are: add one; "
            f"{EXPECTED}"
        )
    return Layout(Kind.CANDLES, COLUMNS, 0, None, (1, 2, 3, 4, 5), None, None)


def _is_candle(cells: list[str], latest: int) -> bool:
    if len(cells) != COLUMNS:
        return False
    try:
        first, high, low, close, volume = map(Decimal, cells[1:6])
        opened, closed = (to_ns(cells[i], unit_of(cells[i], latest)) for i in (0, CLOSE_TIME))
        return (
            low <= min(first, close)
            and max(first, close) <= high
            and opened < closed
            and volume >= 0
        )
    except (ValueError, InvalidOperation):
        return False


__all__ = ["is_row", "layout_of_row"]
