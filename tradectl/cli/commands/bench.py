"""`bench`: the promises, measured on this machine."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from tradectl.cli.options import JsonOption, print_data, say

HELP = """What the program promises, measured on this machine: promise, measured, verdict.

Speed of the bus, of whole runs and of a replay, latency from a tick to its order and its fill, start-up,
memory, processor, recovery, and what an order costs where there are many. Several minutes; --quick takes
fewer rounds of smaller files, to see whether it all works. A busy machine measures less: its load is
told. Exit 1 where a floor is missed.

Examples:

    tradectl bench

    tradectl bench latency start --quick --json
"""


def register(app: typer.Typer) -> None:
    app.command("bench", help=HELP, short_help="The promises, measured on this machine.")(bench)


def bench(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Only these.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer rounds, smaller files.")] = False,
    as_json: JsonOption = False,
) -> None:
    from tradectl.operations.bench.promises import measured

    found = measured(names or (), quick=quick, told=partial(say, err=True))
    print_data(found, as_json, "bench.report")
    if not found.floors_hold:
        raise typer.Exit(1)
