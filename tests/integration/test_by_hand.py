"""`order`, `cancel` and `close` as an operator uses them, from another terminal."""

from __future__ import annotations

import json
from pathlib import Path

from tests.fixtures.command import records_of, running, tradectl, wait_until
from tests.fixtures.run_inputs import look, private, replayed
from tradectl.domain.events import CommandReceived
from tradectl.domain.orders import BY_HAND

SILENT = """
[[strategies]]
name = "slow"
strategy = "rsi-reversion"
parameters = { timeframe = "1h" }
"""
DENIED, USAGE, NOT_RUNNING, HALTED = 1, 2, 4, 6


def test_one_order_one_cancel_one_close(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    assert tradectl(folder, "order", "BTCUSDT", "buy", "1").code == NOT_RUNNING
    assert tradectl(folder, "order", "BTCUSDT", "buy", "none").code == USAGE
    assert tradectl(folder, "order", "BTCUSDT", "hold", "1").code == USAGE
    with running(folder, "-c", private(tmp_path / "silent.toml", SILENT)):
        wait_until(lambda: not tradectl(folder, "order", "ETHUSDT", "buy", "0.1").code, every=0.1)
        shown = tradectl(folder, "order", "BTCUSDT", "buy", "0.1", "--json")
        preview = shown.document()
        assert (shown.code, preview["confirmed"], preview["order"]) == (0, False, None)
        assert preview["plan"] is None
        assert all(check["passed"] for check in preview["checks"])
        assert not look(folder).status().positions

        bought = tradectl(
            folder, "order", "BTCUSDT", "buy", "0.1", "--confirm", "--json"
        ).document()
        assert (bought["confirmed"], bought["denied"]) == (True, None)
        assert bought["order"]["strategy"] == BY_HAND
        denied = tradectl(folder, "order", "BTCUSDT", "buy", "99", "--confirm", "--json")
        assert (denied.code, json.loads(denied.out)["denied"]["code"]) == (DENIED, "ORDER_NOTIONAL")
        for odd, near in (("XUSDT", "known: BTCUSDT, "), ("btc/usdt", "did you mean 'BTCUSDT'?")):
            unknown = tradectl(folder, "order", odd, "buy", "1")
            assert unknown.code == DENIED
            assert near in unknown.complaint()
        slow = ("--algorithm", "twap", "--horizon", "10", "--interval", "30")
        wrong = tradectl(folder, "order", "BTCUSDT", "buy", "1", *slow)
        assert wrong.code == USAGE
        assert "--interval: expected no more than --horizon (10), got 30" in wrong.complaint()
        filled = bought["order"]["order_id"]
        assert f"order {filled} of BTCUSDT is filled: there is nothing left to cancel" in (
            tradectl(folder, "cancel", filled).complaint()
        )

        low = str(round(float(preview["notional"]) / 0.1 * 0.95))
        words = ("order", "BTCUSDT", "buy", "0.1", "--limit", low, "--confirm", "--json")
        resting = tradectl(folder, *words).document()["order"]["order_id"]
        cancelled = tradectl(folder, "cancel", resting, "--json").document()["order"]
        assert cancelled["status"] in ("pending_cancel", "canceled")

        words = ("order", "ETHUSDT", "buy", "1", "--algorithm", "twap", "--horizon", "0.4")
        plan = tradectl(folder, *words, "--interval", "0.1", "--json").document()["plan"]
        assert plan == {"horizon_s": 0.4, "interval_s": 0.1, "parts": 4, "rest": "sent"}
        worked = tradectl(folder, *words, "--interval", "0.1", "--confirm", "--json").document()
        closed = tradectl(folder, "close", "BTCUSDT", "--json")
        assert (closed.code, closed.document()["size"]) == (0, "0.1")
        assert tradectl(folder, "close", "BTCUSDT").code == DENIED
        assert tradectl(folder, "stop").code == 0
    rows = {row.order_id: row for row in look(folder).orders()}
    parent = rows[worked["order"]["order_id"]]
    assert (parent.algorithm, parent.strategy) == ("twap", BY_HAND)
    assert any(row.parent_id == parent.order_id for row in rows.values())
    assert replayed(folder).verified

    assert tradectl(folder, "emergency-stop").code in (0, 1)
    assert tradectl(folder, "order", "BTCUSDT", "buy", "0.1").code == HALTED
    assert len([r for r in records_of(run_of(folder)) if isinstance(r.event, CommandReceived)]) == 6


def run_of(folder: Path) -> Path:
    return sorted((folder / "journals").glob("*.jsonl"))[0]
