"""`doctor`: is this system fit to trade, and what is to be mended where it is not."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from tradectl.cli.options import (
    ConfigOption,
    JsonOption,
    SetOption,
    StateDirOption,
    print_json,
)

if TYPE_CHECKING:
    from tradectl.config.settings import Settings

HELP = """Look at everything that trading needs, and say what is to be mended.

Configuration, files, state directory and disk. With an exchange: its clock, its symbols and their rules
against the configured sizes, and whether data arrives. With mode = "live" too: keys and what they may do,
balance, what is there and not ours, the dead-man switch. No order is made, none is touched. Exit code 1
if anything failed.

Examples:

    tradectl doctor -c tradectl.toml

    tradectl doctor -c tradectl.toml --paper

    tradectl doctor -c tradectl.toml --controls
"""


def register(app: typer.Typer) -> None:
    app.command("doctor", help=HELP, short_help="Whether all that trading needs is well.")(doctor)


def doctor(
    config: ConfigOption = None,
    settings_set: SetOption = None,
    live: Annotated[
        bool | None,
        typer.Option(
            "--live/--paper",
            help="Look as for a run with money, or on paper. Default: as the configuration says.",
            show_default=False,
        ),
    ] = None,
    controls: Annotated[
        bool,
        typer.Option(
            "--controls",
            help="List the controls that regulators ask for, each with its setting, and look at nothing.",
        ),
    ] = False,
    as_json: JsonOption = False,
    state_dir: StateDirOption = None,
) -> None:
    import asyncio

    from tradectl.cli.commands.live_approval import check_mode
    from tradectl.config.load import UntrustedConfig, load_settings
    from tradectl.doctor.examination import diagnose
    from tradectl.doctor.finding import report_of
    from tradectl.domain.keys import take_keys
    from tradectl.storage.directory import StateDir

    is_trusted = True
    try:
        settings = load_settings(config, assignments=settings_set or ())
    except UntrustedConfig as error:  # which is found, below
        settings, is_trusted = error.settings, False
    if live is not None:  # looking is allowed without a word, trading is not
        settings = check_mode(settings, live)
    if controls:
        _show_controls(settings, as_json)
        return
    private, keys = None if is_trusted else False, take_keys(os.environ)
    examination = diagnose(
        settings, StateDir(state_dir, environ=keys), config, private=private, environ=keys
    )
    findings = asyncio.run(examination)
    report = report_of(findings)
    if as_json:
        print_json(report)
    else:
        from tradectl.cli.output.reports import show_findings

        show_findings(report)
    raise typer.Exit(0 if report.ok else 1)


def _show_controls(settings: Settings, as_json: bool) -> None:
    from tradectl.doctor.controls import controls_of

    found = controls_of(settings)
    if as_json:
        print_json(found)
    else:
        from tradectl.cli.output.controls import show_controls

        show_controls(found)
