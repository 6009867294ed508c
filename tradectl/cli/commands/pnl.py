"""`pnl`: what was made, by day, week or month."""

from __future__ import annotations

from typing import Annotated

import typer

from tradectl.analysis.profit_words import By, Lots, Per
from tradectl.cli.options import JsonOption, RunOption, StateDirOption, print_data
from tradectl.cli.panel.progress import reading_shown

HELP = """What the account made by day, week or month, from the journals of all its runs.

Realised by average cost, as the account has it, or first in, first out; what is open counts by how its
worth changed. Fees and funding have columns of their own, and all of it adds up to the account's figures
to the last digit. Days are UTC's, or those of `account.time_zone`.

Examples:

    tradectl pnl

    tradectl pnl --by month --lots fifo --per symbol --json

    tradectl pnl --run latest --time-zone Europe/Berlin
"""


def register(app: typer.Typer) -> None:
    app.command("pnl", help=HELP, short_help="What was made, by day, week or month.")(pnl)


def pnl(
    by: Annotated[By, typer.Option("--by", help="The length of a period.")] = By.DAY,
    lots: Annotated[
        Lots, typer.Option("--lots", help="What a sale sells: a part of all, or the oldest.")
    ] = Lots.AVERAGE,
    per: Annotated[
        Per | None,
        typer.Option("--per", help="A line for each symbol, or each strategy.", show_default=False),
    ] = None,
    time_zone: Annotated[
        str | None,
        typer.Option(
            "--time-zone",
            metavar="<name>",
            help="Whose days they are. Default: account.time_zone, which is UTC unless set.",
            show_default=False,
        ),
    ] = None,
    run: RunOption = None,
    as_json: JsonOption = False,
    state_dir: StateDirOption = None,
) -> None:
    from tradectl.operations.profit import profit
    from tradectl.storage.directory import StateDir

    with reading_shown(quiet=as_json):
        found = profit(StateDir(state_dir), by, lots, per, run, time_zone)
    print_data(found, as_json, "pnl.report")
