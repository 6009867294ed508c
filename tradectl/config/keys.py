"""The keys of a configuration, as the settings' Structs have them.

A *place* is the way to a value: ("risk", "max_leverage"), or ("strategies", 0, "parameters", "fast").
People read it as `risk.max_leverage` and `strategies[0].parameters.fast`; the environment spells the
first `TRADECTL__RISK__MAX_LEVERAGE`. Everything here is found by walking the Structs, so that a new
setting is known the moment it is defined.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Literal, TypeGuard, Union, get_args, get_origin

import msgspec
from msgspec import Struct

from tradectl.config.settings import Settings
from tradectl.domain.text import harmless

Place = tuple[str | int, ...]

PREFIX = "TRADECTL__"
LISTS = ("strategies", "instruments", "exchanges")
"""Tables that there may be several of."""
LONGEST_KEY = 100

SECRETS = (
    "apikey",
    "privatekey",
    "secret",
    "secretkey",
    "password",
    "passwd",
    "passphrase",
    "token",
    "credential",
)


def is_struct(kind: Any) -> TypeGuard[type[Struct]]:
    return isinstance(kind, type) and issubclass(kind, Struct)


def is_union(kind: Any) -> bool:
    return get_origin(kind) in (Union, UnionType)


def is_secret(key: str) -> bool:
    """Whether a key of this name would hold what nobody may see: api_key, botToken, Passwords."""
    letters = "".join(filter(str.isalnum, key.lower()))
    return letters.removesuffix("s").endswith(SECRETS)


def types_of(struct: type[Struct]) -> dict[str, Any]:
    return {field.name: field.type for field in msgspec.structs.fields(struct)}


def known_keys() -> dict[str, Any]:
    """Every key that is in no list, with its type: `seed`, `risk.max_leverage`."""
    found: dict[str, Any] = {}
    for name, kind in types_of(Settings).items():
        if is_struct(kind):
            found |= {f"{name}.{key}": inner for key, inner in types_of(kind).items()}
        else:
            found[name] = kind
    return found


def is_key(place: Place) -> bool:
    """Whether `place` is a key that is in no list."""
    return ".".join(map(str, place)) in known_keys()


def is_section(place: Place) -> bool:
    return len(place) == 1 and is_struct(types_of(Settings).get(str(place[0])))


def locate(place: Place) -> tuple[Place, Any]:
    """The part of `place` that leads somewhere, and the type of what is expected there."""
    kind: Any = Settings
    for depth, step in enumerate(place):
        if is_struct(kind):
            inner = types_of(kind).get(str(step))
        elif get_origin(kind) in (tuple, dict):
            inner = get_args(kind)[0 if get_origin(kind) is tuple else 1]
        else:
            inner = None
        if inner is None:
            return place[:depth], kind
        kind = inner
    return place, kind


def spelled(place: Iterable[str | int]) -> str:
    """`place` for people; a key of a file may be any text, and is shown on one line."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    return harmless(text.removeprefix("."), LONGEST_KEY)


def variable(place: Place) -> str:
    """The environment variable that sets `place`."""
    return PREFIX + "__".join(str(step) for step in place).upper()


def hint(place: Place) -> str:
    """What to write instead of the unknown key at `place`.

    The nearest key beside it, else the same key in another section, else the nearest of all.
    """
    import difflib  # only on the way to an error message

    index = place[1] if len(place) > 1 else None
    if place[0] in LISTS and isinstance(index, str) and index.isdecimal():
        return f"what stands in a table [[{place[0]}]] can be set in the file only"
    parent, kind = locate(place[:-1])
    beside = list(types_of(kind)) if is_struct(kind) else []
    wrong = str(place[-1])
    near = difflib.get_close_matches(wrong, beside, n=1)
    if near:
        return f"did you mean {spelled((*parent, near[0]))}?"
    everywhere = [*known_keys()]
    elsewhere = [key for key in everywhere if key.rpartition(".")[2] == wrong]
    elsewhere += difflib.get_close_matches(spelled(place), everywhere, n=1)
    if elsewhere:
        return f"did you mean {elsewhere[0]}?"
    return f"expected one of {', '.join(beside or everywhere)}"


def expected(kind: Any) -> str:
    """What a value of type `kind` is called, for `expected ...`."""
    if is_union(kind):
        words = [expected(option) for option in get_args(kind) if option is not NoneType]
        off = ', or "none" for off' if NoneType in get_args(kind) else ""
        return " or ".join(dict.fromkeys(words)) + off
    if get_origin(kind) is Literal:
        return one_of(get_args(kind))
    if get_origin(kind) is tuple:
        return f"a list of {expected(get_args(kind)[0]).removeprefix('a ')}s"
    if is_struct(kind) or get_origin(kind) is dict:
        return "a table"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return one_of([member.value for member in kind])
    words_by_type = {
        bool: "true or false",
        int: "a whole number",
        float: "a number",
        Decimal: "a number below 1e15",
        str: "a text",
    }
    return words_by_type[kind]


def one_of(choices: Iterable[str]) -> str:
    return "one of " + ", ".join(f'"{choice}"' for choice in choices)
