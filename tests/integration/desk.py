"""What the tests put on the desk: strategies of a certain character, configurations, small recordings.

config = written(tmp_path, Character.KEEN, ...)      a file for `run -c`
path = trades(tmp_path / "a.csv", {"BTCUSDT": [60000, 60001, ...]})
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from pathlib import Path

from tests.integration.command import Answer, journals
from tradectl.operations.inspector import Inspector
from tradectl.replay.replay import Replay, ReplayResult
from tradectl.state.directory import StateDir

Typed = Callable[..., Answer]

START_MS = 1_700_000_000_000
"""When the recordings begin, 2023-11-14T22:13:20Z."""

STRATEGIES = '''
import sys
import time

from tradectl.strategy import Signal, Strategy


class Keen(Strategy):
    """Long with the first trade, and silent ever after."""

    silent = False

    def wish(self):
        return self.long()

    def on_trade(self, trade):
        if self.silent:
            return None
        self.silent = True
        return self.wish()


class Bearish(Keen):
    """Short with the first trade, and silent ever after."""

    def wish(self):
        return self.short()


class Chatter(Strategy):
    """Changes its mind with every trade."""

    buys = False

    def on_trade(self, trade):
        self.buys = not self.buys
        return self.long() if self.buys else self.flat()


class Raises(Strategy):
    """Fails always, with words that a terminal would obey."""

    def on_trade(self, trade):
        raise ValueError("boom \\x1b[2J\\u202e" + "x" * 1000)


class Sleeps(Keen):
    """Buys at once, and sleeps for `nap` seconds at the tenth trade."""

    nap: float = 3.0
    trades = 0

    def on_trade(self, trade):
        self.trades += 1
        if self.trades == 10:
            print("asleep", file=sys.stderr, flush=True)
            time.sleep(self.nap)
        return super().on_trade(trade)


class Rubbish(Strategy):
    """Says what no signal is."""

    def on_trade(self, trade):
        return "buy!!"


class NotANumber(Strategy):
    def on_trade(self, trade):
        return self.long(strength=float("nan"))


class Infinite(Strategy):
    def on_trade(self, trade):
        return self.long(confidence=float("inf"))


class NeverStarts(Strategy):
    def start(self):
        raise RuntimeError("no data for me")

    def on_trade(self, trade):
        return None
'''

PERPETUAL = """
symbols = ["BTCUSDT_PERP"]

[[instruments]]
symbol = "BTCUSDT_PERP"
quote = "USDT"
tick_size = 0.01
lot_size = 0.00001
min_notional = 5
kind = "perpetual"
"""
"""One instrument that one can be short in."""


class Character(StrEnum):
    """The classes of STRATEGIES."""

    KEEN = "Keen"
    BEARISH = "Bearish"
    CHATTER = "Chatter"
    RAISES = "Raises"
    SLEEPS = "Sleeps"
    RUBBISH = "Rubbish"
    NOT_A_NUMBER = "NotANumber"
    INFINITE = "Infinite"
    NEVER_STARTS = "NeverStarts"


def private(path: Path, text: str) -> Path:
    """The file `path` with `text`, which nobody else can write: else no strategy is loaded from it."""
    path.write_text(text)
    path.chmod(0o600)
    return path


def written(
    folder: Path, *characters: Character, settings: str = "", parameters: str = "{}"
) -> Path:
    """A configuration with these strategies, on a lively market; `settings` are lines of TOML."""
    file = private(folder / "characters.py", STRATEGIES)
    tables = [
        f'[[strategies]]\nname = "{c.lower()}"\nstrategy = "{file}:{c}"\nparameters = {parameters}\n'
        for c in characters
    ]
    path = folder / "tradectl.toml"
    path.write_text("\n".join(["feed.ticks_per_second = 100", settings, *tables]))
    return path


def trades(path: Path, prices: Mapping[str, Iterable[object]], *, every_ms: int = 100) -> Path:
    """A recording of trades; a price may be any text. The symbols take turns."""
    columns = [[(symbol, price) for price in listed] for symbol, listed in prices.items()]
    rows = [row for turn in zip(*columns, strict=True) for row in turn]
    lines = [
        f"{START_MS + number * every_ms},{symbol},{price},0.5,buy"
        for number, (symbol, price) in enumerate(rows)
    ]
    path.write_text("\n".join(["ts_ms,symbol,price,qty,side", *lines]) + "\n")
    return path


def waves(count: int, *, middle: int = 60_000, height: int = 300, length: int = 200) -> list[int]:
    """Whole prices that go up and down in triangles: an average crosses another at every turn."""
    half = length // 2
    return [middle + height * (abs(n % length - half) - half // 2) // half for n in range(count)]


def replayed(folder: Path, number: int = -1) -> ReplayResult:
    """The verdict on a run's journal; the newest by default."""
    return asyncio.run(Replay(journals(folder)[number]).run())


def look(folder: Path) -> Inspector:
    """What any other process sees of the account."""
    return Inspector(StateDir(folder))
