"""Orders that are worked by children at the loopback exchange, by a real process that is killed."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from tests.fixtures.command import PATIENCE_S, wait_until
from tests.fixtures.live_harness import EXCHANGE, LiveHarness
from tests.fixtures.run_inputs import look, private
from tradectl.control.client import ControlError, ask
from tradectl.documents.account import OrderRow
from tradectl.documents.by_hand import HandOrder
from tradectl.domain.errors import NotRunning
from tradectl.storage.directory import StateDir
from tradectl.testkit import loopback_thread

SILENT = """
[[strategies]]
name = "slow"
strategy = "rsi-reversion"
parameters = { timeframe = "1h" }

[execution]
volume_profile = [1, 2, 3]
participation = 1
visible_share = 0.3
"""
NAMES = ("twap", "vwap", "arrival", "pov", "iceberg", "peg")
ALGORITHMS = {name: Decimal(20 + n) / 1000 for n, name in enumerate(NAMES)}
"""And how much each is to buy: two equal orders at once would be a mistake."""


def test_killed_in_the_middle_of_each_algorithm_it_goes_on_to_the_exact_end(tmp_path: Path) -> None:
    """No child twice: what the exchange filled is what was ordered, to the last lot."""
    with loopback_thread(seed=1) as exchange:
        settings = EXCHANGE.format(
            url=exchange.url, market="perpetual", dead_man=0, more="", portfolio="", timeout=1.0
        )
        config = private(tmp_path / "worked.toml", settings + SILENT)
        live = LiveHarness(exchange, tmp_path / "state", config, "futures")
        with live.running() as run:
            wait_until(lambda: trades(live), PATIENCE_S, every=0.05)
            for algorithm in ALGORITHMS:
                assert order(live, algorithm).denied is None
            wait_until(lambda: live.position, PATIENCE_S)
            run.kill()
        before = live.position
        assert Decimal(0) < before < sum(ALGORITHMS.values())
        with live.running():
            wait_until(lambda: all_over(live), 4 * PATIENCE_S, every=0.1)
            assert not live.tradectl("stop").code
        rows = [*look(live.folder).orders()]
        parents = [row for row in rows if row.algorithm]
        assert [row.algorithm for row in parents] == [*ALGORITHMS]
        for parent in parents:
            wanted = ALGORITHMS[parent.algorithm]
            children = [row for row in rows if row.parent_id == parent.order_id]
            assert (parent.status, Decimal(parent.filled)) == ("filled", wanted), parent
            assert sum((Decimal(row.filled) for row in children), Decimal(0)) == wanted
        assert live.position == sum(ALGORITHMS.values())
        assert live.replayed(0).divergences == 0
        assert live.replayed(1).verified


def order(live: LiveHarness, algorithm: str, *, confirm: bool = True) -> HandOrder:
    """As `tradectl order` asks for it."""
    return ask(
        StateDir(live.folder).socket, "order", HandOrder, symbol="BTCUSDT", side="buy",
        quantity=str(ALGORITHMS[algorithm]), algorithm=algorithm, horizon="4", interval="0.5",
        confirm=confirm,
    )  # fmt: skip


def trades(live: LiveHarness) -> bool:
    try:
        return order(live, "twap", confirm=False).denied is None
    except (ControlError, NotRunning):  # no price yet
        return False


def all_over(live: LiveHarness) -> bool:
    rows: list[OrderRow] = [*look(live.folder).orders()]
    parents = [row for row in rows if row.algorithm]
    return len(parents) == len(ALGORITHMS) and all(
        row.status in ("filled", "expired", "canceled") for row in parents
    )
