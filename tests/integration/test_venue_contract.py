"""One contract for every exchange: what the live exchange needs of a `Venue`, held by each at its
playback venue, spot and perpetual.

    TRADECTL_CASE="no fill" python -m pytest tests/integration/test_venue_contract.py -k bybit-spot

What an exchange cannot do stands in its dialect (`cannot`), and `tradectl exchanges NAME` says it too.
"""

from __future__ import annotations

import os

import pytest

from tests.venues import dialect, spoken
from tests.venues.contract import CASES, holds
from tests.venues.harness import venue_at

WANTED = os.environ.get("TRADECTL_CASE", "")


@pytest.mark.parametrize(("name", "kind"), spoken(), ids=lambda value: value)
async def test_the_contract_holds(name: str, kind: str) -> None:
    wrong: list[Exception] = []
    for case, runs in CASES.items():
        for run in runs if WANTED in case and holds(case, dialect(name, kind)) else ():
            try:
                async with venue_at(dialect(name, kind)) as at:
                    await run(at)
            except Exception as error:  # all that is wrong is told, not the first of it
                error.add_note(f"{name} {kind}: {case} {getattr(run, 'keywords', '')}")
                wrong.append(error)
    if wrong:
        raise ExceptionGroup(f"{name} {kind}", wrong)
