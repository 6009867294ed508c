"""The key that a user's journals are signed with: outside of every state directory.

In the variable TRADECTL_JOURNAL_KEY, for what has no home of its own, as a container; else in a file of
the private folder that is beside the state directories; else, where the `keyring` package is there, in
the system's keyring. The first run makes one, in a keyring that says it has none, else in the file, and
says so: whoever loses it cannot go on from any journal. A journal names the key that it was signed with,
and each of the three is asked for that."""

from __future__ import annotations

import contextlib
import importlib
import os
import stat
import threading
from collections.abc import Callable, Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

from tradectl.domain.errors import StateError
from tradectl.files.own import open_own
from tradectl.files.places import homes_of_state, make_private
from tradectl.files.trust import is_private
from tradectl.journal.signature import SigningKey

VARIABLE = "TRADECTL_JOURNAL_KEY"
FILE = "journal.key"
ADOPTED = "journal.{}.key"
"""One that signed what was brought here from elsewhere: by its name, and never signed with."""
SERVICE, ENTRY = "tradectl", "journal.key"
SHORTEST, LARGEST = 32, 4096
KEYRING_S = 2.0
"""A keyring that is locked may wait for a human, and an emergency stop does not."""
LAST_RESORT = (
    "or take it away: a new one is made, and nothing that this one signed is gone on from any more, but "
    "with --trust-journal"
)


class Answer(NamedTuple):
    """Of a keyring: a key in words, or, where it `is_known`, that there is none."""

    text: str
    is_known: bool


