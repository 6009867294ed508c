"""Who may make what, held over the source: risk alone approves, and system events have kinds."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import tradectl

ROOT = Path(tradectl.__file__).parent


def functions() -> Iterator[tuple[str, ast.AST]]:
    """Every function of the package, and every module for what stands outside of one."""
    for path in sorted(ROOT.rglob("*.py")):
        place = path.relative_to(ROOT).as_posix()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef):
                yield place, node


def calls(name: str) -> Iterator[tuple[str, ast.AST, ast.Call]]:
    """(file, innermost function, call) of everything that is made by `name`."""
    seen: dict[tuple[int, str], tuple[str, ast.AST, ast.Call]] = {}
    for place, function in functions():
        for node in ast.walk(function):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == name
            ):
                seen[node.lineno, place] = (place, function, node)
    yield from seen.values()


def test_nobody_but_risk_approves_an_order() -> None:
    assert {place for place, _, _ in calls("ApprovedOrder")} == {"risk/engine.py"}


def test_an_order_is_submitted_by_nobody_but_execution() -> None:
    assert {place for place, _, _ in calls("SubmitOrder")} == {"execution/engine.py"}


def test_tradectl_says_nothing_of_the_machine_that_has_no_kind() -> None:
    found = [*calls("SystemEvent")]
    assert len(found) >= 10
    for place, function, call in found:
        (kind,) = (keyword.value for keyword in call.keywords if keyword.arg == "kind")
        assert _is_a_kind(kind, function), f"{place}:{call.lineno}"


def _is_a_kind(value: ast.expr, function: ast.AST) -> bool:
    if isinstance(value, ast.Attribute):
        return ast.unparse(value).startswith("SystemEventKind.")
    assert isinstance(function, ast.FunctionDef)
    arguments = [*function.args.args, *function.args.kwonlyargs]
    kinds = {
        a.arg for a in arguments if a.annotation and ast.unparse(a.annotation) == "SystemEventKind"
    }
    return isinstance(value, ast.Name) and value.id in kinds


READS = {"read_text", "read_bytes", "write_text", "write_bytes"}
OPENS = {"open", "os.open", "io.open", "gzip.open", "tempfile.mkstemp"}
MODE = re.compile("[rwaxbt+]+")
ELSEWHERE = {
    ("cli/app.py", "os.open"): "the null device",
    ("operations/new_strategy.py", "os.open"): "a new name, in a folder that the user named",
    ("report/page.py", "files(__package__).joinpath(name).read_text"): "a part of the program",
}


def test_no_file_is_opened_but_in_the_room_that_judges_it() -> None:
    """Where a file is opened by its name, another may be in its place: a link, a pipe, a stranger's."""
    found = {
        (place, ast.unparse(node.func))
        for place, function in functions()
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and not place.startswith("files/") and _opens(node)
    }
    assert found == set(ELSEWHERE)


def _opens(call: ast.Call) -> bool:
    if ast.unparse(call.func) in OPENS:
        return True
    if not isinstance(call.func, ast.Attribute):
        return False
    words = [a.value for a in call.args if isinstance(a, ast.Constant)]
    has_mode = any(isinstance(word, str) and MODE.fullmatch(word) for word in words)
    return call.func.attr in READS or (call.func.attr == "open" and has_mode)
