"""Two whole runs that others published come out to the last digit, fed plainly from their files.

SMA 10/30 on daily candles of GOOG: backtesting.py 0.6.6, `test_compute_stats`. Decided at a close, filled
at the next open, sized there in whole units; a turn closes, then opens with the cash; at the end the
position is closed at the last open.

EMA 10/20 on one-minute candles of a BTC perpetual: the acceptance test of NautilusTrader. Decided and
filled at a close, at a fee of 0.1 %; a turn is two orders; flat at the end.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.command import journals, tradectl
from tests.fixtures.run_inputs import replayed
from tests.real_data import real_data
from tests.unit.test_feeds_recorded import DATA

STRATEGIES = Path(__file__).parents[1] / "oracles" / "crossings.py"
GOOG = """
symbols = ["GOOGUSDT"]
account.cash = 10_000
portfolio = { fraction = 1, max_weight = 1, min_trade_notional = 0, drift = 1000, turn = "two_orders" }
paper = { taker_fee = 0, slippage_bps = 0 }

[risk]
max_order_notional = 1_000_000
max_position_notional = 1_000_000
max_gross_notional = 1_000_000
max_leverage = 2
daily_loss_alert_pct = "none"
daily_loss_pause_pct = "none"
daily_loss_halt_pct = "none"
drawdown_alert_pct = "none"
drawdown_pause_pct = "none"
drawdown_halt_pct = "none"

[[strategies]]
name = "sma-cross"
strategy = "STRATEGIES:SmaCross"

[[instruments]]
symbol = "GOOGUSDT"
quote = "USDT"
kind = "perpetual"
max_leverage = 2
tick_size = 0.01
lot_size = 1
min_notional = 0
"""
BTC = """
symbols = ["BTCUSDT"]
account.cash = 10_000_000
portfolio = { sizing = "fixed_quantity", quantity = 0.001, drift = 1000, turn = "two_orders" }
paper = { taker_fee = 0.001, slippage_bps = 0 }

[[strategies]]
name = "ema-cross"
strategy = "STRATEGIES:EmaCross"

[[instruments]]
symbol = "BTCUSDT"
quote = "USDT"
kind = "perpetual"
max_leverage = 10
tick_size = 0.1
lot_size = 0.001
min_notional = 1
"""


def played(folder: Path, config: str, data: Path, *options: str) -> dict[str, Any]:
    (folder / "config.toml").write_text(config.replace("STRATEGIES", str(STRATEGIES)))
    answer = tradectl(
        folder / "state", "run", "--headless", "--json", "-c", folder / "config.toml",
        "--data", data, "--flatten-at-end", *options,
    )  # fmt: skip
    document: dict[str, Any] = answer.document()
    return document


def round_trips(folder: Path) -> int:
    """How often a position came to an end, counted in the journal."""
    held, ended = Decimal(0), 0
    for line in journals(folder / "state")[0].read_bytes().splitlines():
        if b'"order_filled"' in line:
            fill = json.loads(line)["event"]
            held += Decimal(fill["quantity"]) * (1 if fill["side"] == "buy" else -1)
            ended += not held
    return ended


def test_sma_10_30_on_goog(tmp_path: Path) -> None:
    summary = played(tmp_path, GOOG, DATA / "goog_daily.csv.gz", "--fill", "next-open")
    assert round_trips(tmp_path) == 66
    portfolio = summary["portfolio"]
    assert portfolio["equity"] == "51422.99"
    assert portfolio["peak_equity"] == "75787.44"
    assert round(Decimal(summary["max_drawdown_pct"]), 8) == Decimal("47.98012705")


@pytest.mark.parametrize("turn", ["one_order", "two_orders"])
def test_it_is_the_same_money_however_many_orders_a_turn_has(tmp_path: Path, turn: str) -> None:
    summary = played(
        tmp_path,
        GOOG.replace("two_orders", turn),
        DATA / "goog_daily.csv.gz",
        "--speed",
        "999999999",
    )
    assert summary["run_fills"] == {"one_order": 67, "two_orders": 132}[turn]
    assert summary["portfolio"]["equity"] == "51422.99"
    assert replayed(tmp_path / "state").verified


def test_ema_10_20_on_a_btc_perpetual(tmp_path: Path) -> None:
    data = real_data("oracles/btcperp_1m_first10000.csv.gz")
    summary = played(tmp_path, BTC, data, "--fill", "close")
    assert summary["run_orders"] == summary["run_fills"] == 902
    assert Decimal(summary["portfolio"]["cash"]) == Decimal("9999954.94313300")
    assert Decimal(summary["portfolio"]["equity"]) == Decimal("9999954.94313300")
