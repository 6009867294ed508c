"""Perpetuals as a user trades them on paper: liquidated, and paid for being held."""

from __future__ import annotations

import time
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.command import Answer, journals, tradectl
from tests.fixtures.recomputed import Recomputed, differing, sealed_lines
from tests.fixtures.run_inputs import Character, replayed, written
from tests.profiles import in_turn
from tests.real_data import real_data

D = Decimal
T0 = 1_720_886_400_000
"""2024-07-13T16:00Z: a moment of funding."""
HOUR_MS = 3_600_000
OPEN = """
account.cash = 10_000
portfolio = { fraction = FRACTION, max_weight = FRACTION, drift = 1000 }
paper = { taker_fee = 0, slippage_bps = 0 }
orchestrator.portfolio_rebalance_interval_seconds = 86400

[risk]
max_order_notional = "none"
max_position_notional = "none"
max_gross_notional = "none"
max_leverage = "none"
daily_loss_alert_pct = "none"
daily_loss_pause_pct = "none"
daily_loss_halt_pct = "none"
drawdown_alert_pct = "none"
drawdown_pause_pct = "none"
drawdown_halt_pct = "none"

[[instruments]]
symbol = "BTCUSDT"
quote = "USDT"
tick_size = 0.01
lot_size = 0.001
min_notional = 5
kind = "perpetual"
max_leverage = LEVERAGE
"""
"""No limit but the exchange's own."""


def config(folder: Path, fraction: object, *, leverage: int = 20, more: str = "") -> Path:
    text = OPEN.replace("FRACTION", str(fraction)).replace("LEVERAGE", str(leverage))
    return written(folder, Character.KEEN, settings=text + more)


def candles(folder: Path, *rows: str, step_ms: int = HOUR_MS, symbol: str = "BTCUSDT") -> Path:
    """Open, high, low, close in each."""
    path = folder / f"{symbol}.csv"
    lines = [f"{T0 + n * step_ms},{row.replace(' ', ',')},1000000" for n, row in enumerate(rows)]
    path.write_text("ts_ms,open,high,low,close,volume\n" + "\n".join(lines) + "\n")
    return path


def run(folder: Path, made: Path, *words: object) -> Answer:
    return tradectl(folder / "state", "run", "--headless", "--json", "-c", made, *words)


def summary(answer: Answer, code: int = 0) -> dict[str, Any]:
    assert answer.code == code, answer.err
    found: dict[str, Any] = Answer(0, answer.out, "").document()
    return found


def assert_holds(folder: Path, shown: dict[str, Any]) -> None:
    """What is shown adds up to what the journal has, and the journal replays."""
    state = folder / "state"
    account = Recomputed.of(*journals(state))
    assert differing(shown, account) == []
    assert account.equity >= 0
    assert replayed(state).verified


# --- liquidation ----------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["cross", "isolated"])
def test_ten_times_long_is_gone_at_ten_percent_down(tmp_path: Path, mode: str) -> None:
    flat = ["100 100 100 100"] * 3
    data = candles(tmp_path, *flat, "100 100 95 95", "95 95 80 80", "80 110 80 110", step_ms=60_000)
    made = config(tmp_path, 10, leverage=10, more=f'margin = "{mode}"\n')
    answer = run(tmp_path, made, "--data", data)
    shown = summary(answer, 6)
    assert_holds(tmp_path, shown)
    portfolio = shown["portfolio"]
    assert (portfolio["equity"], portfolio["max_drawdown_pct"]) == ("0", "100")
    assert shown["pnl"] == shown["run_pnl"] == "-10000"
    [_, sold] = tradectl(tmp_path / "state", "fills", "--json", "--run", shown["run_id"]).document()
    assert sold["price"] == "90.36"  # 100,000 - 10,000 over 996
    assert sold["strategy"] == "liquidation"
    assert "liquidated" in answer.err
    assert "CRITICAL" in answer.err
    (row,) = tradectl(tmp_path / "state", "runs", "--json").document()
    assert (row["pnl"], row["max_drawdown_pct"]) == ("-10000", "100")


def test_a_gap_is_borne_by_the_insurance_and_by_nobody_else(tmp_path: Path) -> None:
    data = candles(tmp_path, *["100 100 100 100"] * 3, "70 75 60 75", "75 75 75 75")
    shown = summary(run(tmp_path, config(tmp_path, 10), "--data", data), 6)
    assert_holds(tmp_path, shown)
    assert shown["portfolio"]["insurance"] == "20000"
    (row,) = tradectl(tmp_path / "state", "runs", "--json").document()
    assert row["run_insurance"] == "20000"


