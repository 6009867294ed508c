"""Long listings: a table shows the newest rows, JSON all of them; either only what is asked for, and row
by row, however many there are."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradectl.cli.options import print_data
from tradectl.domain.text import ascii_json
from tradectl.domain.time import iso, typed_moment

if TYPE_CHECKING:
    from tradectl.storage.reader import Page

SHOWN = 50
"""Rows of a table, unless said."""
MOST = 10**12
FIRST_YEAR, LAST_YEAR = 1, 9999
AT_ONCE = 500
"""Rows that are laid out together."""
_AGO = re.compile(r"\d{1,6}[smhd]", re.ASCII)


def parse_moment(text: str, or_else: str = "") -> str:
    """As the database spells it. Without a zone it is UTC. Raises BadParameter, which names what is
    expected, `or_else`."""
    try:
        moment = typed_moment(text)
    except (ValueError, OverflowError):
        moment = None
    if moment is None or not FIRST_YEAR < moment.year < LAST_YEAR:
        raise typer.BadParameter(
            f"expected a day or a time such as 2026-11-29 or 2026-11-29T08:30{or_else}, got {text!r}"
        )
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z"


def parse_since(text: str) -> str:
    """A moment, or one that is so long ago: `30s`, `5m`, `2h`, `1d`. Raises BadParameter."""
    if _AGO.fullmatch(text) is None:
        return parse_moment(text, ", or how long ago such as 30s, 5m, 2h or 1d")
    from tradectl.bus.clock import WallClock
    from tradectl.strategy.bars import parse_interval

    return iso(max(0, WallClock().now() - parse_interval(text)))


def parse_point(text: str, option: str = "--at") -> int | str:
    """What `option` tells: a record's number, or a time as journals have it. Raises BadParameter."""
    if text.isascii() and text.isdigit():
        return int(text)
    try:
        return parse_moment(text)
    except typer.BadParameter:
        raise typer.BadParameter(
            "expected a record's number, or a day or a time such as 2026-11-29 or 2026-11-29T08:30, got "
            f"{text!r}",
            param_hint=f"'{option}'",
        ) from None


LimitOption = Annotated[
    int | None,
    typer.Option(
        "-n",
        "--limit",
        help=f"The newest so many only, 0 for all. Default: {SHOWN}, with --json all.",
        min=0,
        max=MOST,
        show_default=False,
    ),
]
SkipOption = Annotated[
    int, typer.Option("--skip", help="But the newest so many: the page before.", min=0, max=MOST)
]
SinceOption = Annotated[
    str | None,
    typer.Option(
        "--since",
        help="None from before this day or time, UTC, or so long ago: 30s, 5m, 2h, 1d.",
        parser=parse_since,
        metavar="<time>",
        show_default=False,
    ),
]


def print_page(
    ask: Callable[[Page], Iterable[Any]],
    as_json: bool,
    renderer: str,
    limit: int | None,
    skip: int,
    since: str | None,
    *,
    newest_first: bool = False,
) -> None:
    """The rows that `ask` has, as JSON or as the function of `cli/output` shows them that `renderer`
    names. They come as they were made, unless `newest_first`."""
    from tradectl.storage.reader import Page

    if limit is None:
        limit = 0 if as_json else SHOWN
    if as_json:
        _print_json(iter(ask(Page(limit or None, skip, since or ""))))
        return
    rows = iter(ask(Page(limit + 1 if limit else None, skip, since or "")))
    if not limit:
        print_data(list(islice(rows, AT_ONCE)), False, renderer)
        while more := list(islice(rows, AT_ONCE)):
            print_data(more, False, renderer)
        return
    shown = list(rows)
    print_data(shown[:limit] if newest_first else shown[-limit:], False, renderer)
    if len(shown) > limit:
        typer.echo(f"older ones: --skip {skip + limit}, or -n 0 for all", err=True)


def _print_json(rows: Iterator[Any]) -> None:
    """As `print_json` prints a list."""
    import msgspec

    first = next(rows, None)
    if first is None:
        sys.stdout.write("[]\n")
        return
    before = "[\n  "
    for row in chain([first], rows):
        text = ascii_json(msgspec.json.format(msgspec.json.encode(row), indent=2).decode())
        sys.stdout.write(before + text.replace("\n", "\n  "))
        before = ",\n  "
    sys.stdout.write("\n]\n")


__all__ = ["LimitOption", "SinceOption", "SkipOption", "parse_moment", "parse_point", "print_page"]
