"""What a strategy looked at as it spoke: a few named values beside its signal, for people.

They decide nothing. They are kept small, and JSON gives back exactly what was written, so that a replay
makes the same. A number that is not finite is not known yet: None.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from math import isfinite

from tradectl.domain.money import plain
from tradectl.domain.text import LONGEST_LINE, harmless

NoteValue = bool | int | float | str | None

MOST_NOTES = 32
LONGEST_NAME = 40
LARGEST_INT = 2**53

Spell = Callable[[str], str]


def _line(text: str) -> str:
    return harmless(text, LONGEST_LINE)


def sane_notes(given: Mapping[str, object], spell: Spell = _line) -> dict[str, NoteValue]:
    """As they are journalled; `spell` makes one harmless line of a text. A Decimal becomes its digits.
    Raises TypeError, or ValueError for too many."""
    if len(given) > MOST_NOTES:
        raise ValueError(f"expected at most {MOST_NOTES} notes beside a signal, got {len(given)}")
    sane: dict[str, NoteValue] = {}
    for name, found in given.items():
        is_plain = name.isascii() and name.isidentifier() and len(name) <= LONGEST_NAME
        sane[name if is_plain else spell(name)[:LONGEST_NAME]] = (
            found if type(found) is float and isfinite(found) else _value(name, found, spell)
        )
    return sane


def _value(name: str, found: object, spell: Spell) -> NoteValue:
    if found is None or isinstance(found, bool):
        return found
    if isinstance(found, int) and -LARGEST_INT <= found <= LARGEST_INT:
        return int(found)
    if isinstance(found, int | float):
        number = float(found)
        return number if isfinite(number) else None
    if isinstance(found, Decimal):
        return spell(plain(found)) if found.is_finite() else None
    if isinstance(found, str):
        return spell(found)
    raise TypeError(
        f"note {harmless(name, LONGEST_NAME)!r}: expected a number, a text or None, "
        f"got a {harmless(type(found).__name__, LONGEST_NAME)}"
    )


__all__ = ["MOST_NOTES", "NoteValue", "sane_notes"]
