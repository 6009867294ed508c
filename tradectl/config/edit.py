"""Changing one key of a configuration file, and nothing else in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tradectl.config.file import parse, read_text, write_text
from tradectl.config.keys import is_secret
from tradectl.config.lines import with_key
from tradectl.config.load import settings_from
from tradectl.config.model import value_of
from tradectl.config.render import literal
from tradectl.domain.errors import ConfigError


def set_key(path: Path, key: str, text: str) -> str:
    """Set `key` to what `text` spells, and say how the file has it now.

    The file is replaced only by a good configuration, and only where a single line can be changed.
    Raises ConfigError.
    """
    section, _, name = key.rpartition(".")
    if is_secret(name):
        raise ConfigError(f"{key}: secrets come from the environment only")
    value = literal(value_of(key, text))
    old = read_text(path)
    meant = _meant(parse(old, path), section, name, value)
    settings_from(meant, path, {}, {})
    new = with_key(old, section, name, value)
    if _tables(new) != meant:
        raise ConfigError(
            f"{path}: {key} stands where no single line can be changed: edit the file"
        )
    write_text(path, new)
    return f"{key} = {value}"


def _meant(table: dict[str, Any], section: str, name: str, value: str) -> dict[str, Any]:
    """`table` with the key set: what the changed file must say."""
    setting = parse(f"{name} = {value}", name)
    if not section:
        return table | setting
    inner = table.get(section)
    return table | {section: (inner if isinstance(inner, dict) else {}) | setting}


def _tables(text: str) -> dict[str, Any] | None:
    try:
        return parse(text, "")
    except ConfigError:
        return None
