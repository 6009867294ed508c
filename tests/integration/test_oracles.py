"""Two whole runs that others published come out to the last digit, fed plainly from their files.

SMA 10/30 on daily candles of GOOG: backtesting.py 0.6.6, `test_compute_stats`. Decided at a close, filled
at the next open, sized there in whole units; a turn closes, then opens with the cash; at the end the
position is closed at the last open.

EMA 10/20 on one-minute candles of a BTC perpetual: the acceptance test of NautilusTrader. Decided and
filled at a close, at a fee of 0.1 %; a turn is two orders; flat at the end.
"""

from __future__ import annotations

import csv
import gzip
import json
import math
from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.command import journals, tradectl
from tests.fixtures.run_inputs import replayed
from tests.profiles import in_turn, is_deep
from tests.real_data import real_data
from tests.unit.test_feeds_recorded import DATA
from tradectl.analysis.round_trips import RoundTrip
from tradectl.analysis.run_analysis import analyse
from tradectl.analysis.statistics import (
    annual_return,
    beta,
    cagr,
    calmar,
    compounded_volatility,
    downside,
    drawdowns,
    geometric_mean,
    kelly,
    max_drawdown,
    mean,
    profit_factor,
)
from tradectl.bus.clock import DataClock
from tradectl.config.load import load_settings
from tradectl.domain.events import BarEvent, TimerFired
from tradectl.domain.time import DAY, SECOND
from tradectl.domain.timers import END_OF_DATA_TIMER
from tradectl.state.account import Account
from tradectl.system.trading_system import TradingSystem, on_paper

STRATEGIES = Path(__file__).parents[1] / "oracles" / "crossings.py"
GOOG = """
symbols = ["GOOGUSDT"]
account.cash = 10_000
portfolio = { fraction = 1, max_weight = 1, min_trade_notional = 0, drift = 1000, turn = "two_orders" }
paper = { taker_fee = 0, slippage_bps = 0 }

[risk]
max_order_notional = 1_000_000
max_position_notional = 1_000_000
max_gross_notional = 1_000_000
max_leverage = 2
daily_loss_alert_pct = "none"
daily_loss_pause_pct = "none"
daily_loss_halt_pct = "none"
drawdown_alert_pct = "none"
drawdown_pause_pct = "none"
drawdown_halt_pct = "none"

[[strategies]]
name = "sma-cross"
strategy = "STRATEGIES:SmaCross"

[[instruments]]
symbol = "GOOGUSDT"
quote = "USDT"
kind = "perpetual"
max_leverage = 2
tick_size = 0.01
lot_size = 1
min_notional = 0
"""
BTC = """
symbols = ["BTCUSDT"]
account.cash = 10_000_000
portfolio = { sizing = "fixed_quantity", quantity = 0.001, drift = 1000, turn = "two_orders" }
paper = { taker_fee = 0.001, slippage_bps = 0 }

[[strategies]]
name = "ema-cross"
strategy = "STRATEGIES:EmaCross"

[[instruments]]
symbol = "BTCUSDT"
quote = "USDT"
kind = "perpetual"
max_leverage = 10
tick_size = 0.1
lot_size = 0.001
min_notional = 1
"""
TWAP = """
[execution]
algorithm = "twap"
horizon_seconds = 10
interval_seconds = 2.5
"""


def played(
    folder: Path, config: str, data: Path, *options: str, command: str = "run"
) -> dict[str, Any]:
    (folder / "config.toml").write_text(config.replace("STRATEGIES", str(STRATEGIES)))
    command_line = ("run", "--headless") if command == "run" else (command,)
    answer = tradectl(
        folder / "state", *command_line, "--json", "-c", folder / "config.toml",
        "--data", data, "--flatten-at-end", *options,
    )  # fmt: skip
    document: dict[str, Any] = answer.document()
    return document


def round_trips(folder: Path) -> int:
    """How often a position came to an end, counted in the journal."""
    held, ended = Decimal(0), 0
    for line in journals(folder / "state")[0].read_bytes().splitlines():
        if b'"order_filled"' in line:
            fill = json.loads(line)["event"]
            held += Decimal(fill["quantity"]) * (1 if fill["side"] == "buy" else -1)
            ended += not held
    return ended


