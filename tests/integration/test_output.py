"""What commands print: JSON that scripts rely on, tables, and outputs that take nothing."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.command import PATIENCE_S, PIPES, command, environment, journals, tradectl
from tests.fixtures.processes import TRADECTL, start
from tests.fixtures.run_inputs import Character, Typed, trades, waves, written

# --- pipes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        ("orders --json", 1, "tradectl: No space left on device\n"),
        ("status", 1, "tradectl: No space left on device\n"),
    ],
)
def test_a_full_output_is_no_traceback(line: str, code: int, says: str, with_account: Path) -> None:
    with Path("/dev/full").open("w") as full:
        assert said_on_stderr(line, with_account, full.fileno()) == (code, says)


@pytest.mark.parametrize("line", ["orders", "orders --json"])
def test_an_output_that_is_read_no_more_is_no_traceback(line: str, with_account: Path) -> None:
    """As of `orders | head -1`."""
    reading, writing = os.pipe()
    os.close(reading)
    assert said_on_stderr(line, with_account, writing)[1] == ""
    os.close(writing)


def said_on_stderr(line: str, folder: Path, out: int) -> tuple[int, str]:
    """With its exit code, of a command whose stdout is that."""
    words = [*line.split(), "--state-dir", folder]
    with start(words, environment(), **{**PIPES, "stdout": out}) as process:
        _, said = process.communicate(timeout=PATIENCE_S)
    return process.returncode, said


@pytest.mark.parametrize(
    "line",
    [
        "orders --json >&-",
        "run --headless --data good.csv --state-dir here >/dev/null 2>&-",
    ],
)
def test_an_output_that_is_closed_is_no_traceback(
    line: str, with_account: Path, tmp_path: Path
) -> None:
    trades(tmp_path / "good.csv", {"BTCUSDT": waves(300)})
    done = subprocess.run(
        ["/bin/sh", "-c", f"{' '.join(TRADECTL)} {line}"],
        cwd=tmp_path,
        env=environment(TRADECTL_STATE_DIR=str(with_account)),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


# --- JSON ---------------------------------------------------------------------------------------------

NUMBER = re.compile(r"-?\d+(\.\d+)?")
DECIMALS = (
    "equity", "cash", "realized_pnl", "unrealized_pnl", "fees", "margin_used", "drawdown_pct",
    "max_drawdown_pct", "size",
    "entry_price", "current_price", "quantity", "filled", "price", "fee", "pnl",
)  # fmt: skip
TIMES = ("created_at", "time", "started_at", "ended_at", "last_heartbeat", "since")

STATUS = {
    "running", "mode", "run_id", "state", "components", "portfolio", "positions", "open_orders", "bus",
    "halt", "last_seq", "state_hash",
}  # fmt: skip
COMPONENT = {"status", "last_heartbeat", "error_count", "message"}
PORTFOLIO = {
    "equity", "cash", "realized_pnl", "unrealized_pnl", "fees", "margin_used", "drawdown_pct",
        "max_drawdown_pct",
}  # fmt: skip
POSITION = {
    "symbol", "side", "size", "entry_price", "current_price", "unrealized_pnl", "realized_pnl",
}  # fmt: skip
ORDER = {
    "order_id", "client_order_id", "symbol", "side", "type", "quantity", "filled", "price", "status",
}  # fmt: skip
BUS = {"published", "processed", "failed", "dropped", "queue_depth"}
FILL = {
    "trade_id", "order_id", "client_order_id", "symbol", "side", "quantity", "price", "fee",
    "fee_currency", "liquidity", "time",
}  # fmt: skip
ALERT = {"id", "type", "severity", "message", "component", "created_at", "status", "count"}
RUN = {"run_id", "mode", "started_at", "ended_at", "events", "pnl", "status"}
REPLAY = {
    "events", "inputs", "compared", "divergences", "first_divergence", "state_hash",
    "recorded_state_hash", "verified", "truncated_tail", "elapsed_s", "events_per_s",
}  # fmt: skip
RECEIPT = {
    "latched", "latched_ms", "confirmed", "confirmed_ms", "method", "cancelled", "closed",
    "open_orders_left", "positions_left",
}  # fmt: skip


THE_ONE = ("--run", "2")
"""Recorded data is not the account that is shown; ids begin with the year."""


@pytest.fixture(scope="module")
def with_account(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state after a run that has left a position, a resting order and alerts: it bids a little
    below the first prices; BTC falls through its bid, ETH rises."""
    folder = tmp_path_factory.mktemp("account")
    settings = "portfolio = { order_type = 'limit', limit_offset_bps = 5 }"
    config = written(folder, Character.KEEN, Character.RUBBISH, settings=settings)
    prices = {"BTCUSDT": range(60_000, 59_000, -5), "ETHUSDT": range(3_000, 3_200)}
    data = trades(folder / "a.csv", prices)
    words = ("run", "--headless", "-c", config, "--data", data)
    assert tradectl(folder / "state", *words).code == 0
    return folder / "state"


