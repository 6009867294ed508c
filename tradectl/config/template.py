"""The file to begin with: every key, its default and what it means, all commented out.

It is made from the settings themselves: keys, types and defaults from the Structs, and the words from
the docstrings beside them, so that it cannot fall behind. Lines that begin with `# ` are prose; a `#`
right before a key is to be removed.
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Iterator
from itertools import pairwise
from typing import Literal, get_args, get_origin

from msgspec import Struct

from tradectl.config.keys import is_struct, one_of, types_of
from tradectl.config.render import OFF, literal
from tradectl.config.settings import Settings
from tradectl.domain.instruments import BUILT_IN
from tradectl.exchange.exchange_settings import ExchangeSettings

WIDTH = 100
PREFACE = (
    "tradectl's configuration: every key with its default. To change one, remove the # right before "
    "it; `tradectl config check -c FILE` says whether all is well. Environment variables win over this "
    "file (TRADECTL__RISK__MAX_LEVERAGE=3), and flags over both. Secrets do not belong here."
)


def template() -> str:
    """TOML that loads as the defaults."""
    defaults = Settings()
    sections = [name for name, kind in types_of(Settings).items() if is_struct(kind)]
    lists: dict[str, Struct] = {
        "strategies": defaults.strategies[0],
        "instruments": BUILT_IN["BTCUSDT"],
        "exchanges": ExchangeSettings(id="binance"),
    }
    top = [name for name in types_of(Settings) if name not in sections and name not in lists]
    lines = [*_prose(PREFACE), "", *_keys(defaults, top)]
    for name in sections:
        section = getattr(defaults, name)
        lines += ["", f"[{name}]", *_prose(_about(type(section))), "", *_keys(section)]
    for name, example in lists.items():
        lines += ["", *_prose(_about(type(example))), "", f"#[[{name}]]", *_keys(example)]
    return "\n".join(lines) + "\n"


def _keys(values: Struct, names: list[str] | None = None) -> Iterator[str]:
    """The lines of the keys of `values`, of all of them if no `names` are given."""
    types, docs = types_of(type(values)), _docs(type(values))
    for name in types if names is None else names:
        yield from _prose(docs.get(name, ""))
        if get_origin(types[name]) is Literal:
            yield f"# {one_of(get_args(types[name]))}"
        yield f"#{name} = {literal(getattr(values, name))}"


def _prose(text: str) -> list[str]:
    lines: list[str] = []
    for paragraph in text.replace("`None`", f'"{OFF}"').split("\n\n"):
        lines += textwrap.wrap(" ".join(paragraph.split()), WIDTH - 2, break_on_hyphens=False)
    return [f"# {line}" for line in lines]


def _about(struct: type[Struct]) -> str:
    """What the Struct's docstring says; a module with only one class says it better in its own."""
    module = _module(struct)
    classes = [node for node in module.body if isinstance(node, ast.ClassDef)]
    return ast.get_docstring(module if len(classes) == 1 else _class(struct)) or ""


def _docs(struct: type[Struct]) -> dict[str, str]:
    """The texts that follow the fields of `struct`, by field."""
    found: dict[str, str] = {}
    body = _class(struct).body
    for field, after in pairwise(body):
        match field, after:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                found[name] = text
    return found


def _class(struct: type[Struct]) -> ast.ClassDef:
    return next(
        node
        for node in _module(struct).body
        if isinstance(node, ast.ClassDef) and node.name == struct.__name__
    )


def _module(struct: type[Struct]) -> ast.Module:
    return ast.parse(inspect.getsource(sys.modules[struct.__module__]))
