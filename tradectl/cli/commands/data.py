"""`data`: files of market data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tradectl.cli.commands.run_flags import (
    ColumnsOption,
    SymbolOption,
    TruncatedOption,
    columns_named,
)
from tradectl.cli.options import ConfigOption, JsonOption, SetOption, print_data

if TYPE_CHECKING:
    from tradectl.operations.data_check import DataOptions

REFUSED = 1

CHECK_HELP = """What would be read of files, and whether `run --data` plays them (exit 1 if it does not).

Format, symbols, currency, times, the length of candles, gaps, duplicates, spikes, and the rows that would
be left out, by reason. All of a file is read. Of several it says, too, whether they are played together.

Examples:

    tradectl data check BTCUSDT-1m-2025-01.zip

    tradectl data check BTCUSDT-1m-2025-01.zip BTCUSDT-1m-2025-02.zip

    tradectl data check export.csv --columns time=Date,price=Last,qty=4 --symbol BTC/EUR
"""

app = typer.Typer(no_args_is_help=True)


def register(program: typer.Typer) -> None:
    program.add_typer(app, name="data", help="Files of market data: what is in them.")


@app.command(help=CHECK_HELP, short_help="What would be read of a file, and whether it is played.")
def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", show_default=False)],
    columns: ColumnsOption = None,
    symbol: SymbolOption = None,
    allow_truncated: TruncatedOption = False,
    config: ConfigOption = None,
    settings_set: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    from tradectl.operations.data_check import check_data, refuse_together

    options = _options(config, settings_set, symbol, columns, allow_truncated)
    refused = False
    for file in files:
        found = check_data(file, options)
        print_data(found, as_json, "data_check.data_check")
        refused |= found.refused is not None
    if len(files) > 1 and not refused:
        refuse_together(files, options)
    raise typer.Exit(REFUSED if refused else 0)


VOLUME_HELP = """The usual volume of the parts of a day, out of trades or candles: what `vwap` goes by.

Prints the line for [execution]; with --json the shares by symbol.

Example:

    tradectl data volume BTCUSDT-1m-2025-01.zip --parts 24
"""


@app.command(help=VOLUME_HELP, short_help="The usual volume of the parts of a day, for vwap.")
def volume(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", show_default=False)],
    parts: Annotated[
        int, typer.Option(help="Equal parts of a day (UTC), such as its hours.", min=1, max=1440)
    ] = 24,
    columns: ColumnsOption = None,
    symbol: SymbolOption = None,
    allow_truncated: TruncatedOption = False,
    config: ConfigOption = None,
    settings_set: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    from tradectl.operations.volume_profile import volume_profiles

    options = _options(config, settings_set, symbol, columns, allow_truncated)
    print_data(volume_profiles(files, options, parts), as_json, "volume.profiles")


def _options(
    config: Path | None,
    assignments: list[str] | None,
    symbols: list[str] | None,
    columns: str | None,
    allow_truncated: bool,
) -> DataOptions:
    """How files are read, as the options of the command say."""
    from tradectl.bus.clock import ComputerClock
    from tradectl.config.load import load_settings
    from tradectl.operations.data_check import DataOptions

    return DataOptions(
        settings=load_settings(config, assignments=assignments or ()),
        symbols=tuple(symbols or ()),
        columns=columns_named(columns),
        allow_truncated=allow_truncated,
        now=ComputerClock.wall(),
    )
