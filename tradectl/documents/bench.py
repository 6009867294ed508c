"""`bench`: promises, what was measured, and the verdict."""

from __future__ import annotations

from msgspec import Struct


class PromiseRow(Struct, kw_only=True, frozen=True):
    """`measured` is in `unit`, and `ratio` is it over what it was measured `against`. `floor` must hold,
    `goals` are what is aimed at. `verdict`: goal (all are reached), floor, missed (no floor, and not all
    goals), FLOOR MISSED, or empty where nothing was promised."""

    measure: str
    what: str
    measured: float
    unit: str
    against: str | None
    ratio: float | None
    floor: str | None
    goals: list[str]
    verdict: str
    note: str


class BenchReport(Struct, kw_only=True, frozen=True):
    """`floors_hold`: each of them, and every figure was had; `failed` are measures that came to none.
    `load` is the machine's: a busy one measures less."""

    rows: list[PromiseRow]
    failed: dict[str, str]
    floors_hold: bool
    quick: bool
    took_s: float
    python: str
    processors: int
    load: str
