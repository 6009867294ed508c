"""The live panel: what a person wants to see while the machine trades.

`render` is pure: a view and a size in, a sheet of exactly that size out. `Panel` takes a view a few
times a second and shows its sheet on the terminal's other screen, which leaves the user's own as it
was. The panel is an observer: it computes a sheet in a millisecond or two and leaves the writing to
a thread, so that a terminal that takes nothing (Ctrl-S, a stuck line) holds up no trading.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from rich.console import Console, RenderableType
from rich.live import Live

from tradectl.cli.output import figures
from tradectl.cli.panel import header, tables
from tradectl.cli.panel.grid import Columns, Filler, Line, Part, Ready, Sheet, framed, stacked
from tradectl.cli.panel.header import View
from tradectl.cli.panel.prints import held_prints

WIDE = 120
TALL = 34
SMALLEST = (20, 4)


def render(view: View, width: int, height: int) -> RenderableType:
    """The panel of `view` (as `status --json`, and more) in `height` lines of `width` cells. With money
    at stake there is a red frame around it."""
    if figures.mode_words(view) == "LIVE" and width > 2 * SMALLEST[0] and height > 2 * SMALLEST[1]:
        return Sheet(framed(_lines(view, width - 2, height - 2), width, header.LIVE_FRAME))
    return Sheet(_lines(view, width, height))


def _lines(view: View, width: int, height: int) -> list[Line]:
    parts: list[Part] = [
        *_part(header.banner(view, width), rank=-9),
        *_part(header.halt(view, width), rank=-8),
        *_part(header.restrictions(view, width), rank=-6),
        _equity(view, width, height),
        *_part(header.account(view, width), rank=3),
        *_part(header.progress(view, width), rank=2),
        *_part(header.market(view, width), rank=5),
        *_body(view, width, height),
        *_part(header.bus(view, width), rank=6),
        *_part(header.health(view, width), rank=4),
    ]
    if height >= TALL:
        parts += _part(header.hints(view, width), rank=8)
    return stacked(parts, width, height)


def suits(console: Console) -> bool:
    """Whether the panel can be shown there: a terminal that obeys, of some size."""
    width, height = console.size
    able = console.is_terminal and not console.is_dumb_terminal
    return able and width >= SMALLEST[0] and height >= SMALLEST[1]


class Panel:
    """Shows `view()` until it is told to stop, `refresh_per_second` times a second.

    Whatever ends it, an error of `view` included, the terminal is as it was before.
    """

    def __init__(
        self,
        view: Callable[[], View],
        console: Console | None = None,
        refresh_per_second: float = 2,
    ) -> None:
        self._view = view
        self._console = console or Console()
        self._pause = 1 / refresh_per_second

    async def run(self, stop: asyncio.Event) -> None:
        with held_prints(), self._screen() as screen:
            while not stop.is_set():
                width, height = self._console.size
                sheet = render(self._view(), width, height)
                await asyncio.to_thread(screen.update, sheet, refresh=True)
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._pause):
                        await stop.wait()

    def _screen(self) -> Live:
        return Live(
            console=self._console,
            screen=True,
            transient=True,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        )


def _part(lines: list[Line], rank: int) -> list[Part]:
    return [Ready(lines, rank)] if lines else []


def _equity(view: View, width: int, height: int) -> Part:
    """One line where lines are few, else a chart of up to a seventh of the height."""
    rows = min(height // 7, 8)
    if height < TALL or not view.get("equity_history"):
        return Ready(header.equity(view, width), rank=-7)
    chart = header.equity_chart(view, width, rows)
    return Ready(chart, rank=-7, least=len(chart))


def _body(view: View, width: int, height: int) -> list[Part]:
    """The tables: one above the other, or in two columns where there is width."""
    left: list[Part] = [tables.positions(view), tables.orders(view)]
    right: list[Part] = [tables.fills(view), tables.signals(view), tables.alerts(view)]
    details: list[Part] = [tables.components(view)] if height >= TALL else []
    if width < WIDE:
        return [*left, *right, *details, Filler()]
    return [Columns([*left, *details, Filler()], [*right, Filler()])]
