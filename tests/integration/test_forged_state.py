"""A state directory that was written to, or put back, is not gone on from unless its owner says so.

Whoever can write the directory can make a journal or a snapshot that adds up, and an older directory adds
up by itself. The key, and how far the account came, are kept elsewhere.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.fixtures.another_home import sitecustomize
from tests.fixtures.command import is_seal, journals, reseal
from tests.fixtures.live_harness import LiveHarness, live_harness
from tests.fixtures.processes import plain_environment
from tests.fixtures.run_inputs import Character, Typed, trades, waves
from tradectl.files import places
from tradectl.files.places import homes_of_state, private_home
from tradectl.journal import signing_keys
from tradectl.journal.reader import read_header
from tradectl.journal.signing_keys import VARIABLE, SigningKeys
from tradectl.storage.directory import StateDir
from tradectl.storage.signed_snapshot import SignedSeal

REFUSED, NOT_CONFIRMED, RICH = 1, 5, "9100000"
RUN = "run --headless --json --duration 0.2"
SECRET = "a text of more than thirty-two characters"


@pytest.fixture
def state(typed: Typed, tmp_path: Path) -> Path:
    """With a run on paper that has ended by itself."""
    assert typed(RUN).code == 0
    return tmp_path / "state"


def richer(line: bytes) -> bytes:
    return line.replace(b'"100000"', b'"%b"' % RICH.encode())


def without_mac(line: bytes) -> bytes:
    return line.partition(b',"mac"')[0] + b"}}" if is_seal(line) else line


def unnamed(line: bytes) -> bytes:
    if not line.startswith(b'{"header"'):
        return without_mac(line)
    return (
        b'{"header":' + json.dumps(json.loads(line)["header"] | {"signature": None}).encode() + b"}"
    )


def of_another_key(line: bytes) -> bytes:
    if not line.startswith(b'{"header"'):
        return line
    signature = {"key": "01234567", "every": True}
    header = json.loads(line)["header"] | {"signature": signature}
    return b'{"header":' + json.dumps(header).encode() + b"}"


FORGERIES: dict[str, tuple[Callable[[bytes], bytes], str, str]] = {
    "richer": (lambda line: line, "forged", "was forged: what follows record 0 is not signed"),
    "and signed by nobody": (without_mac, "forged", "was forged"),
    "and says so": (unnamed, "no", "is signed by nobody, so anybody could have written it"),
    "by another key": (
        of_another_key,
        "no key",
        "is signed by the key 01234567, which is not here",
    ),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_journal_is_told_by_replay_and_not_gone_on_from(
    typed: Typed, state: Path, forgery: str
) -> None:
    """Its arithmetic and its author are two things."""
    change, signed, why = FORGERIES[forgery]
    (path,) = journals(state)
    assert json.loads(typed(f"replay --json {path}").out)["signed"] == "yes"
    lines = path.read_bytes().splitlines()[:-2]  # without an end, as of a run that was killed
    path.write_bytes(reseal([change(richer(line)) for line in lines]))
    (state / "state.db").unlink()
    told = typed(f"replay --json {path}")
    report = json.loads(told.out)
    assert (report["verified"], report["signed"]) == (True, signed)
    assert told.code == (1 if signed == "forged" else 0)
    refused = typed(RUN)
    assert refused.code == REFUSED
    assert why in refused.complaint()
    assert "`--trust-journal` goes on from it as it is" in refused.complaint()
    assert journals(state) == [path]
    (finding,) = (
        f for f in json.loads(typed("doctor --json").out)["findings"] if f["check"] == "provenance"
    )
    assert (finding["verdict"], why in finding["message"]) == ("warned", True)


def test_by_its_owners_word_it_is_gone_on_from_and_signed_from_then_on(
    typed: Typed, state: Path
) -> None:
    (path,) = journals(state)
    lines = [unnamed(line) for line in path.read_bytes().splitlines()]
    path.write_bytes(reseal(lines))
    assert typed(RUN).code == REFUSED
    assert typed(f"{RUN} --trust-journal").code == 0
    assert typed(RUN).code == 0
    assert json.loads(typed(f"replay --json {journals(state)[-1]}").out)["signed"] == "yes"


def test_an_emergency_stop_works_with_a_forged_journal_and_launders_none(
    typed: Typed, state: Path
) -> None:
    (path,) = journals(state)
    lines = path.read_bytes().splitlines()[:-2]  # killed, as it seems
    path.write_bytes(reseal([richer(line) for line in lines]))
    stopped = typed("emergency-stop --json --flatten")
    receipt = json.loads(stopped.out)
    assert (stopped.code, receipt["latched"], receipt["confirmed"]) == (NOT_CONFIRMED, True, False)
    assert "was forged" in receipt["error"]
    assert "no position was closed" in receipt["error"]
    assert typed("clear-halt --confirm").code == 0
    assert "signed by nobody" in typed(RUN).complaint()  # as the stop's own journal is
    again = json.loads(typed("emergency-stop --json --trust-journal").out)
    assert again["confirmed"]


def test_a_directory_that_was_put_back_is_not_the_newest(
    typed: Typed, state: Path, tmp_path: Path
) -> None:
    """Whole, or the journal alone, by a database that calls the newest one somebody else's."""
    kept = tmp_path / "kept"
    shutil.copytree(state, kept)
    assert typed(RUN).code == 0
    newest = journals(state)[-1]
    with closing(sqlite3.connect(state / "state.db")) as db, db:
        db.execute("UPDATE runs SET account_kind = 'recorded' WHERE run_id = ?", (newest.stem,))
    assert f"run {newest.stem} is known to have come to record" in typed(RUN).complaint()
    shutil.rmtree(state)
    shutil.copytree(kept, state)
    assert f"run {newest.stem} is known to have come to record" in typed(RUN).complaint()
    assert not json.loads(typed("emergency-stop --json").out)["confirmed"]


