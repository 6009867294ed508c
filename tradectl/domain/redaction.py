"""What nobody may see is taken out of a text, however it is written there.

By its known forms: whole or a telling part of it, in any case, with each character as it is, escaped or
encoded, split over lines or strings, in base64 (wherever it begins) or in hex. And by its position: the
value of a header or a parameter that holds a key, a signature or a password, whatever it is.

An exchange may send anything: no pattern can match a run of the same characters in more than one way, and
of a text that is longer than anybody reads its beginning is enough.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from functools import cached_property

HIDDEN = "***"
SHORTEST = 6
"""Shorter ones are taken out as they are alone: any text would have them in some form."""
TELLING = 16
"""So many characters of a secret's beginning or end tell it."""
SHOWN, LOOKED_AT = 10_000, 20_000
"""What is cut in two at the end of what is looked at is beyond what is shown."""
_SPLIT = r"(?:\\[nrt]|[\s\"'`+,\\:-])*"
_PAIRS = r"[:\s]?"
_ALSO = {"+": r"(?:\+|-|%2[bB])", "/": "(?:/|_|%2[fF])"}
_IS = r"\\*[\"']?\s*(?:[=:]|%3[ad]|%253[ad]|\\u003[ad])\s*\\*[\"']?"
_MARKS = ("=", ":", "%", "003")
"""Each of the signs that `_IS` knows has one of them."""
_VALUE = r"[^\s&\"',}\\]+"
_BEGINS = r"(?:(?<![a-z0-9])|(?<=%26)|(?<=%3f)|(?<=%2526)|(?<=u0026))"
_NAMES = (
    r"signature|sign|api[-_]?key|apikey|listen[-_]?key|secret(?:[-_]?key)?|api[-_]?secret|token"
    r"|pass(?:word|phrase|wd)|x-mbx-apikey|(?:x|ok|kc|cb|bx)-[a-z0-9-]{0,40}(?:key|sign|signature|passphrase|token)"
    r"|(?:set-)?cookie"
)
_POSITIONS = re.compile(rf"(?i){_BEGINS}({_NAMES})({_IS}){_VALUE}")
_HEADERS = re.compile(rf"(?i)((?:proxy-)?authorization{_IS})[^\"'\\\n\r,}}]+")


class Redaction:
    """Of texts that may have some of `secrets` in them."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = sorted({s for s in secrets if s}, key=lambda s: (-len(s), s))

    @cached_property
    def _known(self) -> re.Pattern[str] | None:
        """What to look for, made with the first text: that takes longer than most commands."""
        forms = [form for secret in self._secrets for form in _forms(secret)]
        return re.compile("|".join(forms)) if forms else None

    def clean(self, text: str) -> str:
        """Of a longer text what is SHOWN."""
        if len(text) > LOOKED_AT:
            return self._cleaned(text[:LOOKED_AT])[:SHOWN]
        return self._cleaned(text)

    def _cleaned(self, text: str) -> str:
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        if not any(mark in text for mark in _MARKS):
            return text  # nothing is given a value: most lines of a log
        text = _HEADERS.sub(rf"\1{HIDDEN}", text)
        return _POSITIONS.sub(rf"\1\2{HIDDEN}", text)


def _forms(secret: str) -> Iterator[str]:
    """The longest first: one may be a part of another."""
    if len(secret) < SHORTEST:
        yield re.escape(secret)
        return
    parts = [secret]
    if len(secret) > 2 * TELLING:
        parts += [secret[:TELLING], secret[-TELLING:]]
    for part in parts:
        yield f"(?i:{_SPLIT.join(map(_character, part))})"
        data = part.encode()
        yield "(?i:" + _PAIRS.join(f"{byte:02x}" for byte in data) + ")"
        for core in _cores(data):
            yield _SPLIT.join(_ALSO.get(c, c) for c in core)


def _character(character: str) -> str:
    """Itself, or as a percentage (once or twice), an escape or an entity."""
    found = [re.escape(character)]
    for byte in character.encode() if len(character.encode()) == 1 else ():
        found += [
            rf"%(?:25)*{byte:02x}",
            rf"\\(?:u00|x){byte:02x}",
            rf"&\#0*{byte};",
            rf"&\#x0*{byte:x};",
        ]
    return f"(?:{'|'.join(found)})"


def _cores(data: bytes) -> Iterator[str]:
    """Base64 of it in the middle of something: what does not depend on what is before and after it."""
    for before in range(3):
        text = base64.b64encode(bytes(before) + data).decode().rstrip("=")
        start = (0, 2, 3)[before]
        end = len(text) if (before + len(data)) % 3 == 0 else len(text) - 1
        yield text[start:end]


__all__ = ["HIDDEN", "Redaction"]
