"""`report`: what came of a run, in the terminal, as a page, as CSV."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tradectl.cli.options import JsonOption, StateDirOption, folder, print_data, say
from tradectl.cli.panel.progress import reading_shown

HELP = """What came of a run: result, risk, costs, and where the money was made.

Of a backtest, a paper or a live run, also while it trades: the beginning of its id, `latest`, or a
journal. With --html a page to look at, that needs nothing from elsewhere; with --csv all of it for a
spreadsheet.

Examples:

    tradectl report latest

    tradectl report latest --html report.html

    tradectl report 20261128T194707000-12a8 --csv figures --json
"""


def register(app: typer.Typer) -> None:
    app.command("report", help=HELP, short_help="What came of a run; --html makes a page of it.")(
        report
    )


def report(
    run: Annotated[
        str,
        typer.Argument(
            metavar="[RUN]", help="The beginning of a run's id, `latest`, or a journal."
        ),
    ] = "latest",
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="<file>", help="Write a page.", show_default=False),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(
            "--csv", metavar="<dir>", help="Write CSV files.", parser=folder, show_default=False
        ),
    ] = None,
    as_json: JsonOption = False,
    state_dir: StateDirOption = None,
) -> None:
    from tradectl.operations.run_report import run_report
    from tradectl.storage.directory import StateDir

    with reading_shown(quiet=as_json):
        found = run_report(StateDir(state_dir), run, html, csv)
    print_data(found, as_json, "run_report.report")
    for path in (html, csv):
        if path is not None:
            say(f"written: {path}", err=True)
