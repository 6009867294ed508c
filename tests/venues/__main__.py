"""Write down what is proven of each exchange, for `tradectl exchanges`: `python -m tests.venues`.

The contract suite fails where a case does not hold, so that what stands there holds.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.venues import Dialect, dialect, spoken
from tests.venues.contract import CASES, holds
from tradectl.exchange.ccxt_venue import tables

PATH = Path(tables.__file__).with_name("proofs.json")
CONTRACT = "tests/integration/test_venue_contract.py[{}-{}]"
SCHEDULES = "tests/integration/test_venue_schedules.py[{}]"
LOOPBACK = "tests/integration/test_live_schedules.py"


def proofs() -> dict[str, Any]:
    exchanges: dict[str, Any] = {}
    for name, kind in spoken():
        spoken_there = dialect(name, kind)
        tests = [CONTRACT.format(name, kind)]
        if spoken_there.is_native:
            tests.append(LOOPBACK)
        elif not spoken_there.not_scheduled:
            tests.append(SCHEDULES.format(name))
        exchanges.setdefault(name, {})[kind] = {
            "tests": tests,
            "cases": [case for case in CASES if holds(case, spoken_there)],
            "cannot": cannot(spoken_there),
            "source": source(spoken_there),
        }
    return exchanges


def cannot(spoken_there: Dialect) -> dict[str, str]:
    why = dict(spoken_there.cannot)
    if spoken_there.talk is None and not spoken_there.is_native:
        why["streams"] = "what it pushes is not played back: proven is what it is asked for"
    return why


def source(spoken_there: Dialect) -> str:
    talk = spoken_there.talk
    return spoken_there.source if talk is None else f"{spoken_there.source}; pushed: {talk.source}"


def text() -> str:
    return json.dumps(proofs(), indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    PATH.write_text(text())
