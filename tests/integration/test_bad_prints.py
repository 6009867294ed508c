"""One wild print in a recording is nothing to an account: not traded on, no stop, no loss, no pause."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tests.fixtures.command import events_of, tradectl
from tests.fixtures.planned import PERPETUAL, candles, planned
from tests.fixtures.run_inputs import replayed
from tradectl.domain.events import LimitBreached, OrderFilled

SETTINGS = """
[portfolio]
fraction = 1
max_weight = 1
stop_loss_pct = 5
[risk]
max_order_notional = "none"
max_position_notional = "none"
"""


NO_LOSS_LIMITS = "".join(
    f'{loss}_{step}_pct = "none"\n'
    for loss in ("daily_loss", "drawdown")
    for step in ("alert", "pause", "halt")
)


@pytest.mark.parametrize("bad", [1000, 10, 1, 250, 40, (100, 1000, 100, 100), (100, 100, 10, 100)])
@pytest.mark.parametrize("side", ["long", "short"])
def test_one_wild_print_is_nothing_to_an_account(tmp_path: Path, bad: object, side: str) -> None:
    config = planned(tmp_path, f"3 {side}, 15 flat", SETTINGS + PERPETUAL)
    state = tmp_path / "state"
    data = candles(tmp_path / "BTCUSDT.csv", [*[100] * 9, bad, *[100] * 10])
    ended = tradectl(state, "run", "--headless", "--json", "-c", config, "--data", data)
    assert ended.code == 0
    summary = ended.document()
    assert (summary["bad_rows"], summary["bad"]) == (1, {"price_spike": 1})
    assert summary["paused"] is None
    assert Decimal(summary["max_drawdown_pct"]) < 1
    journal = Path(summary["journal"])
    fills = events_of(journal, OrderFilled)
    assert len(fills) == 2
    assert all(abs(fill.price - 100) < 1 for fill in fills)
    assert events_of(journal, LimitBreached) == []


@pytest.mark.parametrize("crash", [[30] * 12, [30, 31, 32, 30, 29, 28, 28, 28, 28, 28, 28, 28]])
def test_a_market_that_falls_for_good_is_told_to_the_row(tmp_path: Path, crash: list[int]) -> None:
    config = planned(tmp_path, "3 long", SETTINGS + NO_LOSS_LIMITS + PERPETUAL)
    state = tmp_path / "state"
    data = candles(tmp_path / "BTCUSDT.csv", [*[100] * 9, *crash])
    ended = tradectl(state, "run", "--headless", "--json", "-c", config, "--data", data)
    summary = ended.document()
    assert summary["bad_rows"] == 0
    stopped = events_of(Path(summary["journal"]), OrderFilled)[1]
    assert abs(stopped.price - 30) < 1
    assert replayed(state).verified
