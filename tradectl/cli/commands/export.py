"""`export`: rows for a spreadsheet, a notebook or a tax program."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tradectl.cli.options import RunOption, StateDirOption, refuse_useless, say
from tradectl.cli.pages import SinceOption, parse_moment
from tradectl.domain.errors import StateError, UsageError
from tradectl.domain.text import harmless

if TYPE_CHECKING:
    from collections.abc import Iterator

    from msgspec import Struct

HELP = """Fills, orders, positions or equity as CSV, JSON or Parquet, exact to the last digit.

Of the account, all runs of it, or of one run; row by row, so however many there are. To stdout, or into a
file that is there whole or as it was. Equity is what the account was worth at the end of each hour, or of
--every so long.

Examples:

    tradectl export fills --format csv -o fills.csv --since 2026-01-01 --until 2027-01-01

    tradectl export equity --every 1d --format parquet -o equity.parquet

    tradectl export orders --run latest --format json
"""


class What(StrEnum):
    FILLS = "fills"
    ORDERS = "orders"
    POSITIONS = "positions"
    EQUITY = "equity"


class Format(StrEnum):
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


def register(app: typer.Typer) -> None:
    app.command("export", help=HELP, short_help="Fills, orders, equity as CSV, JSON, Parquet.")(
        export
    )


def export(
    what: Annotated[What, typer.Argument(help="What of the account.")],
    as_format: Annotated[Format, typer.Option("--format", help="How it is written.")] = Format.CSV,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="<file>", help="Default: stdout.", show_default=False
        ),
    ] = None,
    since: SinceOption = None,
    until: Annotated[
        str | None,
        typer.Option(
            "--until",
            help="None from this day or time on, UTC.",
            parser=parse_moment,
            metavar="<time>",
            show_default=False,
        ),
    ] = None,
    every: Annotated[
        str | None,
        typer.Option(
            "--every", metavar="<time>", help="Of the equity: 1m, 1h, 1d.", show_default=False
        ),
    ] = None,
    run: RunOption = None,
    state_dir: StateDirOption = None,
) -> None:
    from tradectl.operations.exported import EXPORTS, Wanted
    from tradectl.storage.directory import StateDir

    refuse_useless(
        {
            "--since and --until do nothing with positions, which are of now": (
                what is What.POSITIONS and bool(since or until)
            ),
            "--every is of the equity alone": every is not None and what is not What.EQUITY,
            f"nothing is from {since} to before {until}: --since comes before --until": bool(
                since and until and since >= until
            ),
            "parquet is no text: name a file with -o": as_format is Format.PARQUET
            and output is None,
        }
    )
    directory = StateDir(state_dir)
    directory.refuse_other()
    wanted = Wanted(since or "", until or "", run, _step(every or "1h"))
    kind, rows = EXPORTS[what]
    _write(kind, rows(directory, wanted), as_format, output)


def _step(text: str) -> int:
    from tradectl.strategy.bars import parse_timeframe

    try:
        return parse_timeframe(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="'--every'") from error


def _write(kind: type[Struct], rows: Iterator[Struct], as_format: str, output: Path | None) -> None:
    from tradectl.files.written import written_bytes, written_whole
    from tradectl.report.row_files import WRITERS, write_parquet

    if output is None:
        WRITERS[as_format](kind, rows, sys.stdout)
        return
    if not output.absolute().parent.is_dir():
        raise UsageError(f"cannot write {harmless(output)}: there is no such folder")
    try:
        if as_format == Format.PARQUET:
            with written_bytes(output) as raw:
                write_parquet(kind, rows, raw)
        else:
            with written_whole(output) as file:
                WRITERS[as_format](kind, rows, file)
    except OSError as error:
        raise StateError(f"cannot write {harmless(output)}: {error.strerror or error}") from error
    say(f"written: {output}", err=True)
