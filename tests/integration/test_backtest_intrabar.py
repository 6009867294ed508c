"""Coarse candles with finer data beside them: strategies decide on the coarse, orders meet the finer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.command import events_of, journals, tradectl
from tests.fixtures.run_inputs import replayed
from tradectl.domain.events import OrderFilled, StrategySignalEvent

BEGIN = datetime(2023, 11, 14, tzinfo=UTC)
STRATEGY = """
from tradectl.strategy import Strategy


class Second(Strategy):
    \"\"\"Long at the close of its second bar, and it says how many it has seen.\"\"\"

    def start(self):
        self.seen = 0

    def on_bar(self, bar):
        self.seen += 1
        return self.long(reason=f"bar of {bar.interval // 10**9} s") if self.seen == 2 else None
"""
HOURS = 5


def price(minute: int) -> int:
    """Up in the first half of each hour from the third on, then far down and back by its end."""
    hour, within = divmod(minute, 60)
    if hour < 2:
        return 1000
    return {0: 1000, 1: 1060, 2: 900, 3: 1000}[within // 15]


def row(minute: int, opened: int, high: int, low: int, close: int) -> str:
    at = int((BEGIN + timedelta(minutes=minute)).timestamp() * 1000)
    return f"{at},{opened},{high},{low},{close},1000"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("data")
    head = "time,open,high,low,close,volume"
    hours = []
    for hour in range(HOURS):
        within = [price(60 * hour + minute) for minute in range(60)]
        hours.append(row(60 * hour, within[0], max(within), min(within), within[-1]))
    minutes = [row(m, *(price(m),) * 4) for m in range(60 * HOURS)]
    (made / "hours-BTCUSDT.csv").write_text("\n".join([head, *hours]) + "\n")
    (made / "minutes-BTCUSDT.csv").write_text("\n".join([head, *minutes]) + "\n")
    ticks = ["ts_ms,symbol,price,qty,side"]
    for minute in range(60 * HOURS):
        at = int((BEGIN + timedelta(minutes=minute, seconds=7)).timestamp() * 1000)
        ticks.append(f"{at},BTCUSDT,{price(minute)},5,buy")
    (made / "trades.csv").write_text("\n".join(ticks) + "\n")
    (made / "mine.py").write_text(STRATEGY)
    return made


def run(state: Path, folder: Path, *names: str, words: tuple[object, ...] = ()) -> dict[str, Any]:
    data = [word for name in names for word in ("--data", folder / name)]
    answer = tradectl(
        state, "backtest", *data, "--fill", "intrabar", "--strategy", f"{folder / 'mine.py'}:Second",
        "--set", "portfolio.stop_loss_pct=5", "--set", "paper.slippage_bps=0", "--json", *words,
    )  # fmt: skip
    found: dict[str, Any] = answer.document()
    return found


def minutes_after(fill: OrderFilled) -> float:
    return (fill.ts / 10**9 - BEGIN.timestamp()) / 60


@pytest.mark.parametrize("order", [("hours", "minutes"), ("minutes", "hours")])
def test_orders_meet_finer_candles(tmp_path: Path, folder: Path, order: tuple[str, str]) -> None:
    """Decided at 2:00, filled at the open of the minute that begins there; stopped in the minute in which
    the price falls, at that minute's open: the hour alone does not tell that it rose before."""
    run(tmp_path, folder, *(f"{name}-BTCUSDT.csv" for name in order))
    (journal,) = journals(tmp_path)
    (signal,) = events_of(journal, StrategySignalEvent)
    assert signal.reason == "bar of 3600 s"
    entry, stop = events_of(journal, OrderFilled)
    assert (minutes_after(entry), entry.price) == (120, Decimal(1000))
    assert (minutes_after(stop), stop.price) == (150, Decimal(900))
    assert replayed(tmp_path).verified


def test_orders_meet_trades(tmp_path: Path, folder: Path) -> None:
    run(tmp_path, folder, "hours-BTCUSDT.csv", "trades.csv")
    entry, stop = events_of(journals(tmp_path)[0], OrderFilled)
    assert (minutes_after(entry), entry.price) == (120 + 7 / 60, Decimal(1000))
    assert (minutes_after(stop), stop.price) == (150 + 7 / 60, Decimal(900))
    assert replayed(tmp_path).verified


def test_a_journal_that_refers_to_the_data_is_read_the_same_way(
    tmp_path: Path, folder: Path
) -> None:
    names = ("hours-BTCUSDT.csv", "minutes-BTCUSDT.csv")
    found = run(tmp_path, folder, *names, words=("--journal", "reference"))
    assert found["fills"] == 2
    assert replayed(tmp_path).verified


def test_what_comes_before_warms_up_on_the_coarse_alone(tmp_path: Path, folder: Path) -> None:
    names = ("hours-BTCUSDT.csv", "minutes-BTCUSDT.csv")
    run(tmp_path, folder, *names, words=("--from", "2023-11-14T01:00"))
    entry, _ = events_of(journals(tmp_path)[0], OrderFilled)
    assert minutes_after(entry) == 180  # its need is none, so its second bar is that from 2:00


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        (("hours-BTCUSDT.csv",), "there is no finer data of BTCUSDT beside its candles"),
        (("trades.csv",), "there are no candles to decide on"),
    ],
)
def test_where_there_is_no_such_pair_it_is_refused(
    tmp_path: Path, folder: Path, names: tuple[str, ...], complaint: str
) -> None:
    data = [word for name in names for word in ("--data", folder / name)]
    said = tradectl(tmp_path, "backtest", *data, "--fill", "intrabar").complaint()
    assert complaint in said
