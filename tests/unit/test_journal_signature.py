"""Whose journal it is: by a key that is kept outside of the state directory, and shown to nobody."""

from __future__ import annotations

import pickle
import sys
import threading
import types
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tests.fixtures.command import reseal
from tests.fixtures.journal import FOOTER, GROUPS, HEADER
from tradectl.domain.errors import StateError
from tradectl.domain.sealed import Sealed
from tradectl.journal import signing_keys
from tradectl.journal.backwards import newest_records
from tradectl.journal.groups import SEAL
from tradectl.journal.reader import JournalReader, holds_seal
from tradectl.journal.signature import Signed, SigningKey
from tradectl.journal.signing_keys import VARIABLE, SigningKeys
from tradectl.journal.writer import JournalWriter

SECRET = "a text that nobody else could guess"


@pytest.fixture
def keys(tmp_path: Path) -> SigningKeys:
    return SigningKeys({VARIABLE: SECRET}, [tmp_path])


def write(path: Path, key: SigningKey | None, *, every: bool = True, run_id: str = "r1") -> Path:
    header = msgspec.structs.replace(HEADER, run_id=run_id)
    writer = JournalWriter(path, header, key=key, every=every)
    for group in GROUPS:
        writer.append(group)
    writer.close(FOOTER)
    return path


def signed(path: Path, keys: SigningKeys) -> Signed:
    with JournalReader(path, keys=keys) as reader:
        for _ in reader.check():
            pass
        return reader.signature.signed


def test_it_says_who_signed_it(tmp_path: Path, keys: SigningKeys) -> None:
    ours = write(tmp_path / "ours", keys.made())
    assert signed(ours, keys) is Signed.YES
    assert signed(ours, SigningKeys({VARIABLE: SECRET[::-1]}, [tmp_path])) is Signed.NO_KEY
    assert signed(ours, SigningKeys({}, [tmp_path])) is Signed.NO_KEY
    assert signed(write(tmp_path / "nobody's", None), keys) is Signed.NO


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines()


def without_macs(lines: list[bytes]) -> list[bytes]:
    return [line.partition(b',"mac"')[0] + b"}}" if b',"mac"' in line else line for line in lines]


FORGERIES: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "the header changed": lambda lines: [lines[0].replace(b'"100"', b'"9100"'), *lines[1:]],
    "a record changed": lambda lines: [line.replace(b'"at":11', b'"at":12') for line in lines],
    "the footer changed": lambda lines: [line.replace(b'"hash"', b'"hush"') for line in lines],
    "no signature any more": without_macs,
    "a group left out": lambda lines: [*lines[:2], *lines[5:]],
    "two groups changed about": lambda lines: [*lines[:5], *lines[7:9], *lines[5:7], *lines[9:]],
    "the last group twice": lambda lines: [*lines, *lines[-2:]],
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_whatever_is_changed_and_sealed_anew_is_forged(
    tmp_path: Path, keys: SigningKeys, forgery: str
) -> None:
    path = write(tmp_path / "r", keys.made())
    lines = lines_of(path)
    changed = FORGERIES[forgery](lines)
    assert changed != lines
    path.write_bytes(reseal(changed))
    assert signed(path, keys) is Signed.FORGED


def test_a_group_of_another_run_is_none_of_this_one(tmp_path: Path, keys: SigningKeys) -> None:
    one = lines_of(write(tmp_path / "one", keys.made()))
    other = lines_of(write(tmp_path / "other", keys.made(), run_id="r2"))
    (tmp_path / "mixed").write_bytes(reseal([*other[:2], *one[2:]]))
    assert signed(tmp_path / "mixed", keys) is Signed.FORGED


def test_a_run_that_nobody_continues_signs_where_it_begins_and_ends(
    tmp_path: Path, keys: SigningKeys
) -> None:
    path = write(tmp_path / "r", keys.made(), every=False)
    assert signed(path, keys) is Signed.YES
    lines = lines_of(path)
    assert [b'"mac"' in line for line in lines if line.startswith(SEAL)] == [
        True, False, False, False, True,
    ]  # fmt: skip
    path.write_bytes(reseal([lines[0].replace(b'"100"', b'"9100"'), *lines[1:]]))
    assert signed(path, keys) is Signed.FORGED
    path.write_bytes(reseal(lines[:-2]))
    assert signed(path, keys) is Signed.NO  # where it ended nobody has signed


