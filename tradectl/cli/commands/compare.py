"""`compare`: where two runs part, and what that makes of their results."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from tradectl.cli.options import JsonOption, StateDirOption, print_data, refuse_useless
from tradectl.cli.panel.progress import reading_shown

HELP = """Where two runs part: the first decision that differs and its cause, and the ledger of results.

Round trips are matched by strategy, symbol and the signal's time; size, spread, slippage, latency, fees
and funding of each pair, and what only one of the runs traded, add up to the difference exactly. A run
is named by the beginning of its id, `latest`, or its journal. With --with-backtest: a run, live or on
paper, against a backtest of the data that it lived through, by its own configuration.

Examples:

    tradectl compare 20261128T194707000-12a8 latest

    tradectl compare latest --with-backtest
"""


def register(app: typer.Typer) -> None:
    app.command("compare", help=HELP, short_help="Where two runs part, and what it makes.")(compare)


def compare(
    a: Annotated[str, typer.Argument(metavar="RUN", help="The first run.", show_default=False)],
    b: Annotated[
        str | None,
        typer.Argument(metavar="[RUN]", help="The other one.", show_default=False),
    ] = None,
    with_backtest: Annotated[
        bool, typer.Option("--with-backtest", help="Against a backtest of the run's own data.")
    ] = False,
    trust: Annotated[
        bool, typer.Option("--trust", help="Run the strategy files that the journal names.")
    ] = False,
    as_json: JsonOption = False,
    state_dir: StateDirOption = None,
) -> None:
    refuse_useless(
        {
            "with what? expected another run, or --with-backtest": not b and not with_backtest,
            "--with-backtest makes the other run itself: leave the second one out": bool(
                b and with_backtest
            ),
            "--trust is of strategies that are run, with --with-backtest alone: leave it out": trust
            and not with_backtest,
        }
    )
    from tradectl.explain.runs import find_journal
    from tradectl.storage.directory import StateDir

    directory = StateDir(state_dir)
    path = find_journal(directory, a)
    if b is not None:
        from tradectl.explain.compare import compare as compared

        other = find_journal(directory, b)
        with reading_shown(quiet=as_json):
            found = compared(path, other)
        print_data(found, as_json, "compared.comparison")
        return
    from tradectl.cli.commands.strategy_trust import judge
    from tradectl.domain.keys import take_keys
    from tradectl.explain.simulated import compare_with_backtest
    from tradectl.strategy.own_process import interrupted_by_signals, stdout_to_stderr

    take_keys(os.environ)  # nothing is asked of an exchange, and strategies run
    with stdout_to_stderr(), interrupted_by_signals(), reading_shown(quiet=as_json):
        found = compare_with_backtest(path, judge((), trust=trust))
    print_data(found, as_json, "compared.comparison")
