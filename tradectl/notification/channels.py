"""The channels by their settings: webhook, alerts.log, the bell of the terminal; the rest by Apprise."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from tradectl.domain.errors import ConfigError
from tradectl.domain.text import harmless
from tradectl.domain.time import iso
from tradectl.files.own import open_own
from tradectl.notification.address import address_of, refuse_address
from tradectl.notification.channel import Channel, ChannelFailed
from tradectl.notification.notice import UNANSWERED, Message
from tradectl.notification.notification_settings import AlertChannel

LOG_FILE, OLDER_LOG_FILE = "alerts.log", "alerts.log.1"
LARGEST_LOG = 4 * 1024 * 1024
BELL = "\a"


def open_channel(settings: AlertChannel, environ: Mapping[str, str], folder: Path) -> Channel:
    """The channel that `settings` describe; `folder` is the state directory. Raises ConfigError for one
    without an address, or of which the package is not installed."""
    if settings.kind == "log":
        return LogFile(folder)
    if settings.kind == "bell":
        return Bell()
    variable = f"TRADECTL_CHANNEL_{settings.name.upper()}_URL"
    url = address_of(variable, f"channel.{settings.name}.url", settings.url, environ)
    if not url:
        raise ConfigError(
            f"alert_channels: {settings.name} has no address: set {variable} in the environment"
        )
    if settings.kind == "webhook":
        from tradectl.notification.webhook import Webhook

        refuse_address(url, variable if environ.get(variable) else "alert_channels.url")
        return Webhook(url, settings.timeout_seconds)
    from tradectl.notification.by_apprise import ByApprise

    return ByApprise(url, settings.name)


class LogFile:
    """A line each in `folder`/alerts.log; one that is full becomes the older one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def send(self, message: Message) -> None:
        path = self._folder / LOG_FILE
        again = f"{UNANSWERED}: " if message.unanswered else ""
        lines = "".join(
            f"{iso(notice.updated_at)} {again}{harmless(notice.line())}\n"
            for notice in message.notices
        )
        try:
            if path.exists() and path.stat().st_size > LARGEST_LOG:
                path.replace(self._folder / OLDER_LOG_FILE)
            fd = open_own(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            with os.fdopen(fd, "a", encoding="utf-8") as file:
                file.write(lines)
        except OSError as error:
            raise ChannelFailed(f"{LOG_FILE} cannot be written: {error.strerror}") from error


class Bell:
    """Of the terminal that the run was started in."""

    def send(self, message: Message) -> None:
        with contextlib.suppress(OSError):
            fd = os.open("/dev/tty", os.O_WRONLY | os.O_NOCTTY)
            try:
                os.write(fd, BELL.encode())
            finally:
                os.close(fd)
            return
        if not sys.stderr.isatty():
            raise ChannelFailed("there is no terminal to ring")
        sys.stderr.write(BELL)
        sys.stderr.flush()


__all__ = ["open_channel"]
