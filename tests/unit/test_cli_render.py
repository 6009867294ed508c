from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from rich.console import Console, RenderableType

from tests.fixtures.books import approved
from tests.fixtures.documents import document, documents
from tests.fixtures.rows import each_row
from tradectl.cli.output import figures, render, reports, status_page, strategies
from tradectl.cli.output.cells import component_message
from tradectl.cli.output.lines import LineLog
from tradectl.cli.output.listing import console as make_console
from tradectl.cli.output.watched import show_again
from tradectl.documents.account import (
    Availability,
    FillRow,
    HeldBackBy,
    OrderRow,
    PortfolioTotals,
    PositionRow,
)
from tradectl.documents.market import AvailableStrategy, EventLag
from tradectl.documents.operations import Receipt, Reconciliation, ReplayReport
from tradectl.documents.run import (
    AlertRow,
    BreakerFigures,
    CallFigures,
    ComponentRow,
    ExchangeStatus,
    LiveStatus,
    RunBusFigures,
    RunRow,
    StageFigures,
    Status,
    Summary,
)
from tradectl.domain.events import (
    AnyEvent,
    CancelRequested,
    Command,
    CommandReceived,
    EmergencyStopReceived,
    LimitBreached,
    MarketDataEvent,
    OrderAccepted,
    OrderDenied,
    OrderFilled,
    OrderInitialized,
    OrderRejected,
    Record,
    RiskAction,
    SignalAction,
    StrategySignalEvent,
    SystemEvent,
    TargetComputed,
    TimerFired,
)
from tradectl.domain.money import Side
from tradectl.domain.orders import OrderSpec, OrderType
from tradectl.domain.states import ComponentStatus
from tradectl.domain.text import harmless
from tradectl.domain.time import SECOND

AT = 1_795_377_662 * SECOND
STAMP = "2026-11-22T20:01:02Z"
EVIL = "\x1b[31mBTC\u202eUSDT\n[bold]x[/bold]"


def shown(renderable: RenderableType, width: int = 120, *, colour: bool = False) -> str:
    console = Console(width=width, file=io.StringIO(), force_terminal=colour, highlight=False)
    console.print(renderable)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


# --- figures --------------------------------------------------------------------------------------


@each_row(
    ("spelled", "value", "text"),
    [
        (figures.money, "1234.5000", "1,234.50"),
        (figures.money, "-0.5", "-0.50"),
        (figures.money, "0.5199", "0.52"),
        (figures.money, "0.012345", "0.01234"),
        (figures.money, "0E-10", "0.00"),
        (figures.money, None, "-"),
        (figures.money, "NaN", "-"),
        (figures.money, "soon", "-"),
        (figures.money, True, "-"),
        (figures.price, "60000", "60,000.00"),
        (figures.price, "59890.123456789012345678901234", "59,890.12"),
        (figures.price, "0.0000123450", "0.000012345"),
        (figures.price, "2650.1250", "2,650.125"),
        (figures.price, "0", "0.00"),
        (figures.quantity, "0.0100", "0.01"),
        (figures.quantity, "12500", "12,500"),
        (figures.quantity, "-1E+3", "-1,000"),
        (figures.short_quantity, "0.123456789", "0.123457"),
        (figures.short_quantity, "1234567.89", "1,234,568"),
        (figures.percent, 0.4, "0.40%"),
        (figures.count, 1234567, "1,234,567"),
        (figures.rate, 1239.4, "1,239/s"),
        (figures.rate, 0.44, "0.4/s"),
        (figures.rough, 62.4, "62"),
        (figures.rough, 3.0, "3"),
        (figures.micros, 84.2, "84 us"),
        (figures.micros, 1234, "1.2 ms"),
        (figures.micros, 2_500_000, "2.5 s"),
        (figures.micros, -1, "-"),
        (figures.duration, 42, "42s"),
        (figures.duration, 3723.9, "1h 2m"),
        (figures.duration, 183_845, "2d 3h"),
        (figures.took, 0.84, "0.8 s"),
        (figures.took, 125, "2m 5s"),
        (figures.age, 0.21, "0.2s"),
        (figures.age, 14, "14s"),
        (figures.age, 200, "3m"),
        (figures.age, 7_300, "2h"),
        (figures.age, 86_399, "23h"),
        (figures.age, 200_000, "2d"),
        (figures.clock, "2024-08-08T23:54:15.342000Z", "23:54:15"),
        (figures.clock, "yesterday, or so", "-"),
        (figures.moment, "2024-08-08T23:54:15.342000Z", "2024-08-08 23:54:15"),
        (figures.moment, None, "-"),
    ],
)
def test_a_figure_is_spelled_for_people(
    spelled: Callable[[Any], str], value: Any, text: str
) -> None:
    assert spelled(value) == text


