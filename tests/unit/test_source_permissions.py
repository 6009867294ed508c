"""Who may make what, held over the source: risk alone approves, and system events have kinds."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import tradectl

ROOT = Path(tradectl.__file__).parent


def every_call(*words: str) -> Iterator[tuple[str, ast.AST, ast.Call]]:
    """(file, innermost function, call) of all that files call in which one of the words stands; the
    module for what stands outside of a function."""
    for path in sorted(ROOT.rglob("*.py")):
        text = path.read_text()
        if any(word in text for word in words):
            place = path.relative_to(ROOT).as_posix()
            for function, call in _calls_in(ast.parse(text)):
                yield place, function, call


def _calls_in(module: ast.Module) -> Iterator[tuple[ast.AST, ast.Call]]:
    within: list[tuple[ast.AST, ast.AST]] = [(module, module)]
    for node, function in within:
        if isinstance(node, ast.Call):
            yield function, node
        inner = node if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else function
        within += [(child, inner) for child in ast.iter_child_nodes(node)]


def calls(name: str) -> Iterator[tuple[str, ast.AST, ast.Call]]:
    """Of everything that is made by `name`."""
    for place, function, call in every_call(f"{name}("):
        if isinstance(call.func, ast.Name) and call.func.id == name:
            yield place, function, call


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
OF_THE_MOMENT = ("operations/bench/", "operations/drill/")
"""What these make is in a folder of their own, which nobody else may enter."""
ELSEWHERE = {
    ("cli/app.py", "os.open"): "the null device",
    ("operations/new_strategy.py", "os.open"): "a new name, in a folder that the user named",
    ("testkit/wire.py", "gzip.open"): "a recording that a developer names",
    ("notification/channels.py", "os.open"): "the terminal",
    (
        "exchange/ccxt_venue/described.py",
        "(folder / 'proofs.json').read_bytes",
    ): "a part of the program",
    ("web/server.py", "files(__package__).joinpath(name).read_text"): "a part of the program",
    ("report/page.py", "files(__package__).joinpath(name).read_text"): "a part of the program",
}


def test_no_file_is_opened_but_in_the_room_that_judges_it() -> None:
    """Where a file is opened by its name, another may be in its place: a link, a pipe, a stranger's."""
    found = {
        (place, ast.unparse(call.func))
        for place, _, call in every_call("open(", "mkstemp(", *READS)
        if not place.startswith(("files/", *OF_THE_MOMENT)) and _opens(call)
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
