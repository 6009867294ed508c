"""Notes on accounts that are no more do not pile up, and those of the ones that are stay."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tradectl.domain.sealed import Sealed
from tradectl.files.places import private_home
from tradectl.storage import past_accounts
from tradectl.storage.known_heads import KnownHeads
from tradectl.storage.known_hosts import Host, KnownHosts


@pytest.fixture(autouse=True)
def _few_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(past_accounts.forget_past_accounts, "__defaults__", (4,))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def account(folder: Path, *, age: int) -> KnownHeads:
    """It was noted so many seconds ago."""
    heads = KnownHeads(folder)
    note = heads.note("live", "r1")
    note(Sealed(at=1, last=1, chain="0", mac=""))
    note.close()
    KnownHosts(folder).note({"main": Host("binance")})
    for path in (heads.path("live"), KnownHosts(folder).path):
        os.utime(path, (2_000_000_000 - age, 2_000_000_000 - age))
    return heads


def test_first_go_those_whose_directory_is_gone_then_the_oldest(tmp_path: Path) -> None:
    there = [tmp_path / f"there {n}" for n in range(3)]
    for folder in there:
        folder.mkdir()
    kept = [account(folder, age=900 - n) for n, folder in enumerate(there)]
    halt = private_home() / "halt-0123456789abcdef"
    halt.touch()
    gone = [account(tmp_path / f"gone {n}", age=500 - n) for n in range(4)]
    assert [heads.of("live") is not None for heads in gone] == [False, False, True, True]
    for n in range(3):
        (tmp_path / f"new {n}").mkdir()
        kept.append(account(tmp_path / f"new {n}", age=10 - n))
    assert [heads.of("live") is not None for heads in kept] == [False, *[True] * 5]
    assert not any(heads.of("live") for heads in gone)
    assert not KnownHosts(there[0]).read()
    assert KnownHosts(there[2]).read()
    assert halt.exists()


def test_a_directory_with_a_long_name_is_noted_without_it(tmp_path: Path) -> None:
    folder = tmp_path.joinpath(*["a" * 200] * 3)
    head = account(folder, age=0).of("live")
    assert head is not None
    assert (head.run_id, head.folder) == ("r1", "")


def test_of_many_some_go_at_once_so_that_the_next_are_noted_without_a_look_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(past_accounts.forget_past_accounts, "__defaults__", (20,))
    heads = [account(tmp_path / f"gone {n}", age=900 - n) for n in range(22)]
    assert [known.of("live") is not None for known in heads] == [False] * 3 + [True] * 19
