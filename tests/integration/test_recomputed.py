"""What is shown of an account is what its journals add up to, computed again beside the books."""

from __future__ import annotations

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
    played,
)

CANDLES, QUOTES = DATA / "btcusdt_candles.csv.gz", DATA / "btcusdt_quotes.csv.gz"
KILLS = 3


def assert_agrees(folder: Path, shown: dict[str, Any]) -> None:
    assert differing(shown, Recomputed.of(*journals(folder))) == []


@pytest.mark.parametrize("settings", [BUSY, LIMITS, SEVERAL, PERPETUAL])
@pytest.mark.parametrize(
    "data", [(BTC, ETH), (CANDLES,), (QUOTES, BTC)], ids=["trades", "candles", "both"]
)
def test_a_recorded_run(tmp_path: Path, settings: str, data: tuple[Path, ...]) -> None:
    summary = played(tmp_path, *config(tmp_path, settings), *files(*data))
    assert_agrees(tmp_path, summary)


@pytest.mark.parametrize("settings", [BUSY, SEVERAL, PERPETUAL])
def test_an_account_that_is_killed_again_and_again(tmp_path: Path, settings: str) -> None:
    words = config(tmp_path, settings)
    for _ in range(KILLS):
        with running(tmp_path, *words) as run:
            run.line(" FILL ")
            run.line(" FILL ")
            run.send(signal.SIGKILL)
        assert_agrees(tmp_path, tradectl(tmp_path, "status", "--json").document())
    summary = tradectl(
        tmp_path, "run", "--headless", "--json", *words, "--duration", "1"
    ).document()
    assert_agrees(tmp_path, summary)
    assert replayed(tmp_path).verified
