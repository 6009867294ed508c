"""`reconcile`: our books beside the exchange's."""

from __future__ import annotations

from typing import Annotated

import typer

from tradectl.cli.options import JsonOption, StateDirOption, print_data

HELP = """The live account by the journal, the database and the exchange, side by side.

A position that differs holds its symbol back: nothing is traded in it until the two agree again. With
--accept exchange our books become what the exchange says. What that moves counts as money put in or
taken out; but money that is missing where perpetuals are traded is a loss, unless --accept transfer says
that it was taken out.

Exit code 1 when they differ.
"""


def register(app: typer.Typer) -> None:
    app.command("reconcile", help=HELP, short_help="Compare our books with the exchange.")(
        reconcile
    )


def reconcile(
    accept: Annotated[
        str | None,
        typer.Option(
            help="`exchange`: take its word for ours; `transfer`: and the money was moved by you.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
    state_dir: StateDirOption = None,
) -> None:
    if accept not in (None, "exchange", "transfer"):
        raise typer.BadParameter(
            f"expected exchange or transfer, got {accept!r}", param_hint="'--accept'"
        )
    from tradectl.runtime.in_process_reconcile import reconcile as compare
    from tradectl.storage.directory import StateDir

    found = compare(StateDir(state_dir), accept=accept is not None, transfer=accept == "transfer")
    print_data(found, as_json, "reports.reconciliation")
    if not found.clean:
        raise typer.Exit(1)
