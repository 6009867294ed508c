"""`backtest` and `backtests`: recorded data through the live path at full speed, and what came of it."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tradectl.cli.commands.run_flags import (
    ColumnsOption,
    FillOption,
    FlattenOption,
    FundingOption,
    RunFlags,
    SeedOption,
    StrategyOption,
    SymbolOption,
    TruncatedOption,
)
from tradectl.cli.options import (
    ConfigOption,
    JsonOption,
    SetOption,
    StateDirOption,
    print_data,
    refuse_useless,
    say,
    telling,
)
from tradectl.cli.pages import LimitOption, SinceOption, SkipOption, print_page
from tradectl.domain.errors import UsageError

if TYPE_CHECKING:
    from tradectl.operations.asked_backtest import Asked
    from tradectl.runtime.run_options import Recording, RunOptions

HELP = """What a strategy would have done: recorded data through the live path, on a simulated clock.

The same as `run --data` at full speed, with an account of its own, beside whatever trades. The result is
kept (`tradectl backtests`) and shown again where nothing changed; --again works it out anew.

Examples:

    tradectl backtest --data trades.csv.gz

    tradectl backtest -c tradectl.toml --data data/*.csv --from 2021-05-01 --to 2021-06-01

    tradectl backtest --data hours.csv --strategy donchian-breakout --set strategy.entry=50

    tradectl backtest --data minutes.csv --strategy my.py:Mine --fill close --flatten-at-end
"""
KEPT_HELP = "The backtests that were kept, newest first: of what, and what came of it."


class Journal(StrEnum):
    """What a journal has of the market data."""

    FULL = "full"
    REFERENCE = "reference"


PlayedOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--data",
        help="Recorded trades, quotes or candles, or a journal; several are merged by time.",
        metavar="<file>...",
    ),
]
MoreArgument = Annotated[list[Path] | None, typer.Argument(metavar="FILE", hidden=True)]
"""What a shell makes of `--data data/*.csv`: the first belongs to the option, and the rest follow it.
Files without the option mean the same."""

FromOption = Annotated[
    str | None,
    typer.Option(
        "--from",
        help="Trade from here on, as 2021-05-01 or 2021-05-01T12:00 (UTC); what comes before warms up.",
        metavar="<time>",
        show_default=False,
    ),
]
ToOption = Annotated[
    str | None,
    typer.Option(
        "--to",
        help="Up to here, which is not played any more.",
        metavar="<time>",
        show_default=False,
    ),
]
NoJournalOption = Annotated[
    bool,
    typer.Option(
        "--no-journal",
        help="Faster, and nothing but the result is left: no replay, no list of fills.",
    ),
]
JournalOption = Annotated[
    Journal,
    typer.Option(
        help="What it has of market data: a copy, or where it is (small and fast; the files must stay)."
    ),
]
ReportOption = Annotated[
    Path | None,
    typer.Option(
        "--report",
        help="Write a page of what came of it, as `tradectl report --html` does.",
        metavar="<file>",
        show_default=False,
    ),
]
AgainOption = Annotated[
    bool, typer.Option("--again", help="Work it out, also where the result was kept.")
]


def register(app: typer.Typer) -> None:
    app.command("backtest", help=HELP, short_help="What a strategy would have done.")(backtest)
    app.command("backtests", help=KEPT_HELP)(backtests)


def backtest(
    more: MoreArgument = None,
    data: PlayedOption = None,
    config: ConfigOption = None,
    columns: ColumnsOption = None,
    allow_truncated: TruncatedOption = False,
    symbol: SymbolOption = None,
    strategy: StrategyOption = None,
    settings_set: SetOption = None,
    since: FromOption = None,
    until: ToOption = None,
    fill: FillOption = None,
    flatten_at_end: FlattenOption = False,
    funding: FundingOption = None,
    seed: SeedOption = None,
    journal: JournalOption = Journal.FULL,
    no_journal: NoJournalOption = False,
    again: AgainOption = False,
    report: ReportOption = None,
    as_json: JsonOption = False,
    state_dir: StateDirOption = None,
) -> None:
    files = [*(data or []), *(more or [])]
    if not files:
        raise UsageError("a backtest is of recorded data: expected --data FILE...")
    flags = RunFlags(
        False, None, files, None, fill, flatten_at_end, symbol or [], strategy or [],
        settings_set or [], funding, seed, False, False, columns, allow_truncated,
    )  # fmt: skip
    flags.refuse_useless()
    recording = _recording(journal, no_journal=no_journal)
    from tradectl.domain.keys import take_keys

    keys = take_keys(os.environ)  # before a strategy runs
    from tradectl.feeds.time_range import parse_range
    from tradectl.runtime.run_options import RunOptions
    from tradectl.storage.directory import StateDir

    options = RunOptions(
        settings=flags.settings(config),
        state_dir=telling(StateDir(state_dir, environ=keys)),
        data=tuple(files),
        columns=flags.columns_named(),
        allow_truncated=allow_truncated,
        span=parse_range(since, until),
        symbols=tuple(flags.symbols),
        flatten_at_end=flatten_at_end,
        journal=recording,
    )
    question = _question(options, "" if config is None else str(config), report)
    found = question.answer(again=again)
    print_data(found, as_json, "backtests.result")
    if report is not None:
        made = question.write_page(found)
        if not as_json:
            print_data(made, False, "run_report.report")
        say(f"written: {report}", err=True)
    question.refuse_not_kept()
    raise typer.Exit(found.exit_code)


def _recording(journal: Journal, *, no_journal: bool) -> Recording:
    """Raises UsageError."""
    useless = "--journal reference is of a journal, and --no-journal keeps none: leave one out"
    refuse_useless({useless: no_journal and journal is Journal.REFERENCE})
    from tradectl.runtime.run_options import Recording

    return Recording.NONE if no_journal else Recording(journal.value)


def _question(options: RunOptions, config: str, html: Path | None) -> Asked:
    from tradectl.cli.panel.progress import ProgressScreen
    from tradectl.operations.asked_backtest import Asked

    return Asked(options, config, ProgressScreen(), html)


def backtests(
    as_json: JsonOption = False,
    limit: LimitOption = None,
    skip: SkipOption = 0,
    since: SinceOption = None,
    state_dir: StateDirOption = None,
) -> None:
    from tradectl.documents.backtest import row_of
    from tradectl.storage.directory import StateDir
    from tradectl.storage.kept_backtests import KeptBacktests

    folder = StateDir(state_dir)
    folder.check()
    kept = KeptBacktests(folder.backtests)
    print_page(
        lambda page: map(row_of, kept.page(page)),
        as_json, "backtests.listing", limit, skip, since, newest_first=True,
    )  # fmt: skip