def test_what_is_noted_is_what_survives_and_is_found_there(tmp_path: Path) -> None:
    noted: list[Sealed] = []
    writer = JournalWriter(tmp_path / "r", HEADER, strict=True, note=noted.append)
    writer.append(GROUPS[0])
    assert [sealed.last for sealed in noted] == [0]
    writer.sync()
    writer.append(GROUPS[1])
    writer.close(None)
    assert [sealed.last for sealed in noted] == [0, 2]
    assert holds_seal(tmp_path / "r", noted[1])
    (tmp_path / "cut").write_bytes((tmp_path / "r").read_bytes()[: noted[1].at])
    assert not holds_seal(tmp_path / "cut", noted[1])
    assert not holds_seal(tmp_path / "none", noted[1])


def test_read_from_its_end_it_ends_where_it_was_changed(tmp_path: Path, keys: SigningKeys) -> None:
    """What a start shows its strategies before it has looked at the whole."""
    key = keys.made()
    path = write(tmp_path / "r", key)
    assert [r.seq for r in newest_records(path, 10, 1 << 20, key)] == [4, 3, 2, 1]
    lines = [line.replace(b'"at":11', b'"at":12') for line in lines_of(path)]
    path.write_bytes(b"\n".join(lines) + b"\n")
    assert [r.seq for r in newest_records(path, 10, 1 << 20)] == [4, 3, 2, 1]
    assert [r.seq for r in newest_records(path, 10, 1 << 20, key)] == [4]
    path.write_bytes(reseal(lines))
    assert [*newest_records(path, 10, 1 << 20, key)] == []
    other = SigningKeys({VARIABLE: SECRET[::-1]}, [tmp_path]).made()
    assert [*newest_records(path, 10, 1 << 20, other)] == []


# --- the key -------------------------------------------------------------------------------------------


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "home" / ".local" / "state"
    folder.mkdir(parents=True)
    return folder / "tradectl-private"


@pytest.fixture(autouse=True)
def no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)


def test_a_key_is_made_once_and_is_its_owners_alone(place: Path) -> None:
    assert SigningKeys({}, [place]).own() is None
    barrier, made = threading.Barrier(8), list[str]()

    def make() -> None:
        barrier.wait()
        made.append(SigningKeys({}, [place]).made().name)

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({*made}) == 1
    (file,) = place.iterdir()
    assert (file.stat().st_mode & 0o777, place.stat().st_mode & 0o777) == (0o600, 0o700)
    assert SigningKeys({}, [place]).where == str(file)


def test_a_key_that_others_can_read_or_that_is_none_is_refused_by_name(place: Path) -> None:
    SigningKeys({}, [place]).made()
    file = place / "journal.key"
    secret = file.read_text()
    for text, mode, why in (
        (secret, 0o644, f"others can read or write it: chmod 600 {file}; or take it away"),
        ("short\n", 0o600, "there is no key in it: put back what was there"),
        (secret * 100, 0o600, "larger than"),
    ):
        file.write_text(text)
        file.chmod(mode)
        keys = SigningKeys({}, [place])
        assert keys.own() is None
        with pytest.raises(StateError, match=f"{file}, cannot be used: it is {why}|{why}"):
            keys.made()
    file.unlink()
    file.symlink_to("/dev/zero")
    with pytest.raises(StateError, match="it is a link"):
        SigningKeys({}, [place]).made()


def test_a_variable_goes_before_a_file_and_is_no_short_one(place: Path) -> None:
    by_file = SigningKeys({}, [place]).made()
    both = SigningKeys({VARIABLE: SECRET}, [place])
    assert both.made().name not in ("", by_file.name)
    found = both.named(by_file.name)
    assert found is not None
    assert found.name == by_file.name
    with pytest.raises(StateError, match=f"{VARIABLE} has fewer than 32 characters"):
        SigningKeys({VARIABLE: "guess"}, [place / "none"]).made()


