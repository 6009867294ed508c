"""A message to a channel, now and past the outbox: whether what is configured reaches somebody."""

from __future__ import annotations

import os
import threading

from tradectl.bus.clock import ComputerClock
from tradectl.config.settings import Settings
from tradectl.documents.operations import ChannelTest
from tradectl.domain.errors import UsageError
from tradectl.domain.states import AlertSeverity
from tradectl.domain.text import described, suggest
from tradectl.notification.channel import Channel, ChannelFailed
from tradectl.notification.channels import open_channel
from tradectl.notification.dispatcher import NO_ANSWER
from tradectl.notification.notice import Message, Notice, message_of
from tradectl.storage.directory import StateDir

WORDS = "a test: alerts of this tradectl arrive here"


def send_test_message(settings: Settings, name: str, state_dir: StateDir) -> ChannelTest:
    """By the channel of that name; without an answer within its time-out it has failed. Raises UsageError
    for a name that none has, ConfigError for a channel that cannot be used."""
    named = {channel.name: channel for channel in settings.alert_channels}
    if name not in named:
        told = suggest(name, named) if named else "the configuration (-c) has none"
        raise UsageError(f"no [[alert_channels]] has the name {name!r:.60}: {told}")
    chosen = named[name]
    if chosen.kind == "log":
        state_dir.create_folders()
    channel = open_channel(chosen, os.environ, state_dir.path)
    message = _message(ComputerClock.wall())
    failures: list[str] = []
    thread = threading.Thread(target=_send, args=(channel, message, failures), daemon=True)
    began = ComputerClock.monotonic()
    thread.start()
    thread.join(chosen.timeout_seconds)
    error = NO_ANSWER if thread.is_alive() else next(iter(failures), None)
    return ChannelTest(
        channel=name,
        kind=chosen.kind,
        delivered=error is None,
        elapsed_s=round(ComputerClock.monotonic() - began, 3),
        error=error,
    )


def _send(channel: Channel, message: Message, failures: list[str]) -> None:
    try:
        channel.send(message)
    except ChannelFailed as error:
        failures.append(str(error))
    except Exception as error:  # a channel's bug is what the test is there to show
        failures.append(described(error))


def _message(now: int) -> Message:
    notice = Notice(
        id=f"test-{now}",
        run_id="",
        type="test",
        severity=AlertSeverity.INFO,
        component="operator",
        message=WORDS,
        created_at=now,
        updated_at=now,
    )
    return message_of(notice.id, [notice])


__all__ = ["send_test_message"]
