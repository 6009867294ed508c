"""The largest drawdown, computed again from the lines of the journals: nothing of the books is used.

Money that goes and comes is added up from fills and last prices, spot and perpetual alike: a position is
worth what the price has moved since it was filled. Equity is looked at where a risk timer fired and
where a run ended.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.command import BUSY, is_seal, journals, running, tradectl, wait_until
from tests.fixtures.run_inputs import Character, replayed, trades, written
from tests.integration.test_determinism import BTC, ETH, PERPETUAL, config, files, played

CASH = Decimal(100_000)
FELL = Decimal("12.18")


def largest_drawdown_pct(paths: Iterable[Path]) -> Decimal:
    """Of the runs that continue each other, in percent."""
    money, peak, worst = CASH, CASH, Decimal(0)
    held: dict[str, Decimal] = {}
    prices: dict[str, Decimal] = {}

    def look() -> None:
        nonlocal peak, worst
        equity = money + sum(held[symbol] * prices[symbol] for symbol in held)
        peak = max(peak, equity)
        worst = max(worst, (peak - equity) / peak)

    for path in paths:
        for event in _events(path):
            if event["type"] in ("market_data", "quote"):
                prices[event["symbol"]] = Decimal(event["price"])
            elif event["type"] == "order_filled":
                sign = 1 if event["side"] == "buy" else -1
                moved = sign * Decimal(event["quantity"])
                money -= moved * Decimal(event["price"]) + Decimal(event.get("fee", "0"))
                held[event["symbol"]] = held.get(event["symbol"], Decimal(0)) + moved
            elif event["type"] == "timer_fired" and event["name"] in ("risk", "end"):
                look()
    look()
    return worst * 100


def _events(path: Path) -> list[dict[str, Any]]:
    """What is recorded for good: up to the last seal."""
    lines = path.read_bytes().splitlines()
    sealed = max((n for n, line in enumerate(lines) if is_seal(line)), default=0)
    read = [json.loads(line) for line in lines[:sealed] if not is_seal(line)]
    return [line["event"] for line in read if "event" in line]


def assert_told(told: dict[str, Any], expected: Decimal) -> None:
    for shown in (told["max_drawdown_pct"], told["portfolio"]["max_drawdown_pct"]):
        assert Decimal(shown) == round(expected, -Decimal(shown).as_tuple().exponent)  # type: ignore[operator]  # finite


@pytest.mark.parametrize("settings", [BUSY, PERPETUAL], ids=["spot", "perpetual"])
def test_recorded_trades_add_up_to_the_largest_drawdown_shown(
    tmp_path: Path, settings: str
) -> None:
    summary = played(tmp_path, *config(tmp_path, settings), *files(BTC, ETH))
    expected = largest_drawdown_pct(journals(tmp_path))
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
    assert_told(summary, largest_drawdown_pct(journals(tmp_path)))
    assert Decimal(portfolio["max_drawdown_pct"]) > 2 * Decimal(portfolio["drawdown_pct"]) > 0
    shown = tradectl(tmp_path, "status", "--run", "2")
    assert f"maximum {Decimal(portfolio['max_drawdown_pct']):.2f}%" in shown.out


def test_it_survives_a_kill_and_a_restart(tmp_path: Path) -> None:
    words = config(tmp_path, BUSY)
    with running(tmp_path, *words) as run:
        wait_until(lambda: _filled(tmp_path) > 50)
        run.send(signal.SIGKILL)
    before = largest_drawdown_pct(journals(tmp_path))
    assert before > 0
    summary = tradectl(
        tmp_path, "run", "--headless", "--json", *words, "--duration", "1"
    ).document()
    both = largest_drawdown_pct(journals(tmp_path))
    assert both >= before
    assert_told(summary, both)
    assert replayed(tmp_path).verified


def _filled(folder: Path) -> int:
    return sum(
        event["type"] == "order_filled" for path in journals(folder) for event in _events(path)
    )
