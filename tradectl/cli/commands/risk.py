"""`risk`: limits, value at risk, stress."""

from __future__ import annotations

import typer

from tradectl.cli.options import JsonOption, RunOption, StateDirOption, print_data, say

HELP = """What is at stake: limits and their use, what a day may cost, and what shocks would.

Of the running system, or of the account as the last run left it; with --run of any run, one on recorded
data too, as it ended or has come to by now. Value at risk is a positive one-day loss
at 95 %, of today's positions on the last 365 daily returns: the days that runs have seen, and those of
the files in `risk.history_files`. Positions without history are in none of it, and said. Shocks are the
worst days of that history, and those in `risk.stress`.

Examples:

    tradectl risk

    tradectl risk --json

    tradectl risk --run latest
"""


def register(app: typer.Typer) -> None:
    app.command("risk", help=HELP, short_help="Limits and their use, value at risk, stress.")(risk)


def risk(
    run: RunOption = None, as_json: JsonOption = False, state_dir: StateDirOption = None
) -> None:
    from tradectl.operations.risk_now import risk_at_the_end_of, risk_now
    from tradectl.storage.directory import StateDir

    directory = StateDir(state_dir)
    found = (
        risk_now(directory, warn=lambda why: say(why, err=True))
        if run is None
        else risk_at_the_end_of(directory, run)
    )
    print_data(found, as_json, "risk.report")
