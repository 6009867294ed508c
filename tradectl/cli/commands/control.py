"""Acting on a running system, and stopping it whatever it does."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradectl.cli.options import (
    ConfigOption,
    JsonOption,
    StateDirOption,
    TrustJournalOption,
    print_data,
    print_json,
    say,
    telling,
)
from tradectl.domain.errors import UsageError
from tradectl.domain.states import told_of_pause

if TYPE_CHECKING:
    from msgspec import Struct

    from tradectl.config.settings import Settings
    from tradectl.documents.control import HaltCleared, StateChange
    from tradectl.documents.operations import Receipt
    from tradectl.storage.directory import StateDir
    from tradectl.storage.latch import Halt

LATCHED_NOT_CONFIRMED = 5
STOP_WAIT_S = 15.0
TELL_WITHIN_S = 5.0
"""After everything is stopped, and the receipt shown."""
WHERE_IT_TRADES = "what trades by another --state-dir, or TRADECTL_STATE_DIR, goes on"

EMERGENCY_SHORT = "Halt for good; cancel all but protective stops."
EMERGENCY_HELP = """Halt at once and for good, cancel every open order but protective stops, and prove it.

Sets a durable latch first: no order leaves after it and no run starts until `clear-halt --confirm`. Then
asks the running process; one that does not answer is ended, and the job is finished from the journal.

Examples:

    tradectl emergency-stop

    tradectl emergency-stop --flatten --reason "wrong size"
