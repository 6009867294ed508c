"""Who took a snapshot: signed like a journal, for what it knows of one is not looked at any more."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from tradectl.domain.sealed import Sealed
from tradectl.journal.signature import SigningKey


class SignedSeal(Struct, frozen=True):
    """What is stored with a snapshot: where its journal is read on from, and who says so."""

    sealed: Sealed | None
    mac: str


def snapshot_mac(
    key: SigningKey | None, run_id: str, seq: int, body: str, sealed: Sealed | None
) -> str:
    """Who has the key took it of that run; empty without one."""
    if key is None:
        return ""
    return key.of_note(run_id, str(seq), body, msgspec.json.encode(sealed).decode())


__all__ = ["SignedSeal", "snapshot_mac"]
