"""What a benchmark has to say: rows with a figure, what it is compared with, and what was promised.

A ratio is always measured / compared with, both taken in the same run. Promises are section 5 of the
specification: a floor that must hold, and goals that we are after.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct, to_builtins


class Bound(Struct, frozen=True):
    """A limit on a row's value, or on its ratio; reached from above or, `at_most`, from below."""

    limit: float
    of_ratio: bool = False
    at_most: bool = False

    def is_met(self, row: Row) -> bool | None:
        """None where there is no ratio to judge."""
        found = row.ratio if self.of_ratio else row.value
        if found is None:
            return None
        return found <= self.limit if self.at_most else found >= self.limit

    def text(self) -> str:
        return f"{'<=' if self.at_most else '>='} {short(self.limit)}{'x' if self.of_ratio else ''}"


def at_least(limit: float) -> Bound:
    return Bound(limit)


def at_most(limit: float) -> Bound:
    return Bound(limit, at_most=True)


def times(ratio: float) -> Bound:
    """At least `ratio` times what it is compared with."""
    return Bound(ratio, of_ratio=True)


def at_most_times(ratio: float) -> Bound:
    return Bound(ratio, of_ratio=True, at_most=True)


class Row(Struct, frozen=True, kw_only=True):
    """One line of the table. `value` and `other` are in `unit`; `against` says what `other` is."""

    what: str
    value: float
    unit: str
    against: str = ""
    other: float | None = None
    floor: Bound | None = None
    goals: tuple[Bound, ...] = ()
    note: str = ""

    @property
    def ratio(self) -> float | None:
        return self.value / self.other if self.other else None

    @property
    def verdict(self) -> str:
        """What was reached: `goal`, `floor`, `missed`, `FLOOR MISSED`, or nothing to be judged."""
        reached = [held for goal in self.goals if (held := goal.is_met(self)) is not None]
        above_floor = self.floor.is_met(self) if self.floor is not None else None
        if above_floor is False:
            return MISSED_FLOOR
        if reached and all(reached):
            return "goal"
        if above_floor:
            return "floor"
        return "missed" if reached else ""

    def document(self) -> dict[str, Any]:
        """JSON-ready, with the ratio and the verdict."""
        document: dict[str, Any] = to_builtins(self)
        document["floor"] = self.floor.text() if self.floor is not None else None
        document["goals"] = [goal.text() for goal in self.goals]
        return {**document, "ratio": self.ratio, "verdict": self.verdict}

    def cells(self) -> tuple[str, ...]:
        compared = f"{self.against}: {short(self.other)}" if self.other is not None else ""
        return (
            self.what,
            f"{short(self.value)} {self.unit}".rstrip(),
            compared,
            f"{self.ratio:.2f}x" if self.ratio is not None else "",
            self.floor.text() if self.floor is not None else "",
            ", ".join(goal.text() for goal in self.goals),
            self.verdict,
        )


MISSED_FLOOR = "FLOOR MISSED"
HEADINGS = ("what", "measured", "compared with", "ratio", "floor", "goal", "reached")


def short(value: float) -> str:
    """Three digits, or all of those before the point."""
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:.3g}"


def as_text(rows: Sequence[Row]) -> str:
    """The table, columns aligned, and the notes below it."""
    lines = [HEADINGS, *(row.cells() for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    table = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    table.insert(1, "  ".join("-" * width for width in widths))
    notes = [f"- {row.what}: {row.note}" for row in rows if row.note]
    return "\n".join([*table, "", *notes]) if notes else "\n".join(table)
