from __future__ import annotations

import asyncio
import io
import re
import sys
import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from tests.fixtures.documents import document
from tests.fixtures.rows import each_row
from tests.profiles import examples
from tradectl.cli.output.chart import EIGHTHS, bar, chart, sparkline, thinned
from tradectl.cli.panel.panel import Panel, render, suits
from tradectl.documents.run import LiveStatus

SIZES = [(80, 24), (160, 50), (60, 20), (100, 30), (120, 34), (40, 12), (20, 4), (240, 70), (5, 2)]
ENTER, LEAVE = "\x1b[?1049h", "\x1b[?1049l"
HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"

View = dict[str, Any]


def a_view(**changes: Any) -> View:
    """A running paper account, in the shape of `status --json`, with the panel's extras."""
    view: View = {
        "running": True,
        "mode": "paper",
        "source": "simulated",
        "state": "RUNNING",
        "run_id": "20261122-200102",
        "started_at": "2026-11-22T20:01:02.000000Z",
        "elapsed_s": 754,
        "portfolio": {
            "equity": "10016.06000000",
            "cash": "7012.34",
            "realized_pnl": "18.44",
            "unrealized_pnl": "1.82",
            "fees": "4.20",
            "margin_used": "0",
            "drawdown_pct": "0.41",
            "max_drawdown_pct": "12.18",
        },
        "equity_history": [10000.0, 10005.5, 9990.25, 10016.06],
        "positions": [
            {
                "symbol": "BTCUSDT",
                "side": "long",
                "size": "0.05",
                "entry_price": "59890.123456789012345678",
                "current_price": "60133.87",
                "unrealized_pnl": "12.187327",
                "realized_pnl": "0",
            }
        ],
        "open_orders": [
            {
                "order_id": "r-12-1",
                "symbol": "ETHUSDT",
                "side": "sell",
                "type": "stop_market",
                "quantity": "1.5",
                "filled": "0",
                "price": None,
                "status": "partially_filled",
            }
        ],
        "signals": [
            {
                "time": "2026-11-22T20:13:00Z",
                "symbol": "BTCUSDT",
                "action": "buy",
                "strategy": "ema_cross",
                "strength": 0.8,
            }
        ],
        "fills": [
            {
                "time": f"2026-11-22T20:13:{second:02d}Z",
                "symbol": "BTCUSDT",
                "side": "buy",
                "quantity": "0.01",
                "price": f"6000{second}.5",
                "fee_value": "0.6",
            }
            for second in range(9)
        ],
        "bus": {
            "processed": 129456,
            "failed": 0,
            "dropped": 0,
            "queue_depth": 3,
            "rate": 1239.4,
            "latency_p50_us": 11.4,
            "latency_p99_us": 84.2,
            "stages": {
                "risk": {"p50_us": 20, "p99_us": 95, "share_pct": 22.4},
                "strategy": {"p50_us": 3.1, "p99_us": 9, "share_pct": 61},
            },
        },
        "components": {
            name: {"status": "RUNNING", "last_heartbeat": "2026-11-22T20:13:20Z", "error_count": 0}
            for name in ("feed", "strategy", "risk")
        },
        "alerts": [
            {
                "severity": "warning",
                "message": "ETHUSDT: no data for 12 s",
                "count": 3,
                "component": "feed",
                "created_at": "2026-11-22T20:11:00Z",
            }
        ],
        "prices": {"BTCUSDT": "60133.87", "ETHUSDT": "2648.12"},
        "data_age_s": {"BTCUSDT": 0.21, "ETHUSDT": 12.4},
        "event_lag": {"binance": {"p50_ms": 34, "p99_ms": 81.2, "clock_offset_ms": -3.1}},
        "resources": {"cpu_pct": 3.2, "rss_mb": 62.4, "loop_lag_ms": 0.4},
        "halt": None,
    }
    return view | changes


def drawn(view: View, width: int = 80, height: int = 24) -> list[str]:
    console = Console(width=width, height=height, file=io.StringIO(), record=True)
    console.print(render(document(LiveStatus, view), width, height))
    return console.export_text().removesuffix("\n").split("\n")


def text(view: View, width: int = 80, height: int = 24) -> str:
    return "\n".join(drawn(view, width, height))


# --- the sheet ------------------------------------------------------------------------------------