def test_what_was_liquidated_alone_is_not_bought_again(tmp_path: Path) -> None:
    """The strategy still wants it; as after a stop, only a new signal enters. The account goes on."""
    data = candles(tmp_path, *["100 100 100 100"] * 3, "100 100 80 80", *["80 80 80 80"] * 20)
    made = config(tmp_path, 2, leverage=10, more='margin = "isolated"\n')
    words = (
        "--set", "orchestrator.portfolio_rebalance_interval_seconds=3600",
        "--set", "portfolio.drift=0.25",
    )  # fmt: skip
    answer = run(tmp_path, made, "--data", data, *words)
    shown = summary(answer)
    assert_holds(tmp_path, shown)
    assert (shown["run_fills"], shown["portfolio"]["equity"]) == (2, "8000")
    assert "was liquidated at 90.36 (isolated margin)" in answer.err


def test_a_cross_account_is_lost_with_all_its_positions_before_the_run_ends(tmp_path: Path) -> None:
    """None is left behind in a run that has ended, and none is told of that is being closed."""
    flat = ["100 100 100 100"] * 3
    data = (
        "--data", candles(tmp_path, *flat, "100 100 70 70", "70 70 70 70"),
        "--data", candles(tmp_path, *["100 100 100 100"] * 5, symbol="ETHUSDT"),
    )  # fmt: skip
    second = OPEN[OPEN.index("[[instruments]]") :].replace("BTCUSDT", "ETHUSDT")
    made = config(tmp_path, 4, more=second.replace("LEVERAGE", "20"))
    answer = run(tmp_path, made, *data)
    shown = summary(answer, 6)
    assert_holds(tmp_path, shown)
    held = ("positions", "--json", "--run", shown["run_id"])
    assert tradectl(tmp_path / "state", *held).document() == []
    assert "no stop covers" not in answer.err
    told = [line for line in answer.err.splitlines() if "was liquidated at" in line]
    assert len(told) == 2


def test_spot_is_not_liquidated(tmp_path: Path) -> None:
    data = candles(tmp_path, *["100 100 100 100"] * 3, "1 1 1 1", "1 1 1 1")
    made = config(tmp_path, "0.9")
    text = made.read_text()
    made.write_text(
        text.replace('kind = "perpetual"', 'kind = "spot"').replace("max_leverage = 20", "")
    )
    shown = summary(run(tmp_path, made, "--data", data))
    assert_holds(tmp_path, shown)
    assert shown["funding_from"] is None
    assert shown["run_fills"] == 1


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("maintenance_margin = 0.05\n", "instruments[0].maintenance_margin: expected less than"),
        (
            "margin_tiers = [{ above = 5, rate = 0.01 }, { above = 4, rate = 0.02 }]\n",
            "instruments[0].margin_tiers[1]: expected more than the one before it",
        ),
        ("margin_tiers = [{ above = 5 }]\n", "instruments[0].margin_tiers[0].rate: missing"),
        ('margin = "portfolio"\n', 'instruments[0].margin: expected one of "cross", "isolated"'),
    ],
)
def test_margins_that_cannot_be_are_refused(tmp_path: Path, line: str, complaint: str) -> None:
    answer = run(tmp_path, config(tmp_path, 1, more=line), "--duration", "1")
    assert answer.code == 2
    assert complaint in answer.err


# --- funding --------------------------------------------------------------------------------------


def rates(folder: Path, *rows: str, header: str = "time,symbol,rate") -> Path:
    path = folder / "rates.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_published_rates_are_paid_by_who_holds(tmp_path: Path) -> None:
    data = candles(tmp_path, *["100 100 100 100"] * 20)
    file = rates(
        tmp_path,
        f"{T0},BTCUSDT,0.5",  # before anything is held
        f"{T0 + 8 * HOUR_MS},BTCUSDT,0.0001",
        f"{T0 + 8 * HOUR_MS},ETHUSDT,0.5",
        f"{T0 + 16 * HOUR_MS},BTCUSDT,-0.0003",
        f"{T0 + 21 * HOUR_MS},BTCUSDT,0.5",  # after the data
    )
    shown = summary(run(tmp_path, config(tmp_path, 1), "--data", data, "--funding", file))
    assert_holds(tmp_path, shown)
    assert (shown["portfolio"]["funding"], shown["funding_from"]) == ("2", "file")
    assert shown["pnl"] == "2"
    (row,) = tradectl(tmp_path / "state", "runs", "--json").document()
    assert row["run_funding"] == "2"


