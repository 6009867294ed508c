"""The status that is looked at again and again: it fits the terminal, whatever stands in it.

Where all of it does not fit, components that are well are only counted; where that does not, the lowest
lines are left out, and it says how many.
"""

from __future__ import annotations

from rich.console import Console
from rich.control import Control
from rich.segment import Segment, SegmentLines
from rich.text import Text

from tradectl.cli.output import render, status_page
from tradectl.cli.output.cells import DIM
from tradectl.cli.output.foreground import is_in_front, terminal_of
from tradectl.documents.run import Status


def show_again(status: Status, console: Console) -> None:
    """In place of what stands on the terminal, while it is ours; under a pipe, all of it after what came
    before."""
    if not console.is_terminal:
        render.show(status_page.status(status), console)
        return
    if not is_in_front(terminal_of(console.file)):
        return
    with console:  # in one write
        console.control(Control.clear(), Control.home())
        _print_fitting(status, console)


def _print_fitting(status: Status, console: Console) -> None:
    room = console.height - 1  # the cursor has the last one
    lines = _lines(status, console, brief=False)
    if len(lines) > room:
        lines = _lines(status, console, brief=True)
    left_out = len(lines) - room
    shown = lines if left_out <= 0 else lines[: room - 1]
    console.print(SegmentLines(shown, new_lines=True), end="")
    if left_out > 0:
        console.print(Text(f"{left_out + 1} more lines: `tradectl status`", DIM), soft_wrap=True)


def _lines(status: Status, console: Console, *, brief: bool) -> list[list[Segment]]:
    return console.render_lines(status_page.status(status, brief=brief), pad=False)


__all__ = ["show_again"]
