"""Our client order ids as an exchange wants them: as they are, with a beginning, or as a number.

Whatever the form, it goes both ways: an order is told to be ours by the id that it comes back with. What
is not in the form is somebody else's, and stays as it is.
"""

from __future__ import annotations

import re

from msgspec import Struct

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_OURS = re.compile(r"[0-9a-z]{1,18}")
_HEX = re.compile(r"0x7adec7([01][0-9a-f])([0-9a-f]{24})")


class ClientIds(Struct, frozen=True):
    """They begin with `prefix` there."""

    prefix: str = ""

    def theirs(self, ours: str) -> str:
        return self.prefix + ours

    def ours(self, theirs: str) -> str:
        return theirs.removeprefix(self.prefix)


class HexClientIds(ClientIds, frozen=True):
    """They are 128 bits there, written as `0x` and 32 digits: a mark, how long ours is (up to 18 small
    letters and digits), and ours as a number to the base 36."""

    def theirs(self, ours: str) -> str:
        if not _OURS.fullmatch(ours):
            return ours
        return f"0x7adec7{len(ours):02x}{int(ours, 36):024x}"

    def ours(self, theirs: str) -> str:
        found = _HEX.fullmatch(theirs.lower())
        if found is None:
            return theirs
        digits, number = [], int(found[2], 16)
        for _ in range(int(found[1], 16)):
            number, digit = divmod(number, 36)
            digits.append(_DIGITS[digit])
        return "".join(reversed(digits))


AS_THEY_ARE = ClientIds()

__all__ = ["AS_THEY_ARE", "ClientIds", "HexClientIds"]