def test_a_gain_has_a_sign_and_nothing_has_none() -> None:
    signed = [figures.money(value, signed=True) for value in ("1", "0", "-1")]
    assert signed == ["+1.00", "0.00", "-1.00"]


def test_net_profit_is_after_fees() -> None:
    books = {"realized_pnl": "10", "unrealized_pnl": "-2.5", "fees": "0.5"}
    assert figures.net(document(PortfolioTotals, books)) == Decimal("7.0")
    assert figures.net(document(PortfolioTotals, {})) is None
    assert figures.net(None) is None


# --- harmless -------------------------------------------------------------------------------------


@each_row(
    ("text", "line"),
    [
        ("BTCUSDT", "BTCUSDT"),
        ("\x1b[31mred", "?[31mred"),
        ("abc\u202ecba\u2066", "abc?cba?"),
        ("two\nlines\tand\r", "two lines and "),
        ("zero\u200bwidth", "zero?width"),
        ("Zürich 東京", "Zürich 東京"),
        ("a\u0301", "á"),
        ("z\u0336\u0336\u0336", "z"),
        ("\ud800", "?"),
        ("\x9b2J", "?2J"),
        (17, "17"),
    ],
)
def test_texts_lose_what_a_terminal_would_obey(text: object, line: str) -> None:
    assert harmless(text) == line


@given(st.text(), st.integers(0, 40))
def test_a_harmless_text_is_printable_short_and_stays_as_it_is(text: str, limit: int) -> None:
    line = harmless(text, limit)
    assert line.isprintable()
    assert len(line) <= limit
    assert harmless(line, limit) == line


# --- tables ---------------------------------------------------------------------------------------

POSITION = {
    "symbol": "BTCUSDT",
    "side": "long",
    "size": "0.05",
    "entry_price": "59890.12345678901234567",
    "current_price": "60133.87",
    "unrealized_pnl": "12.18",
    "realized_pnl": "-3.5",
}
ORDER = {
    "order_id": "20261122-200102-12-1",
    "client_order_id": "20261122-200102-12-1",
    "symbol": "ETHUSDT",
    "side": "sell",
    "type": "stop_limit",
    "quantity": "1.50",
    "filled": "0",
    "price": "2650",
    "status": "accepted",
    "created_at": "2026-11-22T20:01:02.000000Z",
}
FILL = {
    "trade_id": "t1",
    "order_id": "20261122-200102-12-1",
    "symbol": "BTCUSDT",
    "side": "buy",
    "quantity": "0.01",
    "price": "60000.00",
    "fee": "0.600",
    "fee_currency": "USDT",
    "liquidity": "taker",
    "time": "2026-11-22T20:01:02.000000Z",
}
ALERT = {
    "id": "7",
    "type": "feed_stale",
    "severity": "critical",
    "message": "no data for 40 s",
    "component": "feed",
    "created_at": "2026-11-22T20:01:02.000000Z",
    "status": "active",
    "count": 3,
}
RUN = {
    "run_id": "20261122-200102",
    "mode": "paper",
    "source": "recorded",
    "started_at": "2026-11-22T20:01:02Z",
    "ended_at": "2026-11-22T20:05:02Z",
    "events": 200000,
    "pnl": "-12.34",
    "run_orders": 7,
    "run_fills": 5,
    "run_pnl": "-2.34",
    "run_funding": "0",
    "run_insurance": "0",
    "max_drawdown_pct": "12.18",
    "status": "clean",
}


STRATEGY = {"name": "ema_cross", "description": "Fast above slow.", "parameters": {"fast": 12}}
ROWS: dict[Callable[[Any], RenderableType], type[Struct]] = {
    render.positions: PositionRow,
    render.orders: OrderRow,
    render.fills: FillRow,
    render.alerts: AlertRow,
    render.runs: RunRow,
    strategies.listed: AvailableStrategy,
}


def table_of(table: Callable[[Any], RenderableType], *rows: dict[str, Any]) -> RenderableType:
    return table(documents(ROWS[table], rows))


