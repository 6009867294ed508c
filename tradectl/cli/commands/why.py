"""`why`: why an order was sent, and why none was."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradectl.cli.options import (
    JsonOption,
    RunOption,
    StateDirOption,
    print_data,
    refuse_useless,
    say,
)
from tradectl.cli.pages import parse_point
from tradectl.cli.panel.progress import reading_shown
from tradectl.domain.errors import UsageError

if TYPE_CHECKING:
    from tradectl.explain.decided_again import Judge

HELP = """Why an order was sent; or what holds a symbol back, now or at any point of a run.

An order is named by our id, the client's or the exchange's own: the market data, the signal and what the
strategy saw, the target, each check of risk with its figures, what the fills cost, and the round
trip. With --none: the reasons for all that a run did not trade.

Examples:

    tradectl why 20261128T194707000-12a8-58-1

    tradectl why BTCUSDT

    tradectl why BTCUSDT --run latest --at 2026-11-28T19:50

    tradectl why --none latest
"""


def register(app: typer.Typer) -> None:
    app.command("why", help=HELP, short_help="Why an order was sent, or none was.")(why)


def why(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[ORDER_ID|SYMBOL]", help="What it is about.", show_default=False
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="<seq|time>",
            help="Of a symbol: after this record, or as of this time, UTC. Default: now.",
            show_default=False,
        ),
    ] = None,
    run: RunOption = None,
    none: Annotated[
        str | None,
        typer.Option(
            "--none", metavar="<run>", help="All that this run did not trade.", show_default=False
        ),
    ] = None,
    trust: Annotated[
        bool, typer.Option("--trust", help="Run the strategy files that the journal names.")
    ] = False,
    as_json: JsonOption = False,
    state_dir: StateDirOption = None,
) -> None:  # fmt: skip
    refuse_useless(
        {
            "--none is of a whole run: leave the order or the symbol out": bool(none and name),
            "--none names the run itself: leave --run and --at out": bool(none and (run or at)),
            "why of what? expected an order's id, a symbol, or --none RUN": not (none or name),
        }
    )
    from tradectl.explain.runs import find_journal
    from tradectl.storage.directory import StateDir
    from tradectl.storage.run_names import run_of_file

    directory = StateDir(state_dir)
    if none is not None:
        from tradectl.explain.not_traded import not_traded

        path = find_journal(directory, none)
        _show(lambda: not_traded(path, _judge(trust)), as_json, "why.none")
        return
    assert name is not None
    point = None if at is None else parse_point(at)
    named = find_journal(directory, run) if run is not None else None
    if _order(directory, name, named, as_json):
        refuse_useless({"--at is of a symbol: an order has its own time": at is not None})
        return
    path = named or find_journal(directory)
    if named is None:
        say(f"of run {run_of_file(path)}, the newest one: --run names another", err=True)
    from tradectl.explain.why_symbol import why_symbol

    silent = _silent(path) if point is None else 0
    _show(lambda: why_symbol(path, name, point, _judge(trust), silent), as_json, "why.symbol")


def _order(directory: Any, name: str, named: Path | None, as_json: bool) -> bool:
    """Whether it is an order's name; what is known of it is printed then."""
    from tradectl.explain.find_order import find_order
    from tradectl.explain.why_order import why_order

    found = find_order(directory, name, named)
    if found is None:
        return False
    if not found.journal.is_file():
        raise UsageError(f"the journal of that order's run, {found.journal}, is not there")
    with reading_shown(quiet=as_json):
        document = why_order(found.journal, found.order_id, directory)
    print_data(document, as_json, "why.order")
    return True


def _show(ask: Any, as_json: bool, renderer: str) -> None:
    """Strategies are called for it: what they print goes to stderr."""
    import os

    from tradectl.domain.keys import take_keys
    from tradectl.strategy.own_process import interrupted_by_signals, stdout_to_stderr

    take_keys(os.environ)  # nothing is asked of an exchange
    with stdout_to_stderr(), interrupted_by_signals(), reading_shown(quiet=as_json):
        document = ask()
    print_data(document, as_json, renderer)


def _judge(trust: bool) -> Judge:
    from tradectl.explain.decided_again import only_ours

    return (lambda settings: settings) if trust else only_ours


def _silent(path: Path) -> int:
    """How long (ns) a run on a market of now, that goes on, has written nothing: both by the computer's
    clock, which need not be the one that the run goes by."""
    from tradectl.bus.clock import ComputerClock
    from tradectl.journal.parts import last_written
    from tradectl.journal.reader import read_header
    from tradectl.journal.run_lock import goes_on

    if not goes_on(path) or read_header(path).source == "recorded":
        return 0
    return max(0, ComputerClock.wall() - last_written(path))
