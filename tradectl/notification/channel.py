"""A way to somebody.

A channel sends in a thread of its own, and may take its time: whoever gave it the message goes on without
it. It raises ChannelFailed where it could not be sent, with nothing in the text that nobody may see.
"""

from __future__ import annotations

from typing import Protocol

from tradectl.notification.notice import Message


class ChannelFailed(Exception):
    """It was not sent. `rest` is how long (s) the other side asks to be left alone."""

    def __init__(self, why: str, rest: float = 0.0) -> None:
        super().__init__(why)
        self.rest = rest


class Channel(Protocol):
    def send(self, message: Message) -> None:
        """Blocks until it is sent. Raises ChannelFailed."""
        ...


__all__ = ["Channel", "ChannelFailed"]
