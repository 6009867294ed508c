"""kill -9 at any moment: what anybody has seen of the account is still there afterwards.

A run that orders hundreds of times a second is killed and started again, over and over, on one state
directory. `Observations` keeps everything that was shown on the way; the journals, the database and the
state that a restart recovers must agree with it and with each other.
"""

from __future__ import annotations

import re
import signal
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.fixtures.command import (
    BUSY,
    journals,
    records_of,
    running,
    tradectl,
)
from tests.fixtures.documents import as_json
from tests.fixtures.run_inputs import begins_where
from tests.profiles import in_turn, is_deep
from tradectl.documents.account import Consistency
from tradectl.documents.operations import ReplayReport
from tradectl.domain.events import OrderApproved, OrderFilled, OrderInitialized
from tradectl.operations.inspector import Inspector
from tradectl.recovery.recovery import Recovered, recover
from tradectl.replay.replay import NO_LIMIT, Replay
from tradectl.storage.directory import StateDir

CYCLES = 50 if is_deep() else 4
PRINTED = re.compile(r" FILL (\w+) (\S+) (\S+) @ (\S+) fee (\S+) \((\S+)\)$")

Fill = Mapping[str, Any]


class Observations:
    """What was shown of one account: by `fills`, by `status`, and as lines of the run itself."""

    def __init__(self, folder: Path) -> None:
        self.inspector = Inspector(StateDir(folder))
        self.fills: set[tuple[str, str]] = set()
        self.printed: Counter[tuple[object, ...]] = Counter()
        self.state: tuple[int, str] = (0, "")

    def look(self) -> None:
        self.fills |= {key(row) for row in as_json([*self.inspector.fills()])}
        status = self.inspector.status()
        assert status.running
        assert status.consistency == Consistency()
        self.state = status.last_seq, status.state_hash or ""

    def read(self, lines: Iterable[str]) -> None:
        for line in lines:
            if " FILL " in line:
                found = PRINTED.search(line)
                assert found is not None, line
                side, quantity, symbol, price, fee, order_id = found.groups()
                self.printed[
                    side, Decimal(quantity), symbol, Decimal(price), Decimal(fee), order_id
                ] += 1

    def check_nothing_is_lost(self) -> None:
        rows = as_json([*self.inspector.fills()])
        assert self.fills <= {key(row) for row in rows}
        assert self.printed <= Counter(as_printed(row) for row in rows)


def key(row: Fill) -> tuple[str, str]:
    return row["order_id"], row["trade_id"]


def as_printed(row: Fill) -> tuple[object, ...]:
    numbers = [Decimal(row[name]) for name in ("quantity", "price", "fee")]
    return row["side"], numbers[0], row["symbol"], *numbers[1:], row["order_id"]


THRIFTY = BUSY.replace(
    "latency_ms", "maker_fee = 0, taker_fee = 0.00001, slippage_bps = 0, latency_ms", 1
)
"""Orders at a price that an account can pay hundreds of times a second, for minutes."""
LIMITS = """
portfolio = { order_type = "limit", limit_offset_bps = 0.5 }
journal.durability = "strict"
"""


def replayed(path: Path, until: int = NO_LIMIT) -> ReplayReport:
    return Replay(path).run(until=until)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "cycles"),
    in_turn(
        [
            pytest.param(THRIFTY, CYCLES, id="market"),
            pytest.param(LIMITS + THRIFTY, max(CYCLES // 3, 2), id="limit"),
        ],
        2,
    ),
)
def test_killed_at_random_moments_nothing_that_was_shown_is_lost(
    tmp_path: Path, settings: str, cycles: int
) -> None:
    folder, chance = tmp_path / "state", Random(20)
    busy = tmp_path / "busy.toml"
    busy.write_text(settings)
    observed = Observations(folder)
    before: Recovered | None = None
    for cycle in range(cycles):
        with running(folder, "-c", busy, "--seed", cycle) as run:
            observed.check_nothing_is_lost()
            for _ in range(chance.randrange(1, 20)):
                run.line(" FILL ")
            observed.look()
            time.sleep(chance.random() * 0.3)  # the moment of death is the one thing left to chance
            run.kill()
            observed.read(run.lines)
        before = check_the_killed_run(folder, before, observed.state)
    check_the_whole_account(folder, busy, observed)


def check_the_killed_run(
    folder: Path, before: Recovered | None, shown: tuple[int, str]
) -> Recovered:
    """It began where the one before was killed, it replays, and so it is recovered."""
    recovered = recover(StateDir(folder))
    assert recovered is not None
    path = journals(folder)[-1]
    assert (recovered.journal, recovered.clean) == (path, False)
    if before is not None:
        assert begins_where(before, path)
    result = replayed(path)
    assert result.verified, result.first_divergence
    assert result.state_hash == recovered.state_hash
    assert recovered.account.duplicates == 0
    seq, state_hash = shown
    assert seq <= recovered.last_seq
    assert replayed(path, until=seq).state_hash == state_hash
    return recovered


def check_the_whole_account(folder: Path, busy: Path, observed: Observations) -> None:
    """After a clean end: journals, database and books tell the same story, each order sent once."""
    with running(folder, "-c", busy) as run:
        run.send(signal.SIGTERM)
        assert run.end().code == 0
    observed.check_nothing_is_lost()
    wanted: dict[str, Decimal] = {}
    filled: Counter[str] = Counter()
    approved: Counter[str] = Counter()
    trades: Counter[tuple[str, str]] = Counter()
    for path in journals(folder):
        for record in records_of(path):
            match record.event:
                case OrderInitialized(order=order):
                    assert order.order_id not in wanted
                    wanted[order.order_id] = order.quantity
                case OrderApproved(order_id=order_id):
                    approved[order_id] += 1
                case OrderFilled() as fill:
                    trades[fill.order_id, fill.trade_id] += 1
                    filled[fill.order_id] += fill.quantity  # type: ignore[assignment]
    assert set(approved.values()) == set(trades.values()) == {1}
    assert all(order_id in approved and filled[order_id] <= wanted[order_id] for order_id in filled)
    stored = tradectl(folder, "fills", "--json").document()
    assert Counter(map(key, stored)) == trades
    orders = tradectl(folder, "orders", "--json").document()
    assert {o["order_id"]: Decimal(o["filled"]) for o in orders} == {i: filled[i] for i in wanted}
    status = tradectl(folder, "status", "--json").document()
    assert status["consistency"]["ok"]
    runs = tradectl(folder, "runs", "--json").document()
    assert [r["status"] for r in runs] == ["crashed"] * (len(runs) - 1) + ["clean"]
