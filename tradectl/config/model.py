"""What people write, read by models that are made of the settings' own fields.

The file and the flags have types: there a number in quotes is a mistake. (A variable has none: see
`variables`.) What pydantic finds wrong is said in our words. Pydantic takes a third of a second to
import; import this inside a function.

The models judge names and types and nothing else: each Struct holds its values to their bounds whoever
makes it, and what goes together is the affair of `rules`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import cache, lru_cache, reduce
from operator import or_
from types import NoneType
from typing import Annotated, Any, Literal, TypeAlias, cast, get_args, get_origin

from msgspec import Struct
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationError,
    create_model,
)
from pydantic import Field as ModelField

from tradectl.config.file import refuse_secrets
from tradectl.config.places import (
    Place,
    hint,
    locate,
    spelled,
)
from tradectl.config.settings import Settings
from tradectl.domain.errors import ConfigError
from tradectl.domain.money import number
from tradectl.domain.setting import choices_of, expected, fields_of, is_struct, is_union

Tree = dict[str, Any]

INT64 = 2**63
"""TOML's integers, and the largest that a journal can keep."""
LONGEST_VALUE = 60
MODELS = 64
"""Readers that are kept: one for each table, list of tables, and the whole of a file."""

Shape: TypeAlias = "tuple[tuple[str, Shape], ...]"
"""Which fields are named, and in each the same of what is in it."""


def read_layer(tree: Mapping[str, Any], where: str) -> Tree:
    """`tree` in the settings' types. Raises ConfigError: an unknown key, a wrong type, a secret."""
    refuse_secrets(tree, where)
    if not tree:
        return {}
    try:
        return set_in(
            _reader(Settings, _named(Settings, [tree])).model_validate(dict(tree), strict=True)
        )
    except ValidationError as error:
        raise ConfigError(f"{where}: {worst(error)[1]}") from error


def merged(upper: Mapping[str, Any], lower: Mapping[str, Any]) -> Tree:
    """Two layers that were read, in one: of what is in both, the upper one's."""
    both = {**lower, **upper}
    for name in upper.keys() & lower.keys():
        if isinstance(upper[name], dict) and isinstance(lower[name], dict):
            both[name] = merged(upper[name], lower[name])
    return both


class Known(BaseModel):
    """What has no field is refused. A part is only built as part of the whole: twice as fast."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, defer_build=True)


def set_in(model: BaseModel) -> Tree:
    return model.model_dump(exclude_unset=True)


def _named(struct: type[Struct], tables: Iterable[Any]) -> Shape:
    """What these `tables` name, whatever stands there: what no one of them names costs no time."""
    told = [table for table in tables if isinstance(table, Mapping)]
    shape: list[tuple[str, Shape]] = []
    for name, field in fields_of(struct).items():
        values = [table[name] for table in told if name in table]
        if values or field.required:
            shape.append((name, _named_in(field.kind, values)))
    return tuple(shape)


def _named_in(kind: Any, values: list[Any]) -> Shape:
    if is_struct(kind):
        return _named(kind, values)
    if part := _struct_in(kind):
        tables = [each for value in values if isinstance(value, (list, tuple)) for each in value]
        return _named(part, tables)
    return ()


@lru_cache(maxsize=MODELS)
def _reader(struct: type[Struct], shape: Shape) -> type[Known]:
    """What reads tables of that shape. A file that is read again has most often the one that it had."""
    fields: dict[str, Any] = {}
    for name, within in shape:
        field = fields_of(struct)[name]
        kind = _reader_in(field.kind, within)
        fields[name] = kind, ... if field.required else None
    return create_model(struct.__name__, __base__=Known, **fields)


def _reader_in(kind: Any, within: Shape) -> Any:
    if is_struct(kind):
        return _reader(kind, within)
    if part := _struct_in(kind):
        return _listed(_reader(part, within))
    return _readable(kind)


def _struct_in(kind: Any) -> type[Struct] | None:
    """Of which `kind` is a list."""
    if get_origin(kind) is tuple and is_struct(get_args(kind)[0]):
        return cast("type[Struct]", get_args(kind)[0])
    return None


@cache
def _known(struct: type[Struct]) -> type[Known]:
    return create_model(struct.__name__, __base__=Known, **readable_fields(struct))


def readable_fields(struct: type[Struct]) -> dict[str, Any]:
    """Required keys are required; the others' defaults stay in the Struct, and are not repeated."""
    return {
        name: (_readable(field.kind), ... if field.required else None)
        for name, field in fields_of(struct).items()
    }


def _readable(kind: Any) -> Any:
    """`kind` with the notations that TOML and people have for it."""
    if is_struct(kind):
        return _known(kind)
    if is_union(kind):
        options = get_args(kind)
        either = reduce(or_, map(_readable, options))
        return Annotated[either, BeforeValidator(_none)] if NoneType in options else either
    if get_origin(kind) is tuple:
        return _listed(_readable(get_args(kind)[0]))
    if get_origin(kind) is dict:
        return dict[str, _readable(get_args(kind)[1])]  # type: ignore[misc]  # made at run time
    if choices := choices_of(kind):
        return Literal[choices]
    return _SCALARS.get(kind, kind)


def _listed(kind: Any) -> Any:
    return Annotated[tuple[kind, ...], BeforeValidator(_tuple)]


def _none(value: Any) -> Any:
    return None if value == "none" else value


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _exact(value: Any) -> Any:
    """Through its text, so that 0.1 is a tenth; booleans are left to be refused."""
    if isinstance(value, int | float | str | Decimal) and not isinstance(value, bool):
        return number(str(value))
    return value


def _inexact(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value


_SCALARS: dict[Any, Any] = {
    Decimal: Annotated[Decimal, BeforeValidator(_exact)],
    float: Annotated[float, BeforeValidator(_inexact)],
    int: Annotated[int, ModelField(ge=-INT64, lt=INT64)],
}


def worst(error: ValidationError) -> tuple[Place, str]:
    """The place of the error that is shown, and the message.

    An unknown key comes first: where it was meant for another, that one is missing, too.
    """
    errors = error.errors(include_url=False, include_context=False)
    found = min(errors, key=lambda e: e["type"] != "extra_forbidden")
    place: Place = found["loc"]
    if found["type"] == "extra_forbidden":
        return place, f"{spelled(place)}: unknown key; {hint(place)}"
    known, kind, bounds = locate(place)
    if found["type"] == "missing":
        return known, f"{spelled(known)}: missing; expected {expected(kind, bounds)}"
    return (
        known,
        f"{spelled(known)}: expected {expected(kind, bounds)}, got {_shown(found['input'])}",
    )


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, bool):
        return str(value).lower()
    return (repr(value) if isinstance(value, str) else str(value))[:LONGEST_VALUE]