@each_row("size", SIZES)
@each_row("view", [a_view(), {}], ids=["full", "empty"])
def test_a_sheet_is_exactly_as_large_as_the_terminal(view: View, size: tuple[int, int]) -> None:
    width, height = size
    lines = drawn(view, width, height)
    assert [cell_len(line) for line in lines] == [width] * height


@each_row(
    "fact",
    [
        "RUNNING",
        "PAPER · SIMULATED",
        "run 20261122-200102",
        "12m 34s",
        "Equity 10,016.06",
        "+16.06 +0.16%",
        "Drawdown 0.41%",
        "Cash 7,012.34",
        "Realised +18.44",
        "Unrealised +1.82",
        "Fees 4.20",
        "BTCUSDT 60,133.87 0.2s",
        "Positions 1",
        "59,890.12",
        "+12.19",
        "Orders 1",
        "stop-market",
        "partial",
        "Fills",
        "20:13:08",
        "60,008.50",
        "Signals",
        "ema_cross",
        "Alerts 1",
        "3x ETHUSDT: no data for 12 s",
        "Bus 1,239/s",
        "p50 11 us",
        "p99 84 us",
        "dropped 0",
        "Health all 3 components well",
        "memory 62 MB",
    ],
)
def test_80_by_24_shows_all_that_matters(fact: str) -> None:
    assert fact in text(a_view())


def test_the_curve_fills_the_rest_of_the_equity_line() -> None:
    line = next(line for line in drawn(a_view()) if "Equity" in line)
    assert line.rstrip()[-1] == EIGHTHS[-1]


def test_a_wide_terminal_shows_tables_beside_each_other_and_a_chart() -> None:
    lines = drawn(a_view(), 160, 50)
    assert any("Positions" in line and "Fills" in line for line in lines)
    assert any("Components 3" in line for line in lines)
    assert "10,016.06" in lines[2]
    assert any("9,990.25" in line for line in lines)


def test_figures_are_shown_whole_or_not_at_all() -> None:
    figure = re.compile(r"[-+]?\d[\d,]*\.\d+\S*")
    whole = {*figure.findall(text(a_view(), 119, 70)), *figure.findall(text(a_view(), 240, 70))}
    for width in range(20, 160):
        assert set(figure.findall(text(a_view(), width, 33))) <= whole


def test_symbols_and_sides_survive_where_columns_are_dropped() -> None:
    lines = drawn(a_view(), 30, 24)
    assert any("BTCUSDT" in line and "long" in line for line in lines)
    assert "59,890" not in "\n".join(lines)


def test_the_newest_fill_comes_first() -> None:
    lines = drawn(a_view(), 160, 50)
    times = [m[0] for line in lines for m in [re.search(r"20:13:0\d", line)] if m]
    assert times == sorted(times, reverse=True)


def test_more_positions_than_lines_are_counted() -> None:
    position = a_view()["positions"][0]
    assert re.search(r"Positions \d+ of 40", text(a_view(positions=[position] * 40)))


def test_empty_tables_say_what_that_means() -> None:
    shown = text({})
    assert "none: the account is flat" in shown
    assert "none working" in shown


# --- mode, state, trouble -------------------------------------------------------------------------


@each_row(
    ("mode", "source", "words"),
    [
        ("paper", "simulated", "PAPER · SIMULATED"),
        ("paper", "recorded", "PAPER · RECORDED"),
        ("paper", "exchange", "PAPER · EXCHANGE DATA"),
        ("live", "exchange", " LIVE "),
    ],
)
def test_the_mode_is_named(mode: str, source: str, words: str) -> None:
    assert words in "".join(drawn(a_view(mode=mode, source=source))[:2])


def test_with_money_at_stake_there_is_a_frame_around_it() -> None:
    lines = drawn(a_view(mode="live", source="exchange"))
    assert lines[0] == f"┌{'─' * (len(lines[0]) - 2)}┐"
    assert lines[-1] == f"└{'─' * (len(lines[0]) - 2)}┘"
    assert all(line[0] + line[-1] == "││" for line in lines[1:-1])
    assert "┌" not in drawn(a_view())[0]


def test_what_is_there_and_not_ours_is_shown() -> None:
    external = [{"symbol": "BTCUSDT", "quantity": "1"}, {"symbol": None, "quantity": "250"}]
    assert "not ours, never traded: BTCUSDT 1, money 250" in text(a_view(external=external))
    assert "not ours" not in text(a_view())


