"""What continuous integration installs is locked: each package that is asked for, by its hashes."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
ASKED = tomllib.loads((ROOT / "pyproject.toml").read_text())
BOUNDS = r">=[\d.]+,<\d+(; python_version < '3\.\d+')?$"
LOCK = (ROOT / ".ci" / "requirements.lock").read_text()


def name_of(requirement: str) -> str:
    return (
        re.split(r"[^\w.-]", requirement, maxsplit=1)[0].lower().replace("_", "-").replace(".", "-")
    )


def asked_for() -> dict[str, str]:
    """By name what is asked for to run, to test and to build."""
    project = ASKED["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["dev"], *ASKED["build-system"]["requires"]]
    return {name_of(requirement): requirement for requirement in wanted}


def test_what_is_asked_for_is_locked_by_hash() -> None:
    locked = dict(
        re.findall(r"^([a-z0-9.-]+)==\S+[^\\]*\\\n    --hash=sha256:(\w{64})", LOCK, re.M)
    )
    assert asked_for().keys() <= locked.keys()


def test_all_that_is_asked_for_has_a_lowest_and_a_highest_version() -> None:
    extras = ASKED["project"]["optional-dependencies"]
    wanted = {**asked_for(), **{name_of(r): r for extra in extras.values() for r in extra}}
    assert {r for r in wanted.values() if not re.search(BOUNDS, r)} == set()


def test_nothing_is_locked_to_where_it_came_from() -> None:
    assert not re.search(r"https?:|file:|--[\w-]*index|--find-links", LOCK)