def test_a_journal_that_was_cut_where_a_group_ends_is_not_the_newest(
    typed: Typed, state: Path
) -> None:
    (path,) = journals(state)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-4]))
    (state / "state.db").unlink()
    assert "is not the newest" in typed(RUN).complaint()


def test_a_forged_snapshot_is_passed_over(typed: Typed, state: Path) -> None:
    """Right by its own hash, and signed by nobody, or for another record, or another run."""
    from tradectl.recovery.recovery import recover
    from tradectl.state.account import Account

    before = recover(StateDir(state))
    assert before is not None
    assert before.from_snapshot
    with closing(sqlite3.connect(state / "state.db")) as db, db:
        (sealed, body) = db.execute("SELECT sealed, body FROM snapshots ORDER BY seq").fetchall()[
            -1
        ]
        mac = msgspec.json.decode(sealed, type=SignedSeal).mac
        account = Account.load(json.loads(body.replace('"100000"', f'"{RICH}"')))
        forged = json.dumps(account.dump())
        for other in ("", mac, mac[::-1]):
            changed = msgspec.json.encode(SignedSeal(None, other)).decode()
            db.execute(
                "UPDATE snapshots SET body = ?, hash = ?, sealed = ?",
                (forged, account.hash(before.run_id), changed),
            )
            db.commit()
            after = recover(StateDir(state))
            assert after is not None
            assert (after.from_snapshot, after.state_hash) == (0, before.state_hash)


