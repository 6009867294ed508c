"""Alerts: list them, follow them, take them in hand."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tradectl.cli.options import (
    ConfigOption,
    JsonOption,
    RunOption,
    StateDirOption,
    print_data,
    print_json,
    refuse_useless,
    say,
)
from tradectl.domain.errors import UsageError

if TYPE_CHECKING:
    from tradectl.documents.run import AlertRow
    from tradectl.domain.states import AlertSeverity

LOOK_EVERY_S = 0.5

HELP = """Alerts, the active ones first of all: what happened, how bad, how often.

Examples:

    tradectl alerts

    tradectl alerts --severity error --follow

    tradectl alerts ack 20261122T200102123-7f3a-a1

    tradectl alerts test phone -c live.toml
"""


def register(app: typer.Typer) -> None:
    alerts = typer.Typer(rich_markup_mode=None, help=HELP, invoke_without_command=True)
    alerts.callback()(list_alerts)
    alerts.command("ack", help="You have seen it: it stops being escalated.")(acknowledge)
    alerts.command("resolve", help="It is over.")(resolve)
    alerts.command("test", help="Send a message by a channel of the configuration, now.")(send_test)
    app.add_typer(
        alerts, name="alerts", short_help="What asked for attention, active alerts first."
    )


def list_alerts(
    context: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Resolved ones too.")] = False,
    severity: Annotated[
        str | None, typer.Option(help="This severe or worse: info, warning, error, critical.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Go on as they come.")] = False,
    run: RunOption = None,
    as_json: JsonOption = False,
    state_dir: StateDirOption = None,
) -> None:
    if (word := context.invoked_subcommand) is not None:
        typed = bool(everything or severity or follow or run or as_json or state_dir)
        refuse_useless({f"alerts: options stand after `{word}`, and are those of it": typed})
        return
    lowest = _severity(severity or "info")
    seen: dict[str, AlertRow] = {}
    while True:
        rows = [row for row in _rows(state_dir, run, everything) if row.severity >= lowest]
        if not follow:
            print_data(rows, as_json, "render.alerts")
            return
        fresh = [row for row in rows if seen.get(row.id) != row]
        for row in fresh:
            if as_json:
                print_json(row)
            else:
                say(_line(row))
        seen.update({row.id: row for row in fresh})
        time.sleep(LOOK_EVERY_S)


def acknowledge(alert_id: str, state_dir: StateDirOption = None) -> None:
    _set_status(state_dir, alert_id, "acknowledge_alert", "acknowledged")


def resolve(alert_id: str, state_dir: StateDirOption = None) -> None:
    _set_status(state_dir, alert_id, "resolve_alert", "resolved")


def send_test(
    channel: Annotated[str, typer.Argument(help="Its name in [[alert_channels]].")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
    state_dir: StateDirOption = None,
) -> None:
    from tradectl.config.load import load_settings
    from tradectl.operations.channel_test import send_test_message
    from tradectl.storage.directory import StateDir

    tested = send_test_message(load_settings(config), channel, StateDir(state_dir))
    if as_json:
        print_json(tested)
    elif tested.delivered:
        say(f"{channel} took the message after {tested.elapsed_s:.2f} s: is it there?")
    else:
        say(f"{channel} did not take the message: {tested.error}")
    if not tested.delivered:
        raise typer.Exit(1)


def _set_status(state_dir: Path | None, alert_id: str, command: str, status: str) -> None:
    from tradectl.operations.inspector import Inspector
    from tradectl.storage.directory import StateDir

    Inspector(StateDir(state_dir)).change_alert(alert_id, command, status)
    say(f"{status} {alert_id}")


def _rows(state_dir: Path | None, run: str | None, everything: bool) -> list[AlertRow]:
    from tradectl.operations.inspector import Inspector
    from tradectl.storage.directory import StateDir

    rows = Inspector(StateDir(state_dir), run).alerts()
    return [row for row in rows if everything or row.status != "resolved"]


def _severity(text: str) -> AlertSeverity:
    from tradectl.domain.states import AlertSeverity

    if text not in (names := list(AlertSeverity)):
        raise UsageError(f"--severity: expected one of {', '.join(names)}, got {text!r}")
    return AlertSeverity(text)


def _line(row: AlertRow) -> str:
    from tradectl.domain.text import harmless

    times = f" ({row.count} times)" if row.count > 1 else ""
    return harmless(
        f"{row.updated_at} {row.severity.upper()} {row.message}{times} "
        f"[{row.component}] {row.status} {row.id}"
    )
