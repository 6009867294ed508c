"""What was typed, key by key; what was pasted is none.

The terminal is asked to mark what is pasted (bracketed paste), and what it marks is dropped. One that
does not know that hands over a paste in one piece: more than a few keys at a time are one, too.
"""

from __future__ import annotations

import re

PASTE_BEGINS, PASTE_ENDS = b"\x1b[200~", b"\x1b[201~"
MOST_AT_ONCE = 3
"""Keys that a person types before a busy process reads them."""

NAMED = {
    b"\x1b[A": "up", b"\x1bOA": "up", b"\x1b[B": "down", b"\x1bOB": "down",
    b"\x1b[5~": "page up", b"\x1b[6~": "page down", b"\x1b[H": "home", b"\x1b[F": "end",
    b"\x1b": "escape", b"\r": "enter", b"\n": "enter", b"\x7f": "backspace", b"\x08": "backspace",
    b"\t": "tab",
}  # fmt: skip
_PIECE = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z~]|\x1bO[A-Za-z]|\x1b|.", re.DOTALL)


class Keys:
    """Bytes of a terminal in, names of keys out: a character, or a name such as `page up`."""

    def __init__(self) -> None:
        self._pasting = False

    def take(self, data: bytes) -> list[str]:
        """The keys of one read. A sequence that nobody knows is no key."""
        typed = self._without_pasted(data)
        pieces = _PIECE.findall(typed)
        if len(pieces) > MOST_AT_ONCE:
            return []
        keys = (NAMED.get(piece) or _character(piece) for piece in pieces)
        return [key for key in keys if key]

    def _without_pasted(self, data: bytes) -> bytes:
        typed = b""
        while data:
            mark = PASTE_ENDS if self._pasting else PASTE_BEGINS
            before, found, data = data.partition(mark)
            if not self._pasting:
                typed += before
            if not found:
                break
            self._pasting = not self._pasting
        return typed


def _character(piece: bytes) -> str:
    return chr(piece[0]) if len(piece) == 1 and 0x20 <= piece[0] < 0x7F else ""


__all__ = ["Keys"]
