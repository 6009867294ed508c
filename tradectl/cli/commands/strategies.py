"""`strategies`: those that there are, or one of them in full."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from tradectl.cli.options import JsonOption, print_data

HELP = """The strategies there are, with their parameters; or NAME in full: its idea, its parameters with
their ranges, the data that it hears and how much of it before it trades.

NAME is a name of the list, or path/to/file.py:ClassName.

Examples:

    tradectl strategies

    tradectl strategies rsi-reversion
"""


def register(app: typer.Typer) -> None:
    app.command(
        "strategies", help=HELP, short_help="The strategies there are, or one of them in full."
    )(strategies)


def strategies(
    name: Annotated[str | None, typer.Argument(help="The one to describe.")] = None,
    as_json: JsonOption = False,
) -> None:
    from tradectl.domain.keys import take_keys

    take_keys(os.environ)  # looking at a strategy runs its file
    if name is not None:
        from tradectl.strategy.described import described
        from tradectl.strategy.own_process import stdout_to_stderr

        with stdout_to_stderr():
            found = described(name)
        print_data(found, as_json, "strategies.one")
        return
    from tradectl.documents.market import AvailableStrategy
    from tradectl.strategy.catalog import available

    rows = [
        AvailableStrategy(
            name=info.name,
            description=info.summary,
            parameters={name: p.default for name, p in info.parameters.items()},
            origin=info.origin,
            problem=info.problem,
        )
        for info in available()
    ]
    print_data(rows, as_json, "strategies.listed")
