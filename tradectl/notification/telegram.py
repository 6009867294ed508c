"""Telegram's bots, as far as an operator's chat needs them: what was written, and an answer.

The token is a part of the address, which no error shows. See https://core.telegram.org/bots/api.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from tradectl.notification.address import redaction_of
from tradectl.notification.channel import ChannelFailed
from tradectl.notification.webhook import ask

WAIT_S = 25
"""So long Telegram holds the question for what is written."""
ANSWER_S = 10.0


class Chat(Struct, frozen=True):
    id: int


class ChatMessage(Struct, frozen=True):
    chat: Chat
    text: str = ""


class Update(Struct, frozen=True):
    update_id: int
    message: ChatMessage | None = None


class Updates(Struct, frozen=True):
    result: list[Update]


class Telegram:
    """The bot of `token`, at `url`."""

    def __init__(self, url: str, token: str) -> None:
        self._address = f"{url.rstrip('/')}/bot{token}"
        self._hidden = redaction_of(self._address)

    def updates(self, after: int, wait: int = WAIT_S) -> list[Update]:
        """What came after the update of that number, waited for. Raises ChannelFailed."""
        asked = {"offset": after + 1, "timeout": wait, "allowed_updates": ["message"]}
        answer = self._ask("getUpdates", asked, wait + ANSWER_S)
        try:
            return msgspec.json.decode(answer, type=Updates).result
        except msgspec.DecodeError as error:
            raise ChannelFailed(f"not what Telegram answers: {error}") from None

    def say(self, chat: int, text: str) -> None:
        """Raises ChannelFailed."""
        self._ask("sendMessage", {"chat_id": chat, "text": text}, ANSWER_S)

    def _ask(self, method: str, asked: Mapping[str, Any], timeout: float) -> bytes:
        headers = {"Content-Type": "application/json"}
        body = json.dumps(asked).encode()
        url = f"{self._address}/{method}"
        return ask(url, timeout, self._hidden.clean, "POST", headers, body)


__all__ = ["ChatMessage", "Telegram", "Update"]
