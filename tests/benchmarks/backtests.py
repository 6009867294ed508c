"""Backtests, whole process, beside backtesting.py and NautilusTrader: 500,000 candles and 200,000 trades.

Ours is `tradectl backtest` as it is typed, with its journal; beside it what it costs with a journal that
only refers to the data, and without one. The peers keep no record of what they decided. All of them cross
two averages and turn a fixed quantity over at the price that caused it; how often is told of each.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random
from statistics import median
from typing import NamedTuple

from tradectl.operations.bench.bench import CONFIGS, Bench, Finished, in_turns
from tradectl.operations.bench.table import Row

CANDLES, QUICK_CANDLES = 500_000, 20_000
HEADER = "ts_ms,symbol,open,high,low,close,volume"
BEGIN_MS, MINUTE_MS = 1_600_000_000_000, 60_000
JOURNALS = {
    "a journal": (),
    "one by reference": ("--journal", "reference"),
    "none": ("--no-journal",),
}
HERE = Path(__file__).resolve().parent


class Race(NamedTuple):
    """What is played, under which configuration of ours, and how the peers are told the same."""

    what: str
    data: Path
    rows: int
    config: Path
    averages: tuple[str, ...]
    nautilus: tuple[str, ...]


def measure(bench: Bench, peers: list[str], backtesting: list[str]) -> Iterator[Row]:
    candles = QUICK_CANDLES if bench.quick else CANDLES
    file = bench.folder / "candles.csv"
    write_candles(file, candles)
    crossed = ("--fast", "20", "--slow", "100")
    quick = ("--fast", "2", "--slow", "11")
    races = (
        Race("backtest of candles", file, candles, HERE / "configs" / "candles.toml", crossed,
             (*crossed, "--candles", "--quantity", "0.01")),
        Race("backtest of trades", bench.trades(), bench.rows, CONFIGS / "flip.toml", quick, quick),
    )  # fmt: skip
    for race in races:
        yield from run(bench, race, peers, backtesting)


def run(bench: Bench, race: Race, peers: list[str], backtesting: list[str]) -> Iterator[Row]:
    """A row for each peer, or one without a comparison; then one for each journal beside the first."""
    ours = [partial(tested, bench, race, words) for words in JOURNALS.values()]
    commands = [[python, str(HERE / "peer.py"), str(race.data), *race.nautilus] for python in peers]
    commands += [
        [python, str(HERE / "peer_backtesting.py"), str(race.data), *race.averages]
        for python in backtesting
    ]
    theirs = [partial(bench.spawn, [*command, "--json"]) for command in commands]
    in_turns(1, ours[0])
    mine, *rest = in_turns(bench.rounds(3), *(ours + theirs))
    fills = mine[0].document["fills"]
    row = Row(
        what=race.what,
        value=race.rows / cpu(mine),
        unit="rows/s of CPU",
        note=f"{race.rows:,} rows, {fills:,} fills, {cpu(mine):.2f} s of CPU, {wall(mine):.2f} s",
    )
    compared = rest[len(ours) - 1 :]
    if not compared:
        yield row
    for runs in compared:
        yield beside(row, race, runs)
    for journal, runs in zip(list(JOURNALS)[1:], rest, strict=False):
        yield Row(
            what=f"{race.what}, journal: {journal}",
            value=race.rows / cpu(runs),
            unit="rows/s of CPU",
            against="with a journal",
            other=row.value,
        )


def beside(row: Row, race: Race, runs: list[Finished]) -> Row:
    document = runs[0].document
    is_nautilus = "orders" in document
    name = "NautilusTrader" if is_nautilus else "backtesting.py"
    traded = (
        f"{document['fills']:,} fills" if is_nautilus else f"{document['trades']:,} round trips"
    )
    said = f"theirs {traded}, {cpu(runs):.2f} s of CPU, {wall(runs):.2f} s"
    return Row(
        what=row.what,
        value=row.value,
        unit=row.unit,
        against=f"{name} {document['version']}",
        other=race.rows / cpu(runs),
        note=f"{row.note}; {said}",
    )


def tested(bench: Bench, race: Race, words: tuple[str, ...]) -> Finished:
    folder = bench.new_folder()
    finished = bench.spawn(
        bench.tradectl(
            "backtest", "--config", race.config, "--data", race.data, "--json", "--state-dir",
            folder / "state", *words,
        )
    )  # fmt: skip
    shutil.rmtree(folder)
    return finished


def write_candles(path: Path, count: int) -> None:
    """A walk, the same each time; prices have two decimals."""
    random, price = Random(7), 60_000.0
    rows = [HEADER]
    for minute in range(count):
        opened, price = price, max(100.0, price * (1 + random.gauss(0, 0.0007)))
        high = max(opened, price) * (1 + abs(random.gauss(0, 0.0003)))
        low = min(opened, price) * (1 - abs(random.gauss(0, 0.0003)))
        at = BEGIN_MS + minute * MINUTE_MS
        volume = random.random() * 50 + 1
        rows.append(f"{at},BTCUSDT,{opened:.2f},{high:.2f},{low:.2f},{price:.2f},{volume:.4f}")
    path.write_text("\n".join(rows) + "\n")


def cpu(runs: list[Finished]) -> float:
    return median(run.cpu_s for run in runs)


def wall(runs: list[Finished]) -> float:
    return median(run.wall_s for run in runs)
