"""The list of drills, and how they are run: two at a time, each in a folder of its own."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tradectl.bus.clock import ComputerClock
from tradectl.documents.drill import DrillRow, Scorecard
from tradectl.domain.errors import TradectlError, UsageError
from tradectl.operations.drill import live, paper
from tradectl.operations.drill.trial import CannotBeTried, NotSeen, Trial

AT_ONCE = 2


class Drill(NamedTuple):
    tried: str
    run: Callable[[Trial], None]


DRILLS: dict[str, Drill] = {
    "kill-9": Drill("kill -9 while orders fill", paper.kill_9),
    "stopped-process": Drill(
        "a process that hangs (SIGSTOP), and an emergency stop", paper.stopped_process
    ),
    "torn-journal": Drill(
        "a line that was not written whole, and a flipped bit", paper.torn_journal
    ),
    "full-disk": Drill("a journal that can grow no more", paper.full_disk),
    "runaway-strategy": Drill("a strategy that wants hundreds of orders a second", paper.runaway),
    "two-instances": Drill("a second run on the same state directory", paper.two_instances),
    "dead-alert-channel": Drill("alerts that nobody can be told", paper.dead_alert_channel),
    "dead-feed": Drill("an exchange whose streams stay open and say nothing", live.dead_feed),
    "lying-exchange": Drill(
        "an exchange that loses, cuts and repeats its answers", live.lying_exchange
    ),
    "wrong-clock": Drill("a clock 30 s behind the exchange's", live.wrong_clock),
    "halt-with-a-stop": Drill(
        "an emergency stop while a protective stop rests", live.halt_with_a_stop
    ),
    "your-coins": Drill("coins of yours on the account, and a flatten", live.coins_of_the_user),
}
"""By the name that `drill NAME` takes."""


def drill(
    names: Sequence[str] = (),
    *,
    folder: Path | None = None,
    told: Callable[[DrillRow], None] = lambda row: None,
) -> Scorecard:
    """Those of these `names`, or all; `told` hears of each that is over. Everything stays in `folder`
    where that is named. Raises UsageError."""
    if unknown := [name for name in names if name not in DRILLS]:
        raise UsageError(f"no drill {unknown[0]!r:.40}: there are {', '.join(DRILLS)}")
    since = ComputerClock.monotonic()
    try:
        place = Path(tempfile.mkdtemp(prefix="tradectl-drill-", dir=folder))
    except OSError as error:
        raise UsageError(f"cannot make a folder for the drill: {error.strerror}") from error

    def run(name: str) -> DrillRow:
        row = _run(name, DRILLS[name], place / name)
        told(row)
        return row

    with ThreadPoolExecutor(AT_ONCE) as pool:
        rows = list(pool.map(run, names or DRILLS))
    passed = all(row.passed or row.skipped for row in rows)
    stays = folder is not None or not passed
    if not stays:
        shutil.rmtree(place, ignore_errors=True)
    return Scorecard(
        passed=passed,
        rows=rows,
        took_s=round(ComputerClock.monotonic() - since, 1),
        folder=str(place) if stays else None,
    )


def _run(name: str, drill: Drill, folder: Path) -> DrillRow:
    since = ComputerClock.monotonic()
    trial, skipped = Trial(folder), None
    try:
        drill.run(trial)
    except CannotBeTried as error:
        skipped = str(error)
    except NotSeen as error:
        trial.failed.append(str(error))
    except (TradectlError, OSError, TimeoutError) as error:
        trial.failed.append(f"it could not be seen through: {error}")
    return DrillRow(
        name=name,
        tried=drill.tried,
        seen=trial.seen,
        failed=trial.failed,
        passed=bool(trial.seen) and not trial.failed,
        skipped=skipped,
        took_s=round(ComputerClock.monotonic() - since, 1),
    )


__all__ = ["DRILLS", "drill"]
