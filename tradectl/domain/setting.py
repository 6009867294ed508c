"""What a setting means and what it may be, said once: beside the field that holds its value.

    Count = Annotated[int, Bounds(ge=0)]

    max_restarts: Annotated[Count, "restarts of one component before it is given up"] = 5

Made of this are the models that read files and variables, the template that explains every key, and the
check of each value, whoever gave it; all of them say in the same words what is expected.

Modules of settings do without `from __future__ import annotations`: it would make texts of the types of
fields and of what is said of them, to be compiled with every start.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from enum import Enum
from functools import cache
from math import isfinite
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Literal, TypeGuard, Union, get_args, get_origin

import msgspec
from msgspec import Struct

from tradectl.domain.errors import ConfigError
from tradectl.domain.money import is_sane

Number = int | float | Decimal


class Bounds(Struct, frozen=True):
    """From `ge` or above `gt`, to `le` or below `lt`; `off` is a number beside these that means: off."""

    ge: Number | None = None
    gt: Number | None = None
    le: Number | None = None
    lt: Number | None = None
    off: Number | None = None

    def admit(self, value: Number) -> bool:
        return value == self.off or (
            (self.ge is None or value >= self.ge)
            and (self.gt is None or value > self.gt)
            and (self.le is None or value <= self.le)
            and (self.lt is None or value < self.lt)
        )

    def described(self, highest: str = "") -> str:
        """Such as `from 0 to below 1` or `above 0`; `highest` is said where nothing bounds above."""
        low = f"from {self.ge}" if self.ge is not None else ""
        low = f"above {self.gt}" if self.gt is not None else low
        high = f"{self.le}" if self.le is not None else highest
        high = f"below {self.lt}" if self.lt is not None else high
        up = " up" if self.ge is not None else ""
        words = f"{low} to {high}" if low and high else f"{low}{up}" if low else high
        return words if self.off is None else f"{words}, or {self.off} for off"


UNBOUNDED = Bounds()

Looser = Literal["", "higher", "lower", "either"]


class Reload(Struct, frozen=True):
    """Whether a setting can be changed while a run trades, and which way makes a limit `looser`: then it
    needs a confirmation. "none" is the loosest of all. `refused` is why it cannot be changed."""

    looser: Looser = ""
    refused: str = ""


HOT = Reload()
"""It can be changed, and holds nothing back."""
HIGHER_IS_LOOSER, LOWER_IS_LOOSER = Reload("higher"), Reload("lower")
EITHER_MAY_LOOSEN = Reload("either")
"""Nobody can tell by the value alone."""

Share = Annotated[Decimal, Bounds(ge=0, le=1)]
Percent = Annotated[Decimal, Bounds(ge=0, le=100)]
Limit = Annotated[Decimal | None, Bounds(gt=0)]


class Field(Struct, frozen=True):
    """One field of a section: its type without annotations, what is said of it, whether a value may
    stand there, and whether it may change while a run trades (None: its section says)."""

    kind: Any
    bounds: Bounds
    help: str
    required: bool
    admits: Callable[[Any], bool]
    reload: Reload | None


class Section(Struct, frozen=True, forbid_unknown_fields=True):
    """One `[section]` of settings. Raises ConfigError when it is made with an impossible value."""

    section: ClassVar[str] = ""
    reload: ClassVar[Reload | None] = None
    """of its fields that do not say it themselves"""
    addresses: ClassVar[tuple[str, ...]] = ()
    """its fields that are shown without what could be used"""

    def __post_init__(self) -> None:
        check_values(self, self.section)


@cache
def fields_of(struct: type[Struct]) -> dict[str, Field]:
    """The fields of `struct` by name, in order."""
    return {field.name: _field(field) for field in msgspec.structs.fields(struct)}


def check_values(settings: Struct, place: str) -> None:
    """Raises ConfigError for the first value that cannot be; its key stands below `place`."""
    for name, field in fields_of(type(settings)).items():
        value = getattr(settings, name)
        if not field.admits(value):
            key = f"{place}.{name}".removeprefix(".")
            exact = "a Decimal, " if _lacks_exactness(field.kind, value) else ""
            shown = str(value) if isinstance(value, Decimal) else repr(value)
            raise ConfigError(
                f"{key}: expected {exact}{expected(field.kind, field.bounds)}, got {shown:.60}"
            )


def expected(kind: Any, bounds: Bounds = UNBOUNDED) -> str:
    """What a value of type `kind` within `bounds` is called, for `expected ...`."""
    if is_union(kind):
        words = [expected(option, bounds) for option in get_args(kind) if option is not NoneType]
        off = ', or "none" for off' if NoneType in get_args(kind) else ""
        return " or ".join(dict.fromkeys(words)) + off
    if choices := choices_of(kind):
        return one_of(choices)
    if get_origin(kind) is tuple:
        item = expected(get_args(kind)[0])
        return f"a list, each {item}" if choices_of(get_args(kind)[0]) else f"a list of {item[2:]}s"
    if is_struct(kind) or get_origin(kind) is dict:
        return "a table"
    return f"{_NAMES[kind]} {bounds.described('below 1e15' if kind is Decimal else '')}".rstrip()


def choices_of(kind: Any) -> tuple[str, ...]:
    """The words that a value of type `kind` is one of; empty if any will do."""
    if get_origin(kind) is Literal:
        return get_args(kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return tuple(member.value for member in kind)
    return ()


def one_of(choices: Iterable[str]) -> str:
    return "one of " + ", ".join(f'"{choice}"' for choice in choices)


def is_struct(kind: Any) -> TypeGuard[type[Struct]]:
    return isinstance(kind, type) and issubclass(kind, Struct)


def is_union(kind: Any) -> bool:
    return get_origin(kind) in (Union, UnionType)


def _field(field: msgspec.structs.FieldInfo) -> Field:
    kind, *said = get_args(field.type) if get_origin(field.type) is Annotated else [field.type]
    bounds = next((word for word in said if isinstance(word, Bounds)), UNBOUNDED)
    words = next((word for word in said if isinstance(word, str)), "")
    reload = next((word for word in said if isinstance(word, Reload)), None)
    return Field(kind, bounds, words, field.required, _test_of(kind, bounds), reload)


def _test_of(kind: Any, bounds: Bounds) -> Callable[[Any], bool]:
    """Whether a value is of type `kind` and within `bounds`: asked of every setting of every run that is
    read, so that its type is looked into once."""
    if is_union(kind):
        tests = [_test_of(option, bounds) for option in get_args(kind)]
        return lambda value: any(test(value) for test in tests)
    if kind is Decimal:
        return lambda value: isinstance(value, Decimal) and is_sane(value) and bounds.admit(value)
    if kind is int:
        return lambda value: _is_whole(value) and bounds.admit(value)
    if kind is float:
        return lambda value: (_is_whole(value) or _is_real(value)) and bounds.admit(value)
    if get_origin(kind) is Literal:
        words = get_args(kind)
        return lambda value: value in words
    if get_origin(kind) is tuple:
        inner = _test_of(get_args(kind)[0], bounds)
        return lambda value: isinstance(value, tuple) and all(map(inner, value))
    plain = get_origin(kind) or kind
    return lambda value: isinstance(value, plain)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_real(value: object) -> bool:
    return isinstance(value, float) and isfinite(value)


def _lacks_exactness(kind: Any, value: object) -> bool:
    """A number in code that is not of the Decimals that money is kept in."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and (kind is Decimal or Decimal in get_args(kind))


_NAMES: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    Decimal: "a number",
    str: "a text",
}
