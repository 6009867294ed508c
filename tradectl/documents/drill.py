"""`drill`: a scorecard of faults that were made, and of what was seen then."""

from __future__ import annotations

from msgspec import Struct


class DrillRow(Struct, kw_only=True, frozen=True):
    """One drill: what was `tried`, what was `seen`, one line each, and what was not, in `failed`. Where
    this machine does not let it be tried, `skipped` says why, and it has not passed."""

    name: str
    tried: str
    seen: list[str]
    failed: list[str]
    passed: bool
    took_s: float
    skipped: str | None = None


class Scorecard(Struct, kw_only=True, frozen=True):
    """`passed`: every drill that could be tried did. `folder` is where everything is left, where it was
    asked to stay or something failed."""

    passed: bool
    rows: list[DrillRow]
    took_s: float
    folder: str | None = None
