"""The settings' Structs as pydantic models, which read what people write.

The models are made from the Structs, field by field, so that no key is written down twice. They judge
names and types and nothing else: what a value may be is the Structs' own affair, and what goes
together that of `config_rules`. This is the only module that imports pydantic, which takes a third of
a second; import it inside a function.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from functools import reduce
from operator import or_
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
from msgspec import Struct
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from tradectl.config.keys import PREFIX, is_struct, is_union
from tradectl.config.settings import Settings
from tradectl.domain.money import number

Tree = dict[str, Any]

INT64 = 2**63
"""TOML's integers, and the largest that a journal can keep."""


class Known(BaseModel):
    """What has no field is refused. A part is only built as part of the whole: twice as fast."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, defer_build=True)


def typed(tree: Mapping[str, Any]) -> Tree:
    """`tree` in the settings' own types; a wrong type is refused, and so is a number in quotes.

    Raises pydantic.ValidationError, for unknown keys too.
    """
    if not tree:
        return {}
    return _set_in(_model_of(Settings, Known).model_validate(dict(tree), strict=True))


def layered(flags: Tree, environ: Mapping[str, str], table: Tree) -> Tree:
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

    return _set_in(_model_of(Settings, Layers)(**flags))


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


def _set_in(model: BaseModel) -> Tree:
    return model.model_dump(exclude_unset=True)


def _model_of(struct: type[Struct], base: type[BaseModel]) -> Any:
    """Required keys are required; the others' defaults stay in the Struct, and are not repeated."""
    fields: dict[str, Any] = {
        field.name: (_readable(field.type), ... if field.required else None)
        for field in msgspec.structs.fields(struct)
    }
    return create_model(struct.__name__, __base__=base, **fields)


def _readable(kind: Any) -> Any:
    """`kind` with the notations that TOML and people have for it."""
    if is_struct(kind):
        return _model_of(kind, Known)
    if is_union(kind):
        options = get_args(kind)
        either = reduce(or_, map(_readable, options))
        return Annotated[either, BeforeValidator(_none)] if NoneType in options else either
    if get_origin(kind) is tuple:
        return Annotated[tuple[_readable(get_args(kind)[0]), ...], BeforeValidator(_tuple)]  # type: ignore[misc]
    if get_origin(kind) is dict:
        return dict[str, _readable(get_args(kind)[1])]  # type: ignore[misc]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return Literal[tuple(member.value for member in kind)]
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
    int: Annotated[int, Field(ge=-INT64, lt=INT64)],
}
