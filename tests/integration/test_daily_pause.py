"""A pause by the day's loss ends with its day, and a run says how much of its data passed meanwhile."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.fixtures.command import Answer, events_of, tradectl
from tests.fixtures.planned import PERPETUAL, candles, planned
from tests.fixtures.run_inputs import replayed
from tradectl.domain.events import OrderFilled, PauseEnded

ALL_IN = """
[portfolio]
fraction = 1
max_weight = 1
[risk]
max_order_notional = "none"
max_position_notional = "none"
"""
UNTIL_MIDNIGHT = 480
"""Candles from the start of the recordings to the next day (UTC)."""
PRICES = [100] * 10 + [89] * (UNTIL_MIDNIGHT - 10) + [89, 90] * 50


def run(folder: Path, settings: str = "", *, as_json: bool = True) -> Answer:
    config = planned(folder, "3 long, 30 flat, 40 long", ALL_IN + settings + PERPETUAL)
    data = candles(folder / "BTCUSDT.csv", PRICES)
    shown = ["--json"] if as_json else []
    return tradectl(folder / "state", "run", "--headless", *shown, "-c", config, "--data", data)


def entries(summary: dict[str, Any]) -> list[int]:
    """The candles after whose close a position was entered."""
    fills = [
        fill for fill in events_of(Path(summary["journal"]), OrderFilled) if fill.side == "buy"
    ]
    return [(fill.ts // 1_000_000 - 1_720_886_400_000) // 60_000 for fill in fills]


def test_trading_goes_on_with_the_next_day(tmp_path: Path) -> None:
    summary = run(tmp_path).document()
    assert summary["paused"] is None
    assert entries(summary) == [3, 481]  # the long of candle 40 was still wanted
    (ended,) = events_of(Path(summary["journal"]), PauseEnded)
    assert ended.code == "DAILY_LOSS"
    (held,) = summary["held_back"]
    assert (held["cause"], held["times"]) == ("DAILY_LOSS", 1)
    assert (held["since"][:16], held["until"][:16]) == ("2024-07-13T16:11", "2024-07-14T00:00")
    assert held["rows"] == UNTIL_MIDNIGHT - 11
    assert Decimal(held["share"]) == round(Decimal(held["rows"]) / len(PRICES), 4)
    assert summary["held_back_share"] == held["share"]
    assert replayed(tmp_path / "state").verified


def test_it_may_last_until_resume_and_is_said_first_where_it_was_most(tmp_path: Path) -> None:
    settings = 'daily_pause_ends = "resume"\n'
    summary = run(tmp_path, settings).document()
    assert summary["paused"]["causes"][0]["cause"] == "DAILY_LOSS"
    assert entries(summary) == [3]
    (held,) = summary["held_back"]
    assert (held["until"], held["rows"]) == (None, len(PRICES) - 11)
    shown = run(tmp_path, settings, as_json=False).out
    assert "NO ENTRIES for 98% of the data" in shown
    assert "held back   by DAILY_LOSS once, from 2024-07-13 16:11:05 to the end (UTC)" in shown


def test_a_pause_by_drawdown_does_not_end_with_the_day(tmp_path: Path) -> None:
    summary = run(tmp_path, "drawdown_alert_pct = 5\ndrawdown_pause_pct = 9\n").document()
    assert [cause["cause"] for cause in summary["paused"]["causes"]] == ["DRAWDOWN"]
    assert [held["cause"] for held in summary["held_back"]] == ["DAILY_LOSS", "DRAWDOWN"]
    assert entries(summary) == [3]


def test_a_run_that_was_never_held_back_says_nothing_of_it(tmp_path: Path) -> None:
    limits = "".join(f'daily_loss_{step}_pct = "none"\n' for step in ("alert", "pause", "halt"))
    summary = run(tmp_path, limits).document()
    assert (summary["held_back"], summary["held_back_share"]) == ([], "0")
    assert "held back" not in run(tmp_path, limits, as_json=False).out
