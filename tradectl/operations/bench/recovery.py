"""How long the account takes to be there again after a run that was killed.

Without a snapshot the whole journal is read, checked and folded; with one that was taken at its end,
only what comes behind the seal that this names.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from tradectl.operations.bench.bench import Bench, medians
from tradectl.operations.bench.sized_system import garbage_as_in_a_run
from tradectl.operations.bench.table import Row, at_most
from tradectl.recovery.recovery import Recovered, recover_from
from tradectl.storage.reader import StateReader, StoredSnapshot
from tradectl.storage.signed_snapshot import SignedSeal


class OneSnapshot(StateReader):
    """A database that has this one, of any run."""

    def __init__(self, path: Path, snapshot: StoredSnapshot) -> None:
        super().__init__(path)
        self._snapshot = snapshot

    def snapshots(self, run_id: str, below: int = 0) -> Iterator[StoredSnapshot]:
        yield self._snapshot


def measure(bench: Bench) -> Iterator[Row]:
    journal = bench.journal("flip").journal
    nothing = StateReader(bench.folder / "no.db")
    whole = recover_from(journal, nothing)
    stored = OneSnapshot(bench.folder / "no.db", snapshot_of(whole))
    if not recover_from(journal, stored, checked_elsewhere=True).read_from:
        raise RuntimeError("the snapshot was not used: all was read")
    with garbage_as_in_a_run():
        seconds, quick = medians(
            bench.rounds(9),
            lambda: taken(journal, nothing),
            lambda: taken(journal, stored),
        )
    yield Row(
        what="recovery without a snapshot, a million events",
        value=1e6 * seconds / whole.last_seq,
        unit="s",
        goals=(at_most(1),),
        note=f"{whole.last_seq:,} events",
    )
    yield Row(what="recovery with a snapshot", value=quick, unit="s", goals=(at_most(0.3),))


def taken(journal: Path, reader: StateReader) -> float:
    started = time.perf_counter()
    recover_from(journal, reader, checked_elsewhere=True)
    return time.perf_counter() - started


def snapshot_of(run: Recovered) -> StoredSnapshot:
    """As it would be stored at the end of the run."""
    sealed = msgspec.json.encode(SignedSeal(run.folded_to, mac="")).decode()
    body = msgspec.json.encode(run.account.dump()).decode()
    return StoredSnapshot(run.last_seq, run.state_hash, body, sealed)
