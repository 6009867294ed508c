"""What the workers of the tests are forked with."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.fixtures.processes import CHECKOUT
from tests.fixtures.worker_forks import import_all, modules

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