@each_row(
    ("table", "row", "words"),
    [
        (render.positions, POSITION, "BTCUSDT long 0.05 59,890.12 60,133.87 +12.18 -3.50"),
        (
            render.orders,
            ORDER,
            (
                "2026-11-22 20:01:02 ETHUSDT sell stop-limit 1.5 0 2,650.00 accepted"
                " 20261122-200102-12-1"
            ),
        ),
        (
            render.orders,
            {**ORDER, "type": "limit", "leg": "take_profit"},
            (
                "2026-11-22 20:01:02 ETHUSDT sell take-profit 1.5 0 2,650.00 accepted"
                " 20261122-200102-12-1"
            ),
        ),
        (
            render.orders,
            {
                **ORDER,
                "type": "market",
                "price": None,
                "stop_price": None,
                "filled": "1.5",
                "average_price": "2640.5",
                "status": "filled",
            },
            (
                "2026-11-22 20:01:02 ETHUSDT sell market 1.5 1.5 2,640.50 filled"
                " 20261122-200102-12-1"
            ),
        ),
        (
            render.fills,
            FILL,
            "2026-11-22 20:01:02 BTCUSDT buy 0.01 60,000.00 0.6 USDT taker 20261122-200102-12-1",
        ),
        (
            render.alerts,
            ALERT,
            "7 2026-11-22 20:01:02 critical feed active 3x no data for 40 s",
        ),
        (
            render.runs,
            RUN,
            (
                "20261122-200102 paper · recorded 2026-11-22 20:01:02 2026-11-22 20:05:02 200,000"
                " 7 5 -2.34 -12.34 12.18% clean"
            ),
        ),
    ],
)
def test_a_row_shows_its_json(
    table: Callable[[Any], RenderableType], row: dict[str, Any], words: str
) -> None:
    assert shown(table_of(table, row), 160).splitlines()[1].split() == words.split()


def test_a_run_that_a_halt_ended_is_told_from_others() -> None:
    halted = {**RUN, "end_reason": "halted"}
    assert shown(table_of(render.runs, halted), 160).splitlines()[1].split()[-1] == "halted"


@each_row(
    ("table", "words"),
    [
        (render.positions, "the account is flat"),
        (render.orders, "no orders"),
        (render.fills, "no fills yet"),
        (render.orders_of_run, "no orders in this run"),
        (render.fills_of_run, "no fills in this run"),
        (render.alerts, "no alerts"),
        (render.runs, "`tradectl run --paper`"),
        (strategies.listed, "no strategies"),
    ],
)
def test_an_empty_table_says_what_that_means(
    table: Callable[[Any], RenderableType], words: str
) -> None:
    assert words in shown(table([]))


def test_a_narrow_terminal_drops_columns_but_cuts_no_figure() -> None:
    lines = shown(table_of(render.fills, FILL), width=50).splitlines()
    assert lines[0].split() == ["symbol", "side", "quantity", "price"]
    assert all(len(line) <= 50 for line in lines)
    assert "60,000.00" in lines[1]


def test_what_a_narrow_terminal_leaves_out_is_named() -> None:
    lines = shown(table_of(render.fills, FILL), width=50).splitlines()
    assert lines[2].rstrip() == "the window is too narrow for: time, fee, in,"
    assert "too narrow" not in shown(table_of(render.fills, FILL), width=200)


@pytest.mark.parametrize("width", [40, 60, 80])
def test_the_id_of_an_order_stays_whole_on_its_line(width: int) -> None:
    order_id = "20261129T133530073-86c6-1178-1"
    table = table_of(render.orders, {**ORDER, "order_id": order_id})
    assert shown(table, width=width).splitlines()[1].endswith(order_id)


@each_row("table", [render.positions, render.orders, render.fills, render.alerts])
def test_rows_without_fields_are_rows_still(table: Callable[[Any], RenderableType]) -> None:
    assert len(shown(table_of(table, {})).splitlines()) == 2


def test_texts_in_rows_are_shown_never_obeyed() -> None:
    row = dict.fromkeys((*POSITION, *ORDER, *FILL, *ALERT, *RUN), EVIL)
    for table in (render.positions, render.orders, render.fills, render.alerts, render.runs):
        output = shown(table_of(table, row), 1_000)
        assert all(line.isprintable() for line in output.splitlines())
    assert "[bold]x[/bold]" in shown(table_of(render.alerts, row), 1_000)


def test_a_profit_is_green_and_a_loss_is_red() -> None:
    output = shown(table_of(render.positions, POSITION), colour=True)
    assert re.search(r"\x1b\[32m *\+12\.18", output)
    assert re.search(r"\x1b\[31m *-3\.50", output)


def test_no_colour_where_there_is_no_terminal() -> None:
    assert "\x1b" not in shown(status({"state": "HALTED", "positions": [POSITION]}))


