"""What a start passed over of a journal is checked beside the run, a piece at a time.

The snapshot that an account is recovered from is right by its own hash. The journal before it is what
proves how the account came there, and damage in it is told of as soon as it is found: by then trading
goes on, from what is whole.
"""

from __future__ import annotations

from pathlib import Path

from tradectl.bus.clock import Sleep
from tradectl.domain.errors import JournalForged
from tradectl.journal.reader import LONGEST_GROUP, JournalReader
from tradectl.journal.signature import KnownKeys, Signed

PIECE = 128 * 1024
PAUSE_S = 0.02
"""A piece takes a fraction of a millisecond, so that of the run's time a fiftieth is taken at most."""


async def check_passed_over(path: Path, until: int, sleep: Sleep, keys: KnownKeys) -> None:
    """Look at every seal of the journal before byte `until`, and at its signature, where it has one by
    one of `keys`. Raises JournalError."""
    with JournalReader(path, keys=keys, largest=LONGEST_GROUP) as journal:
        checked = 0
        for place in journal.check():
            if journal.signature.signed is Signed.FORGED:
                after = journal.signature.forged_after
                raise JournalForged(f"{path} was changed after record {after}: it is not signed so")
            if place >= until:
                return
            if place - checked >= PIECE:
                checked = place
                await sleep(PAUSE_S)


__all__ = ["check_passed_over"]
