"""The live panel: what a person wants to see while the machine trades, and a few keys.

`render` is pure: a status, a size and a look in, a sheet of exactly that size out. `Panel` takes the
status a few times a second and shows its sheet on the terminal's other screen, which leaves the user's
own as it was. The panel is an observer: it computes a sheet in a millisecond or two and leaves the
writing, and what keys ask for, to threads, so that a terminal that takes nothing (Ctrl-S, a stuck line)
delays no trading.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import IO, Protocol, cast

from msgspec.structs import replace
from rich.console import Console, RenderableType
from rich.control import Control
from rich.screen import Screen

from tradectl.cli.output import figures
from tradectl.cli.output.listing import console as make_console
from tradectl.cli.panel import header
from tradectl.cli.panel.captured_output import captured_output
from tradectl.cli.panel.grid import Sheet, framed
from tradectl.cli.panel.keyboard import Keyboard
from tradectl.cli.panel.look import Deed, Look
from tradectl.cli.panel.terminal import Terminal
from tradectl.cli.panel.views import lines_of
from tradectl.documents.run import LiveStatus
from tradectl.domain.text import described, harmless

SMALLEST = (20, 4)
RISK_EVERY = 4
"""frames"""


class Link(Protocol):
    """What keys reach: the running system, over its socket. Both block, and are asked in a thread; what
    they raise is said."""

    def do(self, deed: Deed) -> str:
        """What came of it, in a line."""
        ...

    def risk(self) -> RenderableType:
        """Limits, value at risk and stress, as `tradectl risk` shows them."""
        ...


def render(
    status: LiveStatus,
    width: int,
    height: int,
    look: Look | None = None,
    risk: RenderableType | None = None,
) -> RenderableType:
    """The panel in `height` lines of `width` cells; a red frame around it where money is at stake."""
    is_live = figures.mode_words(status.mode, status.source) == "LIVE"
    if is_live and width > 2 * SMALLEST[0] and height > 2 * SMALLEST[1]:
        inner = lines_of(status, width - 2, height - 2, look, risk)
        return Sheet(framed(inner, width, header.LIVE_FRAME))
    return Sheet(lines_of(status, width, height, look, risk))


def suits(console: Console) -> bool:
    """Whether the panel can be shown there: a terminal that obeys, of some size."""
    width, height = console.size
    able = console.is_terminal and not console.is_dumb_terminal
    return able and width >= SMALLEST[0] and height >= SMALLEST[1]


class Panel:
    """Shows `status()` until it is asked to stop, `refresh_per_second` times a second and after each key.
    Keys reach the `link`; without one there are none. One that `attached` can be left by a key.

    Whatever ends it, an error of `status` included, the terminal is as it was before.
    """

    def __init__(
        self,
        status: Callable[[], LiveStatus],
        console: Console | None = None,
        refresh_per_second: float = 2,
        link: Link | None = None,
        *,
        attached: bool = False,
    ) -> None:
        self._status = status
        self._console = console or make_console()
        self._pause = 1 / refresh_per_second
        self._link = link
        self._look = Look(attached=attached)
        self._keys: deque[str] = deque()
        self._woken = asyncio.Event()
        self._doing: set[asyncio.Task[None]] = set()
        self._risk: RenderableType | None = None
        self._frames = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`, which a key sets, too; what a key has begun is seen to its end."""
        keyboard = Keyboard(self._typed) if self._link is not None else None
        waking = asyncio.ensure_future(self._wake_at(stop))
        try:
            with captured_output(), self._terminal(keyboard) as terminal:
                while not stop.is_set() or self._doing:
                    if terminal.ready():
                        has_keys = keyboard is not None and keyboard.is_there
                        await self._show(self._look if has_keys else None)
                    await self._next_frame()
                    self._obey(stop)
        finally:
            tasks = [waking, *self._doing]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def said(self) -> str:
        """What came of the last deed; empty once another key was typed."""
        return self._look.said

    async def _show(self, look: Look | None) -> None:
        if look is not None and look.view == "risk" and self._frames % RISK_EVERY == 0:
            self._begin(self._fetch_risk())
        self._frames += 1
        width, height = self._console.size
        sheet = render(self._status(), width, height, look, self._risk)
        await asyncio.to_thread(self._draw, sheet)

    async def _next_frame(self) -> None:
        try:
            async with asyncio.timeout(self._pause):
                await self._woken.wait()
        except TimeoutError:
            return
        self._woken.clear()

    async def _wake_at(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._woken.set()

    # --- keys -----------------------------------------------------------------------------------------

    def _typed(self, keys: list[str]) -> None:
        self._keys.extend(keys)
        self._woken.set()

    def _obey(self, stop: asyncio.Event) -> None:
        while self._keys:
            self._look, deed = self._look.after(self._keys.popleft())
            if deed == "leave":
                stop.set()
            elif deed is not None:
                self._begin(self._do(deed))

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._doing.add(task)
        task.add_done_callback(self._doing.discard)

    async def _do(self, deed: Deed) -> None:
        assert self._link is not None
        self._look = replace(self._look, said=f"{deed}: asked for")
        try:
            said = await asyncio.to_thread(self._link.do, deed)
        except (
            Exception
        ) as error:  # nobody awaits this task: whatever failed is said where it was asked
            said = f"{deed}: NOT done: {described(error)}"
        self._look = replace(self._look, said=harmless(said))
        self._woken.set()

    async def _fetch_risk(self) -> None:
        assert self._link is not None
        try:
            self._risk = await asyncio.to_thread(self._link.risk)
        except Exception as error:  # as above
            self._risk = described(error)
        self._woken.set()

    # --- the terminal ---------------------------------------------------------------------------------

    @contextmanager
    def _terminal(self, keyboard: Keyboard | None) -> Iterator[Terminal]:
        """What the console writes goes through it meanwhile."""
        file = self._console.file
        terminal = Terminal(file, keyboard)
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
