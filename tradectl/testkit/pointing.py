"""Point a ccxt exchange at another address: every URL keeps its path and gets our scheme and host."""

from __future__ import annotations

from typing import Any, TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")


def point_at(exchange: T, url: str) -> T:
    """`exchange` itself, all its addresses (REST and WebSocket, test networks too) at `url`."""
    target: Any = exchange
    for key in ("api", "test", "demo"):
        if key in target.urls:
            target.urls[key] = _rewritten(target.urls[key], urlsplit(url))
    return exchange


def _rewritten(value: Any, to: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rewritten(item, to) for key, item in value.items()}
    if not isinstance(value, str) or "://" not in value:
        return value
    parts = urlsplit(value)
    secure = to.scheme == "https"
    web_socket = parts.scheme.startswith("ws")
    scheme = ("wss" if secure else "ws") if web_socket else to.scheme
    return parts._replace(scheme=scheme, netloc=to.netloc).geturl()
