"""Options that several commands share, and how data leaves a command."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradectl.domain.errors import UsageError
from tradectl.domain.text import ascii_json, harmless

if TYPE_CHECKING:
    from tradectl.storage.directory import StateDir

LONGEST_SAID = 2000


def folder(text: str) -> Path:
    """Nothing at all is what a variable that was never set comes to, and not the folder one is in."""
    if not text:
        raise typer.BadParameter("expected the name of a folder, got ''")
    with contextlib.suppress(PermissionError):  # whoever uses it says so
        if Path(text).is_file():
            raise typer.BadParameter(f"expected a folder; {text!r} is a file")
    return Path(text)


StateDirOption = Annotated[
    Path | None,
    typer.Option(
        "--state-dir",
        help="Where the account lives. Default: TRADECTL_STATE_DIR, else the platform's state folder.",
        parser=folder,
        metavar="<dir>",
        show_default=False,
    ),
]
RunOption = Annotated[
    str | None,
    typer.Option(
        "--run",
        help="Of this run, by the beginning of its id, or `latest`; not of the account.",
        metavar="<id>",
        show_default=False,
    ),
]
TrustJournalOption = Annotated[
    bool,
    typer.Option(
        "--trust-journal",
        help="Go by the last journal, though your key did not sign it or a newer one is known.",
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="One JSON document on stdout, nothing else there.")
]
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "-c",
        "--config",
        help="TOML file; see `tradectl config init`.",
        readable=False,  # whoever reads it says what is wrong: no reason for an emergency stop not to be
        show_default=False,
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="<key=value>",
        help="A setting, as strategy.timeframe=1h or risk.max_leverage=2; repeatable.",
        show_default=False,
    ),
]


def refuse_useless(given: Mapping[str, bool]) -> None:
    """Nothing that is typed is passed over in silence: the first sentence, `--option does ...: what to
    do`, that is true of what was typed is the error. Raises UsageError."""
    for sentence, is_so in given.items():
        if is_so:
            raise UsageError(sentence)


def print_json(document: Any) -> None:
    """A document, or a list of them: encoded here and nowhere else."""
    import msgspec

    text = msgspec.json.format(msgspec.json.encode(document), indent=2)
    sys.stdout.write(ascii_json(text.decode()) + "\n")


def say(line: str, *, err: bool = False) -> None:
    """One line, whatever is in it."""
    typer.echo(harmless(line, LONGEST_SAID), err=err)


def telling(state_dir: StateDir) -> StateDir:
    """The same, for a run that may make the key its journals are signed with."""
    state_dir.keys.tell = partial(say, err=True)
    return state_dir


def print_data(document: Any, as_json: bool, renderer: str) -> None:
    """`document` as JSON, or as the function of `cli/output` shows it that `renderer` names, such as
    `render.positions`: by name, because Rich is loaded only where it is needed."""
    if as_json:
        print_json(document)
        return
    from tradectl.cli.output.render import show

    module, _, function = renderer.partition(".")
    found = importlib.import_module(f"tradectl.cli.output.{module}")
    show(getattr(found, function)(document))


def parse_speed(text: str | None) -> float | None:
    """A multiple of real time, or None for `max`, which it is unless said. Raises typer.BadParameter."""
    if text in (None, "max"):
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < 1e9:
        raise typer.BadParameter(
            f"expected `max` or a number above 0 such as 10, got {text!r}", param_hint="'--speed'"
        )
    return speed
