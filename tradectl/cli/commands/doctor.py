"""`doctor`: is this system fit to trade, and what is to be mended where it is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from tradectl.cli.options import ConfigOption, JsonOption, StateDirOption, print_json

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tradectl.documents.operations import Finding

HELP = """Look at everything that trading needs, and say what is to be mended.

Configuration, files, state directory and disk. With an exchange: its clock, its symbols and their rules
against the configured sizes, and whether data arrives. With mode = "live" too: keys and what they may do,
balance, what is there and not ours, the dead-man switch. No order is made, none is touched. Exit code 1
if anything failed.

Examples:

    tradectl doctor -c tradectl.toml

    tradectl doctor -c tradectl.toml --paper
"""
FIT, NOT_FIT = "fit to trade", "not fit to trade"


def register(app: typer.Typer) -> None:
    app.command("doctor", help=HELP)(doctor)


def doctor(
    config: ConfigOption = None,
    live: Annotated[
        bool | None,
        typer.Option(
            "--live/--paper",
            help="Look as for a run with money, or on paper. Default: as the configuration says.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
    state_dir: StateDirOption = None,
) -> None:
    import asyncio

    from tradectl.cli.commands.live_approval import check_mode
    from tradectl.config.load import load_settings
    from tradectl.doctor.examination import diagnose
    from tradectl.doctor.finding import is_fit, report_of
    from tradectl.state.directory import StateDir

    settings = load_settings(config)
    if live is not None:  # looking is allowed without a word, trading is not
        settings = check_mode(settings, live)
    findings = asyncio.run(diagnose(settings, StateDir(state_dir), config))
    if as_json:
        print_json(report_of(findings))
    else:
        show(findings)
    raise typer.Exit(0 if is_fit(findings) else 1)


def show(findings: Sequence[Finding], *, stderr: bool = False) -> None:
    """A table on a terminal; elsewhere one line for each finding."""
    from tradectl.cli.output import render
    from tradectl.cli.output.listing import console

    to = console(stderr=stderr)
    if to.is_terminal:
        render.show(table(findings), to)
    else:
        for line in lines(findings):
            typer.echo(line, err=stderr)


def lines(findings: Sequence[Finding]) -> list[str]:
    told = [
        f"{finding.verdict}  {finding.check}: {finding.message}"
        + (f" -> {finding.mend}" if finding.mend else "")
        for finding in findings
    ]
    return [*told, verdict(findings)]


def verdict(findings: Sequence[Finding]) -> str:
    from tradectl.documents.operations import Verdict

    counts = [(v, sum(f.verdict is v for f in findings)) for v in Verdict]
    told = ", ".join(f"{count} {v}" for v, count in counts)
    return f"{NOT_FIT if counts[-1][1] else FIT}: {told}"


def table(findings: Sequence[Finding]) -> RenderableType:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from tradectl.cli.output.cells import BAD, BOLD, DIM, GOOD, LOUD, WARN
    from tradectl.doctor.finding import is_fit
    from tradectl.documents.operations import Verdict

    styles = {Verdict.PASSED: GOOD, Verdict.WARNED: WARN, Verdict.FAILED: BAD}
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold", max_width=28)
    grid.add_column(overflow="fold", ratio=1)
    for finding in findings:
        words = Text(finding.message)
        if finding.mend:
            words.append(f"\n-> {finding.mend}", DIM)
        grid.add_row(Text(finding.verdict, styles[finding.verdict]), Text(finding.check), words)
    end = GOOD + BOLD if is_fit(findings) else LOUD
    return Group(grid, Text(verdict(findings), end))
