"""Live runs at every exchange's playback venue, under schedules of faults: nothing is doubled, and once
all is quiet the books are what the exchange has.

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


def seeds_of(name: str) -> list[int]:
    if CHOSEN:
        return CHOSEN
    theirs = [seed for seed in FIXED if (name, KINDS[plan_of(seed).market]) in PLAYED]
    kept = [*KEPT.get(name, ()), *theirs]
    return in_turn(kept, len(kept), seeds_of_commit(DEEP))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_whatever_happens_the_promises_hold_there_too(name: str, tmp_path: Path) -> None:
    for seed in seeds_of(name):
        plan = plan_of(seed)
        if (name, KINDS[plan.market]) not in PLAYED:
            continue
        folder = tmp_path / str(seed)
        folder.mkdir()
        outcome = perform(plan, folder, dialect(name, KINDS[plan.market]))
        wrong = "\n".join(outcome.wrong)
        assert not outcome.wrong, f"{wrong}\nagain: TRADECTL_VENUE_SEEDS={seed} -k {name}"
