"""How a field of a document is shown: the words, rounded and harmless, and their colour.

Colour only repeats what a word or a sign says already, so nothing is lost without it. Profit and
loss own green and red; long and short are cyan and magenta.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from rich.style import Style

from tradectl.cli.output import figures
from tradectl.documents.account import OrderRow
from tradectl.documents.run import AlertRow, ComponentRow
from tradectl.domain.resilience import CLOSED
from tradectl.domain.states import AlertSeverity, ComponentStatus
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
SEVERITIES = tuple(reversed(AlertSeverity))
"""The most severe first."""
SEVERITY_STYLES = {"critical": LOUD, "error": BAD, "warning": WARN}


class Cell(NamedTuple):
    text: str
    style: Style = PLAIN


Row = TypeVar("Row")


class Column(NamedTuple, Generic[Row]):
    """A column of a table, and how it shows a row. Where the width does not suffice, columns of the
    lowest `keep` go first; a `flexible` text gives way before that, down to `least` cells."""

    name: str
    show: Callable[[Row], Cell]
    least: int = 0
    keep: int = 1
    right: bool = False
    flexible: bool = False


def fitting(
    columns: Sequence[Column[Any]], sizes: Sequence[int], width: int, gap: int
) -> list[int]:
    """The columns that fit side by side into `width`, by number: those of the lowest `keep` go first, and
    one always stays."""
    shown = list(range(len(columns)))
    while len(shown) > 1 and sum(sizes[i] for i in shown) + gap * (len(shown) - 1) > width:
        shown.remove(min(shown, key=lambda i: (columns[i].keep, -i)))
    return shown


def text(value: object, style: Style = PLAIN) -> Cell:
    return Cell(harmless(value or ""), style)


def money(value: object) -> Cell:
    return Cell(figures.money(value))


def price(value: object) -> Cell:
    return Cell(figures.price(value))


def quantity(value: object) -> Cell:
    return Cell(figures.quantity(value))


def short_quantity(value: object) -> Cell:
    return Cell(figures.short_quantity(value))


def count(value: object) -> Cell:
    return Cell(figures.count(value))


def profit(value: object) -> Cell:
    """A signed amount of money, green or red."""
    amount = figures.decimal(value) or 0
    style = GOOD if amount > 0 else BAD if amount < 0 else PLAIN
    return Cell(figures.money(value, signed=True), style)


def clock(time: object) -> Cell:
    return Cell(figures.clock(time), DIM)


def moment(time: object) -> Cell:
    return Cell(figures.moment(time), DIM)


def side(value: object) -> Cell:
    word = harmless(value or figures.NOTHING, 8).lower()
    return Cell(word, SIDES.get(word, PLAIN))


def order_type(order: OrderRow) -> Cell:
    kind = harmless(order.leg or order.type or figures.NOTHING, 16).replace("_", "-")
    if order.algorithm:
        kind = f"{kind} {harmless(order.algorithm, 16)}"
    if order.tag:
        kind = f"{kind} {harmless(order.tag, 24)}"
    return Cell(f"{kind} child" if order.parent_id else kind)


def order_price(order: OrderRow) -> Cell:
    """A stop is known by the price that it waits for; an order without a limit by what it got."""
    if order.price is None and order.average_price is not None:
        return Cell(figures.price(order.average_price))
    if order.price is None and order.stop_price is not None:
        return Cell(f"at {figures.price(order.stop_price)}")
    return Cell(figures.price(order.price))


def order_status(order: OrderRow) -> Cell:
    status = harmless(order.status or figures.NOTHING, 24).replace("_", " ")
    short = status.replace("partially filled", "partial")
    return Cell(short, WARN if status == "unknown" else PLAIN)


def severity(alert: AlertRow) -> Cell:
    word = harmless(alert.severity or "info", 12).lower()
    return Cell(word, SEVERITY_STYLES.get(word, PLAIN))


def urgency(alert: AlertRow) -> int:
    """0 for the most severe."""
    word = severity(alert).text
    return SEVERITIES.index(word) if word in SEVERITIES else len(SEVERITIES)


def message(alert: AlertRow) -> Cell:
    times = figures.decimal(alert.count) or 1
    said = harmless(alert.message or figures.NOTHING)
    return Cell(f"{times}x {said}" if times > 1 else said)


def component_message(component: ComponentRow) -> Cell:
    """With its breaker, where that is not closed."""
    if component.breaker == CLOSED:
        return text(component.message)
    breaker = harmless(component.breaker, 16).replace("_", " ")
    return text(f"breaker {breaker}: {component.message}")


def component_status(component: ComponentRow) -> Cell:
    """Green when well, red when failed, yellow on the way there or away."""
    word = harmless(component.status or "?", 16).upper()
    on_its_way = word in list(ComponentStatus) and word != ComponentStatus.FAILED
    return Cell(word, GOOD if word == ComponentStatus.RUNNING else WARN if on_its_way else LOUD)


def errors(component: ComponentRow) -> Cell:
    number = component.error_count or 0
    return Cell(figures.count(number), WARN if number else DIM)