def test_a_constant_rate_is_paid_at_the_multiples_of_its_interval(tmp_path: Path) -> None:
    data = candles(tmp_path, *["100 100 100 100"] * 18)
    made = config(tmp_path, 1)
    words = ("--data", data, "--set", "paper.funding_rate=0.001")
    shown = summary(run(tmp_path, made, *words))
    assert_holds(tmp_path, shown)
    assert (shown["portfolio"]["funding"], shown["funding_from"]) == ("-20", "rate")
    four = summary(run(tmp_path, made, *words, "--set", "paper.funding_interval_hours=4"))
    assert four["portfolio"]["funding"] == "-40"


def test_where_no_funding_is_applied_the_summary_says_so(tmp_path: Path) -> None:
    data = candles(tmp_path, *["100 100 100 100"] * 5)
    made = config(tmp_path, 1)
    answer = tradectl(tmp_path / "state", "run", "--headless", "-c", made, "--data", data)
    assert "none was applied to perpetuals: --funding FILE or paper.funding_rate" in answer.out


@pytest.mark.parametrize(
    ("header", "row", "complaint"),
    [
        ("time,symbol,rate", "yesterday,BTCUSDT,0.1", "rates.csv:2: "),
        ("time,symbol,rate", f"{T0},BTCUSDT,nan", "rates.csv:2: 'nan' is not a number"),
        ("time,symbol,rate", f"{T0},BTCUSDT,2", "a rate of 100% or more"),
        ("time,symbol,price", f"{T0},BTCUSDT,2", "no column of rates"),
        ("symbol,rate", "BTCUSDT,0.1", "no column of times"),
        ("time,rate", f"{T0},0.1", "neither a column nor the file's name has the symbol"),
    ],
)
def test_a_file_of_rates_that_cannot_be_read_is_refused(
    tmp_path: Path, header: str, row: str, complaint: str
) -> None:
    data = candles(tmp_path, *["100 100 100 100"] * 5)
    file = rates(tmp_path, row, header=header)
    answer = run(tmp_path, config(tmp_path, 1), "--data", data, "--funding", file)
    assert answer.code == 1
    assert complaint in answer.err
    assert "Traceback" not in answer.err
    assert len(answer.err.strip().splitlines()) == 1


def test_rates_of_others_are_no_funding(tmp_path: Path) -> None:
    """Nothing would be paid, and the summary would say that a file was."""
    file = rates(tmp_path, f"{T0},BTC/USDT:USDT,0.1")
    data = candles(tmp_path, *["100 100 100 100"] * 5)
    answer = run(tmp_path, config(tmp_path, 1), "--data", data, "--funding", file)
    assert answer.code == 1
    assert "rates.csv: rates of BTC/USDT:USDT; expected of BTCUSDT" in answer.err


ETHER = """
[[instruments]]
symbol = "ETHUSDT"
quote = "USDT"
tick_size = 0.01
lot_size = 0.001
min_notional = 5
kind = "perpetual"
max_leverage = 20
"""


