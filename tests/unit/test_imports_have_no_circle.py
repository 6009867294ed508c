"""No module imports itself by way of others, and no room does; late imports, and those for types, count.

A late import hides a circle from the interpreter, and one under TYPE_CHECKING from everybody; who reads
and follows the arrows goes round in it all the same.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Callable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import tradectl

ROOT = Path(tradectl.__file__).parent
Graph = Mapping[str, set[str]]


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


EXCHANGE = "tradectl.testkit."
"""The exchange of the testkit is one thing, in many files, whose parts know each other."""
MODULES = {name_of(path): path for path in sorted(ROOT.rglob("*.py"))}


STATEMENT = re.compile(
    r"^[ \t]*(import tradectl\b.*|from tradectl\b[\w.]* import (?:\([^)]*\)|.*))", re.MULTILINE
)
TEXT = re.compile(r"\"{3}.*?\"{3}|'{3}.*?'{3}", re.DOTALL)
"""Of several lines: an example may stand in it."""


def imported_by(name: str) -> Iterator[str]:
    """Every module of ours that is named in an import statement, wherever it stands."""
    for statement in STATEMENT.findall(TEXT.sub("", MODULES[name].read_text())):
        (node,) = ast.parse(statement).body
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in MODULES else node.module


def floor_of(name: str) -> str:
    """`tradectl.feeds` for all that stands in it; what stands beside the floors is one of its own."""
    return ".".join(name.split(".")[:2])


def room_of(name: str) -> str:
    """The directory: `tradectl.feeds.csv` for `tradectl.feeds.csv.blocks`."""
    is_package = MODULES[name].name == "__init__.py"
    return name if is_package or name.count(".") == 1 else name.rpartition(".")[0]


def within(room: str, other: str) -> bool:
    return (room + ".").startswith(other + ".")


@functools.cache
def imports() -> Graph:
    return {
        name: {other for other in imported_by(name) if not both_of_the_exchange(name, other)}
        for name in MODULES
    }


def both_of_the_exchange(name: str, other: str) -> bool:
    return f"{name}.".startswith(EXCHANGE) and f"{other}.".startswith(EXCHANGE)


def floors() -> Graph:
    graph: dict[str, set[str]] = {floor_of(name): set() for name in MODULES}
    for name, imported in imports().items():
        graph[floor_of(name)] |= {floor_of(other) for other in imported} - {floor_of(name)}
    return graph


def rooms() -> Graph:
    """A room and the ones inside it are one."""
    graph: dict[str, set[str]] = {room_of(name): set() for name in MODULES}
    for name, imported in imports().items():
        room = room_of(name)
        others = {room_of(other) for other in imported}
        graph[room] |= {o for o in others if not within(o, room) and not within(room, o)}
    return graph


@pytest.mark.parametrize("graph", [imports, rooms, floors])
def test_nothing_imports_itself_by_way_of_others(graph: Callable[[], Graph]) -> None:
    try:
        TopologicalSorter(graph()).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(reversed(error.args[1])))
