from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

import tradectl.strategy.builtin.ema_cross
from tests.fixtures.rows import each_row
from tradectl.domain.errors import UsageError
from tradectl.strategy import catalog
from tradectl.strategy.base import Strategy
from tradectl.strategy.builtin.ema_cross import EmaCross
from tradectl.strategy.parameters import Parameter

MINE = '''"""A file of mine."""

from tradectl.domain.events import MarketDataEvent
from tradectl.strategy import Signal, Strategy


class Always(Strategy):
    """Long, whatever comes.

    And nothing else.
    """

    strength: float = 0.5

    def on_trade(self, trade: MarketDataEvent) -> Signal | None:
        return self.long(self.strength)


class Other:
    pass
'''

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        path = tmp_path / "mine.py"
        path.write_text(text)
        path.chmod(0o644)
        return path

    return write


def install(folder: Path, entries: str) -> None:
    """A package as pip would leave it: its metadata, and a module."""
    about = folder / "acme_alpha-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-alpha\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[tradectl.strategies]\n{entries}\n")
    (folder / "acme_alpha.py").write_text(MINE)


@pytest.mark.parametrize("name", ["ema-cross", "rsi-reversion", "donchian-breakout"])
def test_built_in_strategies_are_found_by_name(name: str) -> None:
    cls = catalog.find(name)
    assert issubclass(cls, Strategy)
    assert cls().parameters() == catalog.describe(name).parameters


def test_the_list_says_what_each_strategy_does_and_takes() -> None:
    infos = {info.name: info for info in catalog.available()}
    assert list(infos)[:3] == ["ema-cross", "rsi-reversion", "donchian-breakout"]
    info = infos["ema-cross"]
    assert info.summary.startswith("Long while the fast average of trades is above the slow one")
    assert info.parameters["fast"] == Parameter(
        "int", 10, 1, 100_000, meaning="trades in the fast average"
    )
    assert (info.origin, info.problem) == ("built-in", "")


def test_what_a_strategy_does_is_a_whole_sentence(write: Write) -> None:
    for info in catalog.available():
        assert info.problem or info.summary.endswith("."), info.name
    text = "Long of 1.5 % of\n    what there is, always. And more."
    path = write(MINE.replace("Long, whatever comes.", text))
    assert catalog.describe(f"{path}:Always").summary == "Long of 1.5 % of what there is, always."


@each_row(
    ("name", "message"),
    [
        ("ema-cros", r"no strategy 'ema-cros': did you mean 'ema-cross'\?"),
        ("zzz", r"no strategy 'zzz': known: ema-cross, rsi-reversion"),
        ("", "no strategy ''"),
        ("mine.py", "mine.py: which class of it\\? expected mine.py:ClassName"),
        ("none.py:Always", "cannot read the strategy file none.py: No such file"),
    ],
)
def test_a_name_that_leads_nowhere_is_refused_with_what_to_do(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        catalog.find(name)


def test_a_strategy_comes_from_a_file_and_only_once(write: Write) -> None:
    path = write(MINE)
    cls = catalog.find(f"{path}:Always")
    assert cls.__name__ == "Always"
    assert cls is catalog.find(f"{path}:Always")
    info = catalog.describe(f"{path}:Always")
    assert (info.summary, info.origin) == ("Long, whatever comes.", "file")
    assert not (path.parent / "__pycache__").exists()


def test_a_changed_file_is_another_strategy(write: Write) -> None:
    path = write(MINE)
    before = catalog.find(f"{path}:Always")
    write(MINE.replace("0.5", "0.6"))
    after = catalog.find(f"{path}:Always")
    assert (before().parameters()["strength"].default, after.parameters()["strength"].default) == (
        0.5,
        0.6,
    )
    assert catalog.fingerprint(before) != catalog.fingerprint(after)


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        (MINE, "Alway", r"has no class 'Alway': did you mean 'Always'\? \(known: Always\)"),
        (MINE, "Other", "has no Strategy, but something else, called 'Other'"),
        (MINE, "Strategy", "has no Strategy, but something else, called 'Strategy'"),
        ("x = 1\ny = = 2\n", "A", "mine.py, line 2: invalid syntax"),
        ("x = 1\n\ny = 1 / 0\n", "A", "mine.py, line 3: ZeroDivisionError: division by zero"),
        ("import no_such_thing\n", "A", "line 1: ModuleNotFoundError: No module named 'no_such"),
        ("x = '\0'\n", "A", "mine.py, line 1: .*null bytes"),
        (MINE.replace("float = 0.5", "float = ''"), "A", "line 7: Always.strength: expected a fin"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_the_line(
    write: Write, text: str, name: str, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        catalog.find(f"{write(text)}:{name}")


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666])
def test_a_file_that_others_can_write_is_refused(write: Write, mode: int) -> None:
    path = write(MINE)
    path.chmod(mode)
    with pytest.raises(UsageError, match=f"others can write {path}: chmod go-w {path}"):
        catalog.find(f"{path}:Always")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_somebody_else_is_refused(write: Write) -> None:
    path = write(MINE)
    os.chown(path, 12345, 12345)
    with pytest.raises(UsageError, match="belongs to somebody else"):
        catalog.find(f"{path}:Always")


def test_a_pipe_in_place_of_a_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py", 0o600)
    with pytest.raises(UsageError, match="it is a pipe, not a file"):
        catalog.find(f"{tmp_path / 'pipe.py'}:Always")


def test_the_fingerprint_is_the_hash_of_the_source(write: Write) -> None:
    ours = Path(tradectl.strategy.builtin.ema_cross.__file__).read_bytes()
    assert catalog.fingerprint(EmaCross) == hashlib.sha256(ours).hexdigest()
    cls = catalog.find(f"{write(MINE)}:Always")
    write("something else since")
    assert catalog.fingerprint(cls) == hashlib.sha256(MINE.encode()).hexdigest()


def test_installed_packages_bring_strategies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "acme-always = acme_alpha:Always\nacme-broken = acme_missing:Always")
    monkeypatch.syspath_prepend(tmp_path)
    assert catalog.find("acme-always").__name__ == "Always"
    infos = {info.name: info for info in catalog.available()}
    assert infos["acme-always"].origin == "acme-alpha"
    assert infos["acme-always"].summary == "Long, whatever comes."
    assert "No module named 'acme_missing'" in infos["acme-broken"].problem
    with pytest.raises(UsageError, match=r"strategy 'acme-broken' \(acme_missing:Always\)"):
        catalog.find("acme-broken")
