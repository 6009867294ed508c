"""`web`: accounts in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tradectl.cli.options import JsonOption, folder, print_json, say

if TYPE_CHECKING:
    from tradectl.documents.web import WebBegun

PORT = 8750

HELP = """Serve accounts as a page: state, equity, positions, orders, alerts, reports; until Ctrl-C.

The address that it prints has a token that is made anew at each start: whoever has it sees what `status`
shows. The process has no exchange keys. It is read-only, and never resumes, clears a halt, orders or
configures; with --allow-stop it pauses and stops for good. From another machine come by SSH, as in
`ssh -L 8750:127.0.0.1:8750 HOST`, or give it files of TLS.

Examples:

    tradectl web

    tradectl web --allow-stop --allow-flatten

    tradectl web --state-dir ~/accounts/spot --state-dir ~/accounts/futures
"""


def register(app: typer.Typer) -> None:
    app.command("web", help=HELP, short_help="Serve accounts as a page in a browser.")(web)


def web(
    port: Annotated[int, typer.Option(help="0 takes one that is free.", min=0, max=65535)] = PORT,
    host: Annotated[
        str, typer.Option(help="Beyond this machine only with --tls-cert and --tls-key.")
    ] = "127.0.0.1",
    certificate: Annotated[
        Path | None,
        typer.Option("--tls-cert", metavar="<file>", help="PEM, with its chain."),
    ] = None,
    key: Annotated[
        Path | None, typer.Option("--tls-key", metavar="<file>", help="PEM, its private key.")
    ] = None,
    allow_stop: Annotated[
        bool, typer.Option("--allow-stop", help="The page can pause, and stop for good.")
    ] = False,
    allow_flatten: Annotated[
        bool, typer.Option("--allow-flatten", help="It can close all positions with that.")
    ] = False,
    state_dirs: Annotated[
        list[Path] | None,
        typer.Option(
            "--state-dir",
            help="Repeatable. Default: TRADECTL_STATE_DIR, else the platform's state folder.",
            parser=folder,
            metavar="<dir>",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    import asyncio
    import os

    from tradectl.domain.keys import take_keys
    from tradectl.storage.directory import StateDir
    from tradectl.web.actions import Allowed
    from tradectl.web.serve import Served, serve

    take_keys(os.environ)  # what it shows and does needs none
    served = Served(
        directories=[StateDir(each) for each in state_dirs] if state_dirs else [StateDir()],
        host=host,
        port=port,
        certificate=certificate,
        key=key,
        allowed=Allowed(stop=allow_stop, flatten=allow_flatten),
    )
    served.check()
    show = print_json if as_json else _show
    asyncio.run(serve(served, show, lambda line: say(line, err=True)))


def _show(begun: WebBegun) -> None:
    say(begun.url)
    may = ", ".join(begun.actions)
    say(f"of {', '.join(begun.accounts)}; {f'it may {may}' if may else 'read-only'}", err=True)
