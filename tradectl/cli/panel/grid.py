"""The panel is a sheet of cells, as wide and as high as the terminal.

A *line* is a list of segments exactly as wide as asked for; a *part* is something that can draw
itself in any number of lines. `share` deals the lines of a sheet out to its parts by rank, so that
a small terminal shows less rather than a mess. Tables drop whole columns, facts go as whole phrases,
before a figure would be cut: half a number is worse than none. All text passes `harmless` here,
whatever it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style

from tradectl.cli.output.cells import DIM, Cell
from tradectl.domain.text import counted, harmless

ELASTIC = 0
WIDEST = 10_000
SPACE = Cell(" ")
GAP = 2
MARGIN = 2
RULE = "─"
CUT = "…"
TO_ASCII = str.maketrans("─│┌┐└┘…·█░▁▂▃▄▅▆▇", "-|++++~-#.__--==#")

Line = list[Segment]


Phrase = Sequence[Cell]
"""Cells that belong together: shown whole or not at all."""


class Part(Protocol):
    """A piece of the sheet. `rank` 0 is the last to go; `least` and `most` are in lines. Its `name`
    is said where there is no room for it; one without is not missed."""

    @property
    def name(self) -> str: ...
    @property
    def rank(self) -> int: ...
    @property
    def least(self) -> int: ...
    @property
    def most(self) -> int: ...
    def draw(self, width: int, height: int) -> list[Line]:
        """At most `height` lines of `width` cells."""
        ...

    def unseen(self, width: int, height: int) -> list[str]:
        """What of it has no room when it is drawn so, by name."""
        ...


class Lines(list[Line]):
    """Lines of facts, and the names of those facts that had no room in them."""

    left_out: Sequence[str] = ()
    missed: int = 0
    """how many those are, nameless ones included"""


@dataclass(slots=True)
class Ready:
    """Lines drawn already, one or more: facts, a chart; of some that `scrolls` those below can be moved
    to."""

    lines: list[Line]
    rank: int = 0
    least: int = 1
    name: str = ""
    scrolls: bool = False

    @property
    def most(self) -> int:
        return len(self.lines)

    def draw(self, width: int, height: int) -> list[Line]:
        return self.lines[:height]

    def unseen(self, width: int, height: int) -> list[str]:
        names = [*self.lines.left_out] if isinstance(self.lines, Lines) else []
        below = len(self.lines) - height
        return (
            [*names, f"{counted(below, 'line')} below (j)"] if self.scrolls and below > 0 else names
        )


class Filler:
    """Empty space that takes what the others leave."""

    rank, least, most, name = 99, 0, ELASTIC, ""

    def draw(self, width: int, height: int) -> list[Line]:
        return [[Segment(" " * width)] for _ in range(height)]

    def unseen(self, width: int, height: int) -> list[str]:
        return []


@dataclass(slots=True)
class Columns:
    """Stacks beside each other, which take what the other parts leave."""

    stacks: Sequence[Sequence[Part]]
    rank: int = 1
    least: int = 4
    most: int = ELASTIC
    name: str = ""

    def draw(self, width: int, height: int) -> list[Line]:
        widths = self._widths(width)
        drawn = [
            stacked(stack, size, height) for stack, size in zip(self.stacks, widths, strict=True)
        ]
        gap = Segment(" " * GAP)
        return [_beside(row, gap) for row in zip(*drawn, strict=True)]

    def unseen(self, width: int, height: int) -> list[str]:
        widths = zip(self.stacks, self._widths(width), strict=True)
        return [name for stack, size in widths for name in left_out(stack, size, height)]

    def _widths(self, width: int) -> list[int]:
        each, rest = divmod(width - GAP * (len(self.stacks) - 1), len(self.stacks))
        return [each + (n >= len(self.stacks) - rest) for n in range(len(self.stacks))]


def _beside(row: Sequence[Line], gap: Segment) -> Line:
    line = list(row[0])
    for more in row[1:]:
        line += [gap, *more]
    return line


def stacked(parts: Sequence[Part], width: int, height: int) -> list[Line]:
    """The parts one above the other, in exactly `height` lines."""
    lines: list[Line] = []
    for part, lines_for_it in zip(parts, share(parts, height), strict=True):
        lines += part.draw(width, lines_for_it) if lines_for_it else []
    lines += Filler().draw(width, height - len(lines))
    return lines[:height]


def left_out(parts: Sequence[Part], width: int, height: int) -> list[str]:
    """The names of what has no room in a stack of that size: of parts, and of what is in parts."""
    names: list[str] = []
    for part, lines in zip(parts, share(parts, height), strict=True):
        if lines:
            names += part.unseen(width, lines)
        elif part.name:
            names.append(part.name)
    return names


def framed(lines: list[Line], width: int, style: Style) -> list[Line]:
    """The lines in a frame of heavy rules, `width` cells with it."""
    rule, side = RULE * (width - 2), Segment("│", style)
    top, bottom = Segment(f"┌{rule}┐", style), Segment(f"└{rule}┘", style)
    return [[top], *([side, *line, side] for line in lines), [bottom]]


def share(parts: Sequence[Part], height: int) -> list[int]:
    """How many of `height` lines each part gets.

    The least of each by rank, then one by one; what is left goes to the elastic part.
    """
    given = [0] * len(parts)
    by_rank = sorted(range(len(parts)), key=lambda i: parts[i].rank)
    for i in by_rank:
        if parts[i].least <= height:
            given[i] = parts[i].least
            height -= given[i]
    hungry = by_rank
    while height > 0 and (hungry := [i for i in hungry if 0 < given[i] < parts[i].most]):
        for i in hungry[:height]:
            given[i] += 1
        height -= len(hungry[:height])
    for i, part in enumerate(parts):
        if part.most == ELASTIC and height > 0:
            given[i] += height
            height = 0
    return given


def wrapped(phrases: Iterable[Phrase], width: int, most: int = 1) -> Lines:
    """Phrases in a row, wrapped onto `most` lines; one that fits nowhere is left out. Its name is what it
    begins with, dim."""
    room = width - MARGIN
    without: list[Phrase] = []
    rows: list[list[Cell]] = [[]]
    used = 0
    for phrase in phrases:
        size = sum(cell_len(harmless(cell.text)) for cell in phrase)
        if used and used + GAP + size > room and len(rows) < most:
            rows.append([])
            used = 0
        before = GAP if used else 0
        if used + before + size <= room:
            rows[-1] += [Cell(" " * before), *phrase]
            used += before + size
        else:
            without.append(phrase)
    lines = Lines(drawn([SPACE, *cells], width) for cells in rows if cells)
    lines.left_out = [p[0].text.strip() for p in without if p and p[0].style == DIM]
    lines.missed = len(without)
    return lines


def drawn(cells: Iterable[Cell], width: int, ground: Cell = SPACE) -> Line:
    """Cells one after the other, cut to `width` or filled up to it with `ground`."""
    line: Line = []
    for cell in cells:
        text = harmless(cell.text, WIDEST)
        size = cell_len(text)
        if size > width:
            text, size = cropped(text, width), width
        line.append(Segment(text, cell.style))
        width -= size
        if not width:
            break
    if width:
        line.append(Segment(ground.text * width, ground.style))
    return line


def cropped(text: str, width: int) -> str:
    """`text` in exactly `width` cells, an ellipsis at the end of what was longer."""
    if cell_len(text) <= width or width < 1:
        return set_cell_size(text, max(width, 0))
    return set_cell_size(text, width - 1) + CUT


class Sheet:
    """Finished lines, as a Rich renderable."""

    def __init__(self, lines: list[Line]) -> None:
        self.lines = lines

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for row, line in enumerate(self.lines):
            if row:
                yield Segment.line()
            yield from map(_in_ascii, line) if options.ascii_only else line


def _in_ascii(segment: Segment) -> Segment:
    text = segment.text.translate(TO_ASCII).encode("ascii", "replace").decode()
    return Segment(text, segment.style)
