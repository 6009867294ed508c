"""What the account looks like, whether something runs or not."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tradectl.cli.options import JsonOption, RunOption, StateDirOption, print_data, say
from tradectl.cli.pages import LimitOption, SinceOption, SkipOption, print_page

if TYPE_CHECKING:
    from tradectl.documents.run import Status
    from tradectl.operations.inspector import Inspector

WATCH_S = 1.0


def register(app: typer.Typer) -> None:
    command = app.command
    command("status", help=STATUS_HELP, short_help="How the system and the account are doing.")(
        status
    )
    command("positions", help="Open positions, at the last price seen.")(positions)
    command("orders", help="Orders of the account, finished ones too, newest last.")(orders)
    command("fills", help="Fills of the account, newest last.")(fills)
    command("runs", help="All runs: when, on what, how much, how they ended.")(runs)


STATUS_HELP = """How the system is doing: mode, state, components, portfolio, positions, orders, halt.

Works when nothing runs: shows the last durable state and says so. A run on recorded data has an account
of its own, which --run shows.

Examples:

    tradectl status

    tradectl status --run 20261128T194707000-12a8

    tradectl status --watch

    tradectl status --json | jq .portfolio.equity
"""


def status(
    as_json: JsonOption = False,
    watch: Annotated[bool, typer.Option("--watch", help="Again every second.")] = False,
    run: RunOption = None,
    state_dir: StateDirOption = None,
) -> None:
    inspector = _inspector(state_dir, run)
    while True:
        document = inspector.status()
        if watch and not as_json:
            _show_again(document)
        else:
            print_data(document, as_json, "status_page.status")
        if not watch:
            return
        time.sleep(WATCH_S)


def _show_again(document: Status) -> None:
    from tradectl.cli.output.listing import console
    from tradectl.cli.output.watched import show_again

    show_again(document, console())


def positions(
    as_json: JsonOption = False, run: RunOption = None, state_dir: StateDirOption = None
) -> None:
    status = _inspector(state_dir, run).status()
    print_data(status.positions if as_json else status, as_json, "status_page.positions_of")


def orders(
    as_json: JsonOption = False,
    limit: LimitOption = None,
    skip: SkipOption = 0,
    since: SinceOption = None,
    run: RunOption = None,
    tca: Annotated[
        bool,
        typer.Option("--tca", help="What they cost to trade: of the newest run, or of --run."),
    ] = False,
    state_dir: StateDirOption = None,
) -> None:
    if tca:
        _costs(state_dir, run, limit, as_json, paged=bool(skip or since))
        return
    shown = "render.orders" if run is None else "render.orders_of_run"
    print_page(_inspector(state_dir, run).orders, as_json, shown, limit, skip, since)


def _costs(
    state_dir: Path | None, run: str | None, limit: int | None, as_json: bool, *, paged: bool
) -> None:
    from tradectl.cli.pages import SHOWN
    from tradectl.explain.runs import find_journal
    from tradectl.explain.tca import trading_costs
    from tradectl.storage.directory import StateDir

    if paged:
        raise typer.BadParameter("--tca is of a whole run: leave --skip and --since out")
    path = find_journal(StateDir(state_dir), run)
    newest = (0 if as_json else SHOWN) if limit is None else limit
    print_data(trading_costs(path, newest), as_json, "tca.costs")


def fills(
    as_json: JsonOption = False,
    limit: LimitOption = None,
    skip: SkipOption = 0,
    since: SinceOption = None,
    run: RunOption = None,
    state_dir: StateDirOption = None,
) -> None:
    shown = "render.fills" if run is None else "render.fills_of_run"
    print_page(_inspector(state_dir, run).fills, as_json, shown, limit, skip, since)


def runs(
    as_json: JsonOption = False,
    limit: LimitOption = None,
    skip: SkipOption = 0,
    since: SinceOption = None,
    state_dir: StateDirOption = None,
) -> None:
    print_page(_inspector(state_dir).runs, as_json, "render.runs", limit, skip, since)


def _inspector(state_dir: Path | None, run: str | None = None) -> Inspector:
    from tradectl.operations.inspector import Inspector
    from tradectl.storage.directory import StateDir

    inspector = Inspector(StateDir(state_dir), run, warn=partial(say, err=True))
    missing = inspector.missing_journal()
    if missing:
        say(missing, err=True)
    return inspector
