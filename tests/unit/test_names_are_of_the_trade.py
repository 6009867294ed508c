"""What the trade has a word for is called by it: no module, class, function or method bears a word that
this code made up for it once."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import tradectl
from tests.fixtures.rows import each_row

PACKAGE = Path(tradectl.__file__).parent
TESTS = Path(__file__).parents[1]
IDENTIFIER = re.compile(r"\w+")
FILES = sorted([*PACKAGE.rglob("*.py"), *TESTS.rglob("*.py")])

WORDS = {
    "teller": "execution reporter",
    "courier": "order submitter",
    "lookout": "account monitor",
    "lookouts": "account monitors",
    "zombie": "reopened order",
    "zombies": "reopened orders",
    "stray": "orphan order",
    "strays": "orphan orders",
    "doubted": "unknown",
    "disowned": "not found",
    "tap": "websocket guard",
    "wish": "target signal",
    "wishes": "target signals",
    "seat": "symbol slot",
    "seats": "symbol slots",
    "player": "running strategy",
    "roster": "instances",
    "sieve": "tick filter",
    "collar": "price band",
    "flaw": "tick fault",
    "crossing": "fill model",
    "agenda": "scheduler",
    "nonsense": "invalid response",
    "suspect": "discrepancy",
    "suspects": "discrepancies",
    "desk": "tracker, harness or fixture",
    "house": "live harness",
    "witness": "invariant checker",
    "crowd": "market maker",
    "tape": "trades",
    "pump": "feed driver",
    "fuse": "kill after",
    "fuses": "kill after",
}
PRICE_COLLAR = "price_collar"
"""Of an order's limit; the trade's own word."""
PHRASES = {
    "what_if": "counterfactual",
    "why_not": "pre-send check",
    "may_go": "pre-send check",
    "last_look": "pre-send check",
    "look_in": "attach read-only",
    "stop_outs": "stop-loss state",
    "not_ours": "foreign market",
    "not_now": "not executed",
    "alert_book": "alert registry",
    "trade_line": "trade sequencer",
    "machine_room": "simulated operating system",
    "side_by_side": "comparison",
    "on_hold": "symbol restriction",
}


def names_in(path: Path) -> Iterator[tuple[int, str]]:
    """With their lines: of the module (line 0), classes, functions, methods, parameters, attributes. A
    text that has no such word at all, in prose or as a name, is not gone through."""
    yield 0, path.stem
    text = path.read_text()
    if not any(map(made_up, set(IDENTIFIER.findall(text)))):
        return
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                yield node.lineno, node.name
            case ast.arg():
                yield node.lineno, node.arg
            case ast.Attribute(ctx=ast.Store()):
                yield node.lineno, node.attr
            case ast.AnnAssign(target=ast.Name()) | ast.Assign(targets=[ast.Name()]):
                target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
                assert isinstance(target, ast.Name)
                yield node.lineno, target.id


def in_snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


@functools.cache
def made_up(name: str) -> str:
    """What it should say, or nothing. Tests are sentences, and a sentence may use any word."""
    snake = in_snake_case(name).strip("_").replace(PRICE_COLLAR, "")
    if snake.startswith("test_"):
        return ""
    found = [better for word, better in WORDS.items() if word in snake.split("_")]
    found += [better for phrase, better in PHRASES.items() if f"_{phrase}_" in f"_{snake}_"]
    return " / ".join(found)


@pytest.mark.parametrize("folder", [PACKAGE, TESTS], ids=["tradectl", "tests"])
def test_no_name_is_one_that_this_code_made_up(folder: Path) -> None:
    wrong = [
        f"{path.relative_to(folder.parent)}:{line}: {name}, say {better}"
        for path in FILES
        if path.is_relative_to(folder)
        for line, name in names_in(path)
        if (better := made_up(name))
    ]
    assert not wrong, "\n".join(wrong)


@each_row(
    ("name", "better"),
    [
        ("OrderDesk", "tracker, harness or fixture"),
        ("StopOuts", "stop-loss state"),
        ("_why_not", "pre-send check"),
        ("OrderTracker", ""),
        ("test_a_wish_is_no_order", ""),
        ("tapering", ""),
        ("PriceCollarCheck", ""),
    ],
)
def test_words_are_found_in_names(name: str, better: str) -> None:
    assert made_up(name) == better
