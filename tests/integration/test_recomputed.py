"""What is shown of an account is what its journals add up to, computed again beside the books."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.command import BUSY, journals, running, tradectl
from tests.fixtures.recomputed import Recomputed, differing
from tests.fixtures.run_inputs import replayed
from tests.integration.test_determinism import (
    BTC,
    DATA,
    ETH,
    LIMITS,
    PERPETUAL,
    SEVERAL,
    config,
    files,
    instrument,
    played,
)
from tests.profiles import is_deep
from tests.real_data import all_real_data, real_data

CANDLES, QUOTES = DATA / "btcusdt_candles.csv.gz", DATA / "btcusdt_quotes.csv.gz"
KILLS = 3
FUNDED = SEVERAL.replace(
    "paper = { ", "paper = { funding_rate = 0.001, funding_interval_hours = 1, "
)
EXPOSED = FUNDED.replace(
    "[risk]",
    "[portfolio]\nsizing = 'fixed_fraction'\nfraction = 9.0\nmax_weight = 9.0\nstop_loss_pct = 3.0\n"
    "[risk]\nmax_leverage = 'none'\nmax_gross_notional = 'none'\nmax_position_notional = 'none'\n"
    "max_order_notional = 'none'",
)
"""Much borrowed, so that much is lost."""
REAL = [
    "candles/binance_5m_20230810_20230820/XRPUSDT.csv.gz",
    "candles/binance_1h_20201201_20210717/LUNAUSDT.csv.gz",
    "quotes/binance_usdm_BTCUSDT_20240808T2354_0000.csv.gz",
    "trades/binance_usdm_ETHUSDT_20240808T2354_0000.csv.gz",
]
KINDS = ("candles/*/*USDT*", "quotes/*USDT*", "trades/*USDT*")
ALL = [name for kind in KINDS for name in all_real_data(kind)]


def assert_agrees(folder: Path, shown: dict[str, Any]) -> None:
    assert differing(shown, Recomputed.of(*journals(folder))) == []


def assert_run_agrees(folder: Path, summary: dict[str, Any]) -> None:
    assert_agrees(folder, summary)
    words = ("status", "--json", "--run", summary["run_id"])
    assert_agrees(folder, tradectl(folder, *words).document())


@pytest.mark.parametrize(
    "settings", [BUSY, LIMITS, SEVERAL, PERPETUAL, FUNDED + instrument("BTCUSDT")]
)
@pytest.mark.parametrize(
    "data", [(BTC, ETH), (CANDLES,), (QUOTES, BTC)], ids=["trades", "candles", "both"]
)
def test_a_recorded_run(tmp_path: Path, settings: str, data: tuple[Path, ...]) -> None:
    assert_run_agrees(tmp_path, played(tmp_path, *config(tmp_path, settings), *files(*data)))


@pytest.mark.parametrize("name", ALL if is_deep() else REAL)
@pytest.mark.parametrize("kind", ["spot", "funded", "exposed"])
def test_a_real_file(tmp_path: Path, name: str, kind: str) -> None:
    symbol = re.findall("[A-Z0-9]+USDT", name)[-1]
    perpetual = instrument(symbol).replace("max_leverage = 5", "max_leverage = 20")
    settings = {"spot": SEVERAL, "funded": FUNDED + perpetual, "exposed": EXPOSED + perpetual}
    words = config(tmp_path, settings[kind])
    answer = tradectl(tmp_path, "run", "--headless", "--json", *words, *files(real_data(name)))
    assert_run_agrees(tmp_path, json.loads(answer.out))
    assert replayed(tmp_path).verified


@pytest.mark.parametrize("settings", [BUSY, SEVERAL, PERPETUAL])
def test_an_account_that_is_killed_again_and_again(tmp_path: Path, settings: str) -> None:
    words = config(tmp_path, settings)
    for _ in range(KILLS):
        with running(tmp_path, *words) as run:
            run.line(" FILL ")
            run.line(" FILL ")
            run.send(signal.SIGKILL)
        assert_agrees(tmp_path, tradectl(tmp_path, "status", "--json").document())
    words = ["run", "--headless", "--json", *words, "--duration", "1"]
    assert_agrees(tmp_path, tradectl(tmp_path, *words).document())
    assert replayed(tmp_path).verified
