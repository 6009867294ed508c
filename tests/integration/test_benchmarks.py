"""The benchmark of growth runs and says what it has to say; how fast anything is, no test asserts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.benchmarks import growth

RUN = Path(growth.__file__).with_name("run.py")


def test_every_size_is_compared_with_the_smallest_of_its_kind_and_judged() -> None:
    ended = subprocess.run(
        [sys.executable, str(RUN), "growth", "--quick", "--json"],
        capture_output=True,
        timeout=300,
        check=True,
    )
    rows = json.loads(ended.stdout)["rows"]
    assert len(rows) == sum(len(each.sizes) for each in growth.GROWTHS)
    for row in rows:
        assert row["value"] > 0
        assert row["ratio"] == row["value"] / row["other"]
        assert row["verdict"] == ("goal" if row["ratio"] <= 1.3 else "missed")
