"""A week of a live trader, on a simulated operating system and an exchange that the real ccxt speaks to.

Funding every eight hours, keys that run out, connections of a day, maintenance, a ban, a line that is
down, a laptop that sleeps, kill -9, lots that become larger, a symbol that closes, stop-outs, a user who
trades by hand, puts in money and coins and takes them out (`tests.week.happenings`). At its end the
books are the exchange's to the last digit, every alert had a cause, every journal replays, no order was
sent twice, and no position was left without its stop.

All of it happens in a day as well, by hours of seven and a half minutes, on the two markets in turn; a
whole week is deep.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.profiles import in_turn, is_deep
from tests.week.happenings import FUTURES, HAPPENINGS, SPOT, plan
from tests.week.live_trader import live_through
from tests.week.world import SHORT_HOUR_S

SHORT = {"hour_s": SHORT_HOUR_S, "step": 2.0, "reconcile": 2.0}
RICH = {"step": 0.25, "reconcile": 1 / 6}
"""Hours from one price to the next, and from one comparison to the next."""
DEEP = [(seed, RICH if seed == 2 else {}) for seed in range(1, 12)]
WEEKS: list[tuple[int, dict[str, Any]]] = [(1, SHORT), *(DEEP if is_deep() else [])]


@pytest.mark.parametrize("market", in_turn((SPOT, FUTURES), 2))
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
