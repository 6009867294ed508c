"""Whose journal is it? The signature of each group goes on from the one before, by a key of the user's.

Seals find damage; anybody can make them. A signature is a keyed BLAKE2b of a group, of what its seal says
and of the signature before, so that only who has the key can make one, and no group can be changed, left
out or taken from another journal (the first one has the run's id). It proves that a process with the key
wrote this, and nothing of who could read that key: all that runs as the same user can.

A run that goes on from another signs every group. One on recorded data, which is nobody's account, signs
where it began and where it ended: what lies between is decided again by a replay.
"""

from __future__ import annotations

from enum import StrEnum
from hashlib import blake2b
from hmac import compare_digest
from typing import Protocol

from msgspec import Struct

SIZE = 16
NONE = bytes(SIZE)
GROUP, NAME, NOTE = b"tradectl group", b"tradectl name", b"tradectl note"
"""One key makes signatures of several kinds: none of them is taken for another."""


class Signed(StrEnum):
    """By our key; by nobody; by a key that is not here; or it says by ours, and is not so."""

    YES = "yes"
    NO = "no"
    NO_KEY = "no key"
    FORGED = "forged"


class Signing(Struct, frozen=True):
    """In a header: the name of the key, and whether every group is signed or the first and last alone."""

    key: str
    every: bool = True


class SigningKey:
    """Made of a secret of 32 bytes. Its `name` gives nothing of that away."""

    __slots__ = ("_secret", "name")

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self.name = blake2b(key=secret, digest_size=4, person=NAME).hexdigest()

    def of_group(self, before: bytes, last: int, chain: str, lines: bytes) -> bytes:
        made = blake2b(before, key=self._secret, digest_size=SIZE, person=GROUP)
        made.update(b"%d %b\n" % (last, chain.encode()))
        made.update(lines)
        return made.digest()

    def of_note(self, *parts: str) -> str:
        """Of what is kept beside journals."""
        text = "".join(f"{len(part)} {part}" for part in parts).encode()
        return blake2b(text, key=self._secret, digest_size=SIZE, person=NOTE).hexdigest()

    def __repr__(self) -> str:
        return f"SigningKey({self.name}, hidden)"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a key is not written anywhere")


class KnownKeys(Protocol):
    def named(self, name: str) -> SigningKey | None:
        """One of ours."""
        ...


class Signature:
    """Of a journal whose header says `signing`, as far as it was read: its groups are taken in order."""

    def __init__(self, signing: Signing | None, keys: KnownKeys) -> None:
        self._signing = signing
        self._key = keys.named(signing.key) if signing is not None else None
        self._before = NONE
        self._ended = False
        self._forged = False
        self.forged_after = 0
        """the last record before what is not signed as it should be"""

    def go_on_from(self, mac: str) -> None:
        """What was signed before is known, up to a group that was signed so."""
        self._before = bytes.fromhex(mac)

    def take(
        self, before: int, lines: bytes, seal: tuple[int, str, str], *, at_an_end: bool
    ) -> None:
        """A group after record `before`, with its seal's last record, chain and signature."""
        signing, key = self._signing, self._key
        if signing is None or key is None or self._forged or not (signing.every or at_an_end):
            return
        last, chain, mac = seal
        made = key.of_group(self._before, last, chain, lines)
        self._ended = at_an_end and self._before != NONE
        if compare_digest(made.hex().encode(), mac.encode()):
            self._before = made
        else:
            self._forged, self.forged_after = True, before

    @property
    def signed(self) -> Signed:
        if self._signing is None:
            return Signed.NO
        if self._key is None:
            return Signed.NO_KEY
        if self._forged:
            return Signed.FORGED
        return Signed.YES if self._signing.every or self._ended else Signed.NO


__all__ = ["NONE", "KnownKeys", "Signature", "Signed", "Signing", "SigningKey"]
