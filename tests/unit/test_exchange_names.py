"""Outside the room of tables nobody knows an exchange by its name: what differs is written down there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import ccxt

import tradectl

ROOT = Path(tradectl.__file__).parent
ROOM = ROOT / "exchange" / "ccxt_venue" / "tables"
TESTKIT = ROOT / "testkit"
"""It is one of them."""
EXAMPLES = {
    "config/template.py": "an example of a table that is commented out",
    "exchange/gate.py": "the gate that orders pass, and no exchange",
}
"""Where a name stands as an example, and why."""
MODULES = sorted(p for p in ROOT.rglob("*.py") if not {ROOM, TESTKIT} & {*p.parents})
NAMES = frozenset(ccxt.exchanges)
WORD = re.compile(r"[^\W_]+")


def names_in(tree: ast.Module) -> Iterator[str]:
    """Identifiers, and texts that are one word; prose (docstrings, help) tells of exchanges freely."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def known_in(path: Path) -> set[str]:
    """Of a text that names no exchange, in prose neither, nothing is gone through."""
    text = path.read_text()
    if NAMES.isdisjoint(map(str.lower, WORD.findall(text))):
        return set()
    return {word for word in names_in(ast.parse(text)) if word.lower() in NAMES}


def test_no_exchange_is_known_by_its_name() -> None:
    found = {
        name: known
        for path in MODULES
        if (name := str(path.relative_to(ROOT))) not in EXAMPLES and (known := known_in(path))
    }
    assert found == {}


def test_the_exceptions_are_still_needed() -> None:
    for name in EXAMPLES:
        assert (ROOT / name).exists()