def test_what_is_held_back_is_said() -> None:
    restrictions = [
        {"symbol": f"S{n}", "kind": "mismatch", "message": f"S{n}: differs"} for n in range(5)
    ]
    text = "\n".join(drawn(a_view(restrictions=restrictions)))
    assert "S0: differs" in text
    assert "S2: differs" in text
    assert "S3: differs" not in text
    assert "and 2 more restricted" in text


@each_row(
    ("state", "colour"),
    [
        ("RUNNING", "green"),
        ("PAUSED", "yellow"),
        ("HALTED", "red"),
        ("FAILED", "red"),
        ("STARTING", "cyan"),
    ],
)
def test_the_state_has_a_word_and_a_colour(state: str, colour: str) -> None:
    console = Console(width=80, height=24, force_terminal=True, color_system="standard")
    segments = console.render(render(document(LiveStatus, a_view(state=state)), 80, 24))
    style = next(s.style for s in segments if s.text == f" {state} ")
    assert style is not None
    assert style.bgcolor is not None
    assert style.bgcolor.name == colour


def test_a_halt_says_why_and_how_it_ends() -> None:
    halt = {"reason": "drawdown of 21%", "since": "2026-11-22T20:11:00Z"}
    line = drawn(a_view(state="HALTED", halt=halt))[1]
    assert "since 20:11:00 UTC: drawdown of 21%" in line
    assert "clear-halt --confirm" in line


@pytest.mark.parametrize(
    ("state", "means"),
    [
        ("REDUCING", "exits only; it ends when all is flat"),
        ("FLATTENING", "every position is being closed"),
    ],
)
def test_a_halt_says_what_still_happens(state: str, means: str) -> None:
    halt = {"reason": "drawdown of 21%", "since": "2026-11-22T20:11:00Z", "state": state}
    assert drawn(a_view(state=state, halt=halt))[1].rstrip().endswith(f"drawdown of 21%   {means}")


def test_a_pause_says_what_goes_on_and_above_all_why() -> None:
    assert "exits go on" in drawn(a_view(state="PAUSED"))[1]
    since = {"since": "2026-11-22T20:11:00Z", "causes": []}
    line = drawn(a_view(state="PAUSED", paused={"reason": "lunch", **since}))[1]
    assert "since 20:11:00 UTC: lunch   exits go on; `tradectl resume` ends it" in line
    long = "a reason that fills the line to its end and leaves none"
    lines = drawn(a_view(state="PAUSED", paused={"reason": long, **since}))
    assert lines[1].rstrip().endswith(long)
    assert lines[2].rstrip() == "  exits go on; `tradectl resume` ends it"
    recorded = drawn(a_view(state="PAUSED", source="recorded", paused={"reason": "x", **since}))
    assert (
        recorded[1].rstrip().endswith("x   exits go on; nobody can resume a run on recorded data")
    )


def test_recorded_data_has_a_progress_bar_and_counts_bad_rows() -> None:
    progress = {"fraction": 0.42, "events": 84000, "rate": 35123.4, "eta_s": 43, "bad_rows": 3}
    line = next(line for line in drawn(a_view(progress=progress)) if "42%" in line)
    assert "█" in line
    assert "░" in line
    assert "left 43s  35,123/s  84,000 events  3 bad rows" in line


def test_a_component_in_trouble_is_named_with_its_message() -> None:
    ill = {"status": "DEGRADED", "message": "no answer"}
    components = {"feed": {"status": "RUNNING"}, "exchange": ill, "state": {"status": "FAILED"}}
    shown = text(a_view(components=components))
    assert "exchange DEGRADED and 1 more: no answer" in shown


def test_a_long_message_of_a_component_is_cropped_to_the_line() -> None:
    components = {"exchange": {"status": "FAILED", "message": "市 " * 90}}
    line = next(li for li in drawn(a_view(components=components)) if "exchange FAILED: " in li)
    assert line.rstrip().endswith("…")


def test_stale_symbols_come_before_fresh_ones() -> None:
    ages: dict[str, float] = {f"SYM{n}": 0.1 for n in range(30)}
    ages["LATE"] = 75
    line = next(li for li in drawn(a_view(prices={}, data_age_s=ages)) if "Market" in li)
    assert "31 symbols" in line
    assert line.index("LATE 1m") < line.index("SYM0")


