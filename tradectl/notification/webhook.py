"""A webhook: a POST of JSON to an address, answered by any 2xx.

    {"title", "text", "content", "severity", "alerts": [{id, type, severity, message, ...}]}

`text` and `content` are the same words, as several chat services want them. `Idempotency-Key` is the same
when a message is sent again. No redirect is followed: it would lead somewhere else.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from urllib.parse import SplitResult, urlsplit

from tradectl.bus.clock import ComputerClock
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
    """`timeout` (s) is that of a whole request."""

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
    """One request, answered by a 2xx within `timeout` (s); the beginning of what it says, as far as that
    comes. Raises ChannelFailed with what `hide` leaves of the reason."""
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    sent = {"User-Agent": f"tradectl/{__version__}", "Connection": "close", **(headers or {})}
    answer, said = None, b""
    try:
        with _connected(parts, timeout) as (connection, is_over):
            connection.request(method, path, body=body, headers=sent)
            with connection.getresponse() as begun:
                if is_over():
                    raise TimeoutError  # what was cut off looks as if its head had ended
                answer = begun
                said = answer.read(LARGEST_ANSWER)
    except (OSError, http.client.HTTPException, ValueError) as error:
        if answer is None:
            raise ChannelFailed(
                hide(harmless(_reason(error)))
            ) from None  # its text has the address
    if not 200 <= answer.status < 300:
        raise ChannelFailed(_refusal(answer.status), _rest(answer))
    return said


@contextlib.contextmanager
def _connected(
    parts: SplitResult, timeout: float
) -> Iterator[tuple[http.client.HTTPConnection, Callable[[], bool]]]:
    """It is cut off once its time is over, and whether it is: a byte now and then, which ends no step's
    time-out, may otherwise come for ever."""
    deadline = ComputerClock.monotonic() + timeout
    is_over = threading.Event()

    def cut(line: socket.socket) -> None:
        is_over.set()
        with contextlib.suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)

    context = ssl.create_default_context() if parts.scheme == "https" else None
    kind = http.client.HTTPSConnection if context else http.client.HTTPConnection
    host = parts.hostname or ""
    connection = kind(host, parts.port, timeout=timeout)
    plain = socket.create_connection((host, connection.port), timeout)
    with contextlib.closing(connection), plain.dup() as line:
        # TLS takes the first of the two, and may take its time, too
        connection.sock = plain
        tls = context.wrap_socket(plain, False, False, server_hostname=host) if context else None
        connection.sock = tls or plain
        timer = threading.Timer(max(0.0, deadline - ComputerClock.monotonic()), cut, (line,))
        timer.daemon = True
        timer.start()
        try:
            if tls is not None:
                tls.do_handshake()
            yield connection, is_over.is_set
        except (OSError, http.client.HTTPException) as error:
            raise (TimeoutError() if is_over.is_set() else error) from None
        finally:
            timer.cancel()


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
