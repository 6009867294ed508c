"""The layers of a configuration, each judged in its own words.

The file and the flags have types: there a number in quotes is a mistake. A variable has none, and
spells its value as its key's type wants it. What pydantic finds wrong is told in our words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from tradectl.config.file import refuse_secrets
from tradectl.config.keys import (
    PREFIX,
    Place,
    expected,
    hint,
    is_key,
    is_section,
    locate,
    spelled,
    variable,
)
from tradectl.config.model import layered, typed
from tradectl.domain.errors import ConfigError

LONGEST_VALUE = 60


def judged(tree: Mapping[str, Any], where: str) -> dict[str, Any]:
    """`tree` in the settings' types. Raises ConfigError: an unknown key, a wrong type, a secret."""
    refuse_secrets(tree, where)
    try:
        return typed(tree)
    except ValidationError as error:
        raise ConfigError(f"{where}: {_worst(error)[1]}") from error


def joined(
    flags: dict[str, Any], variables: Mapping[str, str], file: dict[str, Any]
) -> dict[str, Any]:
    """All layers in one. Raises ConfigError for a variable that sets nothing, or badly."""
    for name in variables:
        place: Place = tuple(name.removeprefix(PREFIX).lower().split("__"))
        if not is_key(place) and not is_section(place):
            raise ConfigError(f"{name}: there is no key {spelled(place)!r}; {hint(place)}")
    try:
        tree = layered(flags, variables, file)
    except ValidationError as error:
        place, told = _worst(error)
        names = (variable(place[:depth]) for depth in range(len(place), 0, -1))
        where = next((name for name in names if name in variables), "environment")
        raise ConfigError(f"{where}: {told}") from error
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
        value: Any = layered({}, {variable(place): text}, {})
    except ValidationError as error:
        raise ConfigError(_worst(error)[1]) from error
    for step in place:
        value = value[step]
    return value


def _worst(error: ValidationError) -> tuple[Place, str]:
    """The place of the error to be told, and the telling.

    An unknown key comes first: where it was meant for another, that one is missing, too.
    """
    errors = error.errors(include_url=False, include_context=False)
    found = min(errors, key=lambda e: e["type"] != "extra_forbidden")
    place: Place = found["loc"]
    if found["type"] == "extra_forbidden":
        return place, f"{spelled(place)}: unknown key; {hint(place)}"
    known, kind = locate(place)
    if found["type"] == "missing":
        return known, f"{spelled(known)}: missing; expected {expected(kind)}"
    return known, f"{spelled(known)}: expected {expected(kind)}, got {_shown(found['input'])}"


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, bool):
        return str(value).lower()
    return (repr(value) if isinstance(value, str) else str(value))[:LONGEST_VALUE]
