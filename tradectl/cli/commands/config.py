"""`config`: write a configuration file, show it, check it, change it, apply it to what runs."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from tradectl.cli.options import (
    ConfigOption,
    JsonOption,
    SetOption,
    StateDirOption,
    print_data,
    print_json,
    refuse_useless,
    say,
)
from tradectl.domain.errors import ConfigError, NotRunning, UsageError

DEFAULT_FILE = Path("tradectl.toml")

FileArgument = Annotated[
    Path | None, typer.Argument(help="The file, as with -c.", show_default=False)
]

HELP = "Write, show, check, change and apply the configuration."

ANSWERS_WITHIN_S, APPLY_TIMEOUT_S = 5.0, 30.0
"""A process that hangs is not waited for as one is that shows its strategies what they must have seen."""
APPLY_HELP = """Have what the file says hold in the run that trades, without a restart.

The run reads its own configuration file again and takes over what differs, all of it or nothing: limits,
parameters of strategies, sizing, alerts and their routes, thresholds, intervals, the log. What loosens a
limit needs --confirm; what needs a restart is refused, with the reason. Saving a file applies nothing.

Examples:

    tradectl config set risk.max_leverage 1.5

    tradectl config apply --dry-run

    tradectl config apply
"""

app = typer.Typer(no_args_is_help=True)


def register(program: typer.Typer) -> None:
    program.add_typer(app, name="config", help=HELP)


@app.command()
def init(
    path: Annotated[Path, typer.Argument(help="The file to write.")] = DEFAULT_FILE,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write a commented file. It has every key, its default and what it means."""
    from tradectl.config.file import write_text
    from tradectl.config.template import template

    if path.exists() and not force:
        raise UsageError(f"{path} is there already: name another file, or replace it with --force")
    write_text(path, template())
    name = shlex.quote(str(path))
    say(f"wrote {path}: every key with its default, commented out")
    say(f"next: edit it, `tradectl config check -c {name}`, `tradectl run -c {name}`")


@app.command()
def show(
    file: FileArgument = None,
    config: ConfigOption = None,
    settings_set: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a run would use. Defaults, file and environment together, without secrets."""
    from tradectl.config.load import load_settings
    from tradectl.config.render import describe, effective

    path = _named_once(file, config)
    settings = load_settings(path, assignments=settings_set or ())
    if path is None and DEFAULT_FILE.exists():
        say(f"without {DEFAULT_FILE}, which is used where it is named: -c", err=True)
    if as_json:
        print_json(effective(settings))
    else:
        typer.echo(describe(settings), nl=False)


@app.command()
def check(
    file: FileArgument = None, config: ConfigOption = None, settings_set: SetOption = None
) -> None:
    """Say whether a file is good. Exit code 2 if not; the file is tradectl.toml unless named."""
    from tradectl.config.load import load_settings
    from tradectl.files.places import expanded

    path = _named_once(file, config) or DEFAULT_FILE
    settings = load_settings(path, assignments=settings_set or ())
    for name in settings.risk.history_files:
        if not expanded(name).exists():
            raise ConfigError(
                f"{path}: risk.history_files: {name!r:.200} is not there: expected files of recorded data"
            )
    if settings.mode == "paper" and not settings.exchanges:
        from tradectl.feeds.simulated import check_simulated, unknown_coins

        undescribed = settings.undescribed(settings.symbols)
        check_simulated(undescribed, settings.exchange_names())
        if unknown := unknown_coins(undescribed):
            say(f"on the simulated market {unknown}", err=True)
    if settings.allocation.allocator:
        from tradectl.system.trading_system import allocator_of

        allocator_of(settings).check()
    strategies = ", ".join(strategy.name for strategy in settings.strategies)
    say(f"{path} is good: {settings.mode}, {', '.join(settings.symbols)}, by {strategies}")


def _named_once(file: Path | None, config: Path | None) -> Path | None:
    refuse_useless({"-c and FILE name the same thing: give one of them": bool(file and config)})
    return file or config


@app.command("set", context_settings={"ignore_unknown_options": True})  # so that -5 is a value
def set_(
    key: Annotated[str, typer.Argument(help="Such as risk.max_leverage.")],
    value: Annotated[str, typer.Argument(help="Such as 3, paper, BTCUSDT,ETHUSDT, none.")],
    config: ConfigOption = None,
) -> None:
    """Change one key of a file. The rest stays as it is; the file is tradectl.toml unless named."""
    from tradectl.config.edit import set_key
    from tradectl.notification.address import without_addresses

    path = config or DEFAULT_FILE
    say(f"{path}: {without_addresses(set_key(path, key, value))}")


@app.command(help=APPLY_HELP, short_help="Have the file hold in the run that trades.")
def apply(
    config: ConfigOption = None,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Also where it loosens a limit.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what differs; 1 if it would be refused.")
    ] = False,
    plan: Annotated[
        str,
        typer.Option(help="Only if it is just what was shown under this name.", show_default=False),
    ] = "",
    as_json: JsonOption = False,
    state_dir: StateDirOption = None,
) -> None:
    from tradectl.control.client import ask
    from tradectl.documents.run import Status
    from tradectl.documents.settings import SettingsApplied
    from tradectl.storage.directory import StateDir

    directory = StateDir(state_dir)
    directory.check()
    file = "" if config is None else str(config.absolute())
    try:
        ask(directory.socket, "status", Status, timeout=ANSWERS_WITHIN_S)
    except NotRunning as error:
        raise NotRunning(f"{error}; a run on recorded data takes no other settings") from error
    found = ask(
        directory.socket, "apply_settings", SettingsApplied, timeout=APPLY_TIMEOUT_S,
        file=file, confirm=confirm, dry_run=dry_run, plan=plan,
    )  # fmt: skip
    print_data(found, as_json, "settings.applied")
    if found.why:
        raise typer.Exit(1)
