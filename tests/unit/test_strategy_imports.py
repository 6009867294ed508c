"""What a strategy loads is checked, read once and hashed; what was compiled beside it is never run."""

from __future__ import annotations

import hashlib
import importlib
import os
import py_compile
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.test_strategy_catalog import install
from tradectl.domain.errors import UsageError
from tradectl.strategy import catalog, imports

STRATEGY = """
from tradectl.strategy import Strategy
{imports}

class Mine(Strategy):
    def on_trade(self, trade):
        {later}
"""


class Folder:
    """On Python's path; modules in it are forgotten again."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, text: str) -> Path:
        path = self.path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o600)
        return path

    def strategy(self, imports: str, later: str = "return None") -> str:
        text = STRATEGY.format(imports=imports, later=later)
        return f"{self.write('mine.py', text)}:Mine"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Folder]:
    monkeypatch.syspath_prepend(tmp_path)
    finders, modules = [*sys.meta_path], {*sys.modules}
    yield Folder(tmp_path)
    sys.meta_path[:] = finders
    for name in {*sys.modules} - modules:
        if name.startswith(("helper", "pack", "acme", "_tradectl")):
            del sys.modules[name]


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_all_that_it_loads_is_hashed_wherever_it_imports_it(folder: Folder) -> None:
    folder.write("helper.py", "import helper_of_helper\ndef late():\n    import helper_late\n")
    folder.write("helper_of_helper.py", "x = 1\n")
    folder.write("helper_late.py", "x = 2\n")
    folder.write("pack/__init__.py", "from . import one\ndef late():\n    from .two import x\n")
    folder.write("pack/one.py", "")
    folder.write("pack/two.py", "x = 3\n")
    folder.write("helper_of_method.py", "x = 4\n")
    named = folder.strategy("import helper, json\nfrom pack import one", "import helper_of_method")
    loaded = catalog.modules_of(catalog.find(named))
    assert {*loaded} == {
        "helper", "helper_of_helper", "helper_late", "helper_of_method", "pack", "pack.one", "pack.two",
    }  # fmt: skip
    assert loaded["pack.two"] == digest("x = 3\n")
    assert catalog.modules_of(catalog.find("ema-cross")) == {}
    again = folder.strategy("import helper  # the second to load it")
    assert {"helper", "helper_of_helper"} > {*catalog.modules_of(catalog.find(again))} >= {"helper"}


NEVER = """
import typing
from typing import TYPE_CHECKING

def method():
    if not TYPE_CHECKING:
        import helper_used

if typing.TYPE_CHECKING or False:
    import helper_of_types
elif "__main__" != __name__:
    import helper_both
if TYPE_CHECKING:
    import helper_of_types
if __name__ == "__main__" and len(typing.__name__):
    import helper_of_start
else:
    import helper_else
if len(typing.__name__):
    import helper_either
