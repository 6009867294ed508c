"""`data`: files of market data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tradectl.cli.commands.run_flags import (
    ColumnsOption,
    SymbolOption,
    TruncatedOption,
    columns_named,
)
from tradectl.cli.options import ConfigOption, JsonOption, SetOption, print_data

REFUSED = 1

CHECK_HELP = """What would be read of a file, and whether `run --data` plays it (exit 1 if it does not).

Format, symbols, currency, times, the length of candles, gaps, duplicates, spikes, and the rows that would
be left out, by reason. All of the file is read.

Examples:

    tradectl data check BTCUSDT-1m-2025-01.zip

    tradectl data check export.csv --columns time=Date,price=Last,qty=4 --symbol BTC/EUR
"""

app = typer.Typer(no_args_is_help=True)


def register(program: typer.Typer) -> None:
    program.add_typer(app, name="data", help="Files of market data: what is in them.")


@app.command(help=CHECK_HELP, short_help="What would be read of a file, and whether it is played.")
def check(
    file: Annotated[Path, typer.Argument(show_default=False)],
    columns: ColumnsOption = None,
    symbol: SymbolOption = None,
    allow_truncated: TruncatedOption = False,
    config: ConfigOption = None,
    settings_set: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    from tradectl.bus.clock import ComputerClock
    from tradectl.config.load import load_settings
    from tradectl.operations.data_check import DataOptions, check_data

    found = check_data(
        file,
        DataOptions(
            settings=load_settings(config, assignments=settings_set or ()),
            symbols=tuple(symbol or ()),
            columns=columns_named(columns),
            allow_truncated=allow_truncated,
            now=ComputerClock.wall(),
        ),
    )
    print_data(found, as_json, "data_check.data_check")
    raise typer.Exit(REFUSED if found.refused else 0)
