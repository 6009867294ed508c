"""The largest drawdown shown is what the lines of the journals give, computed again beside the books."""

from __future__ import annotations

import signal
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.command import BUSY, journals, running, tradectl, wait_until
from tests.fixtures.recomputed import Recomputed, sealed_lines
from tests.fixtures.run_inputs import Character, replayed, trades, written
from tests.integration.test_determinism import BTC, ETH, PERPETUAL, config, files, played


def largest_drawdown_pct(folder: Path) -> Decimal:
    """Of the runs in `folder`, which continue each other, in percent."""
    account = Recomputed.of(*journals(folder))
    account.measure()
    return Decimal(account.worst.numerator * 100) / account.worst.denominator


def assert_told(told: dict[str, Any], expected: Decimal) -> None:
    for shown in (told["max_drawdown_pct"], told["portfolio"]["max_drawdown_pct"]):
        assert Decimal(shown) == round(expected, -Decimal(shown).as_tuple().exponent)  # type: ignore[operator]  # finite


@pytest.mark.parametrize("settings", [BUSY, PERPETUAL], ids=["spot", "perpetual"])
def test_recorded_trades_add_up_to_the_largest_drawdown_shown(
    tmp_path: Path, settings: str
) -> None:
    summary = played(tmp_path, *config(tmp_path, settings), *files(BTC, ETH))
    expected = largest_drawdown_pct(tmp_path)
    assert expected > 0
    assert_told(summary, expected)
    assert_told(tradectl(tmp_path, "status", "--json", "--run", "2").document(), expected)
    (row,) = tradectl(tmp_path, "runs", "--json").document()
    assert row["max_drawdown_pct"] == summary["max_drawdown_pct"]


def test_a_loss_that_was_partly_won_back_is_still_shown_whole(tmp_path: Path) -> None:
    """5.42 % was shown where 12.18 % had been lost."""
    prices = [100, 100, 110, *[96] * 3, *[104] * 3]
    data = trades(tmp_path / "a.csv", {"BTCUSDT": prices}, every_ms=10_000)
    text = 'portfolio = { sizing = "fixed_fraction", fraction = 0.9, max_weight = 1.0 }'
    limits = BUSY.partition("[risk]")[2].partition("[orchestrator]")[0]
    path = written(
        tmp_path,
        Character.KEEN,
        settings=f"{text}\n[risk]\nmax_position_notional = 'none'\nmax_order_notional = 'none'\n{limits}",
    )
    summary = played(tmp_path, "-c", path, "--data", data)
    portfolio = summary["portfolio"]
    assert_told(summary, largest_drawdown_pct(tmp_path))
    assert Decimal(portfolio["max_drawdown_pct"]) > 2 * Decimal(portfolio["drawdown_pct"]) > 0
    shown = tradectl(tmp_path, "status", "--run", "2")
    assert f"maximum {Decimal(portfolio['max_drawdown_pct']):.2f}%" in shown.out


def test_it_survives_a_kill_and_a_restart(tmp_path: Path) -> None:
    words = config(tmp_path, BUSY)
    with running(tmp_path, *words) as run:
        wait_until(lambda: _filled(tmp_path) > 50)
        run.send(signal.SIGKILL)
    before = largest_drawdown_pct(tmp_path)
    assert before > 0
    summary = tradectl(
        tmp_path, "run", "--headless", "--json", *words, "--duration", "1"
    ).document()
    both = largest_drawdown_pct(tmp_path)
    assert both >= before
    assert_told(summary, both)
    assert replayed(tmp_path).verified


def _filled(folder: Path) -> int:
    return sum(
        line.get("event", {}).get("type") == "order_filled"
        for path in journals(folder)
        for line in sealed_lines(path)
    )
