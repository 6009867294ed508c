"""Whole runs on recorded candles: each fill is judged again by the lines of the journal alone."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.command import journals, tradectl
from tests.fixtures.run_inputs import replayed
from tests.profiles import is_deep
from tests.real_data import beginning

CANDLES = Path(__file__).parents[1] / "data" / "btcusdt_candles.csv.gz"
HOURS = 5500 if is_deep() else 500
CONFIG = """
portfolio = { fraction = 0.3, stop_loss_pct = STOP, turn = "two_orders" }
paper = { slippage_bps = 0, latency_ms = LATENCY, latency_jitter_ms = LATENCY }

[risk]
max_order_notional = "none"
max_position_notional = "none"
max_gross_notional = "none"
max_leverage = 3
max_orders_per_second = 1000
daily_loss_alert_pct = "none"
daily_loss_pause_pct = "none"
daily_loss_halt_pct = "none"
drawdown_alert_pct = "none"
drawdown_pause_pct = "none"
drawdown_halt_pct = "none"

[[strategies]]
name = "ema-cross"
strategy = "ema-cross"
parameters = { fast = 2, slow = 5, band_bps = 0.0 }
"""
PERPETUAL = """
[[instruments]]
symbol = "BTCUSDT"
quote = "USDT"
kind = "perpetual"
max_leverage = 5
tick_size = 0.01
lot_size = 0.00001
min_notional = 5
"""


def played(
    folder: Path, kind: str, *files: Path, stop: str = "0.05", latency: int = 0, words: str = ""
) -> dict[str, Any]:
    config = CONFIG.replace("STOP", stop).replace("LATENCY", str(latency))
    (folder / "config.toml").write_text(config + (PERPETUAL if kind == "perpetual" else ""))
    data = [word for file in files for word in ("--data", file)]
    answer = tradectl(
        folder / "state", "run", "--headless", "--json", "-c", folder / "config.toml",
        *data, *words.split(),
    )  # fmt: skip
    summary: dict[str, Any] = answer.document()
    assert replayed(folder / "state").verified
    return summary


def events(folder: Path) -> Iterator[dict[str, Any]]:
    for line in journals(folder / "state")[-1].read_bytes().splitlines():
        if line.startswith(b'{"seq"'):
            yield json.loads(line)["event"]


def judged(folder: Path) -> tuple[Counter[str], dict[str, Decimal]]:
    """How often orders traded where, and what is held at the end."""
    opened: dict[str, Decimal] = {}
    candle: dict[str, dict[str, Any]] = {}
    orders: dict[str, dict[str, Any]] = {}
    told: Counter[str] = Counter()
    held: Counter[str] = Counter()
    for event in events(folder):
        match event["type"]:
            case "bar_opened":
                opened[event["symbol"]] = Decimal(event["price"])
            case "bar":
                candle[event["symbol"]] = event
            case "order_initialized":
                orders[event["order"]["order_id"]] = event["order"]
            case "order_filled":
                order, price = orders[event["order_id"]], Decimal(event["price"])
                symbol, sign = event["symbol"], 1 if event["side"] == "buy" else -1
                held[symbol] += sign * Decimal(event["quantity"])  # type: ignore[assignment]  # money
                stop = Decimal(order.get("stop_price") or 0)
                if price == opened[symbol] and (not stop or sign * (price - stop) >= 0):
                    told["open"] += 1
                elif price == stop and Decimal(candle[symbol]["low"]) <= stop <= Decimal(
                    candle[symbol]["high"]
                ):
                    told["stop"] += 1
                else:
                    told["elsewhere"] += 1
    return told, {symbol: Decimal(quantity) for symbol, quantity in held.items()}


@pytest.mark.parametrize("latency", [0, 400])
@pytest.mark.parametrize("kind", ["spot", "perpetual"])
def test_orders_trade_at_opens_and_stops_at_their_price(
    tmp_path: Path, kind: str, latency: int
) -> None:
    summary = played(tmp_path, kind, CANDLES, latency=latency, words="--flatten-at-end")
    told, held = judged(tmp_path)
    assert told["open"] > 30
    assert told["stop"] > 5
    assert told["elsewhere"] == 0
    assert held == {"BTCUSDT": 0}
    assert summary["portfolio"]["equity"] == summary["portfolio"]["cash"]
    refused = [e["message"] for e in events(tmp_path) if e.get("kind") == "stop_refused"]
    assert not [message for message in refused if "canceled" in message]


def test_several_coins_of_a_fall(tmp_path: Path) -> None:
    names = ("BTCUSDT", "SOLUSDT", "LUNAUSDT")
    files = [
        beginning(f"candles/binance_1h_20201201_20210717/{name}.csv.gz", HOURS, tmp_path / "data")
        for name in names
    ]
    played(tmp_path, "spot", *files, stop="2", latency=400, words="--flatten-at-end")
    told, held = judged(tmp_path)
    assert told["elsewhere"] == 0
    assert told["stop"] > HOURS // 50
    assert set(held.values()) == {Decimal(0)}


def test_the_same_run_at_any_speed(tmp_path: Path) -> None:
    states = set()
    for speed in ("max", "7777777"):
        (tmp_path / speed).mkdir()
        words = f"--flatten-at-end --speed {speed} --set paper.market_fill=bounded"
        summary = played(tmp_path / speed, "perpetual", CANDLES, latency=700, words=words)
        lines = [json.dumps(event) for event in events(tmp_path / speed)]
        run = summary["run_id"]
        states.add((len(lines), "\n".join(lines).replace(run, "RUN"), summary["state_hash"]))
    assert len(states) == 1


IN_AND_OUT = """
from tradectl.strategy import Strategy


class InAndOut(Strategy):
    bars = 0

    def on_bar(self, bar):
        self.bars += 1
        return {2: self.long, 5: self.flat}.get(self.bars, lambda: None)()
"""


def test_an_order_at_market_that_a_thin_market_does_not_fill_goes_when_the_target_turns(
    tmp_path: Path,
) -> None:
    """One coin a minute, where 200 are wanted: what was bought by then is sold, and no more is bought."""
    (tmp_path / "in_and_out.py").write_text(IN_AND_OUT)
    candles = [f"2024-01-01T00:{minute:02}:00Z,100,101,99,100,1" for minute in range(12)]
    data = tmp_path / "thin.csv"
    data.write_text("\n".join(["time,open,high,low,close,volume", *candles]))
    words = ("--headless", "--json", "--data", data, "--symbol", "BTCUSDT")
    chosen = ("--strategy", f"{tmp_path / 'in_and_out.py'}:InAndOut")
    bounded = ("--set", "paper.market_fill=bounded")
    state = tmp_path / "state"
    run = tradectl(state, "run", *words, *chosen, *bounded).document()["run_id"]
    orders = tradectl(state, "orders", "--json", "--run", run).document()
    assert [(o["side"], o["filled"], o["status"]) for o in orders] == [
        ("buy", "3", "canceled"),
        ("sell", "3", "filled"),
    ]
    assert tradectl(state, "positions", "--json", "--run", run).document() == []
    data.write_text("\n".join(["time,open,high,low,close,volume", *candles[:4]]))
    flat = (*words, *chosen, *bounded, "--flatten-at-end")
    ended = tradectl(state, "run", *flat)
    assert "--flatten-at-end: left open, as dust or for want of volume: BTCUSDT" in ended.err
    with data.open("a") as more:
        more.write("\n" + candles[0].replace("T00", "T01"))
    ended = tradectl(state, "run", *flat, "--speed", 600, "--duration", 1)
    assert "left open, as the run ended before its data did (duration is over): BTC" in ended.err