def test_under_a_pipe_no_line_is_broken(capsys: pytest.CaptureFixture[str]) -> None:
    render.show(table_of(render.alerts, {**ALERT, "message": "word " * 60}))
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_strategies_list_their_parameters() -> None:
    assert shown(table_of(strategies.listed, STRATEGY)).splitlines() == [
        "ema_cross  Fast above slow.",
        "  fast = 12",
    ]


# --- status, summary, replay, receipt -------------------------------------------------------------


@pytest.mark.parametrize(("width", "height"), [(80, 24), (160, 50), (40, 12)])
@pytest.mark.parametrize("many", [0, 1, 40])
def test_a_watched_status_fits_the_terminal(width: int, height: int, many: int) -> None:
    found = document(
        Status,
        {
            "state": "RUNNING",
            "mode": "paper",
            "run_id": "r1",
            "portfolio": {"equity": "10006.06", "cash": "1"},
            "positions": [POSITION] * many,
            "open_orders": [ORDER] * many,
            "components": {f"c{n}": {"status": "RUNNING"} for n in range(12)}
            | {"feed": {"status": "DEGRADED", "message": "no data for 40 s"}},
        },
    )
    console = Console(width=width, height=height, file=io.StringIO(), force_terminal=True)
    show_again(found, console)
    assert isinstance(console.file, io.StringIO)
    screen = pyte.Screen(width, height)
    screen.set_mode(pyte.modes.LNM)
    pyte.Stream(screen).feed(console.file.getvalue())
    lines = [line.rstrip() for line in screen.display]
    assert lines[0] == "RUNNING  PAPER  run r1"
    assert height < 24 or "Positions" in lines
    assert lines[-1] == ""
    assert many < 40 or re.search(r"^\d+ more lines: `tradectl status`$", "\n".join(lines), re.M)
    assert many == 40 or height < 24 or "no data for 40 s" in "\n".join(lines)


def test_a_watched_status_under_a_pipe_is_plain_and_whole() -> None:
    found = document(Status, {"state": "RUNNING", "positions": [POSITION] * 40})
    console = Console(width=100, file=io.StringIO())
    show_again(found, console)
    assert isinstance(console.file, io.StringIO)
    said = console.file.getvalue()
    assert "\x1b" not in said
    assert said.count("BTCUSDT") == 40


def status(data: dict[str, Any]) -> RenderableType:
    return status_page.status(document(Status, data))


def summary(data: dict[str, Any]) -> RenderableType:
    return render.summary(document(Summary, data))


def replay(data: dict[str, Any]) -> RenderableType:
    return reports.replay(document(ReplayReport, data))


def receipt(data: dict[str, Any]) -> RenderableType:
    nothing_left: dict[str, Any] = {"cancelled": [], "closed": [], "confirmed": False}
    return reports.receipt(document(Receipt, nothing_left | data))


def reconciliation(data: dict[str, Any]) -> RenderableType:
    return reports.reconciliation(document(Reconciliation, data))


BOOKS = {
    "equity": "10006.06",
    "cash": "7012.34",
    "realized_pnl": "18.44",
    "unrealized_pnl": "-8.18",
    "fees": "4.2",
    "drawdown_pct": "0.41",
    "max_drawdown_pct": "12.18",
}


def test_status_without_a_run_shows_the_last_durable_state_and_says_so() -> None:
    output = shown(status({"running": False, "portfolio": BOOKS, "positions": [POSITION]}))
    assert output.startswith("STOPPED")
    assert "nothing is running: this is the last durable state" in output
    assert "did not end by itself" not in output
    assert "did not end by itself" in shown(status({"running": False, "end_reason": "crashed"}))
    assert "equity      10,006.06" in output
    assert "+6.06  realised +18.44  unrealised -8.18  fees 4.20" in output


def test_status_says_how_an_exchange_answers_and_how_much_entries_could_leave() -> None:
    exchange = ExchangeStatus(
        name="binance", symbols=(), problems=(), foreign_orders=(), unknown_orders=0,
        breaker=BreakerFigures(state="open", failures=5, opened=1, retry_in_s=3.2),
        calls=CallFigures(answered=200, failed=7, last_error="timed out", p50_ms=41, p99_ms=220),
    )  # fmt: skip
    available = Availability(
        available_pct=98.2, time_s=100, account_pct=99, account_time_s=1_000,
        held_back=[HeldBackBy(cause="away", share=0.018)],
    )  # fmt: skip
    bus = RunBusFigures(stages={"risk": StageFigures(20, 95, 22.4)})
    lags = {"binance": EventLag(p50_ms=0.4, p99_ms=1_200, clock_offset_ms=None)}
    found = Status(exchanges=[exchange], availability=available, bus=bus, event_lag=lags)
    text = shown(status_page.status(found), width=200)
    assert "data lag    binance: 400 us, p99 1.2 s" in text
    assert "step        risk 22% 20 us, p99 95 us" in text
    assert "entries could leave 98.20% of the run: away 1.80%; 99.00% of all runs" in text
    assert "binance: 41 ms, 99 in 100 within 220 ms, 7 of 207 failed" in text
    assert "breaker open, asked again in 3.2s; the last error: timed out" in text


