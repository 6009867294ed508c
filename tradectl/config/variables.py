"""Variables of the environment: a layer between the flags and the file.

A variable has no type, and spells its value as its key's type wants it. Only who has one waits for
pydantic-settings to be loaded: import this inside a function.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from pydantic import ValidationError, create_model
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from tradectl.config.file import refuse_secrets
from tradectl.config.model import Tree, readable_fields, set_in, worst
from tradectl.config.places import PREFIX, Place, hint, is_key, is_section, spelled, variable
from tradectl.config.settings import Settings
from tradectl.domain.errors import ConfigError


def merge_layers(flags: Tree, variables: Mapping[str, str], file: Tree) -> Tree:
    """All layers in one. Raises ConfigError for a variable that sets nothing, or badly."""
    for name in variables:
        place: Place = tuple(name.removeprefix(PREFIX).lower().split("__"))
        if not is_key(place) and not is_section(place):
            raise ConfigError(f"{name}: there is no key {spelled(place)!r}; {hint(place)}")
    try:
        tree = _layered(flags, variables, file)
    except ValidationError as error:
        place, message = worst(error)
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
        raise ConfigError(worst(error)[1]) from error
    for step in place:
        value = value[step]
    return value


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

    model = create_model("Settings", __base__=Layers, **readable_fields(Settings))
    return set_in(model(**flags))
