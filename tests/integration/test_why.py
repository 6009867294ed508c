"""Why an order was sent: its whole way, with the figures of every step, however it is called."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.fixtures.command import BUSY, journals, running, tradectl
from tests.fixtures.journalled import RUN, journalled
from tests.fixtures.run_inputs import Typed, trades, waves
from tests.unit.test_untraded import RISING, candles, settings
from tests.unit.test_why_gates import HELD, QUIET, breached, trade
from tradectl.documents.why import Happened, OrderWhy
from tradectl.domain.errors import UsageError
from tradectl.domain.events import (
    EmergencyStopReceived,
    OrderDenied,
    OrderFilled,
    OrderInitialized,
    RiskAction,
    StrategySignalEvent,
)
from tradectl.domain.money import Side
from tradectl.domain.time import iso
from tradectl.explain.find_order import find_order
from tradectl.explain.state_at import fold_to
from tradectl.explain.why_order import why_order
from tradectl.journal.reader import JournalReader
from tradectl.storage.directory import StateDir
from tradectl.system.trading_system import no_gateway

D = Decimal
H = Happened


@pytest.fixture
def recorded(typed: Typed, tmp_path: Path) -> Path:
    """The journal of a short run with orders."""
    config = tmp_path / "busy.toml"
    config.write_text(BUSY)
    file = trades(tmp_path / "trades.csv", {"BTCUSDT": waves(60, length=20)})
    typed(f"run --headless --json --data {file} -c {config}").document()
    return journals(tmp_path / "state")[0]


def records_of(path: Path) -> list[Any]:
    with JournalReader(path) as journal:
        return list(journal.records())


def test_the_whole_way_of_an_order(typed: Typed, recorded: Path) -> None:
    first = typed(f"orders --run {recorded.stem} --json").document()[0]
    why = typed(f"why {first['order_id']} --json").document()
    by_seq = {r.seq: r for r in records_of(recorded)}
    steps = {step["what"]: step for step in why["steps"]}
    day = by_seq[why["steps"][0]["seq"]].at
    assert iso(day)[:19].replace("T", " ") in typed(f"why {first['order_id']}").out
    assert [step["what"] for step in why["steps"]] == [
        "market_data", "signal", "target", "order", "risk", "submitted", "fill", "round_trip",
    ]  # fmt: skip
    for step in why["steps"][:-1]:
        assert step["time"][:23] <= why["steps"][-1]["time"][:23]
        assert step["seq"] in by_seq
    assert {*steps["signal"]["figures"]["notes"]} == {"fast", "slow"}
    fill = by_seq[steps["fill"]["seq"]].event
    assert isinstance(fill, OrderFilled)
    before = max(
        s for s, r in by_seq.items() if s < steps["fill"]["seq"] and hasattr(r.event, "price")
    )
    middle = by_seq[before].event.price
    (told,) = why["fills"]
    assert D(told["mid"]) == middle
    arrival = D(steps["market_data"]["figures"]["price"])
    assert D(why["arrival"]) == arrival
    assert D(why["slippage"]) == fill.quantity * (fill.price - arrival)
    assert D(told["slippage_mid"]) == fill.quantity * (fill.price - middle)
    assert all(check["passed"] for check in why["checks"])
    figures = {c["code"]: (c["limit"], c["actual"]) for c in why["checks"]}
    limit, actual = figures["ORDER_NOTIONAL"]
    assert (D(limit), D(actual)) == (D(50_000), fill.quantity * arrival)
    assert figures["WORKING_ORDERS"] == ("100", "1")
    (trip,) = why["trips"]
    assert (trip["strategy"], trip["side"], trip["is_open"]) == ("busy", "long", False)
    gone = D(trip["exit_price"]) - D(trip["entry_price"])
    assert D(trip["pnl"]) == gone * D(trip["quantity"]) - D(trip["fees"])
    shown = typed(f"why {first['order_id']}").out
    for word in ("market data", "saw fast", "order notional", "slippage", "P&L net"):
        assert word in shown
    assert max(map(len, shown.splitlines())) < 200


def test_an_order_is_called_by_three_names(typed: Typed, recorded: Path, tmp_path: Path) -> None:
    rows = typed(f"orders --run {recorded.stem} --json").document()
    for row in rows[:2]:
        whys = [
            typed(f"why {row[name]} --json").document()
            for name in ("order_id", "client_order_id", "venue_order_id")
        ]
        assert whys[0] == whys[1] == whys[2]
        assert whys[0]["order"]["order_id"] == row["order_id"]
    (tmp_path / "state" / "state.db").unlink()  # the journal alone knows it, too
    found = find_order(StateDir(tmp_path / "state"), rows[1]["client_order_id"])
    assert found is not None
    assert found.order_id == rows[1]["order_id"]
    assert find_order(StateDir(tmp_path / "state"), rows[1]["venue_order_id"]) == found
    elsewhere = tmp_path / "elsewhere.jsonl"
    elsewhere.write_bytes(recorded.read_bytes())
    assert (
        find_order(StateDir(tmp_path / "other"), rows[1]["venue_order_id"], elsewhere) is not None
    )
    assert "knows no order and no symbol" in typed("why nothing").complaint()
    assert "made no order" in typed(f"why {recorded.stem}-1-1").complaint()
    assert "expected an order's id" in typed("why").complaint()


def whys(path: Path) -> list[OrderWhy]:
    made = [r.event for r in records_of(path) if isinstance(r.event, OrderInitialized)]
    return [why_order(path, event.order.order_id) for event in made]


def test_a_denied_order_says_by_what(tmp_path: Path) -> None:
    made = settings("donchian-breakout", "risk.max_order_notional=10")
    path = journalled(tmp_path, made, candles(RISING[:30]))
    denied = next(r.event for r in records_of(path) if isinstance(r.event, OrderDenied))
    why = why_order(path, denied.order_id)
    last = why.checks[-1]
    assert (last.passed, last.code, last.limit, last.actual) == (
        False, denied.code, denied.limit, denied.actual,
    )  # fmt: skip
    assert last.message == denied.message
    assert all(check.passed for check in why.checks[:-1])
    assert [step.what for step in why.steps][-1] is H.RISK
    assert (why.fills, why.trips, why.slippage) == ([], [], None)


@pytest.mark.parametrize("ends", [True, False])
def test_of_a_run_that_ended_or_was_killed(ends: bool, tmp_path: Path) -> None:
    path = journalled(tmp_path, QUIET, [*HELD, trade("101", 3)], ends=ends)
    with path.open("ab") as file:
        file.write(b'{"seq":99' if not ends else b"")
    why = why_order(path, f"{RUN}-2-1")
    assert [step.what for step in why.steps] == [
        H.SIGNAL, H.TARGET, H.ORDER, H.RISK, H.SUBMITTED, H.FILL, H.ROUND_TRIP,
    ]  # fmt: skip
    (trip,) = why.trips
    assert trip.is_open
    with pytest.raises(UsageError, match="made no order"):
        why_order(path, f"{RUN}-5-1")


def test_what_no_strategy_asked_for_has_its_own_cause(tmp_path: Path) -> None:
    stop = EmergencyStopReceived(reason="enough", flatten=True)
    for n, event in enumerate((stop, breached("DRAWDOWN", RiskAction.FLATTEN))):
        folder = tmp_path / str(n)
        folder.mkdir()
        path = journalled(folder, QUIET, [*HELD, event, trade("100", 4), trade("100", 5)])
        closing = whys(path)[-1]
        assert closing.steps[0].what is H.CAUSE, closing.steps
        assert closing.is_exit
        assert closing.order.filled == closing.order.quantity


def test_a_running_system_is_asked(tmp_path: Path) -> None:
    config = tmp_path / "busy.toml"
    config.write_text(BUSY.replace("ticks_per_second = 1000", "ticks_per_second = 100"))
    with running(tmp_path, "-c", config) as run:
        line = run.line("FILL")
        order_id = line.rpartition("(")[2].rstrip(")")
        why = tradectl(tmp_path, "why", order_id, "--json").document()
        assert "fill" in [step["what"] for step in why["steps"]]
        symbol = why["order"]["symbol"]
        found = tradectl(tmp_path, "why", symbol, "--json").document()
        assert found["run_id"] == why["run_id"]
        assert found["data_age_s"] < 60
        run.kill()
    again = tradectl(tmp_path, "why", order_id, "--json").document()
    assert again["order"]["order_id"] == order_id


def test_an_order_is_followed_into_the_next_run(tmp_path: Path) -> None:
    """It rested as its run was killed; the run after it was told what had become of it."""
    path = journalled(tmp_path, QUIET, HELD[:2], gateway=no_gateway, ends=False)
    account = fold_to(path).system.books.snapshot()
    order_id = f"{RUN}-2-1"
    fill = OrderFilled(
        order_id=order_id, symbol="BTCUSDT", trade_id="7", side=Side.BUY, quantity=D(1),
        price=D(99), fee=D(1), fee_currency="USDT",
    )  # fmt: skip
    later = [trade("100", 50), fill, trade("101", 51)]
    journalled(
        tmp_path, QUIET, later, run_id="20240102T000000000-0002", gateway=no_gateway, ends=False,
        after=(RUN, account),
    )  # fmt: skip
    why = why_order(path, order_id)
    assert [step.what for step in why.steps] == [
        H.SIGNAL, H.TARGET, H.ORDER, H.RISK, H.SUBMITTED, H.FILL, H.ROUND_TRIP,
    ]  # fmt: skip
    assert (why.run_id, why.fills[0].price, why.slippage) == (RUN, "99", "-1")
    assert why.order.filled == "1"
    assert why.trips[0].pnl == "1"


def test_what_risk_let_pass_is_let_pass_by_the_figures(tmp_path: Path) -> None:
    """Worked out again from the journal, each verdict is the recorded one."""
    made = settings(
        "ema-cross", "strategy.fast=2", "strategy.slow=4", "risk.max_orders_per_second=1",
        "risk.rate_window_seconds=60", "risk.max_order_notional=20200", "risk.daily_loss_pause_pct=1",
        "risk.daily_loss_alert_pct=none",
    )  # fmt: skip
    ticks = [trade(str(100 + (n % 7 if n // 7 % 2 else 7 - n % 7)), n) for n in range(300)]
    path = journalled(tmp_path, made, ticks)
    recorded = {
        r.event.order_id: r.event for r in records_of(path) if isinstance(r.event, OrderDenied)
    }
    told = whys(path)
    assert len(recorded) > 3
    assert len(told) > len(recorded) + 1
    for why in told:
        denied = recorded.get(why.order.order_id)
        last = why.checks[-1]
        assert all(check.passed for check in why.checks[:-1])
        assert last.passed is (denied is None)
        if denied is not None:
            assert (last.code, last.limit or "", last.actual or "") == (
                denied.code, denied.limit, denied.actual,
            )  # fmt: skip


def test_slippage_is_the_same_of_an_order_and_of_its_round_trip(tmp_path: Path) -> None:
    """However far the last price is from the middle; a stop's is measured against the stop."""
    prices = [*range(100, 130), *[90] * 9]
    made = settings("ema-cross", "strategy.fast=2", "strategy.slow=5", "portfolio.stop_loss_pct=2")
    uneven = [
        msgspec.structs.replace(each, bid=each.price - 3, ask=each.price)
        for each in (trade(str(price), n) for n, price in enumerate(prices))
    ]
    orders = [why for why in whys(journalled(tmp_path, made, uneven)) if why.fills]
    (trip,) = orders[0].trips
    assert "stop" in orders[-1].order.type
    assert [why.trips for why in orders] == [[trip]] * 2
    assert sum(D(why.slippage or 0) for why in orders) == D(trip.slippage) > 0


def test_the_bar_that_a_strategy_heard_is_told(tmp_path: Path) -> None:
    """It is made again of the trades that the journal has."""
    made = settings("donchian-breakout", "strategy.timeframe=5s")
    prices = [100 + n // 5 for n in range(150)]
    path = journalled(tmp_path, made, [trade(str(p), n) for n, p in enumerate(prices)])
    signals = [r for r in records_of(path) if isinstance(r.event, StrategySignalEvent)]
    first = whys(path)[0]
    assert [step.what for step in first.steps][:3] == [H.MARKET_DATA, H.BAR, H.SIGNAL]
    bar = first.steps[1].figures
    notes = signals[0].event.notes
    assert (D(bar["high"]), D(bar["low"])) == (D(notes["high"]), D(notes["low"]))
    assert bar["ts"] <= signals[0].at
    assert first.steps[2].figures["notes"] == notes
    assert "bar of 5s: open" in first.steps[1].text