def test_a_pause_by_command_is_called_so_and_a_run_that_only_stops_is_not_available() -> None:
    available = Availability(
        available_pct=50, time_s=100, account_pct=50, account_time_s=100,
        held_back=[HeldBackBy(cause="operator", share=0.5)],
    )  # fmt: skip
    text = shown(status_page.status(Status(availability=available)), width=200)
    assert "entries could leave 50.00% of the run: pause command 50.00%" in text
    text = shown(status_page.status(Status(availability=available, source="emergency")), width=200)
    assert "entries could leave" not in text


def test_status_names_a_halt_and_the_way_out() -> None:
    halt = {"reason": "operator", "since": "2026-11-22T20:01:02Z"}
    output = shown(status({"state": "HALTED", "halt": halt}))
    assert "HALTED since 2026-11-22 20:01:02 UTC: operator" in output
    assert "clear-halt --confirm" in output


def test_a_pause_of_recorded_data_names_no_command_that_is_not_for_it() -> None:
    paused = {"reason": "DRAWDOWN", "since": "2026-11-22T20:01:02Z", "causes": []}
    assert "until `tradectl resume`" in shown(status({"state": "PAUSED", "paused": paused}))
    over = {
        "cause": "COOLDOWN",
        "reason": "for 1 minute, or until resumed",
        "since": paused["since"],
    }
    ending = {**paused, "causes": [over]}
    assert "until that is over or" in shown(status({"state": "PAUSED", "paused": ending}))
    output = shown(status({"state": "PAUSED", "source": "recorded", "paused": paused}))
    assert "PAUSED since 2026-11-22 20:01:02 UTC: DRAWDOWN" in output
    assert "tradectl resume" not in output


@pytest.mark.parametrize(
    ("state", "means"),
    [
        ("REDUCING", "only exits, after a restart too, until"),
        ("FLATTENING", "every position is closed, and then trading is refused until"),
    ],
)
def test_status_says_what_still_happens_in_a_halt(state: str, means: str) -> None:
    halt = {"reason": "DRAWDOWN: lost 21%", "since": "2026-11-22T20:01:02Z", "state": state}
    output = shown(status({"state": state, "halt": halt, "positions": [POSITION]}))
    assert f"{state} since 2026-11-22 20:01:02 UTC: DRAWDOWN: lost 21%" in output
    assert f"{means} `tradectl clear-halt --confirm`" in output
    flat = shown(status({"state": state, "halt": halt}))
    assert "trading is refused until `tradectl clear-halt --confirm`" in flat


def test_the_summary_tells_why_what_and_how_to_replay() -> None:
    data = {
        "run_id": "20261122-200102",
        "mode": "paper",
        "source": "recorded",
        "state": "STOPPED",
        "reason": "the data ended",
        "elapsed_s": 5.7,
        "events": 200000,
        "rate": 35087.7,
        "orders": 130,
        "fills": 128,
        "portfolio": BOOKS,
        "bad_rows": 3,
        "journal": "/var/tmp/my runs/20261122.jsonl",
        "state_hash": "ab12",
    }
    lines = shown(summary(data)).splitlines()
    assert lines[0] == "STOPPED  PAPER · RECORDED  run 20261122-200102"
    assert lines[-1] == "tradectl replay '/var/tmp/my runs/20261122.jsonl'"
    for line in (
        "ended       the data ended",
        "time        5.7 s",
        "events      200,000 at 35,088/s",
        "trades      130 orders, 128 fills",
        "P&L net     +6.06  realised +18.44  unrealised -8.18  fees 4.20",
        "bad rows    3, never traded on",
        "state       ab12",
    ):
        assert line in [shown_line.rstrip() for shown_line in lines]


