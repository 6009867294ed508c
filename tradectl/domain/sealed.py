"""Where a journal can be read on from: the seal of a group, by what it says and where it stands."""

from __future__ import annotations

from msgspec import Struct


class Sealed(Struct, frozen=True):
    """A group up to record `last` is sealed by the line that begins at byte `at`; `chain` is what that
    line says of all seals so far, `mac` its signature, empty where there is none."""

    at: int
    last: int
    chain: str
    mac: str = ""


__all__ = ["Sealed"]