def test_an_urgent_alert_is_shown_before_anything_that_can_wait() -> None:
    alert = {"severity": "critical", "message": "journal failed", "component": "journal"}
    assert "journal failed" in text(a_view(alerts=[*a_view()["alerts"], alert]), 60, 8)


# --- texts from outside ---------------------------------------------------------------------------

EVIL = "\x1b[31mBTC\u202eUSDT\x07\n[bold red]x[/]\u0301\u0301\u200b"


def test_texts_from_outside_can_neither_move_the_cursor_nor_set_styles() -> None:
    rows = {
        key: [{**row, "symbol": EVIL, "strategy": EVIL, "status": EVIL} for row in a_view()[key]]
        for key in ("positions", "open_orders", "signals", "fills")
    }
    alerts = [{"severity": EVIL, "message": EVIL, "component": EVIL}]
    view = a_view(
        **rows,
        alerts=alerts,
        run_id=EVIL,
        components={EVIL: {"status": EVIL, "message": EVIL}},
        prices={EVIL: "1"},
        data_age_s={EVIL: 1},
        halt={"reason": EVIL, "since": EVIL},
        journal=EVIL,
    )
    for size in [(80, 24), (160, 50)]:
        lines = drawn(view, *size)
        assert all(line.isprintable() for line in lines)
        assert len(lines) == size[1]
    assert "[bold red]x[/]" in text(view, 160, 50)


words = st.text(max_size=30)
amounts = st.one_of(
    st.none(), words, st.floats(), st.integers(), st.decimals(places=4).map(str), st.booleans()
)
row_keys = ("symbol", "side", "size", "entry_price", "quantity", "price", "status", "time", "count")
rows = st.lists(st.dictionaries(st.sampled_from(row_keys), amounts), max_size=4)
views = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("mode", "source", "state", "run_id", "journal"), words),
        **dict.fromkeys(("positions", "open_orders", "fills", "signals", "alerts"), rows),
        "elapsed_s": amounts,
        "equity_history": st.lists(st.floats(), max_size=300),
        "portfolio": st.dictionaries(st.sampled_from(list(a_view()["portfolio"])), amounts),
        "bus": st.dictionaries(st.sampled_from(list(a_view()["bus"])), amounts),
        "prices": st.dictionaries(words, amounts, max_size=4),
        "data_age_s": st.dictionaries(words, amounts, max_size=4),
        "components": st.dictionaries(
            words, st.dictionaries(st.sampled_from(["status", "message"]), amounts), max_size=4
        ),
        "halt": st.none() | st.fixed_dictionaries({"reason": words, "since": words}),
        "progress": st.dictionaries(st.sampled_from(["fraction", "eta_s"]), st.floats()),
    },
)


@settings(max_examples=examples(16))
@given(view=views, width=st.integers(1, 200), height=st.integers(1, 60))
def test_any_view_fits_any_terminal(view: View, width: int, height: int) -> None:
    console = Console(width=width, height=height, file=io.StringIO())
    lines = console.render_lines(render(document(LiveStatus, view), width, height), pad=False)
    shown = ["".join(segment.text for segment in line) for line in lines]
    assert [cell_len(line) for line in shown] == [width] * height
    assert all(line.isprintable() for line in shown)


def test_a_terminal_without_unicode_gets_ascii() -> None:
    output = io.BytesIO()
    file = io.TextIOWrapper(output, encoding="ascii")
    console = Console(file=file, width=80, height=24, force_terminal=True)
    console.print(render(document(LiveStatus, a_view(run_id="köln")), 80, 24))
    file.flush()
    assert b"PAPER - SIMULATED" in output.getvalue()


# --- curves ---------------------------------------------------------------------------------------


@each_row(
    ("values", "width", "curve"),
    [
        ([], 3, "   "),
        ([1.0], 3, "▄  "),
        ([5.0, 5.0, 5.0], 3, "▄▄▄"),
        ([0.0, 7.0], 2, "▁█"),
        ([0, 1, 2, 3, 4, 5, 6, 7], 8, "▁▂▃▄▅▆▇█"),
        ([0, 9, 0, 0, 7], 2, "█▁"),
        ([float("nan"), 1.0, float("inf"), 2.0], 2, "▁█"),
        ([1.0, 2.0], 0, ""),
    ],
)
def test_a_sparkline_runs_from_its_lowest_to_its_highest(
    values: list[float], width: int, curve: str
) -> None:
    assert sparkline(values, width) == curve


