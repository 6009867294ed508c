"""What the workers of the tests are forked with."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from tests.fixtures.processes import CHECKOUT, FORKS
from tests.fixtures.worker_forks import import_all, modules, offer

BEGINS_ONE = """
import subprocess, sys, time
sleeps = [sys.executable, "-c", "import time; time.sleep(60)"]
print(subprocess.Popen(sleeps, start_new_session=True).pid, flush=True)
time.sleep(60)
"""
FILE = CHECKOUT / "tests" / "unit" / "test_bus_core.py"


def test_modules_are_those_of_the_files_and_folders_that_a_command_line_names() -> None:
    assert modules([f"{FILE}::test_something[1]"]) == [FILE]
    found = modules([str(FILE.parent), str(FILE)])
    assert found == sorted(found)
    assert {FILE, Path(__file__)} <= {*found}
    assert modules([str(CHECKOUT.parent / "test_elsewhere.py")]) == []


def test_one_that_cannot_be_imported_keeps_no_other_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "tests.fixtures.another_user", raising=False)
    import_all([FILE.with_name("test_not_there.py"), CHECKOUT / "tests/fixtures/another_user.py"])
    assert "tests.fixtures.another_user" in sys.modules


@pytest.mark.skipif(not FORKS, reason="only Linux tells whose orphans are whose")
def test_nothing_is_left_of_a_worker_nor_of_what_it_began(tmp_path: Path) -> None:
    spec = SimpleNamespace(popen=True, python=None)
    end = offer([spec], [], tmp_path)
    words = [*shlex.split(spec.python or ""), "-u", "-c", BEGINS_ONE]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None
        begun = int(worker.stdout.readline())
        assert psutil.pid_exists(begun)
        end()
        assert not psutil.pid_exists(begun)
