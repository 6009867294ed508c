"""`new`: something of one's own to begin with."""

from __future__ import annotations

import shlex
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from tradectl.cli.options import say

HELP = "Write a strategy to begin with."

STRATEGY_HELP = """Write a strategy to begin with, and its tests. Both work as written, and are commented.

The file is NAME in small letters, the class NAME in capitals; beside it is a file of tests for pytest. A
file that is there already is never overwritten.

Example:

    tradectl new strategy my-idea --folder strategies
"""

app = typer.Typer(no_args_is_help=True)


def register(program: typer.Typer) -> None:
    program.add_typer(app, name="new", help=HELP)


@app.command(help=STRATEGY_HELP)
def strategy(
    name: Annotated[
        str, typer.Argument(help="Such as my-idea, for my_idea.py with MyIdea.", show_default=False)
    ],
    folder: Annotated[
        Path,
        typer.Option("--folder", metavar="DIR", help="Where to. It is made if it is missing."),
    ] = Path(),
) -> None:
    from tradectl.operations.new_strategy import write_strategy

    new = write_strategy(name, folder)
    python = shlex.quote(sys.executable)
    tests, chosen = shlex.quote(str(new.tests)), shlex.quote(new.chosen)
    say(f"wrote {new.file}: {new.class_name}, a strategy that works as it is")
    say(f"wrote {new.tests}: its tests")
    install = "" if find_spec("pytest") else f"`{python} -m pip install pytest`, "
    say(
        f"next: edit it, {install}`{python} -m pytest {tests}`, "
        f"`tradectl backtest --data FILE --strategy {chosen}`"
    )
