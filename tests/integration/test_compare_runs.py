"""The same strategy on the same data, by every way there is: `compare` says that the decisions are the
same; and what a live account did is held against a backtest of what it saw.
"""

from __future__ import annotations

import signal
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.command import BUSY, journals
from tests.fixtures.live_harness import live_harness
from tests.fixtures.run_inputs import Typed, trades, waves
from tradectl.replay.replay import Replay

D = Decimal
EMA = """
[[strategies]]
name = "ema"
strategy = "ema-cross"
parameters = { fast = 2, slow = 4, band_bps = 0.0 }
"""


def adds_up(found: Any) -> bool:
    """By the document alone."""
    told = sum((D(line["amount"]) for line in found["ledger"]), D(0))
    sides = D(found["b"]["pnl"]) - D(found["a"]["pnl"])
    return found["adds_up"] is True and told == D(found["difference"]) == sides


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "busy.toml"
    path.write_text(BUSY)
    return path


def test_backtest_paper_in_real_time_and_replay_decide_the_same(
    typed: Typed, tmp_path: Path, config: Path
) -> None:
    file = trades(tmp_path / "trades.csv", {"BTCUSDT": waves(60, length=20)}, every_ms=40)
    first = typed(f"backtest --json -c {config} --data {file}").document()["run_id"]
    typed(f"run --paper --headless --json -c {config} --data {file} --speed 1").document()
    backtest, paper = journals(tmp_path / "state")
    assert backtest.stem == first
    assert Replay(paper).run().verified
    found = typed(f"compare {first} latest --json").document()
    assert found["identical"] is True
    assert found["first_difference"] is None
    assert found["a"]["decisions"] == found["b"]["decisions"] > 5
    assert (found["difference"], found["only_a"], found["only_b"]) == ("0", 0, 0)
    assert adds_up(found)
    assert "IDENTICAL decisions" in typed(f"compare {first} latest").out
    again = typed(f"compare {paper} --with-backtest --json").document()
    assert again["identical"] is True
    assert adds_up(again)
    assert "expected another run" in typed(f"compare {first}").complaint()
    assert (
        "leave the second one out" in typed(f"compare {first} latest --with-backtest").complaint()
    )


def test_a_live_session_against_its_backtest(typed: Typed, tmp_path: Path) -> None:
    """The ledger adds up to the last digit, whatever the exchange did otherwise."""
    with live_harness(tmp_path, more=EMA) as live:
        with live.running(sigma="0.001") as run:
            for _ in range(8):
                run.line(" FILL ")
            run.send(signal.SIGTERM)
            run.end()
        found = typed(f"compare latest --with-backtest --json --state-dir {live.folder}").document()
        assert (found["a"]["mode"], found["b"]["mode"]) == ("live", "paper")
        assert found["a"]["fills"] >= 8
        assert found["matched"] + found["only_a"] == found["a"]["trips"] > 0
        assert found["matched"] + found["only_b"] == found["b"]["trips"] > 0
        assert found["matched"] > 0
        assert adds_up(found)
        shown = typed(f"compare latest --with-backtest --state-dir {live.folder}").out
        assert "adds up exactly" in shown
        for trip in found["trips"]:
            told = sum((D(amount) for amount in trip["lines"].values()), D(0))
            assert told == D(trip["difference"])
