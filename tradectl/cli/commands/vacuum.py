"""`vacuum`: journals put away, and the database made small."""

from __future__ import annotations

from typing import Annotated

import typer

from tradectl.cli.options import ConfigOption, JsonOption, StateDirOption, print_data

HELP = """Compress journals of ended runs, remove those that are too old, make the database small.

By the settings `journal.pack_after_days` (1), `journal.keep_days` and `journal.keep_recorded_days` (kept
for ever) of each account's last run, or of -c. What an account goes on from and what a working order came
from stays. While a run goes on, too: then the database only gives back its free pages.

Examples:

    tradectl vacuum

    tradectl vacuum -c live.toml --json
"""


def register(app: typer.Typer) -> None:
    app.command("vacuum", help=HELP, short_help="Put old journals away, make the database small.")(
        vacuum
    )


def vacuum(
    config: ConfigOption = None,
    as_json: JsonOption = False,
    dry: Annotated[bool, typer.Option("--pack-only", help="Remove nothing.")] = False,
    state_dir: StateDirOption = None,
) -> None:
    from msgspec.structs import replace

    from tradectl.config.load import load_settings
    from tradectl.config.settings import JournalSettings
    from tradectl.operations.vacuum import settings_of_last
    from tradectl.operations.vacuum import vacuum as tidy_up
    from tradectl.storage.directory import StateDir

    directory = StateDir(state_dir)
    of_kind = settings_of_last(directory) if config is None else {}
    newest = next(iter(of_kind.values()), JournalSettings())
    settings = load_settings(config).journal if config is not None else newest
    if dry:
        kept = {"keep_days": None, "keep_recorded_days": None}
        settings = replace(settings, **kept)
        of_kind = {kind: replace(each, **kept) for kind, each in of_kind.items()}
    print_data(tidy_up(directory, settings, of_kind), as_json, "backups.vacuumed")
