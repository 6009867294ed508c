"""A strategy's parameters: typed, with ranges, and refused where they are not within them.

    fast: int = 10                                   # any whole number
    slow: int = param(30, 2, 500, "bars in the slow average")
    side: str = param("both", choices=("both", "long"))

What a class declares is collected once, as the class is made; each object is then built with values that
were checked. On the class itself stands the default, a plain value.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

from tradectl.domain.errors import UsageError
from tradectl.domain.text import harmless, suggest

Value = bool | int | float | str
Named = Literal["", "symbol", "perpetual"]

OF_ALL = ("timeframe", "every")
"""What the base of all strategies has of its own and lets a strategy set."""
KINDS: dict[str, type] = {"bool": bool, "int": int, "float": float, "str": str}
_SPELLED = {"bool": "true or false", "int": "a whole number", "float": "a number", "str": "a text"}


class Parameter(NamedTuple):
    """A parameter's type (`bool`, `int`, `float` or `str`), its default, the range it may be in (both
    ends included) or the values it may have, what it is, in words, and whether it names a symbol."""

    type: str
    default: Value
    low: int | float | None = None
    high: int | float | None = None
    choices: tuple[Value, ...] = ()
    meaning: str = ""
    names: Named = ""

    @property
    def range(self) -> str:
        """`from 2 to 500`, `one of both, long`; empty where anything of its type will do."""
        if self.choices:
            return f"one of {', '.join(map(str, self.choices))}"
        if self.low is not None and self.high is not None:
            return f"from {_number(self.low)} to {_number(self.high)}"
        if self.low is not None:
            return f"{_number(self.low)} or more"
        return f"{_number(self.high)} at most" if self.high is not None else ""

    @property
    def expected(self) -> str:
        """`a whole number from 2 to 500`."""
        if self.choices:
            return self.range
        return f"{_SPELLED[self.type]} {self.range}".rstrip()


def _number(end: float) -> str:
    return f"{end:,}" if isinstance(end, int) else f"{end:g}"


class Declared(NamedTuple):
    """What `param` leaves in a class until it is collected."""

    default: Value
    low: int | float | None
    high: int | float | None
    choices: tuple[Value, ...]
    meaning: str
    names: Named


def param(
    default: Value,
    low: float | None = None,
    high: float | None = None,
    meaning: str = "",
    *,
    choices: Iterable[Value] = (),
    names: Named = "",
) -> Any:
    """A parameter with its default, its range (both ends included; None for no end) or the values that
    it may have, and what it means. To be annotated: `fast: int = param(12, 2, 200)`. One that `names` a
    "symbol" is refused as a run begins where the symbol is not traded, a "perpetual" where it is none."""
    return Declared(default, low, high, tuple(choices), meaning, names)


def collect(cls: type, root: type, extra: Mapping[str, str]) -> dict[str, Parameter]:
    """The parameters of `cls`, its bases' first, those of `root` (a name and a type each) that are
    `extra` before all. Raises UsageError for one that cannot be."""
    kinds: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if base is root:
            kinds |= extra
            continue
        for name, annotation in inspect.get_annotations(base).items():
            kind = _spelled(annotation)
            if "ClassVar" in kind.partition("[")[0]:
                kinds.pop(name, None)
            elif not name.startswith("_"):
                kinds[name] = kind
    return {
        name: _collected(cls, root, name, kind)
        for name, kind in kinds.items()
        if hasattr(cls, name)
    }


def _collected(cls: type, root: type, name: str, kind: str) -> Parameter:
    where, value = f"{cls.__name__}.{name}", getattr(cls, name)
    if name in vars(root) and name not in OF_ALL:
        raise UsageError(
            f"{where}: a parameter of this name hides {root.__name__}.{name}: rename it"
        )
    if kind not in KINDS:
        raise UsageError(
            f"{where}: a parameter is a bool, int, float or str, not {kind}: "
            "begin the name with _ or annotate it as ClassVar if it is none"
        )
    if isinstance(value, Declared):
        found = Parameter(kind, *value)
        _check_range(where, found)
    else:  # a plain value, or a new default for what a base has declared
        known = _of_base(cls, name)
        found = (
            known._replace(default=value)
            if known and known.type == kind
            else Parameter(kind, value)
        )
    found = found._replace(default=checked(where, found, found.default))
    setattr(cls, name, found.default)
    return found


def _of_base(cls: type, name: str) -> Parameter | None:
    for base in cls.__mro__[1:]:
        known: dict[str, Parameter] = vars(base).get("_parameters", {})
        if name in known:
            return known[name]
    return None


def _check_range(where: str, found: Parameter) -> None:
    """The range itself makes sense."""
    ends = [end for end in (found.low, found.high) if end is not None]
    if ends and (found.type not in ("int", "float") or found.choices):
        raise UsageError(f"{where}: only a number without choices has a range: leave the ends out")
    if len(ends) == 2 and ends[0] > ends[1]:
        raise UsageError(f"{where}: its range goes {found.range}: put the lower end first")
    for choice in found.choices:
        checked(where, Parameter(found.type, choice), choice)


def _spelled(annotation: object) -> str:
    """An annotation is text already where its module postpones them; text is all that is needed."""
    if isinstance(annotation, str):
        return annotation
    return annotation.__name__ if isinstance(annotation, type) else repr(annotation)


def known_or_refused(owner: str, given: Iterable[str], known: Mapping[str, Parameter]) -> None:
    """Raises UsageError for a name that is no parameter."""
    for name in given:
        if name not in known:
            what = f"{owner} has no parameter {harmless(name, 40)!r}"
            raise UsageError(f"{what}: {suggest(name, known)}")


def checked(where: str, parameter: Parameter, value: object) -> Value:
    """`value`, of the parameter's type and within its range; whole numbers pass as floats, and nothing
    else as what it is not. Raises UsageError."""
    sane = _typed(parameter.type, value)
    if sane is None:
        expected = (
            "a finite float" if parameter.type == "float" else f"a value of type {parameter.type}"
        )
        raise UsageError(f"{where}: expected {expected}, got {harmless(repr(value), 40)}")
    too_low = parameter.low is not None and sane < parameter.low  # type: ignore[operator]  # a number
    too_high = parameter.high is not None and sane > parameter.high  # type: ignore[operator]  # too
    if too_low or too_high or (parameter.choices and sane not in parameter.choices):
        raise UsageError(
            f"{where}: expected {parameter.expected}, got {harmless(repr(value), 40)}: "
            f"set {where.rpartition('.')[2]} to that, or leave it out"
        )
    return sane


def _typed(kind: str, value: object) -> Value | None:
    if kind == "float" and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if abs(value) <= sys.float_info.max else None  # false for NaN, too
    if isinstance(value, bool | int | float | str) and type(value) is KINDS[kind]:
        return None if kind == "float" else value
    return None


__all__ = ["KINDS", "Parameter", "Value", "checked", "collect", "known_or_refused", "param"]
