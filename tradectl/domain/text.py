"""Texts from outside are shown, never obeyed.

Symbols, reasons and error messages come from exchanges, files and users' strategies. Before they
reach a terminal, a log or an alert they lose what a terminal would act on: escape sequences, line
breaks, marks that turn the reading direction, marks that pile up over the lines around them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

LONGEST = 500
LONGEST_LINE = 200

_NOT_PLAIN = re.compile("[^\n\x20-\x7e]")
_PILING = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff"
    "\ufe00-\ufe0f\ufe20-\ufe2f\U000e0100-\U000e01ef]+"
)


def harmless(text: object, limit: int = LONGEST) -> str:
    """`text` as one printable line of at most `limit` characters.

    Line breaks and odd spaces become a space; other control, format (bidi, zero width) and
    unassigned characters a question mark. What is cut ends in `...`.
    """
    line = text if isinstance(text, str) else str(text)
    if len(line) > limit:
        line = line[: max(limit - 3, 0)] + "..."[:limit]
    if line.isascii() and line.isprintable():
        return line
    line = _PILING.sub("", unicodedata.normalize("NFC", line))
    return (line if line.isprintable() else "".join(map(_shown, line)))[:limit]


def ascii_json(text: str) -> str:
    """JSON as it is, with an escape for each character that a terminal could take for anything."""
    if text.isascii() and "\x7f" not in text:
        return text
    return _NOT_PLAIN.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def counted(number: int, what: str) -> str:
    """`1 order`, `2,345 orders`."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def both_reasons(later: str, earlier: str) -> str:
    """The later one first; one that says what the other does stands alone."""
    if not earlier or earlier in later:
        return later
    return earlier if later in earlier else harmless(f"{later}; before it: {earlier}")


def is_utf8(text: str) -> bool:
    """Whether it can be written down: what the system hands over may hold stray bytes (surrogates)."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def described(error: BaseException, limit: int = LONGEST_LINE) -> str:
    """Type and text of an error in one harmless line, even of one that cannot spell itself."""
    try:
        return harmless(f"{type(error).__name__}: {error}", limit)
    except Exception:  # its own __str__ failed: there is nothing more to learn than its type
        return harmless(type(error).__name__, limit)


def suggest(name: str, known: Iterable[str]) -> str:
    """`did you mean 'fast'? (known: fast, slow)`, or `known: fast, slow` when nothing is near."""
    import difflib  # only on the way to an error message, never at start-up

    names = list(known)
    near = [each for each in names if each.lower() == name.lower()]
    near = near or difflib.get_close_matches(name, names, n=1)
    told = f"known: {', '.join(names) or 'none'}"
    return f"did you mean {near[0]!r}? ({told})" if near else told


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    return " " if character.isspace() else "?"


__all__ = ["LONGEST", "LONGEST_LINE", "counted", "described", "harmless", "is_utf8", "suggest"]
