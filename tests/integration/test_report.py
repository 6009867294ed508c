"""`report` of a backtest, by the command line: its figures are those that are worked out here anew from
the journal's lines, its page asks for nothing, its CSV files hold all of it."""

from __future__ import annotations

import csv
import json
import math
import random
import statistics
from collections import defaultdict
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.command import Answer, journals, tradectl

D = Decimal
START_MS = 1_699_995_600_000
"""2023-11-14T21:00:00Z: the first day has three hours."""
QUARTER_MS = 900_000
DAY_NS = 86_400 * 10**9
CONFIG = """
portfolio = { fraction = 0.3, stop_loss_pct = 2 }
risk = { drawdown_alert_pct = "none", drawdown_pause_pct = "none", drawdown_halt_pct = "none" }

[[strategies]]
name = "cross"
strategy = "ema-cross"
"""


def candles(path: Path) -> Path:
    """Three days and a half of two symbols, a candle a quarter of an hour."""
    dice = random.Random(7)
    prices = {"BTCUSDT": 60_000.0, "ETHUSDT": 3_000.0}
    rows = ["ts_ms,symbol,open,high,low,close,volume"]
    for n in range(340):
        for symbol, opened in prices.items():
            closed = opened * (1 + dice.gauss(0.0005 * math.sin(n / 20), 0.004))
            high, low = max(opened, closed) * 1.001, min(opened, closed) * 0.999
            at = START_MS + n * QUARTER_MS
            rows.append(f"{at},{symbol},{opened:.2f},{high:.2f},{low:.2f},{closed:.2f},1000")
            prices[symbol] = round(closed, 2)
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state directory of a backtest."""
    folder = tmp_path_factory.mktemp("report")
    (folder / "config.toml").write_text(CONFIG)
    data = candles(folder / "candles.csv")
    state = folder / "state"
    tradectl(state, "run", "--headless", "--json", "-c", folder / "config.toml", "--data", data)
    return state


@pytest.fixture(scope="module")
def written(played: Path) -> Answer:
    """With a page and CSV files beside the state directory."""
    page, folder = played.parent / "report.html", played.parent / "figures"
    return tradectl(played, "report", "latest", "--json", "--html", page, "--csv", folder)


class Recomputed:
    """Of the journal's lines alone: cash and coins by fills, marks by closes, trips by zero crossings."""

    def __init__(self, journal: Path) -> None:
        self.cash, self.held = D(100_000), dict[str, Decimal]()
        self.marks = dict[str, Decimal]()
        self.fees, self.results = D(0), list[Decimal]()
        self.paid: dict[str, Decimal] = defaultdict(D)
        self.curve: list[tuple[int, Decimal]] = []
        events = [
            line for line in map(json.loads, journal.read_text().splitlines()) if "seq" in line
        ]
        self.start = events[0]["at"]
        closing = 0
        for line in events:
            event, at = line["event"], line["at"]
            kind = event["type"]
            if closing and (at != closing or kind == "bar_opened"):
                self.curve.append((closing, self.equity()))
                closing = 0
            if kind == "bar":
                self.marks[event["symbol"]] = D(event["price"])
                closing = at
            elif kind == "order_filled":
                self.fill(event)
        self.curve.append((events[-1]["at"], self.equity()))

    def fill(self, event: dict[str, Any]) -> None:
        symbol, fee = event["symbol"], D(event["fee"])
        signed = D(event["quantity"]) * (1 if event["side"] == "buy" else -1)
        flow = -signed * D(event["price"]) - fee
        self.cash += flow
        self.fees += fee
        self.held[symbol] = self.held.get(symbol, D(0)) + signed
        self.paid[symbol] += flow
        if not self.held[symbol]:
            self.results.append(self.paid.pop(symbol))

    def equity(self) -> Decimal:
        return self.cash + sum(self.held[s] * self.marks[s] for s in self.held if self.held[s])

    def drawdown(self) -> Decimal:
        peak, worst = D(100_000), D(0)
        for _, equity in self.curve:
            peak = max(peak, equity)
            worst = max(worst, 1 - equity / peak)
        return worst

    def returns(self) -> list[float]:
        """Of the days, a mark at midnight being the last of its day."""
        ends = {(at - 1) // DAY_NS: equity for at, equity in self.curve}
        first, last = self.start // DAY_NS, max(ends)
        equities = [D(100_000)]
        for day in range(first, last + 1):
            equities.append(ends.get(day, equities[-1]))
        return [float(after / before) - 1 for before, after in pairwise(equities)]


def test_its_figures_are_those_of_the_journal(played: Path, written: Answer) -> None:
    report = written.document()
    again = Recomputed(journals(played)[0])
    numbers, returns = report["statistics"], again.returns()
    assert D(report["end_equity"]) == again.equity()
    assert D(report["pnl"]) == again.equity() - 100_000
    assert D(report["unexplained"]) == 0
    assert D(report["costs"]["fees"]) == again.fees
    assert numbers["trips"] == len(again.results) > 10
    assert numbers["max_drawdown_pct"] == pytest.approx(100 * float(again.drawdown()), rel=1e-12)
    assert [day["return_pct"] for day in report["days"]] == pytest.approx(
        [100 * each for each in returns], rel=1e-9, abs=1e-12
    )
    deviation = statistics.stdev(returns)
    assert numbers["sharpe"] == pytest.approx(
        statistics.mean(returns) / deviation * math.sqrt(365), rel=1e-9
    )
    below = math.sqrt(sum(min(each, 0) ** 2 for each in returns) / len(returns))
    assert numbers["sortino"] == pytest.approx(
        statistics.mean(returns) / below * math.sqrt(365), rel=1e-9
    )
    won = [each for each in again.results if each > 0]
    lost = -sum(each for each in again.results if each <= 0)
    assert numbers["win_rate_pct"] == pytest.approx(100 * len(won) / len(again.results))
    assert numbers["profit_factor"] == pytest.approx(float(sum(won) / lost))
    for lines in report["attribution"].values():
        assert sum(D(line["pnl"]) for line in lines) == D(report["pnl"])


def test_a_backtest_says_the_first_of_them_itself(written: Answer, played: Path) -> None:
    words = ["-c", played.parent / "config.toml", "--data", played.parent / "candles.csv", "--json"]
    told = tradectl(played.parent / "again", "backtest", *words).document()["headline"]
    assert told == {name: written.document()["statistics"][name] for name in told}
    assert told["trips"] > 0


def test_buy_and_hold_pays_its_fee(played: Path, written: Answer) -> None:
    again = Recomputed(journals(played)[0])
    first = {"BTCUSDT": D("60000.00"), "ETHUSDT": D("3000.00")}
    parts = [again.marks[symbol] / (price * D("1.001")) - 1 for symbol, price in first.items()]
    report = written.document()
    assert report["statistics"]["hold_pct"] == pytest.approx(float(100 * sum(parts) / 2), rel=1e-9)
    assert report["curve"][-1]["hold"] == pytest.approx(float(100_000 * (1 + sum(parts) / 2)))


def test_the_files_hold_all_of_it(played: Path, written: Answer) -> None:
    report, folder = written.document(), played.parent / "figures"
    tables = {
        path.stem: list(csv.DictReader(path.read_text().splitlines()))
        for path in folder.glob("*.csv")
    }
    assert (
        len(tables["trips"]) == report["statistics"]["trips"] + report["statistics"]["open_trips"]
    )
    assert sum(D(row["pnl"]) for row in tables["trips"]) == D(report["pnl"])
    assert sum(D(row["pnl"]) for row in tables["days"]) == D(report["pnl"])
    assert len(tables["equity"]) == len(report["curve"])
    assert {row["by"] for row in tables["breakdown"]} == set(report["attribution"])
    assert all(row["entry_reason"] for row in tables["trips"])
    page = (played.parent / "report.html").read_text()
    assert page.startswith("<!doctype html>")
    assert report["run_id"] in page


def test_in_the_terminal_and_what_cannot_be(played: Path) -> None:
    said = tradectl(played, "report", "latest")
    assert said.code == 0
    assert "buy and hold" in said.out
    assert "round trips" in said.out
    nowhere = played.parent / "nowhere" / "report.html"
    assert "there is no folder" in tradectl(played, "report", "--html", nowhere).complaint()
    assert "it is a folder" in tradectl(played, "report", "--html", played).complaint()
    assert "no run" in tradectl(played, "report", "2031").complaint()
    assert "the name of a folder, got ''" in tradectl(played, "report", "--csv", "").complaint()
