"""Words for people: the name they may have meant, and text that is safe to show on one line."""

from __future__ import annotations

from collections.abc import Iterable

LONGEST = 200


def suggest(name: str, known: Iterable[str]) -> str:
    """`did you mean 'fast'? (known: fast, slow)`, or the second half of it when nothing is near."""
    import difflib  # only on the way to an error message, never at start-up

    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"{hint}(known: {', '.join(names) or 'none'})"


def one_line(text: str, longest: int = LONGEST) -> str:
    """`text` on one line of at most `longest` characters, without control or bidi characters."""
    if len(text) <= longest and text.isprintable():
        return text
    words = " ".join(text[: 4 * longest].split())
    return "".join(c for c in words if c.isprintable())[:longest]


def described(error: Exception) -> str:
    """Type and text of an error on one line, even of one that cannot spell itself."""
    try:
        return one_line(f"{type(error).__name__}: {error}")
    except Exception:  # its own __str__ failed: there is nothing more to learn than its type
        return type(error).__name__