def test_where_none_can_be_kept_it_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(StateError, match=f"cannot make the key .* or set {VARIABLE} to"):
        SigningKeys({}, [tmp_path / "no" / "home" / "here"]).made()


def keyring_of(
    monkeypatch: pytest.MonkeyPatch, get: Callable[[], str | None], held: dict[str, str]
) -> None:
    errors = types.ModuleType("keyring.errors")
    errors.NoKeyringError = type("NoKeyringError", (Exception,), {})  # type: ignore[attr-defined]
    ring = types.ModuleType("keyring")
    ring.get_password = lambda service, name: get()  # type: ignore[attr-defined]
    ring.set_password = lambda service, name, text: held.update(  # type: ignore[attr-defined]
        {name: text}
    )
    monkeypatch.setitem(sys.modules, "keyring", ring)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)


def test_a_keyring_keeps_it_where_there_is_one(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: dict[str, str] = {}
    keyring_of(monkeypatch, lambda: held.get("journal.key"), held)
    made = SigningKeys({}, [place]).made()
    assert not place.exists()
    again = SigningKeys({}, [place])
    assert (again.made().name, again.where) == (made.name, "the keyring")


def test_a_keyring_that_waits_for_somebody_is_not_waited_for(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    never = threading.Event()
    monkeypatch.setattr(signing_keys, "KEYRING_S", 0.05)
    keyring_of(monkeypatch, lambda: str(never.wait()), {})
    try:
        assert SigningKeys({}, [place]).made().name
        assert (place / "journal.key").exists()
    finally:
        never.set()


@pytest.mark.parametrize("how", ["locked", "fails in a way of its own", "waits for its owner"])
def test_what_a_keyring_has_is_never_written_over(
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    how: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The key of every journal before may be in one that does not say so, or says so a moment later."""
    held, unlocked = {"journal.key": SECRET}, threading.Event()
    monkeypatch.setattr(signing_keys, "KEYRING_S", 0.05)

    def get() -> str | None:
        if how.startswith("waits"):
            unlocked.wait()
        elif not unlocked.is_set():
            raise (LookupError if how == "locked" else OSError)(how)
        return held.get("journal.key")

    keyring_of(monkeypatch, get, held)
    before = SigningKeys({VARIABLE: SECRET}, [place]).made()
    keys = SigningKeys({}, [place])
    assert keys.is_locked
    made = keys.made()
    unlocked.set()
    for thread in threading.enumerate():
        if thread.daemon and "asked" in thread.name:
            thread.join(60)
    assert (held, (place / "journal.key").exists()) == ({"journal.key": SECRET}, True)
    again = SigningKeys({}, [place])
    assert again.made().name == made.name != before.name
    found = again.named(before.name)
    assert found is not None
    assert found.name == before.name
    assert capfd.readouterr() == ("", "")


def test_a_key_that_another_process_put_into_the_keyring_meanwhile_is_ours(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: dict[str, str] = {}
    answers = iter([None])
    keyring_of(monkeypatch, lambda: next(answers, SECRET), held)
    made = SigningKeys({}, [place]).made()
    assert made.name == SigningKeys({VARIABLE: SECRET}, [place]).made().name
    assert not held


def test_that_one_is_made_is_told_once_with_its_place(place: Path) -> None:
    told: list[str] = []
    for _ in range(2):
        keys = SigningKeys({}, [place])
        keys.tell = told.append
        keys.made()
    (line,) = told
    assert f"in {place / 'journal.key'}: keep a copy" in line


def test_a_key_is_shown_and_written_nowhere(place: Path) -> None:
    key = SigningKeys({VARIABLE: SECRET}, [place]).made()
    assert SECRET not in f"{key!r} {key}"
    with pytest.raises(TypeError, match="not written anywhere"):
        pickle.dumps(key)