"""


def register(app: typer.Typer) -> None:
    command = app.command
    command("pause", help="No new entries; exits go on, and stops stay.")(pause)
    command(
        "resume",
        help="Undo a pause, whoever made it: you, or a limit; the limits' day and peak begin anew.",
    )(resume)
    command("stop", help="End the running process gracefully.")(stop)
    command("emergency-stop", help=EMERGENCY_HELP, short_help=EMERGENCY_SHORT)(emergency_stop)
    command("clear-halt", help="Allow trading again after a halt.")(clear_halt)


def pause(
    reason: Annotated[str, typer.Option(help="Shown in the status.")] = "by command",
    as_json: JsonOption = False,
    state_dir: StateDirOption = None,
) -> None:
    answer = _change_state(state_dir, "pause", reason=reason)
    said = told_of_pause(answer.state)
    _print(answer, as_json, said if answer.state == "PAUSED" else f"it is {answer.state}: {said}")


def resume(as_json: JsonOption = False, state_dir: StateDirOption = None) -> None:
    from tradectl.control.client import ask
    from tradectl.documents.run import Status

    before = ask(_dir(state_dir).socket, "status", Status)
    answer = _change_state(state_dir, "resume")
    said = f"nothing was paused: it is {answer.state}"
    if before.state == "PAUSED":
        said = "entries are allowed again; the limits' day and peak begin anew"
    elif before.halt is not None:
        said = f"nothing is resumed: it is {answer.state}, which only `clear-halt` ends"
    _print(answer, as_json, said)


def stop(as_json: JsonOption = False, state_dir: StateDirOption = None) -> None:
    from tradectl.operations.shutdown import stop_and_wait

    _print(stop_and_wait(_dir(state_dir), STOP_WAIT_S), as_json, "stopped")


def emergency_stop(
    reason: Annotated[str, typer.Option(help="Kept with the latch.")] = "emergency stop",
    flatten: Annotated[bool, typer.Option("--flatten", help="Close every position too.")] = False,
    everything: Annotated[
        bool,
        typer.Option("--all", help="Cancel the orders of others on the exchange account, too."),
    ] = False,
    drop_protection: Annotated[
        bool,
        typer.Option("--drop-protection", help="Cancel the stops that protect positions, too."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --all: do not ask.")] = False,
    timeout: Annotated[
        float, typer.Option(help="Seconds that the whole may take.", min=0.5, max=600)
    ] = 5.0,
    config: ConfigOption = None,
    trust_journal: TrustJournalOption = False,
    as_json: JsonOption = False,
    state_dir: StateDirOption = None,
) -> None:
    from tradectl.operations.emergency_stop import emergency_stop as stop_everything
    from tradectl.strategy.own_process import stdout_to_stderr

    directory = telling(_dir(state_dir))
    settings = _settings_in(config) if config is not None else None
    if settings is not None:
        _take_hosts_from(settings, directory)

    def stop(*, everything: bool) -> Receipt:
        with stdout_to_stderr():
            return stop_everything(
                directory,
                reason,
                flatten=flatten,
                timeout=timeout,
                everything=everything,
                drop_protection=drop_protection,
                trusting=trust_journal,
            )

    receipt = stop(everything=everything and yes)  # ours are never left waiting for an answer
    if everything and not yes and _wants_all(receipt):
        receipt = stop(everything=True)
    if yes and not everything:  # said, not refused: an odd flag is no reason not to stop
        typer.echo("--yes does nothing without --all: only ours were stopped", err=True)
    print_data(receipt, as_json, "reports.receipt")
    if receipt.method == "direct":
        if receipt.confirmed and receipt.journal is None and _is_unused(directory):
            say(f"beware: no run was ever in {directory.path}: {WHERE_IT_TRADES}", err=True)
        channels = settings if config is not None else _settings_of_last_run(directory)
        _log_stop(receipt, channels, directory)
        if channels is not None:
            _tell_people(channels, directory)
    if not receipt.latched:
        raise typer.Exit(1)
    if not receipt.confirmed:
        raise typer.Exit(LATCHED_NOT_CONFIRMED)


def _is_unused(directory: StateDir) -> bool:
    """As the folder of a misspelt --state-dir is; what cannot be looked at is not."""
    try:
        return not any(directory.journals.iterdir())
    except OSError as error:
        return isinstance(error, FileNotFoundError)


def _log_stop(receipt: Receipt, settings: Settings | None, directory: StateDir) -> None:
    """No run did."""
    from tradectl.documents.log import LogLevel
    from tradectl.logs.log_settings import LogSettings
    from tradectl.operations.command_log import log_command
    from tradectl.operations.emergency_alert import told_of

    done = f"cancelled {len(receipt.cancelled)}, closed {len(receipt.closed)}"
    said = f"EMERGENCY STOP by command: {told_of(receipt)}; {done}"
    run_id = Path(receipt.journal).stem if receipt.journal else ""
    chosen = LogSettings() if settings is None else settings.log
    log_command(directory, LogLevel.CRITICAL, said, chosen, run_id)


def _settings_in(config: Path) -> Settings | None:
    """What cannot be used is said, and no reason not to stop."""
    from tradectl.config.load import load_settings
    from tradectl.domain.errors import ConfigError

    try:
        return load_settings(config, keys=True)
    except ConfigError as error:
        say(f"{error}; it is stopped without it", err=True)
        return None


def _settings_of_last_run(directory: StateDir) -> Settings | None:
    """By the file that it was given; it is read once all is stopped."""
    from tradectl.config.load import load_settings
    from tradectl.domain.errors import ConfigError

    config = directory.configuration.read()
    if config is None:
        return None
    try:
        return load_settings(config, keys=True)
    except ConfigError as error:
        say(f"{error}; the next run tells people of the stop", err=True)
        return None


def _take_hosts_from(settings: Settings, directory: StateDir) -> None:
    """Where keys may be sent."""
    from tradectl.domain.errors import ConfigError
    from tradectl.runtime.own_hosts import hosts_of

    try:
        directory.hosts.given = hosts_of(settings.exchanges)
    except ConfigError as error:
        say(f"{error}; it is stopped without it", err=True)


def _tell_people(settings: Settings, directory: StateDir) -> None:
    """By the channels there: no process does it. What is not told by then the next run tells. The account
    is not taken for it: a channel that hangs must not keep the next stop waiting."""
    from tradectl.domain.errors import TradectlError
    from tradectl.runtime.telling import dispatcher_of

    try:
        dispatcher = dispatcher_of(settings, directory, None)
        if dispatcher is not None:
            dispatcher.start()
            dispatcher.stop(TELL_WITHIN_S)
    except TradectlError as error:
        say(f"nobody is told by a channel: {error}", err=True)


def _wants_all(receipt: Receipt) -> bool:
    """Ask, on a terminal; elsewhere say what would have been needed."""
    done = "stopped" if receipt.confirmed else "stopped, and not confirmed"
    if not sys.stdin.isatty():
        say(f"ours are {done}; the orders of others were left alone: add --yes", err=True)
        return False
    question = f"Ours are {done}. Cancel every order on the account, those that are not ours too?"
    return typer.confirm(question, err=True)


def clear_halt(
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Yes: the cause is found and mended.")
    ] = False,
    as_json: JsonOption = False,
    state_dir: StateDirOption = None,
) -> None:
    directory = _dir(state_dir)
    directory.check()
    halt = directory.latch.read() or _halted_by_records(directory)
    if halt is not None and not confirm:
        raise UsageError(f"{halt}; add --confirm to allow trading again")
    if halt is not None:
        directory.create()  # it may have been latched in a spare alone
        with directory.owned():
            directory.cleared_halt.note(halt)
            directory.latch.clear()
    said = "trading is allowed again" if halt else "there is no halt to clear"
    answer = _cleared(directory, was_halted=halt is not None)
    if halt is not None:
        _end_of(halt, directory)
    if answer.acknowledged:
        said += f"; acknowledged: {', '.join(answer.acknowledged)}"
    if left := [*answer.open_orders, *answer.positions]:
        said += f"; still open when it was last seen: {', '.join(left)}"
    _print(answer, as_json, said)


def _end_of(halt: Halt, directory: StateDir) -> None:
    """For the alerts that asked for it, and the log."""
    from tradectl.bus.clock import WallClock
    from tradectl.config.load import load_settings
    from tradectl.documents.log import LogLevel
    from tradectl.domain.errors import TradectlError
    from tradectl.logs.log_settings import LogSettings
    from tradectl.operations.command_log import log_command
    from tradectl.operations.emergency_alert import resolve_halts

    with contextlib.suppress(TradectlError):  # the halt is cleared all the same
        resolve_halts(directory, WallClock().now())
    said, settings = f"CLEAR-HALT: it was {halt}", LogSettings()
    with contextlib.suppress(TradectlError):
        if config := directory.configuration.read():
            settings = load_settings(config).log
    log_command(directory, LogLevel.WARNING, said, settings)


def _halted_by_records(directory: StateDir) -> Halt | None:
    """One that could be latched nowhere when it came about is latched now."""
    from tradectl.recovery.recovery import CONTINUED
    from tradectl.runtime.halted_start import latch_by_records

    if directory.owner() is not None or not directory.journal_files():
        return None
    with directory.owned():
        for kind in CONTINUED:
            latch_by_records(directory, kind, None)
    return directory.latch.read()


def _cleared(directory: StateDir, *, was_halted: bool) -> HaltCleared:
    """With what is left by the last durable state. What tells of the halt is acknowledged."""
    from tradectl.documents.control import HaltCleared
    from tradectl.domain.errors import TradectlError
    from tradectl.operations.halt_alerts import acknowledge_halt

    orders, positions, acknowledged = list[str](), list[str](), list[str]()
    if was_halted:
        orders, positions = _left_open(directory)
        try:
            acknowledged = acknowledge_halt(directory)
        except TradectlError as error:
            say(f"what tells of it is not acknowledged: {error}", err=True)
    return HaltCleared(
        acknowledged=acknowledged, cleared=was_halted, open_orders=orders, positions=positions
    )


def _left_open(directory: StateDir) -> tuple[list[str], list[str]]:
    """Orders and positions by the database, and where that cannot be read, with a word, by the journals:
    the halt is cleared all the same."""
    from tradectl.domain.errors import TradectlError
    from tradectl.operations.inspector import Inspector
    from tradectl.operations.left_open import last_known

    try:
        status = Inspector(directory, warn=lambda why: say(why, err=True)).status()
    except TradectlError as error:
        say(f"what is open goes by the journals, as far as they are there: {error}", err=True)
        left = last_known(directory)
        return left.open_orders_left, left.positions_left
    orders = [order.order_id for order in status.open_orders]
    return orders, [position.symbol for position in status.positions]


def _change_state(state_dir: Path | None, command: str, **arguments: Any) -> StateChange:
    from tradectl.control.client import ask
    from tradectl.documents.control import StateChange

    return ask(_dir(state_dir).socket, command, StateChange, **arguments)


def _print(answer: Struct, as_json: bool, line: str) -> None:
    if as_json:
        print_json(answer)
    else:
        say(line)


def _dir(state_dir: Path | None) -> StateDir:
    from tradectl.storage.directory import StateDir

    return StateDir(state_dir)