def test_a_chart_of_two_rows_is_sixteen_steps_high() -> None:
    assert chart([0, 7.5, 15], 3, 2) == [" ▁█", "▁██"]


@given(st.lists(st.integers(), max_size=50), st.integers(1, 20))
def test_a_thinned_curve_ends_where_the_curve_ends(values: list[int], most: int) -> None:
    kept = thinned([float(v) for v in values], most)
    assert len(kept) == min(len(values), most)
    assert not values or kept[-1] == float(values[-1])


@each_row(
    ("fraction", "cells"),
    [(0, "░░░░"), (0.5, "██░░"), (1, "████"), (7, "████"), (-1, "░░░░"), (float("nan"), "░░░░")],
)
def test_a_bar_is_as_full_as_the_work_is_done(fraction: float, cells: str) -> None:
    assert bar(fraction, 4) == cells


# --- the live panel -------------------------------------------------------------------------------


def a_terminal(file: io.StringIO | None = None) -> Console:
    return Console(file=file or io.StringIO(), force_terminal=True, width=80, height=24)


def written(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def restored(output: str) -> bool:
    return output.rindex(LEAVE) > output.rindex(ENTER) and output.rindex(
        SHOW_CURSOR
    ) > output.rindex(HIDE_CURSOR)


async def test_the_panel_shows_frames_until_stopped_and_gives_the_screen_back() -> None:
    console, stop = a_terminal(), asyncio.Event()
    views = iter(range(3))

    def shown_view() -> LiveStatus:
        if (n := next(views)) == 2:
            stop.set()
        return document(LiveStatus, a_view(run_id=f"frame-{n}"))

    await Panel(shown_view, console, refresh_per_second=1_000).run(stop)
    output = written(console)
    assert all(f"frame-{n}" in output for n in range(3))
    assert restored(output)


async def test_an_error_of_the_view_gives_the_screen_back_and_is_raised() -> None:
    console = a_terminal()

    def shown_view() -> LiveStatus:
        raise LookupError("no such state")

    with pytest.raises(LookupError):
        await Panel(shown_view, console).run(asyncio.Event())
    assert restored(written(console))


async def test_a_cancelled_panel_gives_the_screen_back() -> None:
    console, shown = a_terminal(), asyncio.Event()

    def shown_view() -> LiveStatus:
        shown.set()
        return document(LiveStatus, a_view())

    task = asyncio.create_task(Panel(shown_view, console).run(asyncio.Event()))
    await shown.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert restored(written(console))


async def test_a_terminal_that_takes_nothing_does_not_hold_up_the_loop() -> None:
    loop, stuck, free, stop = (
        asyncio.get_running_loop(),
        asyncio.Event(),
        threading.Event(),
        asyncio.Event(),
    )

    class Frozen(io.StringIO):
        def write(self, output: str) -> int:
            if "RUNNING" in output and not free.is_set():
                loop.call_soon_threadsafe(stuck.set)
                free.wait()
            return super().write(output)

    console = a_terminal(Frozen())
    task = asyncio.create_task(Panel(lambda: document(LiveStatus, a_view()), console).run(stop))
    await stuck.wait()
    assert not task.done()
    stop.set()
    free.set()
    await task
    assert restored(written(console))


async def test_what_is_printed_meanwhile_comes_after_the_panel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal, stop = Terminal(), asyncio.Event()
    monkeypatch.setattr(sys, "stdout", terminal)
    console = Console(force_terminal=True, width=80, height=24)

    def shown_view() -> LiveStatus:
        print("a strategy prints")
        stop.set()
        return document(LiveStatus, a_view())

    await Panel(shown_view, console).run(stop)
    output = terminal.getvalue()
    assert output.index("a strategy prints") > output.index(LEAVE)
    assert sys.stdout is terminal


def test_only_a_real_terminal_suits_the_panel() -> None:
    assert suits(a_terminal())
    assert not suits(Console(file=io.StringIO()))
    assert not suits(Console(file=io.StringIO(), force_terminal=True, width=10, height=2))
