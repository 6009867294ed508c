"""Make a long file of recorded trades out of a short one.

A benchmark wants hundreds of thousands of trades, a recording holds some ten thousand. So the
recording is played again and again, each lap starting 1 ms after the last one ended: real prices,
real sizes, real bursts, times that only go forward, and one jump of the price where two laps meet.
The same source gives the same file.

    python tests/benchmarks/make_trades.py trades.csv.gz --rows 200000
"""

from __future__ import annotations

import argparse
import gzip
import os
from itertools import pairwise
from pathlib import Path

from tradectl.operations.bench.trades import HEADER, Row, write

_BESIDE_THE_CHECKOUT = Path(__file__).resolve().parents[3] / "shared" / "data"
BUNDLED_SOURCE = Path(__file__).resolve().parents[1] / "data" / "btcusdt_trades.csv.gz"
_FOLDER = Path(os.environ.get("TRADECTL_TEST_DATA", _BESIDE_THE_CHECKOUT))
DEFAULT_SOURCE = _FOLDER / "trades" / "binance_usdm_BTCUSDT_20240808T2354_0000.csv.gz"


def default_source() -> Path:
    """The recorded trades beside the checkout, else the excerpt that comes with it."""
    return DEFAULT_SOURCE if DEFAULT_SOURCE.is_file() else BUNDLED_SOURCE


def read_rows(source: Path) -> list[Row]:
    """The trades of a CSV or CSV.gz file. Raises ValueError if it is not one in order of time."""
    packed = source.read_bytes()
    text = (gzip.decompress(packed) if source.suffix == ".gz" else packed).decode()
    header, *lines = text.splitlines()
    if header != HEADER or not lines:
        raise ValueError(f"{source}: expected trades below the header {HEADER!r}, got {header!r}")
    rows = [(int(ts), rest) for ts, _, rest in (line.partition(",") for line in lines)]
    if any(later[0] < earlier[0] for earlier, later in pairwise(rows)):
        raise ValueError(f"{source}: the trades are not in order of time; sort them by ts_ms")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description="Repeat recorded trades until there are enough.")
    parser.add_argument("out", type=Path, metavar="OUT", help="file to write, .csv or .csv.gz")
    parser.add_argument("--rows", type=int, default=200_000, help="trades to write (%(default)s)")
    repeated = f"file to repeat ({DEFAULT_SOURCE.name})"
    parser.add_argument("--source", type=Path, default=DEFAULT_SOURCE, help=repeated)
    args = parser.parse_args()
    try:
        write(args.out, read_rows(args.source), args.rows)
    except (OSError, ValueError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
