"""The log, over its files and over all runs."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from tradectl.cli.options import (
    JsonOption,
    RunOption,
    StateDirOption,
    print_json,
    refuse_useless,
    say,
)
from tradectl.cli.pages import SHOWN, LimitOption, SinceOption, SkipOption, print_page
from tradectl.documents.log import LogLevel
from tradectl.domain.errors import StateError, UsageError

if TYPE_CHECKING:
    from tradectl.documents.log import LogLine
    from tradectl.logs.log_reader import LogFilter, LogReader
    from tradectl.storage.directory import StateDir
    from tradectl.storage.reader import Page

LOGS_HELP = """What runs told the log: beginnings and ends, states, alerts, health, orders and fills.

The log is for people and may have gaps; what a run decided, and why, is in its journal: see `events`.
By the section [log] of the configuration: its level, its format, its size.

Examples:

    tradectl logs

    tradectl logs --level warning --since 2026-11-29

    tradectl logs --order 20261129T120000000-1a2b-17-1

    tradectl logs --run latest --follow
"""


def register(app: typer.Typer) -> None:
    app.command("logs", help=LOGS_HELP, short_help="What runs told the log, over all of them.")(
        logs
    )


def logs(
    run: RunOption = None,
    level: Annotated[
        LogLevel, typer.Option("--level", help="As grave as this, or graver.")
    ] = LogLevel.DEBUG,
    component: Annotated[
        str, typer.Option("--component", metavar="<name>", help="What this one told alone.")
    ] = "",
    order: Annotated[
        str, typer.Option("--order", metavar="<id>", help="About this order: ours or the exchange's id.")
    ] = "",
    follow: Annotated[bool, typer.Option("--follow", help="Go on as they come.")] = False,
    limit: LimitOption = None,
    skip: SkipOption = 0,
    since: SinceOption = None,
    as_json: JsonOption = False,
    state_dir: StateDirOption = None,
) -> None:  # fmt: skip
    from tradectl.logs.log_reader import LogFilter, LogReader
    from tradectl.storage.directory import StateDir

    refuse_useless(
        {"--follow goes on from the newest ones: leave --skip out": follow and bool(skip)}
    )
    known = StateDir(state_dir)
    known.refuse_other()
    wanted = LogFilter(_run(known, run), level, component, order, since or "")
    reader = LogReader(known.logs, wanted)
    try:
        if follow:
            _follow(reader, SHOWN if limit is None else limit or None, as_json)
        else:
            print_page(
                lambda page: _page(reader, page), as_json, "log_lines.listing", limit, skip, since
            )
            _say_what_there_is(reader, wanted)
    except OSError as error:
        raise StateError(f"cannot read the log in {known.logs}: {error.strerror}") from error
    if reader.unreadable:
        say(f"{reader.unreadable} lines could not be read, and are not shown", err=True)


def _run(known: StateDir, named: str | None) -> str:
    if named != "latest":
        return named or ""
    journals = known.all_journals()
    if not journals:
        raise UsageError("there is no run yet: start one with `tradectl run`")
    return next(reversed(journals))


def _say_what_there_is(reader: LogReader, wanted: LogFilter) -> None:
    """Of what was asked for by a name that no line has."""
    if wanted.since:
        return  # not all of them were read
    if wanted.run and not reader.has_run:
        say(f"the log has no run {wanted.run!r}: `tradectl runs` lists them", err=True)
    elif wanted.component and wanted.component not in reader.components:
        there = ", ".join(sorted(filter(None, reader.components)))
        say(f"the log has no component {wanted.component!r}: there are {there}", err=True)


def _page(reader: LogReader, page: Page) -> Iterator[LogLine]:
    """No more of them are kept than a page has."""
    kept: deque[LogLine] = deque()
    if page.limit is None:
        for line in reader.lines():
            kept.append(line)
            if len(kept) > page.skip:
                yield kept.popleft()
        return
    kept = deque(reader.lines(), page.limit + page.skip)
    yield from islice(kept, max(0, len(kept) - page.skip))


def _follow(reader: LogReader, newest: int | None, as_json: bool) -> None:
    """One document, or line, for each."""
    from tradectl.cli.output.log_lines import spelled

    for line in reader.follow(newest):
        if as_json:
            print_json(line)
        else:
            say(spelled(line))


__all__ = ["register"]
