"""Which modules a text imports, wherever it does so, without it being run: its functions' too.

What cannot run in a module that is imported is passed over, because loading it would: what is below
`if __name__ == "__main__":` is for the text's own start, what is below `if TYPE_CHECKING:` for a type
checker alone.
"""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Iterator


def names_in(package: str, text: bytes) -> Iterator[str]:
    """All that may be modules among what the text of a module in `package` imports."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):  # which its loading tells of
        return
    for node in _run(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (package or not node.level):
            above = package.split(".")[: 1 - node.level or None] if node.level else []
            name = ".".join([*above, *([node.module] if node.module else [])])
            yield name
            yield from (f"{name}.{alias.name}" for alias in node.names)


def _run(tree: ast.AST) -> Iterator[ast.AST]:
    """What may run once the module is imported."""
    left = deque([tree])
    while left:
        node = left.popleft()
        yield node
        if isinstance(node, ast.If) and (holds := _holds(node.test)) is not None:
            left.extend(node.body if holds else node.orelse)
        else:
            left.extend(ast.iter_child_nodes(node))


def _holds(test: ast.expr) -> bool | None:
    """Whether a condition is true in a module that is imported; None where only running it tells."""
    match test:
        case ast.Constant(value):
            return bool(value)
        case ast.Name("TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"):
            return False
        case ast.UnaryOp(ast.Not(), operand):
            holds = _holds(operand)
            return None if holds is None else not holds
        case ast.BoolOp(operator, values):
            decides = isinstance(operator, ast.Or)
            parts = [_holds(value) for value in values]
            return decides if decides in parts else None if None in parts else not decides
        case ast.Compare(left, [ast.Eq() | ast.NotEq() as sign], [right]):
            if {ast.unparse(left), ast.unparse(right)} == {"__name__", "'__main__'"}:
                return isinstance(sign, ast.NotEq)
    return None


__all__ = ["names_in"]
