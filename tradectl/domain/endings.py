"""How a run ended, by the words that it left: whether it came to its end.

Whoever trades an account ends it when he likes; recorded data has an end, and a run on it that did not
come there has not answered what was asked.
"""

from __future__ import annotations

from enum import StrEnum

BY_SIGNAL = {"interrupted", "terminated", "the terminal was closed"}
"""What a run says that was ended by a signal of these kinds."""
BROKEN = ("failed", "the journal failed")
"""What a run begins with that could not go on."""
CRASHED_WORD = "crashed"
"""What is noted of a run that left no word itself."""


class Ending(StrEnum):
    CLEAN = "clean"
    INTERRUPTED = "interrupted"
    BROKE_OFF = "broke off"
    CRASHED = "crashed"
    RUNNING = "running"


def ending(source: str, reason: str | None, *, goes_on: bool) -> Ending:
    """Of a run on `source`, which left `reason` (None or empty: nothing); `goes_on` where a process is
    still at it."""
    if not reason or reason == CRASHED_WORD:
        return Ending.RUNNING if goes_on else Ending.CRASHED
    if reason.startswith(BROKEN):
        return Ending.BROKE_OFF
    if source == "recorded" and reason in BY_SIGNAL:
        return Ending.INTERRUPTED
    return Ending.CLEAN


def is_a_part(ended: Ending, reason: str, until: str) -> str:
    """Why the figures of a run are not those of a whole one, which came to `until`; empty where they
    are."""
    match ended:
        case Ending.CLEAN:
            return ""
        case Ending.RUNNING:
            return f"RUNNING: it still trades, and this is what came of it up to {until}"
        case Ending.INTERRUPTED:
            return f"INTERRUPTED at {until}, before the end of its data: this is of a part"
        case Ending.BROKE_OFF:
            return f"BROKE OFF at {until} ({reason}): this is of a part"
        case Ending.CRASHED:
            return f"BROKE OFF at {until}, without a word, as if killed: this is of a part"


__all__ = ["BY_SIGNAL", "CRASHED_WORD", "Ending", "ending", "is_a_part"]
