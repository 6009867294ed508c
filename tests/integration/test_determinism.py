"""The same recording gives the same run, and its profit is what the fills add up to.

Two runs of one file are compared line by line; all that may differ is the run's name, the clock on the
wall, and where groups end. The profit is computed again here by a few lines that share nothing with the
program: straight from `fills --json` and the last price in the file.
"""

from __future__ import annotations

import csv
import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.command import BUSY, command, is_seal, journals, tradectl
from tests.profiles import in_turn, is_deep
from tests.real_data import beginning, real_data

DATA = Path(__file__).resolve().parents[1] / "data"
BTC, ETH = DATA / "btcusdt_trades.csv.gz", DATA / "ethusdt_trades.csv.gz"
WALL_CLOCK = ("started_at", "ended_at")

DEFAULT = ""
LIMITS = BUSY + '[portfolio]\norder_type = "limit"\nlimit_offset_bps = 0.5\n'
STRICT = BUSY + '[journal]\ndurability = "strict"\n'
SEVERAL = (
    BUSY
    + """
[[strategies]]
name = "slow"
strategy = "rsi-reversion"
parameters = { period = 5 }
[[strategies]]
name = "slowest"
strategy = "donchian-breakout"
"""
)


def instrument(symbol: str) -> str:
    return (
        f'[[instruments]]\nsymbol = "{symbol}"\nkind = "perpetual"\nquote = "USDT"\n'
        "tick_size = 0.01\nlot_size = 0.001\nmin_notional = 5\nmax_leverage = 5\n"
    )


LOSING = BUSY.replace('daily_loss_halt_pct = "none"', "daily_loss_halt_pct = 0.5")
OF_BOTH = instrument("BTCUSDT") + instrument("ETHUSDT")
PERPETUAL = BUSY + OF_BOTH


def files(*paths: Path) -> list[object]:
    return [word for path in paths for word in ("--data", path)]


def config(folder: Path, text: str) -> list[object]:
    path = folder / "tradectl.toml"
    path.write_text(text)
    return ["-c", path]


def played(folder: Path, *words: object, **env: Any) -> dict[str, Any]:
    """The summary of a run of recorded data, which must have gone well."""
    answer = tradectl(folder, "run", "--headless", "--json", *words, **env)
    summary: dict[str, Any] = answer.document()
    assert summary["reason"] == "end of data"
    assert summary["bad_rows"] == 0
    return summary


def reported(folder: Path) -> list[dict[str, Any]]:
    """The journal's lines but for the seals, without the run's name and the clock on the wall."""
    (path,) = journals(folder)
    text = path.read_bytes().replace(path.stem.encode(), b"RUN")
    lines = [json.loads(line) for line in text.splitlines() if not is_seal(line)]
    for name in WALL_CLOCK:
        lines[0]["header"].pop(name, None)
        lines[-1]["footer"].pop(name, None)
    return lines


CANDLES, QUOTES = DATA / "btcusdt_candles.csv.gz", DATA / "btcusdt_quotes.csv.gz"
RECORDINGS = {
    "candles": (DEFAULT, files(CANDLES)),
    "quotes and trades, three strategies": (SEVERAL, files(QUOTES, BTC)),
    "perpetuals, limit orders": (LIMITS + OF_BOTH, files(ETH, BTC)),
}
EACH_ALONE = {
    "default": (DEFAULT, files(BTC)),
    "busy": (BUSY, files(BTC)),
    "two symbols": (BUSY, files(ETH, BTC)),
    "quotes and trades": (BUSY, files(QUOTES, BTC)),
    "three strategies": (SEVERAL, files(BTC)),
    "limit orders": (LIMITS, files(BTC)),
    "strict": (STRICT, files(BTC)),
    "perpetual": (PERPETUAL, files(BTC, ETH)),
}


@pytest.mark.parametrize("name", in_turn([*RECORDINGS], len(RECORDINGS), EACH_ALONE))
def test_two_runs_of_one_recording_are_the_same_run(tmp_path: Path, name: str) -> None:
    settings, data = (RECORDINGS | EACH_ALONE)[name]
    words = [*data, *config(tmp_path, settings)]
    one = played(tmp_path / "one", *words)
    two = played(tmp_path / "two", *words, PYTHONHASHSEED="1")  # the other's is drawn
    assert reported(tmp_path / "one") == reported(tmp_path / "two")
    assert one["state_hash"] == two["state_hash"]
    assert (one["orders"] > 20) is (settings != DEFAULT)


