"""Credentials: where they come from, and how they stay out of sight.

Only the environment and, where the `keyring` package is there, the system's keyring are asked; no file
of ours ever holds a key. A `Credentials` shows nothing of itself, and every text that comes back from
ccxt goes through `redacted` before anybody sees it: ccxt puts signed addresses into its errors.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping

from tradectl.domain.errors import UsageError
from tradectl.domain.redaction import Redaction
from tradectl.domain.text import harmless
from tradectl.exchange.exchange_settings import ExchangeSettings, is_loopback, is_plain, is_proxy

SERVICE = "tradectl"
LONGEST = 300
_LOGIN = re.compile(r"^([a-z0-9]+://)[^/@]+@")
_PARTS = ("api_key", "api_secret", "passphrase")
_URL = re.compile(
    r"\b(?:https?|wss?|socks5h?)://(?:[^\s/@?'\"]*@)?([^\s/?'\"]*)([^\s?'\"]*)(\?[^\s'\"]*)?"
)
_TAGS = re.compile(r"<[^>]{0,400}>")
_HTML = re.compile(r"(?i)<!doctype html|<html")


class Credentials:
    """A key, its secret and, where the exchange has one, a passphrase."""

    __slots__ = ("api_key", "api_secret", "passphrase", "redaction")

    def __init__(self, api_key: str, api_secret: str, passphrase: str = "") -> None:
        self.api_key = api_key
        self.api_secret = api_secret
        self.passphrase = passphrase
        self.redaction = Redaction((api_key, api_secret, passphrase))

    def __repr__(self) -> str:
        return "Credentials(hidden)"

    __str__ = __repr__

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("credentials are not written anywhere")


def read_credentials(settings: ExchangeSettings, environ: Mapping[str, str]) -> Credentials | None:
    """The credentials of an exchange; None where there are none. Raises UsageError for half a pair."""
    name = settings.prefix
    start = f"TRADECTL_{name.upper()}"
    found = {part: environ.get(f"{start}_{part.upper()}", "").strip() for part in _PARTS}
    if not any(found.values()):
        found = {part: _from_keyring(f"{name}.{part}") for part in _PARTS}
    if not found["api_key"] and not found["api_secret"]:
        return None
    for part in ("api_key", "api_secret"):
        if not found[part]:
            raise UsageError(f"{start}_{part.upper()} is not set, and its other half is")
    return Credentials(found["api_key"], found["api_secret"], found["passphrase"])


def read_proxy(settings: ExchangeSettings, environ: Mapping[str, str]) -> str:
    """The proxy that an exchange is reached through, as the environment names it, with a password where
    it wants one, else by the settings; empty for none. Raises UsageError for what is none."""
    name = f"TRADECTL_{settings.prefix.upper()}_PROXY"
    found = environ.get(name, "").strip()
    if found and not is_proxy(_LOGIN.sub(r"\1", found)):
        raise UsageError(f"{name}: expected one such as http://user:password@127.0.0.1:3128")
    proxy = found or settings.proxy
    if proxy and is_plain(settings.url) and not is_loopback(_LOGIN.sub(r"\1", proxy)):
        raise UsageError(
            f"{settings.prefix}: {settings.url} is plain http, which no proxy on another machine may read"
        )
    return proxy


def _from_keyring(name: str) -> str:
    try:
        keyring = importlib.import_module("keyring")
        errors = importlib.import_module("keyring.errors")
    except ImportError:
        return ""
    try:
        return str(keyring.get_password(SERVICE, name) or "").strip()
    except errors.KeyringError:
        return ""  # no keyring on this machine, or a locked one: as if it held nothing


def redacted(text: str, credentials: Credentials | None) -> str:
    """`text` without credentials, signatures and the query part of addresses; one harmless line of it."""
    if _HTML.search(text):
        text = "an HTML page: " + _TAGS.sub(" ", text)
    text = _URL.sub(r"\1\2", text)
    hidden = credentials.redaction if credentials is not None else Redaction()
    text = hidden.clean(text)
    return harmless(" ".join(text.split()), LONGEST)


__all__ = ["Credentials", "read_credentials", "read_proxy", "redacted"]
