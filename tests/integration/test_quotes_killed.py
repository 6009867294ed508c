"""A run that quotes is killed in the middle: the next goes on with the same orders, and doubles none."""

from __future__ import annotations

from pathlib import Path

from tests.fixtures.command import journals, records_of, running, tradectl, wait_until
from tests.fixtures.run_inputs import replayed
from tradectl.domain.events import OrderInitialized

MAKER = """
symbols = ["BTCUSDT"]
feed.ticks_per_second = 50

[[strategies]]
name = "maker"
strategy = "FILE:Maker"
"""
STRATEGY = '''
from tradectl.strategy import Strategy


class Maker(Strategy):
    """Five bids well below the market: they rest."""

    def on_trade(self, trade):
        return self.quote([(59_000 - n, 0.01, f"level {n}") for n in range(5)])
'''


def tags(folder: Path) -> dict[str, str]:
    """Order by tag, of those that work."""
    rows = tradectl(folder, "status", "--json").document()["open_orders"]
    return {row["tag"]: row["order_id"] for row in rows}


def test_a_kill_leaves_what_rests_where_it_is(tmp_path: Path) -> None:
    file, config, folder = tmp_path / "maker.py", tmp_path / "maker.toml", tmp_path / "state"
    file.write_text(STRATEGY)
    file.chmod(0o600)
    config.write_text(MAKER.replace("FILE", str(file)))
    with running(folder, "-c", config) as run:
        wait_until(lambda: len(tags(folder)) == 5)
        before = tags(folder)
        run.kill()
    with running(folder, "-c", config):
        wait_until(lambda: tradectl(folder, "status", "--json").document()["last_seq"] > 60)
        assert tags(folder) == before
    assert sorted(before) == [f"level {n}" for n in range(5)]
    _, second = journals(folder)
    assert [r for r in records_of(second) if isinstance(r.event, OrderInitialized)] == []
    for number in (0, 1):
        assert replayed(folder, number).verified
