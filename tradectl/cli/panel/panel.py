"""The live panel: what a person wants to see while the machine trades.

`render` is pure: a status and a size in, a sheet of exactly that size out. `Panel` takes the status a
few times a second and shows its sheet on the terminal's other screen, which leaves the user's own as it
was. The panel is an observer: it computes a sheet in a millisecond or two and leaves the writing to
a thread, so that a terminal that takes nothing (Ctrl-S, a stuck line) delays no trading.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, cast

from rich.console import Console, RenderableType
from rich.control import Control
from rich.screen import Screen

from tradectl.cli.output import figures
from tradectl.cli.output.listing import console as make_console
from tradectl.cli.panel import header, tables
from tradectl.cli.panel.captured_output import captured_output
from tradectl.cli.panel.grid import Columns, Filler, Line, Part, Ready, Sheet, framed, stacked
from tradectl.cli.panel.terminal import Terminal
from tradectl.documents.run import LiveStatus

WIDE = 120
TALL = 34
SMALLEST = (20, 4)


def render(status: LiveStatus, width: int, height: int) -> RenderableType:
    """The panel in `height` lines of `width` cells; a red frame around it where money is at stake."""
    is_live = figures.mode_words(status.mode, status.source) == "LIVE"
    if is_live and width > 2 * SMALLEST[0] and height > 2 * SMALLEST[1]:
        return Sheet(framed(_lines(status, width - 2, height - 2), width, header.LIVE_FRAME))
    return Sheet(_lines(status, width, height))


def _lines(status: LiveStatus, width: int, height: int) -> list[Line]:
    parts: list[Part] = [
        *_part(header.banner(status, width), rank=-9),
        *_part(header.halt(status, width), rank=-8),
        *_part(header.restrictions(status, width), rank=-6),
        _equity(status, width, height),
        *_part(header.account(status, width), rank=3),
        *_part(header.external(status, width), rank=1),
        *_part(header.progress(status, width), rank=2),
        *_part(header.market(status, width), rank=5),
        *_body(status, width, height),
        *_part(header.bus(status, width), rank=6),
        *_part(header.health(status, width), rank=4),
    ]
    if height >= TALL:
        parts += _part(header.hints(status, width), rank=8)
    return stacked(parts, width, height)


def suits(console: Console) -> bool:
    """Whether the panel can be shown there: a terminal that obeys, of some size."""
    width, height = console.size
    able = console.is_terminal and not console.is_dumb_terminal
    return able and width >= SMALLEST[0] and height >= SMALLEST[1]


class Panel:
    """Shows `status()` until it is asked to stop, `refresh_per_second` times a second.

    Whatever ends it, an error of `status` included, the terminal is as it was before.
    """

    def __init__(
        self,
        status: Callable[[], LiveStatus],
        console: Console | None = None,
        refresh_per_second: float = 2,
    ) -> None:
        self._status = status
        self._console = console or make_console()
        self._pause = 1 / refresh_per_second

    async def run(self, stop: asyncio.Event) -> None:
        with captured_output(), self._terminal() as terminal:
            while not stop.is_set():
                if terminal.ready():
                    width, height = self._console.size
                    sheet = render(self._status(), width, height)
                    await asyncio.to_thread(self._draw, sheet)
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._pause):
                        await stop.wait()

    @contextmanager
    def _terminal(self) -> Iterator[Terminal]:
        """What the console writes goes through it meanwhile."""
        file = self._console.file
        terminal = Terminal(file)
        self._console.file = cast("IO[str]", terminal)  # as much of one as Rich uses
        try:
            with terminal.kept():
                yield terminal
        finally:
            self._console.file = file

    def _draw(self, sheet: RenderableType) -> None:
        """In one write."""
        with self._console as console:
            console.control(Control.home())
            console.print(Screen(sheet), end="")


def _part(lines: list[Line], rank: int) -> list[Part]:
    return [Ready(lines, rank)] if lines else []


def _equity(status: LiveStatus, width: int, height: int) -> Part:
    """One line where lines are few, else a chart of up to a seventh of the height."""
    rows = min(height // 7, 8)
    if height < TALL or not status.equity_history:
        return Ready(header.equity(status, width), rank=-7)
    chart = header.equity_chart(status, width, rows)
    return Ready(chart, rank=-7, least=len(chart))


def _body(status: LiveStatus, width: int, height: int) -> list[Part]:
    """The tables: one above the other, or in two columns where there is width."""
    left: list[Part] = [tables.positions(status), tables.orders(status)]
    right: list[Part] = [tables.fills(status), tables.signals(status), tables.alerts(status)]
    details: list[Part] = [tables.components(status)] if height >= TALL else []
    if width < WIDE:
        return [*left, *right, *details, Filler()]
    return [Columns([*left, *details, Filler()], [*right, Filler()])]