def spelled_right(value: Any, key: str = "") -> bool:
    """Decimals are plain strings and times ISO 8601 UTC, wherever in a document they stand."""
    if isinstance(value, Mapping):
        return all(spelled_right(inner, name) for name, inner in value.items())
    if isinstance(value, list):
        return all(spelled_right(inner, key) for inner in value)
    if value is None or key not in DECIMALS + TIMES:
        return True
    if key in DECIMALS:
        return NUMBER.fullmatch(value) is not None and Decimal(value).is_finite()
    return value.endswith("Z") and datetime.fromisoformat(value).tzinfo == UTC


def test_status_has_the_promised_shape(with_account: Path) -> None:
    status = tradectl(with_account, "status", "--json", *THE_ONE).document()
    assert status.keys() >= STATUS
    assert (status["running"], status["state"], status["mode"]) == (False, "STOPPED", "paper")
    assert status["halt"] is None
    assert status["portfolio"].keys() >= PORTFOLIO
    assert status["bus"].keys() >= BUS
    assert status["components"]
    for component in status["components"].values():
        assert component.keys() >= COMPONENT
    (position,), (order,) = status["positions"], status["open_orders"]
    assert position.keys() >= POSITION
    assert order.keys() >= ORDER
    assert (position["symbol"], order["symbol"]) == ("BTCUSDT", "ETHUSDT")
    assert spelled_right(status)
    for component in status["components"].values():
        assert component["last_heartbeat"] is not None


@pytest.mark.parametrize(
    ("name", "shape", "count"),
    [
        ("positions", POSITION, 1),
        ("orders", ORDER | {"created_at"}, 2),
        ("fills", FILL, 1),
        ("alerts", ALERT, 2),
        ("runs", RUN, 1),
    ],
)
def test_lists_have_the_promised_shapes(
    name: str, shape: set[str], count: int, with_account: Path, typed: Typed
) -> None:
    words = f"{name} --state-dir {with_account} {' '.join(THE_ONE) if name != 'runs' else ''}"
    rows = typed(f"{words} --json").document()
    assert len(rows) >= count
    for row in rows:
        assert shape <= row.keys()
    assert spelled_right(rows)
    table = typed(words)
    assert (table.code, table.err) == (0, "")
    assert "\x1b" not in table.out
    assert table.out.count("\n") == len(rows) + 1


def test_replay_has_the_promised_shape(with_account: Path) -> None:
    (journal,) = journals(with_account)
    verdict = command("replay", journal, "--json", "--trust").document()
    assert verdict.keys() >= REPLAY
    assert (verdict["verified"], verdict["divergences"]) == (True, 0)
    assert verdict["state_hash"] == verdict["recorded_state_hash"]
    assert spelled_right(verdict)


def test_where_nothing_ever_ran_the_documents_are_empty_but_whole(
    typed: Typed, tmp_path: Path
) -> None:
    status = typed(f"status --json --state-dir {tmp_path}").document()
    assert status.keys() >= STATUS
    for name in ("positions", "orders", "fills", "alerts", "runs"):
        assert typed(f"{name} --json --state-dir {tmp_path}").document() == []
    assert "nothing ever did here" in typed(f"status --state-dir {tmp_path}").out
    assert list(tmp_path.iterdir()) == []


def test_strategies_and_the_configuration_are_data_too(typed: Typed) -> None:
    listed = {row["name"]: row for row in typed("strategies --json").document()}
    assert listed["ema-cross"]["parameters"]["fast"] == 10
    assert typed("config show --json").document()["mode"] == "paper"


def test_the_summary_of_a_run_is_one_document(tmp_path: Path) -> None:
    data = trades(tmp_path / "good.csv", {"BTCUSDT": waves(300)})
    answer = tradectl(tmp_path, "run", "--headless", "--json", "--data", data)
    summary = answer.document()
    assert (summary["exit_code"], summary["reason"]) == (0, "end of data")
    assert spelled_right(summary)
    assert Path(summary["journal"]) == journals(tmp_path)[0]
