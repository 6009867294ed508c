"""`top`: the live panel of a system that runs elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from tradectl.cli.options import StateDirOption, say
from tradectl.domain.errors import NotRunning, TradectlError, UsageError

if TYPE_CHECKING:
    import asyncio

    from rich.console import Console

    from tradectl.documents.run import LiveStatus
    from tradectl.storage.directory import StateDir

EVERY_S = 0.5
HANGS = "NOT RESPONDING"
ANSWER_S = 2.0

HELP = """The live panel of the running system, from another terminal: the same views and keys.

`q` leaves it, and the system goes on. Pausing, resuming and the emergency stop work from here, the latter
if the system hangs, too.

Examples:

    tradectl top

    tradectl top --state-dir ~/accounts/spot
"""


def register(app: typer.Typer) -> None:
    app.command("top", help=HELP, short_help="The live panel of a system that runs elsewhere.")(top)


def top(state_dir: StateDirOption = None) -> None:
    import asyncio

    from tradectl.cli.output.listing import console as make_console
    from tradectl.cli.panel.panel import suits
    from tradectl.storage.directory import StateDir

    console = make_console()
    if not suits(console):
        raise UsageError(
            "top needs a terminal: `tradectl status --watch` prints, `--json` is for programs"
        )
    directory = StateDir(state_dir)
    directory.check()
    said = asyncio.run(_attached(directory, console))
    if said:
        say(said)


async def _attached(directory: StateDir, console: Console) -> str:
    """What came of the last deed, and why it ended where that was not by its user. Raises NotRunning."""
    import asyncio
    import contextlib

    from tradectl.cli.panel.link import REASON, STOP_S, SocketLink
    from tradectl.cli.panel.panel import Panel
    from tradectl.documents.operations import StopReport
    from tradectl.operations.emergency_stop import emergency_stop
    from tradectl.runtime.signals import ended_by_signals

    def stop() -> StopReport:
        return emergency_stop(directory, REASON, flatten=False, timeout=STOP_S)

    watched = Watched(directory)
    over = asyncio.Event()
    following = asyncio.ensure_future(watched.follow(over))
    panel = Panel(
        lambda: watched.latest, console, link=SocketLink(directory.socket, stop), attached=True
    )
    try:
        with ended_by_signals(lambda _: over.set()):
            await panel.run(over)
    finally:
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following
    return "; ".join(filter(None, [panel.said, watched.ended]))


class Watched:
    """The running system's status as of its last answer; one that does not answer is shown as that.
    Raises NotRunning where nothing runs."""

    def __init__(self, directory: StateDir) -> None:
        self._socket = directory.socket
        self.ended = ""
        try:
            self.latest = self._asked()
        except TimeoutError:
            self.latest = self._last_stored(directory)

    def _asked(self) -> LiveStatus:
        from tradectl.control.client import ask
        from tradectl.documents.run import LiveStatus

        return ask(self._socket, "live", LiveStatus, timeout=ANSWER_S)

    @staticmethod
    def _last_stored(directory: StateDir) -> LiveStatus:
        from msgspec.structs import asdict

        from tradectl.documents.run import LiveStatus
        from tradectl.operations.inspector import Inspector

        return LiveStatus(**{**asdict(Inspector(directory).status()), "state": HANGS})

    async def follow(self, over: asyncio.Event) -> None:
        import asyncio

        from msgspec.structs import replace

        while True:
            await asyncio.sleep(EVERY_S)
            try:
                self.latest = await asyncio.to_thread(self._asked)
            except NotRunning:
                self.ended = "the run has ended: `tradectl status` shows what it left"
                over.set()
                return
            except (TradectlError, TimeoutError, OSError):  # it hangs, or is another version
                self.latest = replace(self.latest, state=HANGS)