class SigningKeys:
    """Of this user, as the variable in `environ` has it now, else where it is found once it is asked for.
    `problem` says why one that is there cannot be used; `tell` is told, in a line, that one was made."""

    def __init__(self, environ: Mapping[str, str], places: list[Path] | None = None) -> None:
        self._given = environ.get(VARIABLE, "").strip()
        self._places = places
        self._found: dict[str, SigningKey] | None = None
        self._texts: list[str] = []
        self._keyring: Answer | None = None
        self.problem = ""
        self.tell: Callable[[str], object] = str

    def named(self, name: str) -> SigningKey | None:
        """The key of this name; the keyring is asked where no other is it."""
        found = self._known().get(name) or self._adopted(name)
        if found is None and (other := self._of_keyring()) is not None and other.name == name:
            return other
        return found

    def text_of(self, name: str) -> str:
        """What the key of this name is made of, for a copy that its user keeps; empty where it is not
        here."""
        self._known()
        texts = [*self._texts, *self._texts_of_adopted(), self._asked_keyring().text]
        return next((text for text in texts if text and _key_of(text).name == name), "")

    def adopt(self, text: str, *, trusted: bool = False) -> Path | None:
        """A key that came with a backup: our own from now on where there is none, else, where it is
        `trusted`, one more that journals are read by. Where it is; None where it is known. Raises
        StateError."""
        name = _key_of(text).name
        if self.named(name) is not None:
            return None
        self.refuse_unusable()
        is_first = self.own() is None and not self.is_locked
        if not (is_first or trusted):
            raise StateError(
                f"its journals are signed by the key {name}, and yours is another: whoever has that key "
                "could write them; --trust-key reads them by it all the same"
            )
        path = self.path if is_first else self.path.with_name(ADOPTED.format(name))
        self._keep_in_file(text, path)
        self._found = None
        return path

    def own(self) -> SigningKey | None:
        """The one that is signed with; None where none was made yet, or none can be used."""
        known = self._known()
        return next(iter(known.values()), None) or (None if self.problem else self._of_keyring())

    def made(self) -> SigningKey:
        """The same, made where there is none. Raises StateError."""
        if (key := self.own()) is not None:
            return key
        if self.problem:
            raise StateError(f"{self.problem}: no journal can be signed")
        secret = os.urandom(32).hex()
        if not self._is_kept_by_keyring(secret):
            self._keep_in_file(secret, self.path)
        self._found = self._keyring = None
        if (key := self.own()) is None:
            raise StateError(
                f"{self.problem or 'the key that was made is gone'}: no journal can be signed"
            )
        if key.name == _key_of(secret).name:
            self.tell(
                f"made the key that journals are signed with, in {self.where}: keep a copy, nothing goes "
                "on from them without it"
            )
        return key

    def refuse_unusable(self) -> None:
        """One that is there and cannot be used is not none: what it signs would be missed later. Raises
        StateError."""
        if self.own() is None and self.problem:
            raise StateError(f"{self.problem}: no journal can be signed")

    @property
    def is_locked(self) -> bool:
        """There may be one in the keyring, which does not say."""
        return self._asked_keyring().is_known is False

    @property
    def path(self) -> Path:
        """Where it is kept, or would be, in a file."""
        return self._files()[0]

    @property
    def where(self) -> str:
        """Where the own one is, in words."""
        if self._given:
            return f"the variable {VARIABLE}"
        return next((str(path) for path in self._files() if path.is_file()), "the keyring")

    def _known(self) -> dict[str, SigningKey]:
        if self._found is None:
            self._texts = [*self._read()]
            self._found = {key.name: key for key in map(_key_of, self._texts)}
        return self._found

    def _adopted(self, name: str) -> SigningKey | None:
        return next(
            (key for key in map(_key_of, self._texts_of_adopted()) if key.name == name), None
        )

    def _texts_of_adopted(self) -> Iterator[str]:
        for path in self._files():
            for other in sorted(path.parent.glob(ADOPTED.format("*"))):
                with contextlib.suppress(OSError):
                    yield _content(other)

    def _read(self) -> Iterator[str]:
        if self._given and len(self._given) < SHORTEST:
            self.problem = f"{VARIABLE} has fewer than {SHORTEST} characters, which can be guessed"
        elif self._given:
            yield self._given
        for path in self._files():
            try:
                text = _content(path)
            except FileNotFoundError:
                continue
            except OSError as error:
                self.problem = f"the key of the journals, {path}, cannot be used: {error.strerror}"
                continue
            yield text

    def _files(self) -> list[Path]:
        places = homes_of_state() if self._places is None else self._places
        return [place / FILE for place in places]

    @staticmethod
    def _keep_in_file(secret: str, path: Path) -> None:
        """There all at once, or not at all; another process that made one first has made ours."""
        aside = path.with_name(f"{FILE}.{os.urandom(4).hex()}")
        try:
            make_private(path.parent)
            fd = open_own(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            try:
                with os.fdopen(fd, "w") as file:
                    file.write(f"{secret}\n")
                    file.flush()
                    os.fsync(file.fileno())
                with contextlib.suppress(FileExistsError):
                    os.link(aside, path)
            finally:
                aside.unlink()
        except OSError as error:
            raise StateError(
                f"cannot make the key that journals are signed with, {path}: {error.strerror}; "
                f"or set {VARIABLE} to {SHORTEST} characters or more that nobody can guess"
            ) from error

    def _of_keyring(self) -> SigningKey | None:
        text = self._asked_keyring().text
        return _key_of(text) if text else None

    def _asked_keyring(self) -> Answer:
        if self._keyring is None:
            self._keyring = _ask_keyring(lambda keyring, _: keyring.get_password(SERVICE, ENTRY))
        return self._keyring

    def _is_kept_by_keyring(self, secret: str) -> bool:
        """Or it keeps one that was made meanwhile. What is in it is never written over: one that does not
        answer may have the key that every journal was signed with."""

        def keep(keyring: Any, is_over: threading.Event) -> object:
            kept = keyring.get_password(SERVICE, ENTRY)
            if kept or is_over.is_set():
                return kept
            keyring.set_password(SERVICE, ENTRY, secret)
            return keyring.get_password(SERVICE, ENTRY)

        return self._asked_keyring().is_known and bool(_ask_keyring(keep).text)


def _key_of(text: str) -> SigningKey:
    return SigningKey(blake2b(text.encode(), digest_size=32, person=b"tradectl key").digest())


def _content(path: Path) -> str:
    """Raises OSError, also where somebody else can have read or written it."""
    fd = open_own(path, largest=LARGEST)
    try:
        if stat.S_IMODE(os.fstat(fd).st_mode) & 0o077:
            raise PermissionError(
                1, f"others can read or write it: chmod 600 {path}; {LAST_RESORT}"
            )
        if not is_private(path.parent):
            raise PermissionError(1, "others could have put it there")
        text = os.read(fd, LARGEST).decode(errors="replace").strip()
    finally:
        os.close(fd)
    if len(text) < SHORTEST:
        raise OSError(
            5, f"there is no key in it: put back what was there, of a copy; {LAST_RESORT}"
        )
    return text


def _ask_keyring(ask: Callable[[Any, threading.Event], object]) -> Answer:
    """Nothing is known where it is locked, fails, or does not answer in time; `ask` is told by an event
    that nobody waits for it any more."""
    try:
        keyring = importlib.import_module("keyring")
        errors = importlib.import_module("keyring.errors")
    except ImportError:
        return Answer("", True)
    answers: list[Answer] = []
    is_over = threading.Event()

    def asked() -> None:
        try:
            answers.append(Answer(str(ask(keyring, is_over) or "").strip(), True))
        except errors.NoKeyringError:  # the package is there, and nothing that keeps anything
            answers.append(Answer("", True))
        except Exception:  # a keyring is somebody's code: whatever it raises is no answer
            return

    thread = threading.Thread(target=asked, daemon=True)
    thread.start()
    thread.join(KEYRING_S)
    is_over.set()
    return answers[0] if answers else Answer("", False)


__all__ = ["VARIABLE", "SigningKeys"]