@pytest.fixture(scope="module")
def goog(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The folder of the run, and what it said at its end."""
    folder = tmp_path_factory.mktemp("goog")
    return folder, played(folder, GOOG, DATA / "goog_daily.csv.gz", "--fill", "next-open")


def test_sma_10_30_on_goog(goog: tuple[Path, dict[str, Any]]) -> None:
    folder, summary = goog
    assert round_trips(folder) == 66
    portfolio = summary["portfolio"]
    assert portfolio["equity"] == "51422.99"
    assert portfolio["peak_equity"] == "75787.44"
    assert round(Decimal(summary["max_drawdown_pct"]), 8) == Decimal("47.98012705")


def test_the_statistics_of_sma_10_30_on_goog(goog: tuple[Path, dict[str, Any]]) -> None:
    """All that `test_compute_stats` of backtesting.py 0.6.6 expects, in its conventions: 252 days, days
    of trading alone, compounded."""
    trips: list[RoundTrip] = []
    run = analyse(journals(goog[0] / "state")[0], trips.append)
    days = [day for day in run.curve.days if day.mark]
    equity = [float(day.equity) for day in days]
    returns, year = [day.change for day in days[1:]], 252
    annual, spread = annual_return(returns, year), compounded_volatility(returns, year)
    bottom, falls = downside(returns), [fall for fall in drawdowns(equity) if fall[1] > fall[0] + 1]
    of_trips = run.trips.returns
    closes = [float(row[5]) for row in _rows(DATA / "goog_daily.csv.gz")]
    hold = closes[-1] / closes[HELD_FROM] - 1
    market = beta(_logs(equity), _logs(closes))
    assert annual
    assert spread
    assert bottom
    assert market
    lasted = [days[end].day - days[top].day for top, end, _ in falls]
    bars = {day.day for trip in trips for day in days if _holds(trip, day.day)}
    expected = {
        "equity": (float(run.curve.equity), 51422.98999999996),
        "peak": (float(run.curve.highest), 75787.44),
        "return": (float(run.pnl) / 10_000, 4.142298999999996),
        "annual return": (annual, 0.21191099249053224),
        "volatility": (spread, 0.3649716090702389),
        "CAGR": (cagr(10_000, equity[-1], days[-1].day - days[0].day, 365.25), 0.21160245705962623),
        "Sharpe": (annual / spread, 0.5806232244485349),
        "Sortino": (annual / (bottom * math.sqrt(year)), 1.0853434352488662),
        "Calmar": (calmar(annual, max_drawdown(equity)), 0.44166409202994605),
        "drawdown": (float(run.curve.max_drawdown), 0.4798012705007589),
        "mean drawdown": (mean([depth for _, _, depth in falls]), 0.05925851581948801),
        "longest drawdown, days": (max(lasted), 584),
        "mean drawdown, days": (math.ceil(sum(lasted) / len(lasted)), 41),
        "trades": (run.trips.count, 66),
        "win rate": (run.trips.win_rate, 0.4696969696969697),
        "best": (max(of_trips), 0.5359595229490424),
        "worst": (min(of_trips), -0.1839887353835481),
        "mean trade": (geometric_mean(of_trips), 0.02531715975158555),
        "expectancy": (mean(of_trips), 0.032748078066748834),
        "profit factor": (profit_factor(of_trips), 2.167945974262033),
        "SQN": (run.trips.sqn, 1.0766187356697705),
        "Kelly": (kelly(run.trips.results), 0.1518705127029717),
        "exposure": (len(bars) / len(days), 0.9674115456238361),
        "longest trade, days": (run.trips.longest / DAY, 183),
        "mean trade, days": (math.ceil((run.trips.mean_duration or 0) / DAY), 46),
        "buy and hold": (hold, 5.220601851851852),
        "beta": (market, 0.03803390709192),
        "alpha": (float(run.pnl) / 10_000 - market * hold, 3.9437391142027462),
    }
    for name, (found, published) in expected.items():
        assert found == pytest.approx(published, rel=1e-10), name
    assert run.unexplained == 0


HELD_FROM = 29
"""The candle from which on its slow mean is known."""


def _rows(path: Path) -> list[list[str]]:
    with gzip.open(path, "rt", newline="") as file:
        return list(csv.reader(file))[1:]


def _logs(values: list[float]) -> list[float]:
    return [math.log(after / before) for before, after in pairwise(values)]


def _holds(trip: RoundTrip, day: int) -> bool:
    return trip.opened_at // DAY <= day <= trip.closed_at // DAY


@pytest.mark.parametrize("turn", in_turn(["one_order", "two_orders"], 2))
def test_it_is_the_same_money_however_many_orders_a_turn_has(tmp_path: Path, turn: str) -> None:
    summary = played(
        tmp_path,
        GOOG.replace("two_orders", turn),
        DATA / "goog_daily.csv.gz",
        "--speed",
        "999999999",
    )
    assert summary["run_fills"] == {"one_order": 67, "two_orders": 132}[turn]
    assert summary["portfolio"]["equity"] == "51422.99"
    assert replayed(tmp_path / "state").verified


def ema_10_20_by_run(tmp_path: Path, command: str = "run") -> None:
    data = real_data("oracles/btcperp_1m_first10000.csv.gz")
    summary = played(tmp_path, BTC, data, "--fill", "close", command=command)
    assert summary["run_orders"] == summary["run_fills"] == 902
    assert Decimal(summary["portfolio"]["cash"]) == Decimal("9999954.94313300")
    assert Decimal(summary["portfolio"]["equity"]) == Decimal("9999954.94313300")


def ema_10_20_by_backtest(tmp_path: Path) -> None:
    ema_10_20_by_run(tmp_path, "backtest")


def ema_10_20_by_twap(tmp_path: Path) -> None:
    """The same with NautilusTrader's TWAP: entries of 0.01 in four parts, 2.5 s apart. There a candle is
    known when it closes, and nothing of the next one's open before: they are fed without."""
    path = real_data("oracles/btcperp_1m_first10000.csv.gz")
    file, config = tmp_path / "config.toml", BTC.replace("quantity = 0.001", "quantity = 0.01")
    file.write_text(config.replace("STRATEGIES", str(STRATEGIES)) + TWAP)
    settings = load_settings(file, environ={}, assignments=["paper.fill=close"])
    account = Account.open("oracle", "USDT", settings.account.cash)
    system = TradingSystem(settings, account, "oracle", DataClock(), gateway=on_paper(settings))
    system.open()
    for at, candle in enumerate(_rows(path), 1):
        opened, high, low, close, volume = (Decimal(text) for text in candle[1:])
        system.apply(
            BarEvent(
                symbol="BTCUSDT", price=close, volume=volume, ts=at * 60 * SECOND, open=opened, high=high,
                low=low, interval=60 * SECOND,
            )
        )  # fmt: skip
    system.apply(TimerFired(name=END_OF_DATA_TIMER))
    system.end_of_data()
    assert system.books.account.orders_count == system.books.account.fills_count == 2_255
    assert system.books.account.cash == Decimal("9999549.43133000")
    assert system.books.equity() == Decimal("9999549.43133000")


@pytest.mark.parametrize(
    "holds", in_turn([ema_10_20_by_run, ema_10_20_by_twap], 2, [ema_10_20_by_backtest])
)
def test_ema_10_20_on_a_btc_perpetual(tmp_path: Path, holds: Callable[[Path], None]) -> None:
    holds(tmp_path)


@pytest.mark.skipif(not is_deep(), reason="--deep: the same is told without the file above")
def test_by_twap_from_the_file(tmp_path: Path) -> None:
    """With opens, which come between the children: as many orders, and the journal verifies."""
    data = real_data("oracles/btcperp_1m_first10000.csv.gz")
    config = BTC.replace("quantity = 0.001", "quantity = 0.01") + TWAP
    summary = played(tmp_path, config, data, "--fill", "close")
    assert summary["run_orders"] == summary["run_fills"] == 2_255
    assert replayed(tmp_path / "state").verified