@pytest.mark.parametrize(
    ("source", "paid", "words"),
    [
        ("none", "0", "none was applied to perpetuals"),
        ("file", "0", "no rate of the file fell into a time"),
        ("file", "-2.5", "funding     -2.50"),
    ],
)
def test_a_summary_says_why_no_funding_was_paid(source: str, paid: str, words: str) -> None:
    books = {**BOOKS, "funding": paid}
    data = {"mode": "paper", "source": "recorded", "funding_from": source, "portfolio": books}
    output = shown(summary(data))
    assert words in output
    assert output.count("\nfunding ") == 1


def test_a_summary_says_what_risk_denied_and_loudly_where_that_was_most() -> None:
    by = [
        {
            "code": "ORDER_NOTIONAL",
            "count": 826,
            "example": "order notional 12 is over the limit of 10",
        },
        {"code": "ORDER_RATE", "count": 1, "example": "too fast"},
    ]
    output = shown(summary({"run_orders": 1_266, "denied_by": by}), width=160)
    assert "DENIED 827 of 1,266 orders: what was traded says little" in output
    assert (
        "denied      827 (826 by ORDER_NOTIONAL, 1 by ORDER_RATE), such as: order notional"
        in output
    )
    few = shown(summary({"run_orders": 10, "denied_by": by[1:]}))
    assert "denied      1 (1 by ORDER_RATE), such as: too fast" in few
    assert "DENIED" not in few


def test_a_journal_below_home_is_named_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    output = shown(summary({"journal": "/home/ada/runs/1.jsonl"}))
    assert "tradectl replay ~/runs/1.jsonl" in output


def test_a_summary_of_nothing_is_no_error() -> None:
    assert "equity      -" in shown(summary({}))


@each_row(
    ("result", "words"),
    [
        ({"verified": True, "compared": 567}, "VERIFIED"),
        (
            {"verified": False, "divergences": 2, "first_divergence": {"seq": 17}},
            "DIVERGED: 2 decisions",
        ),
        ({"verified": False, "divergences": 1, "first_divergence": {"seq": 17}}, "seq         17"),
        ({"verified": False, "divergences": 0}, "NOT VERIFIED"),
        ({"verified": True, "truncated_tail": True}, "the last record is torn"),
        ({"state_hash": "aa", "recorded_state_hash": "bb"}, "recorded    bb"),
    ],
)
def test_a_replay_says_its_verdict(result: dict[str, Any], words: str) -> None:
    assert words in shown(replay(result))


def test_a_receipt_names_what_was_done_and_what_is_left() -> None:
    output = shown(
        receipt(
            {
                "latched": True,
                "latched_ms": 2.34,
                "confirmed": True,
                "confirmed_ms": 120,
                "method": "direct",
                "cancelled": ["r-1", "r-2"],
                "closed": ["BTCUSDT"],
                "open_orders_left": [],
                "positions_left": [],
            }
        )
    )
    assert "HALTED in 2.3 ms, confirmed by this command in 120 ms" in output
    assert "cancelled   r-1, r-2" in output
    assert "closed      BTCUSDT" in output
    assert "positions   none" in output


def test_a_receipt_that_is_not_confirmed_says_so_aloud() -> None:
    output = shown(receipt({"latched": True, "latched_ms": 2, "open_orders_left": ["r-3"]}))
    assert "NOT CONFIRMED" in output
    assert "orders left r-3" in output
    assert "positions   none known of" in output
    assert "NOT LATCHED" in shown(receipt({}))


@pytest.mark.parametrize("confirmed", [True, False])
def test_a_stop_that_only_our_books_know_is_not_said_to_protect(confirmed: bool) -> None:
    stop = {"symbol": "BTCUSDT", "order_id": "r-9", "stop_price": "58000", "quantity": "0.1"}
    output = shown(receipt({"latched": True, "protection": [stop | {"confirmed": confirmed}]}))
    assert "BTCUSDT by stop r-9: 0.1 at 58000" in output
    assert ("by our books alone" in output) is not confirmed


def reconciled(**changes: Any) -> dict[str, Any]:
    symbol = {
        "symbol": "BTCUSDT",
        "exchange": "binance",
        "journal": "0.5",
        "database": "0.5",
        "at_exchange": "0.4",
        "external": "0",
        "difference": "-0.1",
        "restricted": ["mismatch"],
        "ok": False,
    }
    orders = [
        {
            "client_order_id": "tcabc",
            "symbol": "BTCUSDT",
            "ours": True,
            "journal": "unknown",
            "at_exchange": None,
            "ok": False,
        },
        {"client_order_id": EVIL, "symbol": "BTCUSDT", "ours": False, "at_exchange": "accepted"},
    ]
    cash = {"currency": "USDT", "journal": "10", "at_exchange": "9", "difference": "-1", "ok": True}
    told = {
        "clean": False,
        "symbols": [symbol],
        "cash": cash,
        "left_out": [],
        "orders": orders,
        "unreachable": [],
    }
    return {**told, **changes}


