"""The command line. Commands parse, call and render; what they do lives in the rooms below.

A command is loaded when it is called, and imports what it needs, so that `status` does not wait for what
only `run` uses. Whatever goes wrong reaches the user as one line and an exit code.
"""

from __future__ import annotations

import contextlib
import functools
import os
import resource
import sys
import threading
from typing import Annotated, Any

import typer

from tradectl.cli.commands.table import CommandGroup
from tradectl.domain.errors import Interrupted, TradectlError, UsageError
from tradectl.domain.text import harmless, is_utf8
from tradectl.version import __version__

INTERRUPTED = Interrupted.exit_code
THREAD_ENDS_WITHIN_S = 1.0

HELP = """Trade crypto markets from a terminal: replayable, stoppable, explainable.

`tradectl run` starts paper trading on a simulated market, with no key and no config. From any other
terminal: status, alerts, pause, stop, emergency-stop; afterwards: replay.

Exit codes: 0 success; 1 failed; 2 wrong usage or configuration; 3 replay diverged; 4 not running;
5 emergency stop latched but not confirmed; 6 halted: refuses to trade; 7 another instance owns the
state directory; 130 interrupted before it was done (a run that Ctrl-C ends in good order: 0).
"""

app = typer.Typer(
    name="tradectl",
    cls=CommandGroup,
    help=HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"tradectl {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which it is.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; never shows a traceback unless TRADECTL_DEBUG is set."""
    _open_missing_streams()
    _keep_memory_to_ourselves()
    sys.exit(_refuse_what_is_not_utf8() or _run())


def end_output() -> None:
    """What was said was all of it: what a strategy's code still prints as the process ends (`atexit`,
    `__del__`, a thread) goes to stderr, and spoils no document."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        if (sys.stdout.fileno(), sys.stderr.fileno()) == (1, 2):
            os.dup2(2, 1)


def leave_threads_behind(code: int) -> None:
    """Of ours none is left at the end of the process: a strategy that has one would keep it for ever."""
    for thread in threading.enumerate():
        if thread is threading.main_thread() or thread.daemon:
            continue
        thread.join(THREAD_ENDS_WITHIN_S)
        if thread.is_alive():
            _say("a thread of a strategy is still running: it is not waited for", code)
            sys.stdout.flush()
            os._exit(code)


def _open_missing_streams() -> None:
    """Where a stream was closed (`>&-`) there is none, and its number would go to the next file that
    is opened, such as a journal."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8"))


def _keep_memory_to_ourselves() -> None:
    """What a crash would write into a file has keys in it."""
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _refuse_what_is_not_utf8() -> int:
    """An argument that is no text could be written down nowhere. Only an emergency stop goes on."""
    words = sys.argv[1:]
    odd = next((word for word in words if not is_utf8(word)), None)
    if odd is None or words[0] == "emergency-stop":
        return 0
    return _say(f"{odd!a:.80} is not UTF-8 text", UsageError.exit_code)


def _run() -> int:
    try:
        answer = _parser()(standalone_mode=False)
        sys.stdout.flush()  # what cannot be written is an error while it can still be told
    except TradectlError as error:
        return _say(str(error), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return _say("interrupted", INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except TimeoutError as error:  # an OSError too, but of ours: it has words and names no file
        return _say(f"{error}; `tradectl emergency-stop` ends it whatever it does", 1)
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        return _say(f"{error.strerror or error}{where}", 1)
    except Exception as error:  # the last line of defence: one line for the user, whatever it is
        if os.environ.get("TRADECTL_DEBUG"):
            raise
        if (spell := getattr(error, "format_message", None)) is not None:
            return _say_usage(error, spell())
        return _say(
            f"{type(error).__name__}: {error} (this is a fault of tradectl: please report it; "
            "TRADECTL_DEBUG=1 shows where)",
            1,
        )
    if answer == INTERRUPTED:  # what the option parser makes of a KeyboardInterrupt
        return _say("interrupted", INTERRUPTED)
    return answer if isinstance(answer, int) else 0


@functools.cache
def _parser() -> Any:
    """Made once, however many command lines a process is given, as the tests do."""
    return typer.main.get_command(app)


def _say_usage(error: Exception, message: str) -> int:
    """A usage error of the option parser, which knows its command."""
    if type(error).__name__ == "NoArgsIsHelpError":
        typer.echo(message)
        return 2
    context = getattr(error, "ctx", None)
    where = context.command_path if context is not None else "tradectl"
    return _say(
        f"{' '.join(message.split())} (see `{where} --help`)", getattr(error, "exit_code", 2)
    )


def _say(message: str, exit_code: int) -> int:
    typer.echo(f"tradectl: {harmless(message, 1000)}", err=True)
    return exit_code
