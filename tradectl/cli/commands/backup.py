"""`backup` and `restore`: the whole state directory as one file, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tradectl.cli.options import JsonOption, StateDirOption, print_data

BACKUP_HELP = """The whole state directory as one file, while a run goes on, too.

Database, journals, alerts, results of backtests and the halt, with the hash of each file and of each
account's state; and the key that the journals are signed with, without which nothing goes on from them:
guard the file like a key, or leave it out with --without-key.

Examples:

    tradectl backup

    tradectl backup /mnt/copies/today.tar.gz --json
"""
RESTORE_HELP = """A backup into a new directory, once every file of it is proven by its hash.

The directory must be missing or empty. The next run of each account begins paused, and one with real
money compares itself with the exchange first: `status`, then `resume`. Before that, see that the old
directory does not trade any more: two copies of one account would know nothing of each other.

Example:

    tradectl restore today.tar.gz --state-dir ~/restored
"""


def register(app: typer.Typer) -> None:
    app.command("backup", help=BACKUP_HELP, short_help="The state directory as one file.")(backup)
    app.command("restore", help=RESTORE_HELP, short_help="A backup into a new directory.")(restore)


def backup(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]", help="Where to; or a folder. Default: a name by the time, here."
        ),
    ] = None,
    without_key: Annotated[
        bool, typer.Option("--without-key", help="You keep the journals' key elsewhere.")
    ] = False,
    as_json: JsonOption = False,
    state_dir: StateDirOption = None,
) -> None:
    from tradectl.operations.backup import back_up
    from tradectl.storage.directory import StateDir

    found = back_up(StateDir(state_dir), file, with_key=not without_key)
    print_data(found, as_json, "backups.backup")


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `backup` wrote.")],
    trust_key: Annotated[
        bool,
        typer.Option(
            "--trust-key", help="Go on from journals that another key than yours signed, too."
        ),
    ] = False,
    as_json: JsonOption = False,
    state_dir: StateDirOption = None,
) -> None:
    from tradectl.operations.restore import restore as put_back
    from tradectl.storage.directory import StateDir

    print_data(put_back(file, StateDir(state_dir), trust_key=trust_key), as_json, "backups.restore")