def test_a_reconciliation_stands_side_by_side_and_says_what_settles_it() -> None:
    output = shown(reconciliation(reconciled()))
    assert "NOT CLEAN: `tradectl reconcile --accept ...` says what it is" in output
    assert re.search(r"BTCUSDT +binance +0.5 +0.5 +0.4 +-0.1 +0 +mismatch", output)
    assert "not ours: left alone" in output
    assert "differs" in output
    assert "\x1b" not in output


def test_what_accepting_books_and_trades_is_shown_before_it_is_done() -> None:
    booking = {
        "symbol": "BTCUSDT",
        "ours_before": "0.166",
        "ours_after": "1.166",
        "external_before": "1",
        "external_after": "0",
        "price": "60000",
    }
    order = {"symbol": "BTCUSDT", "side": "sell", "quantity": "1.166", "type": "stop_market"}
    proposal = {
        "accept": "position",
        "bookings": [booking],
        "profit": "0",
        "transferred": "60000",
        "orders": [order],
        "resizes": True,
        "refused": ["ETHUSDT: -1 still differs"],
        "follows": ["BTCUSDT: what 1 cost is not known"],
    }
    output = shown(reconciliation(reconciled(proposal=proposal)))
    assert "would book" in output
    assert "BTCUSDT: ours 0.166 -> 1.166 at 60000, external 1 -> 0" in output
    assert "sell 1.166 BTCUSDT by its stop" in output
    assert "sized by the new equity" in output
    assert "ETHUSDT: -1 still differs" in output
    assert "BTCUSDT: what 1 cost is not known" in output
    assert "nothing was changed: add --confirm to book it" in output
    done = shown(reconciliation(reconciled(proposal=proposal, accepted=True)))
    assert "trading is paused: `tradectl resume` goes on" in done
    left_out = ["binance: money: something of ours is on its way there"]
    part = shown(reconciliation(reconciled(proposal=proposal, left_out=left_out)))
    assert "not booked  binance: money: something of ours is on its way there" in part
    assert "add --confirm" not in part


def test_a_clean_reconciliation_and_an_exchange_out_of_reach() -> None:
    assert "CLEAN: journal" in shown(reconciliation(reconciled(clean=True)))
    away = [{"exchange": "binance", "error": "no answer"}]
    output = shown(reconciliation(reconciled(unreachable=away)))
    assert "not reached binance: no answer" in output


# --- the line log ---------------------------------------------------------------------------------


def order(order_id: str = "r-1-1") -> OrderInitialized:
    spec = OrderSpec(
        order_id, "BTCUSDT", Side.BUY, Decimal("0.010"), OrderType.LIMIT, Decimal("60000.00")
    )
    return OrderInitialized(order=spec)


def line(event: AnyEvent, log: LineLog | None = None) -> str | None:
    return (log or LineLog()).line(Record(1, AT, event))


@each_row(
    ("event", "words"),
    [
        (
            OrderFilled(
                order_id="r-1-1",
                symbol="BTCUSDT",
                trade_id="t",
                side=Side.BUY,
                quantity=Decimal("0.010"),
                price=Decimal("60000.00"),
                fee=Decimal("0.600"),
            ),
            "FILL buy 0.01 BTCUSDT @ 60000.00 fee 0.6 (r-1-1)",
        ),
        (
            StrategySignalEvent(
                symbol="BTCUSDT",
                action=SignalAction.BUY,
                strategy="ema_cross",
                strength=0.5,
                reason="fast above slow",
            ),
            "SIGNAL buy BTCUSDT strength 0.5 by ema_cross: fast above slow",
        ),
        (
            OrderRejected(order_id="r-1-1", symbol="BTCUSDT", reason="no funds"),
            "ORDER rejected BTCUSDT: no funds (r-1-1)",
        ),
        (CancelRequested(order_id="r-1-1", symbol="BTCUSDT"), "ORDER cancel BTCUSDT (r-1-1)"),
        (
            LimitBreached(
                code="drawdown",
                message="too deep",
                limit="0.2",
                actual="0.2101895689255925298381600391",
                action=RiskAction.HALT,
            ),
            "RISK halt drawdown: too deep [limit 0.2, actual 0.210189568926]",
        ),
        (CommandReceived(command=Command.PAUSE, reason="lunch"), "COMMAND pause: lunch"),
        (
            EmergencyStopReceived(reason="fat finger", flatten=True),
            "COMMAND emergency-stop, closing positions: fat finger",
        ),
        (
            SystemEvent(kind="recovered", message="12 records", component="state"),
            "SYSTEM recovered: 12 records (state)",
        ),
        (approved("r-1-1"), "ORDER approved (r-1-1)"),
    ],
)
def test_what_is_worth_knowing_is_one_plain_line(event: AnyEvent, words: str) -> None:
    assert line(event) == f"{STAMP} {words}"


