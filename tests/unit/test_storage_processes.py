"""A process is ended by what it is, never by its number alone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from tradectl.storage import processes
from tradectl.storage.lease import FileLease
from tradectl.storage.processes import Identity, NotEnded, end, is_stopped, this_process

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="only Linux has pidfds")

SAYS_WHO = """
import sys
from tradectl.storage.processes import this_process
print(this_process().noted(), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def other() -> Iterator[tuple[subprocess.Popen[bytes], Identity]]:
    with subprocess.Popen(
        [sys.executable, "-c", SAYS_WHO],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    ) as process:
        assert process.stdout
        yield process, Identity.from_note(process.pid, process.stdout.readline())
        process.kill()


Other = tuple[subprocess.Popen[bytes], Identity]


def test_the_one_that_is_meant_is_ended(other: Other) -> None:
    process, noted = other
    assert noted == replace(this_process(), number=process.pid, started=noted.started)
    end(noted)
    assert process.wait() == -9
    end(noted)  # it is gone: nobody is left to be ended


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"boot": "another"}, "on another machine or before this one was started"),
        ({"namespace": "pid:[1]"}, "it runs in another container"),
        ({"started": "1"}, "its number is another process's by now"),
        ({"started": ""}, "the lock does not say which process it is"),
        ({"namespace": ""}, "the lock does not say which process it is"),
        ({"boot": ""}, "the lock does not say which process it is"),
    ],
)
def test_one_that_may_be_another_is_not_and_it_is_said_why(
    other: Other, wrong: dict[str, str], why: str
) -> None:
    process, noted = other
    with pytest.raises(NotEnded, match=f"process {process.pid} was not ended: .*{why}"):
        end(replace(noted, **wrong))
    assert not is_stopped(replace(noted, **wrong))
    assert process.poll() is None


def test_another_users_is_not(other: Other, monkeypatch: pytest.MonkeyPatch) -> None:
    process, noted = other
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    with pytest.raises(NotEnded, match="it is another user's"):
        end(noted)
    assert process.poll() is None


@pytest.mark.parametrize("lacks", ["pidfd", "proc"])
def test_where_the_system_does_not_tell_nobody_is(
    other: Other, lacks: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As on macOS."""
    process, noted = other
    if lacks == "pidfd":
        monkeypatch.delattr(os, "pidfd_open")
    else:
        monkeypatch.setattr(processes, "PROC", tmp_path)
    with pytest.raises(NotEnded, match="this system does not tell one process from another"):
        end(noted)
    assert process.poll() is None


def test_a_stopped_one_is_told(other: Other) -> None:
    process, noted = other
    assert not is_stopped(noted)
    process.send_signal(19)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED)
    assert is_stopped(noted)


def test_the_lock_says_who_holds_it(tmp_path: Path) -> None:
    lease, asker = FileLease(tmp_path / "lock"), FileLease(tmp_path / "lock")
    with lease.acquire():
        assert asker.identity_of(os.getpid()) == this_process()
        assert asker.identity_of(1) == Identity(1)
    assert asker.identity_of(os.getpid()) == Identity(os.getpid())
