"""What the source must not do: look at a clock, or leave anything to chance, where that would be felt.

Time is handed in: one module reads the computer's clocks. What a replay must repeat (core, engines,
books) has no source of its own of random numbers or names, and never goes through a set in its own order.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.fixtures.rows import each_row

PACKAGE = Path(__file__).parents[2] / "tradectl"
CLOCK = PACKAGE / "bus" / "clock.py"
TESTKIT = PACKAGE / "testkit"
"""An exchange, on another machine as it were: it has a clock of its own."""
BENCH = PACKAGE / "operations" / "bench"
"""What it measures is time."""
DETERMINISTIC = ("domain", "strategy", "portfolio", "risk", "execution", "state")
DETERMINISTIC_FILES = ("bus/core.py",)

CLOCKS = {
    "time.time", "time.time_ns", "time.monotonic", "time.monotonic_ns", "time.perf_counter",
    "time.perf_counter_ns", "time.process_time", "datetime.now", "datetime.utcnow", "datetime.today",
    "date.today", "datetime.datetime.now",
}  # fmt: skip
FUNCTIONS = {name.rpartition(".")[2] for name in CLOCKS}
CHANCE = {"random", "uuid", "secrets"}
SETS = {"set", "frozenset"}
Rule = Callable[[ast.AST], Iterator[str]]


def sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def deterministic() -> list[Path]:
    rooms = [path for room in DETERMINISTIC for path in sorted((PACKAGE / room).rglob("*.py"))]
    named = [PACKAGE / name for name in DETERMINISTIC_FILES]
    assert all(path.is_file() for path in named)
    return rooms + named


def spelled(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def clock_reads(tree: ast.AST) -> Iterator[str]:
    """Uses of a clock's function, called or not, and of an event loop's time."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in FUNCTIONS:
            name = ast.unparse(node)
            if name in CLOCKS or (node.attr == "time" and "loop" in name):
                yield f"line {node.lineno}: {name}"
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            taken = [alias.name for alias in node.names if f"time.{alias.name}" in CLOCKS]
            yield from (f"line {node.lineno}: from time import {name}" for name in taken)


def chances(tree: ast.AST) -> Iterator[str]:
    """Random numbers and names, the operating system's included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if alias.name.split(".")[0] in CHANCE]
            yield from (f"line {node.lineno}: import {name}" for name in names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in CHANCE:
            yield f"line {node.lineno}: from {node.module} import"
        elif (
            isinstance(node, ast.Attribute)
            and node.attr in ("urandom", "getrandom")
            and ast.unparse(node.value) == "os"
        ):
            yield f"line {node.lineno}: {ast.unparse(node)}"


def unseeded(tree: ast.AST) -> Iterator[str]:
    """`Random()` without a seed, and the module's own generator."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = called(node)
            if name in ("Random", "random.Random") and not node.args and not node.keywords:
                yield f"line {node.lineno}: {name}() without a seed"
            elif name.startswith("random.") and name != "random.Random":
                yield f"line {node.lineno}: {name}"
        elif isinstance(node, ast.ImportFrom) and node.module == "random":
            taken = [alias.name for alias in node.names if alias.name != "Random"]
            yield from (f"line {node.lineno}: from random import {name}" for name in taken)


def called(call: ast.Call) -> str:
    """`name` or `module.name`, and nothing for what has no such name."""
    match call.func:
        case ast.Name(name):
            return name
        case ast.Attribute(ast.Name(module), name):
            return f"{module}.{name}"
    return ""


def sets_gone_through(tree: ast.AST) -> Iterator[str]:
    """Loops and unpackings over what is plainly a set: a literal, a comprehension, a call, or a name that
    was given one. `sorted(...)` around it makes an order."""
    named = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and is_set(node.value, frozenset())
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        gone_through: list[ast.expr] = []
        if isinstance(node, ast.For | ast.comprehension):
            gone_through = [node.iter]
        elif isinstance(node, ast.Starred):
            gone_through = [node.value]
        elif isinstance(node, ast.Call) and called(node) in ("list", "tuple", "next", "iter"):
            gone_through = node.args[:1]
        for each in gone_through:
            if is_set(each, frozenset(named)):
                yield f"line {each.lineno}: {ast.unparse(each)}"


def is_set(node: ast.expr, named: frozenset[str]) -> bool:
    if isinstance(node, ast.Set | ast.SetComp):
        return True
    if isinstance(node, ast.Call):
        return called(node) in SETS
    return isinstance(node, ast.Name) and node.id in named


WORDS: dict[Rule, str] = {
    clock_reads: r"from time\b|(?s:loop.{0,99}\.time\b)|"
    + "|".join(map(re.escape, sorted(CLOCKS))),
    unseeded: "andom",
    chances: rf"{'|'.join(sorted(CHANCE))}|urandom|getrandom",
    sets_gone_through: r"set\(|[=(*]\s*\{|\bin\s*\{",
}
"""A text in which this is not found has nothing that the rule is for."""


def broken(path: Path, *rules: Rule) -> list[str]:
    """Where, as `place: what`."""
    text = path.read_text()
    asked = [rule for rule in rules if re.search(WORDS[rule], text)]
    if not asked:
        return []
    tree = ast.parse(text)
    return [f"{spelled(path)} {place}" for rule in asked for place in rule(tree)]


def test_only_the_clock_reads_a_clock() -> None:
    found = []
    for path in sources():
        has_its_own = path == CLOCK or {TESTKIT, BENCH} & {*path.parents}
        found += broken(path, unseeded, *([] if has_its_own else [clock_reads]))
    assert found == []


def test_what_a_replay_repeats_leaves_nothing_to_chance() -> None:
    paths = deterministic()
    assert [place for path in paths for place in broken(path, chances, sets_gone_through)] == []


SEEN = {
    clock_reads: [
        "import time\ntime.time_ns()",
        "def f(now=time.monotonic): ...",
        "from time import perf_counter",
        "datetime.now(UTC)",
        "asyncio.get_running_loop().time()",
        "loop.time()",
    ],
    chances: ["import uuid", "from random import Random", "os.urandom(2)", "import secrets"],
    unseeded: ["Random()", "random.choice([1])", "from random import choice"],
    sets_gone_through: [
        "for x in {1, 2}: ...",
        "[x for x in set(y)]",
        "s = {a for a in b}\nfor x in s: ...",
        "[*{1, 2}]",
        "list(frozenset(a))",
    ],
}
NOT_SEEN = {
    clock_reads: ["self._clock.monotonic()", "ComputerClock.wall()", "time.sleep(1)", "event.time"],
    chances: ["os.getpid()", "from tradectl.randomness import x"],
    unseeded: ["Random(7)", "self._random.random()", "Random(f'a {seed}')"],
    sets_gone_through: [
        "for x in sorted({1, 2}): ...",
        "x in {1, 2}",
        "len(set(a))",
        "for x in [1]: ...",
    ],
}


@each_row("rule", SEEN, ids=lambda rule: rule.__name__)
def test_the_rules_see_what_they_are_for_and_nothing_else(rule: object) -> None:
    assert callable(rule)
    for text in SEEN[rule]:
        assert list(rule(ast.parse(text))), text
        assert re.search(WORDS[rule], text), text
    for text in NOT_SEEN[rule]:
        assert not list(rule(ast.parse(text))), text
