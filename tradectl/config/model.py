"""What people write, read by models that are made of the settings' own fields.

The file and the flags have types: there a number in quotes is a mistake. A variable has none, and spells
its value as its key's type wants it. What pydantic finds wrong is said in our words. This is the only
module that imports pydantic, which takes a third of a second; import it inside a function.

The models judge names and types and nothing else: each Struct holds its values to their bounds whoever
makes it, and what goes together is the affair of `rules`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from functools import cache, reduce
from operator import or_
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from msgspec import Struct
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationError,
    create_model,
)
from pydantic import Field as ModelField
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from tradectl.config.file import refuse_secrets
from tradectl.config.places import (
    PREFIX,
    Place,
    hint,
    is_key,
    is_section,
    locate,
    spelled,
    variable,
)
from tradectl.config.settings import Settings
from tradectl.domain.errors import ConfigError
from tradectl.domain.money import number
from tradectl.domain.setting import choices_of, expected, fields_of, is_struct, is_union

Tree = dict[str, Any]

INT64 = 2**63
"""TOML's integers, and the largest that a journal can keep."""
LONGEST_VALUE = 60


def read_layer(tree: Mapping[str, Any], where: str) -> Tree:
    """`tree` in the settings' types. Raises ConfigError: an unknown key, a wrong type, a secret."""
    refuse_secrets(tree, where)
    if not tree:
        return {}
    try:
        return _set_in(_known(Settings).model_validate(dict(tree), strict=True))
    except ValidationError as error:
        raise ConfigError(f"{where}: {_worst(error)[1]}") from error


def merge_layers(flags: Tree, variables: Mapping[str, str], file: Tree) -> Tree:
    """All layers in one. Raises ConfigError for a variable that sets nothing, or badly."""
    for name in variables:
        place: Place = tuple(name.removeprefix(PREFIX).lower().split("__"))
        if not is_key(place) and not is_section(place):
            raise ConfigError(f"{name}: there is no key {spelled(place)!r}; {hint(place)}")
    try:
        tree = _layered(flags, variables, file)
    except ValidationError as error:
        place, message = _worst(error)
        names = (variable(place[:depth]) for depth in range(len(place), 0, -1))
        where = next((name for name in names if name in variables), "environment")
        raise ConfigError(f"{where}: {message}") from error
    refuse_secrets(tree, "environment")
    return tree


def value_of(key: str, text: str) -> Any:
    """What `text` spells for `key`, as in a variable. Raises ConfigError."""
    place: Place = tuple(key.split("."))
    if is_section(place):
        raise ConfigError(f"{key}: a section; {hint((*place, ''))}")
    if not is_key(place):
        raise ConfigError(f"{key}: unknown key; {hint(place)}")
    try:
        value: Any = _layered({}, {variable(place): text}, {})
    except ValidationError as error:
        raise ConfigError(_worst(error)[1]) from error
    for step in place:
        value = value[step]
    return value


class Known(BaseModel):
    """What has no field is refused. A part is only built as part of the whole: twice as fast."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, defer_build=True)


class Environment(EnvSettingsSource):
    """Variables given by hand; lists are JSON, or plain words with commas between them."""

    def __init__(self, settings_cls: type[BaseSettings], environ: Mapping[str, str]) -> None:
        super().__init__(settings_cls)
        self.env_vars = {name.lower(): text for name, text in environ.items()}

    def decode_complex_value(self, field_name: str, field: FieldInfo | None, value: Any) -> Any:
        try:
            return json.loads(value, parse_float=Decimal)
        except (ValueError, ArithmeticError, RecursionError):
            if value.lstrip().startswith(("[", "{")):
                return value
            return [word.strip() for word in value.split(",")]


def _layered(flags: Tree, environ: Mapping[str, str], table: Tree) -> Tree:
    """What is set in one of the layers, the first that has it; variables spell their values.

    Raises pydantic.ValidationError for a variable that does not spell its key's type.
    """

    class Layers(BaseSettings):
        model_config = SettingsConfigDict(
            extra="forbid",
            allow_inf_nan=False,
            validate_default=False,
            env_prefix=PREFIX,
            env_nested_delimiter="__",
        )

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            *_unused: PydanticBaseSettingsSource,
            **_also_unused: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            file = InitSettingsSource(settings_cls, table)
            return init_settings, Environment(settings_cls, environ), file

    model = create_model("Settings", __base__=Layers, **_readable_fields(Settings))
    return _set_in(model(**flags))


def _set_in(model: BaseModel) -> Tree:
    return model.model_dump(exclude_unset=True)


@cache
def _known(struct: type[Struct]) -> type[Known]:
    return create_model(struct.__name__, __base__=Known, **_readable_fields(struct))


def _readable_fields(struct: type[Struct]) -> dict[str, Any]:
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
        return Annotated[tuple[_readable(get_args(kind)[0]), ...], BeforeValidator(_tuple)]  # type: ignore[misc]  # made at run time
    if get_origin(kind) is dict:
        return dict[str, _readable(get_args(kind)[1])]  # type: ignore[misc]  # made at run time
    if choices := choices_of(kind):
        return Literal[choices]
    return _SCALARS.get(kind, kind)


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


def _worst(error: ValidationError) -> tuple[Place, str]:
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