def test_paper_goes_on_where_there_is_no_key_at_all(
    typed: Typed, state: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As in a container whose home is gone: there is nothing to compare with, and no money."""
    monkeypatch.setattr(signing_keys, "homes_of_state", lambda: [private_home()])
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another home"))
    assert typed(RUN).code == 0
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "a third home"))
    assert (
        "which is not here"
        in typed(RUN, **{VARIABLE: "a text that nobody else can guess"}).complaint()
    )


def test_a_key_that_cannot_be_used_is_not_none_at_all(
    typed: Typed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whatever is in its place, nobody waits for it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(signing_keys, "homes_of_state", lambda: [private_home()])
    (tmp_path / "home").mkdir(mode=0o700)
    assert typed(RUN).code == 0
    file = private_home() / signing_keys.FILE
    file.unlink()
    os.mkfifo(file)
    assert "it is a pipe, not a file" in typed(RUN).complaint()
    stopped = json.loads(typed("emergency-stop --json").out)
    assert (stopped["latched"], stopped["confirmed"]) == (True, False)


def test_one_that_is_not_signed_and_large_is_read_where_it_is_trusted_and_stopped(
    typed: Typed, state: Path
) -> None:
    """As of an account of a hundred thousand orders whose key is lost."""
    (path,) = journals(state)
    header, *lines = path.read_bytes().splitlines()
    path.write_bytes(reseal([header[:-1] + b" " * (9 << 20) + header[-1:], *lines]))
    complaint = typed(RUN).complaint()
    assert "more than 8 MiB that your key did not sign" in complaint
    assert "--trust-journal" in complaint
    stopped = json.loads(typed("emergency-stop --json").out)
    assert (stopped["latched"], stopped["confirmed"]) == (True, False)
    assert "MiB" not in stopped["error"]
    assert "was forged" in stopped["error"]
    assert typed("clear-halt --confirm").code == 0
    trusted = typed(f"{RUN} --trust-journal")
    assert (trusted.code, "MiB" in trusted.err) == (0, False)


def test_a_keyring_that_does_not_answer_is_not_no_key_at_all(
    typed: Typed, state: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The journal may be signed by what is in it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(signing_keys, "homes_of_state", lambda: [private_home()])
    monkeypatch.setattr(signing_keys, "_ask_keyring", lambda ask: signing_keys.Answer("", False))
    (tmp_path / "home").mkdir(mode=0o700)
    assert "which is not here (the keyring does not answer: unlock it)" in typed(RUN).complaint()
    assert "the keyring does not answer" in typed("doctor").out
    words = ("emergency-stop --trust-journal", "clear-halt --confirm", f"{RUN} --trust-journal")
    answers = [typed(command) for command in words]
    assert [answer.code for answer in answers] == [0, 0, 0]
    assert sum(answer.err.count("made the key") for answer in answers) == 1
    assert (private_home() / signing_keys.FILE).exists()


@pytest.mark.parametrize("first", [RUN, f"{RUN} --fresh"])
def test_nothing_is_traded_unsigned_beside_a_key_that_cannot_be_used(
    typed: Typed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, first: str
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    SigningKeys({}, [private_home()]).made()
    file = private_home() / signing_keys.FILE
    file.chmod(0o644)
    complaint = typed(first).complaint()
    assert f"chmod 600 {file}" in complaint
    assert not journals(tmp_path / "state")
    file.chmod(0o600)
    assert [typed(words).code for words in (first, RUN)] == [0, 0]


def test_a_run_tells_that_it_made_a_key_and_a_variable_makes_none(
    typed: Typed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """For every command that writes a journal."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    data = trades(tmp_path / "trades.csv", {"BTCUSDT": waves(50)})
    words = (RUN, f"backtest --json --data {data}", f"run --headless --json --data {data}")
    for command in words:
        answer = typed(command, **{VARIABLE: SECRET})
        assert (answer.code, "made the key" in answer.err) == (0, False)
    assert not (private_home() / signing_keys.FILE).exists()
    given = SigningKeys({VARIABLE: SECRET}).own()
    for path in journals(tmp_path / "state"):
        signature = read_header(path).signature
        assert given is not None
        assert signature is not None
        assert signature.key == given.name
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("TRADECTL_STATE_DIR", str(tmp_path / "another state"))
    told = [typed(command).err.count("made the key") for command in words]
    assert told == [1, 0, 0]


def test_who_has_no_home_can_stop_and_all_else(
    typed: Typed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A user without a name, as in a container, and no HOME."""

    def nobody(user: int) -> pwd.struct_passwd:
        raise KeyError(user)

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setattr(places, "_state_of_home", lambda home: tmp_path / "root" / home.name)
    (tmp_path / "root").mkdir(mode=0o700)
    assert typed(RUN).code == 0
    assert json.loads(typed("emergency-stop --json").out)["latched"]
    assert typed("status").code == 0
    assert "~no-user" in typed("run --headless --strategy ~no-user/mine.py:Mine").complaint()
    assert "home" not in typed("doctor --json").err


def test_a_state_directory_below_links_in_a_circle_is_named(typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    for command in ("run --headless", "emergency-stop", "status"):
        complaint = typed(f"{command} --state-dir {tmp_path / 'a' / 'state'}").complaint()
        assert f"{tmp_path / 'a' / 'state'}: Too many levels of symbolic links" in complaint


def test_no_test_looks_into_the_home_of_whoever_runs_it() -> None:
    """Nor does a process that one starts."""
    home = os.environ[sitecustomize.VARIABLE]
    told = "from tradectl.files.places import homes_of_state; print(*homes_of_state())"
    found = subprocess.run(
        [sys.executable, "-c", told],
        env=plain_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    for named in (*found.stdout.split(), *map(str, homes_of_state())):
        assert named.startswith(str(Path(home).parent))


# --- with money ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveHarness]:
    """A live run that was killed with a position. Coins of another account are at the same exchange."""
    with live_harness(tmp_path_factory.mktemp("forged"), Character.KEEN) as live:
        with live.running() as run:
            run.line(" FILL ")
            run.kill()
        yield live


@pytest.mark.slow
def test_what_a_forged_live_journal_claims_is_not_sold(killed: LiveHarness) -> None:
    """Fills that say the coins of somebody else are ours: orders are cancelled, and nothing is closed."""
    path = journals(killed.folder)[-1]
    whole, held = path.read_bytes(), killed.position
    assert held > 0
    lines = [line.replace(b'"quantity":"0.', b'"quantity":"0.9') for line in whole.splitlines()]
    path.write_bytes(reseal(lines))
    try:
        answer = killed.tradectl("emergency-stop", "--flatten", "--json")
        receipt: dict[str, Any] = json.loads(answer.out)
        live = killed.tradectl("run", "--live", "--yes", "-c", killed.config, "--headless")
        fresh = killed.tradectl(
            "run", "--live", "--yes", "-c", killed.config, "--headless", "--fresh"
        )
    finally:
        for other in journals(killed.folder):
            if other.stem > path.stem:
                other.unlink()
        path.write_bytes(whole)
        (killed.folder / "state.db").unlink()
        killed.tradectl("clear-halt", "--confirm")
    assert (answer.code, receipt["latched"], receipt["confirmed"]) == (NOT_CONFIRMED, True, False)
    assert "was forged" in receipt["error"]
    assert (receipt["closed"], killed.position) == ([], held)
    assert (live.code, fresh.code) == (6, 6)  # halted, before all else
    flat = killed.tradectl("emergency-stop", "--flatten", "--json")
    assert flat.document()["confirmed"], flat.out
    assert killed.position < held
