"""No state is reached in which protection was removed and the position kept (see
`tests.schedules.paper_protection`).

    TRADECTL_PROTECTION_SEED=17 python -m pytest -n 0 -s tests/unit/test_protection_schedules.py
"""

from __future__ import annotations

import os
from collections import Counter

import pytest

from tests.profiles import in_turn
from tests.schedules.paper_protection import ProtectionSchedule

SEED = os.environ.get("TRADECTL_PROTECTION_SEED", "")
CHUNK = 30
CHUNKS = [*range(0, 2400, CHUNK)]
FIRST = [int(SEED)] if SEED else in_turn(CHUNKS, len(CHUNKS))
ONCE_WRONG = (434, 2344)
"""A cancel was asked for again with each refusal: of an entry, of a stop in flattening."""


@pytest.mark.parametrize("first", FIRST)
def test_whatever_happens_a_position_keeps_its_stop(first: int) -> None:
    seen: Counter[str] = Counter()
    for seed in range(first, first + (1 if SEED else CHUNK)):
        schedule = ProtectionSchedule(seed)
        schedule.play()
        if SEED:
            print("\n".join(schedule.log))
        assert not schedule.wrong, f"seed {seed}: {schedule.wrong[0]}"
        seen += schedule.seen
    if not SEED:  # what never trades proves nothing
        assert min(seen[kind] for kind in ("kill", "refuse", "flatten", "halt", "reduce")) > 0
        assert seen["covered"] > 1
        assert seen["flat"] > 1


@pytest.mark.parametrize("seed", ONCE_WRONG)
def test_what_was_wrong_once_is_right(seed: int) -> None:
    schedule = ProtectionSchedule(seed)
    schedule.play()
    assert not schedule.wrong
