"""A week of a live trader, on a simulated operating system and an exchange that the real ccxt speaks to.

Funding every eight hours, keys that run out, connections of a day, maintenance, a ban, a line that is
down, a laptop that sleeps, kill -9, lots that become larger, a symbol that closes, stop-outs, a user who
trades by hand, puts in money and coins and takes them out (`tests.week.happenings`). At its end the
books are the exchange's to the last digit, every alert had a cause, every journal replays, no order was
sent twice, and no position was left without its stop.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.profiles import is_deep
from tests.week.happenings import FUTURES, HAPPENINGS, SPOT, plan
from tests.week.live_trader import live_through

RICH = {"step": 0.25, "reconcile_s": 600.0}
"""Hours from one price to the next, seconds from one comparison to the next."""
WEEKS = [(1, {}), *((seed, RICH if seed == 2 else {}) for seed in range(2, 12) if is_deep())]


@pytest.mark.parametrize("market", [SPOT, FUTURES])
@pytest.mark.parametrize(("seed", "how"), WEEKS)
def test_a_week_of_a_live_trader(
    seed: int, how: dict[str, Any], market: str, tmp_path: Path
) -> None:
    lived = live_through(plan, market, tmp_path, seed=seed, **how)
    assert lived.wrong == [], "\n".join(lived.wrong)
    felt = {h.what for h in HAPPENINGS if market in h.markets and h.explains}
    assert felt == set(lived.explained), "what is to be noticed, is"
    assert lived.counts["fills"] > 10
    assert lived.counts["runs"] == 4
