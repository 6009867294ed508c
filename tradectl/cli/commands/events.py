"""The audit trail, and the account at any point of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tradectl.cli.options import (
    JsonOption,
    RunOption,
    StateDirOption,
    print_data,
    print_json,
    refuse_useless,
    say,
)
from tradectl.cli.pages import SHOWN, LimitOption, SinceOption, SkipOption, parse_point, print_page
from tradectl.cli.panel.progress import reading_shown

if TYPE_CHECKING:
    from tradectl.explain.event_filter import EventFilter

RETRY_WITHIN_S = 5.0
NOISE = ("market_data", "timer_fired")

EVENTS_HELP = """What happened in a run, event by event: when, what, and what it followed from.

Of the account's newest run, or of any: the beginning of its id, `latest`, or a journal's file. Market
data and timers are left out unless --all, --type or --cause asks for it.

Examples:

    tradectl events

    tradectl events --type order --symbol BTCUSDT

    tradectl events latest --cause 1234

    tradectl events --follow

    tradectl events --failed --retry
"""
STATE_HELP = """The account after any event of a run: at a record's number, or at a time.

Folded from the journal, as a recovery does it. With --diff: what changed between there and another one.

Examples:

    tradectl state --at 5000

    tradectl state latest --at 2026-11-29T08:30

    tradectl state --at 5000 --diff 4000
"""

RunArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[RUN]",
        help="The beginning of a run's id, `latest`, or a journal.",
        show_default=False,
    ),
]

SymbolsOption = Annotated[
    list[str] | None, typer.Option("--symbol", help="Of this symbol alone; repeatable.")
]
KindsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--type",
        metavar="<type>",
        help="Of this family or kind alone, as order or order_filled; repeatable.",
    ),
]
CauseOption = Annotated[
    int | None,
    typer.Option(
        "--cause", metavar="<seq>", help="What led to this record, and what followed.", min=1
    ),
]


def register(app: typer.Typer) -> None:
    app.command("events", help=EVENTS_HELP, short_help="What happened, event by event, and why.")(
        events
    )
    app.command("state", help=STATE_HELP, short_help="The account at any point of a run.")(state)


def events(
    run_named: RunArgument = None,
    run: RunOption = None,
    symbol: SymbolsOption = None,
    kind: KindsOption = None,
    cause: CauseOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Market data and timers, too.")] = False,
    failed: Annotated[
        bool, typer.Option("--failed", help="Of the running system: what a handler failed at.")
    ] = False,
    retry: Annotated[
        bool, typer.Option("--retry", help="With --failed: hand them over once more.")
    ] = False,
    follow: Annotated[bool, typer.Option("--follow", help="Go on as they come.")] = False,
    limit: LimitOption = None,
    skip: SkipOption = 0,
    since: SinceOption = None,
    as_json: JsonOption = False,
    state_dir: StateDirOption = None,
) -> None:
    refuse_useless(
        {
            "--retry is of what failed: add --failed": retry and not failed,
            "--failed is of the running system alone, without a run": failed
            and bool(run or run_named or follow or skip or since),
            "--follow goes on from the newest ones: leave --skip out": follow and bool(skip),
            "--cause is one chain of a journal: leave --follow out": follow and cause is not None,
        }
    )
    wanted = _wanted(symbol, kind, cause, everything=everything)
    if failed:
        _failed(state_dir, wanted, limit, as_json, retry=retry)
        return
    path = _journal(state_dir, run_named, run)
    if follow:
        _follow(path, wanted, SHOWN if limit is None else limit, since, as_json)
        return
    from tradectl.explain import event_rows

    with reading_shown(quiet=as_json or limit == 0):  # all: they are shown as they are read
        print_page(
            lambda page: event_rows.events(path, wanted, page),
            as_json,
            "event_lines.listing",
            limit,
            skip,
            since,
        )


def _wanted(
    symbols: list[str] | None, names: list[str] | None, cause: int | None, *, everything: bool
) -> EventFilter:
    from tradectl.explain.event_filter import EventFilter, kinds_named

    kinds = kinds_named(names or ())
    return EventFilter(
        symbols=tuple(symbols or ()),
        kinds=kinds,
        without=() if everything or kinds or cause else kinds_named(NOISE),
        cause=cause or 0,
    )


def _failed(
    state_dir: Path | None, wanted: EventFilter, limit: int | None, as_json: bool, *, retry: bool
) -> None:
    from tradectl.control.client import ask
    from tradectl.documents.explain import FailedEvents
    from tradectl.explain.event_rows import is_wanted
    from tradectl.storage.directory import StateDir

    rows = ask(
        StateDir(state_dir).socket,
        "failed_events",
        FailedEvents,
        timeout=RETRY_WITHIN_S,
        retry=retry,
    ).events
    shown = [row for row in rows if is_wanted(row, wanted)]
    print_data(shown[-limit:] if limit else shown, as_json, "event_lines.failed")
    if retry:
        say(f"{len(rows)} handed over once more", err=True)


def _follow(path: Path, wanted: EventFilter, limit: int, since: str | None, as_json: bool) -> None:
    """One document, or line, for each."""
    from tradectl.cli.output.event_lines import heading, spelled
    from tradectl.explain.event_rows import follow
    from tradectl.storage.reader import Page

    if not as_json:
        say(heading())
    for row in follow(path, wanted, Page(limit or None, 0, since or "")):
        if as_json:
            print_json(row)
        else:
            say(spelled(row))


def state(
    run_named: RunArgument = None,
    run: RunOption = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="<seq|time>",
            help="After this record, or as of this time, UTC. Default: now.",
            show_default=False,
        ),
    ] = None,
    diff: Annotated[
        str | None,
        typer.Option(
            "--diff", metavar="<seq|time>", help="What changed since, or until, then.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
    state_dir: StateDirOption = None,
) -> None:  # fmt: skip
    from tradectl.explain.state_at import state_at, state_difference
    from tradectl.storage.directory import StateDir

    point, other = _point(at, "--at"), _point(diff, "--diff")
    path, known = _journal(state_dir, run_named, run), StateDir(state_dir)
    if other is not None:
        with reading_shown(quiet=as_json):
            difference = state_difference(path, point, other, known)
        print_data(difference, as_json, "explained.state_difference")
        return
    with reading_shown(quiet=as_json):
        found = state_at(path, point, known)
    print_data(found, as_json, "explained.state_at")


def _point(text: str | None, option: str) -> int | str | None:
    """A record's number, or a time as journals have it. Raises typer.BadParameter."""
    if text is None:
        return None
    return parse_point(text, option)


def _journal(state_dir: Path | None, named: str | None, run: str | None) -> Path:
    from tradectl.explain.runs import find_journal
    from tradectl.storage.directory import StateDir

    both = "a run is named twice: leave --run, or the one before it, out"
    refuse_useless({both: named is not None and run is not None})
    return find_journal(StateDir(state_dir), named or run)
