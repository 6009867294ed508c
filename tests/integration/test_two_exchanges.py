"""Two exchanges on paper from the command line: recorded prices with a known spread, and a kill."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tests.fixtures.command import journals, records_of, running, tradectl, wait_until
from tests.fixtures.run_inputs import replayed
from tests.real_data import real_data
from tradectl.domain.events import OrderFilled

D = Decimal
FILLED = b'"type":"order_filled"'
EXAMPLES = Path(__file__).resolve().parents[2] / "configs"
SPREAD = """
symbols = ["BTCUSDT", "east:BTCUSDT"]
account.cash = 20_000

[paper]
taker_fee = 0.0002
maker_fee = 0.0002
slippage_bps = 0

[[paper.exchanges]]
name = "east"
cash = 10_000
taker_fee = 0.0001
maker_fee = 0.0001

[[strategies]]
name = "spread"
strategy = "cross-exchange-spread"
parameters = { first = "BTCUSDT", second = "east:BTCUSDT", enter_bps = ENTER, leave_bps = LEAVE }
"""
PERPETUAL = """
[[instruments]]
symbol = "SYMBOL"
quote = "USDT"
kind = "perpetual"
tick_size = 0.01
lot_size = 0.001
min_notional = 5
max_leverage = 5
"""


def configured(folder: Path, enter: float, leave: float) -> Path:
    config = folder / "spread.toml"
    both = [PERPETUAL.replace("SYMBOL", each) for each in ("BTCUSDT", "east:BTCUSDT")]
    text = SPREAD.replace("ENTER", str(enter)).replace("LEAVE", str(leave))
    config.write_text(text + "".join(both))
    return config


def recorded(path: Path, prices: list[int], seconds: int) -> Path:
    """Each price for so many seconds, a trade of 5 coins in each."""
    rows = [price for price in prices for _ in range(seconds)]
    start = 1_723_161_600_000
    lines = [f"{start + n * 1000},BTCUSDT,{price},5" for n, price in enumerate(rows)]
    path.write_text("\n".join(["ts_ms,symbol,price,qty", *lines]) + "\n")
    return path


def test_the_profit_is_what_the_two_files_say(tmp_path: Path) -> None:
    """102 is got and 100 paid for each coin, both are turned back at 100, and four fees are paid."""
    config, folder = configured(tmp_path, 100.0, 1.0), tmp_path / "state"
    here = recorded(tmp_path / "here.csv", [1000, 1020, 1000], 40)
    there = recorded(tmp_path / "there.csv", [1000, 1000, 1000], 40)
    data = ("--data", here, "--data", f"east:{there}")
    told = tradectl(folder, "run", "--headless", "--json", "-c", config, *data).document()
    fills = tradectl(folder, "fills", "--run", told["run_id"], "--json").document()
    coins = {s: D(0) for s in ("BTCUSDT", "east:BTCUSDT")}
    for fill in fills:
        if (fill["symbol"] == "BTCUSDT") == (fill["side"] == "sell"):
            coins[fill["symbol"]] += D(fill["quantity"])
    sold, bought = coins.values()
    assert sold == bought > 3
    fees = sold * (1020 + 1000) * D("0.0002") + bought * (1000 + 1000) * D("0.0001")
    assert D(told["pnl"]) == sold * 20 - fees
    status = replayed(folder, 0)
    assert status.verified


def test_the_readme_s_example_is_routed(tmp_path: Path) -> None:
    """Kraken is cheaper by more than its fee is dearer."""
    section = (EXAMPLES.parent / "README.md").read_text().partition("## Several exchanges")[2]
    config = tmp_path / "mine.toml"
    config.write_text(section.partition("```toml\n")[2].partition("```")[0])
    here = recorded(tmp_path / "btc.csv", [1000, 1100, 1000, 1100], 100)
    there = recorded(tmp_path / "btc-kraken.csv", [990, 1089, 990, 1089], 100)
    data = ("--data", here, "--data", f"kraken:{there}")
    told = tradectl(tmp_path / "state", "run", "--headless", "--json", "-c", config, *data)
    run_id = told.document()["run_id"]
    fills = tradectl(tmp_path / "state", "fills", "--run", run_id, "--json").document()
    assert {fill["symbol"] for fill in fills} == {"kraken:BTCUSDT"}
    paid = {round(D(f["fee"]) / D(f["price"]) / D(f["quantity"]), 6) for f in fills}
    assert paid == {D("0.0026")}
    why = tradectl(tmp_path / "state", "why", fills[0]["order_id"], "--run", run_id).out
    assert "route kraken:BTCUSDT" in " ".join(why.split())


@pytest.mark.slow
def test_a_kill_leaves_each_exchange_what_it_has(tmp_path: Path) -> None:
    folder, config = tmp_path / "state", EXAMPLES / "two-exchanges.toml"

    def traded() -> bool:
        told = tradectl(folder, "status", "--json").document()
        return any(row["symbol"].startswith("east:") for row in told["positions"])

    with running(folder, "-c", config, "--set", "feed.ticks_per_second=200") as run:
        wait_until(traded)
        run.kill()
    before = tradectl(folder, "status", "--json").document()
    with running(folder, "-c", config):
        wait_until(lambda: tradectl(folder, "status", "--json").document()["last_seq"] > 60)
        now = tradectl(folder, "status", "--json").document()
    for told in (before, now):
        assert list(told["cash_at"]) == ["paper", "east"]
        assert sum(map(D, told["cash_at"].values())) == D(told["portfolio"]["cash"])
    assert len(journals(folder)) == 2
    for number in (0, 1):
        assert replayed(folder, number).verified


@pytest.mark.slow
def test_real_prices_of_two_markets_and_a_kill_in_the_middle(tmp_path: Path) -> None:
    """Spot and perpetual of one coin; what stands in for the one exchange is described as a perpetual."""
    here = real_data("quotes/binance_spot_BTCUSDT_20240808T2354_20240809T0005.csv.gz")
    there = real_data("quotes/binance_usdm_BTCUSDT_20240808T2354_0000.csv.gz")
    config, folder = configured(tmp_path, 7.0, 4.0), tmp_path / "state"
    with running(folder, "-c", config, "--data", here, "--data", f"east:{there}") as run:
        wait_until(lambda: journals(folder)[0].read_bytes().count(FILLED) > 3, every=0.1)
        run.kill()
    held, most = {"BTCUSDT": D(0), "east:BTCUSDT": D(0)}, D(0)
    for record in records_of(journals(folder)[0]):
        fill = record.event
        if isinstance(fill, OrderFilled):
            held[fill.symbol] += fill.side.signed(fill.quantity)
            most = max(most, abs(sum(held.values(), D(0))) * fill.price)
    assert D(0) < most <= D(2_000) * D("1.02")
    assert replayed(folder, 0).verified
