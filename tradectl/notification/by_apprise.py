"""All other services by Apprise, the extra `alerts`: Telegram, mail, Matrix, Signal, push services.

It takes half a second to import, and is only where a channel of it is configured. What it logs has
addresses in it, so that its own logger is silenced.
"""

from __future__ import annotations

import importlib
import logging
from typing import Any

from tradectl.domain.errors import ConfigError
from tradectl.domain.states import AlertSeverity
from tradectl.domain.text import described
from tradectl.notification.address import redaction_of
from tradectl.notification.channel import ChannelFailed
from tradectl.notification.notice import Message

EXTRA = "pip install 'tradectl[alerts]'"
KINDS = {
    AlertSeverity.INFO: "info",
    AlertSeverity.WARNING: "warning",
    AlertSeverity.ERROR: "failure",
    AlertSeverity.CRITICAL: "failure",
}


class ByApprise:
    """Raises ConfigError without the package, or for an address that none of its services has."""

    def __init__(self, url: str, name: str) -> None:
        try:
            apprise = importlib.import_module("apprise")
        except ImportError as error:
            raise ConfigError(
                f'alert_channels: {name} is of the kind "apprise", which needs a package that is not '
                f"installed: {EXTRA}"
            ) from error
        for logger in ("apprise", "urllib3", "requests"):
            logging.getLogger(logger).disabled = True
        self._service: Any = apprise.Apprise()
        self._hidden = redaction_of(url)
        if not self._service.add(url):
            raise ConfigError(
                f"alert_channels: the address of {name} is of no service that Apprise knows: see "
                "https://github.com/caronc/apprise/wiki"
            )

    def send(self, message: Message) -> None:
        try:
            sent = self._service.notify(
                title=message.title,
                body=message.text,
                notify_type=KINDS[message.severity],
                body_format="text",
            )
        except Exception as error:  # whatever a service's plugin raises
            raise ChannelFailed(self._hidden.clean(described(error))) from None
        if not sent:
            raise ChannelFailed("the service did not take it")


__all__ = ["ByApprise"]
