"""How a field of a JSON row is shown: the words, rounded and harmless, and their colour.

Colour only repeats what a word or a sign says already, so nothing is lost without it. Profit and
loss own green and red; long and short are cyan and magenta.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from rich.style import Style

from tradectl.cli.output import figures
from tradectl.domain.text import harmless

PLAIN = Style()
DIM = Style(dim=True)
BOLD = Style(bold=True)
TITLE = Style(bold=True, color="cyan")
GOOD = Style(color="green")
WARN = Style(color="yellow")
BAD = Style(color="red")
LOUD = Style(bold=True, color="bright_red")
LONG = Style(color="cyan")
SHORT = Style(color="magenta")

SIDES = {"long": LONG, "buy": LONG, "short": SHORT, "sell": SHORT}
SEVERITIES = ("critical", "error", "warning", "info")
SEVERITY_STYLES = {"critical": LOUD, "error": BAD, "warning": WARN}
WELL = frozenset({"RUNNING", "HEALTHY", "OK", "READY"})
ON_ITS_WAY = frozenset(
    {
        "CREATED",
        "DEGRADED",
        "REGISTERED",
        "STARTING",
        "RECOVERING",
        "RESTARTING",
        "PAUSED",
        "STOPPING",
        "STOPPED",
    }
)


class Cell(NamedTuple):
    text: str
    style: Style = PLAIN


Row = Mapping[str, Any]
Show = Callable[[Row], Cell]


class Column(NamedTuple):
    """A field of a table. Where the width does not suffice, columns of the lowest `keep` go first;
    a `flexible` text gives way before that, down to `least` cells."""

    name: str
    show: Show
    least: int = 0
    keep: int = 1
    right: bool = False
    flexible: bool = False


def figure(key: str, spelled: Callable[[Any], str]) -> Show:
    return lambda row: Cell(spelled(row.get(key)))


def text(key: str, style: Style = PLAIN) -> Show:
    return lambda row: Cell(harmless(row.get(key) or ""), style)


def profit_of(key: str) -> Show:
    return lambda row: profit(row.get(key))


def clock(key: str) -> Show:
    return lambda row: Cell(figures.clock(row.get(key)), DIM)


def moment(key: str) -> Show:
    return lambda row: Cell(figures.moment(row.get(key)), DIM)


def side(key: str) -> Show:
    def show(row: Row) -> Cell:
        word = harmless(row.get(key) or figures.NOTHING, 8).lower()
        return Cell(word, SIDES.get(word, PLAIN))

    return show


def profit(value: Any) -> Cell:
    """A signed amount of money, green or red."""
    amount = figures.decimal(value) or 0
    style = GOOD if amount > 0 else BAD if amount < 0 else PLAIN
    return Cell(figures.money(value, signed=True), style)


def order_type(row: Row) -> Cell:
    return Cell(harmless(row.get("type") or figures.NOTHING, 16).replace("_", "-"))


def order_price(row: Row) -> Cell:
    """A stop is known by the price that it waits for."""
    if row.get("price") is None and row.get("stop_price") is not None:
        return Cell(f"at {figures.price(row['stop_price'])}")
    return Cell(figures.price(row.get("price")))


def order_status(row: Row) -> Cell:
    status = harmless(row.get("status") or figures.NOTHING, 24).replace("_", " ")
    short = status.replace("partially filled", "partial")
    return Cell(short, WARN if status == "unknown" else PLAIN)


def severity(row: Row) -> Cell:
    word = harmless(row.get("severity") or "info", 12).lower()
    return Cell(word, SEVERITY_STYLES.get(word, PLAIN))


def urgency(row: Row) -> int:
    """0 for the most severe."""
    word = severity(row).text
    return SEVERITIES.index(word) if word in SEVERITIES else len(SEVERITIES)


def message(row: Row) -> Cell:
    times = figures.decimal(row.get("count")) or 1
    words = harmless(row.get("message") or figures.NOTHING)
    return Cell(f"{times}x {words}" if times > 1 else words)


def status(row: Row) -> Cell:
    """A component's: green when well, yellow on its way there or away, red else."""
    word = harmless(row.get("status") or "?", 16).upper()
    return Cell(word, GOOD if word in WELL else WARN if word in ON_ITS_WAY else LOUD)


def errors(row: Row) -> Cell:
    number = row.get("error_count") or 0
    return Cell(figures.count(number), WARN if number else DIM)
