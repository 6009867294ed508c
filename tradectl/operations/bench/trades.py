"""A long file of trades, made of a shorter list that is played again and again.

A measurement wants hundreds of thousands of trades. Each lap of the list starts 1 ms after the last one
ended: times only go forward, and the price jumps once where two laps meet. The same list gives the same
file. `walk` makes a list where no recording is at hand: a price that walks, in bursts as markets have.
"""

from __future__ import annotations

import gzip
import random
from collections.abc import Iterator
from pathlib import Path

HEADER = "ts_ms,symbol,price,qty,side"
START_MS = 1_723_161_256_000

Row = tuple[int, str]
"""A trade's time in ms, and the rest of its line."""


def walk(count: int = 20_000, seed: int = 1) -> list[Row]:
    dice = random.Random(seed)
    rows: list[Row] = []
    ts, price = START_MS, 60_000.0
    for _ in range(count):
        ts += 0 if dice.random() < 0.6 else int(dice.expovariate(1 / 60))
        price *= 1 + dice.gauss(0, 0.00005)
        quantity = max(0.001, dice.lognormvariate(-3, 1.5))
        side = "buy" if dice.random() < 0.5 else "sell"
        rows.append((ts, f"BTCUSDT,{price:.2f},{quantity:.3f},{side}"))
    return rows


def laps(rows: list[Row], count: int) -> Iterator[str]:
    """`count` lines: the rows over and over, each lap beginning 1 ms after the end of the last."""
    lap_ms = rows[-1][0] - rows[0][0] + 1
    for n in range(count):
        lap, place = divmod(n, len(rows))
        ts, rest = rows[place]
        yield f"{ts + lap * lap_ms},{rest}\n"


def write(out: Path, rows: list[Row], count: int) -> None:
    content = (HEADER + "\n" + "".join(laps(rows, count))).encode()
    if out.suffix != ".gz":
        out.write_bytes(content)
        return
    # no name and no time in the header: either would make every file different
    with out.open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as packed:
        packed.write(content)


__all__ = ["HEADER", "Row", "laps", "walk", "write"]
