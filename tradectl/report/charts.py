"""Lines, areas, bars and dots, as inline SVG that stretches to any width.

A plot is 1,000 by 1,000 units, stretched to its place; strokes and dots keep their size. What is written
stands beside it as plain text, set at a percentage of its width or height by a class (`x37`, `y12`): so a
label is as large on a telephone as on a wide screen, and no style attribute is needed.

A plot that has `points` can be walked through, with the pointer or the arrow keys: each is an x, a y and
what is said of it below the plot.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from tradectl.report.markup import Markup, join, number, tag

SIZE = 1000.0
TICKS = 4
Xy = tuple[float, float]


class Said(NamedTuple):
    """A point that can be asked about."""

    x: float
    y: float
    text: str


class Scale:
    """Values between `low` and `high` on 0 to 1,000; upright ones begin at the bottom."""

    def __init__(self, low: float, high: float, *, upright: bool = False) -> None:
        if not high > low:
            middle = abs(high) * 0.01 or 1.0
            low, high = low - middle, high + middle
        self.low, self.high, self._upright = low, high, upright

    def __call__(self, value: float) -> float:
        at = (value - self.low) / (self.high - self.low) * SIZE
        return round(SIZE - at if self._upright else at, 1)

    def ticks(self, most: int = TICKS) -> list[float]:
        """Round numbers, evenly apart, at most one more than `most`."""
        step = _round_step((self.high - self.low) / most)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [n * step for n in range(first, last + 1)]


def _round_step(raw: float) -> float:
    power = 10.0 ** math.floor(math.log10(raw))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= raw * (1 - 1e-9))


def seconds(time: str) -> float:
    """Since 1970, of an ISO 8601 time."""
    return datetime.fromisoformat(time).timestamp()


def time_labels(scale: Scale, most: int = 5) -> list[tuple[float, str]]:
    """Where to write what, of a scale in seconds."""
    span = scale.high - scale.low
    form = (
        "%H:%M:%S"
        if span < 1_800
        else "%H:%M"
        if span < 2 * 86_400
        else "%d %b"
        if span < 400 * 86_400
        else "%b %Y"
    )
    labels = []
    for n in range(most):
        at = scale.low + span * (n + 0.5) / most
        labels.append((scale(at), f"{datetime.fromtimestamp(at, UTC):{form}}"))
    return labels


# --- shapes ----------------------------------------------------------------------------------------


def path_of(points: Sequence[Xy]) -> str:
    return "M" + "L".join(f"{number(x)} {number(y)}" for x, y in points)


def line(points: Sequence[Xy], class_: str) -> Markup:
    return _shape(path_of(points), f"line {class_}") if len(points) > 1 else Markup("")


def area(points: Sequence[Xy], base: float, class_: str) -> Markup:
    """Between the points and the height `base`."""
    if len(points) < 2:
        return Markup("")
    closed = [(points[0][0], base), *points, (points[-1][0], base)]
    return _shape(path_of(closed) + "Z", class_)


def band(upper: Sequence[Xy], lower: Sequence[Xy], class_: str) -> Markup:
    if len(upper) < 2:
        return Markup("")
    return _shape(path_of([*upper, *reversed(lower)]) + "Z", class_)


def level(y: float, class_: str = "grid") -> Markup:
    """From side to side."""
    return _shape(f"M0 {number(y)}H1000", f"line {class_}")


def dots(points: Sequence[Xy], class_: str) -> Markup:
    """Round whatever the stretch: lines without a length, with round ends."""
    if not points:
        return Markup("")
    return _shape("".join(f"M{number(x)} {number(y)}h0" for x, y in points), f"dot {class_}")


def segments(pairs: Sequence[tuple[Xy, Xy]], class_: str) -> Markup:
    if not pairs:
        return Markup("")
    return _shape("".join(path_of(pair) for pair in pairs), f"line {class_}")


def column(x: float, width: float, y: float, base: float, class_: str) -> Markup:
    top, height = min(y, base), max(abs(y - base), 1.0)
    return tag("rect", x=x, y=top, width=max(width, 0.5), height=height, class_=class_)


def _shape(d: str, class_: str) -> Markup:
    return tag("path", d=d, class_=class_)


# --- plots -----------------------------------------------------------------------------------------


def plot(
    name: str,
    *shapes: Markup,
    y_labels: Sequence[tuple[float, str]] = (),
    x_labels: Sequence[tuple[float, str]] = (),
    points: Sequence[Said] = (),
    size: str = "tall",
) -> Markup:
    """The shapes with their labels; `name` says to who cannot see it what it shows."""
    grid = join(*(level(y) for y, _ in y_labels))
    drawn = tag(
        "svg", grid, *shapes, viewBox="0 0 1000 1000", preserveAspectRatio="none",
        role="img", aria_label=name,
    )  # fmt: skip
    inside = tag(
        "div", drawn, *(_label("y", y, text) for y, text in y_labels),
        class_=f"plot {size}",
        data_points=json.dumps([[p.x, p.y, p.text] for p in points]) if points else None,
        tabindex="0" if points else None,
        role="group" if points else None,
        aria_label=f"{name}: walk through with the arrow keys" if points else None,
    )  # fmt: skip
    below = tag("div", *(_label("x", x, text) for x, text in x_labels), class_="xs")
    said = tag("p", "\N{NO-BREAK SPACE}", class_="said", aria_live="polite") if points else None
    return join(inside, below, said)


def value_labels(scale: Scale, spell: Callable[[float], str]) -> list[tuple[float, str]]:
    return [(scale(tick), spell(tick)) for tick in scale.ticks()]


def _label(axis: str, at: float, text: str) -> Markup:
    return tag("span", text, class_=f"{axis} {axis}{min(max(round(at / 10), 0), 100)}")


def bar(value: float, largest: float) -> Markup:
    """In a table: to the right of the middle what was won, to the left what was lost."""
    share = 50 * value / largest if largest else 0.0
    drawn = tag(
        "rect", x=50 + min(share, 0), y=0, width=abs(share), height=10,
        class_="win" if value >= 0 else "loss",
    )  # fmt: skip
    middle = tag("path", d="M50 0V10", class_="line axis")
    return tag(
        "svg", drawn, middle, viewBox="0 0 100 10", preserveAspectRatio="none", class_="bar",
        aria_hidden="true",
    )  # fmt: skip


def gauge(share: float, class_: str) -> Markup:
    """In a table: how much of 1."""
    width = 100 * min(max(share, 0.0), 1.0)
    back = tag("rect", x=0, y=0, width=100, height=10, class_="rest")
    full = tag("rect", x=0, y=0, width=width, height=10, class_=class_)
    return tag(
        "svg", back, full, viewBox="0 0 100 10", preserveAspectRatio="none", class_="bar",
        aria_hidden="true",
    )  # fmt: skip


__all__ = [
    "SIZE", "Said", "Scale", "area", "band", "bar", "column", "dots", "gauge", "level", "line", "plot",
    "seconds", "segments", "time_labels", "value_labels",
]  # fmt: skip