def test_the_pace_of_a_recording_changes_nothing(tmp_path: Path) -> None:
    words = [*files(BTC), *config(tmp_path, BUSY)]
    played(tmp_path / "at once", *words)
    played(tmp_path / "paced", *words, "--speed", 100)
    assert reported(tmp_path / "at once") == reported(tmp_path / "paced")


def test_a_halt_by_its_losses_comes_at_the_same_tick_again(tmp_path: Path) -> None:
    words = ["--headless", "--json", *files(BTC), *config(tmp_path, LOSING)]
    summaries = []
    for name in ("one", "two"):
        answer = tradectl(tmp_path / name, "run", *words)
        assert answer.code == 6, answer.err
        summaries.append(json.loads(answer.out))
    assert reported(tmp_path / "one") == reported(tmp_path / "two")
    assert summaries[0]["state_hash"] == summaries[1]["state_hash"]
    assert summaries[0]["reason"] == "halted"
    assert summaries[0]["orders"] > 0


def test_another_seed_is_another_run(tmp_path: Path) -> None:
    words = [*files(BTC), *config(tmp_path, BUSY)]
    one = played(tmp_path / "one", *words, "--seed", 1)
    two = played(tmp_path / "two", *words, "--seed", 2)
    assert one["state_hash"] != two["state_hash"]


# --- the profit, computed again ------------------------------------------------------------------------


def last_prices(*paths: Path) -> dict[str, Decimal]:
    prices: dict[str, Decimal] = {}
    for path in paths:
        with gzip.open(path, "rt") as file:
            for row in csv.DictReader(file):
                prices[row["symbol"]] = Decimal(row["price"])
    return prices


def profit_of(fills: list[dict[str, str]], prices: dict[str, Decimal]) -> Decimal:
    """What was paid and received, fees off, and what is held at the last price: long or short."""
    cash, held = Decimal(0), dict.fromkeys(prices, Decimal(0))
    for fill in fills:
        quantity = Decimal(fill["quantity"]) * (1 if fill["side"] == "buy" else -1)
        cash -= quantity * Decimal(fill["price"]) + Decimal(fill["fee"])
        held[fill["symbol"]] += quantity
    return cash + sum((held[symbol] * prices[symbol] for symbol in prices), Decimal(0))


SPOT_FILES = [
    f"trades/binance_spot_{s}_20240808T2354_20240809T0005.csv.gz" for s in ("BTCUSDT", "ETHUSDT")
]
USDM_FILES = [f"trades/binance_usdm_{s}_20240808T2354_0000.csv.gz" for s in ("BTCUSDT", "ETHUSDT")]

ROWS = 1500
"""Of each, where the tests do not go deep."""
WHOLE = [
    pytest.param(DEFAULT, SPOT_FILES[:1], 1, id="spot, default"),
    pytest.param(BUSY, SPOT_FILES, 1000, id="spot, two symbols"),
    pytest.param(PERPETUAL, USDM_FILES, 1000, id="perpetuals, two symbols"),
    pytest.param(BUSY, SPOT_FILES[:1], 1000, id="spot, busy"),
    pytest.param(PERPETUAL, USDM_FILES[:1], 1000, id="perpetual"),
]
BEGINNINGS = [
    pytest.param(BUSY, SPOT_FILES, 100, id="spot"),
    pytest.param(PERPETUAL, USDM_FILES, 100, id="perpetuals"),
]


@pytest.mark.parametrize(
    ("settings", "names", "fills_at_least"), WHOLE if is_deep() else in_turn(BEGINNINGS, 2)
)
def test_the_profit_of_a_real_file_is_what_its_fills_add_up_to(
    tmp_path: Path, settings: str, names: list[str], fills_at_least: int
) -> None:
    paths = [
        real_data(name) if is_deep() else beginning(name, ROWS, tmp_path / "data") for name in names
    ]
    state = tmp_path / "state"
    summary = played(state, *files(*paths), *config(tmp_path, settings))
    fills = tradectl(state, "fills", "--json", "--run", summary["run_id"]).document()
    assert len(fills) == summary["fills"] >= fills_at_least
    assert Decimal(summary["pnl"]) == profit_of(fills, last_prices(*paths))
    books = summary["portfolio"]
    parts = [Decimal(books[name]) for name in ("realized_pnl", "unrealized_pnl", "fees")]
    assert Decimal(summary["pnl"]) == parts[0] + parts[1] - parts[2]
    assert command("replay", journals(state)[0], "--json").document()["verified"]
