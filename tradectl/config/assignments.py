"""Settings on the command line: `--set risk.max_leverage=2`, `--set strategy.timeframe=1h`.

A key is spelled as in the file, a value as in TOML; what is no TOML is a plain word, so that a shell
needs no second pair of quotes. `strategy.KEY` is of every strategy that is run, `strategies.NAME.KEY` of
one of them; KEY is what stands in its table, or one of its parameters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple, get_origin

import msgspec

from tradectl.config.file import parse
from tradectl.config.model import read_layer
from tradectl.config.places import hint, is_key, is_secret, is_section, known_keys
from tradectl.domain.errors import ConfigError, UsageError
from tradectl.domain.setting import expected, fields_of, is_struct
from tradectl.domain.text import harmless
from tradectl.strategy.catalog import find
from tradectl.strategy.configured import DEFAULT_STRATEGY, StrategyInstance
from tradectl.strategy.own_process import while_loading
from tradectl.strategy.parameters import KINDS

Tree = dict[str, Any]

EACH, ONE_OF = "strategy.", "strategies."
LONGEST_SHOWN = 60
_QUOTED = frozenset("\"'[]{}")
_OF_A_STRATEGY = fields_of(StrategyInstance)
_TABLES = {
    name: fields_of(field.kind) for name, field in _OF_A_STRATEGY.items() if is_struct(field.kind)
}
"""Those in its own, by name."""
_ADMITTED: dict[type, Any] = {bool: bool, int: int, float: int | Decimal, str: str}
"""What TOML has for each type of parameter."""


class Assignment(NamedTuple):
    key: str
    text: str

    @property
    def of_a_strategy(self) -> bool:
        return self.key.startswith((EACH, ONE_OF))

    def refused(self, why: str) -> ConfigError:
        return ConfigError(f"--set {harmless(self.key, LONGEST_SHOWN)}: {why}")


def parsed(texts: Iterable[str]) -> list[Assignment]:
    """Raises ConfigError for what is no KEY=VALUE, for a secret, and for a key that is given twice."""
    found: dict[str, Assignment] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        one = Assignment(key.strip(), value.strip())
        if not equals or not one.key:
            shown = harmless(text, LONGEST_SHOWN)
            raise ConfigError(f"--set {shown}: expected KEY=VALUE, such as risk.max_leverage=2")
        if is_secret(one.key.rpartition(".")[2]):
            raise one.refused("secrets come from the environment only")
        if one.key in found:
            raise one.refused("given twice: leave one out")
        found[one.key] = one
    return list(found.values())


def with_assigned(flags: Tree, assignments: Iterable[Assignment]) -> Tree:
    """`flags` with those that are of no strategy. Raises ConfigError where a flag says it, too."""
    tree = dict(flags)
    for one in assignments:
        if not is_key(tuple(one.key.split("."))):
            continue
        section, _, name = one.key.rpartition(".")
        value = _value(one.text, known_keys()[one.key].kind)
        if section:
            tree[section] = {**tree.get(section, {}), name: value}
        elif name in tree:
            raise one.refused("given by an option of its own, too: leave one out")
        else:
            tree[name] = value
    return tree


def assign_to_strategies(tree: Tree, assignments: Iterable[Assignment]) -> Tree:
    """`tree`, all layers together, with those that are of its strategies. Raises ConfigError for a key
    that is of none, and of nothing else either."""
    rest = [one for one in assignments if not is_key(tuple(one.key.split(".")))]
    if not rest:
        return tree
    plain = msgspec.to_builtins(DEFAULT_STRATEGY, builtin_types=(Decimal,))
    strategies = [dict(each) for each in tree.get("strategies") or [plain]]
    # which strategy it is comes first: it has the other settings
    for one in sorted(rest, key=lambda one: not one.key.endswith(".strategy")):
        _assign(one, strategies)
    return {**tree, "strategies": tuple(strategies)}


def _assign(one: Assignment, strategies: list[Tree]) -> None:
    key, chosen = _reach(one, strategies)
    name = key.removeprefix("parameters.")
    if name == key and name in _OF_A_STRATEGY and name != "parameters":
        value = _value(one.text, _OF_A_STRATEGY[name].kind)
        typed = _typed(one, {name: value})
        for i in chosen:
            strategies[i] |= typed
        return
    table, _, inner = name.partition(".")
    if inner and name == key and table in _TABLES:
        _assign_in(table, inner, one, [strategies[i] for i in chosen])
        return
    kinds = {i: _parameters(strategies[i]) for i in chosen}
    having = [i for i in chosen if name in kinds[i]]
    if not having:
        tables = [f"{table}.{each}" for table, inner in _TABLES.items() for each in inner]
        fields = [f for f in _OF_A_STRATEGY if f != "parameters" and f not in _TABLES] + tables
        known = sorted({*fields, *(name for i in chosen for name in kinds[i])})
        raise one.refused(f"unknown key; {_nearest(one.key.removesuffix(key), name, known)}")
    for i in having:
        kind = kinds[i][name]
        value = _value(one.text, kind)
        is_bool = isinstance(value, bool)
        if is_bool != (kind is bool) or not isinstance(value, _ADMITTED[kind]):
            raise one.refused(f"expected {expected(kind)}, got {harmless(one.text, LONGEST_SHOWN)}")
        own = _typed(one, {"parameters": {name: value}})["parameters"]
        strategies[i]["parameters"] = {**strategies[i].get("parameters", {}), **own}


def _assign_in(table: str, name: str, one: Assignment, chosen: list[Tree]) -> None:
    """A key of a strategy's `table`."""
    fields = _TABLES[table]
    if name not in fields:
        raise one.refused(f"unknown key; {_nearest(one.key.removesuffix(name), name, [*fields])}")
    typed = _typed(one, {table: {name: _value(one.text, fields[name].kind)}})[table]
    for strategy in chosen:
        strategy[table] = {**strategy.get(table, {}), **typed}