@each_row(
    "event",
    [
        MarketDataEvent(symbol="BTCUSDT", price=Decimal(1), volume=Decimal(1)),
        TargetComputed(symbol="B", target=Decimal(0), current=Decimal(0), change=Decimal(0)),
        TimerFired(name="risk"),
        OrderAccepted(order_id="r", symbol="B"),
        order(),
    ],
)
def test_what_is_not_worth_knowing_is_no_line(event: AnyEvent) -> None:
    assert line(event) is None


def test_an_order_is_told_once_with_the_verdict_of_risk() -> None:
    log = LineLog()
    assert line(order(), log) is None
    said = line(approved("r-1-1"), log)
    assert said == f"{STAMP} ORDER approved buy 0.01 BTCUSDT limit @ 60000.00 (r-1-1)"
    line(order("r-2-1"), log)
    denied = OrderDenied(
        order_id="r-2-1",
        symbol="BTCUSDT",
        code="max_notional",
        message="too large",
        limit="500",
        actual="600",
    )
    assert line(denied, log) == (
        f"{STAMP} ORDER denied buy 0.01 BTCUSDT limit @ 60000.00"
        " max_notional: too large [limit 500, actual 600] (r-2-1)"
    )


def test_intents_that_are_never_judged_do_not_pile_up() -> None:
    log = LineLog()
    for n in range(3_000):
        line(order(f"r-{n}"), log)
    assert line(approved("r-0"), log) == f"{STAMP} ORDER approved (r-0)"
    assert "buy" in (line(approved("r-2999"), log) or "")


def test_a_line_stays_one_line_whatever_is_in_it() -> None:
    event = SystemEvent(kind=EVIL, message=EVIL, component=EVIL)
    assert (line(event) or "").isprintable()


def test_an_alert_is_a_line() -> None:
    assert LineLog().alert(document(AlertRow, ALERT), AT) == (
        f"{STAMP} ALERT CRITICAL no data for 40 s (3 times) (feed)"
    )


def test_the_heartbeat_says_how_the_run_is_doing() -> None:
    view = {
        "state": "RUNNING",
        "mode": "paper",
        "source": "recorded",
        "portfolio": BOOKS,
        "positions": [POSITION],
        "open_orders": [],
        "bus": {"processed": 129456, "rate": 1239.4},
        "progress": {"fraction": 0.42, "eta_s": 43},
        "alerts": [ALERT],
    }
    assert LineLog().heartbeat(document(LiveStatus, view), AT) == (
        f"{STAMP} STATUS RUNNING PAPER · RECORDED, equity 10,006.06, pnl +6.06, positions 1, "
        "orders 0, events 129,456, 1,239/s, 42%, left 43s, alerts 1"
    )
    assert (
        LineLog().heartbeat(LiveStatus(), AT).startswith(f"{STAMP} STATUS STOPPED PAPER, equity -")
    )


def test_the_line_log_does_not_load_rich() -> None:
    program = "import sys, tradectl.cli.output.lines; sys.exit('rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize(
    ("orders", "fills", "words"),
    [(0, 0, "0 orders, 0 fills"), (1, 1, "1 order, 1 fill"), (1234, 2, "1,234 orders, 2 fills")],
)
def test_one_is_one_and_more_are_more(orders: int, fills: int, words: str) -> None:
    output = shown(summary({"orders": orders, "fills": fills, "run_orders": orders}))
    assert f"trades      {words}\n" in output


def test_a_terminal_is_as_wide_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell that exported its size before the window was changed does not know it any more."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("LINES", "7")
    monkeypatch.setattr("os.get_terminal_size", lambda *_: os.terminal_size((60, 30)))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert tuple(make_console().size) == (60, 30)


@pytest.mark.parametrize(
    ("breaker", "shown"),
    [("closed", "why"), ("open", "breaker open: why"), ("half_open", "breaker half open: why")],
)
def test_a_component_is_shown_with_its_breaker(breaker: str, shown: str) -> None:
    row = ComponentRow(status=ComponentStatus.DEGRADED, message="why", breaker=breaker)
    assert component_message(row).text == shown
