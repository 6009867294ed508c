"""The configuration in effect, as text."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from typing import Any

import tomli_w
from msgspec import Struct

from tradectl.config.places import is_secret
from tradectl.config.settings import Settings
from tradectl.domain.setting import Section
from tradectl.notification.address import shown

REDACTED = "(secret)"
OFF = "none"
"""TOML has no null; this word switches a limit off."""


def effective(settings: Settings) -> dict[str, Any]:
    """All of it as plain data, defaults too; decimals stay decimals, None stays None."""
    plain: dict[str, Any] = _plain("", settings)
    return plain


def describe(settings: Settings) -> str:
    """All of it as TOML, which loads back to the same settings; what looks like a secret is hidden."""
    text = tomli_w.dumps(_for_toml(effective(settings)))
    return "".join(c if c.isprintable() or c == "\n" else _escaped(c) for c in text)


def literal(value: Any) -> str:
    """`value` as TOML, on one line."""
    if isinstance(value, tuple | list):
        return "[" + ", ".join(literal(item) for item in value) + "]"
    if isinstance(value, dict):
        pairs = ", ".join(f"{key} = {literal(item)}" for key, item in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    return tomli_w.dumps({"x": _for_toml(value)}).removeprefix("x = ").rstrip("\n")


def _plain(name: str, value: Any) -> Any:
    if is_secret(name):
        return REDACTED
    if isinstance(value, Struct):
        hidden = value.addresses if isinstance(value, Section) else ()
        return {
            key: shown(getattr(value, key)) if key in hidden else _plain(key, getattr(value, key))
            for key in value.__struct_fields__
        }
    if isinstance(value, dict):
        return {key: _plain(key, item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain("", item) for item in value]
    return value


def _for_toml(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _for_toml(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_for_toml(item) for item in value]
    if isinstance(value, Decimal) and value.as_tuple().exponent == 0:
        return int(value)  # else 5 would be written as 5.0, and another fingerprint be read from it
    if isinstance(value, Enum):
        return value.value
    return OFF if value is None else value


def _escaped(character: str) -> str:
    """What a terminal would act on stands only in texts, where TOML has escapes for it."""
    return f"\\U{ord(character):08x}"