def _reach(one: Assignment, strategies: list[Tree]) -> tuple[str, list[int]]:
    """What is set, and of which strategies."""
    if one.key.startswith(EACH):
        return one.key.removeprefix(EACH), [*range(len(strategies))]
    for i, each in enumerate(strategies):
        prefix = f"{ONE_OF}{each['name']}."
        if one.key.startswith(prefix):
            return one.key.removeprefix(prefix), [i]
    if one.key.startswith(ONE_OF):
        names = ", ".join(f"{ONE_OF}{each['name']}" for each in strategies)
        raise one.refused(f"no such strategy; expected a key of {harmless(names)}")
    if "[" in one.key:
        raise one.refused(
            f"what stands in a list is set in the file; of a strategy by {EACH}KEY or {ONE_OF}NAME.KEY"
        )
    place = tuple(one.key.split("."))
    if is_section(place):
        raise one.refused(f"a section; {hint((*place, ''))}")
    if len(place) == 1 and any(one.key in _parameters(each) for each in strategies):
        raise one.refused(f"unknown key; did you mean {EACH}{one.key}?")
    raise one.refused(f"unknown key; {hint(place)}")


def _parameters(strategy: Mapping[str, Any]) -> dict[str, type]:
    """The types of its parameters; none where it cannot be loaded, which is said when it is made."""
    try:
        with while_loading():
            parameters = find(strategy["strategy"]).parameters()
    except UsageError:
        return {}
    return {name: KINDS[parameter.type] for name, parameter in parameters.items()}


def _nearest(prefix: str, name: str, known: list[str]) -> str:
    import difflib  # only on the way to an error message

    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"did you mean {prefix}{near[0]}?"
    return f"expected one of {', '.join(prefix + each for each in known)}"


def _typed(one: Assignment, own: Tree) -> Tree:
    """`own` in the types of a strategy's table."""
    named = {"name": "-", "strategy": "-", **own}
    try:
        (read,) = read_layer({"strategies": [named]}, "")["strategies"]
    except ConfigError as error:
        raise one.refused(str(error).partition("]")[2].partition(": ")[2]) from error
    return {key: read[key] for key in own}


def _value(text: str, kind: Any) -> Any:
    """`text` as TOML has it, or as it is: where a text is wanted, and where it is no TOML."""
    try:
        table = parse(f"x = {text}", "")
    except ConfigError:
        table = {}
    value = table.get("x")
    is_plain = isinstance(value, bool | int | Decimal | str | list | dict)
    if len(table) != 1 or not is_plain or (kind is str and not isinstance(value, str)):
        value = text
    if get_origin(kind) is tuple and isinstance(value, str):
        is_bracketed = value.startswith("[") and value.endswith("]")
        words = value[1:-1] if is_bracketed else value
        if words and not _QUOTED & {*words}:
            return [word.strip() for word in words.split(",")]
    return value


__all__ = ["Assignment", "assign_to_strategies", "parsed", "with_assigned"]
