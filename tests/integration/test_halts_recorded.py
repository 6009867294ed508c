"""Halts by a loss on recorded data, as whole runs: no account is left less protected by one."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.command import events_of, journals, records_of, tradectl
from tests.fixtures.planned import PERPETUAL, candles, planned
from tests.fixtures.run_inputs import replayed
from tradectl.domain.events import (
    CancelRequested,
    LimitBreached,
    OrderFilled,
    TargetComputed,
    TradingConcluded,
)
from tradectl.domain.states import TradingState

D = Decimal
FALL = [100, 100, 100, 100, 95, "92.5", "92.5", 92, 89, 80, 60]
"""A daily-loss halt at 7% comes at 92.5, the stop at 90.5 after it."""
CRASH = [100, 100, 100, 100, 85, 80, 75, 75, 70, 50, 20]
SETTINGS = """
[account]
cash = 100000
[portfolio]
fraction = 1
max_weight = 1
{portfolio}
[paper]
slippage_bps = 0
{paper}
[risk]
max_order_notional = 'none'
max_position_notional = 'none'
max_gross_notional = 'none'
max_leverage = 20
price_collar_pct = 50
daily_loss_alert_pct = "none"
daily_loss_pause_pct = {pause}
daily_loss_halt_pct = {halt}
drawdown_alert_pct = 80
drawdown_pause_pct = 85
drawdown_halt_pct = 90
{risk}
"""
SPOT = PERPETUAL.replace('"perpetual"', '"spot"').replace("max_leverage = 20\n", "")


def halted(
    folder: Path,
    plan: str,
    prices: list[Any],
    *,
    instrument: str = PERPETUAL,
    speed: str = "max",
    name: str = "state",
    halt: str = "7",
    **settings: str,
) -> Any:
    """The summary of a run that ended halted."""
    lines = {"portfolio": "", "paper": "", "risk": "", "pause": "'none'", **settings}
    config = planned(folder, plan, SETTINGS.format(halt=halt, **lines) + instrument)
    data = candles(folder / "BTCUSDT.csv", prices)
    words = ("--headless", "--json", "-c", config, "--data", data, "--speed", speed)
    ended = tradectl(folder / name, "run", *words)
    assert ended.code == 6, ended.err
    assert replayed(folder / name).verified
    return json.loads(ended.out)


def equity(summary: Any) -> Decimal:
    return D(summary["portfolio"]["equity"])


@pytest.mark.parametrize("pause", ["5", "'none'"])
@pytest.mark.parametrize("instrument", [PERPETUAL, SPOT], ids=["perpetual", "spot"])
def test_a_stop_that_rests_outlives_a_halt_and_is_filled(
    tmp_path: Path, instrument: str, pause: str
) -> None:
    stop = "stop_loss_pct = 9.5"
    cash = "" if instrument is PERPETUAL else "\ncash_reserve = 0.01"
    plan = "3 long" if instrument is PERPETUAL else "3 long 0.99"
    summary = halted(
        tmp_path, plan, FALL, instrument=instrument, portfolio=stop + cash, pause=pause
    )
    assert D(88_700) < equity(summary) < D(90_500)
    journal = journals(tmp_path / "state")[-1]
    (breach,) = [e for e in events_of(journal, LimitBreached) if e.action == "reduce"]
    assert breach.code == "DAILY_LOSS"
    assert len(events_of(journal, OrderFilled)) == 2
    assert not events_of(journal, CancelRequested)
    assert summary["halt"]["state"] == "REDUCING"


def test_a_strategy_gets_out_after_a_halt(tmp_path: Path) -> None:
    summary = halted(tmp_path, "3 long, 7 flat", CRASH, halt="12")
    assert D(74_000) < equity(summary) < D(75_500)


def test_a_reversal_after_a_halt_only_goes_flat_and_why_is_recorded(tmp_path: Path) -> None:
    summary = halted(tmp_path, "3 long, 7 short", CRASH, halt="12")
    assert D(74_000) < equity(summary) < D(75_500)
    entry, exit_ = events_of(journals(tmp_path / "state")[-1], OrderFilled)
    assert exit_.quantity == entry.quantity


def test_nothing_enters_after_a_halt(tmp_path: Path) -> None:
    """Half of the position is closed, and the whole wanted back."""
    halted(tmp_path, "3 long, 6 long 0.3, 8 long", [*CRASH, 20], halt="12")
    fills = events_of(journals(tmp_path / "state")[-1], OrderFilled)
    assert [fill.side for fill in fills] == ["buy", "sell"]


@pytest.mark.parametrize("latency", ["", "latency_ms = 5000"])
@pytest.mark.parametrize("instrument", [PERPETUAL, SPOT], ids=["perpetual", "spot"])
@pytest.mark.parametrize("stop", ["", "stop_loss_pct = 30"])
def test_a_halt_may_close_everything_at_once(
    tmp_path: Path, instrument: str, latency: str, stop: str
) -> None:
    plan = "3 long" if instrument is PERPETUAL else "3 long 0.99"
    summary = halted(
        tmp_path,
        plan,
        CRASH,
        instrument=instrument,
        halt="12",
        risk='on_halt = "flatten"',
        portfolio=stop,
        paper=latency,
    )
    assert D(74_000) < equity(summary) < D(86_000)
    assert summary["halt"]["state"] == "HALTED"
    assert not summary["portfolio"]["unrealized_pnl"].strip("0.")


@pytest.mark.parametrize("on_halt", ["reduce", "flatten"])
def test_the_record_that_makes_it_flat_is_the_last_at_any_speed(
    tmp_path: Path, on_halt: str
) -> None:
    seen = set()
    for speed in ("max", "1000000", "100000"):
        summary = halted(
            tmp_path,
            "3 long, 7 flat",
            CRASH,
            halt="12",
            speed=speed,
            name=f"at-{speed}",
            risk=f'on_halt = "{on_halt}"',
        )
        seen.add((summary["events"], summary["state_hash"], summary["portfolio"]["equity"]))
        last = records_of(journals(tmp_path / f"at-{speed}")[-1])[-1].event
        assert isinstance(last, TradingConcluded)
        states = {"reduce": TradingState.REDUCING, "flatten": TradingState.FLATTENING}
        assert last.state is states[on_halt]
    assert len(seen) == 1


def test_a_halt_cancels_what_is_left_of_an_entry(tmp_path: Path) -> None:
    """A limit order is filled by what the market trades, bar by bar, until the halt comes."""
    halted(
        tmp_path,
        "3 long, 12 flat",
        [100, 100, 100, 100, 95, 94, 90, 85, 80, 75, 70, 70, 69, 69, 69, 69],
        halt="2",
        portfolio='order_type = "limit"\nlimit_offset_bps = 400',
    )
    journal = journals(tmp_path / "state")[-1]
    entry = next(fill.order_id for fill in events_of(journal, OrderFilled))
    halt = next(r.seq for r in records_of(journal) if isinstance(r.event, LimitBreached))
    (cancel,) = [c for c in events_of(journal, CancelRequested) if c.order_id == entry]
    assert "loss is" in cancel.reason
    later = [r.event for r in records_of(journal) if r.seq > halt]
    assert {e.side for e in later if isinstance(e, OrderFilled)} == {"sell"}


def test_a_denied_entry_says_that_a_loss_has_halted_trading(tmp_path: Path) -> None:
    """What a reversal would have entered is not even asked for: the target is as near as it may come."""
    halted(tmp_path, "3 long, 7 short", CRASH, halt="12")
    targets = events_of(journals(tmp_path / "state")[-1], TargetComputed)
    assert targets[-1].target < 0
    assert targets[-1].change == -targets[-1].current