@pytest.mark.parametrize(
    ("rows", "words", "missing"),
    [
        (["BTCUSDT 8", "BTCUSDT 16", "ETHUSDT 8", "ETHUSDT 16"], (), {}),
        (["BTCUSDT 8", "BTCUSDT 16"], (), {"ETHUSDT": "no rates in the file"}),
        (["BTCUSDT 8", "BTCUSDT 16"], ("--set", "paper.funding_rate=0.0001"), {}),
        (
            ["BTCUSDT 8", "ETHUSDT 8", "ETHUSDT 0", "BTCUSDT 16"],
            ("--set", "paper.funding_interval_hours=4"),
            {
                "BTCUSDT": "the file's rates begin at 2024-07-14T00:00:00.000000Z",
                "ETHUSDT": "the file's rates end at 2024-07-14T00:00:00.000000Z",
            },
        ),
    ],
)
def test_a_file_that_does_not_cover_every_perpetual_is_said(
    tmp_path: Path, rows: list[str], words: tuple[str, ...], missing: dict[str, str]
) -> None:
    """Some pay, and others are held for nothing: the figure alone looks right."""
    flat = ["100 100 100 100"] * 20
    data = [candles(tmp_path, *flat, symbol=symbol) for symbol in ("BTCUSDT", "ETHUSDT")]
    places = [row.split() for row in rows]
    file = rates(tmp_path, *(f"{T0 + int(at) * HOUR_MS},{of},0.0001" for of, at in places))
    made = config(tmp_path, 0.5, more=ETHER)
    given = ("--data", data[0], "--data", data[1], "--funding", file, *words)
    shown = summary(run(tmp_path, made, *given))
    assert shown["funding_missing"] == missing
    assert D(shown["portfolio"]["funding"]) < 0
    alerts = tradectl(tmp_path / "state", "alerts", "--json", "--run", shown["run_id"]).document()
    told = [row["message"] for row in alerts if row["type"] == "funding_missing"]
    assert told == (["; ".join(f"{s}: {why}" for s, why in missing.items())] if missing else [])
    told_in_words = tradectl(tmp_path / "state", "run", "--headless", "-c", made, *given).out
    for symbol, why in missing.items():
        assert f"{symbol}: {why}" in told_in_words


def test_rates_for_coins_alone_are_refused(tmp_path: Path) -> None:
    data = candles(tmp_path, *["100 100 100 100"] * 5)
    file = rates(tmp_path, f"{T0},BTCUSDT,0.1")
    words = ("--data", data, "--funding", file)
    spot = tradectl(tmp_path / "state", "run", "--headless", *words)
    assert (spot.code, spot.out) == (2, "")
    assert "paper.funding_file (--funding): rates are of perpetuals" in spot.err
    made = config(tmp_path, 1)
    for more in (("--data", candles(tmp_path, *["1 1 1 1"] * 2, symbol="SOLUSDT")), ()):
        other = tradectl(
            tmp_path / "state", "run", "--headless", "-c", made, "--funding", file,
            "--symbol", "SOLUSDT", *more,
        )  # fmt: skip
        assert (other.code, other.out) == (2, "")
        assert "of perpetuals, and none is traded (SOLUSDT): leave it out" in other.err


def test_live_funding_comes_from_the_exchange(tmp_path: Path) -> None:
    answer = tradectl(tmp_path, "run", "--live", "--funding", "x.csv")
    assert answer.code == 2
    assert "--funding is of paper trading" in answer.err


def test_what_fell_due_while_nothing_ran_is_paid_once(tmp_path: Path) -> None:
    """An account on paper goes on: every moment of the file is settled, none of them twice."""
    began = int(time.time() * 1000)
    file = rates(tmp_path, *(f"{began + 500 * n},BTCUSDT,0.0001" for n in range(600)))
    made = config(tmp_path, 1, more="\n")
    made.write_text('symbols = ["BTCUSDT"]\n' + made.read_text())
    shown: dict[str, Any] = {}
    for _ in range(2):
        shown = summary(run(tmp_path, made, "--duration", "2", "--funding", file))
    paid = [
        line["event"]["ts"]
        for journal in journals(tmp_path / "state")
        for line in sealed_lines(journal)
        if line.get("event", {}).get("type") == "funding_paid"
    ]
    assert len(paid) > 4
    assert {later - earlier for earlier, later in pairwise(paid)} == {500_000_000}
    assert_holds(tmp_path, shown)


# --- a market as it was ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fraction", "leverage", "code"), in_turn([(9, 10, 6), (45, 50, 6), (2, 50, 0)], 3)
)
def test_the_first_week_of_2022_with_leverage(
    tmp_path: Path, fraction: int, leverage: int, code: int
) -> None:
    """Bitcoin fell from 47,990 to 40,840: ten times long lasts six days, fifty times two."""
    data = tmp_path / "BTCUSDT.csv.gz"
    data.write_bytes(real_data("oracles/btcperp_1m_first10000.csv.gz").read_bytes())
    made = config(tmp_path, fraction, leverage=leverage)
    shown = summary(run(tmp_path, made, "--data", data, "--set", "paper.funding_rate=0.0001"), code)
    assert_holds(tmp_path, shown)
    assert D(shown["portfolio"]["funding"]) < 0
    assert (D(shown["portfolio"]["equity"]) == 0) is bool(code)