"""


def test_what_only_its_own_start_or_a_type_checker_imports_is_not_run(folder: Folder) -> None:
    used = ("helper_used", "helper_both", "helper_else", "helper_either")
    for name in used:
        folder.write(f"{name}.py", "")
    for name in ("helper_of_types", "helper_of_start"):
        folder.write(f"{name}.py", "raise AssertionError('run')\n")
    loaded = catalog.modules_of(catalog.find(folder.strategy(NEVER)))
    assert {*loaded} == {*used}
    assert not {"helper_of_types", "helper_of_start"} & {*sys.modules}


@pytest.mark.parametrize("what", ["SystemExit(3)", "BaseException", "ValueError"])
def test_a_module_of_a_function_that_cannot_be_loaded_is_its_importers_to_meet(
    folder: Folder, what: str
) -> None:
    folder.write("helper_ends.py", f"raise {what}\n")
    named = folder.strategy("", "import helper_ends")
    assert catalog.modules_of(catalog.find(named)) == {"helper_ends": digest(f"raise {what}\n")}


def test_what_was_compiled_before_is_not_run(folder: Folder) -> None:
    """Neither where it says that it is of this very text, nor where there is no text."""
    source = folder.write("helper.py", "PLANTED = 1\n")
    planted = Path(py_compile.compile(str(source)) or "")
    before = source.stat()
    source.write_text("PLANTED = 0\n")
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
    named = folder.strategy("import helper\nassert helper.PLANTED == 0")
    assert catalog.modules_of(catalog.find(named)) == {"helper": digest("PLANTED = 0\n")}
    shutil.move(planted, folder.path / "helper_alone.pyc")
    with pytest.raises(UsageError, match=r"module helper_alone: .*\.pyc is no Python source"):
        catalog.find(folder.strategy("import helper_alone"))


SWALLOWED = "try:\n    import helper\nexcept BaseException:\n    pass"


@pytest.mark.parametrize("how", ["import helper", SWALLOWED], ids=["told", "swallowed"])
@pytest.mark.parametrize(
    ("opened", "why"),
    [
        ("helper.py", "module helper: others can write .*helper.py: chmod go-w"),
        ("helper/__init__.py", "module helper: others can write .*__init__.py: chmod go-w"),
        ("helper", "module helper: others can write the folder .*, so "),
        (".", r"others can write the folder .*, so .*mine.py could be another one at any time"),
    ],
)
def test_what_others_can_write_or_exchange_is_refused_by_name(
    folder: Folder, opened: str, why: str, how: str
) -> None:
    folder.write("helper.py" if opened == "helper.py" else "helper/__init__.py", "x = 1\n")
    path = folder.path / opened
    path.chmod(path.stat().st_mode | 0o022)
    with pytest.raises(UsageError, match=why):
        catalog.find(folder.strategy(how))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_helper_of_somebody_else_or_behind_his_link_is_refused(folder: Folder) -> None:
    helper = folder.write("helper.py", "x = 1\n")
    os.chown(helper, 12345, 12345)
    with pytest.raises(UsageError, match=r"module helper: .*helper\.py belongs to somebody else"):
        catalog.find(folder.strategy("import helper"))
    os.chown(helper, os.geteuid(), os.getegid())
    helper.rename(folder.path / "real.py")
    helper.symlink_to(folder.path / "real.py")
    assert catalog.modules_of(catalog.find(folder.strategy("import helper")))
    del sys.modules["helper"]
    os.lchown(helper, 12345, 12345)
    with pytest.raises(
        UsageError, match=r"the module helper: the link .*helper\.py belongs to anoth"
    ):
        catalog.find(folder.strategy("import helper as again"))


def test_what_is_imported_once_it_trades_stands_in_no_journal(folder: Folder) -> None:
    folder.write("helper.py", "x = 1\n")
    late = "import importlib; return importlib.import_module('hel' + 'per')"
    strategy = catalog.find(folder.strategy("import json", late))
    with pytest.raises(ImportError, match="helper was not loaded with its strategy"):
        strategy.on_trade(strategy, None)  # type: ignore[arg-type]
    assert importlib.import_module("helper").x == 1  # by anybody else


def test_a_package_that_brings_strategies_is_looked_at_as_they_are(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it is installed, and with what it was installed beside."""
    monkeypatch.delitem(sys.modules, "acme_alpha", raising=False)
    install(folder.path, "acme-always = acme_alpha:Always")
    beside = folder.write("acme_beside.py", "x = 1\n")
    with (folder.path / "acme_alpha.py").open("a") as file:
        file.write("import acme_beside\n")
    monkeypatch.setattr(imports, "_libraries", lambda: [folder.path])
    text = (folder.path / "acme_alpha.py").read_text()
    assert catalog.modules_of(catalog.find("acme-always")) == {"acme_alpha": digest(text)}
    compiled = Path(importlib.util.cache_from_source(str(beside)))
    for opened in (beside, compiled, compiled.parent, folder.path / "acme_alpha.py"):
        del sys.modules["acme_alpha"]
        sys.modules.pop("acme_beside", None)
        opened.chmod(opened.stat().st_mode | 0o022)
        with pytest.raises(UsageError, match=r"strategy 'acme-always' .* others can write"):
            catalog.find("acme-always")
        sys.modules.setdefault("acme_alpha", sys)
        opened.chmod(opened.stat().st_mode & ~0o022)
