"""Live runs at every exchange's playback venue, under schedules of faults: nothing is doubled, and once
all is quiet the books are what the exchange has. With one commit at three exchanges; deep, at all.

    TRADECTL_VENUE_SEEDS=0,1,2 python -m pytest tests/integration/test_venue_schedules.py -k bybit
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.profiles import in_turn, seeds_of_commit
from tests.schedules.plans import plan_of
from tests.schedules.scheduled_run import perform
from tests.venues import dialect, spoken

CHOSEN = [int(seed) for seed in os.environ.get("TRADECTL_VENUE_SEEDS", "").split(",") if seed]
SPOKEN = {pair: dialect(*pair) for pair in spoken()}
PLAYED = [pair for pair, d in SPOKEN.items() if not d.is_native and not d.not_scheduled]
NAMES = sorted({name for name, _ in PLAYED})
FIXED, DEEP = (1, 4, 2, 7, 3, 9), 24
"""Of an exchange those of the markets that it has."""
KEPT = {
    "bybit": (500023, 600105),
    "gate": (600101,),
    "hyperliquid": (2330104299, 500016),
    "kraken": (4041564858,),
    "kucoin": (600109, 700003),
}
"""What once found something there."""
KINDS = {"spot": "spot", "futures": "perpetual"}


def _has_market(name: str, seed: int) -> bool:
    return (name, KINDS[plan_of(seed).market]) in PLAYED


def pairs() -> list[tuple[str, int]]:
    """An exchange and a seed of a market that it has; with one commit three, each of another exchange."""
    kept = [(name, seed) for name in NAMES for seed in CHOSEN or (*KEPT.get(name, ()), *FIXED)]
    deep = [(name, seed) for name in NAMES for seed in seeds_of_commit(DEEP)]
    had = [pair for pair in kept if _has_market(*pair)]
    return (
        had
        if CHOSEN
        else in_turn(had, len(had) // 3, (pair for pair in deep if _has_market(*pair)))
    )


@pytest.mark.slow
@pytest.mark.parametrize(("name", "seed"), pairs())
def test_whatever_happens_the_promises_hold_there_too(name: str, seed: int, tmp_path: Path) -> None:
    plan = plan_of(seed)
    outcome = perform(plan, tmp_path, dialect(name, KINDS[plan.market]))
    wrong = "\n".join(outcome.wrong)
    assert not outcome.wrong, f"{wrong}\nagain: TRADECTL_VENUE_SEEDS={seed} -k {name}"
