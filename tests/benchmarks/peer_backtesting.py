"""The same backtest by backtesting.py (0.6.6), to compare with ours: its time, and how often it traded.

Run by an interpreter that has the library, on a CSV of candles or of trades (each a candle of one price):

    PYTHON tests/benchmarks/peer_backtesting.py candles.csv --fast 20 --slow 100 --json

The averages are worked out at once over the whole column, as users of the library do; each cross turns
the position over at the close. It keeps no decisions, and checks nothing but margin.
"""

# Not among the development dependencies: to the type checker everything of the library is Any.
# mypy: disable-error-code="import-not-found, import-untyped, misc"
from __future__ import annotations

import time

STARTED = time.perf_counter()  # before the imports: they are part of the price

# ruff: noqa: E402
import argparse
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
from backtesting import Backtest, Strategy

CASH = 1_000_000_000
"""It trades whole units: of something that costs a hundredth of its price here."""


def read(path: Path) -> Any:
    """Its columns are named in capitals, with a time as index."""
    table = pd.read_csv(path)
    index = pd.to_datetime(table["ts_ms"], unit="ms")
    if "price" in table:
        prices = dict.fromkeys(("Open", "High", "Low", "Close"), table["price"].to_numpy())
    else:
        prices = {
            name.capitalize(): table[name].to_numpy() for name in ("open", "high", "low", "close")
        }
    return pd.DataFrame(prices, index=index)


def average(values: Any, periods: int) -> Any:
    return pd.Series(values).ewm(span=periods, adjust=False).mean().to_numpy()


class Cross(Strategy):
    fast, slow = 20, 100

    def init(self) -> None:
        self.quick = self.I(average, self.data.Close, self.fast)
        self.steady = self.I(average, self.data.Close, self.slow)

    def next(self) -> None:
        if len(self.data) < self.slow:
            return
        above = self.quick[-1] > self.steady[-1]
        if above and not self.position.is_long:
            self.position.close()
            self.buy(size=1)
        elif not above and not self.position.is_short:
            self.position.close()
            self.sell(size=1)


def main() -> None:
    parser = argparse.ArgumentParser(description="An EMA cross by backtesting.py.")
    parser.add_argument("data", type=Path)
    parser.add_argument("--fast", type=int, default=20)
    parser.add_argument("--slow", type=int, default=100)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    Cross.fast, Cross.slow = options.fast, options.slow
    table = read(options.data)
    tested = Backtest(table, Cross, cash=CASH, commission=0.001, trade_on_close=True)
    found = tested.run()
    document = {
        "version": version("backtesting"),
        "rows": len(table),
        "trades": int(found["# Trades"]),
        "total_s": round(time.perf_counter() - STARTED, 3),
    }
    print(json.dumps(document) if options.json else document)


if __name__ == "__main__":
    main()
