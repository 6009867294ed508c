"""From files, environment and flags to `Settings`, or to one line that says what is wrong.

    flags, --set  >  TRADECTL__SECTION__KEY  >  TOML file  >  defaults

Names and types are judged layer by layer (`model`), values by the Structs that they become,
and what goes together by `rules`. Without any layer there is nothing to judge, and nothing is
imported for it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from tradectl.config.places import PREFIX, variable
from tradectl.config.settings import Settings
from tradectl.domain.errors import ConfigError
from tradectl.domain.text import harmless, is_utf8

FLAGS = "command line"


class UntrustedConfig(ConfigError):
    """Somebody else could have written the file: it is looked at, and no key is sent where it says."""

    def __init__(self, why: str, settings: Settings) -> None:
        super().__init__(f"{why}; no key is read before")
        self.settings = settings


def load_settings(
    path: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    assignments: Sequence[str] = (),
    *,
    keys: bool = False,
) -> Settings:
    """The settings of a run; `overrides` has the shape of the file, `environ` is the process's own, and
    `assignments` are KEY=VALUE. Raises ConfigError, and UntrustedConfig where `keys` are to be sent by a
    file that others could have written, as they are where its mode is live.
    """
    variables = _our_variables(os.environ if environ is None else environ)
    if path is None and not overrides and not variables and not assignments:
        return Settings()
    table: dict[str, Any] = {}
    untrusted = ""
    if path is not None:
        from tradectl.config.file import parse, read_judged

        text, untrusted = read_judged(path)
        table = parse(text, path)
    settings = settings_from(table, path, overrides or {}, variables, assignments)
    if untrusted and (keys or settings.mode == "live"):
        raise UntrustedConfig(untrusted, settings)
    return settings


def settings_from(
    table: Mapping[str, Any],
    path: Path | None,
    overrides: Mapping[str, Any],
    variables: Mapping[str, str],
    assignments: Sequence[str] = (),
) -> Settings:
    """As `load_settings`, of a file that has been parsed, and of none but our own variables."""
    from tradectl.config.assignments import assign_to_strategies, parsed, with_assigned
    from tradectl.config.model import merged, read_layer
    from tradectl.config.rules import check

    assigned = parsed(assignments)
    plain = with_assigned(msgspec.to_builtins(dict(overrides), builtin_types=(Decimal,)), assigned)
    file, flags = read_layer(table, str(path)), read_layer(plain, FLAGS)
    if variables:
        from tradectl.config.variables import merge_layers

        tree = merge_layers(flags, variables, file)
    else:
        tree = merged(flags, file)
    tree = assign_to_strategies(tree, assigned)
    try:
        settings = msgspec.convert(tree, Settings)
        check(settings)
    except ConfigError as error:
        where = _origin(str(error), flags, variables) or str(path or FLAGS)
        if str(error).startswith("strategies[") and any(one.of_a_strategy for one in assigned):
            where = FLAGS
        raise ConfigError(f"{where}: {error}") from error
    return settings


def _our_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Those that begin like ours, in upper case and alphabetical order. Raises ConfigError."""
    upper = {name.upper(): text for name, text in environ.items()}
    ours = {name: upper[name] for name in sorted(upper) if name.startswith(PREFIX)}
    for name, text in ours.items():
        if not is_utf8(name + text):
            raise ConfigError(f"{harmless(name, 60)}: not UTF-8 text")
    return ours


def _origin(message: str, flags: Mapping[str, Any], variables: Mapping[str, str]) -> str | None:
    """What set the key that `message` begins with, if it was a flag or a variable."""
    section, _, key = re.split(r"[^\w.]", message, maxsplit=1)[0].partition(".")
    place = (section, key) if key else (section,)
    if section in flags and (not key or key in flags[section]):
        return FLAGS
    name = variable(place)
    return name if name in variables else None
