"""`tradectl risk`: what is at stake, as of now."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from tests.contracts import check_output
from tests.fixtures.command import header_of, journals, tradectl
from tests.fixtures.planned import candles
from tests.fixtures.risk_system import BTC, ETH, RiskSystem
from tests.fixtures.run_inputs import private
from tradectl.analysis.risk_report import risk_report
from tradectl.cli.output import risk as shown
from tradectl.cli.output.listing import console
from tradectl.documents.risk import LimitUse, RiskReport
from tradectl.domain.errors import ConfigError
from tradectl.domain.events import MarketDataEvent
from tradectl.domain.time import DAY, SECOND
from tradectl.risk.daily_closes import daily_returns, daily_volatility, read_closes, with_close
from tradectl.risk.limits import RiskLimits, SizeStep
from tradectl.risk.order_limits import Budget
from tradectl.state.account import Account
from tradectl.state.days import take_history

D = Decimal
FIRST = 19_000
A_DAY, DAY_MS = 86_400.0, 86_400_000


def closes(*prices: float, first: int = FIRST) -> str:
    return " ".join(f"{first + n}={price}" for n, price in enumerate(prices))


def walk(seed: int, count: int, start: float) -> list[float]:
    moves = np.random.default_rng(seed).normal(0, 0.03, count)
    return [round(float(p), 4) for p in start * np.cumprod(1 + moves)]


def held(**limits: Any) -> RiskSystem:
    """Long 20,000 of BTC and short 10,000 of ETH, of 100,000."""
    run = RiskSystem(**limits)
    run.tick(100).tick(50, ETH).says("buy").says("sell", ETH, strength=0.5)
    return run.tick(100).tick(50, ETH)


def report(run: RiskSystem) -> RiskReport:
    return risk_report(run.system.books, run_id="r", at=run.at, running=True)


def used(found: RiskReport) -> dict[str, LimitUse]:
    return {f"{row.limit} {row.of}".strip(): row for row in found.limits}


# --- closes -----------------------------------------------------------------------------------------


def test_the_newest_days_are_kept_each_once_and_in_order() -> None:
    kept = ""
    for day, price in ((1, "10"), (2, "11.50"), (2, "99"), (1, "99"), (4, "12")):
        kept = with_close(kept, day, D(price), 3)
    assert kept == "1=10 2=11.5 4=12"
    assert with_close(kept, 5, D(13), 3) == "2=11.5 4=12 5=13"
    assert read_closes(kept) == {1: D(10), 2: D("11.5"), 4: D(12)}


def test_a_day_has_a_return_where_the_day_before_has_a_price() -> None:
    assert daily_returns("1=10 2=11 4=12 5=9") == {2: D("0.1"), 5: D("-0.25")}
    assert daily_returns("") == daily_returns("1=10") == {}


def test_volatility_is_the_deviation_of_the_newest_returns() -> None:
    kept = closes(*walk(3, 40, 100))
    returns = [float(r) for r in daily_returns(kept).values()]
    found = daily_volatility(kept, 30)
    assert found is not None
    assert float(found) == pytest.approx(np.std(returns[-30:], ddof=1), rel=1e-12)
    assert daily_volatility(kept, 40) is None


def test_a_day_s_close_is_the_mark_at_the_first_check_after_it() -> None:
    run = RiskSystem()
    run.tick(99, after=60).tick(50, ETH, after=60).tick(100, after=57_480)  # midnight
    for price in (110, 121):
        run.tick(price - 1, after=60).tick(price, after=A_DAY - 60)
    run.tick(120, after=60)
    kept = run.system.books.risk.closes
    assert [*read_closes(kept[BTC]).values()] == [D(100), D(110), D(121)]
    assert [*daily_returns(kept[BTC]).values()] == [D("0.1"), D("0.1")]
    assert set(read_closes(kept[ETH]).values()) == {D(50)}
    run.replays()
    run.restart().tick(140, after=A_DAY).tick(140, after=60)
    assert len(read_closes(run.system.books.risk.closes[BTC])) == 4
    run.replays()


def test_recorded_days_are_taken_up_to_the_present_and_what_was_noted_stays() -> None:
    account = Account.open("r", "USDT", D(1000))
    account.risk.closes[BTC] = "102=7"
    prices = {100: (1, 2), 101: (3, 4), 102: (5, 6), 103: (8, 9), 104: (10, 11)}
    events = [
        MarketDataEvent(symbol=BTC, price=D(price), volume=D(1), ts=day * DAY + n * SECOND + 1)
        for day, pair in prices.items()
        for n, price in enumerate(pair)
    ]
    candle = MarketDataEvent(symbol=ETH, price=D(6), volume=D(1), ts=101 * DAY)
    take_history(account, [candle, *events], 104 * DAY + 5, 3)
    assert account.risk.closes == {BTC: "101=4 102=7 103=9", ETH: "100=6"}


# --- value at risk ----------------------------------------------------------------------------------


def test_value_at_risk_is_of_today_s_positions_on_the_last_year() -> None:
    run = held()
    btc, eth = walk(1, 500, 90), walk(2, 420, 40)
    risk = run.system.books.risk
    risk.closes = {BTC: closes(*btc), ETH: closes(*eth, first=FIRST + 80)}
    found = report(run).value_at_risk
    moves = [np.diff(np.array(p)[-366:]) / np.array(p)[-366:-1] for p in (btc, eth)]
    pnl = 20_000 * moves[0] - 10_000 * moves[1]
    assert found.days == 365
    assert (found.first_day, found.last_day) == ("2022-05-23", "2023-05-22")
    assert float(found.historical or 0) == pytest.approx(-np.percentile(pnl, 5), rel=1e-4)
    normal = 1.6448536269514722 * pnl.std(ddof=1) - pnl.mean()
    assert float(found.parametric or 0) == pytest.approx(normal, rel=1e-4)
    worst = np.sort(pnl)[: int(0.05 * 364) + 1]
    assert float(found.expected_shortfall or 0) == pytest.approx(-worst.mean(), rel=1e-4)
    assert float(found.historical_pct or 0) == pytest.approx(float(found.historical or 0) / 1000)
    assert found.cornish_fisher is not None
    assert (found.covered, found.uncovered) == ([BTC, ETH], [])


def test_what_has_no_history_is_said_and_in_none_of_it() -> None:
    run = held()
    run.system.books.risk.closes = {BTC: closes(*walk(1, 100, 90))}
    found = report(run).value_at_risk
    assert (found.covered, found.uncovered) == ([BTC], [ETH])
    assert (found.covered_gross, found.uncovered_gross) == ("20000", "10000")
    assert found.days == 99
    without = report(held()).value_at_risk
    assert (without.historical, without.days) == (None, 0)
    assert D(without.uncovered_gross) == 30_000
    assert without.notes == ["there are too few days of history"]


def test_a_young_symbol_does_not_take_the_days_of_the_others() -> None:
    run = held()
    books = run.system.books
    books.risk.closes = {BTC: closes(*walk(1, 366, 90)), ETH: closes(50, 50, 50, first=FIRST + 363)}
    found = report(run).value_at_risk
    assert (found.days, found.covered, found.uncovered) == (365, [BTC], [ETH])
    assert (found.uncovered_gross, found.notes) == ("10000", [])
    books.risk.closes[ETH] = closes(*[50] * 31, first=FIRST + 335)
    found = report(run).value_at_risk
    assert (found.days, found.covered) == (30, [BTC, ETH])
    assert found.notes[-1] == (
        "only 30 of the 365 days of risk.history_days are common to all: ETHUSDT has 30"
    )


def test_cornish_fisher_is_refused_by_name() -> None:
    run = held()
    prices = [100.0] * 60 + [60.0] + [60.0] * 20
    run.system.books.risk.closes = {s: closes(*prices) for s in (BTC, ETH)}
    found = report(run).value_at_risk
    assert found.cornish_fisher is None
    assert found.historical is not None
    assert "not monotone" in found.notes[0]


# --- limits and shocks ------------------------------------------------------------------------------


def test_a_limit_says_what_is_used_and_what_is_left() -> None:
    rows = used(report(held(max_leverage=D(1), min_equity=D(90_000))))
    gross = rows["risk.max_gross_notional"]
    assert (gross.value, gross.use, gross.headroom) == ("200000", "30000", "170000")
    assert (rows["risk.max_leverage"].use, rows["risk.max_leverage"].headroom) == ("0.3", "0.7")
    assert rows[f"risk.max_position_notional {BTC}"].use == "20000"
    assert rows["risk.min_equity"].headroom == "10000"
    assert rows["risk.max_order_notional"].use is None
    assert rows["risk.max_messages_per_second"].use == "2"
    assert rows["risk.max_working_orders"].value == "10", "no more than may be concurrent"


def test_each_limit_is_named_by_its_key() -> None:
    step = SizeStep(at_pct=D(3), size=D("0.5"))
    found = report(
        held(
            max_order_quantity={"*": D(900)}, max_same_direction=9, max_same_direction_notional=D(90_000),
            budgets=(Budget(name="b", symbols=(BTC,), max_pct=D(40)),), daily_loss_sizes=(step,),
            daily_loss_pause_pct=D(10), drawdown_halt_pct=D(20), cooldown_losses=3,
            cooldown_loss_pct=D(2),
        )
    )  # fmt: skip
    keys = {row.limit.removeprefix("risk.") for row in found.limits}
    assert keys <= {*RiskLimits.__struct_fields__}
    assert {"daily_loss_pause_pct", "drawdown_halt_pct", "daily_loss_sizes", "budgets"} <= keys
    assert used(found)["risk.budgets b"].use == "20"
    assert used(found)["risk.max_same_direction long"].headroom == "8"


def test_shocks_of_one_s_own_and_the_worst_days() -> None:
    run = held(
        stress={"crash": {BTC: D(-30), "*": D(20)}, "only": {BTC: D(10)}},
        daily_loss_alert_pct=D(5),
        drawdown_alert_pct=D(9),
    )
    run.system.books.risk.closes = {
        BTC: closes(*[100] * 20, 100, 90, 99, 98, 108, first=FIRST - 20),
        ETH: closes(*[50] * 20, 50, 50, 55, 55, 55, first=FIRST - 20),
    }
    rows = {row.name: row for row in report(run).stress}
    assert (rows["crash"].pnl, rows["crash"].pnl_pct, rows["crash"].missing) == ("-8000", "-8", [])
    assert rows["crash"].reaches == ["risk.daily_loss_alert_pct 5%: alert"]
    assert rows["crash"].equity_after == "92000"
    assert (rows["only"].pnl, rows["only"].missing) == ("2000", [ETH])
    worst = [row for row in rows.values() if row.kind == "historic"]
    assert (worst[0].name, worst[0].pnl) == ("2022-01-09", "-2000")
    assert len(worst) == 2, "a day that would bring a profit is no shock"


@pytest.mark.parametrize("move", ["-100.5", "NaN"])
def test_a_move_that_no_price_can_make_is_refused(move: str) -> None:
    with pytest.raises(ConfigError, match=r"risk\.stress\.crash\.\*: expected a move in percent"):
        RiskLimits(stress={"crash": {"*": D(move)}})


def test_people_see_all_of_it() -> None:
    run = held(stress={"crash": {"*": D(-30)}})
    run.system.books.risk.closes = {BTC: closes(*walk(1, 100, 90))}
    to = console()
    with to.capture() as captured:
        to.print(shown.report(report(run)))
    text = captured.get()
    for words in ("30,000.00 in positions", "99 daily returns", "without history", "crash"):
        assert words in text


def test_a_run_that_was_asked_for_and_another_peak_are_told_as_what_they_are() -> None:
    found = replace(report(held()), running=False, run_id="r1", at="2026-01-01T00:00:00Z")
    to = console()
    with to.capture() as captured:
        to.print(shown.report(replace(found, peak="100", limit_peak="90")))
    told = " ".join(captured.get().split())
    assert "account as run r1 had it at 2026-01-01" in told
    assert "drawdown is from 90.00, on which several readings agreed; equity was at 100.00" in told


# --- the command ------------------------------------------------------------------------------------


def test_the_account_is_shown_as_the_last_run_left_it(tmp_path: Path) -> None:
    """With the days that a file tells of: they are part of the account, and its replay needs no file."""
    days = [100 + n % 7 for n in range(400)]
    history = candles(tmp_path / "BTCUSDT.csv", days, start_ms=FIRST * DAY_MS, every_ms=DAY_MS)
    config = private(
        tmp_path / "t.toml", f'symbols = ["BTCUSDT"]\n[risk]\nhistory_files = ["{history}"]\n'
    )
    state = tmp_path / "s"
    ran = tradectl(state, "run", "-c", config, "--headless", "--duration", "0.2")
    assert ran.code == 0, ran.err
    history.unlink()
    told = tradectl(state, "risk", "--json")
    assert told.code == 0, told.err
    check_output(["risk", "--json"], told.out)
    assert json.loads(told.out)["running"] is False
    (journal,) = journals(state)
    assert len(read_closes(header_of(journal).state["risk"]["closes"]["BTCUSDT"])) == 366
    assert tradectl(state, "replay", journal).code == 0
