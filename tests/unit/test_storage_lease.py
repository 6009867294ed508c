"""One process at a time holds the lease, and each holder's epoch is higher than the last one's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tradectl.domain.errors import AlreadyRunning, StateError
from tradectl.storage.lease import GUEST_S, STOPS, FileLease
from tradectl.storage.processes import end, is_stopped


def test_it_is_held_for_as_long_as_the_block_lasts(tmp_path: Path) -> None:
    lease = FileLease(tmp_path / "lock")
    assert (lease.held, lease.epoch, lease.owner()) == (False, 0, None)
    with lease.acquire():
        assert (lease.held, lease.epoch) == (True, 1)
        assert FileLease(tmp_path / "lock").owner() == os.getpid()
    assert not lease.held
    assert lease.owner() is None


def test_nobody_else_gets_it_meanwhile(tmp_path: Path) -> None:
    first, second = FileLease(tmp_path / "lock"), FileLease(tmp_path / "lock")
    refused = pytest.raises(AlreadyRunning, match=rf"process {os.getpid()}\) owns {tmp_path}")
    with first.acquire(), refused, second.acquire():
        pass
    assert not second.held
    with second.acquire():
        assert second.held


def test_a_guest_owns_nothing_and_is_waited_for(tmp_path: Path) -> None:
    waits: list[float] = []

    def passing() -> float:
        waits.append(0.5)
        return sum(waits)

    guest, owner = FileLease(tmp_path / "lock"), FileLease(tmp_path / "lock", monotonic=passing)
    with guest.acquire(guest=True):
        assert owner.owner() is None
        with pytest.raises(AlreadyRunning, match="process unknown"), owner.acquire():
            pass
        assert sum(waits) > GUEST_S
    with owner.acquire():
        assert guest.owner() == os.getpid()


def test_as_what_it_is_held_is_told_of_who_holds_it(tmp_path: Path) -> None:
    lease, asker = FileLease(tmp_path / "lock"), FileLease(tmp_path / "lock")
    assert asker.kind_of(os.getpid()) is None
    with lease.acquire(stops=True):
        assert (asker.owner(), asker.kind_of(os.getpid())) == (os.getpid(), STOPS)
        assert asker.kind_of(os.getppid()) is None
    assert asker.kind_of(os.getpid()) is None
    with lease.acquire():
        assert asker.kind_of(os.getpid()) == b""


def test_every_holder_has_a_higher_epoch(tmp_path: Path) -> None:
    epochs = []
    for _ in range(12):
        lease = FileLease(tmp_path / "lock")
        with lease.acquire():
            epochs.append(lease.epoch)
    assert epochs == list(range(1, 13))


LOCKED_AND_NOT_NOTED = """
import fcntl, sys
file = open(sys.argv[1], "r+")
fcntl.flock(file, fcntl.LOCK_EX)
print(flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(not Path("/proc/self/fdinfo").exists(), reason="only this kernel tells")
@pytest.mark.parametrize("note", ["", "0", "bystander", "999999999"])
def test_whoever_locks_it_is_the_owner_whatever_was_noted_before(tmp_path: Path, note: str) -> None:
    """A process stopped between the two leaves the note of one long dead, or of a bystander."""
    path = tmp_path / "lock"
    path.write_text(f"{os.getpid():<16}7" if note == "bystander" else note)
    with subprocess.Popen(
        [sys.executable, "-c", LOCKED_AND_NOT_NOTED, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.read(1)
        assert FileLease(path).owner() == process.pid
        with pytest.raises(AlreadyRunning, match=rf"process {process.pid}\)"):
            FileLease(path).acquire().__enter__()
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
        identity = FileLease(path).identity_of(process.pid)
        assert is_stopped(identity)
        end(identity)
        assert process.wait() == -signal.SIGKILL
    assert FileLease(path).owner() is None


def test_a_lock_file_of_rubbish_can_be_held(tmp_path: Path) -> None:
    (tmp_path / "lock").write_bytes(b"\xff" * 40)
    with FileLease(tmp_path / "lock").acquire():
        assert FileLease(tmp_path / "lock").owner() == os.getpid()


def test_where_there_is_no_folder_there_is_no_lease(tmp_path: Path) -> None:
    lease = FileLease(tmp_path / "gone" / "lock")
    with pytest.raises(StateError, match="cannot lock"), lease.acquire():
        pass
    assert lease.owner() is None
