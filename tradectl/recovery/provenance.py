"""Is this the account's own journal, and the newest there was? What was forged or put back is not gone
on from.

Who can write a state directory can write a journal that adds up. So one that goes on is to be signed by
this user's key, to the end, and to reach as far as the newest that is noted outside of the directory.
`doubts` says why not; a run then refuses, unless it is told to trust it, and an emergency stop does what
can do no harm and says so. On paper there is one more way: where this user has no key at all nothing can
be compared, as in a container whose home is gone, and the account goes on.
"""

from __future__ import annotations

from pathlib import Path

from tradectl.domain.text import harmless
from tradectl.journal.reader import holds_seal
from tradectl.journal.signature import Signed
from tradectl.journal.writer import Header
from tradectl.storage.directory import StateDir
from tradectl.storage.known_heads import Head

LIVE = "live"
TRUST = "look into it; `--trust-journal` goes on from it as it is"


def is_optional(state_dir: StateDir, kind: str) -> bool:
    """Nobody has signed here, and there is no money in it."""
    keys = state_dir.keys
    return kind != LIVE and keys.own() is None and not keys.problem and not keys.is_locked


def doubts(
    state_dir: StateDir, path: Path, header: Header, signed: Signed, forged_after: int
) -> str:
    """In words; empty where there are none."""
    if signed is not Signed.YES and not is_optional(state_dir, header.account):
        return harmless(f"{path} {_unsigned(state_dir, signed, forged_after, header)}")
    head = state_dir.heads.of(header.account)
    if head is None or _is_reached(head, path, header):
        return ""
    return harmless(
        f"{path} is not the newest: {_known(head)}, and that is not in it: put that one back"
    )


def doubts_of_nothing(state_dir: StateDir, kind: str) -> str:
    """The same where there is no journal of the account at all."""
    head = state_dir.heads.of(kind) if kind == LIVE else None
    if head is None:
        return ""
    path = state_dir.journals / f"{head.run_id}.jsonl"
    return harmless(f"the journal {path} is missing: {_known(head)}; put it back")


def _unsigned(state_dir: StateDir, signed: Signed, forged_after: int, header: Header) -> str:
    if signed is Signed.FORGED:
        return (
            f"was forged: what follows record {forged_after} is not signed by your key as it says"
        )
    if signed is Signed.NO:
        return "is signed by nobody, so anybody could have written it"
    name = header.signature.key if header.signature is not None else ""
    keys = state_dir.keys
    problem = keys.problem or ("the keyring does not answer: unlock it" if keys.is_locked else "")
    return f"is signed by the key {name}, which is not here{f' ({problem})' if problem else ''}"


def _is_reached(head: Head, path: Path, header: Header) -> bool:
    if header.run_id != head.run_id:
        return header.run_id > head.run_id
    return holds_seal(path, head.sealed)


def _known(head: Head) -> str:
    return f"run {head.run_id} is known to have come to record {head.sealed.last}"


__all__ = ["TRUST", "doubts", "doubts_of_nothing", "is_optional"]
