"""Small files of the shapes that once were played as what they are not, through the command line."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import pytest

from tests.fixtures.command import tradectl

T0 = 1_720_886_400_000
CANDLES = "ts_ms,open,high,low,close,volume"
ONCE = """
from tradectl.strategy import Strategy


class Once(Strategy):
    at: int = 3

    def start(self):
        self.seen = 0

    def on_trade(self, trade):
        self.seen += 1
        return self.long() if self.seen == self.at else None
"""


def candles(path: Path, price: str, volume: str, *, symbol: str = "", count: int = 30) -> Path:
    low, high = Decimal(price) * Decimal("0.98"), Decimal(price) * Decimal("1.02")
    lead = f"{symbol}," if symbol else ""
    rows = [f"{T0 + n * 60_000},{lead}{price},{high},{low},{price},{volume}" for n in range(count)]
    header = CANDLES.replace("ts_ms,", "ts_ms,symbol,") if symbol else CANDLES
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def config(folder: Path, paper: str) -> Path:
    (folder / "once.py").write_text(ONCE)
    path = folder / "config.toml"
    path.write_text(
        f'paper = {{ {paper} }}\n[[strategies]]\nname = "once"\nstrategy = "{folder}/once.py:Once"\n'
    )
    return path


@pytest.mark.parametrize("order_type", ["market", "limit"])
@pytest.mark.parametrize("fill", ["next-open", "close"])
def test_bounded_nothing_is_had_of_candles_without_volume(
    tmp_path: Path, fill: str, order_type: str
) -> None:
    data = candles(tmp_path / "BTCUSDT.csv", "100", "0")
    made = config(tmp_path, 'slippage_bps = 0, market_fill = "bounded"')
    summary = tradectl(
        tmp_path / "state", "run", "--headless", "--json", "-c", made, "--data", data, "--fill", fill,
        "--set", f"portfolio.order_type={order_type}",
    ).document()  # fmt: skip
    assert (summary["run_orders"], summary["run_fills"]) == (1, 0)
    assert summary["portfolio"]["equity"] == "100000"


@pytest.mark.parametrize(
    ("price", "bought_at"), [("4.5e-9", "0.00000000450045"), ("0.000123", "0.0001230123")]
)
def test_a_tiny_price_is_paid_to_its_last_digit(tmp_path: Path, price: str, bought_at: str) -> None:
    data = candles(tmp_path / "PEPEUSDT.csv", price, "1000000000000")
    state = tmp_path / "state"
    made = config(tmp_path, "slippage_bps = 1")
    summary = tradectl(state, "run", "--headless", "--json", "-c", made, "--data", data).document()
    [fill] = tradectl(state, "fills", "--json", "--run", summary["run_id"]).document()
    assert fill["price"] == bought_at


def run(tmp_path: Path, files: Iterable[Path]) -> tuple[int, str]:
    options = [option for file in files for option in ("--data", file)]
    answer = tradectl(tmp_path / "state", "run", "--headless", "--json", *options)
    return answer.code, answer.out if answer.code == 0 else answer.complaint()


def test_what_shares_no_currency_is_refused(tmp_path: Path) -> None:
    yen = candles(tmp_path / "yen.csv", "10000000", "1", symbol="BTCJPY")
    dollars = candles(tmp_path / "ETHUSDT.csv", "3000", "1")
    code, told = run(tmp_path, [yen, dollars])
    assert code == 2
    assert "symbols quoted in JPY and USDT cannot share an account" in told


@pytest.mark.parametrize(("name", "currency"), [("XBTUSD", "USD"), ("BTCJPY", "JPY")])
def test_an_account_is_in_the_currency_of_its_file(
    tmp_path: Path, name: str, currency: str
) -> None:
    code, told = run(tmp_path, [candles(tmp_path / f"{name}.csv", "60000", "1")])
    assert code == 0
    assert f'"currency": "{currency}"' in told
