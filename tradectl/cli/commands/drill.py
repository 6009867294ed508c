"""`drill`: the safety, proven on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tradectl.cli.options import JsonOption, folder, print_data, say

if TYPE_CHECKING:
    from tradectl.documents.drill import DrillRow

HELP = """Prove the safety on this machine: real faults, done to real runs, and what was seen then.

On paper, and live on an exchange that the program brings along and that lies when it is told to; nothing
of yours is touched: each drill has a state directory of its own, no key and no setting of yours. Under
two minutes. Exit 1 where one does not pass; then its folder stays, to be looked at.

Examples:

    tradectl drill

    tradectl drill kill-9 lying-exchange --json
"""


def register(app: typer.Typer) -> None:
    app.command("drill", help=HELP, short_help="Prove the safety here: real faults, real runs.")(
        drill
    )


def drill(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Only these.")
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(
            "--keep", metavar="<dir>", help="Leave everything in it.", parser=folder,
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    from tradectl.operations.drill.drills import drill as run_drills

    def told(row: DrillRow) -> None:
        verdict = "skipped" if row.skipped else "passed" if row.passed else "FAILED"
        say(f"{verdict:<8}{row.name}  {row.took_s} s", err=True)

    found = run_drills(names or (), folder=keep, told=told)
    print_data(found, as_json, "drill.scorecard")
    if not found.passed:
        raise typer.Exit(1)
