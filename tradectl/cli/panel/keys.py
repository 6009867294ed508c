"""What was typed, key by key; what was pasted is none.

The terminal is asked to mark what is pasted (bracketed paste), and what it marks is dropped, in however
many reads it comes. A terminal that was seen to mark pastes may hand over as many keys at a time as a
slow line held back; from one that was not, more than a few at a time are a paste, and that is told.
"""

from __future__ import annotations

import re

PASTE_BEGINS, PASTE_ENDS = b"\x1b[200~", b"\x1b[201~"
MOST_AT_ONCE = 5
"""Keys that a person types before a busy process reads them: the word that stops, and Enter."""
PASTED = "pasted"
"""The key that says that what came was taken for a paste."""

NAMED = {
    b"\x1b[A": "up", b"\x1bOA": "up", b"\x1b[B": "down", b"\x1bOB": "down",
    b"\x1b[5~": "page up", b"\x1b[6~": "page down", b"\x1b[H": "home", b"\x1b[F": "end",
    b"\x1b": "escape", b"\r": "enter", b"\n": "enter", b"\x7f": "backspace", b"\x08": "backspace",
    b"\t": "tab",
}  # fmt: skip
_PIECE = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z~]|\x1bO[A-Za-z]|\x1b|.", re.DOTALL)
_BEGUN = re.compile(rb"\x1b(?:\[[0-9;?]*|O)?\Z")
"""A sequence whose rest comes with the next read; Esc by itself is a key."""


class Keys:
    """Bytes of a terminal in, names of keys out: a character, or a name such as `page up`."""

    def __init__(self) -> None:
        self._pasting = False
        self._marks = False
        self._begun = b""

    def take(self, data: bytes) -> list[str]:
        """The keys of one read. A sequence that nobody knows is no key."""
        data = self._begun + data
        begun = _BEGUN.search(data)
        self._begun = begun[0] if begun is not None else b""
        typed = self._without_pasted(data[: len(data) - len(self._begun)])
        if self._begun == b"\x1b" and not self._pasting:  # Esc, and no sequence
            typed, self._begun = typed + self._begun, b""
        pieces = _PIECE.findall(typed)
        if len(pieces) > MOST_AT_ONCE and not self._marks:
            return [PASTED]
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
            self._pasting, self._marks = not self._pasting, True
        return typed


def _character(piece: bytes) -> str:
    return chr(piece[0]) if len(piece) == 1 and 0x20 <= piece[0] < 0x7F else ""


__all__ = ["PASTED", "Keys"]
