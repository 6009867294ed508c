"""Addresses that people are reached by. Whoever has one can write to them, so that it is a secret as a
whole: of one that is shown, scheme and host are left."""

from __future__ import annotations

import contextlib
import importlib
import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from tradectl.domain.errors import ConfigError

if TYPE_CHECKING:
    from tradectl.domain.redaction import Redaction

SERVICE = "tradectl"
HIDDEN = "***"
TIME_PORT = "123"
TELLING = 6
"""A shorter part of an address is in many texts, and gives nothing away."""
_SHAPE = re.compile(r"https?://[^\s/?#]+(?:[/?#]\S*)?")
_ANY = re.compile(r"\b([a-z][a-z0-9+.-]{0,20})://[^\s'\"<>]+", re.IGNORECASE)


def refuse_address(url: str, key: str) -> None:
    """Raises ConfigError unless `url` can be asked over HTTP. The message does not show it."""
    if HIDDEN in url:
        raise ConfigError(f"{key}: this is what is shown of an address, and not the address")
    with contextlib.suppress(ValueError):
        parts = urlsplit(url)
        if _SHAPE.fullmatch(url) and url.isascii() and parts.hostname and parts.port != 0:
            if parts.scheme == "http" and not _is_near(parts.hostname):
                raise ConfigError(
                    f"{key}: plain http goes to this machine or network only: expected https://..."
                )
            return
    raise ConfigError(f"{key}: expected an address such as https://example.org/hook")


def host_and_port(server: str) -> tuple[str, int]:
    """Of a time server, `HOST` or `HOST:PORT`, an IPv6 address in brackets. Raises ConfigError."""
    host, colon, port = server.rpartition(":") if not server.endswith("]") else (server, "", "")
    if not colon:
        host, port = server, TIME_PORT
    bare = host.removeprefix("[").removesuffix("]")
    is_port = port.isascii() and port.isdecimal() and 0 < int(port) < 1 << 16
    is_host = bare.isascii() and bare.isprintable() and not {*" /@"} & {*bare}
    if not (bare and is_host and is_port and (":" not in bare or bare != host)):
        raise ConfigError(
            f"monitoring.time_server: expected HOST or HOST:PORT such as pool.ntp.org, got {server!r}"
        )
    return bare, int(port)


def _is_near(host: str) -> bool:
    """This machine, one of its network, or another container by its one word."""
    with contextlib.suppress(ValueError):
        return ip_address(host).is_private
    return "." not in host


def shown(url: str) -> str:
    """`https://host/***`; empty for none."""
    if not url:
        return ""
    found = re.match(r"([A-Za-z][A-Za-z0-9+.-]{0,20})://", url)
    if found is None:
        return HIDDEN
    scheme = found[1].lower()
    if scheme not in ("http", "https"):
        return f"{scheme}://{HIDDEN}"  # of other services a part of the address is the key itself
    with contextlib.suppress(ValueError):
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
        return f"{scheme}://{parts.hostname or ''}{port}/{HIDDEN}"
    return HIDDEN


def without_addresses(text: str) -> str:
    """`text` with what could be such an address cut down to what may be seen."""
    return _ANY.sub(lambda found: shown(found[0]), text)


def redaction_of(url: str) -> Redaction:
    """Of texts that may have `url` in them, or a telling part of it."""
    from tradectl.domain.redaction import Redaction  # settings are read without it

    return Redaction(_parts_of(url))


def _parts_of(url: str) -> Iterator[str]:
    yield url
    _, _, rest = url.partition("://")
    host = ""
    with contextlib.suppress(ValueError):
        parts = urlsplit(url)
        host = parts.hostname or "" if parts.scheme in ("http", "https") else ""
    for part in re.split(r"[/?&=#@:]", rest):
        for spelled in {part, unquote(part)}:
            if len(spelled) >= TELLING and spelled.lower() != host.lower():
                yield spelled


def address_of(variable: str, in_keyring: str, written: str, environ: Mapping[str, str]) -> str:
    """As the environment, the keyring or the file has it, the first of them; empty for none."""
    return environ.get(variable, "").strip() or _from_keyring(in_keyring) or written


def _from_keyring(name: str) -> str:
    try:
        keyring = importlib.import_module("keyring")
        errors = importlib.import_module("keyring.errors")
    except ImportError:
        return ""
    try:
        return str(keyring.get_password(SERVICE, name) or "").strip()
    except errors.KeyringError:
        return ""


__all__ = [
    "address_of",
    "host_and_port",
    "redaction_of",
    "refuse_address",
    "shown",
    "without_addresses",
]
