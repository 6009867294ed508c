"""A webhook: a POST of JSON to an address, answered by any 2xx.

    {"title", "text", "content", "severity", "alerts": [{id, type, severity, message, ...}]}

`text` and `content` are the same words, as several chat services want them. `Idempotency-Key` is the same
when a message is sent again. No redirect is followed: it would lead somewhere else.
"""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Callable
from urllib.parse import urlsplit

from tradectl.domain.text import harmless
from tradectl.notification.address import redaction_of
from tradectl.notification.channel import ChannelFailed
from tradectl.notification.notice import Message
from tradectl.version import __version__

LONGEST_CONTENT = 1_900
LARGEST_ANSWER = 256 * 1024
LONGEST_REST_S = 600.0
TOO_MANY = 429


class Webhook:
    """`timeout` (s) is that of each step of the way."""

    def __init__(self, url: str, timeout: float) -> None:
        self._url = url
        self._timeout = timeout
        self._hidden = redaction_of(url)

    def send(self, message: Message) -> None:
        headers = {"Content-Type": "application/json", "Idempotency-Key": message.key}
        ask(self._url, self._timeout, self._hidden.clean, "POST", headers, _body(message))


def ask(
    url: str,
    timeout: float,
    hide: Callable[[str], str],
    method: str = "GET",
    headers: dict[str, str] | None = None,
    body: bytes | None = None,
) -> bytes:
    """One request, answered by a 2xx; the beginning of what it says. Raises ChannelFailed with what
    `hide` leaves of the reason."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection = (
        http.client.HTTPSConnection(
            host, parts.port, timeout=timeout, context=ssl.create_default_context()
        )
        if parts.scheme == "https"
        else http.client.HTTPConnection(host, parts.port, timeout=timeout)
    )
    sent = {"User-Agent": f"tradectl/{__version__}", "Connection": "close", **(headers or {})}
    try:
        connection.request(method, path, body=body, headers=sent)
        answer = connection.getresponse()
        said = answer.read(LARGEST_ANSWER)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ChannelFailed(hide(harmless(_reason(error)))) from None  # its text has the address
    finally:
        connection.close()
    if not 200 <= answer.status < 300:
        raise ChannelFailed(_refusal(answer.status), _rest(answer))
    return said


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return f"{type(error).__name__}: {error}"


def _refusal(status: int) -> str:
    name = http.client.responses.get(status, "")
    return f"answered {status} {name}".rstrip()


def _rest(answer: http.client.HTTPResponse) -> float:
    """What the other side asks for."""
    told = answer.headers.get("Retry-After", "") if answer.status in (TOO_MANY, 503) else ""
    return min(float(told), LONGEST_REST_S) if told.isdecimal() and len(told) < 9 else 0.0


def _body(message: Message) -> bytes:
    return json.dumps(
        {
            "title": message.title,
            "text": message.text,
            "content": f"{message.title}\n{message.text}"[:LONGEST_CONTENT],
            "severity": message.severity.value,
            "alerts": [notice.row() for notice in message.notices],
        }
    ).encode()


__all__ = ["Webhook", "ask"]
